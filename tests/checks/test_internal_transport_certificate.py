"""C8: the certificate that the directory names, and those that the server holds (S3.41, S8.85)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from check_cases import audited, found
from mailflow.snapshot import ObservedOffer, TransportSettings
from mailflow.sources.row import Enumeration, Value
from mailflow.views.findings import findings
from organisations import STUCK, Organisation, at, healthy

ID = "internal-transport-certificate"
OUTSIDE = "outside-the-connectors"
MINE, OTHER = "AB" * 20, "CD" * 20

REPLY = ObservedOffer(
    source="SMTP send log",
    sender="EX10A",
    address="10.0.0.11",
    target="ex16a.contoso.com",
    remote="10.0.0.21",
    port=25,
    seen_as="10.0.0.11",
    banner="Exchange",
    offered="X-ANONYMOUSTLS X-EXPS",
    masked=False,
    ended="",
    sessions=1,
    first="2026-11-23T13:59:17Z",
    last="2026-11-23T13:59:17Z",
)


def named(org: Organisation, *servers: str, thumbprint: str = MINE) -> Organisation:
    """Get-TransportService names a certificate of these servers."""
    for server in servers:
        org.settings = [one for one in org.settings if one.server != server]
        org.settings.append(TransportSettings(server, False, thumbprint))  # noqa: FBT003
    return org


def stuck(*servers: str) -> Organisation:
    """EX10A cannot authenticate, and nothing is wrong with the connectors."""
    return named(healthy().add_queue("EX10A", 9, error=STUCK), *servers)


def test_missing_on_each_new_server_explains_the_queue() -> None:
    """C8: the certificate is not on them; the queue needs no other cause."""
    org = stuck("EX16A", "EX16B").add_certificate("EX16A", OTHER).add_certificate("EX16B", OTHER)

    assert found(org, ID) == [("found", "EX16A", None), ("found", "EX16B", None)]
    assert found(org, OUTSIDE) == []


def test_missing_on_one_of_two_is_unknown() -> None:
    """Failover tries the other one, too: that alone does not hold the queue up."""
    org = stuck("EX16A", "EX16B").add_certificate("EX16A", OTHER).add_certificate("EX16B", MINE)

    assert found(org, ID) == [("unknown", "EX16A", None)]
    assert found(org, OUTSIDE) == [("unknown", None, None)]


@pytest.mark.parametrize(
    ("server", "thumbprint", "other"),
    [
        ("EX16A", MINE.lower(), {}),
        ("EX16A", " ".join(MINE[n : n + 2] for n in range(0, 40, 2)), {}),
    ],
)
def test_a_thumbprint_is_one_in_any_writing(
    server: str, thumbprint: str, other: dict[str, Value]
) -> None:
    """Lower case, or in pairs as Windows shows it."""
    org = stuck(server, "EX16B").add_certificate(server, thumbprint, **other)
    org.add_certificate("EX16B", MINE)

    assert found(org, ID) == []


def test_without_its_key_it_cannot_be_loaded() -> None:
    """C8: missing or unreadable."""
    org = stuck("EX16A", "EX16B")
    for server in ("EX16A", "EX16B"):
        org.add_certificate(server, MINE, HasPrivateKey=False)

    assert [one[0] for one in found(org, ID)] == ["found", "found"]


def test_an_expired_one_is_a_question() -> None:
    """Whether it is still offered nothing says: undetermined, beside the other causes."""
    org = stuck("EX16A", "EX16B")
    for server in ("EX16A", "EX16B"):
        org.add_certificate(server, MINE, Status=Enumeration("DateInvalid", None))

    assert [one[0] for one in found(org, ID)] == ["unknown", "unknown"]
    assert found(org, OUTSIDE) == [("unknown", None, None)]


def test_a_server_that_was_seen_to_offer_it_has_one() -> None:
    """Section 3.6: the EHLO reply that the sender read holds X-ANONYMOUSTLS; the list is old."""
    org = stuck("EX16A", "EX16B").add_certificate("EX16A", OTHER).add_certificate("EX16B", OTHER)
    when = datetime(2026, 11, 1, tzinfo=UTC)
    org.connectors = [replace(one, when_changed=when) for one in org.connectors]
    seen = replace(org.snapshot(), offers=(REPLY,))
    states = {
        one.server: one.state for one in findings(seen).findings if one.cause == ID and one.queues
    }

    assert states == {"EX16B": "unknown"}


@pytest.mark.parametrize("server", ["EX10B", "", "EX99"])
def test_a_list_that_is_not_the_targets_says_nothing(server: str) -> None:
    """S9.21, S8.15: of another server, of nobody, or none at all."""
    org = stuck("EX16A", "EX16B").add_certificate(server, OTHER)

    assert found(org, ID) == []
    assert found(org, OUTSIDE) == [("unknown", None, None)]


def test_a_thumbprint_that_was_not_read_says_nothing() -> None:
    """The lists alone do not tell which certificate counts."""
    org = stuck("EX16A", "EX16B").add_certificate("EX16A", OTHER).add_certificate("EX16B", OTHER)
    org.settings = [replace(one, internal_certificate=None) for one in org.settings]

    assert found(org, ID) == []


def test_a_sender_in_downgraded_mode_does_without() -> None:
    """S5.03: Kerberos is enough for it."""
    org = stuck("EX16A", "EX16B").add_certificate("EX16A", OTHER).add_certificate("EX16B", OTHER)
    org.set_downgraded_auth("EX10A", value=True)

    assert "found" not in [one[0] for one in found(org, ID)]
    assert found(org, OUTSIDE) == [("unknown", None, None)]


def test_without_a_queue_that_waits_it_is_unknown() -> None:
    """S9.27: the server may fall back to another one, and then nothing fails."""
    org = named(healthy(), "EX16A").add_certificate("EX16A", OTHER)

    assert found(org, ID) == [("unknown", "EX16A", None)]
    assert findings(org.snapshot()).verdict == "unknown"


def test_a_list_that_nobody_exported_costs_no_verdict() -> None:
    """HealthChecker names the thumbprint and has no list (S8.83)."""
    assert findings(named(healthy(), "EX16A", "EX16B").snapshot()).verdict == "clear"


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({}, []),
        ({"NotAfter": at("13:59:17").instant + timedelta(days=29)}, ["found"]),
        ({"NotAfter": at("13:59:17").instant + timedelta(days=31)}, []),
        ({"NotAfter": datetime(2020, 1, 1, tzinfo=UTC), "Status": None}, ["found"]),
        ({"Status": Enumeration("DateInvalid", None)}, ["found"]),
        ({"HasPrivateKey": False}, ["found"]),
        ({"Thumbprint": OTHER}, ["found"]),
    ],
)
def test_the_audit_finds_what_is_missing_expired_or_soon_will_be(
    other: dict[str, Value], expected: list[str]
) -> None:
    """30 days from the latest moment that the exports saw."""
    org = named(healthy(), "EX16A").add_certificate("EX16A", MINE, **other)
    org.add_queue("EX10A", 1, error="452 4.3.1 Insufficient system resources")

    assert [one.state for one in audited(org, ID)] == expected
