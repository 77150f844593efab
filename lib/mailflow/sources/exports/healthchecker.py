"""What HealthChecker of CSS-Exchange saves of a server: outputs inside one object (S8.83).

One file tells of one server: itself, its receive connectors, its Transport service, its adapters.
Queues are not in it. The lists in it are whole, for the script asks about the server by name; which
other servers there are it does not say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mailflow.snapshot import Unread
from mailflow.sources.foreign import is_server
from mailflow.sources.row import Complex, Items, Lost, Reading, Row, Value

HOLDS = "HealthCheckerExchangeServer"
"""The property of the object that holds all the rest."""
ADAPTERS = "HealthChecker"
"""What rows of adapters have for a cmdlet: HostName, and of one adapter IPAddress and what tells
of it."""

_OUTPUTS: Mapping[str, str] = {
    "GetExchangeServer": "Get-ExchangeServer {}",
    "GetReceiveConnector": "Get-ReceiveConnector -Server {}",
    "GetTransportService": "Get-TransportService -Identity {}",
    "GetServerComponentState": "Get-ServerComponentState {}",
}
"""Property to the call whose output it holds, of which the first word is the cmdlet."""
_MOST_DEPTH = 6
"""Objects inside each other until an output; the script has three."""


def is_healthchecker(values: Mapping[str, Value]) -> bool:
    """Whether an object is one that the script saved."""
    return isinstance(values.get(HOLDS), Complex)


def read_healthchecker(values: Mapping[str, Value], place: str) -> Reading:
    """The rows in such an object.

    Args:
        values: its properties.
        place: file, and where it stands.

    An output that should be there and is not becomes missing data of that server.
    """
    reading = Reading()
    inside = values[HOLDS]
    assert isinstance(inside, Complex)  # noqa: S101 - the caller has looked
    server = _text(inside, "ServerName").partition(".")[0]
    if not is_server(server):
        why = f"{place}: the file of HealthChecker does not name its server"
        reading.unread.append(Unread("", "capture", why))
        return reading
    outputs = dict(_outputs(inside))
    for name, typed in _OUTPUTS.items():
        cmdlet, command = typed.split()[0], typed.format(server)
        objects = outputs.get(name)
        if objects is None:
            if name != "GetServerComponentState":  # only newer versions of the script keep it
                why = f"{place}: the file of HealthChecker holds no {name}"
                reading.unread.append(Unread(server, cmdlet, why))
            continue
        reading.cmdlets.add(cmdlet)
        reading.commands.append((command, place))
        reading.rows += (
            Row(cmdlet, found.properties, f"{place}, {name}", "", server, command)
            for found in objects
        )
    reading.rows += _adapters(inside, server, place)
    return reading


def _outputs(holder: Complex, depth: int = 0) -> Iterator[tuple[str, list[Complex]]]:
    """The outputs in an object, however deep a version of the script puts them."""
    for name, value in holder.properties.items():
        if name in _OUTPUTS:
            objects = _objects(value)
            if objects is not None:
                yield name, objects
        elif isinstance(value, Complex) and depth < _MOST_DEPTH:
            yield from _outputs(value, depth + 1)


def _objects(value: Value) -> list[Complex] | None:
    """The objects of an output; one alone stands without a list. None: they cannot be read."""
    if isinstance(value, Complex):
        return [value]
    if isinstance(value, Items) and not value.cut:
        objects = [element for element in value.values if isinstance(element, Complex)]
        return objects if len(objects) == len(value.values) else None
    return None


def _adapters(inside: Complex, server: str, place: str) -> Iterator[Row]:
    """A row for each adapter, as Windows told the script."""
    network = _member(_member(inside, "OSInformation"), "NetworkInformation")
    adapters = network.properties.get("NetworkAdapters") if network else None
    for adapter in _objects(adapters) or () if adapters is not None else ():
        own = [
            address
            for name in ("IPv4Addresses", "IPv6Addresses")
            for address in _objects(adapter.properties.get(name)) or ()
        ]
        gateways = tuple(filter(None, (_text(address, "DefaultGateway") for address in own)))
        values: dict[str, Value] = {
            "HostName": server,
            "IPAddress": Items(tuple(filter(None, (_text(address, "Address") for address in own)))),
            "DefaultIPGateway": Items(gateways),
        }
        for name, known in (
            ("DnsServer", "DNSServerSearchOrder"),
            ("RegisteredInDns", "FullDNSRegistrationEnabled"),
        ):
            if name in adapter.properties:
                values[known] = adapter.properties[name]
        yield Row(ADAPTERS, values, f"{place}, NetworkAdapters", "", server)


def _member(holder: Complex | None, name: str) -> Complex | None:
    found = holder.properties.get(name) if holder else None
    return found if isinstance(found, Complex) else None


def _text(holder: Complex, name: str) -> str:
    value = holder.properties.get(name)
    if isinstance(value, Complex):
        value = value.text
    return value.strip() if isinstance(value, str) and not isinstance(value, Lost) else ""
