"""What else to know before mail moves from one server to another: old lists, send connectors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailflow.analysis.servers import is_custom
from mailflow.exchange import commands
from mailflow.exchange.routing import endpoints
from mailflow.phrases import joined
from mailflow.plain import one_line
from mailflow.repair.twin_targets import TwinSide


@dataclass(frozen=True, slots=True)
class TwinNote:
    """Something to know or to do besides.

    Attributes:
        text: in words.
        command: what to type for it; empty: nothing.
    """

    text: str
    command: str = ""


def twin_notes(a: TwinSide, b: TwinSide) -> tuple[TwinNote, ...]:
    """B out of service, its addresses in lists of A, send connectors that it is no source of."""
    found = [*_inactive(b), *_certificates(a, b), *_old_lists(a, b)]
    if a.org is b.org:
        found += _send_connectors(a, b)
    return tuple(found)


def _inactive(b: TwinSide) -> Iterator[TwinNote]:
    """A component that is not active refuses every connection (section 6.2)."""
    for each in b.org.components:
        if (
            b.view.server.is_named(each.server)
            and each.component.casefold() in _ACCEPTING
            and each.state.casefold() in ("inactive", "draining")
        ):
            yield TwinNote(
                f"{each.component} of {b.view.name} is {each.state}: it accepts no mail, whatever "
                "its connectors say."
            )


def _certificates(a: TwinSide, b: TwinSide) -> Iterator[TwinNote]:
    """A certificate belongs to its server: no command here names one."""
    for each in a.view.connectors:
        if each.tls_certificate and each.enabled is not False:
            yield TwinNote(
                f"{each.identity} has a TlsCertificateName ({one_line(each.tls_certificate)}). No "
                f"command here sets one: install such a certificate on {b.view.name} first."
            )


_ACCEPTING = frozenset({"frontendtransport", "hubtransport", "serverwideoffline"})


def _old_lists(a: TwinSide, b: TwinSide) -> Iterator[TwinNote]:
    """A custom connector of A that contains B accepts B's mail too (S1.13, S3.30)."""
    used = {(way.port, way.process) for way in endpoints(b.view.server, a.view.server)}
    for connector in a.view.connectors:
        if connector.enabled is False or not is_custom(connector, a.view.connectors):
            continue
        inside = [
            address
            for address in b.view.addresses
            if any(address in block for block in connector.ranges)
        ]
        works = connector.offers_exchange_auth and connector.admits_exchange_servers
        if not inside or works:
            continue
        on_path = any((each.port, connector.role) in used for each in connector.bindings)
        end = (
            f"Mail from {b.view.name} to {a.view.name} stops there. Remove the address."
            if on_path
            else "No mail path between the two uses it today. Remove the address all the same."
        )
        yield TwinNote(
            f"{connector.identity} contains {joined(inside)} of {b.view.name} and offers no "
            f"Exchange Server authentication. {end}"
        )


def _send_connectors(a: TwinSide, b: TwinSide) -> Iterator[TwinNote]:
    """Those that A sends through and B does not."""
    for row in a.org.objects("send_connectors"):
        sources = _names(row["source_servers"])
        named = [name for name in sources if a.view.server.is_named(name)]
        if row["enabled"] is False or not named or any(map(b.view.server.is_named, sources)):
            continue
        name = str(row["name"])
        text = f"Send connector {name} has {a.view.name} as a source server, and not {b.view.name}."
        try:
            command = commands.set_source_servers(name, [*sources, b.view.name])
        except commands.Unquotable:
            command = ""
        yield TwinNote(text, command)


def _names(text: object) -> list[str]:
    """Short names of servers, from names, paths or distinguished names."""
    parts = (part.strip() for part in str(text or "").split(", "))
    names = (part.rpartition("/")[2].rpartition("CN=")[2].partition(",")[0] for part in parts)
    return [name for name in names if name]
