"""Files as HealthChecker writes them, of the servers of the article (S8.83)."""

from __future__ import annotations

from collections.abc import Mapping

from mailflow.simulated.writer import clixml
from mailflow.sources.names import connector_name, server_name
from mailflow.sources.row import Complex, Items, Row, Value
from organisations import article

SERVERS = ("EX10A", "EX10B", "EX16A", "EX16B")


def adapter(address: str) -> Complex:
    """An adapter as the script keeps it."""
    own = {"Address": address, "Subnet": 24, "DefaultGateway": "10.0.0.1"}
    return Complex(None, {"Name": "Ethernet0", "IPv4Addresses": Items((Complex(None, own),))})


def outputs(server: str) -> dict[str, Value]:
    """The outputs of one server of the article."""
    reading = article().reading()

    def objects(cmdlet: str) -> list[Complex]:
        return [
            Complex(server, dict(row.values))
            for row in reading.of(cmdlet)
            if server == (connector_name(row) or (server_name(row),))[0]
        ]

    [one], [service] = objects("Get-ExchangeServer"), objects("Get-TransportService")
    return {
        "GetExchangeServer": one,
        "GetReceiveConnector": Items(tuple(objects("Get-ReceiveConnector"))),
        "GetTransportService": service,
    }


def saved(server: str, found: Mapping[str, Value], **more: Value) -> bytes:
    """The file of a server."""
    addresses = {one.server: one.address for one in article().snapshot().addresses}
    network = Complex(None, {"NetworkAdapters": Items((adapter(addresses[server]),))})
    inside = {
        "ServerName": server,
        "HealthCheckerVersion": "26.04.02.1712",
        "ExchangeInformation": Complex(None, dict(found)),
        "OSInformation": Complex(None, {"NetworkInformation": network}),
        **more,
    }
    values = {"HealthCheckerExchangeServer": Complex(None, inside), "HtmlServerValues": None}
    return clixml([Row("", values, "x")]).encode()
