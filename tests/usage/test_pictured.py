"""The picture of use: a bar for each day, also for one of which the logs show nothing."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from mailflow.picture import Bars
from mailflow.usage.combine import Client, Hour
from mailflow.usage.pictured import by_day

CLIENT = Client(
    r"EX16A\Relay", "10.0.5.7", "10.0.0.21", 25, proxied=False,
    first="2026-11-01T00:00:00", last="2026-11-02T00:00:00", sessions=1, messages=1,
    tls=0, authenticated=0, exchange=0, names=(), ended=(), inside=0, outside=0, untold=0,
    domains=(), hours=(),
)  # fmt: skip


def picture(*hours: Hour, zone: str = "UTC") -> Bars:
    """The picture of a client that was seen in these hours."""
    return by_day([replace(CLIENT, hours=hours)], ZoneInfo(zone))


def test_a_day_without_a_session_is_a_bar_of_its_own() -> None:
    """The 2nd may be quiet, or a gap of the logs: the picture does not leave it out."""
    found = picture(Hour("2026-11-01T03", 2, 5), Hour("2026-11-03T23", 1, 1))

    assert found.title == "Messages by day"
    assert [(bar.label, bar.value, bar.note) for bar in found.bars] == [
        ("Sun 2026-11-01", 5, "2 sessions"),
        ("Mon 2026-11-02", 0, "no session in the logs"),
        ("Tue 2026-11-03", 1, "1 session"),
    ]
    assert found.description == "6 messages in 2 days with sessions."


def test_days_are_those_of_the_time_zone() -> None:
    """23:00 UTC is the next day in Berlin."""
    found = picture(Hour("2026-11-03T23", 1, 1), zone="Europe/Berlin")

    assert [bar.label for bar in found.bars] == ["Wed 2026-11-04"]


def test_a_long_time_is_drawn_by_weeks() -> None:
    """Each by its Monday; a quiet week stays."""
    found = picture(Hour("2026-10-01T03", 1, 5), Hour("2026-10-02T03", 1, 2), Hour("2026-11-16T03"))

    assert found.title == "Messages by week"
    assert [(bar.label, bar.value) for bar in found.bars][:2] == [
        ("week of 2026-09-28", 7),
        ("week of 2026-10-05", 0),
    ]
    assert len(found.bars) == 8


def test_clocks_gone_wrong_fill_no_memory() -> None:
    """A log of 1900 beside one of today: no bar for each day between them; none of the year 1."""
    wrong = (Hour("1900-01-01T03", 1, 5), Hour("0001-01-01T03", 1, 7))
    found = picture(*wrong, Hour("2026-11-16T03", 1, 1), zone="America/New_York")

    assert [bar.value for bar in found.bars] == [5, 1]


def test_nobody_seen_is_no_bar() -> None:
    """And the words say so."""
    assert picture().bars == ()
