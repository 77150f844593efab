"""How two connectors treat a host: what it gains and loses, whatever they are called."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailflow.analysis.capabilities import Effect, Rights
from mailflow.analysis.treatment import CONNECTION, FURTHER_RIGHTS, LOGGING, treatment
from mailflow.exchange.connectors import (
    LIMITS,
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
)
from mailflow.snapshot import Right, Snapshot

ALL_LIMITS = tuple((name, "User" if kind == "name" else "600") for name, kind in LIMITS.items())
RELAY = ReceiveConnector(
    "EX16A",
    "Relay",
    enabled=True,
    role=TransportRole.FrontendTransport,
    bindings=(),
    ranges=(),
    auth=AuthMechanism.Tls,
    groups=PermissionGroups.AnonymousUsers,
    suppress_x_anonymous_tls=False,
    require_tls=False,
    protocol_logging="None",
    limits=ALL_LIMITS,
)
NOTHING_READ = Rights(Snapshot())


def rights(*entries: tuple[str, str, str, bool]) -> Rights:
    """Access lists: server, user, right, deny."""
    return Rights(
        Snapshot(rights=tuple(Right(server, "Relay", *rest) for server, *rest in entries))
    )


def between(old: ReceiveConnector | None, new: ReceiveConnector | None) -> Effect:
    """The effect where no access list was read."""
    return treatment(old, new, NOTHING_READ, NOTHING_READ)


def limited(name: str, value: str) -> ReceiveConnector:
    """The connector with one limit."""
    return replace(RELAY, limits=tuple((dict(ALL_LIMITS) | {name: value}).items()))


def test_a_name_is_no_difference() -> None:
    """Name, server, comment, Fqdn and the order of lists play no part (S1.11)."""
    other = replace(
        RELAY, server="SE01", name="From scanners", comment="x", fqdn="se01.contoso.com"
    )

    assert between(RELAY, other) == Effect()


@pytest.mark.parametrize(
    ("name", "value", "gains", "loses"),
    [
        ("MaxMessageSize", "37748736", "MaxMessageSize 36 MB instead of 600 bytes", ""),
        ("MessageRateLimit", "Unlimited", "MessageRateLimit Unlimited instead of 600", ""),
        ("MessageRateLimit", "5", "", "MessageRateLimit 5 instead of 600"),
        ("ConnectionTimeout", "300", "", "ConnectionTimeout 5 min instead of 10 min"),
        ("TarpitInterval", "5", "TarpitInterval 5 s instead of 10 min", ""),
        ("MessageRateSource", "All", "MessageRateSource All", "MessageRateSource User"),
    ],
)
def test_a_limit_that_differs_is_gained_or_lost(
    name: str, value: str, gains: str, loses: str
) -> None:
    """More is a gain, except of a delay (section 2.1)."""
    found = between(RELAY, limited(name, value))

    assert found == Effect(tuple(filter(None, [gains])), tuple(filter(None, [loses])))


def test_a_limit_that_was_not_read_is_not_known() -> None:
    """On either side, and on both: never alike."""
    unread = replace(RELAY, limits=())

    assert between(RELAY, unread) == Effect(not_known=tuple(LIMITS))
    assert between(unread, unread) == Effect(not_known=tuple(LIMITS))


def test_logging_counts() -> None:
    """A connector that logs nothing cannot be asked who uses it (S7.20)."""
    verbose = replace(RELAY, protocol_logging="Verbose")

    assert between(RELAY, verbose) == Effect(gains=(LOGGING,))
    assert between(verbose, RELAY) == Effect(loses=(LOGGING,))
    assert between(verbose, replace(RELAY, protocol_logging="")) == Effect(not_known=(LOGGING,))


def test_no_connector_loses_the_connection() -> None:
    """421 4.3.2 (S1.18)."""
    assert between(RELAY, None).loses[0] == CONNECTION
    assert between(None, RELAY).gains[0] == CONNECTION
    assert between(None, None) == Effect()


def test_a_right_beyond_the_groups_is_told() -> None:
    """Both lists were read: the entry stands there by user (S3.20)."""
    extra = rights(
        ("EX16A", "nt authority\\anonymous logon", "ms-exch-smtp-submit", False),
        ("EX16A", "contoso\\scanner", "ms-exch-bypass-anti-spam", False),
        ("SE01", "nt authority\\anonymous logon", "ms-exch-smtp-submit", False),
    )
    found = treatment(RELAY, replace(RELAY, server="SE01"), extra, extra)

    assert found == Effect(loses=("ms-exch-bypass-anti-spam for contoso\\scanner",))


def test_custom_without_the_list_is_not_known() -> None:
    """Custom says that the list holds more than the groups (S3.20, S3.21)."""
    custom = replace(RELAY, groups=PermissionGroups(33))

    assert FURTHER_RIGHTS in between(custom, custom).not_known


def test_groups_of_two_forests_are_the_same() -> None:
    """Exchange's own groups are compared without their domain."""
    a = rights(("EX16A", "contoso\\exchange servers", "ms-exch-smtp-submit", False))
    b = rights(("SE01", "fabrikam\\exchange servers", "ms-exch-smtp-submit", False))

    def found(connector: ReceiveConnector) -> Effect:
        return treatment(connector, replace(connector, server="SE01"), a, b)

    # Whether hosts may submit without authentication the two lists do not say; nothing differs.
    assert not found(replace(RELAY, groups=PermissionGroups.ExchangeServers))
