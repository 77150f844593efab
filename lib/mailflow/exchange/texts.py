"""Which lines of what a person pasted are one text (contract, section 9).

One text stands on each line. A line goes on with the text before it only inside an open quote,
brace or bracket, or where it begins with a blank, `>` or a lower-case letter. What has a form of
its own counts as one: a list, an event, a reply of several lines, a mail, a delivery report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailflow.exchange import shapes
from mailflow.exchange.pasted import REPORT_BEGINS, REPORT_DETAILS, is_export, is_mail

_MOST = 65_536
"""Characters of one text; what is still open then was never closed."""
_DEEPEST = 200
"""Marks that count as open at once; no reply of Exchange is nested deeper."""
_MARKS = re.compile(r"[\"'{}\[\]“”„‟«»‘’‚‛]")  # noqa: RUF001 - what editors make of quotes
_PLAIN = str.maketrans(
    dict.fromkeys("“”„‟«»", '"') | dict.fromkeys("‘’‚‛", "'")  # noqa: RUF001
)
_CLOSES = {"}": "{", "]": "["}
_MORE_LINES = re.compile(r"\s*(?P<code>[2-5]\d\d)-")
_OPENING = ('"', "'", "->", "{", "[", "=", ":", "(")


def texts_of(document: str) -> list[str]:
    """The texts of a document, in order, each as it stands there; blank ones are left out."""
    lines = [line.rstrip("\r") for line in document.removeprefix("\ufeff").split("\n")]
    if is_export(document):
        return [document.strip("\r\n")]
    parts = _reports(lines) if is_mail(document) else _split(lines)
    texts = [part for part in parts if part.strip()]
    return [text for text in texts if not shapes.NO_TEXT.match(text)] or texts


def _reports(lines: list[str]) -> Iterator[str]:
    """Mails and delivery reports; another one begins where the details of one were seen."""
    begun: list[str] = []
    detailed = False
    for line in lines:
        if detailed and REPORT_BEGINS.search(line):
            yield "\n".join(begun).strip("\n")
            begun, detailed = [], False
        detailed = detailed or REPORT_DETAILS.search(line) is not None
        begun.append(line)
    yield "\n".join(begun).strip("\n")


def _split(lines: list[str]) -> Iterator[str]:
    """The texts of lines that are no mail."""
    text = _Text()
    for line in lines:
        if text.takes(line):
            text.add(line)
            continue
        yield text.whole
        text = _Text()
        text.add(line)
    yield text.whole


class _Text:
    """The lines of one text so far, and what is open in it."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._open: list[str] = []
        self._code = ""  # of a reply that goes on in the next line
        self._names: tuple[str, bool] | None = None  # first name of a list, and whether an event
        self._blank = False  # the last line was empty

    @property
    def whole(self) -> str:
        """All of it, without empty lines at its end."""
        return "\n".join(self._lines).rstrip("\n")

    def takes(self, line: str) -> bool:
        """Whether a line goes on with this text."""
        if not self._lines or not line.strip():
            return True
        if self._size > _MOST:
            return False
        if self._code:
            return line.strip().startswith((f"{self._code}-", f"{self._code} "))
        if shapes.REPLY.match(line) and not self._ends_open():
            return False
        if self._names and self._in_list(line):
            return True
        begins = line[0]
        return bool(self._open) or begins.isspace() or begins == ">" or begins.islower()

    def add(self, line: str) -> None:
        """Take a line that `takes` lets in; empty ones before the first are left out."""
        if not line.strip():
            self._blank = True
            if self._lines:
                self._lines.append(line)
            return
        if not self._lines:
            self._begin(line)
        self._blank = False
        self._lines.append(line)
        self._size += len(line) + 1
        more = _MORE_LINES.match(line)
        self._code = more["code"] if more and (self._code or len(self._lines) == 1) else ""
        for found in _MARKS.finditer(line):
            self._mark(line, found)

    def _begin(self, line: str) -> None:
        bare = line.strip()
        found = shapes.LIST.match(bare)
        event = None if found else shapes.LABEL.match(bare)
        if found:
            self._names = (found["name"], False)
        elif event and EVENT_BEGINS.match(bare):
            self._names = (event["name"], True)

    def _in_list(self, line: str) -> bool:
        """Whether a line belongs to the paragraph of a list, or to an event, that was begun."""
        name, is_event = self._names or ("", False)
        if re.match(rf"{re.escape(name)}\s*[:\uff1a]", line.strip()):
            return False  # the next object
        return is_event or not self._blank

    def _ends_open(self) -> bool:
        """Whether the last line ends where a reply may begin inside another one."""
        last = next(line for line in reversed(self._lines) if line.strip())
        return last.translate(_PLAIN).rstrip().endswith(_OPENING)

    def _mark(self, line: str, found: re.Match[str]) -> None:
        mark = found[0].translate(_PLAIN)
        if mark in "{[":
            self._push(mark)
        elif mark in _CLOSES:
            self._close(_CLOSES[mark])
        else:
            before = line[found.start() - 1] if found.start() else " "
            after = line[found.end()] if found.end() < len(line) else ""
            if before.isalnum() and after.isalnum():
                return  # an apostrophe
            into = after.isalnum() or after in "[{<#*/(" if after.strip() else not self._has(mark)
            if before in " \t([{<:=,;\"'" and into:
                self._push(mark)
            else:
                self._close(mark)

    def _has(self, mark: str) -> bool:
        return mark in self._open

    def _push(self, mark: str) -> None:
        if len(self._open) < _DEEPEST:
            self._open.append(mark)

    def _close(self, mark: str) -> None:
        """Close the innermost mark of this kind, and what was left open inside it."""
        if mark in self._open:
            while self._open.pop() != mark:
                pass


EVENT_BEGINS = re.compile(
    r"(?:Log Name|Protokollname|Nom du journal|Nombre de registro|Имя журнала|ログの名前"
    r"|Event Type|Ereignistyp|Event ID|Source|Quelle)\s?[:\uff1a]",
    re.IGNORECASE,
)
