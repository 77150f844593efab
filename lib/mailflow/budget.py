"""What reading may cost: one budget for all that a source or a server's answer holds.

It counts bytes given (as they lie on the disk, or came over the wire), bytes unpacked from them,
memory that is held (an estimate, from what is kept), and seconds. What goes beyond ends with one
kind of error, and what was not read because of it is missing data. Memory and time grow with what
was given: a large export is no attack, a small file that unfolds to a large one may be. How much,
and what people do where that is not enough, differs between files and answers (`Limits`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mailflow.errors import InputError

MOST_UNPACKED = 2**30
"""Bytes that everything compressed may unpack to, together."""
MOST_RATIO = 300
"""Bytes that one byte of it may unpack to; real exports reach about 50."""
SMALLEST = 2**10
"""Bytes below which a compressed thing counts as having so many: small ones repeat themselves."""
LEAST_MEMORY = 150 * 2**20
"""Bytes of memory for what is read, however little was given."""
MEMORY_PER_BYTE = 7
"""Bytes of memory for each byte given, besides."""
MEMORY_PER_PACKED = 120
"""The same of an answer that was packed on its way. Objects take about 3.6 times their CLIXML, and
that packs to a twenty-fifth where connectors are alike: 90 was measured at most."""
MOST_OF_ANSWER = 3 * 2**29
"""Bytes of memory for one answer, however much was given: about 8,500 receive connectors with 100
remote ranges each. A server's word is not taken for how much memory this computer has."""
MORE_OF_SNAPSHOT = 6
"""Bytes of memory that each byte of a saved snapshot may take more, if it is not compressed."""
LEAST_SECONDS = 60.0
"""Seconds for reading, however little was given."""
SECONDS_PER_BYTE = 3 / 10**6
"""Seconds for each byte given, besides: many times what an ordinary machine takes."""
SECONDS_PER_UNPACKED = 1 / 10**6
"""Seconds for each byte unpacked, besides."""
MOST_TEXT = 64 * 2**20
"""Bytes of an export that has to be in memory whole; CLIXML has not."""
MOST_SNAPSHOT = 512 * 2**20
"""Bytes of a saved snapshot, which has to be as well."""

QUIET_SECONDS = 2.0
"""Reading that takes no longer says nothing."""
EVERY_SECONDS = 0.5
"""From one line about it to the next."""
_STEPS = 256


class BudgetError(InputError):
    """Reading was ended because it would have cost more than it may."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be kept of one kind of input.

    Attributes:
        per_byte: bytes of memory for each byte given, beside `LEAST_MEMORY`.
        at_most: bytes of memory however much was given; None: no such limit.
        if_bomb: what to do where it unpacks to far more than its size.
        if_unpacked: what to do where it unpacks to too much.
        if_kept: what to do where too much would be kept.
        if_late: what to do where it takes too long.
    """

    per_byte: int
    at_most: int | None
    if_bomb: str
    if_unpacked: str
    if_kept: str
    if_late: str


OF_FILES = Limits(
    MEMORY_PER_BYTE,
    None,
    "export again, and compress it with an ordinary zip program",
    "unpack it first, and name a folder",
    "export fewer objects into one file, or unpack the zip first",
    "export fewer objects into one file",
)
_BOMB = "no cmdlet's output does: check what answers there"
_COLLECT = "if this server has so many objects, run Collect-MailFlow.ps1 on it and read its folder"
OF_ANSWER = Limits(MEMORY_PER_BYTE, MOST_OF_ANSWER, _BOMB, *[_COLLECT] * 3)
OF_PACKED_ANSWER = Limits(MEMORY_PER_PACKED, MOST_OF_ANSWER, _BOMB, *[_COLLECT] * 3)


class Budget:
    """What reading one source, or one answer, has cost so far.

    Attributes:
        given: bytes of the files or of the answer, as they are stored.
        unpacked: bytes that came out of compressed ones.
        held: bytes of memory that what was read takes, about.
        spent: why the time is over, once it is: whoever reads many things stops then; else "".
        where: what is being read, as people are told.
    """

    def __init__(
        self,
        given: int = 0,
        limits: Limits = OF_FILES,
        *,
        tell: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with nothing spent.

        Args:
            given: bytes that are known already.
            limits: what may be kept of this kind of input.
            tell: is called with a line for people where reading takes more than two seconds.
            clock: seconds that only grow.
        """
        self.limits = limits
        self.given, self.unpacked, self.held = given, 0, 0
        self.spent = self.where = ""
        self._tell, self._clock = tell, clock
        self._begun = clock()
        self._next = self._begun + QUIET_SECONDS
        self._steps = 0

    def fits(self, place: str, unpacked: int) -> None:
        """Look whether so many bytes more may be unpacked.

        Raises:
            BudgetError: they may not.
        """
        if self.unpacked + unpacked > MOST_UNPACKED:
            raise BudgetError(
                f"{place}: refused: all together unpacks to more than {MOST_UNPACKED} bytes; "
                f"{self.limits.if_unpacked}"
            )

    def admit(self, place: str, packed: int, unpacked: int) -> None:
        """Look at a compressed thing before it is unpacked, by the sizes that it names.

        Raises:
            BudgetError: it would unpack to too much.
        """
        self.unfolds(place, packed, unpacked)
        self.fits(place, unpacked)

    def unfolds(self, place: str, packed: int, unpacked: int) -> None:
        """Look whether something may have unpacked, or may unpack, to so many bytes.

        Raises:
            BudgetError: they are far more than it has.
        """
        if unpacked > MOST_RATIO * max(packed, SMALLEST):
            raise BudgetError(
                f"{place}: refused: unpacks to more than {MOST_RATIO} times its size; "
                f"{self.limits.if_bomb}"
            )

    def unpack(self, size: int, place: str) -> None:
        """Count bytes that were unpacked.

        Raises:
            BudgetError: all together are too many.
        """
        self.fits(place, size)
        self.unpacked += size
        self.look()

    def hold(self, size: int, place: str) -> None:
        """Count memory that something kept takes.

        Raises:
            BudgetError: all together is too much.
        """
        self.room(size, place)
        self.held += size
        self.step()

    def room(self, size: int, place: str) -> None:
        """Look whether so much more memory may be held.

        Raises:
            BudgetError: it may not.
        """
        if self.held + size > self.most_memory:
            raise BudgetError(
                f"{place}: holds more values than reading may keep for its size; "
                f"{self.limits.if_kept}"
            )

    @contextmanager
    def holding(self, size: int, place: str) -> Iterator[None]:
        """Count memory that is free again afterwards.

        Raises:
            BudgetError: it is too much.
        """
        self.hold(size, place)
        try:
            yield
        finally:
            self.held -= size

    def step(self, count: int = 1) -> None:
        """Count something that takes time and keeps nothing.

        Raises:
            BudgetError: the time is over.
        """
        self._steps += count
        if self._steps >= _STEPS:
            self._steps = 0
            self.look()

    def for_snapshot(self, text: str) -> int:
        """Bytes of memory for a saved snapshot, beside what each byte of one may take more.

        Rows of ranges take ten times what they are stored in; an organization may have millions.
        """
        return json_memory(text) - MORE_OF_SNAPSHOT * min(len(text), self.given)

    @property
    def most_memory(self) -> int:
        """Bytes of memory that may be held, by what was given."""
        by_size = LEAST_MEMORY + self.limits.per_byte * self.given
        return by_size if self.limits.at_most is None else min(by_size, self.limits.at_most)

    @property
    def most_seconds(self) -> float:
        """Seconds that reading may take, by what was given and unpacked."""
        return LEAST_SECONDS + SECONDS_PER_BYTE * self.given + SECONDS_PER_UNPACKED * self.unpacked

    def look(self) -> None:
        """Look at the clock, and tell people what is read where that takes a while.

        Raises:
            BudgetError: the time is over.
        """
        now = self._clock()
        if now - self._begun > self.most_seconds:
            self.spent = (
                f"{self.where or 'the answer'}: reading took more than {self.most_seconds:.0f} "
                f"seconds and was ended; {self.limits.if_late}"
            )
            raise BudgetError(self.spent)
        if self._tell and now >= self._next:
            self._next = now + EVERY_SECONDS
            self._tell(f"Reading {self.where} ...")


def json_memory(text: str) -> int:
    """Bytes of memory, about, that the values of a JSON text take; hardly ever less."""
    return (
        24 * text.count(",")
        + 28 * text.count('"')
        + 64 * text.count("[")
        + 128 * text.count("{")
        + 40 * text.count(":")
    )
