"""Objects look like those that real servers returned, by version of the shell and of the server."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import timedelta

import pytest

from mailflow.exchange.connectors import PermissionGroups, TransportRole, flag_names, parse_binding
from mailflow.exchange.ranges import parse_range
from mailflow.simulated.connector_objects import permissions, receive_connector
from mailflow.simulated.objects import exchange_server, transport_service
from mailflow.simulated.organisation import (
    BUILDS,
    EXCHANGE_SERVERS,
    SUBMIT,
    AccessEntry,
    Organisation,
)
from mailflow.simulated.queue_objects import queue
from mailflow.simulated.shapes import Shape, Version, byte_size, time_span
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.row import Complex, Enumeration, Items, Value
from practice_bench import NOW, Bench, column, shown
from support import needs_shared

SHELL_2007: Version = (8, 3, 83, 6)
SHELL_2010: Version = (14, 3, 123, 4)
SHELL_2013: Version = (15, 0, 1497, 2)
SHELL_2016: Version = (15, 1, 2375, 7)
NOT_KEPT = {"WhenChanged", "WhenCreated", "WhenChangedUTC", "WhenCreatedUTC", "SerializationData"}
NOTES = {"PSComputerName", "RunspaceId", "PSShowComputerName"}
LEGACY = {
    *("Identity", "DeliveryType", "NextHopDomain", "NextHopConnector", "Status", "MessageCount"),
    *("LastError", "LastRetryTime", "NextRetryTime"),
}
GROUPS = list(PermissionGroups)


def captured(path: str) -> list[Mapping[str, Value]]:
    """The objects of a real capture."""
    data = needs_shared(f"captures/{path}").read_bytes()
    return [row.values for row in read_clixml([data], path).rows]


def kind(value: Value) -> str:
    """What a value is; a list with the kind of its first element."""
    if isinstance(value, Items):
        return f"list of {kind(value.values[0])}" if value.values else "list"
    return type(value).__name__


# -- Held against real objects ---------------------------------------------------------------------


def real_2019() -> tuple[Organisation, list[Mapping[str, Value]]]:
    """A 2019 server of the same name as the captured one, and what was captured."""
    real = captured("receive-connectors-2019.xml")
    org = Organisation()
    org.install(shown(real[0]["Server"]), BUILDS["2019"], ["10.0.0.1"], site="x")
    return org, real


def test_a_connector_has_the_properties_of_a_real_one() -> None:
    """Names, order and kinds of values are those of a live 2019 server (section 1.6)."""
    org, real = real_2019()
    ours = receive_connector(
        org.directory.connectors(NOW)[0], org.servers[0], Shape((15, 2, 1258, 12))
    )
    left_out = NOT_KEPT - {"WhenChangedUTC"} | NOTES
    theirs = {name: value for name, value in real[0].items() if name not in left_out}

    assert list(ours) == list(theirs)
    for name, value in ours.items():
        assert kind(value) == kind(theirs[name]), name


def test_setups_connectors_print_as_on_a_real_server() -> None:
    """Every setting of all five, as read on a live 2019 server (S2.01, section 2.1)."""
    org, real = real_2019()
    own = {
        *("TlsCertificateName", "TlsDomainCapabilities"),  # hybrid set-up writes them (section 1.6)
        *("Fqdn", "DistinguishedName", "Guid", "Id", "ObjectCategory", "OriginatingServer"),
        *NOT_KEPT,
    }
    ours = {
        one.name: receive_connector(one, org.servers[0], Shape((15, 2, 1258, 12)))
        for one in org.directory.connectors(NOW)
    }

    assert len(real) == len(ours) == 5
    for theirs in real:
        for name, value in ours[shown(theirs["Name"])].items():
            if name in own:
                continue
            expected, mine = theirs[name], value
            if isinstance(expected, Items) and isinstance(mine, Items):  # any order (section 1.4)
                assert sorted(map(shown, mine.values)) == sorted(map(shown, expected.values))
            elif name != "DomainSecureEnabled":  # not to be compared (section 1.6)
                assert shown(mine) == shown(expected), (theirs["Name"], name)


def test_ranges_and_bindings_have_the_members_of_real_ones() -> None:
    """LowerBound, Size and the rest, value by value (section 1.6)."""
    org, real = real_2019()
    ours = receive_connector(org.directory.connectors(NOW)[0], org.servers[0], Shape(SHELL_2016))
    for name in ("RemoteIPRanges", "Bindings"):
        mine, theirs = ours[name], real[2][name]
        assert isinstance(mine, Items)
        assert isinstance(theirs, Items)
        by_text = {shown(one): one for one in theirs.values}
        for one in mine.values:
            assert isinstance(one, Complex)
            other = by_text[shown(one)]
            assert isinstance(other, Complex)
            for member, value in one.properties.items():
                assert shown(value) == shown(other.properties[member]), (name, member)


@pytest.mark.parametrize(
    ("text", "form", "first", "last", "size"),
    [
        ("10.0.0.5", "SingleAddress", "10.0.0.5", "10.0.0.5", "::1"),
        ("10.0.0.0/24", "CIDR", "10.0.0.0", "10.0.0.255", "::100"),
        ("10.0.0.0(255.255.255.0)", "Netmask", "10.0.0.0", "10.0.0.255", "::100"),
        ("10.0.0.1-10.0.0.4", "LoHi", "10.0.0.1", "10.0.0.4", "::4"),
        ("2001:db8::/112", "CIDR", "2001:db8::", "2001:db8::ffff", "::1:0"),
    ],
)
def test_ranges_of_every_form(text: str, form: str, first: str, last: str, size: str) -> None:
    """The five members (section 1.4)."""
    bench = Bench()
    made = bench.relay("EX16A", text)
    values = receive_connector(made, bench.server("EX16A"), Shape(SHELL_2016))
    found = values["RemoteIPRanges"]

    assert found == Items(
        (
            Complex(
                text,
                {
                    "LowerBound": first,
                    "UpperBound": last,
                    "RangeFormat": form,
                    "Size": size,
                    "Expression": text,
                },
            ),
        )
    )


def test_a_server_looks_like_a_real_one() -> None:
    """Names and kinds of values are among those of a live 2016 server (S9.08, S9.11)."""
    (real,) = captured("exchange-server-2016.xml")
    bench = Bench()
    ours = exchange_server(bench.server("EX16A"), Shape(SHELL_2016))

    assert set(ours) <= set(real)
    for name, value in ours.items():
        assert kind(value) == kind(real[name]), name
    assert shown(ours["AdminDisplayVersion"]) == shown(real["AdminDisplayVersion"])
    assert ours["ServerRole"] == real["ServerRole"]
    for name in ("IsHubTransportServer", "IsFrontendTransportServer", "IsEdgeServer"):
        assert ours[name] == real[name]


def test_a_component_looks_like_a_real_one() -> None:
    """Get-ServerComponentState of a live 2016 server: names, kinds, and the numbers of states."""
    real = captured("component-state-2016.xml")
    ours = Bench().run("Get-ServerComponentState", Identity="EX16A").rows[1].values
    hub = next(one for one in real if one["Component"] == "HubTransport")

    assert set(ours) == set(hub) - NOT_KEPT
    for name in ours:
        assert kind(ours[name]).partition(" of")[0] == kind(hub[name]).partition(" of")[0], name
    assert ours["Component"] == hub["Component"]
    assert ours["State"] == hub["State"]
    names = {str(one["Component"]) for one in real}
    assert (
        set(column(Bench().run("Get-ServerComponentState", Identity="EX16A"), "Component")) <= names
    )


@pytest.mark.parametrize(
    ("build", "roles", "expected", "flags"),
    [
        ("2010", "", ("Mailbox, ClientAccess, HubTransport", 38), (True, False, False)),
        ("2010", "Mailbox", ("Mailbox", 2), (False, False, False)),
        ("2013", "", ("Mailbox, ClientAccess", 6), (True, True, False)),
        ("2013", "ClientAccess", ("ClientAccess", 4), (False, True, False)),
        ("2013", "Mailbox", ("Mailbox", 2), (True, False, False)),
        ("2019", "", ("Mailbox", 2), (True, True, False)),
        ("2016", "Edge", ("Edge", 64), (False, False, True)),
    ],
)
def test_roles_by_version(
    build: str, roles: str, expected: tuple[str, int], flags: tuple[bool, ...]
) -> None:
    """ServerRole and the flags beside it (S9.11, section 2.2)."""
    org = Organisation()
    org.install("A", BUILDS[build], ["10.0.0.1"], site="x", roles=roles)
    values = exchange_server(org.servers[0], Shape(SHELL_2016))
    names = ("IsHubTransportServer", "IsFrontendTransportServer", "IsEdgeServer")

    assert values["ServerRole"] == Enumeration(*expected)
    assert tuple(values[name] for name in names) == flags


def test_transport_settings_are_the_documented_ones() -> None:
    """Section 4.6; Edge waits longer."""
    bench = Bench()
    inside, edge = (transport_service(bench.server(name)) for name in ("EX16A", "EDGE1"))
    expected = {
        "DelayNotificationTimeout": "04:00:00",
        "MessageExpirationTimeout": "2.00:00:00",
        "MessageRetryInterval": "00:15:00",
        "OutboundConnectionFailureRetryInterval": "00:10:00",
        "QueueMaxIdleTime": "00:03:00",
        "TransientFailureRetryCount": "6",
        "TransientFailureRetryInterval": "00:05:00",
    }

    assert {name: shown(inside[name]) for name in expected} == expected
    assert shown(edge["OutboundConnectionFailureRetryInterval"]) == "00:30:00"
    assert shown(edge["TransientFailureRetryInterval"]) == "00:10:00"


# -- Versions --------------------------------------------------------------------------------------


def test_an_older_shell_shows_connectors_without_role() -> None:
    """A 2010 shell knows no TransportRole, of newer connectors neither (S2.07, S8.43)."""
    bench = Bench()
    relay, server = bench.connector(r"EX16A\Relay"), bench.server("EX16A")
    old = receive_connector(relay, server, Shape(SHELL_2010))
    new = receive_connector(relay, server, Shape(SHELL_2016))

    assert "TransportRole" not in old
    assert shown(new["TransportRole"]) == "FrontendTransport"
    assert {"AuthMechanism", "Bindings", "RemoteIPRanges", "PermissionGroups"} <= set(old)
    assert old["SuppressXAnonymousTls"] is False
    assert "SuppressXAnonymousTls" not in receive_connector(relay, server, Shape(SHELL_2007))


def test_a_newer_shell_shows_hub_transport_on_an_old_connector() -> None:
    """Its default for what a 2007/2010 object lacks (S2.07)."""
    bench = Bench()
    old = bench.relay("EX10A", "10.0.0.1", role=None)
    values = receive_connector(old, bench.server("EX10A"), Shape(SHELL_2016))

    assert values["TransportRole"] == Enumeration("HubTransport", 32)


def test_2016_settings_are_not_in_2013_shells() -> None:
    """AuthTarpitInterval came with 2016 (section 2.1)."""
    bench = Bench()
    relay, server = bench.connector(r"EX16A\Relay"), bench.server("EX16A")

    assert "AuthTarpitInterval" not in receive_connector(relay, server, Shape(SHELL_2013))
    assert "AuthTarpitInterval" in receive_connector(relay, server, Shape(SHELL_2016))


def test_a_flat_session_gives_texts() -> None:
    """At another serialization level ranges and bindings are plain strings (S8.14)."""
    bench = Bench()
    relay = bench.connector(r"EX16A\Relay")
    values = receive_connector(relay, bench.server("EX16A"), Shape(SHELL_2016, flat=True))

    assert values["RemoteIPRanges"] == Items(("10.0.5.0/24",))
    assert values["Bindings"] == Items(("0.0.0.0:25",))


def test_old_shells_do_not_know_the_front_end() -> None:
    """IsFrontendTransportServer and IsE15OrLater came with 2013."""
    server = Bench().server("EX16A")

    assert "IsFrontendTransportServer" not in exchange_server(server, Shape(SHELL_2010))
    assert exchange_server(server, Shape(SHELL_2013))["IsE15OrLater"] is True


def shown_queue(build: str, shell: Version) -> set[str]:
    """The properties of a queue of a server of this build in a shell."""
    org = Organisation()
    org.install("A", build, ["10.0.0.1"], site="x")
    return set(queue(org.queues[0], org.servers[0], Shape(shell), NOW))


def test_the_schema_of_a_queue_is_that_of_the_older_side() -> None:
    """Nine properties before 2010 SP1 (S4.51), no rates before 2013 (S4.52), all from then on."""
    rtm, sp1 = "Version 14.0 (Build 639.21)", "Version 14.1 (Build 218.15)"
    whole = shown_queue(BUILDS["2016"], SHELL_2016)
    middle = shown_queue(sp1, SHELL_2016)

    assert shown_queue(BUILDS["2007"], SHELL_2016) == LEGACY
    assert shown_queue(rtm, SHELL_2016) == LEGACY
    assert shown_queue(BUILDS["2016"], SHELL_2007) == LEGACY
    assert LEGACY < middle < whole
    assert not middle & {"Velocity", "IncomingRate", "NextHopCategory", "MessageCountsPerPriority"}
    assert shown_queue(BUILDS["2016"], SHELL_2010) == middle
    assert {"Velocity", "RiskLevel", "QueueIdentity", "PriorityDescriptions"} < whole


# -- Queues ----------------------------------------------------------------------------------------


def test_a_queue_shows_what_the_transport_made_of_it() -> None:
    """Status with its number, error, times as instants (section 4.5)."""
    bench = Bench()
    one = bench.stuck("EX10A")
    values = queue(one, bench.server("EX10A"), Shape(SHELL_2010), NOW)

    assert values["Status"] == Enumeration("Retry", 3)
    assert values["DeliveryType"] == Enumeration("SmtpRelayWithinAdSite", 7)
    assert values["LastError"] == one.error
    assert values["MessageCount"] == 3
    assert values["NextRetryTime"] == NOW + timedelta(minutes=9)
    assert shown(values["Identity"]) == r"EX10A\1187"


def test_a_suspended_queue_shows_no_next_retry() -> None:
    """Suspended goes before all (section 4.4); a retry is shown while in Retry alone (S4.41)."""
    bench = Bench()
    one = bench.stuck("EX10A", suspended=True)
    values = queue(one, bench.server("EX10A"), Shape(SHELL_2010), NOW)

    assert shown(values["Status"]) == "Suspended"
    assert values["NextRetryTime"] is None


def test_velocity_is_out_minus_in() -> None:
    """Messages per second over the last minute (section 4.5)."""
    bench = Bench()
    gone = deque(NOW - timedelta(seconds=30 - n) for n in range(30))
    one = bench.queue("EX16A", went=gone, came=deque([NOW] * 12))
    values = queue(one, bench.server("EX16A"), Shape(SHELL_2016), NOW)

    assert values["OutgoingRate"] == 0.5
    assert values["IncomingRate"] == 0.2
    assert values["Velocity"] == pytest.approx(0.3)


def test_the_category_follows_from_the_delivery_type() -> None:
    """External where mail leaves the organisation (section 4.2)."""
    bench = Bench()
    server, shape = bench.server("EX16A"), Shape(SHELL_2016)
    inside = bench.queue("EX16A", "1")
    outside = bench.queue("EX16A", "2", delivery_type="DnsConnectorDelivery")

    assert queue(inside, server, shape, NOW)["NextHopCategory"] == Enumeration("Internal", 0)
    assert queue(outside, server, shape, NOW)["NextHopCategory"] == Enumeration("External", 1)
    assert set(str(queue(inside, server, shape, NOW)["NextHopConnector"])) == {"0", "-"}
    assert set(str(queue(outside, server, shape, NOW)["NextHopConnector"])) != {"0", "-"}


# -- Rights ----------------------------------------------------------------------------------------


def rights(groups: PermissionGroups, *more: AccessEntry) -> list[tuple[str, bool, str]]:
    """User, denial and right of each entry."""
    relay = Bench().relay("EX16A", "10.0.0.1", groups=groups)
    found = list(permissions(relay, more))
    listed = [one["ExtendedRights"] for one in found]
    return [
        (str(one["User"]), bool(one["Deny"]), ", ".join(map(shown, some.values)))
        for one, some in zip(found, listed, strict=True)
        if isinstance(some, Items)
    ]


def test_anonymous_users_get_four_rights() -> None:
    """One entry each, as Get-ADPermission lists them (section 3.3)."""
    found = rights(PermissionGroups.AnonymousUsers)

    assert [(user, deny) for user, deny, _ in found] == [
        (r"NT AUTHORITY\ANONYMOUS LOGON", False)
    ] * 4
    assert {right for *_, right in found} == {
        SUBMIT,
        "ms-Exch-SMTP-Accept-Any-Sender",
        "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender",
        "ms-Exch-Accept-Headers-Routing",
    }


def test_exchange_servers_may_do_everything() -> None:
    """Externally secured ones all but the headers of forest and organisation (section 3.3)."""
    found = rights(PermissionGroups.ExchangeServers)
    mine = {right for user, _, right in found if user == EXCHANGE_SERVERS}
    external = {right for user, _, right in found if "Externally" in user}

    assert SUBMIT in mine
    assert mine - external == {
        "ms-Exch-Accept-Headers-Forest",
        "ms-Exch-Accept-Headers-Organization",
    }
    assert external < mine


def test_legacy_servers_are_denied_two_headers() -> None:
    """An explicit denial each, and denials stand first (section 3.3)."""
    found = rights(PermissionGroups.ExchangeLegacyServers | PermissionGroups.Partners)

    assert [deny for _, deny, _ in found].index(False) == 2
    assert {right for _, deny, right in found if deny} == {
        "ms-Exch-Accept-Headers-Forest",
        "ms-Exch-Accept-Headers-Organization",
    }


def test_other_entries_are_listed_too() -> None:
    """Also those that take a right away (S3.21)."""
    found = rights(PermissionGroups(0), AccessEntry(EXCHANGE_SERVERS, (SUBMIT,), deny=True))

    assert found == [(EXCHANGE_SERVERS, True, SUBMIT)]


@pytest.mark.parametrize("group", GROUPS[:-1])
def test_every_group_lets_somebody_submit(group: PermissionGroups) -> None:
    """No group without the right that all mail needs (section 3.3)."""
    assert SUBMIT in {right for _, deny, right in rights(group) if not deny}, flag_names(group)


# -- Parts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(minutes=10), "00:10:00"),
        (timedelta(days=2), "2.00:00:00"),
        (timedelta(seconds=5), "00:00:05"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "1.02:03:04"),
    ],
)
def test_lengths_of_time(length: timedelta, text: str) -> None:
    """As .NET prints them; ticks are tenths of a microsecond."""
    found = time_span(length)

    assert found.text == text
    assert found.properties["Ticks"] == length // timedelta(microseconds=1) * 10


def test_sizes() -> None:
    """As on a real server (section 1.6)."""
    assert byte_size("36 MB", 36 * 2**20).text == "36 MB (37,748,736 bytes)"


def test_adapters_name_no_server() -> None:
    """Whose they are is not in them (contract 8.9)."""
    reply = Bench().run("Get-NetworkConnectionInfo", Identity="EX16B")
    (row,) = reply.rows

    assert row.values["IPAddresses"] == Items(
        (Complex("10.0.0.22", {"AddressFamily": "InterNetwork", "IPAddressToString": "10.0.0.22"}),)
    )
    assert "ex16b" not in repr(row.values).casefold()


def test_a_binding_of_either_family() -> None:
    """Port, family and address (section 1.6)."""
    bench = Bench()
    made = bench.relay("EX16A", "::1", bindings=(parse_binding("[::1]:2525"),))
    values = receive_connector(made, bench.server("EX16A"), Shape(SHELL_2016))

    assert values["TransportRole"] == Enumeration(
        "FrontendTransport", int(TransportRole.FrontendTransport)
    )
    assert values["Bindings"] == Items(
        (
            Complex(
                "[::1]:2525",
                {
                    "Port": 2525,
                    "AddressFamily": "InterNetworkV6",
                    "Address": Complex(
                        "::1", {"AddressFamily": "InterNetworkV6", "IPAddressToString": "::1"}
                    ),
                },
            ),
        )
    )
    assert made.ranges == (parse_range("::1"),)
