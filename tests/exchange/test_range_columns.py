"""Many range texts at once read as one at a time (section 1.4)."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.range_columns import ParsedRanges, columns_of, parse_many
from mailflow.exchange.ranges import AddressRange, RangeError, parse_range
from strategies import Spelled, ranges, spelled_ranges, to_address

TRICKY = [
    "10.0.0.5",
    "0.0.0.0",
    "255.255.255.255",
    "10.0.0.5-10.0.0.5",
    "0.0.0.0-255.255.255.255",
    "10.0.0.9-10.0.0.1",
    "10.0.0.77/24",
    "10.0.0.5/0",
    "10.0.0.5/32",
    "10.0.0.5/33",
    "10.0.0.5/024",
    "10.0.0.5/",
    "10.0.0.77(255.255.255.0)",
    "10.0.0.77(0.0.0.0)",
    "10.0.0.77(255.255.255.255)",
    "10.0.0.77(255.0.255.0)",
    "10.0.0.77(255.255.255.0) ",
    "10.0.0.77(255.255.255.0)x",
    "10.0.0.77(255.255.255.0)5",
    "10.0.0.77(255.255.255.0",
    "10.0.0.77-255.255.255.0)",
    "010.0.0.5",
    "10.00.0.5",
    "10.0.0.05",
    "10.0.0.256",
    "10.0.0.1234",
    "10.0.0.0000000000000000005",
    "10.0.0.",
    ".0.0.5",
    "10..0.5",
    "10.0.0",
    "10.0.0.5.6",
    "10.0.0-5",
    "10.0.0.5-6",
    "10-0-0-5",
    "10.0.0.5.10.0.0.6",
    "10.0.0.5/10.0.0.6",
    "10.0.0.5-10.0.0.6-10.0.0.7",
    "1\n0.0.0.5",
    "10.0.0.5\n",
    "\n",
    "10.0.0.5\n10.0.0.6",
    "10.0.0.5\r",
    "10.0.0.5\0",
    "1\N{ARABIC-INDIC DIGIT TWO}.0.0.5",
    "1\ud800.0.0.5",
    "\N{EN DASH}",
    " 10.0.0.5",
    "10.0.0.5 - 10.0.0.9",
    "::",
    "fe80::1%11",
    "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::/32",
    "",
    "?",
]


def unfolded(parsed: ParsedRanges) -> dict[int, AddressRange | str]:
    """What became of each text, by its number."""
    found: dict[int, AddressRange | str] = dict(parsed.errors)
    for columns in (parsed.v4, parsed.v6):
        assert columns.row.tolist() == sorted(columns.row.tolist())
        for row, first, last, first_high, last_high in zip(
            *(columns.row, columns.first, columns.last, columns.first_high, columns.last_high),
            strict=True,
        ):
            assert int(row) not in found
            found[int(row)] = AddressRange(
                columns.family,
                (int(first_high) << 64) | int(first),
                (int(last_high) << 64) | int(last),
            )
    return found


def one_by_one(texts: list[str]) -> dict[int, AddressRange | str]:
    """The same by parse_range."""
    found: dict[int, AddressRange | str] = {}
    for row, text in enumerate(texts):
        try:
            found[row] = parse_range(text)
        except RangeError as fault:
            found[row] = str(fault)
    return found


def test_tricky_texts_are_read_as_parse_range_reads_them() -> None:
    """Section 1.4: every check and every message, alone and in company."""
    for text in TRICKY:
        assert unfolded(parse_many([text])) == one_by_one([text])
    assert unfolded(parse_many(TRICKY)) == one_by_one(TRICKY)
    assert unfolded(parse_many([])) == {}


def test_mutilated_texts_are_read_as_parse_range_reads_them() -> None:
    """Section 1.4: 30,000 texts with a character changed, put in or left out; over two chunks."""
    dice = random.Random(3)  # noqa: S311, the same texts every time
    texts = []
    for _ in range(30_000):
        text = list(dice.choice(TRICKY[:40]))
        for _ in range(dice.randint(0, 2)):
            at = dice.randint(0, len(text))
            text[at : at + dice.randint(0, 1)] = dice.choice(("", *"0123456789./-()\n ax:"))
        texts.append("".join(text))

    assert unfolded(parse_many(texts)) == one_by_one(texts)


@given(st.lists(spelled_ranges(), max_size=20))
def test_every_spelling_is_read(spelled: list[Spelled]) -> None:
    """Section 1.4, S1.20: bounds by row number, each family in its own columns."""
    found = unfolded(parse_many([one.text for one in spelled]))

    assert found == {
        row: AddressRange(one.family, one.first, one.last) for row, one in enumerate(spelled)
    }


@given(st.lists(ranges(near=False), max_size=20))
def test_columns_hold_the_same_ranges(blocks: list[AddressRange]) -> None:
    """Ranges made into columns keep their bounds; the 64-bit halves are put together again."""
    found = unfolded(ParsedRanges(columns_of(blocks, 4), columns_of(blocks, 6), {}))

    assert found == dict(enumerate(blocks))
    assert all(to_address(one.family, one.first) in one for one in blocks)
