"""Receive logs counted by a slow and obvious reader, and random logs for it.

The reader knows nothing of DuckDB or of parts: it takes every row of all files into one dictionary,
by connector, session and number, and walks through each session.
"""

from __future__ import annotations

import csv
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

FIELDS = (
    "date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data"
    ",context"
)
ACCEPTED = ("contoso.example", "*.fabrikam.example")
_NUMBERS = re.compile(r"\d{1,9}", re.ASCII)
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?", re.ASCII)


@dataclass
class Counted:
    """What the slow reader says of a client."""

    sessions: int = 0
    messages: int = 0
    tls: int = 0
    authenticated: int = 0
    exchange: int = 0
    inside: int = 0
    outside: int = 0
    untold: int = 0
    first: str = "9"
    last: str = ""
    names: set[str] = field(default_factory=set)
    ended: Counter[str] = field(default_factory=Counter)
    hours: dict[str, list[int]] = field(default_factory=dict)


def slow_count(files: list[Path]) -> dict[tuple[str, str, bool], Counted]:
    """Connector, client and whether it is known by the Hub alone, to what was counted."""
    sessions: dict[tuple[str, str], dict[int, list[str]]] = {}
    for file in files:
        for row in rows_in(file):
            if "\\" in row[1]:
                sessions.setdefault((row[1], row[2]), {}).setdefault(int(row[3]), row)
    told = {key: [rows[number] for number in sorted(rows)] for key, rows in sessions.items()}
    fronts = {
        (key[1].upper(), host_of(rows[0][5]))
        for key, rows in told.items()
        if not proxied(rows) and not rows[0][4].endswith(":2525")
    }
    found: dict[tuple[str, str, bool], Counted] = {}
    for (connector, _), rows in told.items():
        by_proxy = proxied(rows)
        if by_proxy in fronts or (not by_proxy and rows[0][4].endswith(":2525")):
            continue
        client = by_proxy[1] if by_proxy else host_of(rows[0][5])
        add(found.setdefault((connector, client, bool(by_proxy)), Counted()), rows)
    return found


def host_of(endpoint: str) -> str:
    """The address of an endpoint, in its usual notation."""
    return str(ip_address(endpoint.rpartition(":")[0].strip("[]")))


def proxied(rows: list[list[str]]) -> tuple[str, str] | None:
    """Session and true client that XPROXYFROM names (S7.25)."""
    for row in rows:
        found = re.search(r"\sSID=(\w+) IP=(\S+)", row[7])
        if row[6] == "<" and row[7].startswith("XPROXYFROM") and found:
            return found[1].upper(), str(ip_address(found[2]))
    return None


def add(counted: Counted, rows: list[list[str]]) -> None:
    """Count one session, row by row."""
    times = [row[0][:19] for row in rows]
    counted.sessions += 1
    counted.first, counted.last = min(counted.first, *times), max(counted.last, *times)
    counted.hours.setdefault(min(times)[:13], [0, 0])[0] += 1
    events = [(row[6], row[7], row[8]) for row in rows]
    counted.tls += any(e == "*" and c.startswith("TLS protocol") for e, _, c in events)
    counted.authenticated += any(e == "*" and c == "authenticated" for e, _, c in events)
    counted.exchange += any(e == "<" and d.startswith("X-EXPS") for e, d, _ in events)
    ends = [c for e, _, c in events if e == "-"]
    counted.ended[ends[-1] if ends else "open"] += 1
    hellos = [d.split()[1] for e, d, _ in events if e == "<" and d.startswith("EHLO ")]
    counted.names.update(name for name in hellos[:1] if "@" not in name)
    messages = 0
    waits = False
    for row in rows:
        event, data = row[6], row[7]
        is_last = event == "<" and data.startswith("BDAT") and data.endswith("LAST")
        if is_last or (event == ">" and data.startswith("354")):
            waits = True
        elif event == ">" and data[:1] in "245" and not data.startswith(("250 2.1.", "250-")):
            if waits and data.startswith("250 "):
                messages += 1
                counted.hours.setdefault(row[0][:13], [0, 0])[1] += 1
            waits = False
    counted.messages += messages
    domains = [d.rpartition("@")[2].split(">")[0] for e, d, _ in events if d.startswith("RCPT")]
    taken = sum(e == ">" and d.startswith("250 2.1.5") for e, d, _ in events)
    if messages and taken == len(domains):
        inside = sum(d == "contoso.example" or d.endswith("fabrikam.example") for d in domains)
        counted.inside += inside
        counted.outside += taken - inside
    elif messages:
        counted.untold += taken


def rows_in(file: Path) -> list[list[str]]:
    """The whole rows of a file, each in the usual order of columns; no other line."""
    data = file.read_bytes()
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = data.decode("utf-16" if is_wide else "utf-8-sig", "replace")
    names = FIELDS.split(",")
    found = []
    for line in text.split("\n"):
        bare = line.rstrip("\r")
        if bare.startswith("#Fields: "):
            names = bare.removeprefix("#Fields: ").split(",")
        if not bare or bare[0] == "#":
            continue
        try:
            cells = next(csv.reader([bare], strict=True))
        except (csv.Error, StopIteration):
            continue
        if len(cells) == len(names) and set(names) == set(FIELDS.split(",")):
            row = [cells[names.index(name)] for name in FIELDS.split(",")]
            whole = _TIMES.fullmatch(row[0]) and _NUMBERS.fullmatch(row[3])
            if whole and re.fullmatch("[0-9A-F]{16}", row[2]) and row[6] in "+-*<>":
                found.append(row)
    return found


HEADER = [
    "#Software: Microsoft Exchange Server",
    "#Version: 15.0.0.0",
    "#Log-type: SMTP Receive Protocol Log",
    "#Date: 2026-11-24T03:11:10.000Z",
    f"#Fields: {FIELDS}",
]
CANARY = "canary-7f3a"
"""Stands in every address, subject and message id of these logs, and in nothing that is kept."""
_DOMAINS = ("contoso.example", "mail.fabrikam.example", "fabrikam.example", "elsewhere.example")
_CLIENTS = ("10.0.0.11", "10.0.0.12", "2001:db8::7", "192.0.2.200")
_ENDS = ("Local", "Remote", "Remote(ConnectionReset)", "Remote(SocketError)")


def random_logs(folder: Path, seed: int, *, damage: bool = True) -> list[Path]:
    """Write hostile logs of a server's two services; returns the files.

    A session's rows are cut at any place between files; whole files stand there twice, or once
    more as they were before they grew.
    """
    source = random.Random(seed)  # noqa: S311 - not for secrets
    begin = datetime(2026, 12, 31, 20, 30, tzinfo=UTC) + timedelta(minutes=source.randrange(240))
    sessions = [_session(source, number, begin) for number in range(source.randrange(1, 12))]
    hubs = [_hub(source, rows, number) for number, rows in enumerate(sessions)]
    files: list[Path] = []
    for service, group in (("FrontEnd", sessions), ("Hub", [rows for rows in hubs if rows])):
        rows = sorted((row for rows in group for row in rows), key=lambda row: row[0])
        cuts = sorted(source.randrange(len(rows) + 1) for _ in range(source.randrange(4)))
        edges = [0, *cuts, len(rows)]
        for number, (first, last) in enumerate(pairwise(edges)):
            place = folder / service
            place.mkdir(parents=True, exist_ok=True)
            files += _written(source, place / f"RECV[{number}].LOG", rows[first:last], damage)
    return files


def _written(source: random.Random, file: Path, rows: list[list[str]], damage: bool) -> list[Path]:
    """One file, and perhaps the same again under another name."""
    names = FIELDS.split(",")
    header = list(HEADER)
    if source.random() < 0.2:
        source.shuffle(names)
        header[-1] = f"#Fields: {','.join(names)}"
    lines = list(header)
    for row in rows:
        told = dict(zip(FIELDS.split(","), row, strict=True))
        lines.append(",".join(_quoted(told[name]) for name in names))
        if source.random() < 0.05:
            lines += header
    again = source.choice(("", "", "same", "earlier"))
    data = [line.encode() for line in lines]
    if damage and not again:
        data = _damaged(source, data)
    end = source.choice((b"\n", b"\r\n"))
    text = end.join(data) + end
    if source.random() < 0.5:
        text = b"\xef\xbb\xbf" + text
    elif source.random() < 0.2:
        text = text.decode("utf-8", "replace").encode("utf-16")
    file.write_bytes(text)
    if not again:
        return [file]
    copy = file.with_name(f"copy-of-{file.name}")
    if again == "earlier" and text[:2] != b"\xff\xfe":
        lines_then = text.split(end)[: source.randrange(len(HEADER), len(data) + 1)]
        text = end.join(lines_then) + end
    copy.write_bytes(text)
    return [file, copy]


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text


def _damaged(source: random.Random, lines: list[bytes]) -> list[bytes]:
    """Some rows cut, never closed, not UTF-8, or no rows at all."""
    out = []
    for place, line in enumerate(lines):
        kind = source.choice(("cut", "open", "bytes", "none", "blank", "tail", "zero"))
        if place < len(HEADER) or source.random() > 0.04:
            out.append(line)
        elif kind == "cut":
            out.append(line[: source.randrange(len(line))])
        elif kind == "open":
            out.append(line.rstrip(b",") + b',"never closed, ')
        elif kind == "bytes":
            out += [line, b"\xff\xfe\xc3"]
        elif kind == "none":
            out += [line, b'see you on Monday, said a@b, and "left"']
        elif kind == "tail":
            out += [b'2026-11-24T03:11:10.000Z,a,"b"c', line]
        elif kind == "zero":
            out += [line, b"\0\0\0\0"]
        else:
            out += [line, b"", line[:0]]
    return out


def _session(source: random.Random, number: int, begin: datetime) -> list[list[str]]:
    """The rows of one Front End session: what a client says, and what it is answered."""
    client = source.choice(_CLIENTS)
    remote = f"[{client}]" if ":" in client else client
    name = source.choice(("Relay", "Default Frontend EX16A", "Größe, alt"))
    said: list[tuple[str, str, str]] = [
        ("+", "", ""),
        (">", "220 EX16A.contoso.example Microsoft ESMTP MAIL Service ready, at last", ""),
        ("<", f"EHLO {source.choice(('host.contoso.example', f'{CANARY}@x.example'))}", ""),
        (">", "250  EX16A.contoso.example Hello SIZE AUTH", ""),
    ]
    if source.random() < 0.3:
        said += [("*", "", 'TLS protocol SP_PROT_TLS1_2_SERVER "negotiation", it succeeded')]
    if source.random() < 0.3:
        said += [
            ("<", "X-EXPS EXCHANGEAUTH SHA256 ", ""),
            ("*", rf"CONTOSO\{CANARY}$", "authenticated"),
            (">", "235 <authentication response>", ""),
        ]
    for _ in range(source.randrange(4)):
        said += _message(source)
    if source.random() < 0.8:
        said += [("<", "QUIT", ""), (">", "221 2.0.0 Service closing", "")]
        said += [("-", "", source.choice(_ENDS))]
    moment = begin + timedelta(seconds=source.randrange(9000))
    rows = []
    for place, (event, data, context) in enumerate(said):
        moment += timedelta(milliseconds=source.randrange(1, 400_000 if number % 3 == 0 else 900))
        rows.append(
            [
                *(moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z", rf"EX16A\{name}"),
                *(f"08DE2B{number:010X}", str(place), "10.0.0.21:25", f"{remote}:{50000 + number}"),
                *(event, data, context),
            ]
        )
    return rows


def _message(source: random.Random) -> list[tuple[str, str, str]]:
    domains = [source.choice(_DOMAINS) for _ in range(source.randrange(1, 4))]
    said = [("<", f"MAIL FROM:<{CANARY}@contoso.example> SIZE=1", ""), ("*", "08DE;1", "receiving")]
    said += [("<", f"RCPT TO:<{CANARY}@{domain}> NOTIFY=NEVER", "") for domain in domains]
    said += [(">", "250 2.1.0 Sender OK", "")]
    refused = source.random() < 0.2
    said += [(">", "250 2.1.5 Recipient OK", "") for _ in domains[refused:]]
    if refused:
        said += [(">", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", "")]
    if source.random() < 0.7:
        said += [("<", "DATA", ""), (">", "354 Start mail input; end with <CRLF>.<CRLF>", "")]
    else:
        said += [("<", "BDAT 100", ""), (">", "250 2.6.0 CHUNK received OK, 100 octets", "")]
        said += [("<", "BDAT 20 LAST", "")]
    said += [("*", "", f"Message-Id <{CANARY}@mid>, Subject: {CANARY}")]
    taken = f"250 2.6.0 <{CANARY}@mid> [InternalId=1, Hostname=x] Queued mail for delivery"
    reply = source.choice((taken, taken, "451 4.7.0 Temporary server error", "250-later", ""))
    return [*said, (">", reply, "")] if reply else said


def _hub(source: random.Random, front: list[list[str]], number: int) -> list[list[str]]:
    """The Hub session behind a Front End session, if it has one; sometimes of an unlogged one."""
    if source.random() < 0.5:
        return []
    sid = front[0][2] if source.random() < 0.7 else f"08DE2BFF{number:08X}"
    client = host_of(front[0][5])
    own = f"08DE2C{number:010X}"
    said = [("+", "", ""), ("<", "EHLO EX16A.contoso.example", "")]
    if source.random() < 0.8:
        said += [
            ("<", f"XPROXYFROM SID={sid} IP={client} PORT=5 DOMAIN=h.example SEQNUM=1 PERMS=1", ""),
            (">", "250 XProxyFrom accepted", ""),
        ]
    said += _message(source)
    place = (r"EX16A\Default EX16A", own)
    ends = ("10.0.0.21:2525", "10.0.0.21:41500")
    return [[front[-1][0], *place, str(at), *ends, *cells] for at, cells in enumerate(said)]
