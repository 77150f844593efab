"""Receive connectors: bindings and flags as text and number (sections 1.4, 3.1)."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.connectors import (
    AuthMechanism,
    Binding,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    flag_names,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.ranges import RangeError
from strategies import bindings, families, sparse, to_address


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.0.0.0:25", "0.0.0.0:25"),
        ("10.1.2.3:2525", "10.1.2.3:2525"),
        ("[::]:25", "[::]:25"),
        (":::25", "[::]:25"),
        ("[fe80::1]:25", "[fe80::1]:25"),
        ("[fe80::1%11]:25", "[fe80::1]:25"),
        ("2001:db8::1:587", "[2001:db8::1]:587"),
        (":25", "0.0.0.0:25"),
        (" 0.0.0.0:0 ", "0.0.0.0:0"),
        ("0.0.0.0:65535", "0.0.0.0:65535"),
    ],
)
def test_every_form_of_a_binding_is_read(text: str, shown: str) -> None:
    """Section 1.4: with and without brackets, the old `:::25`, and `:25` for every address."""
    assert str(parse_binding(text)) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "10.0.0.1",
            (
                "The separator between the IP address and the port number is missing in "
                "'10.0.0.1'. The format for an IPBinding is <IP address>:<port number>."
            ),
        ),
        ("", "The separator between the IP address and the port number is missing in ''."),
        ("0.0.0.0:65536", "port number"),
        ("0.0.0.0:", "port number"),
        ("0.0.0.0:-1", "port number"),
        ("0.0.0.0:smtp", "port number"),
        ("0.0.0.0:" + "9" * 5000, "port number"),
        ("0.0.0.0:\N{ARABIC-INDIC DIGIT TWO}5", "port number"),
        ("mail:25", "The format of the IP address mail is invalid"),
        ("::25", "The format of the IP address : is invalid"),
        ("[]:25", "The format of the IP address [] is invalid"),
        ("[10.0.0.1]:25", "The format of the IP address [10.0.0.1] is invalid"),
        ("[::1:25", "The format of the IP address [::1 is invalid"),
        ("::1]:25", "The format of the IP address ::1] is invalid"),
        ("255.255.255.255:25", "multicast or broadcast"),
        ("224.0.0.0:25", "multicast or broadcast"),
        ("239.255.255.255:25", "multicast or broadcast"),
        ("[ff00::]:25", "multicast or broadcast"),
        ("[ff02::1]:25", "multicast or broadcast"),
    ],
)
def test_what_is_no_binding_is_refused(text: str, message: str) -> None:
    """Section 1.4: separator, port 0 to 65535, an address, and none that no socket can have."""
    with pytest.raises(RangeError) as caught:
        parse_binding(text)

    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["223.255.255.255:25", "240.0.0.1:25", "[feff::]:25"])
def test_neighbours_of_the_refused_addresses_are_read(text: str) -> None:
    """Section 1.4: only 224.0.0.0/4, ff00::/8 and 255.255.255.255 are refused."""
    assert str(parse_binding(text)) == text


@given(families, st.data(), st.integers(0, 65535))
def test_a_binding_is_read_as_it_prints(family: int, data: st.DataObject, port: int) -> None:
    """Section 1.4: text and binding agree for every address that is not refused."""
    binding = Binding(family, data.draw(sparse(family)), port)  # type: ignore[arg-type]
    address = to_address(binding.family, binding.address)
    if address.is_multicast or str(address) == "255.255.255.255":
        with pytest.raises(RangeError, match="multicast or broadcast"):
            parse_binding(str(binding))
    else:
        assert parse_binding(str(binding)) == binding


@given(bindings(), bindings())
def test_bindings_meet_on_the_same_endpoint_or_by_the_wildcard(
    one: Binding, other: Binding
) -> None:
    """Section 1.5, S1.17: same family and port, and the same address or a wildcard."""
    here = {(one.family, one.port)} == {(other.family, other.port)}
    expected = here and (one.address == other.address or 0 in (one.address, other.address))

    assert one.meets(other) == other.meets(one) == expected


@pytest.mark.parametrize(
    ("kind", "value", "flags"),
    [
        (AuthMechanism, "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer", 31),
        (AuthMechanism, "tls,exchangeserver", 17),
        (AuthMechanism, "ExternalAuthoritative", 32),
        (AuthMechanism, "None", 0),
        (AuthMechanism, "", 0),
        (AuthMechanism, 31, 31),
        (AuthMechanism, " 17 ", 17),
        (PermissionGroups, "AnonymousUsers, ExchangeServers, ExchangeLegacyServers", 13),
        (PermissionGroups, 13, 13),
        (TransportRole, "FrontendTransport", 16384),
        (TransportRole, "HubTransport", 32),
        (TransportRole, 16384, 16384),
    ],
)
def test_flags_are_read_from_text_and_number(
    kind: type[AuthMechanism], value: str | int, flags: int
) -> None:
    """Section 3.1: Exchange's names, in any case, or the number that CLIXML and JSON hold."""
    assert parse_flags(kind, value) == kind(flags)


@pytest.mark.parametrize("value", ["Tls, Kerberos", 64, -1, "64", "31x", "9" * 5000])
def test_unknown_flags_are_refused(value: str | int) -> None:
    """Section 3.1: a word or bit that is not in the table is a fault, never silently dropped."""
    with pytest.raises(ValueError, match=r".+"):
        parse_flags(AuthMechanism, value)


@given(st.integers(0, 63))
def test_flags_are_read_as_they_print(number: int) -> None:
    """Section 3.1: the text of any set of flags is read as that set."""
    for kind in (AuthMechanism, PermissionGroups):
        assert parse_flags(kind, flag_names(kind(number))) == kind(number)


def test_flags_print_in_bit_order() -> None:
    """Section 1.6: `Tls, Integrated, ...`; nothing set is `None`."""
    assert flag_names(AuthMechanism(17)) == "Tls, ExchangeServer"
    assert flag_names(PermissionGroups(0)) == "None"


def test_what_was_not_read_is_not_off() -> None:
    """S3.30, S3.31: without AuthMechanism or groups nothing can be said of them."""
    blank = ReceiveConnector("EX16A", "Relay", None, None, (), (), None, None)
    relay = dataclasses.replace(blank, auth=AuthMechanism(33), groups=PermissionGroups(8))

    assert blank.offers_exchange_auth is None
    assert blank.admits_exchange_servers is None
    assert blank.is_externally_secured is None
    assert (relay.offers_exchange_auth, relay.is_externally_secured) == (False, True)
    assert relay.admits_exchange_servers is False  # legacy servers don't count (S3.32)
    assert relay.identity == "EX16A\\Relay"
