"""What the command line above an output says of the objects below it."""

from __future__ import annotations

import re
from functools import lru_cache

from mailflow.exchange.cmdlets import OLDER, PROPERTIES, SPECS, TABLES, CmdletScope
from mailflow.sources.asked import RIGHTS, asked
from mailflow.sources.exports.cmdlets import cmdlet_of
from mailflow.sources.exports.printed import kinds_of
from mailflow.sources.row import Row, Value

GET = re.compile(r"\bGet-[A-Za-z]{2,60}", re.IGNORECASE)
BY_NAME = {name.casefold(): OLDER.get(name, name) for name in (*PROPERTIES, *OLDER)}
"""The cmdlets mailflow reads, by their folded names."""

_PASS_ON = {"get-content", "get-variable", "get-unique", "get-item", "get-childitem"}
"""What prints objects of other cmdlets."""
_OF_SERVERS = {name for name in PROPERTIES if "<server>" in SPECS[name].shown_by}
"""Cmdlets that are asked about a server whose name their objects may not hold."""
_NAMELESS = {spec.name for spec in TABLES.values() if spec.scope is CmdletScope.SERVER}
"""Cmdlets whose objects do not say whose they are; a parameter of the call does (S9.21)."""
_WRAPS = re.compile(r"\s-wr?a?p?(?![A-Za-z])", re.IGNORECASE)


def row_below(
    command: str, cmdlet: str, values: dict[str, Value], place: str, computer: str = ""
) -> Row:
    """An object, with what the command line above it says of it and its columns do not."""
    named = named_server(command, cmdlet)
    return Row(cmdlet, {**_said(command, cmdlet), **values}, place, computer, named, command)


@lru_cache(maxsize=256)
def _said(command: str, cmdlet: str) -> dict[str, Value]:
    """The connector, and the user, that Get-ADPermission was asked about by name."""
    calls = [call for call in asked(command) if call.cmdlet == cmdlet == RIGHTS]
    if len(calls) != 1:
        return {}
    [call] = calls
    said: dict[str, Value] = {"Identity": call.identity, "User": call.user}
    return {name: value for name, value in said.items() if value}


def wraps(command: str) -> bool | None:
    """Whether Format-Table was told to wrap (`-Wrap`, `-w`); None: no command line is known."""
    return _WRAPS.search(command) is not None if command else None


def cmdlet_in(command: str, names: list[str]) -> str | None:
    """The cmdlet that printed these properties; the command line above may name a foreign one."""
    getter = last_get(command)
    if getter and getter not in PROPERTIES and getter.casefold() not in _PASS_ON:
        return None
    return cmdlet_of([], names) or by_command(command, names)


@lru_cache(maxsize=256)
def last_get(command: str) -> str:
    """The last cmdlet of a command line that gets something, by the name it has with us."""
    found: list[str] = GET.findall(command)
    return BY_NAME.get(found[-1].casefold(), found[-1]) if found else ""


def by_command(command: str, names: list[str]) -> str | None:
    """The cmdlet in the command line above, where the properties fit it but decide nothing."""
    cmdlet = last_get(command)
    known = kinds_of(cmdlet) if cmdlet in PROPERTIES else {}
    return cmdlet if known and all(name.casefold() in known for name in names) else None


@lru_cache(maxsize=256)
def named_server(command: str, cmdlet: str) -> str:
    """The one server about which a command line asks, where the objects do not say it; else ""."""
    if cmdlet not in _OF_SERVERS:
        calls = [call for call in asked(command) if call.cmdlet == cmdlet in _NAMELESS]
        return calls[0].servers[0] if len(calls) == 1 and len(calls[0].servers) == 1 else ""
    quotes = "\"'\u2018\u2019\u201c\u201d"
    names = set()
    for statement in re.split(r"[;\n]", command[:2000]):
        before, is_asked, after = _split_at(statement, cmdlet)
        if not is_asked:
            continue
        name = _argument(after.partition("|")[0])
        if not name and before.rstrip().endswith("|"):
            source = before.rstrip().rstrip("|").strip()
            getter = GET.match(source)
            name = _argument(source[getter.end() :]) if getter else source
            if not getter and not (source[:1] in quotes and source[-1:] in quotes):
                name = ""
        names.add(name.strip(quotes + " "))
    found = names.pop() if len(names) == 1 else ""
    return found if re.fullmatch(r"[\w.-]{1,255}", found) else ""


def _split_at(text: str, word: str) -> tuple[str, bool, str]:
    at = text.casefold().rfind(word.casefold())
    return (text[:at], True, text[at + len(word) :]) if at >= 0 else (text, False, "")


def _argument(arguments: str) -> str:
    """The identity among a command's arguments: by name, or the first without one."""
    words = re.findall(r"\"[^\"]*\"|'[^']*'|\u201c[^\u201d]*\u201d|[^\s:]+", arguments)
    expects = ""
    for word in words:
        if word.startswith("-"):
            expects = word.casefold()
        elif not expects or "-identity".startswith(expects):
            return str(word).rstrip(")")
        else:
            expects = ""
    return ""
