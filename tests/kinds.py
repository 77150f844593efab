r"""Practice organizations with one fault of each kind that commands repair, and mail that waits.

    practice_with("Fqdn")      as a practice under way: EX10A sends to EX16A, and it does not arrive
    KINDS                      each kind, with what its repair sets: connector to parameters

Beside the fault all is as setup makes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from mailflow.analysis.change import Parameter
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
)
from mailflow.exchange.ranges import parse_range
from mailflow.simulated.clock import Clock
from mailflow.simulated.organisation import Organisation
from mailflow.simulated.practice import Practice
from mailflow.simulated.scenarios import ACCOUNTS, Built
from mailflow.simulated.transport import MailStream, Transport
from organisations import E2010, E2016

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FRONT = "EX16A\\Default Frontend EX16A"
HUB = "EX16A\\Default EX16A"
RELAY = "EX16A\\Relay"


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        broken: what is wrong, connector to its values; a name that setup does not make is a relay.
        sets: the connectors that the repair changes, in order, with the parameters it sets.
        no_rollback: whether Exchange would refuse the values as they were.
    """

    broken: Mapping[str, Mapping[str, object]]
    sets: Sequence[tuple[str, tuple[Parameter, ...]]]
    no_rollback: bool = False


def _ranges(*texts: str) -> tuple[object, ...]:
    return tuple(map(parse_range, texts))


def _bound(*texts: str) -> tuple[object, ...]:
    return tuple(map(parse_binding, texts))


KINDS: Mapping[str, Kind] = {
    "a relay's ranges": Kind(
        {RELAY: {"ranges": _ranges("10.0.0.11", "10.0.5.0/24")}}, [(RELAY, ("RemoteIPRanges",))]
    ),
    "a relay of nothing else": Kind(
        {RELAY: {"ranges": _ranges("10.0.0.11")}}, [(RELAY, ("Enabled",))]
    ),
    "disabled": Kind({FRONT: {"enabled": False}}, [(FRONT, ("Enabled",))]),
    "ranges narrowed": Kind(
        {FRONT: {"ranges": _ranges("10.0.5.0/24", "::/0")}}, [(FRONT, ("RemoteIPRanges",))]
    ),
    "bindings narrowed": Kind(
        {FRONT: {"bindings": _bound("10.0.0.99:25", "[::]:25")}}, [(FRONT, ("Bindings",))]
    ),
    "no Exchange authentication": Kind(
        {FRONT: {"auth": AuthMechanism(15)}}, [(FRONT, ("AuthMechanism",))]
    ),
    "no Exchange authentication, another name": Kind(
        {FRONT: {"auth": AuthMechanism(15), "fqdn": "mail.contoso.example"}},
        [(FRONT, ("AuthMechanism", "Fqdn"))],
    ),
    "no group": Kind({FRONT: {"groups": PermissionGroups(9)}}, [(FRONT, ("PermissionGroups",))]),
    "neither": Kind(
        {FRONT: {"groups": PermissionGroups(1), "auth": AuthMechanism.Tls}},
        [(FRONT, ("AuthMechanism", "PermissionGroups"))],
    ),
    "suppressed": Kind(
        {FRONT: {"suppress_x_anonymous_tls": True}},
        [(FRONT, ("SuppressXAnonymousTls",))],
        no_rollback=True,
    ),
    "a custom connector of the other role": Kind(
        {RELAY: {"ranges": _ranges("10.0.7.0/24"), "role": TransportRole.HubTransport}},
        [(RELAY, ("TransportRole",))],
        no_rollback=True,
    ),
    "a custom connector of the other role, and servers in its ranges": Kind(
        {
            RELAY: {
                "ranges": _ranges("10.0.0.11", "10.0.7.0/24"),
                "role": TransportRole.HubTransport,
            }
        },
        [(RELAY, ("RemoteIPRanges", "TransportRole"))],
        no_rollback=True,
    ),
    "setup's own on the other's port": Kind(
        {HUB: {"bindings": _bound("0.0.0.0:25", "[::]:2525")}},
        [(HUB, ("Bindings",))],
        no_rollback=True,
    ),
}
"""Each kind by a name."""


def practice_with(kind: str) -> Practice:
    """A practice two hours after its last mail, which could not be delivered."""
    made = Organisation(accounts={one.name: one for one in ACCOUNTS})
    made.install("EX10A", E2010, ["10.0.0.11"], site="Head-Office")
    made.install("EX16A", E2016, ["10.0.0.21"], site="Head-Office")
    moment = NOON - timedelta(hours=1)
    for identity, values in KINDS[kind].broken.items():
        found = made.directory.find(identity, moment)
        made.directory.install(replace(found or _relay(), **values))  # type: ignore[arg-type]
    transport = Transport(made, Clock(NOON))
    every = timedelta(minutes=7)
    transport.stream(MailStream("EX10A", "EX16A", NOON, every, until=NOON + timedelta(hours=1)))
    transport.advance(timedelta(hours=3))
    return Practice(f"kind {kind}", Built(transport, "EX16A", "One fault, and mail that waits"))


def _relay() -> ReceiveConnector:
    return ReceiveConnector(
        "EX16A",
        "Relay",
        enabled=True,
        role=TransportRole.FrontendTransport,
        bindings=(parse_binding("0.0.0.0:25"),),
        ranges=(),
        auth=AuthMechanism.Tls,
        groups=PermissionGroups.AnonymousUsers,
        suppress_x_anonymous_tls=False,
        fqdn="ex16a.contoso.example",
        require_tls=False,
        protocol_logging="None",
    )
