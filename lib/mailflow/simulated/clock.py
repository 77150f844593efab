"""A clock that stands still until somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime


class Clock:
    """The time in a simulated organization, always in UTC."""

    def __init__(self, start: datetime) -> None:
        """Begin at an aware moment.

        Raises:
            ValueError: the moment has no zone.
        """
        if start.tzinfo is None:
            raise ValueError("the clock needs a moment with a zone")
        self._now = start.astimezone(UTC)

    @property
    def now(self) -> datetime:
        """The moment the hands show."""
        return self._now

    def set_to(self, moment: datetime) -> None:
        """Move the hands; only the transport does, which knows what happens on the way.

        Raises:
            ValueError: the moment is past: what happened can't be undone.
        """
        if moment < self._now:
            raise ValueError(f"the clock can't go back from {self._now} to {moment}")
        self._now = moment.astimezone(UTC)
