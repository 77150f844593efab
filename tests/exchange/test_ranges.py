"""Ranges of remote addresses: notations, sizes, equality and arithmetic (section 1.4, S1.13)."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.ranges import (
    EVERYTHING,
    AddressRange,
    RangeError,
    format_range,
    host_address,
    parse_address,
    parse_range,
    single,
    subtract,
)
from strategies import (
    BASE,
    CROWD,
    Spelled,
    addresses,
    families,
    ranges,
    sparse,
    spelled_ranges,
    to_address,
)

V4_TOP, V6_TOP = (1 << 32) - 1, (1 << 128) - 1


def bounds(text: str) -> tuple[str, str]:
    """First and last address of a range text."""
    block = parse_range(text)
    return str(to_address(block.family, block.first)), str(to_address(block.family, block.last))


@pytest.mark.parametrize(
    ("text", "first", "last", "form"),
    [
        ("10.0.0.5", "10.0.0.5", "10.0.0.5", "single"),
        ("  10.0.0.5\t", "10.0.0.5", "10.0.0.5", "single"),
        ("0.0.0.0", "0.0.0.0", "0.0.0.0", "single"),  # one address, not all of them
        ("fe80::1%11", "fe80::1", "fe80::1", "single"),
        ("::ffff:10.0.0.5", "::ffff:a00:5", "::ffff:a00:5", "single"),
        ("10.0.0.1-10.0.0.9", "10.0.0.1", "10.0.0.9", "dash"),
        ("10.0.0.7 - 10.0.0.9", "10.0.0.7", "10.0.0.9", "dash"),
        ("fe80::1%11-fe80::9%11", "fe80::1", "fe80::9", "dash"),
        ("192.168.1.77/24", "192.168.1.0", "192.168.1.255", "cidr"),
        ("10.0.0.5/32", "10.0.0.5", "10.0.0.5", "cidr"),
        ("10.0.0.5/0", "0.0.0.0", "255.255.255.255", "cidr"),
        ("2001:0DB8::CD3/60", "2001:db8::", "2001:db8:0:f:ffff:ffff:ffff:ffff", "cidr"),
        ("fe80::77%11/64", "fe80::", "fe80::ffff:ffff:ffff:ffff", "cidr"),
        ("192.168.1.77(255.255.255.0)", "192.168.1.0", "192.168.1.255", "netmask"),
        ("192.168.1.77 (255.255.255.255)", "192.168.1.77", "192.168.1.77", "netmask"),
        ("192.168.1.77(0.0.0.0)", "0.0.0.0", "255.255.255.255", "netmask"),
    ],
)
def test_every_notation_is_read(text: str, first: str, last: str, form: str) -> None:
    """All notations of section 1.4; host bits go in CIDR and netmask (S1.20), bounds stay."""
    block = parse_range(text)

    assert bounds(text) == (first, last)
    assert block.form == form
    assert block.text == text.strip()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "10.0.0.9-10.0.0.1",
            "The start address 10.0.0.9 must be less than or equal to the end address 10.0.0.1.",
        ),
        ("10.0.0.1-::5", "The start and end IP addresses must be of the same family."),
        (
            "10.0.0.0(255.0.255.0)",
            'The mask 255.0.255.0 is invalid. An example of an acceptable mask is "255.255.255.0".',
        ),
        ("10.0.0.0(24)", "The mask 24 is invalid."),
        ("10.0.0.0(::)", "The mask :: is invalid."),
        ("10.0.0.0(::ffff:ff00)", "The mask ::ffff:ff00 is invalid."),
        ("2001:db8::(ffff::)", "The mask ffff:: is invalid."),
        ("10.0.0", "The format of the IP address 10.0.0 is invalid"),
        ("10.0.0.256", "The format of the IP address 10.0.0.256 is invalid"),
        ("010.0.0.1", "The format of the IP address 010.0.0.1 is invalid"),
        ("10.0.0.1-", "The format of the IP address  is invalid"),
        ("relay.contoso.com", "The format of the IP address relay.contoso.com is invalid"),
        ("1::2::3", "The format of the IP address 1::2::3 is invalid"),
        ("10.0.0.0/24-10.0.0.9", "The format of the IP address 10.0.0.0/24 is invalid"),
        ("", 'The input string "" isn\'t formatted correctly'),
        ("  ", 'The input string "  " isn\'t formatted correctly'),
        ("10.0.0.0/33", 'The input string "10.0.0.0/33" isn\'t formatted correctly'),
        ("10.0.0.0/-1", "The format of the IP address 10.0.0.0/ is invalid"),
        ("10.0.0.0/", 'The input string "10.0.0.0/" isn\'t formatted correctly'),
        ("10.0.0.0/255.255.255.0", "isn't formatted correctly"),
        ("::/129", 'The input string "::/129" isn\'t formatted correctly'),
        ("10.0.0.0(255.0.0.0", 'The input string "10.0.0.0(255.0.0.0" isn\'t formatted correctly'),
        ("10.0.0.0/\N{ARABIC-INDIC DIGIT TWO}4", "isn't formatted correctly"),
        ("10.0.0.0/" + "9" * 5000, "isn't formatted correctly"),
    ],
)
def test_faults_are_told_in_exchanges_words(text: str, message: str) -> None:
    """Section 1.4, parse errors: each fault has the message Exchange gives."""
    with pytest.raises(RangeError) as caught:
        parse_range(text)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("10.0.0.5", 1),
        ("10.0.0.5/32", 1),
        ("10.0.0.5-10.0.0.5", 1),
        ("10.0.0.5(255.255.255.255)", 1),
        ("10.0.0.1-10.0.0.9", 9),
        ("10.0.0.0/28", 16),
        ("0.0.0.0-255.255.255.255", 1 << 32),
        ("2001:db8::/64", 1 << 64),
    ],
)
def test_specificity_is_the_number_of_addresses(text: str, size: int) -> None:
    """S1.13: upper minus lower plus one, whatever the notation; all of IPv4 is 2^32 (S1.21)."""
    assert parse_range(text).size == size
    assert parse_range(text).specificity == size


def test_the_size_of_all_ipv6_saturates() -> None:
    """S1.21: the full IPv6 range compares as the largest 128-bit number, it does not overflow."""
    assert EVERYTHING[6].specificity == V6_TOP
    assert EVERYTHING[6].size == V6_TOP + 1
    assert EVERYTHING[6].is_everything
    assert not AddressRange(6, 1, V6_TOP).is_everything


def test_equality_is_by_bounds() -> None:
    """Section 1.4: notation takes no part in equality; the family does."""
    assert parse_range("10.0.0.0/24") == parse_range("10.0.0.0-10.0.0.255")
    assert hash(parse_range("10.0.0.0/24")) == hash(parse_range("10.0.0.0(255.255.255.0)"))
    assert AddressRange(4, 1, 5) != AddressRange(6, 1, 5)
    assert AddressRange(4, 1, 5) != AddressRange(4, 1, 6)


@pytest.mark.parametrize(
    ("family", "first", "last"),
    [(4, 5, 4), (4, -1, 4), (4, 0, V4_TOP + 1), (6, 0, V6_TOP + 1)],
)
def test_impossible_bounds_are_refused(family: int, first: int, last: int) -> None:
    """A range that no address space has is a fault of the caller, not a range."""
    with pytest.raises(RangeError):
        AddressRange(family, first, last)  # type: ignore[arg-type]


@given(spelled_ranges())
def test_text_and_bounds_agree(spelled: Spelled) -> None:
    """Section 1.4, S1.20: every spelling is read as the bounds it was made from."""
    block = parse_range(spelled.text)

    assert (block.family, block.first, block.last) == spelled[1:]


@given(ranges(near=False))
def test_what_is_printed_is_read_back(block: AddressRange) -> None:
    """Section 1.4: the text of a range made by arithmetic is a spelling of the same bounds."""
    assert parse_range(format_range(block)) == block
    assert parse_range(str(block)) == block


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.0.0.5-10.0.0.5", "10.0.0.5"),
        ("10.0.0.0-10.0.0.255", "10.0.0.0/24"),
        ("10.0.0.1-10.0.0.2", "10.0.0.1-10.0.0.2"),  # a power of two, but not aligned
        ("0.0.0.0/0", "0.0.0.0-255.255.255.255"),  # as setup writes "all" (S2.01)
        ("::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("2001:db8::-2001:db8::3", "2001:db8::/126"),
    ],
)
def test_the_shortest_text_is_chosen(text: str, shown: str) -> None:
    """Section 1.4: one address, CIDR where it fits, else both bounds."""
    assert format_range(parse_range(text)) == shown


@given(st.text(alphabet="0123456789abcdef:.-/()%x \N{ARABIC-INDIC DIGIT TWO}", max_size=30))
def test_no_text_is_read_by_accident(text: str) -> None:
    """Hostile text is a RangeError or a range whose own text reads the same; nothing else."""
    try:
        block = parse_range(text)
    except RangeError:
        return
    assert parse_range(block.text) == block


@given(ranges(), ranges())
def test_relations_agree_with_sets_of_addresses(one: AddressRange, other: AddressRange) -> None:
    """Meeting, holding and sticking out (S1.31) are what they are for sets of addresses."""
    mine, yours = members(one), members(other)
    same = one.family == other.family

    assert one.meets(other) == (same and bool(mine & yours))
    assert one.holds(other) == (same and mine >= yours)
    assert one.sticks_out_of(other) == (
        same and bool(mine & yours) and not mine <= yours and not yours <= mine
    )


def members(block: AddressRange) -> set[int]:
    """Numbers of the crowd's addresses in a range, with one stranger on each side."""
    start = BASE[block.family]
    return {n for n in range(start - 1, start + CROWD + 1) if block.first <= n <= block.last}


@given(families, st.data())
def test_membership_is_by_family_and_bounds(family: int, data: st.DataObject) -> None:
    """S1.12, S1.17: an address is in a range of its own family between the bounds."""
    block = data.draw(ranges(family))  # type: ignore[arg-type]
    address = data.draw(st.one_of(addresses(4), addresses(6)))

    expected = address.version == family and int(address) in range(block.first, block.last + 1)
    assert (address in block) == expected
    assert "10.0.0.5" not in block


@given(st.lists(ranges(), max_size=5), st.lists(ranges(), max_size=4))
def test_subtraction_agrees_with_a_model_address_by_address(
    blocks: list[AddressRange], unwanted: list[AddressRange]
) -> None:
    """S8.62, S8.63: what is left is exactly what was there and is not unwanted, range by range."""
    left = subtract(blocks, unwanted)

    for family in (4, 6):
        start = BASE[family]
        for number in range(start - 1, start + CROWD + 1):
            address = to_address(family, number)
            before = sum(address in block for block in blocks)
            gone = any(address in hole for hole in unwanted)
            assert sum(address in piece for piece in left) == (0 if gone else before)


@given(st.lists(ranges(near=False), max_size=4), st.lists(ranges(near=False), max_size=3))
def test_subtraction_keeps_untouched_ranges_and_order(
    blocks: list[AddressRange], unwanted: list[AddressRange]
) -> None:
    """S8.63: a range that loses nothing is passed on itself, text and all; the order stays."""
    left = subtract(blocks, unwanted)

    untouched = [block for block in blocks if not any(block.meets(hole) for hole in unwanted)]
    assert [piece for piece in left if any(piece is block for block in untouched)] == untouched
    assert not any(piece.meets(hole) for piece in left for hole in unwanted)
    places = [next(i for i, block in enumerate(blocks) if block.holds(piece)) for piece in left]
    assert all(blocks[place].holds(piece) for place, piece in zip(places, left, strict=True))


def test_an_address_inside_a_range_splits_it() -> None:
    """S8.62: 10.0.0.5 is no element of 10.0.0.0/28, so the rest comes in two pieces."""
    left = subtract([parse_range("10.0.0.0/28")], [parse_range("10.0.0.5")])

    assert [str(piece) for piece in left] == ["10.0.0.0-10.0.0.4", "10.0.0.6-10.0.0.15"]


def test_the_ends_of_the_address_space_can_be_removed() -> None:
    """S8.63: nothing is left below the first and above the last address."""
    left = subtract([EVERYTHING[4]], [AddressRange(4, 0, 0), AddressRange(4, V4_TOP, V4_TOP)])

    assert left == (AddressRange(4, 1, V4_TOP - 1),)


@given(families, st.data())
def test_addresses_are_read_as_they_print(family: int, data: st.DataObject) -> None:
    """Section 1.4: an address text is that address; an IPv6 scope id is dropped."""
    address = to_address(family, data.draw(sparse(family)))  # type: ignore[arg-type]

    assert parse_address(f" {address} ") == address
    assert single(address) == parse_range(str(address))
    if family == 6:
        assert parse_address(f"{address}%7") == address


@pytest.mark.parametrize("text", ["", "10", "10.0.0.5%1", "0x0a000005", "10.0.0.5:25", "::1/64"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """Section 1.4: only the usual dotted and colon forms are addresses."""
    with pytest.raises(RangeError, match="The format of the IP address"):
        parse_address(text)


def test_an_address_is_an_ipaddress_object() -> None:
    """The rest of the library counts on the standard library's address types."""
    assert isinstance(parse_address("10.0.0.5"), ipaddress.IPv4Address)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("::ffff:10.0.0.11", "10.0.0.11"),
        ("::FFFF:a00:b", "10.0.0.11"),
        ("10.0.0.11", "10.0.0.11"),
        ("::10.0.0.11", "::a00:b"),
        ("fe80::1%12", "fe80::1"),
    ],
)
def test_the_address_of_a_host(text: str, expected: str) -> None:
    """S1.45: IPv4 written as IPv6 is IPv4; nothing else is."""
    assert str(host_address(text)) == expected
