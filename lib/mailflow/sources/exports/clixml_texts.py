"""The texts in a CLIXML document: how they are written there, and what value each kind is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from mailflow.sources.row import Lost, Value

_ESCAPE = re.compile("_[xX]([0-9A-Fa-f]{4})_")
_SURROGATE = re.compile("[\ud800-\udfff]")
_DATE = re.compile("-?[0-9]{1,12}-[0-9]{1,2}-[0-9]{1,2}T[0-9:.]{1,30}(Z|[-+][0-9:]{4,8})?$")
"""What is a time by its form, also one that no calendar has."""
LONGEST_INTEGER = 40
"""Characters of a number, with room for blanks."""


def unescape(text: str) -> str:
    """The text behind `_x000A_` and its like, in which .NET hides what XML cannot hold.

    Halves of a surrogate pair come as two escapes and are joined; a half alone, which no encoding
    can write, becomes U+FFFD.
    """
    if "_x" not in text and "_X" not in text:
        return text
    plain = _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
    if _SURROGATE.search(plain) is None:
        return plain
    return plain.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# What .NET cannot put into XML, and so hides as `_xHHHH_`; and what looks like that.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\U00010000-\U0010ffff\ufffe\uffff]|_(?=[xX])")
_SPECIAL = re.compile(f'[&<>"]|{_HIDDEN.pattern}')


def escape(text: str) -> str:
    """The text as PowerShell writes it into an element; `unescape` and the parser undo that."""
    if _SPECIAL.search(text) is None:
        return text
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _HIDDEN.sub(_hide, text.replace('"', "&quot;"))


def _hide(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass")
    return "".join(
        f"_x{int.from_bytes(units[at : at + 2], 'big'):04X}_" for at in range(0, len(units), 2)
    )


def _integer(text: str) -> int:
    # Python alone would also take other scripts' digits and 1_000.
    if len(text) > LONGEST_INTEGER or "_" in text or not text.isascii():
        raise ValueError(text)
    return int(text)


def _real(text: str) -> float:
    if "_" in text:  # Python's own way to write numbers
        raise ValueError(text)
    return float(text)


def _character(text: str) -> str:
    number = _integer(text)
    if not 0 <= number <= 0xFFFF:
        raise ValueError(text)
    return "\ufffd" if 0xD800 <= number <= 0xDFFF else chr(number)


def _moment(text: str) -> Value:
    """An instant in UTC; the text itself where it has no zone, or lies outside Python's years."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        if _DATE.match(text.strip()):
            return text.strip()
        raise
    if moment.tzinfo is None:
        return text.strip()
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return text.strip()


def _secret(_text: str) -> Value:
    return Lost("a secure string is not read")


TEXTS: dict[str, Callable[[str], Value]] = {
    **dict.fromkeys(("S", "T", "ToString", "URI", "XD", "SBK"), unescape),
    **dict.fromkeys(("I16", "I32", "I64", "U16", "U32", "U64", "By", "SB"), _integer),
    **dict.fromkeys(("Db", "Sg"), _real),
    **dict.fromkeys(("D", "TS", "G", "Version", "BA"), str.strip),
    "B": {"true": True, "1": True, "false": False, "0": False}.__getitem__,
    "C": _character,
    "DT": _moment,
    "SS": _secret,
}
"""Elements that hold a text, and what makes a value of it."""
