"""Console text as people pass it on: pasted, redirected, or out of a transcript.

Reading goes in three steps: lines to blocks (one block is one printed object) and tables, pieces of
a value to its text (section 10.1 is all that is known of how PowerShell
cuts), text to values. What can't be told is unread, never a guess.
"""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice

from mailflow.budget import Budget
from mailflow.exchange.cmdlets import PROPERTIES, SPECS, Kind
from mailflow.snapshot import Unread
from mailflow.sources.exports.above import BY_NAME, GET, cmdlet_in, last_get, row_below
from mailflow.sources.exports.cmdlets import describe
from mailflow.sources.exports.columns import RULE
from mailflow.sources.exports.damage import drop_damaged, is_whole, odd_ones, told
from mailflow.sources.exports.lines import each_line
from mailflow.sources.exports.pieces import ConsoleSigns
from mailflow.sources.exports.printed import kinds_of, value_of_pieces
from mailflow.sources.exports.tabled import MOST_HEADS, PrintedTable, read_table
from mailflow.sources.row import ROW, Lost, Reading, Row, Value, size_of

_CONTROL = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # colours, cursor
    r"|\x1b\][^\x07\x1b\n]{0,512}(?:\x07|\x1b\\)"  # window titles
    r"|\x1b[()=>A-Z0-9]"
)
_PROMPT = re.compile(
    # A time, a history number, a remote computer or [PS] may stand before the folder (S8.86).
    r"\s*(?:\[[^\]\n]{1,255}\]:?\s*){0,3}"
    r"(?:PS\b\s?[^>\n]{0,300}|[A-Za-z]:\\[^>\n]{0,300})>+\s*(.*)"
    r"|\s*(?:\[[^\]\n]{1,255}\]\s*)?(?:\[PS\]|\[[^\]\n]{1,255}\]:)[^>\n]{0,300}>+\s*(.*)"
    r"|\s*>>?\s*()$",
    re.DOTALL,
)
_CONTINUED = re.compile(r"\s*>>+ ?(.*)", re.DOTALL)
_COMMAND = re.compile(
    r"\(*\s*(?:Get|Set|Test|Import|Export|Select|ForEach|Where)-[A-Za-z]+\b", re.IGNORECASE
)
_ERROR = re.compile(r"\s*([A-Za-z]{2,20}-[A-Za-z]{2,60})\s?: (.*)", re.DOTALL)
_PRINTED = re.compile(r"[ \t]*[^\W\d][\w.#-]{0,120} *:(?: |$)")
# The line that -GroupBy prints above a table.
_GROUP = re.compile(r" {2,4}([^\W\d]\w{0,80}): (\S.*)")
_WARNING = re.compile(r"\s*(?:WARNING|WARNUNG|AVERTISSEMENT|ADVERTENCIA|AVVISO): ?(.*)", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w.#-]{0,120}")
_LAST = "objectstate"  # of Exchange's objects, if all properties are printed
_LONGEST_NAME = 250
_LONGEST_COMMAND = 2000  # characters of a command line that are kept
_NARROWEST = 79  # characters of a line that a console may have cut
_SHOWN = 160
_BLOCK, _PROPERTY, _PIECE = 500, 260, 70  # bytes of memory, about, besides their letters
_LOOKED_AT = 50  # objects with other properties than most that are looked at twice


@dataclass(slots=True)
class _Property:
    """A printed property: the pieces of its value, as they stand behind the indent."""

    name: str
    pieces: list[str]
    cut: bool = False  # the text ends here, without a line break
    torn: bool = False  # lines without indent follow whose part in the value can't be told


@dataclass(slots=True)
class _Block:
    """One printed object.

    Attributes:
        line: number of its first line.
        margin: blanks in front of its names.
        column: where the colon of its first line stands.
        command: the command line above it, as typed; "" without one.
    """

    line: int
    margin: int
    column: int
    command: str
    properties: list[_Property] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    aligned: bool = True
    loose: bool = False  # an empty line after every line
    damaged: bool = False  # a line stands in it that no command prints there

    def add(self, name: str, value: str) -> None:
        """Begin the next property."""
        self.properties.append(_Property(sys.intern(name), [value]))
        self.names.add(sys.intern(name.casefold()))

    @property
    def may_be_collapsed(self) -> bool:
        """Whether each name touches its colon: names of one length, or blanks that collapsed."""
        return all(_touches(member.name, self.margin, self.column) for member in self.properties)

    def layout(self) -> tuple[int, tuple[str, ...]]:
        """What two objects out of one command have in common."""
        return self.column, tuple(member.name for member in self.properties)


def read_console(text: str, place: str, budget: Budget | None = None) -> Reading:
    """All objects that stand in a console text as lists, and what else was seen there.

    Args:
        text: decoded; the reader takes out colours, and the blanks that pasting leaves behind.
        place: the file, for messages.
        budget: what reading may cost; None: one for this text alone.

    Returns:
        Rows of the cmdlets mailflow reads; tables that cannot be read, errors and warnings of these
        as *unread*; what others printed, and text that is no export, as *ignored*.

    Raises:
        BudgetError: it would cost too much.
    """
    reading = Reading()
    budget = budget or Budget(len(text))
    walker = _Walker(reading, place, budget)
    line = ""
    for number, (line, following) in enumerate(_looking_ahead(_lines(text)), 1):
        budget.step()
        walker.take(number, line, following)
    ends_in = walker.block if not (walker.stray or walker.gap) else None
    torn_line = not text.endswith("\n") and walker.is_within_object(line)
    if walker.table and line.strip():
        walker.table.ends = True
    walker.finish()
    reading.commands = [
        (command, f"{place}, line {line}") for line, command in walker.commands.items()
    ]
    blocks, last = walker.blocks, walker.blocks[-1:]
    if _breaks_off(blocks):
        _drop_broken(blocks, reading, place)
        blocks, last = (blocks[:-1], last) if blocks[-1:] == last else (blocks, [])
    elif ends_in and last == [ends_in] and not text.endswith(("\n", "\r", "\0")):
        _doubt_end(blocks, reading, place)
        last = []
    elif last and torn_line:
        why = f"{place}: the text ends in the middle of an object"
        reading.unread += told(filter(None, [_cmdlet(last[0])]), why)
        last = []
    else:
        last = []
    for group in _groups([*_whole_blocks(blocks, reading, place), *last]):
        _read_group(group, reading, place, budget)
    budget.held -= walker.held
    drop_damaged(reading)
    reading.ignored = list(dict.fromkeys(reading.ignored))
    if not (reading.rows or reading.unread or reading.ignored or reading.commands):
        what = "not PowerShell output mailflow can read; export with Export-Clixml or Format-List"
        reading.ignored.append((what, place))
    return reading


def _lines(text: str) -> Iterator[str]:
    """Lines without colours; without trailing blanks where pasting gave them to every line."""
    bare = _CONTROL.sub("", text) if "\x1b" in text else text
    bare = bare.removeprefix("\ufeff").replace("\u00a0", " ")
    # A line that PowerShell wrote ends in a blank only where it was cut or has no value: where
    # those with a whole value do so too, the blanks mean nothing.
    whole = padded = 0
    for line in each_line(bare):
        if " : " in line and not line.rstrip().endswith(":"):
            whole += 1
            padded += line.rstrip("\r").endswith(" ")
    ends = None if padded * 2 > whole else "\r"
    return (line.rstrip(ends) for line in each_line(bare))


def _looking_ahead(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Each line, with the first of the two below it that is not empty."""
    window = deque(islice(lines, 3))
    while window:
        line = window.popleft()
        yield line, next((text for text in window if text.strip()), "")
        window.extend(islice(lines, 1))


class _Walker:
    """Sorts lines: command lines, tables, errors, and blocks of properties."""

    def __init__(self, reading: Reading, place: str, budget: Budget) -> None:
        self.reading = reading
        self.place = place
        self.budget = budget
        self.held = 0  # bytes of memory, about, that blocks take
        self.blocks: list[_Block] = []
        self.block: _Block | None = None
        self.command = ""
        self.command_line = 0
        self.commands: dict[int, str] = {}  # those of cmdlets of ours, by the line they begin in
        self.typing = 0  # characters of the line above where it is one of a command, else 0
        self.answered = True  # something recognisable stands below the command line
        self.gap = 0  # empty lines above this one
        self.headers: list[str] = []  # lines that may be the head of a table
        self.wrapped: list[str] = []  # a line taken for more of a command may be one as well
        self.group = (0, "", "")  # the line of -GroupBy: its number, a name, a value
        self.table: PrintedTable | None = None
        self.in_table = False  # no empty line since the table began
        self.is_ours = False  # the table is of a cmdlet of ours
        self.stray: list[str] = []  # lines without indent below a property
        self.stray_gap = 0

    def take(self, number: int, line: str, following: str) -> None:
        """One line, numbered from 1, and the next one that is not empty."""
        if self._goes_on(line):
            return
        self.typing = 0
        if not line.strip():
            if self.block and not self.gap and len(line) >= self.block.column + 2:
                self._continues(line)  # a file keeps the indent of an empty piece
                return
            # Else an empty line inside a value shows only once more of the value follows.
            self.gap += 1
            self.in_table = False
            if self.gap > 1:
                self.headers.clear()
            return
        if not self._continues(line):
            self._sort(number, line, following)
        self.gap = 0

    def finish(self) -> None:
        """After the last line."""
        self._close()
        self._end_table()
        self._unanswered()

    def is_within_object(self, last: str) -> bool:
        """Whether the last line, without a line break, is the beginning of one of an object."""
        begun = last.strip().casefold()
        if not begun:
            return bool(last) and self.block is not None
        names = self.block.names if self.block else set()
        named = any(name.startswith(begun) for name in names)
        return bool(self.stray) and (named or not self.stray_gap)

    def _continues(self, line: str) -> bool:
        """Take a line as the next piece of the value above it, if its indent says so."""
        block = self.block
        if block is None or self.stray or (self.gap > 1 and not block.loose):
            return False
        indent = block.column + 2
        if line[:indent].strip() or not block.aligned:
            return False
        if self.gap and not block.loose and len(block.properties) > 1:
            block.properties[-1].pieces.extend([""] * self.gap)
        self._hold(_PIECE + len(line))
        block.properties[-1].pieces.append(line[indent:])
        return True

    def _hold(self, size: int) -> None:
        self.held += size
        self.budget.hold(size, self.place)

    def _tell(self, cmdlet: str, why: str) -> None:
        self.budget.hold(ROW, self.place)
        self.reading.unread.append(Unread("", cmdlet, why))

    def _sort(self, number: int, line: str, following: str) -> None:
        prompt = _PROMPT.fullmatch(line)
        if prompt or (_COMMAND.match(line) and not _ERROR.match(line)):
            typed = next((part for part in prompt.groups() if part), "") if prompt else line
            self._begin_command(number, typed.strip(), len(line))
        elif RULE.fullmatch(line) and (self.headers or self.wrapped) and not self.in_table:
            self._begin_table(number, line)
        elif self.in_table and self.table:
            # A line of dashes stands below the title of a list as well.
            is_list = not self.is_ours and self._property(number, line)
            if not is_list and not self._complaint(number, line):
                self._hold(_PIECE + len(line))
                self.table.lines.append((number, line))
        elif self._property(number, line) or self._complaint(number, line):
            self.headers.clear()
        elif not RULE.fullmatch(following) and _bare_header(line):
            self._end_table()
            self._take_table(PrintedTable(number, self.command, [line], ""))
        else:
            self._stray(number, line)

    def _begin_command(self, number: int, typed: str, width: int) -> None:
        self._close()
        self._end_table()
        if typed:
            self._unanswered()
            self.command_line, self.answered, self.typing = number, False, width
            self.wrapped = []
            self._know_command(typed)

    def _goes_on(self, line: str) -> bool:
        """Take a line as more of the command line right above it.

        It stands behind `>>`, or the console cut a command line that is wider than its window.
        """
        continued = _CONTINUED.fullmatch(line)
        if not self.typing or not line.strip():
            return False
        if continued:
            self._know_command(f"{self.command} {continued[1].strip()}".rstrip())
        elif self.typing >= max(_NARROWEST, len(line)) and not _is_output(line):
            self._know_command(self.command + line)
            self.wrapped = [line]
        else:
            return False
        self.typing = max(len(line), 1) if continued or len(line) == self.typing else 0
        return True

    def _know_command(self, typed: str) -> None:
        known, self.command = self.command, typed[:_LONGEST_COMMAND]
        if self.command_line in self.commands and self.command == known:
            return  # already as long as it may be
        if any(BY_NAME.get(name.casefold()) for name in GET.findall(self.command)):
            self.budget.hold(ROW, self.place)
            self.commands[self.command_line] = self.command

    def _unanswered(self) -> None:
        """Say so where a cmdlet of ours printed something that is neither list nor table."""
        cmdlet = last_get(self.command)
        if not self.answered and self.headers and cmdlet in PROPERTIES:
            why = (
                f"{self.place}, line {self.command_line}: the output of {cmdlet} is not a list of "
                f"properties; run `{SPECS[cmdlet].shows_all}`"
            )
            self._tell(cmdlet, why)
        self.headers.clear()

    def _property(self, number: int, line: str) -> bool:
        head, colon, value = line.partition(":")
        name = head.strip()
        if not colon or not head.endswith(" ") or not name or len(name) > _LONGEST_NAME:
            return False
        margin, column = len(head) - len(head.lstrip(" ")), len(head)
        block = self.block
        aligned = block is not None and (margin, column) == (block.margin, block.column)
        if not (_NAME.fullmatch(name) or aligned) or _ERROR.match(line):
            return False
        if value and not value.startswith(" "):
            return False
        if block is None or self._is_next(name, margin, column):
            self._close()
            self._end_table()
            self._hold(_BLOCK)
            self.block = block = _Block(number, margin, column, self.command)
        else:
            self._settle_stray(last=False)
            block.loose = block.loose or (self.gap > 0 and len(block.properties) == 1)
            block.aligned = block.aligned and aligned
        self.answered = True
        self._hold(_PROPERTY + len(value))
        block.add(name, value.removeprefix(" "))
        return True

    def _is_next(self, name: str, margin: int, column: int) -> bool:
        """Whether a property begins another object, and not goes on with the one above."""
        block = self.block
        assert block is not None  # noqa: S101 - the caller looked
        if name.casefold() in block.names or margin != block.margin:
            return True
        gap = self.stray_gap if self.stray else self.gap
        if gap and not block.loose and len(block.properties) > 1:
            return True
        return (
            gap > 1
            or (gap == 0 and block.loose)
            or (
                # Columns differ only where whatever passed the text on collapsed the blanks.
                column != block.column
                and block.aligned
                and len(block.properties) > 1
                and not (_touches(name, margin, column) and block.may_be_collapsed)
            )
        )

    def _complaint(self, number: int, line: str) -> bool:
        """Take errors and warnings of our cmdlets: the answer may hold less than there is."""
        error, warning = _ERROR.match(line), _WARNING.match(line)
        cmdlet = BY_NAME.get(error[1].casefold()) if error else None
        if warning:
            cmdlet = last_get(self.command)
        if cmdlet in PROPERTIES and cmdlet:
            said = (error[2] if error else warning[1] if warning else "").strip()[:_SHOWN]
            why = f"{self.place}, line {number}: {'a warning' if warning else 'an error'}: {said}"
            self._tell(cmdlet, why)
            self.answered = True
        if error or warning:
            self._close()
            self._end_table()
        return bool(error or warning)

    def _begin_table(self, number: int, rule: str) -> None:
        """A line of dashes below one that may be the heading of a table."""
        heads = self.headers
        if not heads:  # the console's width made it more of the command line
            heads = self.wrapped
            self._know_command(self.command.removesuffix(heads[0]))
        if self.table:
            self.table.take_back(len(heads))
        self._end_table()
        at, *named = self.group
        group = (named[0], named[1]) if at == number - len(heads) - 2 else None
        self._take_table(PrintedTable(number - 1, self.command, [*heads], rule, group))

    def _take_table(self, table: PrintedTable) -> None:
        """Begin a table; one without dashes holds nothing but the names of its columns."""
        self._close()
        self.headers.clear()
        self.is_ours = table.cmdlet is not None
        if table.rule or self.is_ours:
            self.table, self.in_table, self.answered = table, True, True

    def _end_table(self) -> None:
        """Read the table above, once all of it is there."""
        if self.table:
            found = read_table(self.table, self.place)
            told_of = ROW * (len(found.unread) + len(found.ignored))
            size = sum(size_of(row.values) for row in found.rows) + told_of
            self.budget.hold(size, self.place)
            self.reading.add(found)
        self.table, self.in_table = None, False

    def _stray(self, number: int, line: str) -> None:
        grouped = _GROUP.fullmatch(line)
        self.group = (number, grouped[1], grouped[2]) if grouped else self.group
        if self.gap:
            self.headers.clear()
        self.headers.append(line)
        del self.headers[:-MOST_HEADS]
        if self.table:
            self.table.add_below(number, line, is_apart=self.gap > 0)
        if self.block is not None:
            if not self.stray:
                self.stray_gap = self.gap
            self._hold(_PIECE + len(line))
            self.stray.append(line.strip())

    def _settle_stray(self, *, last: bool) -> None:
        """Decide what lines without indent below a property are.

        In a text whose columns collapsed they are pieces of the value if more of the object
        follows. Else they may be, and the value is torn, unless an empty line stands between.
        """
        block, lines = self.block, self.stray
        self.stray = []
        if not lines or block is None:
            return
        value = block.properties[-1]
        collapsed = not block.aligned or (block.loose and len(block.properties) > 1)
        if collapsed and not last:
            value.pieces.extend(lines)
        elif block.loose or not self.stray_gap or not last:
            value.torn = True
            # Whoever takes the indent of a line away takes that of all lines.
            block.damaged |= len(value.pieces) > 1 and not last
        block.damaged |= any("\0" in line for line in lines)

    def _close(self) -> None:
        self._settle_stray(last=True)
        if self.block is not None:
            self.blocks.append(self.block)
            self.block = None


def _is_output(line: str) -> bool:
    """Whether a line begins something that a command printed, or another command."""
    return bool(_PROMPT.fullmatch(line) or RULE.fullmatch(line) or _PRINTED.match(line))


def _touches(name: str, margin: int, column: int) -> bool:
    """Whether a single blank stands between a name and its colon."""
    return margin + len(name) + 1 == column


def _breaks_off(blocks: list[_Block]) -> bool:
    """Whether the text ends within its last object: the one before it has further properties.

    One command prints the same properties in the same order for every object of a kind.
    """
    if len(blocks) < 2 or blocks[-1].command != blocks[-2].command:
        return False
    names, whole = (
        [member.name for member in block.properties] for block in (blocks[-1], blocks[-2])
    )
    return len(names) < len(whole) and whole[: len(names)] == names


def _drop_broken(blocks: list[_Block], reading: Reading, place: str) -> None:
    """Take no value that may be cut, and say that the end is missing: objects may stand there."""
    broken, names = blocks[-1], [member.name for member in blocks[-2].properties]
    lost = broken.properties.pop()
    cmdlet = cmdlet_in(broken.command, names)
    left = names[: len(broken.properties)]
    if not cmdlet_in(broken.command, left):
        blocks.pop()  # too little to tell what it is, and no export of something else
    if cmdlet is not None:
        why = (
            f"{place}, line {broken.line}: the text ends at {lost.name}, in the middle of an "
            "object; the rest is missing"
        )
        reading.unread.append(Unread("", cmdlet, why))


def _doubt_end(blocks: list[_Block], reading: Reading, place: str) -> None:
    """Look twice at the last value of a text without a line break at its end: it may be cut."""
    block, cmdlet = blocks[-1], _cmdlet(blocks[-1])
    value = block.properties[-1]
    known = kinds_of(cmdlet) if cmdlet else {}
    name = value.name.casefold()
    text = "".join(value.pieces)
    names = [member.name for member in block.properties]
    alone = all([member.name for member in other.properties] != names for other in blocks[:-1])
    elsewhere = any(
        member.name == value.name and member.pieces == value.pieces
        for other in blocks[:-1]
        for member in other.properties
    )
    value.cut = name in known and not (elsewhere or is_whole(known[name][1], text))
    if cmdlet and (value.cut or (alone and name != _LAST)):
        why = f"{place}, line {block.line}: {value.name}: the text ends without a line break"
        reading.unread += told([cmdlet], f"{why}, and may be cut there")


def _whole_blocks(blocks: list[_Block], reading: Reading, place: str) -> list[_Block]:
    """The objects without those that are damaged: joined out of two, or pieces of one."""
    kept: list[_Block] = []
    for _command, some in groupby(blocks, key=lambda block: block.command):
        together = list(some)
        cmdlets = [_cmdlet(block) for block in together]
        odd = {
            number: cmdlets[number] or ""
            for number, block in enumerate(together)
            if block.damaged and cmdlets[number]
        }
        for cmdlet in sorted({name for name in cmdlets if name}):
            own = [number for number, name in enumerate(cmdlets) if name == cmdlet]
            names = [[member.name for member in together[number].properties] for number in own]
            lines = [together[number] for number in own]
            odd_here = odd_ones(cmdlet, names)
            for which in odd_here:
                if len(odd_here) > _LOOKED_AT or not _is_another_export(lines[which], lines):
                    odd[own[which]] = cmdlet
            usual = {name.casefold() for shape in names for name in shape}
            for number, block in enumerate(together):
                if cmdlets[number] is None and 2 * len(block.names & usual) > len(block.names):
                    odd[number] = cmdlet
        for number, cmdlet in sorted(odd.items()):
            why = f"{place}, line {together[number].line}: the object is damaged: its properties"
            reading.unread += told([cmdlet], f"{why} are not those of the others of this export")
            reading.cmdlets.add(cmdlet)
        kept += [block for number, block in enumerate(together) if number not in odd]
    return kept


def _is_another_export(block: _Block, others: list[_Block]) -> bool:
    """Whether an object with fewer properties comes from a command of its own.

    Format-List sets its colons behind the longest name: lines that are missing leave them where
    they were, chosen properties move them.
    """
    longest = max((len(member.name) for member in block.properties), default=0)
    known = {name for other in others if other is not block for name in other.names}
    return (
        block.aligned
        and block.column == block.margin + longest + 1
        and block.names <= known
        and not any(_runs_in(block, other) for other in others if other is not block)
        and all(other.column != block.column for other in others if other is not block)
    )


def _runs_in(block: _Block, other: _Block) -> bool:
    """Whether properties stand in another object side by side: a piece of one like that."""
    some, names = ([member.name for member in each.properties] for each in (block, other))
    at = names.index(some[0]) if some[0] in names else 0
    return names[at : at + len(some)] == some


def _cmdlet(block: _Block) -> str | None:
    return cmdlet_in(block.command, [member.name for member in block.properties])


def _groups(blocks: list[_Block]) -> Iterator[list[_Block]]:
    """Objects side by side that one command printed: they share a console's width."""
    group: list[_Block] = []
    for block in blocks:
        if group and (group[-1].layout() != block.layout() or group[-1].command != block.command):
            yield group
            group = []
        group.append(block)
    if group:
        yield group


def _read_group(group: list[_Block], reading: Reading, place: str, budget: Budget) -> None:
    """Put the objects of one command where they belong; all have the same properties."""
    names = [member.name for member in group[0].properties]
    cmdlet = cmdlet_in(group[0].command, names)
    if cmdlet is None:
        budget.hold(ROW, place)
        reading.ignored.append((describe([], names), place))
        return
    reading.cmdlets.add(cmdlet)
    together = ConsoleSigns.of([member.pieces for block in group for member in block.properties])
    for block in group:
        alone = ConsoleSigns.of([member.pieces for member in block.properties])
        row = _row(block, cmdlet, (alone, together), place)
        budget.hold(size_of(row.values), place)
        reading.rows.append(row)


def _row(
    block: _Block, cmdlet: str, evidence: tuple[ConsoleSigns, ConsoleSigns], place: str
) -> Row:
    known = kinds_of(cmdlet)
    values: dict[str, Value] = {}
    computer = ""
    for member in block.properties:
        folded = member.name.casefold()
        if folded == "pscomputername":
            computer = "".join(member.pieces).strip()
        if folded in known:
            name, kind = known[folded]
            values[name] = _value(member, kind, evidence)
    return row_below(block.command, cmdlet, values, f"{place}, line {block.line}", computer)


def _value(member: _Property, kind: Kind, evidence: tuple[ConsoleSigns, ConsoleSigns]) -> Value:
    together = "".join(piece.strip() for piece in member.pieces)
    braced = kind is Kind.LIST and together.startswith("{")
    whole = braced and together.endswith("}")
    if member.cut:
        return Lost("the text ends without a line break: the value may be cut", together)
    if member.torn and not whole:
        return Lost("its lines lost their indentation, so its end is unknown", together)
    return value_of_pieces(kind, member.pieces, evidence)


def _bare_header(line: str) -> bool:
    """Whether a line without a rule below is a table's head: names of one cmdlet's properties."""
    words = line.replace("|", " ").split()
    if not 3 <= len(words) <= 40:
        return False
    folded = {word.casefold() for word in words}
    return any(folded <= {name.casefold() for name in known} for known in PROPERTIES.values())
