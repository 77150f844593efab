"""Files that the quick reader does not take as they are: what is no row is lost, others count."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailflow.usage.engine import read_logs
from usage_logs import HEAD, counted, session

pytest.importorskip("duckdb")


@pytest.mark.parametrize(
    ("written", "lost"),
    [
        ("00:00.000Z", 0),
        ("00:00Z", 0),
        ("00:00.1234567Z", 0),
        ("00:00.5", 0),
        ("00:60.000Z", 7),
        ("00: 0.000Z", 7),
    ],
)
def test_times_as_they_may_be_written(tmp_path: Path, written: str, lost: int) -> None:
    """In any length of the fraction; what is no time is no row, and is named."""
    text = session(1) + session(2, "10.0.5.8").replace("00:00.000Z", written)
    (tmp_path / "RECV.LOG").write_text(HEAD + text, newline="")

    read = read_logs([tmp_path])

    assert [part.lost for part in read.parts] == [lost]
    assert [part.rows for part in read.parts] == [14 - lost]
    assert counted(read) == {
        "10.0.5.7": (1, 1),
        **({} if lost else {"10.0.5.8": (1, 1)}),
    }


def test_a_day_that_does_not_exist_is_no_row(tmp_path: Path) -> None:
    """The 31st of February, in the one reader as in the other."""
    text = session(1) + session(2, "10.0.5.8").replace("2026-11-23", "2026-02-31")
    (tmp_path / "RECV.LOG").write_text(HEAD + text, newline="")

    read = read_logs([tmp_path])

    assert ([part.lost for part in read.parts], counted(read)) == ([7], {"10.0.5.7": (1, 1)})


def test_numbers_with_zeros_before_them(tmp_path: Path) -> None:
    """They are the same numbers, and the order of the rows is theirs."""
    rows = session(2, "10.0.5.8")
    for number in range(7):
        rows = rows.replace(f",{number},10.0.0.21", f",00{number},10.0.0.21")
    (tmp_path / "RECV.LOG").write_text(HEAD + session(1) + rows, newline="")

    read = read_logs([tmp_path])

    assert sum(part.lost for part in read.parts) == 0
    assert counted(read) == {"10.0.5.7": (1, 1), "10.0.5.8": (1, 1)}


def test_a_session_over_an_hour(tmp_path: Path) -> None:
    """A message counts in the hour of its answer, not in that of its session."""
    rows = session(1).splitlines(keepends=True)
    rows = [row.replace("T01:00:00", "T01:59:59") for row in rows[:5]] + [
        row.replace("T01:00:00", "T02:00:01") for row in rows[5:]
    ]
    (tmp_path / "RECV.LOG").write_text(HEAD + "".join(rows), newline="")

    [client] = read_logs([tmp_path]).told.clients

    hours = {each.hour[11:]: (each.sessions, each.messages) for each in client.hours}
    assert hours == {"01": (1, 0), "02": (0, 1)}
