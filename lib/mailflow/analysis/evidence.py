"""Which mail paths the error of a stuck queue speaks of."""

from __future__ import annotations

from dataclasses import replace

from mailflow.analysis.paths import Judge, MailPath
from mailflow.analysis.queues import QueueCase
from mailflow.exchange.ranges import Address, address_or_none


class Evidence:
    """Tells whether the error of a queue speaks of a mail path: server by server, and address.

    Where an error names an address of the target, the path counts as it is at that one (S9.13).
    """

    def __init__(self, judge: Judge) -> None:
        """Take what judges paths."""
        self._judge = judge
        self._there: dict[tuple[MailPath, Address], bool] = {}

    def speaks_of(self, case: QueueCase, path: MailPath) -> bool:
        """Whether the queue's messages may have stopped on this path."""
        if path.sender is not case.sender or path.target not in case.aimed_at:
            return False
        local = address_or_none(case.error.ip)
        known = local is not None and local in path.target.addresses
        if local is None or not known or path.local in (None, local):
            return True
        if path.address is None or path.address.version != local.version:
            return False
        key = (path, local)
        if key not in self._there:
            again = self._judge.again(path.target, [replace(path, local=local)])
            self._there[key] = any(
                (each.cause, each.connector) == (path.cause, path.connector) for each in again
            )
        return self._there[key]
