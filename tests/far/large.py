"""A server with as many connectors and remote ranges as a large organization has."""

from __future__ import annotations

import random
from dataclasses import replace

from mailflow.exchange.connectors import AuthMechanism
from mailflow.exchange.ranges import AddressRange
from mailflow.simulated.doors import Session
from mailflow.simulated.practice import Practice
from mailflow.sources.row import Row
from mailflow.sources.shell import Call

CONNECTORS_OF = Call("Get-ReceiveConnector", {"Server": "EX16A"})


def large_server(connectors: int, ranges: int) -> list[Row]:
    """What Get-ReceiveConnector gives of a server with so many connectors of so many ranges."""
    practice = Practice.begin("article")
    relay = next(
        one
        for one in practice.organisation.connectors_of("EX16A", practice.clock.now)
        if one.name == "Relay"
    )
    chance = random.Random(1)  # noqa: S311 - regular addresses would be packed to nothing
    for number in range(connectors):
        hosts = sorted(chance.sample(range(10 << 24, 11 << 24), ranges))
        practice.organisation.directory.install(
            replace(
                relay,
                name=f"Relay {number}",
                auth=AuthMechanism.Tls,
                ranges=tuple(AddressRange(4, host, host) for host in hosts),
            )
        )
    return list(Session(practice, "EX16A").run(CONNECTORS_OF).rows)
