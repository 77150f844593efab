"""CSV: Export-Csv of a cmdlet, and the two small files people and Collect-MailFlow.ps1 write."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailflow.budget import Budget, BudgetError
from mailflow.errors import InputError
from mailflow.exchange.cmdlets import Kind
from mailflow.exchange.ranges import address_or_none
from mailflow.snapshot import Unread
from mailflow.sources.exports.cmdlets import cmdlet_of, describe
from mailflow.sources.exports.damage import drop_damaged, is_whole, mentioned, told
from mailflow.sources.exports.printed import kinds_of, printed_value
from mailflow.sources.row import ROW, Lost, Reading, Row, Value, size_of

ADDRESSES = "addresses.csv"
"""What the rows of a list of addresses have for a cmdlet."""
_SERVER = frozenset({"server", "servername", "exchangeserver", "serveur"})
_ADDRESS = frozenset({"address", "ip", "ipaddress", "ipadresse", "adresse", "adresseip"})
"""What people call the two columns of a list of addresses, in letters alone."""
UNNAMED = "a list of addresses whose first line is not server,address"
"""What is said of such a list that names its columns otherwise, or not at all."""
SIGNS = ("has_dns_servers", "has_gateway", "registers_in_dns")
"""Columns that such a list may have besides: True or False, and nothing where it is not known."""

_MAY_BE_CUT = "the last line ends without a line break"
_COLUMN = re.compile(r"[^\W\d][\w .:#()/-]{0,200}")
_LINE = 64  # bytes of memory, about, that a line takes besides its letters
_MOST_COLUMNS = 20_000
_BEGINNING, _FEW_LINES, _PAIR = 10_000, 20, 2
_LONGEST_RECORD = 1000  # lines of one record; a quote that stays open longer is damage
_TYPE = re.compile(r'"?#TYPE\s+([^\r\n",;]{1,500})"?[ \t]*', re.IGNORECASE)


def read_csv(text: str, place: str, budget: Budget | None = None) -> Reading:
    """All rows of a CSV text, separated by commas, semicolons or tabs.

    The header `server,address` makes rows of `addresses.csv`, in either order, in other words for
    the two (`Server;IP address`), and also with `SIGNS` behind it;
    `server,what,why` rows of *unread*. A row with too few or too many columns, or with a quote that
    is not closed, is *unread*, with its line; so is one that holds what no value holds
    (`damage.fault_of`). The last line of a text that does not end in a line break may be cut.

    Args:
        text: decoded.
        place: the file, for messages.
        budget: what reading may cost; None: one for this text alone. Beyond it what stands before
            is read, and the rest is a row of *unread*.

    Raises:
        InputError: there is no header; names the place.
    """
    budget = budget or Budget(len(text))
    with budget.holding(_LINE * text.count("\n") + len(text), place):
        return _read(text, place, budget)


def _read(text: str, place: str, budget: Budget) -> Reading:
    reading = Reading()
    bare = text.lstrip("\ufeff").lstrip("\r\n")
    head, _, rest = bare.partition("\n")
    kind, first = _TYPE.fullmatch(head.rstrip("\r")), 1
    if kind:
        bare, first = rest, 2
    records = _records(bare, first)
    header, _line, fault = next(records, ([], 0, ""))
    header = [name.strip() for name in header]
    if fault or not any(header):
        raise InputError(f"{place}: CSV without column names")
    folded = [name.casefold() for name in header]
    if len(set(folded)) < len(folded):
        raise InputError(f"{place}: a column name occurs twice")
    type_names = [kind[1]] if kind else []
    reader = _Rows(reading, place, header, type_names)
    try:
        for fields, line, fault in records:
            budget.step()
            if fault or len(fields) > 1 or fields[0].strip() or len(header) == 1:
                budget.hold(reader.take(fields, line, fault), place)
    except BudgetError as error:
        reading.unread += told((), f"{error}; only the part before it was read")
    reader.finish(text)
    drop_damaged(reading)
    return reading


def _records(text: str, first: int) -> Iterator[tuple[list[str], int, str]]:
    """Fields of each record, the line it begins in, and what is wrong with it; "" if nothing.

    Written out because a quote left open would make the csv module swallow all that follows
    without a word, and because its limit for fields is one for the whole process.
    """
    separator = _separator(text)
    lines = text.split("\n")
    field = _field_pattern(separator)
    # Export-Csv puts all in quotes or only what needs them; null stands without any.
    quoted = lines[0].count('"') == 2 * (lines[0].count(separator) + 1) and any(
        line.startswith('"') for line in lines[1:3]
    )
    number = 0
    while number < len(lines):
        begin, record = number, lines[number]
        number += 1
        if record.count('"') % 2:
            more = _to_closing_quote(lines, number)
            record = "\n".join(lines[begin:more])
            number = max(number, more)
        record = record.rstrip("\r")
        if not record.strip():
            continue
        fields, fault = _fields(record, field, all_quoted=quoted)
        is_open = not quoted or record.endswith(separator)  # null stands without quotes
        if number == len(lines) and is_open and separator in record and not fault:
            fault = _MAY_BE_CUT
        yield fields, first + begin, fault


def _names_of_addresses(folded: list[str]) -> list[str]:
    """The columns of a list of addresses by their own names; none where it is another table."""
    bare = ["".join(filter(str.isalpha, name)) for name in folded[:2]]
    names = [
        "server" if name in _SERVER else "address" if name in _ADDRESS else "" for name in bare
    ]
    is_list = sorted(names) == ["address", "server"] and set(folded[2:]) <= {*SIGNS}
    return [*names, *folded[2:]] if is_list else []


def lists_addresses(text: str) -> bool:
    """Whether each line of a text, but perhaps the first, is a name and an address.

    Looks at the first lines alone.
    """
    lines = [line for line in text[:_BEGINNING].splitlines() if line.strip()][:_FEW_LINES]
    pairs = [[field.strip('" ') for field in re.split("[,;\t]", line)] for line in lines]
    named = [
        len(pair) == _PAIR and len(list(filter(None, map(address_or_none, pair)))) == 1
        for pair in pairs
    ]
    return any(named) and all(named[1:])


def _to_closing_quote(lines: list[str], number: int) -> int:
    """The line behind the one that closes a quote; where none does, the quote is damage."""
    for at in range(number, min(number + _LONGEST_RECORD, len(lines))):
        if lines[at].count('"') % 2:
            return at + 1
    return number


def _separator(text: str) -> str:
    head = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    return max(",;\t", key=head.count)


def _field_pattern(separator: str) -> re.Pattern[str]:
    return re.compile(rf'(?:"((?:[^"]++|"")*+)"[ \t]*|([^{separator}"]*))({separator}|\Z)')


def _fields(
    record: str, pattern: re.Pattern[str], *, all_quoted: bool
) -> tuple[list[str], str]:  # fmt: skip
    """The fields of one record, quotes doubled inside quotes, and what is wrong with it."""
    fields: list[str] = []
    at = 0
    while True:
        found = pattern.match(record, at)
        if found is None:
            return fields, "a quote is not closed"
        quoted, plain, end = found.groups()
        if all_quoted and plain:
            return fields, "a value without quotes among those with quotes"
        if len(fields) == _MOST_COLUMNS:
            return fields, f"more than {_MOST_COLUMNS} columns"
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
        at = found.end()
        if not end:
            return fields, ""


class _Rows:
    """Turns records into what the header says they are."""

    def __init__(
        self, reading: Reading, place: str, header: list[str], type_names: list[str]
    ) -> None:
        self.reading = reading
        self.place = place
        self.header = header
        self.folded = [name.casefold() for name in header]
        self.cmdlet = cmdlet_of(type_names, header)
        # Queue Viewer's own export has the names of the columns on its screen, with blanks.
        bare = [name.replace(" ", "") for name in header]
        if self.cmdlet is None and cmdlet_of(type_names, bare) == "Get-Queue":
            self.cmdlet, self.folded = "Get-Queue", [name.casefold() for name in bare]
        if self.cmdlet is None and (names := _names_of_addresses(self.folded)):
            self.cmdlet, self.folded = ADDRESSES, names
        if self.cmdlet and self.cmdlet != ADDRESSES:
            reading.cmdlets.add(self.cmdlet)
        self.described = describe(type_names, header)
        self.taken = 0

    def finish(self, text: str) -> None:
        """After the last record: what becomes of a file whose header or records are not there."""
        if self.cmdlet == ADDRESSES or self.folded == ["server", "what", "why"]:
            return
        if self.cmdlet and not self.taken:
            # Export-Csv writes no column names without an object.
            why = f"{self.place}: column names without any object below: the export is damaged"
            self.reading.unread.append(Unread("", self.cmdlet, why))
        elif self.cmdlet is None:
            named = mentioned(text)
            if named and not all(map(_COLUMN.fullmatch, self.header)):
                why = f"{self.place}: the line of column names is damaged"
                self.reading.unread += told(named, why)
            else:
                self.reading.ignored.append((self.described, self.place))

    def take(self, fields: list[str], line: int, fault: str) -> int:
        """One record, and what is wrong with it; gives the memory that what is kept takes."""
        where = f"{self.place}, line {line}"
        failures = self.folded == ["server", "what", "why"]
        self.taken += 1
        if self.cmdlet is None and not failures:
            return 0
        wrong = len(fields) != len(self.header) and f"{len(fields)} columns"
        if (fault and fault != _MAY_BE_CUT) or wrong:
            expected = f"{len(self.header)} columns expected"
            what = self.cmdlet or "unread.csv"
            why = f"{where}: {fault or wrong}; {expected}"
            self.reading.unread.append(Unread("", what, why))
        elif failures:
            server, what, why = (field.strip() for field in fields)
            self.reading.unread.append(Unread(server, what, why))
        elif self.cmdlet:
            row = self._row(self.cmdlet, fields, where)
            if fault and self.cmdlet != ADDRESSES:
                row = self._without_end(row, fields[-1])
            self.reading.rows.append(row)
            return size_of(row.values)
        return ROW

    def _without_end(self, row: Row, end: str) -> Row:
        """The last row of a text that may be cut, without the value that then is not whole."""
        name, kind = kinds_of(row.cmdlet).get(self.folded[-1], ("", Kind.TEXT))
        if not name or is_whole(kind, end):
            return row
        why = "the text ends without a line break: the value may be cut"
        self.reading.unread.append(Unread("", row.cmdlet, f"{row.place}: {name}: {why}"))
        values = {**row.values, name: Lost(why, end)}
        return Row(row.cmdlet, values, row.place, row.computer)

    def _row(self, cmdlet: str, fields: list[str], where: str) -> Row:
        if cmdlet == ADDRESSES:
            held = zip(self.folded, map(str.strip, fields), strict=True)
            return Row(cmdlet, dict(held), where)
        known = kinds_of(cmdlet)
        values: dict[str, Value] = {}
        computer = ""
        for folded, field in zip(self.folded, fields, strict=True):
            if folded == "pscomputername":
                computer = field.strip()
            if folded in known:
                name, kind = known[folded]
                values[name] = printed_value(kind, field)
        return Row(cmdlet, values, where, computer)
