"""Printed tables as rows: as far as they go, and no further."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.exports.console import read_console
from mailflow.sources.row import Enumeration, Items, Lost, Reading, Row, Value
from support import needs_shared, run_powershell
from table_model import Shown, table

QUEUE = ("Identity", "Status", "MessageCount", "NextHopDomain", "LastError")
ERROR = '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achieve Exchange'
QUEUES = [
    ["EX10A\\12", "Retry", "57", "hub version 15", ERROR],
    ["EX10A\\Submission", "Ready", "0", "Submission", ""],
]


def shown(names: Sequence[str], **widths: int) -> list[Shown]:
    """Columns; numbers and truth values stand at the right."""
    right = {"MessageCount", "Enabled", "Deny", "RetryCount"}
    return [Shown(name, name in right, widths.get(name, 0)) for name in names]


def read(lines: Sequence[str], command: str = "") -> Reading:
    """A text with a prompt above it where a command is given."""
    above = [f"[PS] C:\\>{command}", ""] if command else []
    return read_console("\n".join([*above, *lines, "", ""]), "t.txt")


def plain(value: Value) -> object:
    """A value as it was printed."""
    if isinstance(value, Enumeration):
        return value.text
    if isinstance(value, Items):
        return "{" + ", ".join(map(str, value.values)) + "}"
    return value if isinstance(value, Lost | bool) or value is None else str(value)


def test_queues() -> None:
    """Every column that is shown is read, and no other (contract 2); a cut value is lost."""
    reading = read(table(shown(QUEUE, LastError=30), QUEUES), "Get-Queue | ft")
    first, second = reading.rows

    assert (reading.unread, reading.ignored, reading.cmdlets) == ([], [], {"Get-Queue"})
    assert first.values == {
        "Identity": "EX10A\\12",
        "Status": Enumeration("Retry", None),
        "MessageCount": 57,
        "NextHopDomain": "hub version 15",
        "LastError": Lost("cut by the width of the table", "451 4.4.0 Primary target IP a"),
    }
    assert (first.place, first.command) == ("t.txt, line 5", "Get-Queue | ft")
    assert second.values["LastError"] == ""


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("{10.0.0.1, 10.0.0.2}", Items(("10.0.0.1", "10.0.0.2"))),
        ("{10.0.0.1, 10.0.0.2...}", Items(("10.0.0.1", "10.0.0.2"), cut=True)),
        ("{10.0.0.1, 10.0.0.2\u2026}", Items(("10.0.0.1", "10.0.0.2"), cut=True)),
        ("{10.0.0.1, 10.0.0.2\u2026", Items(("10.0.0.1",), cut=True)),  # of 10.0.0.25, say
        ("{10.0.0.1, 10.0.0.2......", Items(("10.0.0.1",), cut=True)),
        ("{10.0.0...", Items((), cut=True)),
        ("{}", Items(())),
    ],
)
def test_lists(cell: str, expected: Value) -> None:
    """S1.38: a list that the table cut is cut, and its last element may be a part of one."""
    names = ("Identity", "Enabled", "RemoteIPRanges")
    [row] = read(table(shown(names), [["EX16A\\Relay", "True", cell]])).rows

    assert row.values["RemoteIPRanges"] == expected
    assert row.values["Enabled"] is True
    assert "AuthMechanism" not in row.values


def test_wrapped() -> None:
    """-Wrap: further lines belong to the object above them; what joins for certain is joined."""
    columns = shown(QUEUE, LastError=23, NextHopDomain=13, Status=6)
    reading = read(table(columns, QUEUES, wraps=True), "Get-Queue | ft -Wrap")
    first, second = reading.rows

    assert not reading.unread
    assert plain(first.values["Status"]) == "Retry"
    assert (first.values["MessageCount"], second.values["MessageCount"]) == (57, 0)
    assert second.values["Identity"] == "EX10A\\Submission"
    error = first.values["LastError"]
    said = error.visible if isinstance(error, Lost) else str(error)
    assert ERROR.startswith(said)


def test_a_code_cut_in_two() -> None:
    """The reply of a wrapped error is read although its code stands in two lines."""
    lines = [
        "Identity Status MessageCount LastError",
        "-------- ------ ------------ ---------",
        'EX10A\\12 Retry            57 451 4.4.0 Primary: "45',
        '                             1 5.7.3 Cannot achieve"',
    ]
    [row] = read(lines, "Get-Queue | ft -Wrap").rows

    assert row.values["LastError"] == '451 4.4.0 Primary: "451 5.7.3 Cannot achieve"'


def test_several_tables() -> None:
    """Tables of one text, with prompts, lists and the lines of -GroupBy between them."""
    grouped = table(shown(("Identity", "MessageCount")), [["EX10A\\1", "5"]])
    connectors = table(
        shown(("Identity", "Bindings", "Enabled")),
        [["EX16A\\Default EX16A", "{[::]:2525}", "True"]],
    )
    reading = read(
        [
            *("", "   Status: Retry", "", *grouped, "", "   Status: Ready", "", *grouped, ""),
            *("[PS] C:\\>Get-ReceiveConnector", "", *connectors, ""),
            *("[PS] C:\\>Get-Queue | fl", "", "Identity : EX10A\\7", "Status : Ready", ""),
        ],
        "Get-Queue | ft -GroupBy Status",
    )

    assert sorted((row.cmdlet, plain(row.values.get("Status"))) for row in reading.rows) == [
        ("Get-Queue", "Ready"),
        ("Get-Queue", "Ready"),
        ("Get-Queue", "Retry"),
        ("Get-ReceiveConnector", None),
    ]
    assert not reading.unread


def test_names_over_two_lines() -> None:
    """A name that the console cut is put together; a number that did not fit is lost."""
    columns = [Shown("Identity"), Shown("Status"), Shown("MessageCount", right=True, width=3)]
    reading = read(table(columns, [["EX10A\\1", "Retry", "5"]]), "Get-Queue")

    assert isinstance(reading.rows[0].values["MessageCount"], Lost)
    assert plain(reading.rows[0].values["Status"]) == "Retry"


@pytest.mark.parametrize("how", ["apart", "tabs", "margin", "blanks", "quoted"])
def test_what_pasting_makes_of_it(how: str) -> None:
    """Empty lines between, tabs for blanks, a margin, trailing blanks: read, or not read."""
    lines = table(shown(QUEUE), QUEUES)
    expected = [row.values for row in read(lines).rows]
    changed = {
        "apart": [part for line in lines for part in (line, "")],
        "tabs": ["\t".join(part for part in _parts(line, lines[1])) for line in lines],
        "margin": [f"    {line}" for line in lines],
        "blanks": [f"{line}   " for line in lines],
        "quoted": [f"> {line}" for line in lines],
    }[how]
    reading = read(changed)

    assert len(expected) == len(QUEUES)
    assert how == "quoted" or [row.values for row in reading.rows] == expected


def _parts(line: str, rule: str) -> list[str]:
    starts = [at for at, sign in enumerate(rule) if sign == "-" and rule[at - 1 : at] in ("", " ")]
    return [line[a:b].strip() for a, b in zip(starts, [*starts[1:], 999], strict=True)]


@pytest.mark.parametrize(
    "lines",
    [
        ["Identity Status MessageCount", "-------- ------ ------------", "EX10A\\1 Retry 57"],
        [
            "Identity Status",
            "MessageCount",
            "-------- ------",
            "------------",
            "EX10A\\1 Retry",
            "5",
        ],
        ["Identity Status MessageCount", "EX10A\\1 Retry 57"],
        ["| Identity | Status | MessageCount |", "| EX10A\\1 | Retry | 57 |"],
        [
            "Identity  Status MessageCount",
            "--------  ------ ------------",
            "EX10A\\1\0  Retry            57",
        ],
        [
            "Identity  Status MessageCount",
            "--------  ------ ------------",
            "EX10A 1   Retry            57",
        ],
        ["Identity  Status MessageCount", "--------  ------ ------------"],
    ],
)
def test_unreadable(lines: list[str]) -> None:
    """Where columns cannot be told apart nothing is read, and the command that helps is named."""
    reading = read(lines)

    assert not reading.rows
    assert [row.what for row in reading.unread] == ["Get-Queue"]
    assert "run `Get-Queue | Format-List`" in reading.unread[0].why


def test_wide_signs_of_one_cell_or_two() -> None:
    """Where a table can be read in two ways that differ, it is not read."""
    names = ("Identity", "Status", "MessageCount", "LastError", "NextHopDomain")
    rows = [["EX10A\\0", "Ready", "0", "", ""], ["EX10A\\1", "Ready", "0", "東京 東京", "hub"]]
    reading = read(table(shown(names), rows), "Get-Queue | ft")

    assert not reading.rows
    assert [row.what for row in reading.unread] == ["Get-Queue"]


def test_ends_without_a_line_break() -> None:
    """The last cell of a text may be cut, and so may the rows below it."""
    lines = table(
        shown(("Identity", "MessageCount", "NextHopDomain")), [["EX10A\\1", "5", "hub.ex"]]
    )
    reading = read_console("\n".join(lines), "t.txt")

    assert isinstance(reading.rows[0].values["NextHopDomain"], Lost)
    assert [row.what for row in reading.unread] == ["Get-Queue"]
    assert not read_console("\n".join(lines) + "\n", "t.txt").unread


def test_an_error_within_a_table() -> None:
    """S8.56: a server that did not answer among the rows is told; the rows above it are read."""
    lines = table(shown(("Identity", "MessageCount")), [["EX10A\\1", "5"]])
    reading = read([*lines, "Get-Queue : The RPC server is unavailable."], "Get-Queue")

    assert len(reading.rows) == 1
    assert "RPC server" in reading.unread[0].why


@pytest.mark.alone
def test_many_rows() -> None:
    """Twice the rows take twice the time: 4,000 take a second, and not a minute."""
    rows = [[f"EX10A\\{number}", "Retry", "5", "hub version 15", ERROR] for number in range(4000)]
    lines = table(shown(QUEUE), rows)
    begun = time.monotonic()
    reading = read(lines)

    assert len(reading.rows) == len(rows)
    assert time.monotonic() - begun < 20


def test_another_cmdlet() -> None:
    """A table of a cmdlet that mailflow does not read is named, and no missing data."""
    reading = read(table([Shown("Name"), Shown("EventId")], [["a", "b"]]))

    assert reading.ignored == [("Get-MessageTrackingLog", "t.txt")]
    assert not reading.unread


def test_a_title_is_no_table() -> None:
    """A list right below a title and a line of dashes is read."""
    reading = read(
        ["Queues", "------", "Identity : EX10A\\1", "Status : Retry", "MessageCount : 5"]
    )

    assert [row.values["MessageCount"] for row in reading.rows] == [5]


RIGHT = table(shown(("Deny", "ExtendedRights")), [["False", "{ms-Exch-SMTP-Submit}"]])


def test_rights_of_the_connector_in_the_command() -> None:
    """Get-ADPermission: connector and user that its columns lack are those it was asked about."""
    command = 'Get-ADPermission "EX16A\\Relay" -User "NT AUTHORITY\\ANONYMOUS LOGON" | ft Deny,Ex*'
    [row] = read(RIGHT, command).rows
    other = [read(RIGHT, one).rows[0] for one in ("Get-ADPermission $x | ft", "$all")]

    assert row.values["Identity"] == "EX16A\\Relay"
    assert row.values["User"] == "NT AUTHORITY\\ANONYMOUS LOGON"
    assert row.values["Deny"] is False
    assert not any({"Identity", "User"} & one.values.keys() for one in other)


# -- At random -------------------------------------------------------------------------------------

NUMBERS = st.integers(0, 3000).map(str)
WORDS = st.lists(st.sampled_from(["hub", "version", "15", "ex.test", "site:A;"]), max_size=3)
ERRORS = st.lists(
    st.sampled_from(["451", "4.4.0", "Primary", "target", "東京", '"x', "-"]), max_size=8
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["EX10A\\", "EXB\\", "東京\\"]).flatmap(
            lambda one: NUMBERS.map(one.__add__)
        ),
        st.sampled_from(["Ready", "Retry", "Suspended"]),
        NUMBERS,
        WORDS.map(" ".join),
        ERRORS.map(" ".join),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row[0],
)


def agree(rows: Sequence[Row], originals: Sequence[Sequence[str]], names: Sequence[str]) -> None:
    """Each value that was read is the one of the object with this identity."""
    known = {row[0]: row for row in originals}
    for row in rows:
        identity = row.values["Identity"]
        if isinstance(identity, Lost):
            continue
        for name, text in zip(names, known[str(identity)], strict=True):
            value = row.values[name]
            assert isinstance(value, Lost) or str(plain(value)).split() == text.split(), name


@given(ROWS, st.integers(9, 30), st.integers(3, 40), st.booleans(), st.permutations(range(1, 5)))
def test_random_tables(
    rows: list[tuple[str, ...]], width: int, last: int, wraps: bool, order: list[int]
) -> None:
    """Any widths, wrapped or cut: every row is read, and no value is another one."""
    names = [QUEUE[0], *(QUEUE[at] for at in order)]
    chosen = [[row[0], *(row[at] for at in order)] for row in rows]
    columns = shown(names, NextHopDomain=max(width, 13), LastError=max(last, 9))
    reading = read(table(columns, chosen, wraps=wraps), f"Get-Queue | ft {'-Wrap' * wraps}")

    # Wide signs may have been counted as one cell or two: where both fit, nothing is read.
    is_wide = not "".join(map("".join, rows)).isascii()
    assert len(reading.rows) == len(rows) or (is_wide and reading.unread and not reading.rows)
    agree(reading.rows, chosen, names)


@given(ROWS, st.integers(20, 90), st.booleans(), st.booleans())
def test_tables_that_a_mail_wrapped(
    rows: list[tuple[str, ...]], width: int, is_cut: bool, joined: bool
) -> None:
    """Lines that a mail broke, or whose blanks it put together, are not read as something else."""
    columns = shown(QUEUE, LastError=20 if is_cut else 0)
    lines = table(columns, rows)
    broken = [" ".join(line.split()) for line in lines] if joined else lines
    broken = [part for line in broken for part in (textwrap.wrap(line, width) or [""])]
    reading = read(broken, "Get-Queue | ft")

    agree(reading.rows, rows, QUEUE)
    assert reading.unread or len(reading.rows) == len(rows)


# -- A real PowerShell -----------------------------------------------------------------------------

SCRIPT = r"""
param($Folder)
[Threading.Thread]::CurrentThread.CurrentCulture = 'en-US'
$rows = Get-Content -Raw "$Folder/rows.json" | ConvertFrom-Json
$rows = $rows | ForEach-Object { $_.MessageCount = [int]$_.MessageCount; $_ }
$forms = @{
  plain = { param($w) $rows | Format-Table | Out-String -Width $w }
  auto = { param($w) $rows | Format-Table -AutoSize | Out-String -Width $w }
  wrap = { param($w) $rows | Format-Table -Wrap | Out-String -Width $w }
  autowrap = { param($w) $rows | Format-Table -AutoSize -Wrap | Out-String -Width $w }
  group = { param($w) $rows | Format-Table -GroupBy Status | Out-String -Width $w }
}
foreach ($name in $forms.Keys) {
  foreach ($width in 60, 80, 120, 400) {
    & $forms[$name] $width | Set-Content -Encoding utf8 "$Folder/$name-$width.txt"
  }
}
"""


def test_real_tables(tmp_path: Path) -> None:
    """What a real PowerShell prints at several widths: every row, and no value is another one."""
    rows = [
        *QUEUES,
        ["EX10A\\Shadow\\3", "Ready", "12", "EX10B.contoso.example", ""],
        ["東京\\7", "Suspended", "12345", "日本 ex.test", "日本語 のエラー " * 4],
    ]
    objects = [dict(zip(QUEUE, row, strict=True)) for row in rows]
    (tmp_path / "rows.json").write_text(json.dumps(objects), "utf-8")
    (tmp_path / "print.ps1").write_text(SCRIPT, "utf-8")
    run_powershell(tmp_path / "print.ps1", str(tmp_path))
    texts = sorted(tmp_path.glob("*.txt"))

    assert len(texts) == 20
    for path in texts:
        form = path.name.partition("-")[0]
        command = f"[PS] C:\\>Get-Queue | ft {'-Wrap' * ('wrap' in form)}\n"
        reading = read_console(command + path.read_text("utf-8"), path.name)
        assert len(reading.rows) == len(rows), path.name
        assert not reading.unread, path.name
        names = [name for name in QUEUE if name in reading.rows[0].values]
        agree(reading.rows, [row[: len(names)] for row in rows], names)
        assert path.name != "auto-400.txt" or not any(
            isinstance(value, Lost) for row in reading.rows for value in row.values.values()
        )


def test_shared_paste() -> None:
    """The filtered table that people post: its status and its error are read as far as they go."""
    path = needs_shared("cases/pastes/queue-filter.txt")
    [row] = read_console(path.read_text("utf-8"), path.name).rows
    error = row.values["LastError"]

    assert plain(row.values["Status"]) == "Retry"
    assert row.values["NextHopDomain"] == "hub version 15"
    assert "451 5.7.3 Cannot achieve" in (error.visible if isinstance(error, Lost) else str(error))
