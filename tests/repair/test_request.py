"""A change of RemoteIPRanges as an object, and what is refused before Exchange refuses it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailflow.analysis.change import Edit
from mailflow.analysis.servers import address_of
from mailflow.errors import UsageError
from mailflow.exchange.conflicts import TEXT_A, TEXT_B
from mailflow.exchange.ranges import AddressRange, parse_range, subtract
from mailflow.repair.request import edited, empty_list
from mailflow.repair.simulation import RefusedError
from mailflow.snapshot import Snapshot
from organisations import Organisation, article, healthy


def edit(org: Organisation | Snapshot, **values: Any) -> Edit:  # noqa: ANN401
    """A change of EX16A's relay."""
    read = org.snapshot() if isinstance(org, Organisation) else org
    return edited(read, "EX16A", "Relay", **values)


def texts(blocks: tuple[AddressRange, ...]) -> list[str]:
    """Ranges as they would be written."""
    return [str(one) for one in blocks]


def test_elements_go_by_bounds_and_come_at_the_end() -> None:
    """S8.62: `10.0.0.11/32` takes `10.0.0.11` away; the rest keeps its place and notation."""
    change = edit(article(), remove=["10.0.0.11/32", "10.0.5.0-10.0.5.255"], add=["10.0.9.0/24"])

    assert texts(change.ranges) == ["10.0.0.12", "10.0.9.0/24"]
    assert texts(change.removed) == ["10.0.0.11", "10.0.5.0/24"]
    assert texts(change.added) == ["10.0.9.0/24"]
    assert str(change) == (
        r"Remove 10.0.0.11 and 10.0.5.0/24 from RemoteIPRanges of EX16A\Relay. "
        r"Add 10.0.9.0/24 to RemoteIPRanges of EX16A\Relay."
    )


def test_a_name_that_cannot_be_pasted_gets_no_command() -> None:
    """A control character would make a command lie about itself; the change is known anyway."""
    org = article()
    relay = org.connector(r"EX16A\Relay")
    org.connectors[org.connectors.index(relay)] = replace(relay, name="Re\x1b[31mlay")
    change = edited(org.snapshot(), "EX16A", "Re\x1b[31mlay", remove=["10.0.0.11"])

    assert (change.command, change.rehearsal, change.undo) == ("", "", "")
    assert change.as_json()["command"] is None
    with pytest.raises(RefusedError, match="would be empty"):
        edited(
            org.snapshot(),
            "EX16A",
            "Re\x1b[31mlay",
            remove=["10.0.0.11", "10.0.0.12", "10.0.5.0/24"],
        )


@pytest.mark.parametrize(
    ("server", "connector"),
    [
        ("EX16A", "Relay"),
        ("ex16a.contoso.com", "relay"),
        ("ex16a", r"EX16A\Relay"),
        ("EX16A", r"ex16a.contoso.com\RELAY"),
    ],
)
def test_names_in_any_form(server: str, connector: str) -> None:
    """Short and full names, with and without the server, in any case (S4.32)."""
    change = edited(article().snapshot(), server, connector, remove=["10.0.0.11"])

    assert change.identity == r"EX16A\Relay"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({}, "nothing to change"),
        ({"remove": ["10.0.5.7"]}, "remove 10.0.5.0/24 and add 10.0.5.0-10.0.5.6 and 10.0.5.8-"),
        ({"remove": ["10.0.5.0"]}, "remove 10.0.5.0/24 and add 10.0.5.1-10.0.5.255"),
        ({"remove": ["10.0.0.0/24"]}, "It overlaps 10.0.0.11 and 10.0.0.12: name these"),
        ({"remove": ["10.7.0.0/24"]}, "It contains: 10.0.0.11, 10.0.0.12 and 10.0.5.0/24"),
        ({"remove": ["::5"]}, "is not an element"),
        ({"add": ["10.0.0.12/32"]}, "is an element of"),
        ({"add": ["10.0.0.9-10.0.0.1"]}, "The start address 10.0.0.9 must be less than or equal"),
        ({"add": ["10.0.0.9-::1"]}, "must be of the same family"),
        ({"remove": ["10.0.0.0(255.0.255.0)"]}, "The mask 255.0.255.0 is invalid"),
        ({"add": ["relay.example"]}, "The format of the IP address relay.example is invalid"),
    ],
)
def test_wrong_questions(values: dict[str, list[str]], text: str) -> None:
    """No element: with what holds it (S8.62, S8.63). No range: Exchange's words (section 1.4)."""
    with pytest.raises(UsageError) as caught:
        edit(article(), **values)

    assert text in str(caught.value)
    assert not isinstance(caught.value, RefusedError)


@pytest.mark.parametrize(
    ("server", "connector", "text"),
    [
        ("EX99", "Relay", "no server is called EX99; known: EX10A, EX10B, EX16A, EX16B"),
        ("", "Relay", "no server is called"),
        ("EX16A", "Scanner", 'The Receive connector "Scanner" wasn\'t found. EX16A has: '),
        ("EX16A", r"EX16B\Relay", "wasn't found"),
    ],
)
def test_unknown_names(server: str, connector: str, text: str) -> None:
    """Section 1.5: Exchange's own words, and what is there."""
    with pytest.raises(UsageError) as caught:
        edited(article().snapshot(), server, connector, remove=["10.0.0.11"])

    assert text in str(caught.value)


@pytest.mark.parametrize(
    "element",
    [
        "10.0.0.11",
        "10.0.5.0/24",
    ],
)
def test_an_element_may_be_written_another_way(element: str) -> None:
    """Removed and put back in one step, a range keeps its bounds (S8.62)."""
    block = parse_range(element)
    first, last = address_of(4, block.first), address_of(4, block.last)
    change = edit(article(), remove=[element], add=[f"{first}-{last}"])

    assert (change.removed, change.added) == ((), ())
    assert "another form" in str(change)


def test_a_list_is_never_emptied() -> None:
    """S8.64: whether Exchange takes an empty list is not known, so a person decides."""
    with pytest.raises(RefusedError, match=r"would be empty.*-Enabled \$false"):
        edit(article(), remove=["10.0.0.11", "10.0.0.12", "10.0.5.0/24"])


def test_equal_and_overlapping_ranges_are_refused() -> None:
    """S1.31: on one endpoint no range of two connectors is equal or sticks out on one side."""
    org = article().add_relay("EX16A", "10.0.9.0/24", name="Second")
    text = TEXT_B.format(r"EX16A\Second")

    for taken in ("10.0.9.0-10.0.9.255", "10.0.9.200-10.0.10.5"):
        with pytest.raises(RefusedError) as caught:
            edit(org, add=[taken])
        assert text in str(caught.value)
    assert edit(org, add=["10.0.9.200-10.0.9.255"]).added


def test_a_disabled_connector_is_in_the_way_too() -> None:
    """S1.31: the check looks at disabled connectors, although they answer nobody (S1.10)."""
    org = article().add_relay("EX16A", "10.0.9.0/24", name="Second", enabled=False)

    with pytest.raises(RefusedError, match="unique combination"):
        edit(org, add=["10.0.9.0/24"])


def test_a_specific_address_beside_the_wildcard() -> None:
    """S1.32, S1.33: there equal ranges are allowed, and overlapping ones are not."""
    org = article().add_relay("EX16A", "10.0.9.0/24", name="Second", bindings="10.0.0.21:25")

    assert edit(org, add=["10.0.9.0/24"]).added
    with pytest.raises(RefusedError, match="unique combination"):
        edit(org, add=["10.0.9.5-10.0.10.5"])


def test_an_old_role_conflict_refuses_an_innocent_change() -> None:
    """S8.65, S1.30: a Hub connector on port 25 beside the Front End, in Exchange's words."""
    org = article().change(r"EX16A\Relay", role="HubTransport")

    with pytest.raises(RefusedError) as caught:
        edit(org, remove=["10.0.0.11"])
    assert TEXT_A.format(r"EX16A\Default Frontend EX16A") in str(caught.value)


def test_an_old_setting_refuses_an_innocent_change() -> None:
    """S8.65, section 3.4: the Fqdn rule holds at every Set of a connector with ExchangeServer."""
    org = article().change(r"EX16A\Relay", auth="Tls, ExchangeServer", fqdn="mail.contoso.com")

    with pytest.raises(RefusedError, match=r'"ex16a\.contoso\.com", the NetBIOS name.*"EX16A"'):
        edit(org, remove=["10.0.0.11"])
    assert edit(org.change(r"EX16A\Relay", fqdn=""), remove=["10.0.0.11"]).command


def test_the_servers_own_switch_counts() -> None:
    """Section 3.4: SuppressXAnonymousTls needs UseDowngradedExchangeServerAuth on that server."""
    org = article().change(r"EX16A\Relay", suppress_x_anonymous_tls=True)

    with pytest.raises(RefusedError, match="SuppressXAnonymousTls"):
        edit(org, remove=["10.0.0.11"])
    assert edit(org.set_downgraded_auth("EX16A", value=True), remove=["10.0.0.11"]).command


@pytest.mark.parametrize(
    "element",
    [
        "10.0.0.11",
        "10.7.0.1",
    ],
)
def test_a_cut_list_gives_no_command(element: str) -> None:
    """Section 1.4: what was cut off would be lost, so there is no list to write and no hash."""
    change = edit(article().change(r"EX16A\Relay", ranges_complete=False), remove=[element])

    assert not change.is_complete
    assert (change.command, change.rehearsal, change.undo, change.sha256) == ("", "", "", "")


def test_ipv6() -> None:
    """S1.12: ranges of the other family stay, and are compared by bounds as well."""
    org = healthy().change(r"EX16A\Relay", ranges="2001:db8::/64, 10.0.5.0/24")
    change = edit(org, remove=["2001:0DB8::0/64"], add=["2001:db8::-2001:db8::10"])

    assert texts(change.ranges) == ["10.0.5.0/24", "2001:db8::-2001:db8::10"]


def test_a_way_back_that_exchange_would_refuse_says_so() -> None:
    """S8.65: a list that an older build took beside another one cannot be put back."""
    org = article().add_relay("EX16A", "10.0.5.200-10.0.6.10", name="Second")
    change = edit(org, remove=["10.0.5.0/24"])

    assert change.undo_refusal == TEXT_B.format(r"EX16A\Second")
    assert change.as_json()["undo_refusal"] == change.undo_refusal


def test_a_long_list_keeps_what_it_had() -> None:
    """1,300 ranges, of which one is split: the others stay as they are written (S8.63)."""
    many = [f"10.1.{number // 250}.{number % 250}/32" for number in range(1300)]
    org = healthy().change(r"EX16A\Relay", ranges=", ".join(["10.0.0.0/24", *many]))
    pieces = subtract([parse_range("10.0.0.0/24")], [parse_range("10.0.0.11")])
    change = edit(org, remove=["10.0.0.0/24"], add=texts(pieces))

    assert texts(change.ranges) == [*many, "10.0.0.0-10.0.0.10", "10.0.0.12-10.0.0.255"]


def test_what_to_do_where_nothing_would_be_left() -> None:
    """S8.64: the command that disables it; none where its state or name does not allow one."""
    relay = article().connector(r"EX16A\Relay")
    command = r'Set-ReceiveConnector "EX16A\Relay" -Enabled $false'

    assert empty_list(relay).endswith(f"disable it or remove it: {command}")
    for unsafe in (replace(relay, name="a\nb"), replace(relay, enabled=None)):
        assert empty_list(unsafe).endswith("disable it or remove it.")
