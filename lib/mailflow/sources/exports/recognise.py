"""What form an export has, told by how it begins, never by its name (contract, section 2)."""

from __future__ import annotations

import re
from enum import Enum, auto

from mailflow.sources.logs.kinds import kind_of_log

HEAD = 2**16
"""Bytes from the beginning of a file that `recognise` wants to see."""


class ExportForm(Enum):
    """What a file holds."""

    CLIXML = auto()
    JSON = auto()
    SNAPSHOT = auto()  # JSON that `mailflow snapshot` wrote
    CSV = auto()
    FAILURES = auto()  # unread.csv of Collect-MailFlow.ps1
    LOG = auto()  # a log of Exchange's transport
    TEXT = auto()  # console output, or any other text
    ZIP = auto()
    FOREIGN = auto()  # pictures, documents, web pages: not an export
    BINARY = auto()
    EMPTY = auto()


_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_FOREIGN = (
    b"\x89PNG",
    b"\xff\xd8\xff",  # JPEG
    b"GIF8",
    b"BM",
    b"%PDF",
    b"{\\rtf",
    b"\xd0\xcf\x11\xe0",  # old Office documents, mails saved by Outlook, Thumbs.db
    b"ElfFile",  # Windows event log
    b"bplist",
    b"MZ",  # programs
    b"\x7fELF",
    b"\xca\xfe\xba\xbe",
    b"\x1f\x8b",  # other archives
    b"7z\xbc\xaf",
    b"Rar!",
    b"MSCF",
    b"BZh",
    b"\xfd7zXZ",
    b"SQLite format 3",
    b"L\0\0\0\x01\x14\x02",  # a shortcut
)

# `[PS] C:\>Get-Queue` is the prompt of the management shell, not a list.
_JSON = re.compile(
    r"""\{\s*["}] | \[\s*(?: [\[\]{"] | -?[0-9] | (?:true|false|null)\b )""", re.VERBOSE
)
_SNAPSHOT = re.compile(r'\{\s*"schema"\s*:\s*"mailflow\.snapshot/')
_CLIXML = re.compile(
    r"""(?: \#<\ CLIXML\s* )? (?: <\?xml[^>]{0,200}>\s* )? (?: <!--.{0,1000}?-->\s* )*
    (?: <!DOCTYPE\s+(?!(?i:html|svg|plist)\b)\S | <Objs(?=[\s/>]|$) )""",
    re.VERBOSE | re.DOTALL,
)
_MARKUP = re.compile(r"<(?:!DOCTYPE|\?xml|html|svg)\b", re.IGNORECASE)
_FIELD = r'(?:"[^"\r\n]{1,200}"|[A-Za-z_][\w .-]{0,99})'
_CSV = re.compile(
    rf'"?\#TYPE[ ] | (?:{_FIELD}(?:[,;\t]{_FIELD})+ | "[\w .-]+")[ ]*(?:[\r\n]|\Z)', re.VERBOSE
)
_FAILURES = re.compile(r'"?server"?[,;\t]"?what"?[,;\t]"?why"?\s*(?:[\r\n]|\Z)', re.IGNORECASE)


def recognise(head: bytes) -> tuple[ExportForm, str]:
    """The form of a file and its encoding, from its first `HEAD` bytes.

    The encoding is a name for `bytes.decode` and means nothing for ZIP, FOREIGN, BINARY and EMPTY.
    """
    if head.startswith(_ZIP):
        return ExportForm.ZIP, ""
    if _is_foreign(head):
        return ExportForm.FOREIGN, ""
    encoding = _encoding(head)
    if encoding is None:
        return ExportForm.BINARY, ""
    text = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n\0")
    if not text:
        return ExportForm.EMPTY, encoding
    if _CLIXML.match(text):
        return ExportForm.CLIXML, encoding
    if _MARKUP.match(text):
        return ExportForm.FOREIGN, encoding
    return _form_of_text(text), encoding


def _form_of_text(text: str) -> ExportForm:
    if kind_of_log(text):
        return ExportForm.LOG
    for pattern, form in (
        (_SNAPSHOT, ExportForm.SNAPSHOT),
        (_JSON, ExportForm.JSON),
        (_FAILURES, ExportForm.FAILURES),
        (_CSV, ExportForm.CSV),
    ):
        if pattern.match(text):
            return form
    return ExportForm.TEXT


def _is_foreign(head: bytes) -> bool:
    # Two letters alone are too little: a picture or program holds zeros, a text none.
    return head.startswith(_FOREIGN) and (not head.startswith((b"BM", b"MZ")) or b"\0" in head)


def _encoding(head: bytes) -> str | None:
    """How the bytes are to be read as text; None for what is none."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if b"\0" not in head:
        # Control bytes that no console writes: escape (colours), bell and backspace are text.
        strange = sum(head.count(byte) for byte in _STRANGE)
        return None if strange * 50 > len(head) else "utf-8"
    # UTF-16 without a mark: Latin text has a zero in every second byte. A few letters of other
    # scripts have theirs in the first one (U+5F00).
    odd, even = head[1:4096:2], head[0:4096:2]
    if odd.count(0) * 2 > len(odd) and even.count(0) * _FEW <= len(even):
        return "utf-16-le"
    # Text with zeroed pages stays text; a program or a picture is none without its zeros either.
    bare = head.replace(b"\0", b"")
    strange = sum(bare.count(byte) for byte in _STRANGE) + bare.count(b"\xff")
    return "utf-8" if len(bare) >= _LEAST_TEXT and strange * 50 <= len(bare) else None


_FEW = 100
"""Of so many letters of UTF-16 one may have a zero in its first byte."""

_LEAST_TEXT = 32  # bytes beside zeros by which a text is known


_STRANGE = tuple(bytes([code]) for code in range(32) if code not in b"\a\b\t\n\v\f\r\x1b")
