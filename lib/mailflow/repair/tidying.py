r"""The smallest list of a connector that treats every host alike, as a change with its proof.

The list is worked out by `analysis/tidy.py` and proven like every change (`repair/impact.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mailflow.analysis.analysis import analyze
from mailflow.analysis.places import hidden_connectors
from mailflow.analysis.servers import ServerView
from mailflow.analysis.tidy import doubts_of, tidied
from mailflow.errors import UsageError
from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import merged
from mailflow.phrases import capital, counted, did_you_mean, joined
from mailflow.repair.claim import Proof
from mailflow.repair.impact import prove
from mailflow.repair.request import with_list
from mailflow.repair.simulation import RefusedError
from mailflow.snapshot import Snapshot

SCHEMA = "mailflow.tidy/1"


@dataclass(frozen=True, slots=True)
class TidyList:
    """What is proposed for a connector's list.

    Attributes:
        connector: it, as it was read.
        proof: of the change; None: none is proposed.
        is_smallest: whether no equal list has fewer elements than the proposed one, or than the
            present one where none is proposed.
        why_not: why none is proposed although a shorter one may be equal, sentences.
    """

    connector: ReceiveConnector
    proof: Proof | None = None
    is_smallest: bool = False
    why_not: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        r"""`SERVER\Name`."""
        return self.connector.identity

    @property
    def before(self) -> int:
        """How many elements the list has."""
        return len(self.connector.ranges)

    @property
    def after(self) -> int:
        """How many it would have."""
        return len(self.proof.changes[0].ranges) if self.proof else self.before

    @property
    def claim(self) -> str:
        """What is promised, in sentences."""
        size = sum(block.size for block in merged(self.connector.ranges))
        if self.proof is None:
            if self.why_not:
                whose = f"RemoteIPRanges of {self.identity}"
                return f"No shorter {whose} are proposed. {' '.join(self.why_not)}"
            return f"RemoteIPRanges of {self.identity} cannot be shorter ({self._of(self.before)})."
        text = (
            f"{self.identity}: from {self.before:,} to {self._of(self.after)}, with the same "
            f"{counted(size, 'address', 'addresses')}. No host is handled differently."
        )
        return text if self.is_smallest else f"{text} An even shorter value may exist."

    @staticmethod
    def _of(count: int) -> str:
        return counted(count, "element")

    def as_json(self) -> dict[str, Any]:
        """An element of `lists` in `mailflow tidy --json`."""
        edits = self.proof.changes if self.proof else ()
        return {
            "connector": self.identity,
            "elements": {"before": self.before, "after": self.after},
            "ranges": [str(block) for edit in edits for block in edit.ranges] or None,
            "smallest": self.is_smallest,
            "claim": self.claim,
            "why_not": list(self.why_not),
            "changes": [change.as_json() for edit in edits for change in edit.changes],
            "commands": [edit.command for edit in edits if edit.command],
            "rollback": [edit.undo for edit in reversed(edits) if edit.undo],
            "proof": self.proof.as_json() if self.proof else None,
        }


def tidy_lists(org: Snapshot, identity: str = "") -> tuple[TidyList, ...]:
    r"""The smallest equal list of one connector, or of each whose list can be shorter.

    Args:
        org: the organization; nothing is fetched.
        identity: `SERVER\Name`; empty: all that the run covers. Each is a change of its own: after
            one of them the others are asked for anew.

    Raises:
        UsageError: no such connector.
    """
    views = [view for view in analyze(org).servers if view.covered or identity]
    if identity:
        return (_tidy_list(org, *_named(views, identity)),)
    found = (_tidy_list(org, view, each) for view in views for each in view.connectors)
    return tuple(each for each in found if each.proof or each.why_not)


def not_listed(org: Snapshot) -> list[str]:
    """Why lists may be missing in what `tidy_lists` gives for all servers, in words."""
    return [
        doubt
        for view in analyze(org).servers
        if view.covered and (view.hidden or (not view.connectors and view.server.has_hub))
        for doubt in hidden_connectors(view, view.connectors)
    ]


def _named(views: Iterable[ServerView], identity: str) -> tuple[ServerView, ReceiveConnector]:
    server, slash, name = identity.partition("\\")
    known: dict[str, None] = {}
    for view in views:
        for connector in view.connectors:
            known.setdefault(connector.identity)
            is_it = connector.name.casefold() == name.casefold()
            if slash and is_it and view.server.is_named(server):
                return view, connector
    hint = did_you_mean(identity, known)
    raise UsageError(
        f'The Receive connector "{identity}" wasn\'t found; expected SERVER\\Name.{hint} '
        f"Known: {joined(known, most=8) or 'none'}"
    )


def _tidy_list(org: Snapshot, view: ServerView, connector: ReceiveConnector) -> TidyList:
    if len(connector.ranges) < 2 and connector.ranges_complete:
        return TidyList(connector, is_smallest=True)
    doubts = [f"{capital(doubt)}." for doubt in doubts_of(view, connector)]
    conflict = check(connector, view.connectors)
    if conflict:
        doubts.append(
            f"It is in conflict with {conflict.second.identity}, so Exchange refuses every change "
            "of it: clear that first."
        )
    if doubts:
        return TidyList(connector, why_not=tuple(doubts))
    found = tidied(view, connector)
    if len(found.ranges) >= len(connector.ranges):
        why = () if found.is_smallest else (_NOT_TRIED,)
        return TidyList(connector, is_smallest=found.is_smallest, why_not=why)
    try:
        proof = prove(org, [with_list(view, connector, found.ranges)])
    except RefusedError as error:
        return TidyList(connector, why_not=(str(error),))
    if proof.exit_code or proof.doubts:
        return TidyList(connector, why_not=(proof.summary, *proof.doubts))
    return TidyList(connector, proof, found.is_smallest)


_NOT_TRIED = (
    "Ranges of other connectors cut its addresses into more pieces than are tried, or are in a tie."
)
