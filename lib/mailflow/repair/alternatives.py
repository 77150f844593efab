"""What else would end the fault, each with why it is worse; none is chosen for anybody."""

from __future__ import annotations

from collections.abc import Iterable

from mailflow.phrases import joined


def alternatives(connectors: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What could be done instead of other ranges, and why it is worse.

    Why is known from S3.34, S3.31, S1.16, S1.31 and sections 2.6 and 3.4.

    Args:
        connectors: identities of the custom connectors that accept servers.
    """
    names = joined(connectors)
    return tuple((what.format(names), why.format(names)) for what, why in _WAYS if names)


_WAYS = (
    (
        "Give {0} Exchange Server authentication and the group ExchangeServers",
        (
            "Relay hosts and servers then share a connector, and its Fqdn must be the "
            "server's own name. An externally secured one would first have to stop "
            "trusting its hosts."
        ),
    ),
    (
        "Move {0} to another port or local address",
        (
            "Every relay host has to be pointed there, and another local address does not keep the "
            "servers away where they arrive there too."
        ),
    ),
    (
        "Add a connector for only the servers' addresses, with Exchange Server authentication",
        (
            "It has to follow every address of every server from then on, and Exchange refuses it "
            "where {0} has the same range."
        ),
    ),
    (
        "Disable {0}",
        "All relay hosts then fall to another connector and may lose the right to relay.",
    ),
)
