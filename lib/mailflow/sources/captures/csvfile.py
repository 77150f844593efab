"""CSV: Export-Csv of a cmdlet, and the two small files people and Collect-MailFlow.ps1 write."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailflow.errors import InputError
from mailflow.snapshot import Unread
from mailflow.sources.captures.cmdlets import cmdlet_of, describe
from mailflow.sources.captures.printed import kinds_of, printed_value
from mailflow.sources.row import Reading, Row, Value

ADDRESSES = "addresses.csv"
"""What the rows of a list of addresses have for a cmdlet."""

_TYPE = re.compile(r'"?#TYPE\s+([^\r\n",;]{1,500})"?[ \t]*', re.IGNORECASE)


def read_csv(text: str, place: str) -> Reading:
    """All rows of a CSV text, separated by commas, semicolons or tabs.

    The header `server,address` makes rows of `addresses.csv`; `server,what,why` rows of *unread*.
    A row with too few or too many columns is *unread*, with its line.

    Raises:
        InputError: there is no header; names the place.
    """
    reading = Reading()
    bare = text.lstrip("\ufeff").lstrip("\r\n").replace("\0", "")
    head, _, rest = bare.partition("\n")
    kind, first = _TYPE.fullmatch(head.rstrip("\r")), 1
    if kind:
        bare, first = rest, 2
    records = _records(bare, first)
    header, _line, whole = next(records, ([], 0, True))
    header = [name.strip() for name in header]
    if not whole or not any(header):
        raise InputError(f"{place}: CSV without a line of column names")
    folded = [name.casefold() for name in header]
    if len(set(folded)) < len(folded):
        raise InputError(f"{place}: a column name stands twice")
    type_names = [kind[1]] if kind else []
    reader = _Rows(reading, place, header, type_names)
    for fields, line, complete in records:
        if fields and (len(fields) > 1 or fields[0].strip() or len(header) == 1):
            reader.take(fields, line, complete=complete)
    return reading


def _records(text: str, first: int) -> Iterator[tuple[list[str], int, bool]]:
    """Fields of each record, the line it begins in, and whether its quotes are closed.

    Written out because a quote left open would make the csv module swallow all that follows
    without a word, and because its limit for fields is one for the whole process.
    """
    separator = _separator(text)
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        begin = number
        record = lines[number]
        quotes = record.count('"')
        gathered = [record]
        while quotes % 2 and number + 1 < len(lines):
            number += 1
            gathered.append(lines[number])
            quotes += lines[number].count('"')
        number += 1
        complete = quotes % 2 == 0
        joined = "\n".join(gathered).rstrip("\r")
        if joined.strip():
            yield _fields(joined, separator), first + begin, complete


def _separator(text: str) -> str:
    head = re.sub(r'"[^"]*"', "", text.partition("\n")[0])
    return max(",;\t", key=head.count)


def _fields(record: str, separator: str) -> list[str]:
    """The fields of one record; quotes are doubled inside quotes."""
    if '"' not in record:
        return record.split(separator)
    pattern = rf'(?:^|{separator})(?:"((?:[^"]|"")*)"[ \t]*(?={separator}|\Z)|([^{separator}]*))'
    fields = []
    for found in re.finditer(pattern, record):
        quoted, plain = found.groups()
        fields.append(plain if quoted is None else quoted.replace('""', '"'))
    return fields


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
        if self.folded == ["server", "address"]:
            self.cmdlet = ADDRESSES
        if self.cmdlet and self.cmdlet != ADDRESSES:
            reading.cmdlets.add(self.cmdlet)
        elif self.cmdlet is None and self.folded != ["server", "what", "why"]:
            reading.ignored.append((describe(type_names, header), place))

    def take(self, fields: list[str], line: int, *, complete: bool) -> None:
        """One record."""
        where = f"{self.place}, line {line}"
        failures = self.folded == ["server", "what", "why"]
        if self.cmdlet is None and not failures:
            return
        if not complete or len(fields) != len(self.header):
            why = "a quote is not closed" if not complete else f"{len(fields)} columns"
            expected = f"{len(self.header)} columns expected"
            what = self.cmdlet or "unread.csv"
            self.reading.unread.append(Unread("", what, f"{where}: {why}; {expected}"))
        elif failures:
            server, what, why = (field.strip() for field in fields)
            self.reading.unread.append(Unread(server, what, why))
        elif self.cmdlet:
            self.reading.rows.append(self._row(self.cmdlet, fields, where))

    def _row(self, cmdlet: str, fields: list[str], where: str) -> Row:
        if cmdlet == ADDRESSES:
            server, address = (field.strip() for field in fields)
            return Row(cmdlet, {"server": server, "address": address}, where)
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
