"""Replies to EHLO that people collected or pasted: a text in, a typed row for each reply out.

    # mailflow EHLO reply 1            what the lines of `mailflow probe` write on a sender: a head,
    # sender: EX10A                    then the session, S: what the target said, C: what was sent
    S: 220 ex16a.contoso.example ...

    220 ex16a.contoso.example ...      a telnet session, or the debug lines of another client, with
    EHLO ex10a.contoso.example         whatever these write before each line
    250-ex16a.contoso.example Hello [10.0.0.11]

Logs of Exchange are none: they name their columns. Each line is looked at once.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailflow.exchange.ehlo import ANONYMOUSTLS, EhloObservation
from mailflow.plain import one_line

MARK = "# mailflow EHLO reply 1"
"""The first line of a reply in a file that `mailflow probe` asked for."""
MOST_REPLIES = 1_000
"""Of one text; whoever brings more brings something else."""
_MOST_LINES = 100
"""Of a reply; Exchange has some 30 keywords (section 3.6)."""
_MOST_CHARACTERS = 500
"""Of a line; SMTP allows 512 bytes."""

_MARKED = re.compile(rf"^{re.escape(MARK)}[ \t]*\r?$", re.MULTILINE)
_BLANKS = r"[ \t]{0,20}"
_NUMBER = r"(?:\d{1,9}[ \t]{1,20})?"
_SAID = re.compile(
    rf"(?:{_NUMBER}(?:[^\s<>]{{0,60}}(?:<{{2,3}}|<[-~*]|S:)|<)?{_BLANKS})"
    r"(?P<code>[2-5]\d\d)(?:(?P<more>[ -])(?P<text>.*))?$"
)
_SENT = re.compile(
    rf"(?:{_NUMBER}[^\s<>]{{0,60}}(?:>{{1,3}}|[-~*]>|C:))?{_BLANKS}"
    rf"(?P<word>EHLO|HELO|STARTTLS|X-ANONYMOUSTLS|QUIT)\b{_BLANKS}(?P<name>\S{{0,255}})",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?:> ?)?(?:telnet|Connecting To|Connected to|Trying) (?P<host>[\w.:-]{1,253}?)"
    r"(?: (?P<port>\d{1,5}))?(?: ?\.{1,3})?$",
    re.IGNORECASE,
)
_GREETED = re.compile(r"\S{1,255} Hello\b", re.IGNORECASE)
_SEEN = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\]")
_WRAPPED = re.compile(r"(?P<start>\[?[0-9A-Fa-f:.]*\]?$|Hello\b.*$)", re.IGNORECASE)
_STATUS = re.compile(r"2\.\d\.\d ")
_HEAD = re.compile(r"# (?P<key>[a-z]+): (?P<value>.*)$")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_READY = re.compile(r" ready at (?P<when>.{10,60})$")


def looks_like_ehlo(text: str) -> bool:
    """Whether a text holds what `read_ehlo_replies` reads; looks at its beginning alone."""
    head = text[:100_000]
    return _MARKED.search(head) is not None or any(True for _ in _sessions(head.splitlines()))


def read_ehlo_replies(text: str) -> list[EhloObservation]:
    """Every reply to EHLO in a text, in order; none where there is none.

    Only a reply that a client got is read: `HELO` has no keywords, and where EHLO was refused there
    is no reply. Nothing is raised, whatever the text holds.
    """
    parts = _MARKED.split(text.removeprefix("\ufeff"))
    found = [*_sessions(parts[0].splitlines())]
    for part in parts[1:]:
        found += _of_file(part.splitlines())
    return found[:MOST_REPLIES]


def reply_to(question: EhloObservation, banner: str, reply: str, *, done: bool) -> EhloObservation:
    """A reply that this program got itself, as it came.

    Args:
        question: whom, where and when; the rest of it is filled in. A banner that refuses the
            session keeps its code.
        banner: all that came before EHLO was sent.
        reply: all that came behind it.
        done: whether the far side saw the end of the reply.
    """
    greeted, lines = (text.rstrip("\r\n").split("\n") for text in (banner, reply))
    first = one_line(greeted[0].rstrip("\r")[:_MOST_CHARACTERS])
    dialog = _Dialog()
    dialog.banner, dialog.asked = first, "EHLO"
    found = [
        *(each for line in lines for each in _step(dialog, f"S: {line}".rstrip("\r"))),
        *dialog.finish(whole=False),
    ]
    kept = tuple(one_line(line.rstrip("\r")[:_MOST_CHARACTERS]) for line in lines[:_MOST_LINES])
    got = found[0] if found else EhloObservation()
    is_all = reply.endswith("\n") and len(lines) == len(got.lines)
    return replace(
        got,
        sender=question.sender,
        target=question.target,
        address=question.address,
        port=question.port,
        written=question.written,
        hello=question.hello,
        banner=re.sub("^220[ -]", "", first),
        offered_before_tls=True,
        complete=done and got.complete and is_all,
        lines=kept if reply else (),
    )


def _of_file(lines: list[str]) -> Iterator[EhloObservation]:
    """The reply below one mark; the head says whose it is, and whether it came to its end."""
    head: dict[str, str] = {}
    session: list[str] = []
    for line in lines:
        found = _HEAD.match(line)
        if found and not session:
            head.setdefault(found["key"], one_line(found["value"].strip(), _MOST_CHARACTERS))
        elif line.startswith(("S: ", "C: ")):
            session.append(line)
    port = head.get("port", "")
    for observed in _sessions(session):
        yield replace(
            observed,
            sender=head.get("sender", ""),
            target=head.get("target", ""),
            address=_address(head.get("address", "")),
            port=int(port) if re.fullmatch(r"[0-9]{1,5}", port) else None,
            written=_moment(head.get("written", "")),
            complete=observed.complete and head.get("ended") == "done",
        )


class _Dialog:
    """One text, line by line: what is known of the session that goes on."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.begin()

    def begin(self) -> None:
        """Another connection: nothing of the one before holds."""
        self.host = self.address = self.banner = self.hello = self.asked = ""
        self.port: int | None = None
        self.secured = self.damaged = False
        self.lines.clear()

    def finish(self, *, whole: bool) -> Iterator[EhloObservation]:
        """The reply that was collected; none where it is no reply to EHLO."""
        lines, self.lines = list(self.lines), []
        damaged, self.damaged = self.damaged, False
        asked, self.asked = self.asked, ""
        is_told = asked == "EHLO" or (len(lines) > 1 and _GREETED.match(lines[0]) is not None)
        if not lines or asked == "HELO" or not is_told:
            return
        greeting, *further = lines
        keywords = tuple(line for line in further if line and line != "OK")
        seen = _SEEN.search(greeting)
        words = {keyword.split()[0].upper() for keyword in keywords}
        before: bool | None = True if self.banner else None
        if {"STARTTLS", ANONYMOUSTLS} & words:
            before = True
        yield EhloObservation(
            target=self.host,
            address=self.address,
            port=self.port,
            written=_of_banner(self.banner),
            hello=self.hello,
            banner=self.banner,
            announced=greeting.split()[0] if greeting.split() else "",
            seen_as=_address(seen[1]) if seen else "",
            keywords=keywords,
            offered_before_tls=False if self.secured else before,
            complete=whole and not damaged,
            lines=tuple(lines),
        )


def _sessions(lines: Iterable[str]) -> Iterator[EhloObservation]:
    """The replies of a text without a head."""
    dialog = _Dialog()
    for line in lines:
        yield from _step(dialog, line.rstrip("\r"))
    yield from dialog.finish(whole=False)


def _step(dialog: _Dialog, line: str) -> Iterator[EhloObservation]:
    """One line, which may end a reply."""
    line = line.strip(" \t")
    head = line[: _MOST_CHARACTERS + 100]
    if sent := _SENT.match(head):
        yield from dialog.finish(whole=False)
        _sent(dialog, sent)
    elif said := _SAID.match(head):
        yield from _said(dialog, said, cut=len(line) > len(head))
    elif host := _HOST.match(head):
        yield from dialog.finish(whole=False)
        _named(dialog, host)
    elif dialog.lines and line:
        _stray(dialog, head)


def _said(dialog: _Dialog, said: re.Match[str], *, cut: bool) -> Iterator[EhloObservation]:
    raw = said["text"] or ""
    text = one_line(raw, _MOST_CHARACTERS)
    if said["code"] != "250":
        yield from dialog.finish(whole=False)
        dialog.asked = ""
        if said["code"] == "220":
            _opened(dialog, text)
        return
    if dialog.lines and _GREETED.match(text):  # another reply has begun within this one
        dialog.damaged = True
        yield from dialog.finish(whole=False)
        dialog.damaged = True
    if len(dialog.lines) >= _MOST_LINES:
        dialog.damaged = True
        return
    dialog.lines.append(text)
    # A file of the probe holds what is not shown as itself as \\x1b.
    dialog.damaged |= cut or text != raw.rstrip() or not text.isascii() or "\\x" in text
    if said["more"] != "-":
        yield from dialog.finish(whole=True)


def _opened(dialog: _Dialog, text: str) -> None:
    """220 greets, or tells that TLS may begin: then it has a status (S5.31)."""
    if _STATUS.match(text) or dialog.secured:
        dialog.secured = True
        return
    if not dialog.banner:
        dialog.banner = text


def _sent(dialog: _Dialog, sent: re.Match[str]) -> None:
    word = sent["word"].upper()
    if word in ("EHLO", "HELO"):
        dialog.asked, dialog.hello = word, one_line(sent["name"])
    elif word == "QUIT":
        dialog.begin()
    else:
        dialog.secured = True


def _named(dialog: _Dialog, found: re.Match[str]) -> None:
    """Whom telnet connects to, in one line or two."""
    if dialog.banner or dialog.secured:
        dialog.begin()
    host = found["host"].rstrip(".")
    if _address(host):
        dialog.address = _address(host)
    else:
        dialog.host = host
    if found["port"]:
        dialog.port = int(found["port"])


def _stray(dialog: _Dialog, text: str) -> None:
    """A line without a code within a reply: the rest of a greeting that a console wrapped."""
    if len(dialog.lines) == 1 and _WRAPPED.match(text):
        glue = " " if text[:5].casefold() == "hello" else ""
        dialog.lines[0] = one_line(dialog.lines[0] + glue + text, _MOST_CHARACTERS)
    else:
        dialog.damaged = True


def _of_banner(banner: str) -> datetime | None:
    """The time in a banner of Exchange, which has its zone."""
    found = _READY.search(banner)
    try:
        moment = parsedate_to_datetime(found["when"]) if found else None
    except (ValueError, OverflowError):
        return None
    return moment if moment and moment.tzinfo else None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
