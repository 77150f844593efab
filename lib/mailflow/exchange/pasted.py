"""What a pasted text is, and the part of it in which error words count (S6.18).

The kind is told first: by structure, which no language changes (S6.19), then by the headings that
Exchange and Windows write. Only the reply is ever matched with the catalogue; headers of a delivery
report, commands in a protocol log, signatures and quoted mail hold words of other causes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from mailflow.exchange import mime, shapes
from mailflow.exchange.cut_lines import join

Side = Literal["", "receive", "send"]


class Kind(Enum):
    """What a text is; the value is its name for people."""

    NOTHING = "an empty text"
    LAST_ERROR = "an error text (LastError or SMTP reply)"
    REPORT = "a delivery report (NDR)"
    EVENT = "an event of the Application log"
    PROTOCOL = "a row of an SMTP protocol log"
    CONNECTIVITY = "a row of a connectivity log"
    TRACKING = "an entry of the message tracking log"
    EHLO = "an EHLO reply"
    LIST = "a list of properties (Format-List)"
    TABLE = "a table (Format-Table)"
    QUEUE_VIEWER = "an export of the Queue Viewer"
    EXPORT = "an export"
    MAIL = "a mail"
    OTHER = "a text"


EXPORTS = frozenset({Kind.TABLE, Kind.QUEUE_VIEWER, Kind.EXPORT})
"""Kinds that `mailflow diagnose` reads."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A text by its kind.

    Attributes:
        kind: what it is.
        reply: the part whose words count; empty: it holds none.
        side: of a protocol row, whose log it is (S7.26): `receive`, of the server that was
            connected to; `send`, of the one that connected.
        spoken: of a protocol row, which way it went: `>` out of this server, `<` into it, `*` a
            remark of this server, `-` the end of the session.
        host: the server that wrote the text, where it says so.
        endpoint: of a protocol row, the far end of the connection as printed.
        event: number of the event; None: not an event, or not told.
        source: source of the event.
        is_export: whether it is, or was cut from, the output of a cmdlet that `diagnose` reads.
    """

    kind: Kind
    reply: str = ""
    side: Side = ""
    spoken: str = ""
    host: str = ""
    endpoint: str = ""
    event: int | None = None
    source: str = ""
    is_export: bool = False

    @property
    def far_end(self) -> tuple[str | None, int | None]:
        """Address and port of the far end; None for what was masked."""
        address, _, port = self.endpoint.rpartition(":")
        is_whole = re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}|\[[0-9A-Fa-f:.]{2,45}\]", address)
        number = int(port) if re.fullmatch(r"[0-9]{1,5}", port) else None
        return address.strip("[]") if is_whole else None, number


def recognise(text: str) -> Pasted:
    """The kind of a text, and the reply in it. Never fails."""
    if not text.strip():
        return Pasted(Kind.NOTHING)
    export = _export(text)
    if export:
        return Pasted(export, is_export=True)
    text = mime.readable(text)
    lines = [line.rstrip("\r") for line in text.strip("\ufeff\r\n").split("\n")]
    if len(lines) == 1:
        return _one_line(lines[0])
    bare = shapes.unquoted(lines)
    return (
        _event(bare)
        or _ehlo(bare)
        or _list(bare)
        or _report_or_mail(bare, is_quoted=bare is not lines)
        or _one_line(_wrapped([line for line in bare if line.strip()]))
    )


def _wrapped(lines: list[str]) -> str:
    """A reply that a console or an editor wrapped, in one line."""
    return join([line.strip() for line in lines], [len(line) for line in lines])


# Documents as a whole.

REPORT_BEGINS = re.compile(
    r"Delivery has failed to these recipients|Delivery is delayed to these recipients"
    r"|Fehler bei der Nachrichtenzustellung an folgende|Die Nachrichtenzustellung an folgende"
    r"|(?:É|E)chec de la remise (?:pour|à|aux)|No se pudo entregar el mensaje a"
    r"|Error de entrega a estos destinatarios|Не удалось выполнить доставку",  # noqa: RUF001
    re.IGNORECASE,
)
"""How a delivery report begins; an NDR is in the recipient's language (S6.19)."""
REPORT_DETAILS = re.compile(
    r"^\W{0,3}(?:Diagnostic information for administrators|Generating server"
    r"|Diagnoseinformationen für Administratoren|Generierender Server"
    r"|Informations de diagnostic (?:pour|à l'attention|destinées)|Serveur de génération"
    r"|Información de diagnóstico para|Servidor de generación"
    r"|Диагностические сведения для|管理者向けの診断情報|生成サーバー"
    r"|Reporting-MTA|Diagnostic-Code)\b",
    re.IGNORECASE,
)
"""The lines above what administrators need."""
_REPORT_ENDS = re.compile(
    r"\W{0,3}(?:Original message headers|Ursprüngliche Nachrichten(?:kopfzeilen|header)"
    r"|En-têtes d[eu] message d['’]origine|Encabezados de mensajes? original(?:es)?"  # noqa: RUF001
    r"|Исходные заголовки сообщения|元のメッセージ)",
    re.IGNORECASE,
)
_EVENT_SOURCE = re.compile(r"MSExchange[\w ]{0,40}|FIPFS|Microsoft-Filtering-FIPFS", re.IGNORECASE)
_EVENT_ID = re.compile(
    r"(?:event|ereignis|événement|evento|событи|イベント).{0,12}|.{0,12}(?:event|évén|событ).{0,12}"
    r"|id\b.{0,20}|eventid",
    re.IGNORECASE,
)
_COMPUTER = re.compile(
    r"Computer(?: ?name)?|Ordinateur|Equipo|Компьютер|コンピューター", re.IGNORECASE
)
_XML = re.compile(r"\s*(?:<\?xml[^>]{0,200}>\s*)?<(?:Objs|Event)\b")
_JSON = re.compile(r"\s*(?:\{\s*\"|\[\s*\{\s*\")")
_TYPE = re.compile(r"\s*\"?#TYPE ")
_FIELD = r"\"?[^\W\d][\w ./()#-]{0,60}\"?"
_CSV_HEAD = re.compile(rf"\s*{_FIELD}(?:[,;\t]{_FIELD}){{2,200}}\s*$")


def is_export(document: str) -> bool:
    """Whether a document as a whole is an export, as `mailflow diagnose` reads it."""
    return _export(document) is not None


def is_mail(document: str) -> bool:
    """Whether a document as a whole is a mail or a delivery report, which counts as one text."""
    lines = document.split("\n")
    if any(REPORT_DETAILS.search(line) or REPORT_BEGINS.search(line) for line in lines):
        return True
    if shapes.has_headers(lines):
        return True
    quoted = sum(shapes.QUOTED.match(line) is not None for line in lines)
    return quoted > 1 and not any(map(shapes.REPLY.match, lines))


def _export(text: str) -> Kind | None:
    """The form of an export; None for every other text."""
    bare = text.removeprefix("\ufeff").lstrip()
    if _TYPE.match(bare) or bare.startswith("<Objs") or _JSON.match(bare):
        return Kind.EXPORT
    if _XML.match(bare) and "<Objs" in bare[:400]:
        return Kind.EXPORT
    first, _, rest = bare.partition("\n")
    if rest.strip() and len(first) < 10_000 and _CSV_HEAD.match(first):
        names = {re.sub(r"\W", "", name).casefold() for name in re.split(r"[,;\t]", first)}
        if "nexthopdomain" in names and " " in first:
            return Kind.QUEUE_VIEWER
        if names & _EXPORTED:
            return Kind.EXPORT
    return Kind.TABLE if _has_table(bare) else None


_EXPORTED = {"identity", "nexthopdomain", "remoteipranges", "bindings", "lasterror"}


def _has_table(text: str) -> bool:
    """Whether a heading and the line of dashes below it stand there (Format-Table)."""
    above = ""
    for line in text[:_LOOKED_AT].split("\n"):
        if shapes.RULE.fullmatch(line.rstrip("\r")) and len(above.split()) > 1:
            return True
        above = line
    return False


_LOOKED_AT = 200_000
"""Characters in which the heading of a table is looked for."""


# A line.


def _one_line(line: str) -> Pasted:
    bare = shapes.unquoted([line])[0].strip()
    row = _row(bare)
    if row:
        return row
    if shapes.is_header(bare):
        return Pasted(Kind.MAIL)
    if bare.startswith("<Event") and "<EventID" in bare:
        return _event_xml(bare)
    listed = shapes.LIST.match(bare)
    if listed and listed["name"].casefold() in _ERRORS:
        return _of_properties({listed["name"].casefold(): listed["value"] or ""})
    if _EHLO.match(bare):
        return Pasted(Kind.EHLO, bare)
    is_known = shapes.REPLY.match(bare) or shapes.CODED.search(bare)
    return Pasted(Kind.LAST_ERROR if is_known else Kind.OTHER, bare)


_TIMESTAMP = re.compile(r"\"?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z?\"?,")
_ENDPOINT = re.compile(r"(?:[\d.*x]{1,30}|\[[^\]]{1,60}\]|[0-9A-Fa-f:.%]{3,60}):\d{1,5}")
_EVENTS = {"+", "-", ">", "<", "*"}
_TRACKING_SOURCES = frozenset(
    re.findall(
        "[a-z]+",
        "admin agent approval bootloader dns dsn gateway mailboxrule meetingmessageprocessor orar"
        " pickup poisonmessage publicfolder queue redundancy resolver routing safetynet smtp"
        " storedriver",
    )
)


def _row(line: str) -> Pasted | None:
    """A row of a log: the columns tell which (S7.22 to S7.26); None where it is none."""
    if not _TIMESTAMP.match(line):
        return None
    fields = _fields(line)
    if len(fields) > 7 and fields[6] in _EVENTS and _ENDPOINT.fullmatch(fields[5] or "0:0"):
        return _protocol(fields)
    if len(fields) > 8 and fields[7].casefold() in _TRACKING_SOURCES:
        status = next((one for one in (*fields[11:15], fields[5]) if _is_reply(one)), "")
        return Pasted(Kind.TRACKING, status, host=fields[4])
    if len(fields) > 5 and fields[4] in _EVENTS:
        return Pasted(Kind.CONNECTIVITY, ",".join(fields[5:]).strip(), "send", fields[4])
    return None


def _fields(line: str) -> list[str]:
    try:
        return next(csv.reader([line]), [])
    except csv.Error:  # a field of more than 128 kB
        return line.split(",")


def _is_reply(field: str) -> bool:
    return shapes.CODED.search(field) is not None


def _protocol(fields: list[str]) -> Pasted:
    r"""A row of a protocol log.

    A receive connector is `SERVER\Name`, a send connector has no server (S7.26). What this server
    received there, or sent here, are commands; only the answers to them hold a reply.
    """
    connector, spoken = fields[1], fields[6]
    data, context = fields[7].strip(), ",".join(fields[8:]).strip(" ,")
    side: Side = "receive" if "\\" in connector else "send"
    host = connector.partition("\\")[0] if side == "receive" else ""
    said = ", ".join(filter(None, (data, context))) if spoken in {"*", "-"} else data
    if spoken in {">", "<"} and (spoken == ">") != (side == "receive"):
        said = ""  # a command
    if _EHLO.match(said):
        return Pasted(Kind.EHLO, said, side, spoken, host, fields[5])
    if said[:1] in {"2", "3"}:
        said = ""  # it went well
    return Pasted(Kind.PROTOCOL, said, side, spoken, host, fields[5])


# Several lines.

_EHLO = re.compile(r"\s*250[ -] ?\S{1,255} Hello\b", re.IGNORECASE)


def _ehlo(lines: list[str]) -> Pasted | None:
    """An EHLO reply: a line for each keyword, or all in one (S7.22)."""
    first = next((line for line in lines if line.strip()), "")
    if not _EHLO.match(first):
        return None
    return Pasted(Kind.EHLO, "\n".join(line for line in lines if line.strip()))


def _event(lines: list[str]) -> Pasted | None:
    """An event as the Event Viewer copies it: labels, then the description in plain words."""
    labels: list[tuple[str, str]] = []
    if shapes.LIST.match(lines[0].strip()):
        return None
    for line in lines:
        found = shapes.LABEL.match(line.strip())
        if found is None:
            break
        labels.append((found["name"].strip(), (found["value"] or "").strip()))
    source = next((value for _, value in labels if _EVENT_SOURCE.match(value)), "")
    number = next(
        (
            int(value)
            for label, value in labels
            if re.fullmatch(r"[0-9]{1,5}", value) and _EVENT_ID.match(label)
        ),
        None,
    )
    if len(labels) < 3 or not (source or number is not None):
        return None
    description = [labels[-1][1], *lines[len(labels) :]]
    for end, line in enumerate(description):
        if line.lstrip().startswith("<Event") or shapes.REPLY.match(line):
            del description[end:]
            break
    return Pasted(
        Kind.EVENT,
        " ".join(filter(None, map(str.strip, description))),
        host=next((value for label, value in labels if _COMPUTER.fullmatch(label)), ""),
        event=number,
        source=source,
    )


_XML_ID = re.compile(r"<EventID[^>]{0,80}>(\d{1,5})</EventID>")
_XML_SOURCE = re.compile(r"<Provider\s[^>]{0,80}?Name=[\"']([^\"']{1,80})[\"']")
_XML_DATA = re.compile(r"<(?:Data|Message)\b[^>]{0,120}>([^<]{0,4000})</")


def _event_xml(text: str) -> Pasted:
    number, source = _XML_ID.search(text), _XML_SOURCE.search(text)
    return Pasted(
        Kind.EVENT,
        " ".join(found[1].strip() for found in _XML_DATA.finditer(text)),
        event=int(number[1]) if number else None,
        source=source[1] if source else "",
    )


_ERRORS = frozenset({"lasterror", "recipientstatus"})
_TELLING = _ERRORS | {"identity", "message", "eventid"}


def _list(lines: list[str]) -> Pasted | None:
    """Properties as PowerShell prints them; the error among them is the reply."""
    begins = next(
        (place for place, line in enumerate(lines) if shapes.LIST.match(line.strip())), None
    )
    if begins is None:
        return None
    properties: dict[str, str] = {}
    for name, value in _properties(lines[begins:]):
        properties.setdefault(name, value)
    return _of_properties(properties) if properties.keys() & _TELLING else None


def _of_properties(properties: dict[str, str]) -> Pasted:
    number = next(
        (
            int(properties[name])
            for name in ("eventid", "id")
            if re.fullmatch(r"[0-9]{1,5}", properties.get(name, "").strip())
        ),
        None,
    )
    source = properties.get("providername", "") or properties.get("source", "")
    if number is not None and "message" in properties:
        return Pasted(Kind.EVENT, properties["message"], event=number, source=source)
    if "recipientstatus" in properties or {"eventid", "messageid"} <= properties.keys():
        status = (properties.get(name, "") for name in ("recipientstatus", "sourcecontext"))
        return Pasted(Kind.TRACKING, next(filter(_is_reply, status), ""))
    return Pasted(
        Kind.LIST,
        properties.get("lasterror", "").strip(),
        host=_queue_server(properties),
        is_export="identity" in properties,
    )


def _queue_server(properties: dict[str, str]) -> str:
    """The server in the identity of a queue."""
    server, mark, _ = properties.get("identity", "").strip().partition("\\")
    return server if mark and "nexthopdomain" in properties else ""


def _properties(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Names in lower case, and values of which the lines are joined; other lines are left out."""
    value: _Value | None = None
    for line in lines:
        found = shapes.LIST.match(line.lstrip())
        indent = len(line) - len(line.lstrip())
        if found and (value is None or indent < value.column):
            if value:
                yield value.name, value.joined
            column = line.index(":", indent)
            value = _Value(found["name"].casefold(), column, [found["value"] or ""], [len(line)])
        elif value and line.strip() and indent > 0:
            value.pieces.append(line[min(indent, value.column + 2) :])
            value.widths.append(len(line))
        elif value:
            yield value.name, value.joined
            value = None
    if value:
        yield value.name, value.joined


@dataclass(slots=True)
class _Value:
    """A printed property, and where its value stands."""

    name: str
    column: int
    pieces: list[str]
    widths: list[int]

    @property
    def joined(self) -> str:
        """The value in one line."""
        return join(self.pieces, self.widths)


def _report_or_mail(lines: list[str], *, is_quoted: bool) -> Pasted | None:
    """The first reply of a delivery report or a mail; headers and all below them are left out."""
    is_report = any(REPORT_DETAILS.search(line) or REPORT_BEGINS.search(line) for line in lines)
    if not (is_report or is_quoted or shapes.has_headers(lines)):
        return None
    kind = Kind.REPORT if is_report else Kind.MAIL
    body = list(_body(lines))
    place = next((place for place, line in enumerate(body) if shapes.CODED.search(line)), None)
    if place is None:
        return Pasted(kind)
    return Pasted(kind, " ".join(_paragraph(body[place:])))


def _body(lines: list[str]) -> Iterator[str]:
    """Lines without the headers of mails and what continues them, up to the original message."""
    in_header = False
    for line in lines:
        if _REPORT_ENDS.match(line):
            return
        if shapes.is_header(line):
            in_header = True
        elif not (in_header and line[:1].isspace() and line.strip()):
            in_header = False
            yield line


def _paragraph(lines: list[str]) -> Iterator[str]:
    """The lines up to an empty one, or to another reply or label."""
    for place, line in enumerate(lines):
        bare = line.strip()
        if not bare or (place and (shapes.LABEL.match(bare) or shapes.is_header(bare))):
            return
        if place and "@" in bare and " " not in bare:
            return  # the next recipient
        yield bare
        if bare.endswith(("##", "'")) and not place:
            return
