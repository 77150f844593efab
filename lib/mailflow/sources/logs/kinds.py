"""Logs of Exchange's transport, known by how they begin: which kind, of which server, of what time.

A log is no output of a cmdlet: reading it as one would find words in it that nobody printed. So it
is named, and what its rows show is summed up (`receive.py`) or passed over (S7.22, S7.23).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

HEAD, TAIL = 2**14, 2**13
"""Bytes from the beginning and from the end of a log that tell all that is told of it."""

RECEIVE = "SMTP receive log"
SEND = "SMTP send log"
CONNECTIVITY = "connectivity log"

_KINDS: Mapping[str, str] = {
    "smtp receive protocol log": RECEIVE,
    "smtp send protocol log": SEND,
    "transport connectivity log": CONNECTIVITY,
    "message tracking log": "message tracking log",
    "agent log": "agent log",
    "transport agent log": "agent log",
}
"""What stands behind `#Log-type:` to what people call it."""

_FIELDS: Mapping[str, str] = {
    "date-time,session,source,destination,direction,description": CONNECTIVITY,
    "date-time,client-ip,client-hostname,server-ip,server-hostname": "message tracking log",
    "timestamp,sessionid,localendpoint,remoteendpoint,enteredorgfromip": "agent log",
}
"""How the list of fields begins, where the line with the kind was lost. The two protocol logs have
one list: their rows tell them apart."""

_SIGN = r"[#\\]{0,2}\s{0,4}"
_LINE = re.compile(
    rf"{_SIGN}(software|version|log-type|date|fields)\s{{0,4}}:\s{{0,9}}([^\r\n]{{0,2000}})",
    re.IGNORECASE,
)
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z?"
_STARTS = re.compile(rf"({_TIME}),", re.MULTILINE)
_PLACE = r"(?:[0-9.]{7,15}:\d{1,5}|\[?[0-9A-Fa-f:.%]{2,45}\]?:\d{1,5})?"
# The sign of an event may be lost where a text went through a mail (S7.23).
_PROTOCOL = re.compile(
    rf"{_TIME},([^,\r\n]{{1,300}}),[0-9A-Fa-f]{{16}},\d{{1,9}},{_PLACE},{_PLACE},[-+*<>]?,"
)
_CONNECTIVITY = re.compile(rf"{_TIME},[0-9A-Fa-f]{{16}},[A-Za-z]{{2,20}},[^,\r\n]{{0,500}},[-+>],")
_HELLO = re.compile(r",>,(?:EHLO|HELO) ([A-Za-z0-9][A-Za-z0-9.-]{0,253})")
_MOST_LINES = 12
"""Lines among which the header stands; a log has five."""
UNKNOWN = "server unknown"


@dataclass(frozen=True, slots=True)
class LogFile:
    """What a log is, without its rows.

    Attributes:
        kind: `SMTP receive log`, `SMTP send log`, `connectivity log`, `message tracking log`,
            `agent log`.
        server: short name of the server that wrote it; empty where its rows do not tell.
        since, until: times of the first and the last row that were seen, as written, in UTC;
            empty where it has no row.
    """

    kind: str
    server: str
    since: str
    until: str

    @property
    def told(self) -> str:
        """What it is, in words: for the list of what was passed over."""
        whose = f"of {self.server}" if self.server else f"({UNKNOWN})"
        if not self.since:
            return f"{self.kind} {whose}, without rows"
        since, until = (time[:16].replace("T", " ") for time in (self.since, self.until))
        if since == until:
            return f"{self.kind} {whose}, {since} UTC"
        same_day = since[:10] == until[:10]
        return f"{self.kind} {whose}, {since} to {until[11:] if same_day else until} UTC"


def kind_of_log(text: str) -> str:
    """The kind of a log by how it begins; empty for what is none.

    Args:
        text: its beginning, without a byte order mark.
    """
    lines = [line.strip() for line in text[:HEAD].splitlines() if line.strip()][:_MOST_LINES]
    headers: dict[str, str] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            break
        headers.setdefault(found[1].casefold(), found[2].strip())
    row = next((line for line in lines if not _LINE.fullmatch(line)), "")
    if headers:
        software = headers.get("software", "").casefold()
        if software and "exchange" not in software:
            return ""  # other servers of Microsoft's write the same lines
        kind = _KINDS.get(headers.get("log-type", "").casefold(), "")
        fields = headers.get("fields", "").replace(" ", "").casefold()
        by_fields = (told for begin, told in _FIELDS.items() if fields.startswith(begin))
        return kind or next(by_fields, "") or _kind_of_row(row)
    return _kind_of_row(row) if lines[:1] == [row] else ""


def _kind_of_row(row: str) -> str:
    """The kind by a row alone; only shapes that no other file has."""
    found = _PROTOCOL.match(row)
    if found:
        return RECEIVE if "\\" in found[1] else SEND
    return CONNECTIVITY if _CONNECTIVITY.match(row) else ""


def log_file(kind: str, head: str, tail: str) -> LogFile:
    """What a log is.

    Args:
        kind: as `kind_of_log` says.
        head: its beginning.
        tail: its end; a row that is cut at its beginning is passed over.
    """
    first, times = _STARTS.search(head), _STARTS.findall(tail)
    since = first[1] if first else ""
    return LogFile(kind, _server(kind, head), since, times[-1] if times else since)


def _server(kind: str, text: str) -> str:
    """Who wrote it, where a row tells (S7.26)."""
    if kind == RECEIVE:
        for line in text.splitlines():
            found = _PROTOCOL.match(line)
            if found and "\\" in found[1]:
                return found[1].strip('"').partition("\\")[0]
    if kind == SEND:
        hello = _HELLO.search(text)
        return hello[1].partition(".")[0].upper() if hello else ""
    return ""
