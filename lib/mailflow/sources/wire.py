"""What goes over the wire to `Invoke-MailFlow.ps1`, and what comes back: bytes, no network.

    to PowerShell   the command line carries a bootstrap of a few lines; standard input carries
                    `<characters> <SHA-256>` of the script, the script, a line of settings, and a
                    line for each call
    from it         frames in whatever else stands on standard output: frame 0 says how Exchange
                    was reached, frame N answers call N, a last line says how many there are

A line is fields with a tab between them: the name, then name and value of each parameter. Names are
base64 of UTF-8. A value is a letter and what it marks: `s` text, `i` whole number, `b` True or
False (each one base64), `l` a list (base64 joined by commas), `h` a hashtable (`name:list`, joined
by semicolons), `n` nothing, which is $null.

A frame is base64 of gzip of CLIXML between two marks; length and hash show whether it came whole.
The first object in it says what became of the call (`Warnings`, `Errors`, `FaultKind` ...), the
others are what the cmdlet returned.

Both directions stand here, since the practice endpoint reads what a client writes.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailflow.budget import OF_PACKED_ANSWER, Budget
from mailflow.errors import InputError
from mailflow.sources.exports.clixml import ClixmlEntry, ClixmlReader
from mailflow.sources.row import Complex, Items, Row, Value
from mailflow.sources.shell import Argument, Call, Fault, Reply

SETTINGS = "mailflow"
"""What stands in place of a cmdlet's name in the line of settings."""

BOOTSTRAP = """\
$ErrorActionPreference = 'Stop'
$t = [string]::Join("`n", @($input))
$e = $t.IndexOf("`n")
$h = $t.Substring(0, $e).Split(' ')
$s = $t.Substring($e + 1, [int]$h[0])
$d = [Security.Cryptography.SHA256]::Create().ComputeHash([Text.Encoding]::UTF8.GetBytes($s))
if ([BitConverter]::ToString($d).Replace('-', '') -ne $h[1]) {
    [Console]::Error.WriteLine('mailflow: the script was damaged on its way')
    exit 9
}
& ([scriptblock]::Create($s)) $t.Substring($e + 1 + $s.Length).Trim().Split("`n")
"""
"""Runs the script that standard input brings, if it is whole. Short, because a command line is
(S10.40: about 3,000 characters). Both ends know it."""

PROGRAM = ("powershell.exe", "-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy")


def command_line() -> tuple[str, list[str]]:
    """Program and arguments that run `BOOTSTRAP`."""
    encoded = base64.b64encode(BOOTSTRAP.encode("utf-16-le")).decode("ascii")
    return PROGRAM[0], [*PROGRAM[1:], "Bypass", "-EncodedCommand", encoded]


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What holds for all calls of one run of the script.

    Attributes:
        way: `session` to the local server's Exchange endpoint, or `snapin` (S8.01, S8.22).
        seconds: how long one call may take there.
        user: for the session, where the sign-in itself cannot go on to it; empty: the log-on's own.
        password: with `user`. Goes as data on standard input, never into a script's text.
        writing: whether cmdlets that change something may run (`shell.WRITES`); without it the
            script refuses them.
        probing: whether these calls are probes (`shell.PROBE`); then the script enters no Exchange
            and refuses all else.
    """

    way: str = "session"
    seconds: int = 60
    user: str = ""
    password: str = field(default="", repr=False)
    writing: bool = False
    probing: bool = False


def request(script: str, settings: CallSettings, calls: Sequence[Call]) -> bytes:
    """Standard input of the bootstrap: ASCII, lines ended by a line feed.

    Raises:
        ValueError: a script that is not plain ASCII with plain line ends would not arrive as it is,
            nor would a list with an empty text in it.
    """
    if not script.isascii() or "\r" in script:
        raise ValueError("the script must be ASCII with line feeds alone")
    digest = hashlib.sha256(script.encode("ascii")).hexdigest().upper()
    own: dict[str, Argument] = {"Way": settings.way, "Seconds": settings.seconds}
    if settings.user:
        own |= {"User": settings.user, "Password": settings.password}
    if settings.writing:
        own["Writing"] = True
    if settings.probing:
        own["Probing"] = True
    lines = [f"{len(script)} {digest}", f"{script}", _line(Call(SETTINGS, own))]
    lines += [_line(call) for call in calls]
    return ("\n".join(lines) + "\n").encode("ascii")


def read_request(data: bytes) -> tuple[str, CallSettings, list[Call]]:
    """What a client sent: the script, the settings and the calls.

    Raises:
        ValueError: it is not what `request` writes, or the script's hash is another.
    """
    head, _, rest = data.decode("ascii").partition("\n")
    size, _, digest = head.partition(" ")
    script = rest[: int(size)]
    if hashlib.sha256(script.encode("ascii")).hexdigest().upper() != digest:
        raise ValueError("the script was damaged on its way")
    first, *calls = [_call(line) for line in rest[len(script) :].strip().split("\n")]
    own = first.parameters
    seconds = own.get("Seconds", 60)
    if first.cmdlet != SETTINGS or not isinstance(seconds, int):
        raise ValueError("no line of settings")
    user, password = (str(own.get(name, "")) for name in ("User", "Password"))
    way = str(own.get("Way", "session"))
    writing, probing = (own.get(name) is True for name in ("Writing", "Probing"))
    return script, CallSettings(way, seconds, user, password, writing, probing), calls


def frame(number: int, document: bytes) -> bytes:
    """One answer: `document` is CLIXML, its first object as `head_values` says."""
    body = base64.b64encode(gzip.compress(document, compresslevel=6, mtime=0))
    digest = hashlib.sha256(body).hexdigest().upper()
    head = f"#mailflow begin {number} {len(body)} {digest}#\n"
    return head.encode("ascii") + body + f"\n#mailflow end {number}#\n".encode("ascii")


def closing(count: int) -> bytes:
    """The last line: how many calls were answered."""
    return f"#mailflow done {count}#\n".encode("ascii")


def head_values(
    warnings: Sequence[str] = (), errors: Sequence[Fault] = (), fault: Fault | None = None
) -> dict[str, Value]:
    """The properties of a frame's first object, beside those of `Hello`."""
    return {
        "Warnings": Items(tuple(warnings)),
        "Errors": Items(tuple(error.message for error in errors)),
        "ErrorIds": Items(tuple(error.id for error in errors)),
        "FaultKind": fault.kind if fault else "",
        "FaultId": fault.id if fault else "",
        "Fault": fault.message if fault else "",
    }


@dataclass(frozen=True, slots=True)
class Hello:
    """Frame 0: how Exchange was reached at the far side.

    Attributes:
        way: for people: `session http://ex16a.contoso.example/PowerShell/`, `snap-in ...E2010`.
        powershell: its version, `5.1.17763.1`.
        computer: its name as it calls itself.
        fault: why Exchange was not reached; no call is answered then.
    """

    way: str = ""
    powershell: str = ""
    computer: str = ""
    fault: Fault | None = None


@dataclass(slots=True)
class Answers:
    """What came back.

    Attributes:
        hello: frame 0; None where it did not come whole.
        documents: frame number to CLIXML, still compressed; only frames that came whole.
        damaged: numbers of frames that began and did not come whole.
        ended: whether the last line came, so that nothing can be missing.
    """

    hello: Hello | None = None
    documents: dict[int, bytes] = field(default_factory=dict)
    damaged: set[int] = field(default_factory=set)
    ended: bool = False


_BEGIN = re.compile(rb"#mailflow begin (\d{1,6}) (\d{1,12}) ([0-9A-F]{64})#\r?\n")
_DONE = re.compile(rb"#mailflow done (\d{1,6})#")
_HASHED = 4
"""How often, on average, each byte of an output is hashed before the search for frames ends: in
true output once; marks that a hostile server put inside each other could take for ever."""


def budget_of(output: bytes) -> Budget:
    """What reading all answers in an output, or one of them, may cost together."""
    return Budget(len(output), OF_PACKED_ANSWER)


def read_answers(output: bytes, budget: Budget | None = None) -> Answers:
    """Find the frames in everything that came on standard output.

    The budget is that of the output (None: one of its own); each `reply` takes its part of it.
    """
    found = Answers()
    at = 0
    left = _HASHED * len(output)
    while left > 0 and (begun := _BEGIN.search(output, at)):
        number, size = int(begun[1]), int(begun[2])
        body = output[begun.end() : begun.end() + size]
        # A frame that was cut may have swallowed the next one's mark: look again behind the head.
        at = begun.end()
        left -= len(body)
        if hashlib.sha256(body).hexdigest().upper().encode("ascii") != begun[3]:
            found.damaged.add(number)
            continue
        at += size
        found.documents[number] = body
    found.damaged -= found.documents.keys()
    ending = [int(mark[1]) for mark in _DONE.finditer(output)][-1:]
    answered = {number for number in found.documents if number}
    found.ended = bool(ending) and answered == set(range(1, ending[0] + 1))
    if 0 in found.documents:
        found.hello = _hello(found.documents.pop(0), budget or budget_of(output))
    return found


def reply(call: Call, document: bytes, place: str, budget: Budget | None = None) -> Reply:
    """One whole frame as the reply to its call.

    Args:
        call: what was asked.
        document: as `Answers.documents` holds it.
        place: whose answer this is, for messages: `Get-Queue on EX10A`.
        budget: what reading all answers may cost together; None: one for this alone.
    """
    budget = budget or budget_of(document)
    held = budget.held
    head: Mapping[str, Value] = {}
    rows: list[Row] = []
    try:
        for number, entry in enumerate(_entries(document, place, budget)):
            budget.hold(entry.size, place)
            values = entry.value.properties if isinstance(entry.value, Complex) else {}
            if not number:
                head = values
                continue
            computer = values.get("PSComputerName")
            server = computer if isinstance(computer, str) else ""
            rows.append(Row(call.cmdlet, values, f"{place}, object {number}", computer=server))
    except InputError as error:
        budget.held = held  # nothing of it was kept
        return Reply(call, fault=Fault("protocol", "", str(error)))
    if "FaultKind" not in head:
        why = f"{place}: the response does not contain the result of the call"
        return Reply(call, fault=Fault("protocol", "", why))
    errors = zip(_texts(head, "ErrorIds"), _texts(head, "Errors"), strict=False)
    return Reply(
        call,
        tuple(rows),
        _texts(head, "Warnings"),
        tuple(Fault("failed", error_id, message) for error_id, message in errors),
        _fault(head),
    )


def _hello(document: bytes, budget: Budget) -> Hello | None:
    try:
        entry = next(_entries(document, "frame 0", budget), None)
    except InputError:
        return None
    first = entry.value if entry else None
    if not isinstance(first, Complex) or "FaultKind" not in first.properties:
        return None
    head = first.properties
    way, powershell, computer = (_text(head, name) for name in ("Way", "PowerShell", "Computer"))
    return Hello(way, powershell, computer, _fault(head))


def _entries(document: bytes, place: str, budget: Budget) -> Iterator[ClixmlEntry]:
    """The top-level objects of a frame; memory does not grow with what it unfolds to.

    Raises:
        InputError: it cannot be read, or would cost too much.
    """
    reader = ClixmlReader(place, budget)
    unfolded = 0
    try:
        packed = base64.b64decode(document, validate=True)
        for chunk in _unfolded(packed):
            unfolded += len(chunk)
            budget.unfolds(place, len(packed), unfolded)
            budget.unpack(len(chunk), place)
            yield from reader.feed(chunk)
        yield from reader.close()
    except (binascii.Error, zlib.error, EOFError) as error:
        raise InputError(f"{place}: the answer cannot be unpacked ({error})") from error


def _unfolded(data: bytes) -> Iterator[bytes]:
    stream = zlib.decompressobj(wbits=31)
    for begin in range(0, len(data), 2**16):
        rest = data[begin : begin + 2**16]
        while rest:
            chunk = stream.decompress(rest, 2**20)
            rest = stream.unconsumed_tail
            yield chunk
    if not stream.eof:
        raise EOFError("it ends too early")


def _fault(head: Mapping[str, Value]) -> Fault | None:
    kind = _text(head, "FaultKind")
    return Fault(kind, _text(head, "FaultId"), _text(head, "Fault")) if kind else None


def _text(head: Mapping[str, Value], name: str) -> str:
    value = head.get(name)
    return "" if value is None else str(value)


def _texts(head: Mapping[str, Value], name: str) -> tuple[str, ...]:
    value = head.get(name)
    if isinstance(value, Items):
        return tuple(str(element) for element in value.values)
    return (str(value),) if value not in (None, "") else ()


def _line(call: Call) -> str:
    fields = [_b64(call.cmdlet)]
    for name, value in call.parameters.items():
        fields += [_b64(name), _marked(value)]
    return "\t".join(fields)


def _marked(value: Argument) -> str:
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "b" + _b64(str(value))
    if isinstance(value, int):
        return "i" + _b64(str(value))
    if isinstance(value, str):
        return "s" + _b64(value)
    if isinstance(value, Mapping):
        return "h" + ";".join(f"{_b64(name)}:{_list(values)}" for name, values in value.items())
    return "l" + _list(value)


def _list(values: Sequence[str]) -> str:
    if "" in values:
        raise ValueError("an empty text in a list")
    return ",".join(map(_b64, values))


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")


def _call(line: str) -> Call:
    name, *rest = line.split("\t")
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return Call(_plain(name), {_plain(key): _argument(value) for key, value in pairs})


def _argument(field: str) -> Argument:
    mark, body = field[:1], field[1:]
    if mark == "h":
        pairs = (pair.split(":") for pair in body.split(";") if pair)
        return {_plain(name): _plain_list(values) for name, values in pairs}
    if mark == "l":
        return _plain_list(body)
    if field == "n":
        return None
    text = _plain(body)
    if mark == "i":
        return int(text)
    if mark == "b":
        return text == "True"
    if mark != "s":
        raise ValueError(f"a value is marked {mark!r}")
    return text


def _plain_list(body: str) -> tuple[str, ...]:
    return tuple(map(_plain, body.split(","))) if body else ()


def _plain(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
