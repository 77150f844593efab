"""The roads to a live server that is named without one: which are open to this account.

They are tried in the order of `opening.LIVE`: the management shell's own endpoint first, which
needs least. A password that one of them refuses is tried on no other, or it would lock the account.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mailflow.errors import UsageError

if TYPE_CHECKING:
    from mailflow.sources.credentials import LiveOptions
    from mailflow.sources.doctor import DoctorCheck

_SUFFIXES = frozenset(
    {
        *("clixml", "csv", "eml", "evtx", "gz", "htm", "html", "ipynb", "json", "jsonl", "log"),
        *("md", "msg", "ps1", "snapshot", "txt", "xls", "xlsx", "xml", "zip"),
    }
)
"""What files end in, and no host does."""

_REFUSED = frozenset({"account-locked", "password-expired", "wrong-password"})
"""Faults of the account itself, which every road would meet."""

_AFTER = frozenset({"clock", "rights", "others"})
"""Steps whose fault does not close a road."""


@dataclass(frozen=True, slots=True)
class Road:
    """One road to a host, and what was found on it.

    Attributes:
        source: as SOURCE.
        checks: of the doctor, in order; empty: it was not tried.
        why_not: why it was not tried; else "".
    """

    source: str
    checks: list[DoctorCheck] = field(default_factory=list)
    why_not: str = ""

    @property
    def closed_by(self) -> DoctorCheck | None:
        """The check that ended it; None: it is open, or it was not tried."""
        return next(
            (check for check in self.checks if check.state == "fault" and check.step not in _AFTER),
            None,
        )

    @property
    def is_open(self) -> bool:
        """Whether Exchange answered this account on it."""
        return any(check.step == "exchange" and check.state == "ok" for check in self.checks)


def may_be_host(source: str) -> bool:
    """Whether a SOURCE without a road may be a host: no path, no separator, no file's suffix."""
    from mailflow.sources.trust import suffix_of

    bare = source.strip()
    if not bare or re.search(r"[\\/:*?\s]", bare) or not suffix_of(bare):
        return False
    if bare.rpartition(".")[2].casefold() in _SUFFIXES:
        return False
    try:
        return not Path(bare).exists()
    except OSError:
        return False


def resolves(host: str, live: LiveOptions) -> bool:
    """Whether an address is known for a host: by `--resolve`, or by DNS."""
    from mailflow.opening import live_place
    from mailflow.sources.at_once import Late, in_time
    from mailflow.sources.collect import dns
    from mailflow.sources.doctor import STEP_SECONDS

    way, name = live_place(f"winrm://{host}", live)
    if way.place(name) is not None:
        return True
    found = in_time(lambda: dns(name), STEP_SECONDS)
    return not isinstance(found, Late) and bool(found)


def checked(source: str, live: LiveOptions) -> list[DoctorCheck]:
    """The doctor's checks of one road; without a user or ticket those before the sign-in.

    Raises:
        UsageError: it cannot be tried with these options.
    """
    from mailflow.opening import live_doors, live_place
    from mailflow.sources.credentials import NoLogOnError
    from mailflow.sources.doctor import doctor

    try:
        doors, way, name = live_doors(source, live)
    except NoLogOnError as error:
        if live.auth:  # asked for by name, it has to be possible
            raise
        way, name = live_place(source, live)
        return doctor(None, way, name, why_not=str(error))
    return doctor(doors, way, name)


def tried(host: str, live: LiveOptions) -> Iterator[Road]:
    """Each road with its checks, in order; raises nothing for what is wrong at the far side.

    Raises:
        UsageError: no road can be tried with these options.
    """
    from mailflow.opening import LIVE
    from mailflow.sources.credentials import NoLogOnError

    refused, not_possible = "", 0
    for scheme in LIVE:
        source = f"{scheme}{host}"
        if refused:
            yield Road(source, why_not=f"not tried: {refused}")
            continue
        try:
            road = Road(source, checked(source, live))
        except NoLogOnError:
            raise
        except UsageError as error:
            not_possible += 1
            if not_possible == len(LIVE):
                raise
            yield Road(source, why_not=str(error))
            continue
        closed = road.closed_by
        if closed is not None and closed.id in _REFUSED:
            refused = f"the password or account was refused ({closed.id}); more tries may lock it"
        yield road
