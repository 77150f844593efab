"""Where a connector stands, by every note of the journal and all values on the server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from applying import NEW, OLD, RELAYS
from mailflow.analysis.change import Change
from mailflow.apply.entry import ConnectorEntry, Note
from mailflow.apply.standing import ConnectorState, standing
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
)
from mailflow.exchange.ranges import parse_range

OTHER = ("10.0.0.12", "10.0.5.0/24")

AS_READ = ReceiveConnector(
    "EX16A",
    "Relay",
    enabled=True,
    role=TransportRole.FrontendTransport,
    bindings=(parse_binding("0.0.0.0:25"),),
    ranges=tuple(map(parse_range, OLD)),
    auth=AuthMechanism.Tls,
    groups=PermissionGroups.AnonymousUsers | PermissionGroups.Custom,
    fqdn="mail.contoso.example",
)
TLS = Change(
    RELAYS[0],
    "AuthMechanism",
    AuthMechanism.Tls,
    AuthMechanism.Tls | AuthMechanism.ExchangeServer,
)
NAME = Change(RELAYS[0], "Fqdn", "mail.contoso.example", "EX16A.contoso.example")
GROUPS = Change(
    RELAYS[0],
    "PermissionGroups",
    PermissionGroups.AnonymousUsers,
    PermissionGroups.AnonymousUsers | PermissionGroups.ExchangeServers,
)


@pytest.mark.parametrize(
    ("note", "old", "new", "other", "unread"),
    [
        ("not begun", "not begun", "done, not verified", "not begun", "not begun"),
        ("refused", "not begun", "done, not verified", "not begun", "not begun"),
        ("begun", "not begun", "done, not verified", "changed since", "unknown"),
        ("done", "rolled back", "done, not verified", "changed since", "done, not verified"),
        ("verified", "rolled back", "verified", "changed since", "verified"),
        ("going back", "rolled back", "done, not verified", "changed since", "unknown"),
        ("put back", "rolled back", "done, not verified", "changed since", "rolled back"),
    ],
)
def test_every_case(
    note: Note,
    old: ConnectorState,
    new: ConnectorState,
    other: ConnectorState,
    unread: ConnectorState,
) -> None:
    """The values decide where they were read; else the journal says what it saw, and no more."""
    texts = tuple(tuple(map(parse_range, each)) for each in (OLD, NEW))
    entry = ConnectorEntry(
        RELAYS[0], "EX16A", (Change(RELAYS[0], "RemoteIPRanges", *texts),), note=note
    )

    for expected, ranges in ((old, OLD), (new, NEW), (other, OTHER), (old, OLD[::-1])):
        seen = replace(AS_READ, ranges=tuple(map(parse_range, ranges)))
        assert standing(entry, seen).state == expected
    assert standing(entry, None).state == unread


def test_several_parameters() -> None:
    """All of the command's values are there, or none: one of two is somebody's change."""
    entry = ConnectorEntry(RELAYS[0], "EX16A", (TLS, NAME), note="done")
    both = replace(AS_READ, auth=AuthMechanism(17), fqdn="ex16a.CONTOSO.example")

    assert standing(entry, AS_READ).state == "rolled back"
    assert standing(entry, both).state == "done, not verified"
    assert standing(entry, replace(both, fqdn=AS_READ.fqdn)).state == "changed since"
    assert standing(entry, replace(both, auth=AS_READ.auth)).state == "changed since"


def test_what_the_command_does_not_set() -> None:
    """Other values of the connector take no part, and Custom beside the groups neither (S3.22)."""
    entry = ConnectorEntry(RELAYS[0], "EX16A", (GROUPS,), note="done")
    there = replace(AS_READ, groups=PermissionGroups(5), enabled=False, auth=None)

    assert standing(entry, there).state == "done, not verified"
    assert (
        standing(entry, replace(there, groups=PermissionGroups(37))).state
        == standing(entry, there).state
    )
    assert standing(entry, AS_READ).state == "rolled back"
