"""What takes bytes of strangers: each target gives them to one reader, as a command would.

A target returns, whatever the bytes are. What it raises is a hole.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import capture_forms
import healthchecker_files
import organisations
from mailflow.analysis.change import Change
from mailflow.analysis.planned import parse_planned
from mailflow.apply.entry import ConnectorEntry
from mailflow.apply.journal import FILE, Journal
from mailflow.errors import InputError, UsageError
from mailflow.exchange import ehlo, last_error, pasted, ranges
from mailflow.exchange.connectors import parse_binding
from mailflow.plain import keeps_its_line
from mailflow.show.terminal import screen
from mailflow.simulated.writer import object_document
from mailflow.snapshot import Snapshot, from_document
from mailflow.sources import tables, wire
from mailflow.sources.doctor import read_greeting
from mailflow.sources.ehlo_replies import MARK, read_ehlo_replies, reply_to
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.exports.console import read_console
from mailflow.sources.exports.csvfile import read_csv
from mailflow.sources.exports.files import read_source
from mailflow.sources.exports.ipconfig import read_ipconfig
from mailflow.sources.exports.jsonfile import read_json
from mailflow.sources.logs.connectivity import ConnectivityLog
from mailflow.sources.logs.receive import ReceiveLog
from mailflow.sources.logs.send import SendLog
from mailflow.sources.psrp.messages import (
    ERROR,
    OUTPUT,
    STATE,
    BrokenFragmentsError,
    CmdletAnswer,
    hosts_of,
)
from mailflow.sources.row import Reading, Row
from mailflow.sources.shell import Call
from mailflow.views.findings import findings
from mailflow.views.front_door import diagnosis_of, explained_texts, told_texts
from mailflow.views.since import compared, read_since
from mailflow.views.verdict import Diagnosis

Target = Callable[[bytes], None]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")  # as a command line has it


def _judged(reading: Reading) -> None:
    with suppress(InputError):  # exports of two organizations
        screen(findings(tables.assemble(reading, origin="fuzz")), 80)


def _reader(read: Callable[[bytes], Reading]) -> Target:
    def target(data: bytes) -> None:
        with suppress(InputError):
            _judged(read(data))

    return target


def _file(data: bytes) -> None:
    """Any file, a zip for example, by its content."""
    path = _folder() / "source"
    path.write_bytes(data)
    with suppress(InputError):
        found = read_source(path)
        if found.snapshot is not None:
            from_document(found.snapshot, found.snapshot_place)
        else:
            _judged(found.reading)


def _protocol_log(data: bytes) -> None:
    """What is seen in a log is saved, and comes back."""
    log = ReceiveLog()
    log.read(data.decode("utf-8", "replace").split("\n"))
    sent = SendLog()
    sent.read(data.decode("utf-8", "replace").split("\n"))
    tried = ConnectivityLog()
    tried.read(data.decode("utf-8", "replace").split("\n"))
    org = Snapshot(observed=log.sessions(), offers=(*sent.sessions(), *tried.sessions()))
    assert from_document(org.document(), "fuzz") == org


def _snapshot(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    with suppress(InputError):
        screen(findings(from_document(document, "fuzz")), 80)


def _earlier(data: bytes) -> None:
    """The findings of an earlier run, beside those of now."""
    file = _folder() / "earlier.json"
    file.write_bytes(data)
    with suppress(InputError):
        org = organisations.healthy().snapshot()
        screen(compared(_now(), read_since(file), org, lacks=False), 80)


@cache
def _now() -> Diagnosis:
    return findings(organisations.healthy().snapshot())


def _accepted(data: bytes) -> None:
    """A file of accepted findings; what it says is shown."""
    file = _folder() / "accepted.toml"
    file.write_bytes(data)
    with suppress(InputError):
        screen(findings(organisations.article().snapshot(), accepted=str(file)), 80)


def _journal(data: bytes) -> None:
    (_folder() / FILE).write_bytes(data)
    with suppress(InputError):
        journal = Journal.load(_folder())
        json.dumps(journal.document())
        assert [(one.command, one.undo) for one in journal.connectors]
        assert [journal.line, journal.is_being_worked_on]


def _pasted(data: bytes) -> None:
    text = _text(data)
    last_error.parse(text)
    last_error.target_of(text)
    pasted.recognise(text)
    ehlo.offer(text)
    found = explained_texts(text)
    if found:
        told_texts(found, diagnosis_of(found, "fuzz"), 80)


def _ehlo(data: bytes) -> None:
    """No line of a reply breaks a line of a screen; a live reply is read like a pasted one."""
    text = data.decode("utf-8", "replace")
    found = read_ehlo_replies(text)
    banner, _, reply = data.decode("latin-1").partition("EHLO")
    found.append(reply_to(ehlo.EhloObservation(), banner, reply, done=True))
    assert all(keeps_its_line(line) for each in found for line in (each.banner, *each.lines))
    for each in found:
        ehlo.judged(each.keywords, downgraded=None, with_edge=None)


def _ranges(data: bytes) -> None:
    text = _text(data)
    with suppress(ranges.RangeError):
        block = ranges.parse_range(text)
        assert ranges.parse_range(ranges.format_range(block)) == block
    with suppress(ranges.RangeError):
        ranges.parse_address(text)
    with suppress(ValueError):
        parse_binding(text)
    with suppress(UsageError):
        parse_planned([text])


def _wire(data: bytes) -> None:
    with suppress(ValueError):
        wire.read_request(data)
    answers = wire.read_answers(data)
    for document in answers.documents.values():
        wire.reply(Call("Get-Queue"), document, "fuzz")
    wire.reply(Call("Get-Queue"), data, "fuzz")


def _psrp(data: bytes) -> None:
    """One Receive of Exchange's endpoint, and the same in two pieces."""
    for pieces in ((data,), (data[: len(data) // 2], data[len(data) // 2 :])):
        answer = CmdletAnswer(Call("Get-Queue"), "fuzz")
        with suppress(InputError, BrokenFragmentsError):
            for piece in pieces:
                answer.feed(piece)
            hosts_of(answer.reply())


def _psrp_seed() -> bytes:
    """Two rows, an error and the end, as psrpcore and the practice endpoint write them."""
    record = b'<Obj RefId="0"><MS><S N="FullyQualifiedErrorId">X,Get-Queue</S></MS></Obj>'
    state = b'<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>'
    row = object_document(Row("Get-Queue", {"Identity": "EX16A\\1", "Status": "Retry"}, ""))
    written = b""
    for number, (kind, xml) in enumerate(
        [(OUTPUT, row), (OUTPUT, row), (ERROR, record), (STATE, state)], start=1
    ):
        body = struct.pack("<iI", 1, kind) + bytes(32) + xml
        written += struct.pack(">QQBI", number, 0, 3, len(body)) + body
    return written


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="mailflow-fuzz-"))


def _greeting(data: bytes) -> None:
    read_greeting(data)


TARGETS: Mapping[str, Target] = {
    "clixml": _reader(lambda data: read_clixml([data], "fuzz")),
    "healthchecker": _reader(lambda data: read_clixml([data], "fuzz")),
    "json": _reader(lambda data: read_json(_text(data), "fuzz")),
    "csv": _reader(lambda data: read_csv(_text(data), "fuzz")),
    "console": _reader(lambda data: read_console(_text(data), "fuzz")),
    "ipconfig": _reader(lambda data: read_ipconfig(_text(data), "fuzz")),
    "file": _file,
    "receivelog": _protocol_log,
    "snapshot": _snapshot,
    "journal": _journal,
    "earlier": _earlier,
    "accepted": _accepted,
    "pasted": _pasted,
    "ehlo": _ehlo,
    "ranges": _ranges,
    "wire": _wire,
    "psrp": _psrp,
    "greeting": _greeting,
}

_RECEIVE_LOG = """\
#Software: Microsoft Exchange Server
#Log-type: SMTP Receive Protocol Log
2026-11-24T03:11:10.000Z,S\\R,08DE2B0000000002,0,10.0.0.21:25,10.0.0.11:50001,+,,
2026-11-24T03:11:10.037Z,S\\R,08DE2B0000000002,1,10.0.0.21:25,10.0.0.11:50001,>,"220 x, y",
2026-11-24T03:11:10.074Z,S\\R,08DE2B0000000002,2,10.0.0.21:25,[fe80::1]:50001,<,EHLO a.example,
2026-11-24T03:11:10.111Z,S\\R,08DE2B0000000002,3,10.0.0.21:25,10.0.0.11:50001,>,250  STARTTLS,
2026-11-24T03:11:10.148Z,S\\R,08DE2B0000000002,4,10.0.0.21:25,10.0.0.11:50001,-,,Local
"""

_FORMS = {"clixml": "clixml", "json": "json", "csv": "csv", "console": "list"}
_TEXTS = (
    (
        b"451 4.4.0 Primary target IP address responded with: 451 5.7.3 Cannot achieve Exchange "
        b"Server authentication. Attempted failover to alternate host, but that did not succeed."
    ),
    (
        b"[{LED=441 4.4.1 Error encountered while communicating with primary target IP address: "
        b"Failed to connect. Winsock error code: 10061};{MSG=};{FQDN=ex16a.contoso.com};"
        b"{IP=10.0.0.21}]"
    ),
    b"250-ex16a.contoso.com Hello [10.0.0.11]\r\n250-SIZE\r\n250-X-ANONYMOUSTLS\r\n250 XRDST",
    b"2026-11-24T13:59:02.1Z,EX16A\\Relay,08DC,1,10.0.0.21:25,10.0.0.11:4711,>,220 ready,",
)


_SESSION = (
    b"220 ex16a.contoso.com Microsoft ESMTP MAIL Service ready at Mon, 30 Nov 2026 12:00:00 +0100"
    b"\r\nEHLO ex10a.contoso.com\r\n" + _TEXTS[2] + b"\r\nQUIT\r\n"
)
_WRITTEN: Mapping[str, tuple[bytes, ...]] = {
    "ehlo": (_SESSION, f"{MARK}\n# sender: EX10A\n# ended: done\nS: ".encode() + _SESSION),
    "ranges": (b"10.0.0.1-10.0.0.9", b"10.0.0.0/24", b"fe80::1%3/64", b"0.0.0.0:25", b"[::]:25"),
    "receivelog": (_RECEIVE_LOG.encode(),),
    "greeting": (
        (
            b"HTTP/1.1 405 No\r\nServer: Microsoft-HTTPAPI/2.0\r\n"
            b"WWW-Authenticate: Negotiate\r\n"
            b"Date: Tue, 24 Nov 2026 13:59:02 GMT\r\n\r\n"
        ),
    ),
    "ipconfig": (
        (
            b"Ethernet adapter LAN:\r\n\r\n   IPv4 Address. . . . : 10.0.0.21(Preferred)\r\n"
            b"   Subnet Mask . . . . : 255.255.255.0\r\n   DNS Servers . . . . : 10.0.0.1\r\n"
        ),
    ),
    "pasted": _TEXTS,
    "accepted": (
        (
            b"[[accepted]]\ncause = 'custom-connector-shadows-default'\nserver = 'EX16A'\n"
            b"connector = 'EX16A\\Relay'\nreason = 'known'\nuntil = 2027-01-31\n"
        ),
    ),
}
"""Examples that are written here."""


@cache
def seeds(name: str) -> tuple[bytes, ...]:
    """Good examples of what a target reads."""
    folder = _folder() / f"seeds-{name}"
    folder.mkdir(exist_ok=True)
    org = organisations.article()
    if name in _WRITTEN:
        return _WRITTEN[name]
    if name in _FORMS:
        capture_forms.write(org.reading(), folder, _FORMS[name])  # type: ignore[arg-type]
        return tuple(path.read_bytes() for path in sorted(folder.iterdir()))
    if name == "healthchecker":
        return (healthchecker_files.saved("EX16A", healthchecker_files.outputs("EX16A")),)
    if name == "file":
        return (*_WRITTEN["receivelog"], *(data for form in _FORMS for data in seeds(form)))
    if name == "snapshot":
        org.snapshot().save(folder / name)
        return ((folder / name).read_bytes(),)
    if name == "journal":
        return (_journal_seed(),)
    if name == "earlier":
        return (json.dumps(findings(org.snapshot()).as_json()).encode(),)
    if name == "psrp":
        return (_psrp_seed(),)
    documents = [wire.frame(number, data) for number, data in enumerate(seeds("clixml"))]
    request = wire.request("'script'\n", wire.CallSettings(), [Call("Get-Queue", {"Server": "A"})])
    return (b"".join(documents) + wire.closing(len(documents) - 1), request)


def _journal_seed() -> bytes:
    folder = _folder() / "journal"
    folder.mkdir(exist_ok=True)
    block = (ranges.parse_range("10.0.0.1"), ranges.parse_range("10.0.5.0/24"))
    entry = ConnectorEntry(
        "EX16A\\Relay", "EX16A", (Change("EX16A\\Relay", "RemoteIPRanges", block, block[1:]),)
    )
    now = datetime(2026, 11, 24, tzinfo=UTC)
    made = Journal.begin(folder, "winrm://ex16a.contoso.com", [], ["EX10A\\1187"], now=now)
    made.connectors = [entry]
    made.keep()
    return made.file.read_bytes()
