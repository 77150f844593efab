"""Lines of PowerShell as learners type them: calls of single cmdlets, and nothing else.

What stands in a remedy can be typed, and what an engineer would look at before and after: values
in quotes or without, lists, hashtables, switches, `-Confirm:$false`, and Format-List behind it to
choose what is shown. Everything else is refused with a sentence that says what can be typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mailflow.simulated.cmdlets import CMDLETS
from mailflow.sources.shell import Argument, Call
from mailflow.training.windows import COMMANDS

SWITCHES = frozenset({"whatif", "confirm", "verbose", "debug"})
"""Parameters that need no value, in lower case; all others take the next one."""

SHOWING = {
    "format-list": "Format-List",
    "fl": "Format-List",
    "format-table": "Format-Table",
    "ft": "Format-Table",
    "select-object": "Select-Object",
    "select": "Select-Object",
}
"""What may follow a `|`; each only chooses properties here."""

_POSITIONAL = {"get-service": "Name", "start-service": "Name", "restart-service": "Name"}
_PROMPT = re.compile(r"^\s*(?:\[PS\][^>\n]*>|PS [^>\n]*>|>>)\s?", re.MULTILINE)
_QUOTES = {'"': '"\u201c\u201d\u201e', "'": "'\u2018\u2019\u201a\u201b"}
"""PowerShell takes typographic quotes for straight ones."""
_PARAMETER = re.compile(r"[-\u2013-\u2015][A-Za-z][A-Za-z0-9]*:?")
"""Also with the long dashes that word processors write."""
_WORD = re.compile(r"(?:`.|[^\s,;|=(){}\"'`\u2018-\u201e])+")
_CONSTANTS: Mapping[str, Argument] = {"true": True, "false": False, "null": ""}
_ESCAPES = {"n": "\n", "t": "\t", "0": "\0", "r": "\r"}


def what_can_be_typed() -> str:
    """The sentence for whoever typed something else."""
    known = ", ".join(sorted([*CMDLETS, *COMMANDS]))
    return (
        "Here you can type single cmdlets with their parameters, one a line: "
        f"{known}. Behind a | stand Format-List, Format-Table or Select-Object with properties."
    )


class NotTypedError(ValueError):
    """A line that can't be typed here; the text says why, and what can be."""

    def __init__(self, why: str, line: str) -> None:
        """The text of the error is `why`, and what can be typed; the line stays beside it."""
        super().__init__(f"{why} {what_can_be_typed()}")
        self.line = line


@dataclass(frozen=True, slots=True)
class TypedLine:
    """One line, understood.

    Attributes:
        text: as it was typed.
        call: cmdlet and parameters.
        server: where Invoke-Command takes it; empty: the server of the session.
        properties: what is to be shown of what it returns; empty: the usual.
    """

    text: str
    call: Call
    server: str = ""
    properties: tuple[str, ...] = ()


def lines_of(text: str) -> list[TypedLine]:
    """The calls in a text, in order.

    Raises:
        NotTypedError: one of them is no call that can be typed here; nothing is to be run then.
    """
    return [_Statement(statement).line() for statement in _statements(_PROMPT.sub("", text))]


# -- Words and marks -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, or a mark: `,` `|` `=` `(` `)` `@(` `@{` `}`; a block is what stands in `{ }`."""

    kind: str
    text: str = ""


def _statements(text: str) -> Iterator[tuple[str, list[_Token]]]:
    """Each statement as typed, and its tokens."""
    reader = _Reader(text)
    while reader.at < len(text):
        start = reader.at
        tokens = list(reader.statement())
        if tokens:
            yield text[start : reader.at].strip().rstrip(";").strip(), tokens


@dataclass
class _Reader:
    """Takes a text apart, one statement after the other."""

    text: str
    at: int = 0
    _open: list[str] = field(default_factory=list)

    def statement(self) -> Iterator[_Token]:
        """The tokens up to the end of the line, or up to a semicolon."""
        begin, last = self.at, ""
        while self.at < len(self.text):
            character = self.text[self.at]
            if character in "\n;" and not self._open:
                self.at += 1
                if character == "\n" and last in (",", "|"):
                    continue  # the statement goes on below
                return
            if character.isspace() or (character == ";" and self._open):
                self.at += 1
            elif self.text.startswith(("`\n", "`\r\n"), self.at):
                self.at = self.text.index("\n", self.at) + 1
            elif character == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                token = self._token(begin)
                last = token.kind
                yield token
        if self._open:
            raise NotTypedError(f"A {self._open[-1]} is not closed.", self.text[begin:])

    def _token(self, begin: int) -> _Token:
        for mark in ("@(", "@{", "(", ")", "}", ",", "|", "="):
            if self.text.startswith(mark, self.at):
                self.at += len(mark)
                if mark in ("@(", "@{", "("):
                    self._open.append(mark)
                elif mark in (")", "}") and self._open:
                    self._open.pop()
                return _Token(mark)
        if self.text[self.at] == "{":
            return _Token("block", self._block(begin))
        quote = self._quote()
        if quote:
            return _Token("quoted", self._quoted(quote, begin))
        return self._word()

    def _quote(self) -> str:
        return next((kind for kind, all_ in _QUOTES.items() if self.text[self.at] in all_), "")

    def _quoted(self, kind: str, begin: int) -> str:
        """A text in quotes; doubled quotes stand for one, a backtick escapes in double ones."""
        self.at += 1
        found: list[str] = []
        while self.at < len(self.text):
            character = self.text[self.at]
            self.at += 1
            if character in _QUOTES[kind]:
                if self.text[self.at : self.at + 1] not in _QUOTES[kind] or self.at == len(
                    self.text
                ):
                    return "".join(found)
                self.at += 1
            elif character == "`" and kind == '"' and self.at < len(self.text):
                character = self.text[self.at]
                self.at += 1
                character = _ESCAPES.get(character, character)
            elif character == "$" and kind == '"':
                raise NotTypedError(
                    "Variables are not supported here, so double quotes cannot contain $.",
                    self.text[begin : self.at],
                )
            found.append(character)
        raise NotTypedError("A quotation mark is not closed.", self.text[begin:])

    def _block(self, begin: int) -> str:
        """What stands between braces, as typed."""
        deep, start = 0, self.at + 1
        while self.at < len(self.text):
            character = self.text[self.at]
            quote = self._quote()
            if quote:
                self._quoted(quote, begin)
                continue
            deep += (character == "{") - (character == "}")
            self.at += 1
            if not deep:
                return self.text[start : self.at - 1]
        raise NotTypedError("A { is not closed.", self.text[begin:])

    def _word(self) -> _Token:
        """A bare word; a parameter takes its colon along: `-Confirm:`."""
        found = _PARAMETER.match(self.text, self.at)
        if found and (found[0].endswith(":") or self._ends(found.end())):
            self.at = found.end()
            return _Token("parameter", found[0][1:])
        found = _WORD.match(self.text, self.at)
        if found is None:
            raise NotTypedError(f"{self.text[self.at]} can't stand here.", self.text)
        self.at = found.end()
        return _Token("word", re.sub("`(.)", r"\1", found[0]))

    def _ends(self, at: int) -> bool:
        return at == len(self.text) or self.text[at] in " \t\r\n,;|=(){}@"


# -- A statement -----------------------------------------------------------------------------------


class _Statement:
    """The tokens of one statement, read from left to right."""

    def __init__(self, read: tuple[str, list[_Token]]) -> None:
        self._text, self._tokens = read
        self._at = 0

    def line(self) -> TypedLine:
        """What it means."""
        name = self._take()
        if name.kind != "word" or not re.fullmatch(r"[A-Za-z]+-[A-Za-z]+", name.text):
            raise self._refused(f"{name.text or name.kind} is no cmdlet.")
        if name.text.casefold() == "invoke-command":
            return self._elsewhere()
        call = Call(name.text, self._parameters(name.text))
        return TypedLine(self._text, call, properties=self._properties())

    def _refused(self, why: str) -> NotTypedError:
        return NotTypedError(why, self._text)

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _Token("end")

    def _take(self) -> _Token:
        token = self._peek()
        self._at += 1
        return token

    def _parameters(self, cmdlet: str) -> dict[str, Argument]:
        found: dict[str, Argument] = {}
        first = _POSITIONAL.get(cmdlet.casefold(), "Identity")
        while self._peek().kind not in ("end", "|"):
            token = self._peek()
            name = first
            if token.kind == "parameter":
                self._take()
                name = token.text.rstrip(":")
                if name.casefold() in SWITCHES and not token.text.endswith(":"):
                    found[name] = True
                    continue
                if self._peek().kind in ("end", "|", "parameter"):
                    raise self._refused(f"-{name} lacks its value.")
            elif first in found:
                raise self._refused(f"It is not clear which parameter {token.text!r} is for.")
            if any(name.casefold() == parameter.casefold() for parameter in found):
                raise self._refused(f"-{name} is given twice.")
            found[name] = self._value()
        return found

    def _value(self) -> Argument:
        """A value, or several joined by commas."""
        if self._peek().kind == "@{":
            return self._table()
        values = [self._element()]
        while self._peek().kind == ",":
            self._take()
            values.append(self._element())
        if len(values) == 1 and not isinstance(values[0], tuple):
            return values[0]
        return tuple(text for value in values for text in self._texts(value))

    def _element(self) -> Argument:
        token = self._take()
        if token.kind in ("(", "@("):
            inside = () if self._peek().kind == ")" else self._texts(self._value())
            if self._take().kind != ")":
                raise self._refused("A ( is not closed.")
            return inside
        if token.kind == "quoted":
            return token.text
        if token.kind == "block":
            return token.text.strip()  # -Filter takes one
        if token.kind == "word" and token.text.startswith("$"):
            constant = _CONSTANTS.get(token.text[1:].casefold())
            if constant is None:
                raise self._refused(f"Variables such as {token.text} are not supported here.")
            return constant
        if token.kind == "word":
            return token.text
        raise self._refused("A value is missing.")

    def _texts(self, value: Argument) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        if isinstance(value, str):
            return (value,)
        raise self._refused("A list holds texts alone.")

    def _table(self) -> Mapping[str, tuple[str, ...]]:
        """A hashtable: `@{Add="a","b"; Remove="c"}`; its parts may stand without a semicolon."""
        self._take()
        found: dict[str, tuple[str, ...]] = {}
        while self._peek().kind != "}":
            key = self._take()
            if key.kind not in ("word", "quoted") or self._take().kind != "=":
                raise self._refused('A hashtable is written @{Add="..."; Remove="..."}.')
            found[key.text] = self._texts(self._value())
        self._take()
        return found

    def _properties(self) -> tuple[str, ...]:
        """Which properties are to be shown, by what follows a `|`."""
        chosen: tuple[str, ...] = ()
        while self._peek().kind == "|":
            self._take()
            command = self._take()
            if SHOWING.get(command.text.casefold()) is None:
                raise self._refused(f"| {command.text} can't be typed here.".replace("  ", " "))
            while self._peek().kind not in ("end", "|"):
                if self._peek().kind == "parameter":
                    self._take()  # -AutoSize and its like: there is one form of table here
                    continue
                chosen = self._texts(self._value())
        return () if any("*" in name for name in chosen) else chosen

    def _elsewhere(self) -> TypedLine:
        """`Invoke-Command -ComputerName X { ... }`: one command of Windows on another machine."""
        server, block = "", ""
        while self._peek().kind != "end":
            token = self._take()
            if token.kind == "block":
                block = token.text
            elif token.kind == "parameter" and token.text.casefold() in (
                *("computername", "computername:", "cn", "scriptblock", "scriptblock:"),
            ):
                if token.text.casefold().startswith("c"):
                    server = str(self._value())
            else:
                raise self._refused("Invoke-Command is written -ComputerName SERVER { ... } here.")
        inside = lines_of(block)
        if not server or len(inside) != 1 or inside[0].server:
            raise self._refused("Invoke-Command takes a server and one command in braces here.")
        return TypedLine(self._text, inside[0].call, server, inside[0].properties)
