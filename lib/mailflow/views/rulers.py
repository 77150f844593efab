"""The ruler of one endpoint: its connectors' ranges as lanes, for `show` to draw."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import AddressRange, Family, format_range
from mailflow.exchange.servers import Server
from mailflow.phrases import joined
from mailflow.picture import Lane, Pin, Ruler, Span, Tone

OFFERS = {True: "Exchange Server auth", False: "no Exchange Server auth", None: "auth unknown"}
"""What a connector offers to Exchange servers, in two or three words."""

NO_GROUP = {False: "no ExchangeServers group", None: "groups unknown"}
"""What it lacks that offers it, and may not let them submit all the same (S3.30)."""

_TONES: dict[bool | None, Tone] = {True: "good", False: "bad", None: "unknown"}


def ruler_of(
    target: Server,
    connectors: Sequence[ReceiveConnector],
    pins: Sequence[Pin],
    *,
    port: int,
    family: Family,
    process: TransportRole | None,
) -> Ruler:
    """The ruler of one port and family of a target.

    Args:
        target: whose connectors these are.
        connectors: all of the target; drawn are those that may answer there.
        pins: the servers over it.
        port: of the endpoint.
        family: of all addresses.
        process: which has the endpoint; None: not known, so every connector there may answer.
    """
    lanes = [
        _lane(connector, family)
        for connector in connectors
        if connector.enabled is not False
        and (process is None or connector.role in (process, None))
        and any((each.port, each.family) == (port, family) for each in connector.bindings)
    ]
    return Ruler(
        server=target.name,
        port=port,
        lanes=tuple(lanes),
        pins=tuple(dict.fromkeys(pins)),
        family=family,
        reading=_falls(pins),
    )


def _lane(connector: ReceiveConnector, family: int) -> Lane:
    offers, admits = connector.offers_exchange_auth, connector.admits_exchange_servers
    spans = [_span(block) for block in connector.ranges if block.family == family]
    words = NO_GROUP[admits] if offers and not admits else OFFERS[offers]
    tone = _TONES[admits if offers else offers]
    return Lane(connector.name, words, tone, tuple(spans), connector.ranges_complete)


def _span(block: AddressRange) -> Span:
    first = AddressRange(block.family, block.first, block.first)
    last = AddressRange(block.family, block.last, block.last)
    return Span(format_range(first), format_range(last), block.first, block.last)


def _falls(pins: Sequence[Pin]) -> str:
    by_connector: dict[str, list[str]] = {}
    for pin in pins:
        by_connector.setdefault(pin.answered_by or "nobody", []).append(pin.label)
    return "; ".join(f"{joined(names)}: {name}" for name, names in by_connector.items())
