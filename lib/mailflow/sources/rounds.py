"""What both ways to a live server do with calls: a round of asking, and one more where it was lost.

The seams (`winrm.shell`, `psrp.shell`) know how a round is asked; here stands who is asked, how
often and until when.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from mailflow.sources import setup_faults
from mailflow.sources.at_once import Late, in_time
from mailflow.sources.setup_faults import fault
from mailflow.sources.shell import (
    Call,
    Fault,
    Reply,
    ShellError,
    beside_probe,
    changes_something,
    is_probe,
)

AGAIN_SECONDS = 3.0
"""With less time than this left, a lost answer is not asked for again."""

POLL_SECONDS = 20
"""How long the server may hold a request for output before it says that there is none."""

CLOSE_SECONDS = 1.5
"""How long a shell is tried to be closed once something has failed."""

Round = Callable[[dict[int, Reply], float], Fault]
"""Asks until then for what has no reply yet; gives what kept the rest from having one."""


class RemoteEnd(Protocol):
    """A shell at the far side and the connection to it."""

    def begin(self, until: float) -> Fault | None:
        """Connect, sign in, open; gives what went wrong."""

    def abandon(self) -> None:
        """Nobody waits any more: whatever comes back closes the shell by itself."""


def begin_in_time(end: RemoteEnd, until: float, grace: float) -> None:
    """Open a shell at the far side, and leave behind what hangs `grace` seconds longer.

    Raises:
        ShellError: it could not be reached, or did not let us in.
    """
    found = in_time(lambda: end.begin(until), until - time.monotonic() + grace)
    if isinstance(found, Late):
        end.abandon()
        found = fault("deadline", "while connecting")
    if found is not None:
        raise ShellError(found)


def asked(
    calls: Sequence[Call], once: Round, *, until: float, check: Callable[[Call], None]
) -> list[Reply]:
    """One reply to each call, in order.

    A call that `check` refuses never leaves. Probes are asked together, and other calls are refused
    beside them. What was lost on its way is asked for once more, unless one of the calls changes
    something or is a probe.

    Args:
        calls: what is asked.
        once: asks a round.
        until: when it has to be over, by `time.monotonic`.
        check: raises ShellError for what may not leave.
    """
    replies: dict[int, Reply] = {}
    for number, call in enumerate(calls):
        try:
            check(call)
        except ShellError as error:
            replies[number] = Reply(call, fault=error.fault)
    left = [call for number, call in enumerate(calls) if number not in replies]
    if any(map(is_probe, left)):
        for number, call in enumerate(calls):
            if not is_probe(call):
                replies.setdefault(number, Reply(call, fault=beside_probe(call)))
    failed = once(replies, until)
    is_once = any(changes_something(call) or is_probe(call) for call in left)
    again = setup_faults.is_lost(failed) and not is_once
    if again and until - time.monotonic() >= AGAIN_SECONDS:
        failed = once(replies, until)
    return [replies.get(number) or Reply(call, fault=failed) for number, call in enumerate(calls)]
