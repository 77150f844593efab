"""Audit: relay rights that reach further than they look, without authentication.

Hosts outside of the organization that may relay are told as `open-relay`, and not here again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailflow.analysis.capabilities import Rights, relays
from mailflow.analysis.reach import Reach, WholeMap
from mailflow.analysis.servers import is_whole
from mailflow.checks.check import (
    ENTRIES,
    LIST_CONNECTORS,
    Card,
    Check,
    ConnectorWords,
    Finding,
    State,
    in_own_words,
    own_advice,
)
from mailflow.checks.relaying import (
    doubt_of_relaying,
    how_to_tell,
    what_ends_it,
    why_it_relays,
)
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.range_words import count_in_words, ranges_in_words
from mailflow.exchange.ranges import AddressRange, Family

CARD = Card(
    id="relay-wider-than-it-looks",
    title="A relay connector accepts more hosts than meant",
    meaning=(
        "A connector that relays without authentication accepts a range with many more addresses "
        "than the hosts it was made for, because of a wide mask; or it is a default connector, "
        "which accepts all other hosts."
    ),
    evidence_for=(
        "Anonymous relay rights, or ExternalAuthoritative, and a wide range (from a /16 on).",
        "Anonymous relay rights on a connector that setup made.",
    ),
    evidence_against=("The range is a network of relay hosts by design.",),
    confirm=(
        LIST_CONNECTORS,
        f'Get-ADPermission "{{connector}}" | {ENTRIES}',
    ),
    fix=("Narrow the range to the hosts that need it.",),
    sources=("S1.13", "S1.20", "S3.20"),
)

_WIDE: Mapping[Family, int] = {4: 1 << 16, 6: (1 << 64) + 1}
"""A range of so many addresses is wide: of IPv4 a /16; of IPv6 more than a subnet (a /64)."""


def find(
    rights: Rights, whole: WholeMap, outside: Mapping[str, Sequence[AddressRange]]
) -> Iterator[Finding]:
    """An entry for each connector that relays, or may, and what speaks for its being meant so.

    Args:
        rights: of the organization.
        whole: the map of its connectors.
        outside: the hosts that are told of as `open-relay`, by identity of the connector; of such
            a connector only a wide range without any of these is told here.

    Found: a connector of setup's that relays, for it answers whoever is left over; a custom one
    that relays for a wide range. Clear: a custom one that relays for few.
    """
    reaches = whole.reaches()
    for number, connector in enumerate(whole.connectors):
        member = whole.member_of(number)
        if not member.covered or connector.enabled is False:
            continue
        told = outside.get(connector.identity, ())
        if told and not (whole.is_custom(number) and _has_wide_inside(connector, told)):
            continue
        case = _Case(connector, reaches[number], whole.is_custom(number), relays(connector, rights))
        state = case.state
        if state:
            yield Finding(
                check=CHECK,
                state=state,
                server=member,
                connector=connector,
                evidence=ConnectorWords(case.reading(state), case.remedy(state)),
            )


def _has_wide_inside(connector: ReceiveConnector, outside: Sequence[AddressRange]) -> bool:
    """Whether a wide range contains no host outside."""
    return any(
        block.size >= _WIDE[block.family] and not any(block.meets(other) for other in outside)
        for block in connector.ranges
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """A connector that accepts somebody, and whether it relays for them."""

    connector: ReceiveConnector
    reach: Reach
    custom: bool
    relays: bool | None

    @property
    def is_wide(self) -> bool:
        """Whether one range holds, and the connector accepts, more hosts than anybody looked at.

        Many small ranges are a list that somebody wrote host by host.
        """
        return any(
            self.reach.answered[family] >= wide
            and any(
                block.family == family and block.size >= wide for block in self.connector.ranges
            )
            for family, wide in _WIDE.items()
        )

    @property
    def state(self) -> State | None:
        """None: it does not relay, or for few if at all, or accepts nobody."""
        connector = self.connector
        if self.relays is False or (self.reach.answers_nobody and is_whole(connector)):
            return None
        if self.custom and not self.is_wide:
            if not is_whole(connector):
                return "unknown"
            return "clear" if self.relays else None
        return "found" if self.relays and connector.enabled else "unknown"

    def reading(self, state: State) -> str:
        """What was read, and what it means."""
        connector, why = self.connector, why_it_relays(self.connector)
        here = f"{connector.name} on {connector.server}"
        answers = f"{count_in_words(self.reach.answered)} ({ranges_in_words(connector)})"
        if state == "unknown":
            return (
                f"Could not determine whether {here} relays more widely than it looks: "
                f"{doubt_of_relaying(connector, self.relays)}. It accepts {answers}."
            )
        if state == "clear":
            return (
                f"{here} relays without authentication for the hosts it lists and no others, "
                f"{answers}: by design ({why})."
            )
        if self.custom:
            return f"{here} relays to any recipient without authentication ({why}) for {answers}."
        return (
            f"{here} accepts every host that no other connector accepts, {answers}, and relays for "
            f"all of them to any recipient without authentication ({why})."
        )

    def remedy(self, state: State) -> str:
        """What to do; a command is for a person to weigh, for hosts may depend on the right."""
        if state == "clear":
            return ""
        if state == "unknown":
            return how_to_tell(self.connector, self.relays)
        if self.custom:
            return (
                f"Narrow the ranges of {self.connector.identity} to the hosts that need to relay; "
                "its protocol log shows which ones do."
            )
        return what_ends_it(self.connector)


CHECK = Check(CARD, "audit", in_own_words, own_advice)
