"""What it costs to compare every pair of 50 servers with 1,200 ranges each, beside a sort.

    python tests/benchmarks twin

Prints a Markdown table of ratios, all of one run. The floor is `np.sort` of the bounds of one pair,
49 times. Servers are there as objects; their maps are made in the measured time. Servers that are
configured alike are compared once, so what counts is how many differ: where each one does, there
are 1,225 pairs to lay over each other and to tell of, for which there is no goal.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import combinations

import numpy as np
from timing import compare, table

from mailflow.analysis.capabilities import Rights
from mailflow.analysis.servers import ServerView
from mailflow.analysis.twin_server import TwinServer
from mailflow.analysis.twins import TwinJudge, compare_servers
from mailflow.exchange.connectors import Binding
from mailflow.exchange.ranges import EVERYTHING, AddressRange
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from twin_model import connector

SERVERS, RANGES, GOAL, ROUNDS = 50, 1200, 20.0, 21
BOTH = (Binding(4, 0, 25), Binding(6, 0, 25))


def views(different: int) -> list[ServerView]:
    """50 servers with a long relay list each, of which some differ in one range."""
    rng = np.random.default_rng(17)
    firsts = rng.integers(0, 2**31, RANGES).tolist()
    sizes = rng.integers(0, 255, RANGES).tolist()
    ranges = [
        AddressRange(4, first, first + size) for first, size in zip(firsts, sizes, strict=True)
    ]
    found = []
    for number in range(SERVERS):
        name = f"EX{number:02}"
        mine = list(ranges)
        if number < different:
            mine[number] = AddressRange(4, 2**31 + number, 2**31 + number)
        connectors = (
            connector(
                name, f"Default Frontend {name}", tuple(EVERYTHING.values()), 1, bindings=BOTH
            ),
            connector(name, "Relay", mine, 2),
        )
        found.append(ServerView(Server(name), connectors))
    return found


def every_pair(servers: list[ServerView]) -> int:
    """How many pairs differ, nothing remembered from an earlier round."""
    rights, judge = Rights(Snapshot()), TwinJudge()
    twins = [TwinServer(view, rights) for view in servers]
    return sum(compare_servers(a, b, judge=judge).alike is False for a, b in combinations(twins, 2))


def main() -> int:
    """Print the table; 1 where the goal is missed."""
    rows, ratios = [], []
    for different in (0, 10, SERVERS):
        servers = views(different)
        bounds = np.array(
            [
                edge
                for view in servers[:2]
                for block in view.connectors[1].ranges
                for edge in (block.first, block.last + 1)
            ],
            dtype=np.uint64,
        )

        def floor(numbers: np.ndarray = bounds) -> None:
            for _ in range(SERVERS - 1):
                np.sort(numbers)

        work = {"np.sort": floor, "twin": partial(every_pair, servers)}
        taken = compare(work, rounds=ROUNDS, clock=time.process_time)["twin"]
        has_goal = different < SERVERS
        ratios += [taken.ratio] if has_goal else []
        what = f"every pair of {SERVERS} servers, {different} of which differ"
        goal = f"{GOAL:g}" if has_goal else ""
        rows.append((what, "x 49 np.sort of a pair's bounds", str(taken), goal))
    print(table(("what", "unit", "ratio", "goal"), rows))
    return int(max(ratios) > GOAL)
