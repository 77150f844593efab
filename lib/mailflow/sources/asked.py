"""What a command line asked for, and what its output therefore may lack (S1.38).

The text is PowerShell that a person typed. It is read for a few things: which cmdlet of ours gets
objects, of which servers, and what takes objects away before they are printed. What is not
understood counts as something that takes objects away.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mailflow.exchange.cmdlets import SPECS, TABLES

SERVERS = "Get-ExchangeServer"
CONNECTORS = "Get-ReceiveConnector"
QUEUES = "Get-Queue"
RIGHTS = "Get-ADPermission"

_GETTERS = {
    name.casefold(): name
    for name in (SERVERS, CONNECTORS, QUEUES, RIGHTS, *(spec.name for spec in TABLES.values()))
}
"""Cmdlets of which it matters whether an output holds all."""
_LISTS_SERVERS = frozenset(
    {"get-exchangeserver", "get-transportservice", "get-transportserver", "get-mailboxserver"}
)
_ALL_SERVERS = frozenset({"get-exchangeserver", "get-transportservice", "get-transportserver"})
"""Of these each server with transport is among the output (S8.54)."""

_WHERE = frozenset({"where", "where-object", "?"})
_SELECT = frozenset({"select", "select-object"})
_SORT = frozenset({"sort", "sort-object"})
_CUTS = ("-first", "-last", "-skip", "-skiplast", "-skipindex", "-index", "-unique")
_PASSES = re.compile(
    r"fl|ft|fw|format-(?:list|table|wide|custom)|export-(?:clixml|csv)|epcsv"
    r"|convertto-(?:json|csv|xml|html)|out-(?:file|string|default|host)|(?:set|add)-content"
    r"|tee(?:-object)?|foreach(?:-object)?|%|write-output|echo|sort(?:-object)?"
    r"|select(?:-object)?|add-member|measure(?:-object)?|get-(?!unique)[a-z]+"
)
"""What takes whole objects on, whatever it does to their properties."""

_TRUE = r"(?:\s*(?:-gt|-ne)\s*['\"]?0['\"]?|\s*-ge\s*['\"]?1['\"]?)\s*"
_NOT_EMPTY = re.compile(rf"\s*(?:\$_\.|\$psitem\.)?messagecount{_TRUE}", re.IGNORECASE)
_NO_SHADOW = re.compile(
    r"\s*(?:\$_\.|\$psitem\.)?(?:deliverytype|identity|nexthopdomain)\s*-n(?:e|otlike|otmatch)\s*"
    r"['\"]?[*\\]*shadow(?:redundancy)?[*\\]*['\"]?\s*",
    re.IGNORECASE,
)
_QUOTES = ("'\u2018\u2019\u201a\u201b", '"\u201c\u201d\u201e')
"""Signs that close each other (S8.87)."""

_OPENS, _CLOSES = "({[", ")}]"
_LONGEST = 2_000
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a cmdlet in a command line.

    Attributes:
        cmdlet: one of those of which it matters whether an output holds all.
        typed: the command line, shortened for messages.
        place: file and line.
        servers: names it was asked about; empty: about all.
        each: it was asked about servers one by one whose names the line does not hold: those that
            show in its output are covered, and no others.
        lacks: why its output may lack objects, in words; empty: it does not.
        only_waiting: only queues that hold messages were printed, which hides nothing that waits.
        unlimited: -ResultSize Unlimited was given (S8.52).
        local: it covers the server that hosts the session alone (S8.50).
        identity: of Get-ADPermission, the connector it was asked about by name; empty: none.
        user: of Get-ADPermission, whose entries alone it shows, by name; empty: everybody's.
    """

    cmdlet: str
    typed: str
    place: str = ""
    servers: tuple[str, ...] = ()
    each: bool = False
    lacks: str = ""
    only_waiting: bool = False
    unlimited: bool = False
    local: bool = False
    identity: str = ""
    user: str = ""

    @property
    def is_of_user(self) -> bool:
        """Whether it shows all entries of one user, and no others."""
        return bool(self.user) and self.lacks == "-user"

    @property
    def is_of_all(self) -> bool:
        """Whether the output holds every object of the organization."""
        return not (self.lacks or self.servers or self.each or self.local)


def asked(command: str, place: str = "") -> tuple[Asked, ...]:
    """The calls of our cmdlets in a command line, in order.

    Args:
        command: as typed at the prompt.
        place: where it stands, for messages.
    """
    text = command[:_LONGEST].strip()
    typed = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    found = []
    for statement in _split(text, ";\n"):
        calls = list(_walk(statement, (), ()))
        # Get-ExchangeServer | Get-Queue: the first one prints nothing.
        feeding = {words for call in calls if call.name in _GETTERS for words in call.before}
        found += [
            _asked(call, calls[:number], typed, place)
            for number, call in enumerate(calls)
            if call.name in _GETTERS and call.words not in feeding
        ]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Call:
    """One command in a pipeline, as words; the first of each is its name, folded.

    Attributes:
        words: the command.
        before: the commands whose output reaches it, in this pipeline or around it.
        after: what its output goes through, command by command.
    """

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...]
    after: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        return self.words[0]

    @property
    def identity(self) -> str:
        """The object that it names; empty: none."""
        found = (value for name, value in _arguments(self.words) if name in ("", "-identity"))
        return next(found, "")


def _asked(call: _Call, earlier: Sequence[_Call], typed: str, place: str) -> Asked:
    cmdlet = _GETTERS[call.name]
    given = dict(_arguments(call.words))
    limits = [name for name in given if name in _LIMITING]
    only_waiting = cmdlet == QUEUES and _hides_nothing(given.get("-filter", ""))
    if "-filter" in given and not only_waiting:
        limits.append("-Filter")
    size = given.get("-resultsize", "")
    if size.isdigit():
        limits.append(f"-ResultSize {size}")
    for words in call.after:
        limit, waiting = _limit(words, cmdlet)
        only_waiting = only_waiting or waiting
        limits += [limit] if limit else []
    servers = _names(given.get("-server", ""))
    each = any(name.startswith(("$", "(")) for name in servers)
    if each:
        servers = []
        # A loop over all servers covers all.
        each = not any(other.words[0] in _ALL_SERVERS and not other.identity for other in earlier)
    is_fed = bool(call.before)
    if is_fed:
        named, is_all = _source(call)
        servers += named
        each = not named and not is_all
    elif call.identity and cmdlet != RIGHTS:
        limits.append(f"one object, {call.identity}")
    return Asked(
        cmdlet,
        typed,
        place,
        tuple(dict.fromkeys(servers)),
        each,
        ", ".join(dict.fromkeys(limits)),
        only_waiting,
        size.casefold() == "unlimited",
        local=SPECS[cmdlet].is_local and not (is_fed or "-server" in given),
        identity=_literal(call.identity) if cmdlet == RIGHTS and not is_fed else "",
        user=_literal(given.get("-user", "")) if cmdlet == RIGHTS else "",
    )


_LIMITING = frozenset(
    {"-include", "-exclude", "-bookmarkindex", "-bookmarkobject", "-sortorder", "-owner", "-user"}
)


def _literal(text: str) -> str:
    r"""A name as typed, `SERVER\connector`; empty where it is a variable, a pattern or none."""
    return text if "\\" in text and not re.search(r"[$()*?]", text) else ""


def _source(call: _Call) -> tuple[list[str], bool]:
    """Which servers a pipeline hands to a call, and whether these are all there are."""
    first, *others = call.before
    name = first[0]
    if name in _LISTS_SERVERS:
        values = [value for key, value in _arguments(first) if key in ("", "-identity")]
        limited = any(_limit(words, SERVERS)[0] for words in others)
        return values, not values and not limited and name in _ALL_SERVERS
    is_names = len(first) == 1 and not name.startswith(("$", "("))
    return (_names(name) if is_names else []), False


def _limit(words: Sequence[str], cmdlet: str) -> tuple[str, bool]:
    """How a command of a pipeline takes objects away; and whether only queues without messages."""
    name, *rest = words
    folded = [word.casefold() for word in rest]
    if name in _WHERE:
        if cmdlet == QUEUES and _hides_nothing(" ".join(rest)):
            return "", True
        return "where", False
    if name in _SELECT or name in _SORT or name == "get-unique":
        cuts = [word for word in folded if any(_abbreviates(word, cut) for cut in _CUTS)]
        if cuts or name == "get-unique":
            return f"{name} {' '.join(cuts)}".strip(), False
        return "", False
    return "" if _PASSES.fullmatch(name) else name[:40], False


def _abbreviates(word: str, parameter: str) -> bool:
    """PowerShell takes a parameter by its first letters; `-f` alone is not clear to it."""
    return len(word) >= 3 and parameter.startswith(word.partition(":")[0])


def _hides_nothing(condition: str) -> bool:
    """Whether a filter on queues leaves out only those that hold no messages, and shadow queues."""
    bare = condition.strip().strip("{}()'\"\u2018\u2019\u201c\u201d ")
    parts = re.split(r"\s-and\s", bare, flags=re.IGNORECASE)
    return any(_NOT_EMPTY.fullmatch(part.strip("() ")) for part in parts) and all(
        _NOT_EMPTY.fullmatch(part.strip("() ")) or _NO_SHADOW.fullmatch(part.strip("() "))
        for part in parts
    )


def _arguments(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A command's parameters with their values; a value without a parameter has the name ""."""
    name = ""
    for word in words[1:]:
        if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            if name:
                yield name, ""
            head, colon, value = word.partition(":")
            name = _full(head.casefold())
            if colon and value:
                yield name, value
                name = ""
        else:
            yield name, word
            name = ""
    if name:
        yield name, ""


_PARAMETERS = (
    *("-identity", "-server", "-filter", "-resultsize", "-include", "-exclude"),
    *("-user", "-owner"),
)


def _full(name: str) -> str:
    """A parameter's whole name from its first letters."""
    fits = [parameter for parameter in _PARAMETERS if parameter.startswith(name)]
    return fits[0] if len(fits) == 1 else name


def _names(text: str) -> list[str]:
    """`EX10A,'EX10B'`: the names, without quotes."""
    parts = (part.strip().strip("".join(_QUOTES)) for part in text.split(","))
    return [part for part in parts if part]


# -- The text apart --------------------------------------------------------------------------------


def _walk(
    text: str, before: tuple[tuple[str, ...], ...], after: tuple[tuple[str, ...], ...]
) -> Iterator[_Call]:
    """The commands of a pipeline, those inside brackets too.

    Args:
        text: one statement.
        before: what stands before its brackets.
        after: what stands behind them.
    """
    assigned = re.match(r"\s*\$[\w:]+\s*\+?=\s*", text)
    if assigned:  # what is printed of the variable later may be a part
        text, after = text[assigned.end() :], (*after, ("a variable",))
    parts = [_words(part) for part in _split(text, "|")]
    commands = [(words[0].casefold(), *words[1:]) for words in parts if words]
    for place, words in enumerate(commands):
        is_loop = words[0] in ("foreach", "foreach-object", "%")
        earlier, later = (*before, *commands[:place]), (*commands[place + 1 :], *after)
        if _COMMAND.fullmatch(words[0]):
            yield _Call(words, earlier, later)
        for inner, is_picked in _inside(words):
            around = (
                *([("[...]",)] if is_picked else []),
                *(later if is_loop or not place else ()),
            )
            for statement in _split(inner, ";\n"):
                yield from _walk(statement, earlier if is_loop else (), around)


_COMMAND = re.compile(r"[a-z]+-[a-z]+|[a-z]+|[%?]")


def _inside(words: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """What stands in brackets among the words, and whether only some of it is taken, `(...)[0]`."""
    for word in words:
        if word.lstrip("$@")[:1] in ("(", "{"):
            body = word.lstrip("$@")
            end = _matching(body)
            yield body[1:end], body[end + 1 :].startswith(("[", ".where"))


def _matching(text: str) -> int:
    closed = (place for place, sign, depth in _scan(text) if depth == 0 and sign in _CLOSES)
    return next(closed, len(text))


def _scan(text: str) -> Iterator[tuple[int, str, int | None]]:
    """Each character with the brackets that are open behind it; None: it stands between quotes."""
    closing, depth = "", 0
    for place, sign in enumerate(text):
        if closing:
            closing = "" if sign in closing else closing
            yield place, sign, None
            continue
        closing = next((signs for signs in _QUOTES if sign in signs), "")
        if sign in _OPENS:
            depth += 1
        elif sign in _CLOSES:
            depth = max(0, depth - 1)
        yield place, sign, None if closing else depth


def _split(text: str, separators: str) -> list[str]:
    """The parts of a text between separators that stand outside quotes and brackets."""
    found = (place for place, sign, depth in _scan(text) if depth == 0 and sign in separators)
    return [text[start + 1 : end] for start, end in pairwise([-1, *found, len(text)])]


def _words(text: str) -> list[str]:
    """Words at blanks outside quotes and brackets; quotes around a word are taken off."""
    words, word = [], ""
    for _, sign, depth in _scan(text):
        if sign == "{" and depth == 1 and word[-1:] not in "$@:":
            words.append(word)  # where{...}, ?{...}
            word = ""
        if sign.isspace() and depth == 0:
            words.append(word)
            word = ""
        else:
            word += sign
    words.append(word)
    joined: list[str] = []
    for piece in filter(None, words):  # EX10A, EX10B: a list with blanks
        if joined and joined[-1].endswith(",") and not piece.startswith("-"):
            joined[-1] += piece
        else:
            joined.append(piece)
    return [item if "," in item else _bare(item) for item in joined]


def _bare(word: str) -> str:
    for signs in _QUOTES:
        if len(word) > 1 and word[0] in signs and word[-1] in signs:
            return word[1:-1]
    return word
