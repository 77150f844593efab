"""Connectivity logs: which address a server tried, and whether a connection came about (section 7).

They are on by default, so they are there where a send log is not. Their rows do not name the server
that wrote them; the folder that they lie in may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass, field, replace

from mailflow.snapshot import ObservedOffer
from mailflow.sources.foreign import is_server
from mailflow.sources.logs.kinds import CONNECTIVITY
from mailflow.sources.logs.protocol import LONGEST, cells_of, endpoint_of

FIELDS = ("date-time", "session", "source", "destination", "direction", "description")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z?", re.ASCII)
_FAILED = re.compile(
    r"Failed connection to (\S{3,60}) \([A-Za-z]{1,40}:([0-9A-Fa-f]{8})\)"
    r"(?:\[TargetHost:([A-Za-z0-9.-]{1,255}):\d{1,5})?"
)


@dataclass(slots=True)
class ConnectivityLog:
    """What the rows of one or several logs add up to.

    Attributes:
        lost: how many lines could not be read.
    """

    lost: int = 0
    _summed: dict[ObservedOffer, ObservedOffer] = field(default_factory=dict)

    @property
    def kept(self) -> int:
        """How many different ones are kept so far."""
        return len(self._summed)

    def read(self, lines: Iterable[str], folders: str = "") -> None:
        """Take the lines of one log.

        Args:
            lines: all of them.
            folders: those that it lies in, with `/` between: one may be a server's name.
        """
        for line in lines:
            bare = line.strip().lstrip("\ufeff")
            if not bare or not bare[0].isdigit():
                continue
            cells = cells_of(bare, len(FIELDS)) if len(bare) <= LONGEST else None
            if cells is None or not _TIME.fullmatch(cells[0]):
                self.lost += 1
            elif cells[4] == ">":
                self._take(cells[0], cells[5], folders)

    def _take(self, when: str, description: str, folders: str) -> None:
        found = _FAILED.match(description.strip())
        place = endpoint_of(found[1]) if found else None
        if found is None or place is None:
            return
        host = found[3] or ""
        alike = ObservedOffer(
            source=CONNECTIVITY,
            sender=folders,
            address="",
            target=host if is_server(host) else "",
            remote=place[0],
            port=place[1],
            seen_as="",
            banner="",
            offered="",
            masked=False,
            ended=str(int(found[2], 16)),
            sessions=1,
            first="",
            last="",
        )
        known = self._summed.get(alike)
        self._summed[alike] = replace(
            alike,
            sessions=known.sessions + 1 if known else 1,
            first=min(known.first, when) if known else when,
            last=max(known.last, when) if known else when,
        )

    def sessions(self) -> tuple[ObservedOffer, ...]:
        """Everything so far; `sender` holds the folders until `of_server` finds a server there."""
        return tuple(sorted(self._summed.values(), key=astuple))


def of_server(offer: ObservedOffer, name_of: Callable[[str], str]) -> ObservedOffer:
    """The observation with the server that wrote it, where a folder is named after one.

    Args:
        offer: as a log gives it.
        name_of: the short name of a server of the organization; empty: it is none.
    """
    if offer.source != CONNECTIVITY:
        return offer
    names = [name for folder in offer.sender.split("/") if (name := name_of(folder))]
    return replace(offer, sender=names[-1] if names else "")
