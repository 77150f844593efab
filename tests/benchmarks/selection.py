"""What selection costs, against the floor (sorting the same numbers) and against other ways.

    python tests/benchmarks selection

Prints a Markdown table of ratios, all of one run. Uses the library as it stands: `cover` and
`Maps.look_up`. `E` marks what was measured on a sample and multiplied.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Callable, Iterable

import intervaltree
import netaddr
import numpy as np
from timing import Timing, compare, table

from mailflow.exchange.answer_map import cover
from mailflow.exchange.range_columns import Indices, Numbers, RangeColumns, columns_of

DICE = np.random.default_rng(20)
TOP = (1 << 32) - 1
ALL_ONES = np.uint64((1 << 64) - 1)
SLOW_SAMPLE = 200


def nested(count: int) -> RangeColumns:
    """IPv4 ranges of every size from one address to everything, nested at random."""
    size = (2.0 ** DICE.uniform(0, 32, count)).astype(np.uint64)
    first = DICE.integers(0, 1 << 32, count, dtype=np.uint64)
    last = np.minimum(first + size - np.uint64(1), np.uint64(TOP))
    return v4(first, last)


def v4(first: Numbers, last: Numbers) -> RangeColumns:
    """Columns of IPv4 ranges."""
    zeros = np.zeros(len(first), dtype=np.uint64)
    return dataclasses.replace(
        columns_of([], 4),
        row=np.arange(len(first)),
        first=first,
        last=last,
        first_high=zeros,
        last_high=zeros,
    )


def nested_v6(count: int) -> RangeColumns:
    """IPv6 ranges, half of them inside one /64, half across many."""
    high = DICE.integers(0, 1 << 20, count, dtype=np.uint64)
    width = (2.0 ** DICE.uniform(0, 18, count)).astype(np.uint64)
    inside = DICE.random(count) < 0.5
    first = DICE.integers(0, 1 << 63, count, dtype=np.uint64)
    small = (2.0 ** DICE.uniform(0, 62, count)).astype(np.uint64)
    return RangeColumns(
        6,
        np.arange(count),
        first,
        np.where(inside, first + small, ALL_ONES),
        high,
        np.where(inside, high, high + width),
    )


def fleet(servers: int, count: int) -> tuple[RangeColumns, Indices]:
    """Servers with the same number of ranges each: everything, subnets, short ranges, hosts."""
    group = np.repeat(np.arange(servers), count // servers)
    total = len(group)
    bits = DICE.choice([0, 0, 0, 0, 3, 5, 8, 8, 12, 16], total)
    size = np.uint64(1) << bits.astype(np.uint64)
    first = (np.uint64(10) << np.uint64(24)) + DICE.integers(0, 1 << 24, total, dtype=np.uint64)
    last = first + size - np.uint64(1) - (size > 1)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    first[starts], last[starts] = 0, TOP
    return v4(first, last), group


def questions(columns: RangeColumns, group: Indices, count: int) -> tuple[Numbers, Indices]:
    """Remote addresses, nine of ten inside some range of the server that is asked."""
    rows = DICE.integers(0, len(columns), count)
    anywhere = DICE.integers(0, 1 << 32, count, dtype=np.uint64)
    return np.where(DICE.random(count) < 0.9, columns.last[rows], anywhere), group[rows]


def bounds_of(columns: RangeColumns, group: Indices | None = None) -> Numbers:
    """The numbers whose sort is the floor: every first and last, with the group above."""
    both = np.concatenate([columns.first, columns.last])
    if group is None:
        return both
    return both | (np.concatenate([group, group]).astype(np.uint64) << np.uint64(32))


def heap_sweep(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The map in plain Python: walk the bounds, the smallest open range on top of a heap."""
    rows = sorted((first, last, place) for place, (first, last) in enumerate(ranges))
    cuts = sorted({0, *(row[0] for row in rows), *(row[1] + 1 for row in rows)})
    open_ranges: list[tuple[int, int, int]] = []
    blocks: list[tuple[int, int]] = []
    at = 0
    for cut in cuts:
        while at < len(rows) and rows[at][0] == cut:
            first, last, place = rows[at]
            heapq.heappush(open_ranges, (last - first, place, last))
            at += 1
        while open_ranges and open_ranges[0][2] < cut:
            heapq.heappop(open_ranges)
        winner = open_ranges[0][1] if open_ranges else -1
        if cut <= TOP and (not blocks or blocks[-1][1] != winner):
            blocks.append((cut, winner))
    return blocks


def one_map() -> list[tuple[str, ...]]:
    """Row 1: the whole map of one endpoint."""
    columns = nested(50_000)
    pairs = list(zip(columns.first.tolist(), columns.last.tolist(), strict=True))
    bounds = bounds_of(columns)
    maps = cover(columns)
    assert list(zip(maps.start.tolist(), maps.winner.tolist(), strict=True)) == heap_sweep(pairs)
    found = compare(
        {
            "floor": lambda: np.sort(bounds),
            "ours": lambda: cover(columns),
            "heap sweep": lambda: heap_sweep(pairs),
        }
    )
    return rows_of("map of 50,000 IPv4 ranges", "np.sort", found, 10, {"heap sweep": 15})


def one_map_v6() -> list[tuple[str, ...]]:
    """Row 2: the same for IPv6."""
    columns = nested_v6(50_000)
    low = np.concatenate([columns.first, columns.last])
    high = np.concatenate([columns.first_high, columns.last_high])
    found = compare(
        {"floor": lambda: np.lexsort((low, high)), "ours": lambda: cover(columns)}, rounds=9
    )
    return rows_of("map of 50,000 IPv6 ranges", "np.lexsort", found, 2.5, {})


def many_servers() -> list[tuple[str, ...]]:
    """Row 3: 200 servers, maps and questions, against libraries that hold ranges."""
    columns, group = fleet(200, 600_000)
    address, where = questions(columns, group, 80_000)
    bounds = bounds_of(columns, group)
    sample = list(zip(address.tolist(), where.tolist(), strict=True))[:SLOW_SAMPLE]
    rows = slice(0, 3000)
    first, last = columns.first[rows].tolist(), columns.last[rows].tolist()
    objects = [
        netaddr.IPRange(netaddr.IPAddress(a), netaddr.IPAddress(b))
        for a, b in zip(first, last, strict=True)
    ]
    asked = [netaddr.IPAddress(one) for one, _ in sample[: SLOW_SAMPLE // 20]]

    def loop() -> list[int]:
        return [min((r.size, n) for n, r in enumerate(objects) if one in r)[1] for one in asked]

    def tree() -> intervaltree.IntervalTree:
        return intervaltree.IntervalTree.from_tuples(
            (a, b + 1, n) for n, (a, b) in enumerate(zip(first, last, strict=True))
        )

    planted = tree()

    def trees() -> list[int]:
        return [min((i.end - i.begin, i.data) for i in planted[one])[1] for one, _ in sample]

    check_peers(columns, group, sample, loop, trees)
    found = compare(
        {
            "floor": lambda: np.sort(bounds),
            "ours": lambda: cover(columns, group, 200).look_up(address, group=where),
            "netaddr loop": loop,
            "plant": tree,
            "ask": trees,
        },
        scale={
            "netaddr loop": 80_000 / len(asked),
            "plant": 200,
            "ask": 80_000 / SLOW_SAMPLE,
        },
    )
    plant, ask = found.pop("plant"), found.pop("ask")
    found["intervaltree"] = Timing(
        plant.seconds + ask.seconds,
        plant.ratio + ask.ratio,
        plant.lowest + ask.lowest,
        plant.highest + ask.highest,
        tuple(a + b for a, b in zip(plant.rounds, ask.rounds, strict=True)),
        is_estimate=True,
    )
    return rows_of(
        "200 servers, 600,000 ranges, 80,000 questions",
        "np.sort",
        found,
        9,
        {"netaddr loop": 200, "intervaltree": 50},
    )


def check_peers(
    columns: RangeColumns,
    group: Indices,
    sample: list[tuple[int, int]],
    loop: Callable[[], list[int]],
    trees: Callable[[], list[int]],
) -> None:
    """All ways give the same winners; the peers know the first server only."""
    numbers = np.array([one for one, _ in sample], dtype=np.uint64)
    zeros = np.zeros(len(numbers), dtype=np.int64)
    ours = cover(columns, group, int(group[-1]) + 1).look_up(numbers, group=zeros).tolist()
    assert trees() == ours
    assert loop() == ours[: SLOW_SAMPLE // 20]


def whole_fleet() -> list[tuple[str, ...]]:
    """Row 4: 1,000 servers with 4 million ranges, and what doubling costs."""
    work: dict[str, Callable[[], object]] = {}
    for name, servers in (("ours", 1000), ("half", 500)):
        columns, group = fleet(servers, servers * 4000)
        address, where = questions(columns, group, servers * 1000)
        if name == "ours":
            bounds = bounds_of(columns, group)
            work["floor"] = lambda bounds=bounds: np.sort(bounds)
        work[name] = lambda c=columns, g=group, n=servers, a=address, w=where: cover(
            c, g, n
        ).look_up(a, group=w)
    found = compare(work)
    half = found.pop("half")
    title = "1,000 servers, 4 million ranges, 1 million questions"
    return [
        *rows_of(title, "np.sort", found, 6, {}),
        verdict(title, "doubling", found["ours"].over(half), 2.3),
    ]


def rows_of(
    title: str, floor: str, found: dict[str, Timing], limit: float, peers: dict[str, float]
) -> list[tuple[str, ...]]:
    """Ours against the floor, and each peer against ours."""
    ours = found["ours"]
    lines = [(title, f"x {floor}", str(ours), f"<= {limit}", says(ours.ratio <= limit))]
    for name, goal in peers.items():
        mark = " (E)" if found[name].is_estimate else ""
        gain = found[name].over(ours)
        lines.append(
            (title, f"faster than {name}{mark}", f"{gain:.3g}", f">= {goal}", says(gain >= goal))
        )
    return lines


def verdict(title: str, what: str, number: float, limit: float) -> tuple[str, ...]:
    """One number that must stay below its limit."""
    return title, what, f"{number:.3g}", f"<= {limit}", says(number <= limit)


def says(reached: bool) -> str:
    """The last column."""
    return "yes" if reached else "NO"


def main() -> int:
    """Run all five, print, and say whether all goals are met."""
    parts = [one_map, one_map_v6, many_servers, whole_fleet]
    rows = [row for part in parts for row in part()]
    print(table(("work", "measured", "ratio", "goal", "reached"), rows))
    return 0 if all(row[-1] == "yes" for row in rows) else 1
