"""Organizations with hostile text in every field, and what becomes of the commands printed of them.

A command that is printed is pasted. So all of them are run in a real PowerShell, where each cmdlet
is a stand-in that writes down what it was given.
"""

from __future__ import annotations

import base64
import json
import random
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mailflow.errors import InputError
from mailflow.exchange import commands
from mailflow.exchange.last_error import parse
from mailflow.snapshot import Right, Snapshot, Unread, from_document
from mailflow.sources.row import Reading
from mailflow.sources.tables import assemble
from organisations import E2019, STUCK, STUCK_2016, Organisation, article, healthy
from support import needs_powershell

MARK = "PWNED"
"""A function of this name is there; whatever calls it was smuggled in."""

PAYLOADS = (
    "$(PWNED)",
    "$PWNED",
    '"; PWNED; "',
    "'; PWNED; '",
    "\u201d; PWNED; \u201c",
    "\u2019; PWNED; \u2018",
    '`"; PWNED; `"',
    "`$(PWNED)",
    "a | PWNED",
    "a & PWNED",
    "{target} {queue} PWNED",
    "<target> PWNED",
    "-Force PWNED",
    "@(PWNED)",
    "# PWNED",
    "x\n\nREPAIR        PWNED",
    "x\r\nPWNED",
    "x\u2028PWNED",
    "x\x85PWNED",
    "x\x1b[2JPWNED",
    "x\u202ePWNED",
    "x\ue000PWNED",
    "x\u00a0PWNED",
    "<script>PWNED()</script>",
    "<img src=x onerror=PWNED()>",
    '"><svg onload=PWNED()>',
    "</title></style></pre><script>PWNED()",
    "<!-- PWNED",
    "{{ PWNED }}",
    "&lt;script&gt;PWNED()&lt;/script&gt;",
    "[x](javascript:PWNED())",
    r"\input{PWNED}",
    "=cmd|' /c PWNED'!A0",
    "%PWNED%",
    "PWNED,<IP address>",
    "PWNED: Get-Queue",
    "x\nFORGED: PWNED",
    "x\r\n\r\nFORGED: PWNED",
)

LABELS = re.compile(
    r"^(REPAIR|ROLLBACK|NEXT STEPS|STUCK|CAUSE FOUND|ISSUES FOUND|MISSING DATA|NO FAULT FOUND|"
    r"INCONCLUSIVE)\b",
    re.MULTILINE,
)
_FORGED = re.compile(r"\s*(?:(?:-|\d+\.)\s+)?(?:FORGED:|(?:REPAIR|PWNED)\s+PWNED)")
_FORGED_CELL = re.compile(r"\s*FORGED:")  # beside each other two cells may begin with such a word


def forged_lines(text: str, *, is_table: bool = False) -> list[str]:
    """The lines of a text that foreign text began, or that hold characters nobody sees.

    All of it where one of our labels is doubled.
    """
    labels = LABELS.findall(text)
    if len(labels) != len(set(labels)):
        return [text]
    begun = _FORGED_CELL if is_table else _FORGED
    return [
        line
        for line in text.split("\n")
        if begun.match(line) or not line.replace("\u00a0", " ").isprintable()
    ]


@dataclass(frozen=True)
class Hostile:
    """An organization with hostile text, and the names that its commands may hold.

    Attributes:
        org: as mailflow reads it.
        names: identities and names of the objects that are really there.
    """

    org: Snapshot
    names: frozenset[str]


def hostile(number: int) -> Hostile:
    """One of them; the same number gives the same one."""
    rng = random.Random(f"hostile text {number}")  # noqa: S311 - test data
    return _read(_made(rng), rng)


def many(number: int) -> Hostile:
    """The same with many servers, several of which have a connector of a hostile name."""
    rng = random.Random(f"many hostile servers {number}")  # noqa: S311 - test data
    org = _made(rng)
    for place in range(rng.randrange(8, 16)):
        name, host = f"EX19{place:02}", f"10.0.0.{100 + place}"
        org.add_server(name, E2019, host)
        if rng.random() < 0.5:
            ranges = rng.choice(("10.0.0.0/24", "10.0.0.11", host, "10.0.6.0/24"))
            org.add_relay(name, ranges, name=rng.choice(PAYLOADS))
        if rng.random() < 0.3:
            org.add_queue(name, 3, name=str(place), error=STUCK, to=rng.choice(PAYLOADS))
    return _read(org, rng)


def stored(number: int) -> Hostile | str:
    """As a snapshot that a stranger saved, whose names nothing has looked at; or why it is none."""
    rng = random.Random(f"hostile snapshot {number}")  # noqa: S311 - test data
    org = _made(rng).snapshot(rng.choice(PAYLOADS))
    told = rng.choice(PAYLOADS), rng.choice(PAYLOADS)
    org = replace(
        org,
        rights=tuple(_rights_of(org, rng)) if rng.random() < 0.3 else (),
        unread=(Unread(rng.choice(("", "EX10A", *PAYLOADS)), *told),) if rng.random() < 0.3 else (),
        ignored=(told,) if rng.random() < 0.3 else (),
    )
    try:
        org = from_document(json.loads(json.dumps(org.document())), "a.snapshot")
    except InputError as error:
        return str(error)
    return Hostile(org, frozenset(_names(org)))


Door = Callable[[int], Hostile | str]
DOORS: dict[str, Door] = {"exports": hostile, "snapshot": stored, "many": many}
"""How a stranger's organization comes in: as exports, as a saved snapshot, with many servers."""


def named(text: str) -> Hostile:
    """The article's case as a stranger saved it: servers and connectors called like this text."""
    org = article()
    names = {one.name: f"{text} {place}" for place, one in enumerate(org.servers)}
    org.servers = [replace(one, name=names[one.name], site=text) for one in org.servers]
    for table in ("addresses", "connectors", "queues", "settings"):
        rows = [replace(one, server=names[one.server]) for one in getattr(org, table)]
        setattr(org, table, rows)
    org.connectors = [
        replace(one, name=f"{text} {one.name}", comment=text, fqdn=text) for one in org.connectors
    ]
    org.queues = [
        replace(one, identity=f"{one.server}\\{one.identity.partition(chr(92))[2]}")
        for one in org.queues
    ]
    read = from_document(json.loads(json.dumps(org.snapshot().document())), "a.snapshot")
    return Hostile(read, frozenset(_names(read)))


def _made(rng: random.Random) -> Organisation:
    org = rng.choice(
        (article, article, _custom, _custom, _waiting, _rights, _silent, _bare, _tied)
    )()
    # One name at fault leaves most of the commands there; the more is hostile, the less is printed.
    _at_fault(org, rng, rng.choice(PAYLOADS))
    for _ in range(rng.choice((0, 0, 0, 0, 1))):
        rng.choice(_PLACES)(org, rng, rng.choice(PAYLOADS))
    return org


def _read(org: Organisation, rng: random.Random) -> Hostile:
    reading = org.reading()
    for _ in range(rng.choice((0, 0, 0, 0, 1))):
        _anywhere(reading, rng)
    read = assemble(reading, origin="exports")
    read = replace(read, rights=tuple(_rights_of(read, rng)) if rng.random() < 0.3 else read.rights)
    return Hostile(read, frozenset(_names(read)))


def _names(org: Snapshot) -> Iterator[str]:
    yield org.origin  # as the user typed it, or as a snapshot says
    for server in org.servers:
        yield from (server.name, server.fqdn)
    for connector in org.connectors:
        yield from (connector.server, connector.name, connector.identity, connector.fqdn)
    for queue in org.queues:
        yield from (queue.server, queue.identity)
        error = parse(queue.last_error or "")
        yield from filter(None, (error.fqdn, error.ip))


def _waiting() -> Organisation:
    org = healthy().add_queue("EX10A", 5200, name="7", status="Suspended")
    org.add_queue("EX10B", 3, name="8", error="452 4.3.1 Insufficient system resources")
    org.add_queue("EX16A", 4, name="9", error="454 4.7.0 Temporary authentication failure")
    return org.add_queue("EX10A", 2, name="10", error=STUCK, to="EX16B")


def _rights() -> Organisation:
    return healthy().change(r"EX16A\Default Frontend EX16A", groups="ExchangeServers, Custom")


def _silent() -> Organisation:
    org = healthy().change(r"EX16A\Default Frontend EX16A", ranges="10.0.0.0/28")
    return org.change(r"EX16B\Default EX16B", groups="AnonymousUsers")


def _bare() -> Organisation:
    """One connector that lacks both, one that is disabled, one whose Fqdn is refused."""
    org = healthy().change(r"EX16A\Default Frontend EX16A", auth="Tls", groups="AnonymousUsers")
    org.change(r"EX16B\Default Frontend EX16B", enabled=False)
    return org.change(r"EX10B\Default EX10B", auth="Tls", fqdn="mail.example.com")


def _tied() -> Organisation:
    return article().add_relay("EX16B", "0.0.0.0/0", name="Internet", groups="AnonymousUsers")


def _rights_of(org: Snapshot, rng: random.Random) -> Iterator[Right]:
    for one in rng.sample(org.connectors, min(3, len(org.connectors))):
        user = f"CONTOSO\\{rng.choice(PAYLOADS)}"
        yield Right(one.server, one.name, user, "ms-Exch-SMTP-Submit", deny=rng.random() < 0.5)


def _custom() -> Organisation:
    """Custom connectors with a fault each: disabled neighbours, both roles, a split list."""
    org = healthy().add_relay("EX16A", "10.0.0.8/29", "10.0.9.1", name="Split")
    org.add_relay("EX16B", "10.0.0.12", name="Only")
    org.add_relay(
        "EX16B", "10.0.0.21", "10.0.7.1", name="Hub", bindings="0.0.0.0:2525", role="HubTransport"
    )
    org.add_queue("EX10A", 12, name="7", error=STUCK, status="Retry")
    return org.add_queue("EX10B", 3, name="8", error=STUCK, status="Retry")


_FAULTY = ("Relay", "Internet", "Split", "Only", "Hub")
"""Custom connectors: without one of setup's the export counts as not whole, and has no command."""


def _at_fault(org: Organisation, rng: random.Random, text: str) -> None:
    """A connector that is at fault, or a queue that is stuck, gets a hostile name."""
    mine = [place for place, one in enumerate(org.connectors) if one.name in _FAULTY]
    if rng.random() < 0.3 or not mine:
        _of_queue(org, rng, text)
        return
    place = rng.choice(mine)
    org.connectors[place] = replace(org.connectors[place], name=text)


def _renamed(org: Organisation, rng: random.Random, text: str) -> None:
    place = rng.randrange(len(org.connectors))
    org.connectors[place] = replace(org.connectors[place], name=text)


def _of_connector(org: Organisation, rng: random.Random, text: str) -> None:
    place = rng.randrange(len(org.connectors))
    field = rng.choice(("fqdn", "comment"))
    org.connectors[place] = replace(org.connectors[place], **{field: text})


def _of_queue(org: Organisation, rng: random.Random, text: str) -> None:
    if not org.queues:
        return
    place = rng.randrange(len(org.queues))
    queue = org.queues[place]
    values = rng.choice(
        (
            {"identity": f"{queue.server}\\{text}"},
            {"identity": f"{text}\\7", "server": text},
            {"next_hop_domain": text},
            {"last_error": text},
            {"last_error": f"451 4.4.0 {text}", "status": "Retry", "message_count": 7},
            {
                "last_error": STUCK_2016.format(fqdn=text, ip=text),
                "status": "Retry",
                "message_count": 7,
            },
            {"status": text},
            {"delivery_type": text},
        )
    )
    org.queues[place] = replace(queue, **values)


def _of_server(org: Organisation, rng: random.Random, text: str) -> None:
    place = rng.randrange(len(org.servers))
    field = rng.choice(("fqdn", "site"))
    org.servers[place] = replace(org.servers[place], **{field: text})


def _server(org: Organisation, rng: random.Random, text: str) -> None:
    name = rng.choice(org.servers).name
    for table in ("servers", "addresses", "connectors", "queues", "settings"):
        setattr(
            org,
            table,
            [
                replace(one, **{"name" if table == "servers" else "server": text})
                if (one.name if table == "servers" else one.server) == name
                else one
                for one in getattr(org, table)
            ],
        )


_PLACES = (_renamed, _renamed, _of_connector, _of_queue, _of_queue, _of_server, _server)


def _anywhere(reading: Reading, rng: random.Random) -> None:
    """A value of any row, or what stands around it."""
    place = rng.randrange(len(reading.rows))
    row, text = reading.rows[place], rng.choice(PAYLOADS)
    if rng.random() < 0.3:
        field = rng.choice(("place", "computer", "named_server", "command"))
        reading.rows[place] = replace(row, **{field: text})
        return
    name = rng.choice(list(row.values))
    reading.rows[place] = replace(row, values={**row.values, name: text})


# -- What is printed -------------------------------------------------------------------------------

_COMMANDS = ("command", "commands", "undo", "repair", "rollback", "whatif")
_BEGINS = re.compile(r"\s*(?:\$|[A-Z][A-Za-z]+-[A-Z]|&)")


def lines_of(document: object, *, is_command: bool = False, by_key: bool = False) -> Iterator[str]:
    """Every line of a document of findings that somebody may paste.

    Args:
        document: parsed JSON.
        is_command: whether it stands behind a key of commands.
        by_key: only what does; else also what looks like one.
    """
    if isinstance(document, Mapping):
        for key, value in document.items():
            if key not in ("mail_flow", "servers_left"):  # names alone, which nobody pastes
                yield from lines_of(value, is_command=key in _COMMANDS, by_key=by_key)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from lines_of(value, is_command=is_command, by_key=by_key)
    elif isinstance(document, str) and (is_command or not by_key):
        for line in document.split("\n"):
            command = line if is_command or _BEGINS.match(line) else commands.split(line)[1]
            if command:
                yield command


SCRIPT = r"""
$ErrorActionPreference = 'Stop'
$lines = Get-Content -Raw -LiteralPath '{lines}' | ConvertFrom-Json
$global:log = New-Object System.Collections.Generic.List[object]
$body = {{
    $null = $input
    $given = @(foreach ($one in $args) {{ foreach ($part in $one) {{ [string]$part }} }})
    $name = $MyInvocation.MyCommand.Name
    $global:log.Add(@{{ line = $global:number; name = $name; given = $given }})
}}
foreach ($name in '{names}'.Split(' ')) {{ Set-Item -Path "function:global:$name" -Value $body }}
$faults = New-Object System.Collections.Generic.List[object]
for ($global:number = 0; $global:number -lt $lines.Count; $global:number++) {{
    try {{ $null = & ([scriptblock]::Create($lines[$global:number])) }}
    catch {{ $faults.Add(@{{ line = $global:number; text = [string]$_ }}) }}
}}
@{{ log = $global:log; faults = $faults }} | ConvertTo-Json -Depth 5 -Compress |
    Set-Content -Encoding utf8 -LiteralPath '{out}'
"""

_TOOLS = ("mailflow", "findstr", "netstat", "nltest", "nslookup", "setspn", "w32tm", "telnet", MARK)
_CMDLET = re.compile(r"[A-Z][A-Za-z]+-[A-Z][A-Za-z]+")
_OWN = {"New-Object", "Set-Item", "Set-Content", "ConvertTo-Json"}


@dataclass(frozen=True)
class Pasted:
    """What a PowerShell did with the lines.

    Attributes:
        calls: of each line the cmdlets it called, with the texts they were given.
        faults: of each line that PowerShell refuses what it says.
    """

    calls: tuple[tuple[str, str, tuple[str, ...]], ...]
    faults: tuple[tuple[str, str], ...]


def pasted(lines: Iterable[str]) -> Pasted:
    """All lines, pasted one after the other."""
    distinct = list(dict.fromkeys(lines))
    names = {name for line in distinct for name in _CMDLET.findall(line)} - _OWN | set(_TOOLS)
    with tempfile.TemporaryDirectory() as name:
        given, out = Path(name) / "lines.json", Path(name) / "out.json"
        given.write_text(json.dumps([*distinct, "$null"]), "utf-8")
        script = SCRIPT.format(lines=given, names=" ".join(sorted(names)), out=out)
        encoded = base64.b64encode(script.encode("utf-16-le")).decode()
        subprocess.run(
            [needs_powershell(), "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded],
            check=True,
            capture_output=True,
            cwd=name,
            timeout=300,
        )
        said: dict[str, Any] = json.loads(out.read_text("utf-8-sig"))
        left = {one.name for one in Path(name).iterdir()} - {given.name, out.name}
    assert not left, left
    return Pasted(
        tuple((distinct[one["line"]], one["name"], tuple(one["given"])) for one in said["log"]),
        tuple((distinct[one["line"]], one["text"]) for one in said["faults"]),
    )


def assert_meant(lines: Mapping[str, Collection[str]]) -> None:
    """Each line, pasted, calls what it says, with the names that may stand in it.

    Args:
        lines: each with the names of the objects that are really there.
    """
    done = pasted(lines)
    assert [line for line, name, _ in done.calls if name == MARK] == []
    for line, _, given in done.calls:
        # What holds foreign text is one object's name, whole.
        assert [text for text in given if MARK in text and text not in lines[line]] == [], line
    # What PowerShell refuses is what the engineer has to fill in.
    refused = [fault for fault in done.faults if not re.search(r"<[a-z]+>", fault[0])]
    assert refused == [], refused
