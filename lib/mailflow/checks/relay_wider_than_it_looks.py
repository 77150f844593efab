"""Audit: relay rights that reach further than they look, without authentication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailflow.analysis.capabilities import RIGHTS, Rights, relays
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.reach import Reach, WholeMap
from mailflow.analysis.servers import doubt_of, is_whole
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
from mailflow.exchange.commands import filled
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Family
from mailflow.phrases import count_in_words, joined, ranges_in_words

CARD = Card(
    id="relay-wider-than-it-looks",
    title="A relay connector accepts more hosts than meant",
    meaning=(
        "A connector that relays without authentication accepts a range with many more addresses "
        "than the hosts it was made for, because of a wide mask; or it is the default one, which "
        "accepts whoever is left."
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


def find(rights: Rights, whole: WholeMap) -> Iterator[Finding]:
    """An entry for each connector that relays, or may, and what speaks for its being meant so.

    Found: a connector of setup's that relays, for it answers whoever is left over; a custom one
    that relays for a wide range. Clear: a custom one that relays for few.
    """
    reaches = whole.reaches()
    for number, connector in enumerate(whole.connectors):
        member = whole.member_of(number)
        if not member.covered or connector.enabled is False:
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


@dataclass(frozen=True, slots=True)
class _Case:
    """A connector that answers somebody, and whether it relays for them."""

    connector: ReceiveConnector
    reach: Reach
    custom: bool
    relays: bool | None

    @property
    def is_wide(self) -> bool:
        """Whether one range holds, and the connector answers, more hosts than anybody looked at.

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
        """None: it does not relay, or for few if at all, or answers nobody."""
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
        connector, why = self.connector, self._why
        here = f"{connector.name} on {connector.server}"
        answers = f"{count_in_words(self.reach.answered)} ({ranges_in_words(connector)})"
        if state == "unknown":
            return (
                f"Could not determine whether {here} relays more widely than it looks: "
                f"{self._doubt}. It accepts {answers}."
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
            return "\n".join([Missing("", RIGHTS).how, *self._exports])
        if self.custom:
            return (
                f"Narrow the ranges of {self.connector.identity} to the hosts that need to relay; "
                "its protocol log tells which ones do."
            )
        end = (
            "remove ExternalAuthoritative from it."
            if self.connector.is_externally_secured
            else f"remove the right: {filled(_REMOVE_RIGHT, self._known)}"
        )
        return (
            "Give the hosts that need to relay a connector of their own with their addresses "
            f"alone; then {end}"
        )

    @property
    def _known(self) -> Mapping[str, str]:
        return {"connector": self.connector.identity}

    @property
    def _why(self) -> str:
        if self.connector.is_externally_secured:
            return "externally secured, it trusts every host"
        return "ANONYMOUS LOGON holds ms-Exch-SMTP-Accept-Any-Recipient"

    @property
    def _rights_decide(self) -> bool:
        """Whether the access list is missing, and would tell."""
        return self.relays is None and self.connector.is_externally_secured is not True

    @property
    def _exports(self) -> Iterator[str]:
        """The commands that export what is missing."""
        server = self.connector.server
        if not is_whole(self.connector) or self.connector.auth is None:
            yield Missing(server, CONNECTORS).command
        if self._rights_decide:
            yield Missing(server, RIGHTS).command

    @property
    def _doubt(self) -> str:
        connector = self.connector
        doubts = [doubt_of(connector)]
        if connector.auth is None:
            doubts.append("its AuthMechanism was not read")
        if self._rights_decide:
            doubts.append(f"its extended rights ({RIGHTS}) were not read to the end")
        return joined(filter(None, doubts))


_REMOVE_RIGHT = (
    'Remove-ADPermission "{connector}" -User "NT AUTHORITY\\ANONYMOUS LOGON" '
    "-ExtendedRights Ms-Exch-SMTP-Accept-Any-Recipient"
)
CHECK = Check(CARD, "audit", in_own_words, own_advice)
