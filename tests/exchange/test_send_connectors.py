"""Which send connector carries a queue: by GUID, name, hosts or address spaces (S9.22, S9.26)."""

from __future__ import annotations

import pytest

from mailflow.exchange.queues import Queue
from mailflow.exchange.send_connectors import (
    AddressSpace,
    SendConnector,
    carrier_of,
    normal_guid,
    parse_spaces,
)

GUID = "0a1b2c3d-0000-4000-8000-00000000000a"


def connector(name: str, spaces: str = "SMTP:*;1", **other: object) -> SendConnector:
    """A connector of EX16A."""
    values = {"enabled": True, "sources": ("EX16A",), "smart_hosts": frozenset[str]()}
    return SendConnector(name, spaces=parse_spaces(spaces), **values | other)  # type: ignore[arg-type]


def queue(hop: str, kind: str = "DnsConnectorDelivery", guid: str = "") -> Queue:
    """A queue of EX16A."""
    return Queue(r"EX16A\7", "EX16A", kind, hop, "Retry", 1, "", next_hop_connector=guid)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SMTP:*;1", (AddressSpace("*", 1),)),
        (
            "smtp:*.Contoso.com;10, contoso.com",
            (AddressSpace("*.contoso.com", 10), AddressSpace("contoso.com", 1)),
        ),
        ("X400:c=US;5, SMTP:*;2", (AddressSpace("*", 2),)),
        ("", ()),
        ("Microsoft.Exchange.Data.AddressSpace[]", None),
    ],
)
def test_address_spaces_as_printed(text: str, expected: tuple[AddressSpace, ...] | None) -> None:
    """S9.20: kind and cost may be left out; a list of which the type alone is left is not known."""
    assert parse_spaces(text) == expected


@pytest.mark.parametrize(
    ("domain", "space", "expected"),
    [
        ("a.contoso.com", "*.contoso.com", True),
        ("contoso.com", "*.contoso.com", False),
        ("contoso.com", "contoso.com", True),
        ("evilcontoso.com", "*.contoso.com", False),
        ("anything.example", "*", True),
    ],
)
def test_what_a_space_covers(domain: str, space: str, expected: bool) -> None:
    """S9.22."""
    assert AddressSpace(space).covers(domain) is expected


@pytest.mark.parametrize(
    ("asked", "expected", "named"),
    [
        (queue("x.example", guid=GUID.upper()), "By id", True),
        (queue("x.example", guid="{" + GUID + "}"), "By id", True),
        (queue("a.partner.example"), "Partner", False),
        (queue("x.example"), "Cheap or Cheap too", False),
        (queue("hub1.example", "SmartHostConnectorDelivery"), "Smart", True),
        (queue("[10.0.0.9],hub2.example", "SmartHostConnectorDelivery"), None, False),
        (queue("smart", "SmtpRelayToConnectorSourceServers"), "Smart", True),
        (queue("mailboxes 01", "SmtpDeliveryToMailbox"), None, False),
        (queue("", guid="00000000-0000-0000-0000-000000000000"), None, False),
    ],
)
def test_the_connector_of_a_queue(asked: Queue, expected: str | None, named: bool) -> None:
    """The GUID first; then the most exact space, then the lowest cost; a tie names them all."""
    connectors = (
        connector("By id", "SMTP:other.example;1", guid=GUID),
        connector("Dear", "SMTP:*;20"),
        connector("Cheap"),
        connector("Cheap too"),
        connector("Off", "SMTP:x.example;1", enabled=False),
        connector("Elsewhere", "SMTP:x.example;1", sources=("EX16B",)),
        connector("Partner", "SMTP:*.partner.example;50"),
        connector("Smart", "SMTP:y.example;1", smart_hosts=frozenset({"hub1.example"})),
    )
    found = carrier_of(asked, connectors)

    assert (str(found) if found else None) == expected
    assert bool(found and found.is_named) is named


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GUID, GUID),
        (f" {{{GUID.upper()}}} ", GUID),
        ("0" * 8 + "-0000-0000-0000-" + "0" * 12, ""),
        ("x", ""),
    ],
)
def test_a_guid_in_any_writing(text: str, expected: str) -> None:
    """S9.26: the one of zeros stands for none."""
    assert normal_guid(text) == expected
