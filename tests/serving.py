"""The article's case on loopback, going on while somebody works on it, and the runbook for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from applying import RELAYS
from far.endpoints import FaultyEndpoints, serve
from mailflow.simulated.practice import Practice
from support import ROOT

TICK = 0.05
FEW = 20
"""Messages that are just on their way: mail goes on coming in."""


@dataclass
class Served:
    """A practice that listens, and goes on while somebody works on it."""

    practice: Practice
    endpoints: FaultyEndpoints

    def lists(self) -> list[tuple[str, ...]]:
        """Both relay connectors' lists, as they truly are."""
        with self.practice.lock:
            moment = self.practice.clock.now
            found = [self.practice.organisation.directory.find(one, moment) for one in RELAYS]
        return [tuple(map(str, one.ranges)) for one in found if one]

    def waiting(self) -> int:
        """Messages in the two queues that were stuck."""
        with self.practice.lock:
            queues = self.practice.organisation.queues
            return sum(
                len(one.messages) for one in queues if one.identity in ("EX10A\\1187", "EX10B\\902")
            )


@contextmanager
def served(
    speed: float = 60.0, name: str = "article", now: datetime | None = None
) -> Iterator[Served]:
    """A practice on loopback; `speed` seconds pass there in one of ours. It begins at `now`."""
    practice = Practice.begin(name, now=now)
    over = threading.Event()

    def tick() -> None:
        while not over.wait(TICK):
            practice.advance(timedelta(seconds=TICK * speed))

    with serve(practice) as endpoints:
        clock = threading.Thread(target=tick, daemon=True)
        clock.start()
        try:
            yield Served(practice, endpoints)
        finally:
            over.set()
            clock.join()


def as_set(folder: Path, one: Served) -> Path:
    """The runbook as an engineer has set it: this organisation, and to be applied."""
    text = (ROOT / "notebooks" / "fix_and_verify.ipynb").read_text(encoding="utf-8")
    for old, new in (
        ('source: str = r\\"\\"', f'source: str = \\"{one.endpoints.source}\\"'),
        ("apply: bool = False", "apply: bool = True"),
    ):
        assert old in text
        text = text.replace(old, new)
    json.loads(text)
    file = folder / "fix_and_verify.ipynb"
    file.write_text(text, encoding="utf-8")
    return file
