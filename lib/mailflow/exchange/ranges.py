"""Ranges of remote IP addresses, in every notation Exchange reads (section 1.4 of the facts)."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Family = Literal[4, 6]
RangeForm = Literal["single", "dash", "cidr", "netmask"]

WIDTH: dict[Family, int] = {4: 32, 6: 128}
"""Bits of an address, by family."""

_LARGEST_SIZE = (1 << 128) - 1  # Exchange holds sizes in 128 bits (S1.21)
_LONGEST_NUMBER = 9  # digits; a longer run is no prefix, and int() refuses the very long ones
_SEPARATORS = re.compile(r"[-/(]")


class RangeError(ValueError):
    """A text is no address or range; the message is the one Exchange gives (section 1.4)."""


@dataclass(frozen=True, slots=True)
class AddressRange:
    """The addresses from `first` to `last`, both included, of one family.

    Two ranges are equal when their bounds are, however they were written (section 1.4): the text
    and the form are kept for people and take no part in comparisons.

    Attributes:
        family: 4 or 6. An IPv6 range never holds an IPv4 address (S1.12, S1.17).
        first: lowest address as a number.
        last: highest address as a number, not below `first`.
        text: as the connector shows it, blanks trimmed; empty for a range made by arithmetic.
        form: the notation it came in.
    """

    family: Family
    first: int
    last: int
    text: str = field(default="", compare=False)
    form: RangeForm = field(default="dash", compare=False)

    def __post_init__(self) -> None:
        """Refuse bounds in the wrong order or beyond the family.

        Raises:
            RangeError: they are.
        """
        if not 0 <= self.first <= self.last < 1 << WIDTH[self.family]:
            msg = f"no range of IPv{self.family}: {self.first} to {self.last}"
            raise RangeError(msg)

    @property
    def size(self) -> int:
        """How many addresses it holds; fewer is more specific (S1.13)."""
        return self.last - self.first + 1

    @property
    def specificity(self) -> int:
        """The size Exchange compares, fewer wins (S1.13): the whole of IPv6 saturates (S1.21)."""
        return min(self.size, _LARGEST_SIZE)

    @property
    def is_everything(self) -> bool:
        """Whether it holds every address of its family."""
        return self.size == 1 << WIDTH[self.family]

    def __str__(self) -> str:
        """The text Exchange would show for these bounds, or the one it did show."""
        return self.text or format_range(self)

    def __contains__(self, address: object) -> bool:
        """Whether an address lies inside; False for another family, and for what is no address."""
        return (
            isinstance(address, (ipaddress.IPv4Address, ipaddress.IPv6Address))
            and address.version == self.family
            and self.first <= int(address) <= self.last
        )

    def holds(self, other: AddressRange) -> bool:
        """Whether every address of the other range lies inside this one."""
        return self.family == other.family and self.first <= other.first and other.last <= self.last

    def meets(self, other: AddressRange) -> bool:
        """Whether the two have an address in common."""
        return self.family == other.family and self.first <= other.last and other.first <= self.last

    def overlap(self, other: AddressRange) -> AddressRange:
        """The addresses that both hold.

        Raises:
            RangeError: there are none.
        """
        if self.family != other.family:
            raise RangeError("ranges of two address families have no address in common")
        return AddressRange(self.family, max(self.first, other.first), min(self.last, other.last))

    def sticks_out_of(self, other: AddressRange) -> bool:
        """Whether the two overlap and each goes past the other on one side (S1.31, S1.32)."""
        return self.meets(other) and (
            (self.first < other.first and self.last < other.last)
            or (self.first > other.first and self.last > other.last)
        )


EVERYTHING: dict[Family, AddressRange] = {
    4: AddressRange(4, 0, (1 << 32) - 1, "0.0.0.0-255.255.255.255"),
    6: AddressRange(6, 0, (1 << 128) - 1, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
}
"""All remote addresses, as setup writes them on every default connector (S2.01)."""


def parse_address(text: str) -> Address:
    """One IPv4 or IPv6 address; an IPv6 scope id (`%11`) is accepted and dropped.

    Raises:
        RangeError: it is none; with the words Exchange uses (section 1.4).
    """
    bare = text.strip()
    if ":" in bare:
        bare = bare.partition("%")[0]
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        raise RangeError(f"The format of the IP address {text.strip()} is invalid.") from None


def host_address(text: str) -> Address:
    """The address of a host; IPv4 written as IPv6 (`::ffff:10.0.0.11`) is the IPv4 address (S1.45).

    Raises:
        RangeError: it is none; with the words Exchange uses (section 1.4).
    """
    address = parse_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def address_or_none(text: str | None) -> Address | None:
    """The address in a text of strangers; None where it holds none."""
    try:
        return parse_address(text) if text else None
    except RangeError:
        return None


def parse_range(text: str) -> AddressRange:
    """One range in any of the four notations of section 1.4.

    Host bits of the CIDR and netmask forms are masked away (S1.20); the bounds of a dash range are
    taken as given. Of two separators the later one decides.

    Raises:
        RangeError: with the words Exchange uses for this fault (section 1.4).
    """
    bare = text.strip()
    if not bare:
        raise RangeError(f'The input string "{text}" isn\'t formatted correctly.')
    if not _SEPARATORS.search(bare):
        address = parse_address(bare)
        return AddressRange(_family(address), int(address), int(address), bare, "single")
    if bare.endswith(")") and "(" in bare:
        head, _, mask = bare[:-1].rpartition("(")
        address = parse_address(head)
        return _masked(bare, address, _mask_bits(mask, _family(address)), "netmask")
    cut = max(bare.rfind("-"), bare.rfind("/"))
    if cut < 0:
        raise RangeError(f'The input string "{bare}" isn\'t formatted correctly.')
    head, tail = bare[:cut], bare[cut + 1 :]
    if bare[cut] == "/":
        address = parse_address(head)
        return _masked(bare, address, _prefix_bits(bare, tail, _family(address)), "cidr")
    first, last = parse_address(head), parse_address(tail)
    if first.version != last.version:
        raise RangeError("The start and end IP addresses must be of the same family.")
    if int(first) > int(last):
        raise RangeError(
            f"The start address {first} must be less than or equal to the end address {last}."
        )
    return AddressRange(_family(first), int(first), int(last), bare, "dash")


def format_range(block: AddressRange) -> str:
    """The shortest text that Exchange reads back as these bounds: single, CIDR, else dash."""
    first, last = _address(block.family, block.first), _address(block.family, block.last)
    if block.size == 1:
        return str(first)
    bits = WIDTH[block.family] - (block.size.bit_length() - 1)
    if block.size & (block.size - 1) == 0 and block.first % block.size == 0 and bits:
        return f"{first}/{bits}"
    return f"{first}-{last}"


def subtract(
    ranges: Iterable[AddressRange], unwanted: Iterable[AddressRange]
) -> tuple[AddressRange, ...]:
    """The ranges without the unwanted addresses, split where an address lies inside (S8.63).

    A range that loses nothing is passed on as it is, with its text; the order stays. An address
    inside a larger range can't be removed as an element (S8.62), hence the pieces.
    """
    holes = _merged(unwanted)
    left: list[AddressRange] = []
    for block in ranges:
        left.extend(_without(block, *holes[block.family]))
    return tuple(left)


def merged(blocks: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """The same addresses in as few ranges as may be, in order: those that meet or touch as one."""
    return tuple(
        AddressRange(family, first, last)
        for family, spans in _merged(blocks).items()
        for first, last in zip(*spans, strict=True)
    )


def single(address: Address) -> AddressRange:
    """The range that holds just this address."""
    return AddressRange(_family(address), int(address), int(address), str(address), "single")


def is_number(text: str, most: int) -> bool:
    """Whether a text of hostile origin is a plain decimal number from 0 to `most`."""
    return len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdigit() and int(text) <= most


_Spans = tuple[list[int], list[int]]
"""First and last addresses of blocks that neither meet nor touch, in order."""


def _merged(blocks: Iterable[AddressRange]) -> dict[Family, _Spans]:
    """Blocks of each family, in order, those that meet or touch as one."""
    spans: dict[Family, _Spans] = {4: ([], []), 6: ([], [])}
    for block in sorted(blocks, key=lambda each: each.first):
        firsts, lasts = spans[block.family]
        if lasts and block.first <= lasts[-1] + 1:
            lasts[-1] = max(lasts[-1], block.last)
        else:
            firsts.append(block.first)
            lasts.append(block.last)
    return spans


def _without(
    block: AddressRange, firsts: Sequence[int], lasts: Sequence[int]
) -> Iterator[AddressRange]:
    """What is left of a block; the block itself where nothing is cut out of it."""
    begin, end = bisect_left(lasts, block.first), bisect_right(firsts, block.last)
    if begin == end:
        yield block
        return
    start = block.first
    for place in range(begin, end):
        if start < firsts[place]:
            yield AddressRange(block.family, start, firsts[place] - 1)
        start = lasts[place] + 1
    if start <= block.last:
        yield AddressRange(block.family, start, block.last)


def _family(address: Address) -> Family:
    return 4 if address.version == 4 else 6


def _address(family: Family, number: int) -> Address:
    return ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number)


def _masked(text: str, address: Address, bits: int, form: RangeForm) -> AddressRange:
    family = _family(address)
    hosts = (1 << (WIDTH[family] - bits)) - 1
    first = int(address) & ~hosts
    return AddressRange(family, first, first | hosts, text, form)


def _prefix_bits(text: str, tail: str, family: Family) -> int:
    if not is_number(tail, WIDTH[family]):
        raise RangeError(f'The input string "{text}" isn\'t formatted correctly.')
    return int(tail)


def _mask_bits(mask: str, family: Family) -> int:
    try:
        address = parse_address(mask)
    except RangeError:
        address = None
    if address is not None and address.version == family == 4:
        inverse = ~int(address) & 0xFFFFFFFF
        if not inverse & (inverse + 1):  # contiguous: the ones of the inverse all stand at the end
            return 32 - inverse.bit_length()
    raise RangeError(
        f'The mask {mask} is invalid. An example of an acceptable mask is "255.255.255.0".'
    )
