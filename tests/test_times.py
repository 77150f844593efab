"""Times that no calendar has, or no mail server lives in, in every form: unknown, no exception."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime
from pathlib import Path

import pytest

import organisations
from command_line import captures
from mailflow.exchange.queues import Moment
from mailflow.opening import open_source
from mailflow.snapshot import Snapshot, load
from mailflow.sources.doctor import read_greeting
from mailflow.views.findings import findings
from mailflow.views.queues import non_empty_queues

SPOKEN = (
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z"),
    *("9999-12-31T23:59:59.9999999-11:00", "10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z"),
    *("2026-02-30T00:00:00Z", "2026-11-24T24:61:00Z", "123456789012-01-01T00:00:00Z"),
)
OLD = ("/Date(253402300799999)/", "/Date(999999999999999)/", "/Date(-62135596800000)/")
HUGE = ("/Date(-999999999999999)/", "/Date(99999999999999999999999999)/", "2650467743999999999")


def judged(org: Snapshot) -> list[Moment | None]:
    """The times of the stuck queues, after all that is worked out from them was worked out."""
    findings(org).as_json()
    assert len(non_empty_queues(org).frame) == 6
    return [one.first_retry for one in org.queues if one.status == "Retry"]


@pytest.mark.parametrize(
    ("form", "time"),
    # Text that is no time by its form is a damaged document, where a form says what is a time.
    [("clixml", time) for time in SPOKEN]
    + [(form, time) for form in ("json", "csv", "list") for time in (*SPOKEN, *OLD, *HUGE)],
)
def test_of_an_export(tmp_path: Path, form: str, time: str) -> None:
    """The queues are read, and their time is a text alone."""
    folder = captures(organisations.article(), tmp_path / "exports", form)
    changed = 0
    for file in folder.iterdir():
        text = file.read_text("utf-8")
        new, count = _with_time(text, form, time)
        file.write_text(new, "utf-8")
        changed += count
    assert changed

    found = judged(open_source(str(folder)))

    assert [one.instant if one else None for one in found] == [None, None]


def _with_time(text: str, form: str, time: str) -> tuple[str, int]:
    if form == "clixml":
        return re.subn(r'(<DT N="FirstRetryTime">)[^<]*', rf"\g<1>{time}", text)
    if form == "json":
        return re.subn(r'("FirstRetryTime": ?)"[^"]*"', lambda one: one[1] + json.dumps(time), text)
    if form == "list":
        return re.subn(r"(?m)^(FirstRetryTime +: ).*$", rf"\g<1>{time}", text)
    head, *rows = csv.reader(io.StringIO(text))
    if "FirstRetryTime" not in head:
        return text, 0
    place = head.index("FirstRetryTime")
    made = io.StringIO()
    csv.writer(made, quoting=csv.QUOTE_ALL).writerows(
        [head, *([*row[:place], time, *row[place + 1 :]] for row in rows)]
    )
    return made.getvalue(), len(rows)


@pytest.mark.parametrize("time", SPOKEN[:6])
def test_of_a_snapshot(tmp_path: Path, time: str) -> None:
    """A saved time beyond the calendar is unknown, also the one at which the data was taken."""
    path = tmp_path / "snapshot"
    organisations.article().snapshot().save(path)
    document = json.loads(path.read_text("utf-8"))
    document["taken"] = time
    table = document["tables"]["queues"]
    place = list(table["columns"]).index("first_retry")
    for row in table["rows"]:
        row[place] = time
    path.write_text(json.dumps(document), "utf-8")

    org = load(path)

    assert org.taken is None
    assert [one.instant if one else None for one in judged(org)] == [None, None]


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 99999999999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -9999", "Fri, 0"]
)
def test_of_a_server(date: str) -> None:
    """The clock of a server that says such a date is not known."""
    seen = read_greeting(f"HTTP/1.1 405 No\r\nDate: {date}\r\n\r\n".encode())

    assert seen.date is None or isinstance(seen.date, datetime)
