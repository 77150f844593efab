"""Addresses from every place that has them, each with its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from command_line import captures
from mailflow.exchange.last_error import target_of
from mailflow.opening import open_source
from mailflow.snapshot import IN_ERROR, ServerAddress, Snapshot
from mailflow.sources.addresses import ADAPTERS, IPCONFIG, WMI
from mailflow.sources.row import Items, Lost, Reading, Row, Value
from mailflow.sources.tables import assemble
from mailflow.views.findings import findings
from organisations import STUCK_2016, Organisation, article, healthy


def row(cmdlet: str, named: str = "", **values: Value) -> Row:
    """One object."""
    return Row(cmdlet, values, "a file", named_server=named)


def read(*rows: Row, org: Organisation | None = None) -> Snapshot:
    """An organization without addresses.csv, and these rows."""
    reading = (org or healthy()).without("addresses").reading()
    reading.rows += rows
    return assemble(reading, origin="here")


def signs(one: ServerAddress) -> tuple[bool | None, ...]:
    """What tells of its adapter."""
    return one.has_dns_servers, one.has_gateway, one.registers_in_dns


# -- What tells of an adapter ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Items(("10.0.0.1",)), True),
        (Items(()), False),
        (None, False),
        (Items(("fec0:0:0:ffff::1%1", "fec0:0:0:ffff::2%1")), False),
        (Lost("cut by the console"), None),
        (Items(("10.0.0.1",), cut=True), True),
    ],
)
def test_dns_servers_of_an_adapter(value: Value, *, expected: bool | None) -> None:
    """None that was read; what Windows shows over IPv6 where none is configured is none."""
    adapter = row(ADAPTERS, "EX10A", IPAddresses="10.0.0.11", DnsServers=value)

    assert [signs(one) for one in read(adapter).addresses] == [(expected, None, None)]


def test_an_adapter_of_the_class_names_its_server() -> None:
    """Win32_NetworkAdapterConfiguration has DNSHostName, and all that tells (S9.05)."""
    values: dict[str, Any] = {"DNSHostName": "ex10a", "FullDNSRegistrationEnabled": False}
    values |= {"IPAddress": Items(("10.9.0.11", "fe80::1")), "DNSServerSearchOrder": None}
    values |= {"DefaultIPGateway": None}
    (one,) = read(row(WMI, **values)).addresses

    assert one == ServerAddress("EX10A", "10.9.0.11", WMI, False, False, False)  # noqa: FBT003


def test_what_several_places_say_of_an_address_is_put_together() -> None:
    """The list of a person stays its source; where two disagree, nothing is known."""
    listed = row("addresses.csv", server="EX10A", address="10.0.0.11")
    one = row(ADAPTERS, "EX10A", IPAddresses="10.0.0.11", DnsServers=Items(("10.0.0.1",)))
    values: dict[str, Any] = {"DNSHostName": "EX10A", "IPAddress": "10.0.0.11"}
    other = row(WMI, **values, DNSServerSearchOrder=None, DefaultIPGateway=Items(("10.0.0.254",)))

    assert [(each.source, *signs(each)) for each in read(other, one, listed).addresses] == [
        ("addresses.csv", None, True, None)
    ]


def test_an_ipconfig_names_no_server() -> None:
    """Where no list says which servers there are: a workstation has one as well."""
    reading = Reading(rows=[row(IPCONFIG, HostName="PC7", IPAddress="10.0.0.7")])
    listed = Reading(rows=[row("addresses.csv", server="EX10A", address="10.0.0.11")])

    assert assemble(reading, origin="").servers == ()
    assert [one.name for one in assemble(listed, origin="").servers] == ["EX10A"]


# -- Addresses in errors ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (STUCK_2016.format(fqdn="ex16b.contoso.com.", ip="10.0.0.22"),
         ("ex16b.contoso.com", "10.0.0.22")),
        ("[{LRT=1};{LED=451 [{LED=550 no};{FQDN=inner};{IP=10.0.0.1}]};{FQDN=outer};{IP=::2}]",
         ("outer", "::2")),
        ("[{LED=451 4.4.0 x};{MSG=};{FQDN=};{IP=10.0.0.22};{LRT=}]", ("", "")),
        ("[{LED=451 4.4.0 x};{MSG=};{FQDN=ex16b};{LRT=};{IP=10.0.0.22}]", ("", "")),
        ("451 4.4.0 Primary target IP address responded with: 10.0.0.22", ("", "")),
    ],
)  # fmt: skip
def test_the_target_in_an_error(text: str, expected: tuple[str, str]) -> None:
    """S9.13: name and address stand beside each other; an address without a name is nobody's."""
    assert target_of(text) == expected


def stuck(fqdn: str, ip: str, messages: int = 5, **queue: Any) -> Organisation:  # noqa: ANN401
    """A queue on EX16A whose error names this target."""
    error = STUCK_2016.format(fqdn=fqdn, ip=ip)
    return healthy().add_queue("EX16A", messages, name="7", error=error, **queue)


def test_an_error_names_an_address_of_its_target() -> None:
    """S9.13: it is one; that the server has no others is not known, and told."""
    org = read(org=stuck("ex16b.contoso.com", "10.0.0.22"))

    assert org.addresses == (ServerAddress("EX16B", "10.0.0.22", IN_ERROR),)
    assert [(one.server, one.why.partition(" ")[0]) for one in org.unread] == [
        ("EX10A", "no"),
        ("EX10B", "no"),
        ("EX16A", "no"),
        ("EX16B", "the"),
    ]


def test_an_address_in_an_error_is_not_told_twice() -> None:
    """What a list holds keeps its source, and is as complete as that is."""
    listed = row("addresses.csv", server="EX16B", address="10.0.0.22")
    org = read(listed, org=stuck("EX16B.contoso.com", "10.0.0.22"))

    assert org.addresses == (ServerAddress("EX16B", "10.0.0.22", "addresses.csv"),)
    assert "EX16B" not in {one.server for one in org.unread}


@pytest.mark.parametrize(
    ("fqdn", "ip", "queue"),
    [
        ("ex16b.elsewhere.example", "10.0.0.22", {}),
        ("ex16b.contoso.com", "fe80::22", {}),
        ("ex16b.contoso.com", "10.0.0.300", {}),
        ("ex16b.contoso.com", "10.0.0.22", {"delivery_type": "SmartHostConnectorDelivery"}),
        ("ex16b.contoso.com", "10.0.0.22", {"delivery_type": "other"}),
    ],
)
def test_an_address_that_says_nothing(fqdn: str, ip: str, queue: dict[str, str]) -> None:
    """Of no server that is known, not usable, none, or perhaps of a device in front of them."""
    assert read(org=stuck(fqdn, ip, **queue)).addresses == ()


def test_an_address_at_which_nobody_answered_is_none() -> None:
    """The name may resolve to one that the server has not got any more."""
    error = (
        "[{LED=441 4.4.1 Error encountered while communicating with primary target IP address: "
        '"Failed to connect. Winsock error code: 10060, Win32 error code: 10060."};{MSG=};'
        "{FQDN=ex16b.contoso.com};{IP=10.0.0.22};{LRT=1/1/2026}]"
    )

    assert read(org=healthy().add_queue("EX16A", 5, error=error)).addresses == ()


def test_an_address_of_another_server_is_a_question() -> None:
    """The name may resolve to the wrong address: it is told, and taken for neither."""
    listed = row("addresses.csv", server="EX10B", address="10.0.0.12")
    org = read(listed, org=stuck("ex16b.contoso.com", "10.0.0.12"))
    (why, _) = (one.why for one in org.unread if one.server == "EX16B")

    assert [one.server for one in org.addresses] == ["EX10B"]
    assert "which is an address of EX10B" in why


def test_what_an_error_lacks_is_no_ground_for_a_verdict() -> None:
    """A relay that may catch another address of the server leaves its path open."""
    org = stuck("ex16b.contoso.com", "10.0.0.22", status="Ready", messages=0)
    hub: dict[str, Any] = {"role": "HubTransport", "bindings": "0.0.0.0:2525"}
    org.add_relay("EX16A", "10.0.5.0/24", name="Hub", **hub)
    everything = [(one.server, one.address) for one in org.addresses if one.server != "EX16B"]
    rows = [row("addresses.csv", server=name, address=text) for name, text in everything]

    assert findings(read(*rows, org=org)).verdict == "unknown"
    rows.append(row("addresses.csv", server="EX16B", address="10.0.0.22"))
    assert findings(read(*rows, org=org)).verdict == "clear"


@pytest.mark.parametrize(
    "text",
    ["EX10A,10.0.0.11\nEX10B,10.0.0.12\n", "Rechner;Anschrift\r\nEX10A;10.0.0.11\r\n"],
)
def test_a_list_without_its_column_names_is_named(text: str, tmp_path: Path) -> None:
    """Whoever wrote a list is not told to write one, but which line it lacks."""
    folder = captures(article().without("addresses"), tmp_path / "exports")
    (folder / "mine.csv").write_text(text, newline="")
    org = open_source(str(folder))

    why = {row.why for row in org.unread if row.server == "EX10A"}

    assert len(why) == 1
    assert why.pop().endswith(
        "; mine.csv is a list of addresses whose first line is not server,address"
    )


def test_a_table_of_something_else_is_not_named(tmp_path: Path) -> None:
    """A table that only has an address among other columns was never meant as that list."""
    folder = captures(article().without("addresses"), tmp_path / "exports")
    (folder / "printers.csv").write_text("Name,Model,IP\nlobby,HP,10.0.5.7\n")

    assert not any("printers.csv" in row.why for row in open_source(str(folder)).unread)
