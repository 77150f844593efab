"""From what PowerShell prints of a property to a value, for all forms that are text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mailflow.exchange.cmdlets import PROPERTIES, Kind
from mailflow.sources.exports.pieces import ConsoleSigns, join
from mailflow.sources.row import Enumeration, Items, Lost, Value

_QUOTES = "\"'`\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb"
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_REAL = re.compile(r"-?[0-9]{1,18}(?:[.,][0-9]{1,18})?(?:[eE][+-]?[0-9]{1,3})?")
# `Microsoft.Exchange.Data.MultiValuedProperty`1[...]`, `System.String[]`: the list itself is gone.
_TYPE_NAME = re.compile(
    r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:`\d.*|\[.*\])|(?:System|Microsoft)\.\S+"
)
_BLANKS = re.compile(r"(?:[,\s]|;(?!\d{1,3}(?:[,;\s]|$)))+")
"""What parts the values of a list; behind the semicolon of an address space stands its cost."""


def kinds_of(cmdlet: str) -> dict[str, tuple[str, Kind]]:
    """Folded property name to its name and kind; what a cmdlet's rows hold and nothing else."""
    return {name.casefold(): (name, kind) for name, kind in PROPERTIES[cmdlet].items()}


def printed_value(kind: Kind, text: str) -> Value:
    """The value of a property from its whole text; text stays text where it isn't as expected.

    Nothing is dropped: an enumeration, a number or a truth value that does not look like one comes
    back as the text it is, for the caller to call unreadable.
    """
    bare = text.strip()
    if kind is Kind.LIST:
        return printed_list(bare)
    if not bare:
        return ""
    if kind is Kind.ENUM:
        if _INTEGER.fullmatch(bare):
            return Enumeration(None, int(bare))
        return Enumeration(", ".join(part.strip() for part in bare.split(",")), None)
    if kind is Kind.BOOLEAN:
        return {"true": True, "false": False}.get(bare.casefold(), bare)
    if kind is Kind.INTEGER and _INTEGER.fullmatch(bare):
        return int(bare)
    if kind is Kind.REAL and _REAL.fullmatch(bare):
        return float(bare.replace(",", "."))
    if kind is Kind.TIME:
        # PowerShell 7 takes date forms from ICU: a narrow blank stands before AM and PM (S10.07).
        return bare.replace("\u202f", " ")
    return bare


def value_of_pieces(kind: Kind, pieces: Sequence[str], evidence: Iterable[ConsoleSigns]) -> Value:
    """The value that a console cut into pieces; Lost where no evidence tells how they join."""
    together = "".join(piece.strip() for piece in pieces)
    # No range, binding, flag, number or truth value holds a blank: nothing to decide (S10.03).
    told_by_commas = kind is Kind.LIST and (together.startswith("{") or "," in together)
    if told_by_commas or kind not in (Kind.LIST, Kind.TEXT, Kind.TIME):
        return printed_value(kind, together)
    for known in evidence:
        text = join(pieces, known)
        if text is not None:
            return printed_value(kind, text)
    return Lost("cut by the console, so the whole value is unknown", pieces[0].strip())


def printed_list(text: str) -> Value:
    """The values of a list of ranges, bindings or addresses; none of them holds a blank.

    `{a, b}` as Format-List prints it; without braces where somebody joined it, with commas,
    semicolons or blanks. `{a, b...}` and `{a, b…}` are cut (section 1.4), and so is a list without
    its closing brace, whose last value may be a part of one. A type's name instead of the values:
    Lost.
    """
    bare = text.strip()
    if not bare:
        return ""
    braced = bare.startswith("{")
    inner = bare.removeprefix("{")
    closed = inner.endswith("}")
    inner = inner.removesuffix("}").rstrip()
    marked = inner.endswith(("...", "\u2026"))
    inner = inner.removesuffix("\u2026").rstrip(".")
    if _TYPE_NAME.match(inner.strip(_QUOTES)):
        return Lost("the export contains the list's type instead of its values", bare[:200])
    # Typographic quotes and dashes come from documents and mails the text went through.
    parts = (part.strip(_QUOTES).translate(_DASHES) for part in _BLANKS.split(inner))
    values = tuple(part for part in parts if part)
    if braced and not closed and not marked:
        return Items(values[:-1], cut=True)
    return Items(values, cut=marked)
