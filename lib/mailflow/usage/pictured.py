"""The picture of use: messages by day, or by week where the time is long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo

from mailflow.phrases import counted
from mailflow.picture import Bar, Bars
from mailflow.usage.combine import Client

DAYS_SHOWN = 35
"""Bars of the picture, a month; a longer time is drawn by weeks."""
MOST_DAYS = 3660
"""A longer time comes of a clock that was wrong; the days without a session are left out."""


def by_day(clients: Iterable[Client], zone: tzinfo) -> Bars:
    """Messages of these clients by day of this zone, or by week.

    A day without a session stands between the others, for it may be a gap of the logs.
    """
    days = _added_up(clients, zone)
    every = _every_day(days)
    unit, shown = "day", {day: days.get(day, [0, 0]) for day in every}
    if len(every) > DAYS_SHOWN:
        unit, shown = "week", _by_week(shown)
    bars = tuple(
        Bar(
            f"week of {start}" if unit == "week" else f"{date.fromisoformat(start):%a %Y-%m-%d}",
            messages,
            counted(sessions, "session") if sessions else "no session in the logs",
        )
        for start, (sessions, messages) in shown.items()
    )
    total = sum(messages for _, messages in days.values())
    return Bars(
        f"Messages by {unit}",
        f"{counted(total, 'message')} in {counted(len(days), 'day')} with sessions.",
        bars,
        "No session was seen.",
    )


def moment_of(text: str) -> datetime | None:
    """A text of a log as a moment; None: it is none, or so far off that no zone can show it."""
    try:
        moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if 1000 <= moment.year < 9999 else None


def _added_up(clients: Iterable[Client], zone: tzinfo) -> dict[str, list[int]]:
    """Sessions and messages of each day that has a session."""
    days: dict[str, list[int]] = {}
    for client in clients:
        for each in client.hours:
            moment = moment_of(f"{each.hour}:00:00")
            if moment:
                day = days.setdefault(f"{moment.astimezone(zone):%Y-%m-%d}", [0, 0])
                day[0] += each.sessions
                day[1] += each.messages
    return days


def _every_day(days: Iterable[str]) -> list[str]:
    """From the first to the last, those between them as well, unless those are many years."""
    found = sorted(map(date.fromisoformat, days))
    if not found:
        return []
    count = (found[-1] - found[0]).days + 1
    if count > MOST_DAYS:
        return [f"{day}" for day in found]
    return [f"{found[0] + timedelta(days=number)}" for number in range(count)]


def _by_week(days: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """The same by the Monday of each week."""
    weeks: dict[str, list[int]] = {}
    for day, (sessions, messages) in days.items():
        moment = date.fromisoformat(day)
        week = weeks.setdefault(f"{moment - timedelta(days=moment.weekday())}", [0, 0])
        week[0] += sessions
        week[1] += messages
    return weeks
