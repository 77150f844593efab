"""Certificates that connectors need: named, missing, expired, or of another server (S9.24)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from capture_forms import FORMS, Form, write
from check_cases import audited, found, said
from mailflow.analysis.analysis import analyze
from mailflow.checks.diagnose import diagnose
from mailflow.opening import open_source
from mailflow.snapshot import Snapshot
from mailflow.sources.row import Enumeration, Items, Value
from mailflow.views.audit import audit
from mailflow.views.findings import findings
from organisations import Organisation, healthy

ID = "certificate-problem"
CA, MAIL = "CN=Contoso CA, O=Contoso", "CN=mail.contoso.com"
NAMED = f"<I>{CA}<S>{MAIL}"
OLD, NEW = "AB" * 20, "CD" * 20
COULD_NOT = (
    "454 4.7.5 The certificate specified in TlsCertificateName of the SendConnector could not be "
    "found."
)
LAST_RETRY = datetime(2026, 11, 23, 13, 59, 17, tzinfo=UTC)
"""The latest moment that the exports of `healthy` saw: none says when it was made."""


def certificate(org: Organisation, server: str, **other: Value) -> Organisation:
    """The certificate that TlsCertificateName names, on a server."""
    return org.add_certificate(server, OLD, **{"Subject": MAIL, "Issuer": CA} | other)


def stuck(error: str = COULD_NOT, **connector: Value) -> Organisation:
    """Mail of EX16A to the outside waits; its send connector names a certificate."""
    names = {"TlsCertificateName": NAMED} | connector
    return (
        healthy()
        .add_send_connector("Internet", "EX16A", "EX16B", **names)
        .add_queue("EX16A", 9, error=error, to="fabrikam.com", delivery_type="DnsConnectorDelivery")
    )


def told(snapshot: Snapshot) -> list[tuple[str, str, str | None]]:
    """Cause, state and server of what is found or open."""
    return [
        (one.cause, one.state, one.server)
        for one in findings(snapshot).findings
        if one.state in ("found", "unknown")
    ]


# --- a stuck queue --------------------------------------------------------------------------------


def test_a_named_certificate_that_is_not_there_explains_the_queue() -> None:
    """S9.24: the connector is named, and the text alone makes no second finding."""
    org = stuck().add_certificate("EX16A", NEW)

    assert found(org, ID) == [("found", "EX16A", None)]
    assert found(org, "tls-or-certificate") == []
    assert "send connector Internet" in said(org, ID)
    assert "is not on EX16A" in said(org, ID)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"HasPrivateKey": False}, "without its private key"),
        ({"NotAfter": datetime(2026, 11, 1, tzinfo=UTC), "Status": None}, "expired on 2026-11-01"),
        ({"NotAfter": None, "Status": Enumeration("DateInvalid", None)}, "expired"),
    ],
)
def test_one_that_cannot_be_used_is_as_good_as_none(other: dict[str, Value], words: str) -> None:
    """S8.85: without its key, or expired, by its date or by Status."""
    org = certificate(stuck(), "EX16A", **other)

    assert found(org, ID) == [("found", "EX16A", None)]
    assert words in said(org, ID)


@pytest.mark.parametrize(
    "other",
    [{}, {"NotAfter": None, "Status": None}, {"Issuer": None}, {"HasPrivateKey": None}],
)
def test_where_it_is_there_or_not_known_the_text_keeps_the_word(other: dict[str, Value]) -> None:
    """A value that decides is missing: nobody's certificate is accused, and what lacks is told."""
    known = {name: value for name, value in other.items() if value is not None}
    org = certificate(stuck(), "EX16A", **known)
    org.kept[-1] = replace(
        org.kept[-1],
        values={n: v for n, v in org.kept[-1].values.items() if n not in set(other) - set(known)},
    )

    expected = [("tls-or-certificate", "found", None)]
    expected += [(ID, "unknown", "EX16A")] if other and other != {"HasPrivateKey": None} else []
    assert told(org.snapshot()) == expected


def test_the_list_of_another_server_says_nothing() -> None:
    """S9.21: EX16B's certificates, and some of nobody, are not those of EX16A."""
    org = stuck().add_certificate("EX16B", NEW).add_certificate("", NEW)
    [asked] = [one for one in findings(org.snapshot()).findings if one.cause == ID]

    assert told(org.snapshot()) == [
        ("tls-or-certificate", "found", None),
        (ID, "unknown", "EX16A"),
    ]
    assert "Get-ExchangeCertificate -Server EX16A | Add-Member" in asked.remedy


def test_a_text_that_is_not_about_a_certificate_accuses_none() -> None:
    """S5.07: the target does not offer STARTTLS; the sender's own certificate plays no part."""
    error = "451 5.7.3 STARTTLS is required to send mail"
    org = stuck(error).add_certificate("EX16A", NEW)

    assert told(org.snapshot()) == [("tls-or-certificate", "found", None)]


def test_beside_the_cloud_that_does_not_know_the_sender_both_are_told() -> None:
    """S6.11: it knows not the certificate; the one that is named has expired."""
    org = stuck("550 5.7.64 TenantAttribution; Relay Access Denied")
    certificate(org, "EX16A", NotAfter=datetime(2026, 11, 1, tzinfo=UTC), Status=Items(()))

    assert [each[:2] for each in told(org.snapshot())] == [
        (ID, "found"),
        ("cloud-attribution", "found"),
    ]
    assert "Send connector: Internet." in said(org, "cloud-attribution")


def test_what_no_path_needs_costs_no_verdict() -> None:
    """Nothing is stuck: a missing list, and even an expired certificate, change nothing."""
    org = healthy().add_send_connector("Internet", "EX16A", TlsCertificateName=NAMED)
    expired = certificate(org.copy(), "EX16A", Status=Enumeration("DateInvalid", None))

    assert findings(org.snapshot()).verdict == "clear"
    assert findings(expired.snapshot()).verdict == "clear"


def test_the_server_that_holds_no_list_is_not_accused_by_a_full_one_of_its_peer() -> None:
    """Two servers are stuck, one list was exported: one is found, the other keeps the text."""
    org = stuck().add_queue(
        "EX16B", 3, error=COULD_NOT, to="tailspin.com", delivery_type="DnsConnectorDelivery"
    )
    org.add_certificate("EX16A", NEW)

    assert told(org.snapshot()) == [
        (ID, "found", "EX16A"),
        ("tls-or-certificate", "found", None),
        (ID, "unknown", "EX16B"),
    ]


def test_what_strangers_wrote_makes_no_line_and_no_command_of_its_own() -> None:
    """Names of connectors and certificates are quoted, and stay on their line."""
    evil = 'Internet"; Remove-Item x \u201d'
    org = (
        healthy()
        .add_send_connector(evil, "EX16A\nREPAIR x", TlsCertificateName=NAMED)
        .add_queue(
            "EX16A",
            9,
            error=COULD_NOT,
            to="fabrikam.com",
            delivery_type="SmtpRelayToConnectorSourceServers",
        )
        .add_certificate("EX16A", NEW, Subject="CN=z\nREPAIR")
    )
    org.change(org.queues[-1].identity, next_hop_domain=evil)
    record = next(one for one in findings(org.snapshot()).findings if one.cause == ID)

    assert "\n" not in record.reading
    assert 'Set-SendConnector "Internet`"; Remove-Item' in record.remedy
    assert "`\u201d" in record.remedy


# --- odd forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "<I>CN=Contoso CA,O=Contoso<S>CN=mail.contoso.com",
        "<i>cn=contoso ca, o=contoso<s>CN=MAIL.contoso.com",
        "<I>O=Contoso, CN=Contoso CA<S>CN = mail.contoso.com",
    ],
)
def test_names_are_compared_as_names(name: str) -> None:
    """S9.24: blanks, case and order of a distinguished name do not count."""
    org = certificate(stuck(TlsCertificateName=name), "EX16A")

    assert found(org, ID) == []


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_an_export_tells_the_same(form: Form, tmp_path: Path) -> None:
    """An expired one, with dates and flags as each form has them; never a wrong one is accused."""
    org = certificate(stuck(), "EX16A", NotAfter=datetime(2026, 10, 13, 8, 0, tzinfo=UTC))
    org.kept[-1] = replace(
        org.kept[-1],
        values={n: v for n, v in org.kept[-1].values.items() if n != "Status"}
        | {"Server": "EX16A"},
    )
    write(org.reading(), tmp_path, form)

    causes = {cause for cause, _, _ in told(open_source(str(tmp_path)))}
    assert causes & {ID, "tls-or-certificate"}
    if form not in ("table", "narrow"):
        assert ID in causes


# --- the audit ------------------------------------------------------------------------------------


def audit_of(org: Organisation) -> list[tuple[str, str]]:
    """State and server of what the audit says of certificates."""
    return [(one.state, one.server.name if one.server else "") for one in audited(org, ID)]


def test_the_audit_asks_each_source_server_and_names_the_command_for_a_list() -> None:
    """Expired on one; the other's list was not exported: unknown, with the command."""
    org = healthy().add_send_connector("Internet", "EX16A", "EX16B", TlsCertificateName=NAMED)
    certificate(org, "EX16A", Status=Enumeration("DateInvalid", None))
    [open_one] = [one for one in audit(org.snapshot()).findings if one.state == "unknown"]

    assert audit_of(org) == [("found", "EX16A"), ("unknown", "EX16B")]
    assert "Get-ExchangeCertificate -Server EX16B" in open_one.remedy


@pytest.mark.parametrize(("days", "expected"), [(29, [("found", "EX16A")]), (31, [])])
def test_soon_is_counted_from_the_data_and_not_from_today(
    days: int, expected: list[tuple[str, str]]
) -> None:
    """30 days after the latest moment that the exports saw."""
    org = healthy().add_send_connector("Internet", "EX16A", TlsCertificateName=NAMED)
    org.add_queue("EX10A", 1, error="452 4.3.1 Insufficient system resources")
    certificate(org, "EX16A", NotAfter=LAST_RETRY + timedelta(days=days))

    assert audit_of(org) == expected


def test_data_without_any_time_tells_no_age() -> None:
    """No queue was tried, and no export says when it was made."""
    org = healthy().add_send_connector("Internet", "EX16A", TlsCertificateName=NAMED)
    certificate(org, "EX16A", NotAfter=datetime(2020, 1, 1, tzinfo=UTC))
    org.kept[-1] = replace(
        org.kept[-1], values={n: v for n, v in org.kept[-1].values.items() if n != "Status"}
    )

    assert audit_of(org) == [("unknown", "EX16A")]


def test_a_disabled_connector_needs_nothing() -> None:
    """Contract 8.2: it is no path in use."""
    org = healthy().add_send_connector("Internet", "EX16A", TlsCertificateName=NAMED, Enabled=False)

    assert audit_of(org) == []


CLIENTS = r"EX16A\Client Frontend EX16A"


@pytest.mark.parametrize(
    ("connector", "certificate_of", "expected"),
    [
        ({"tls_certificate": "", "fqdn": "mail.contoso.com"}, {}, [("found", "EX16A")]),
        ({"tls_certificate": None, "fqdn": "mail.contoso.com"}, {}, []),
        ({"tls_certificate": ""}, {}, []),
        (
            {"tls_certificate": "", "fqdn": "mail.contoso.com"},
            {"CertificateDomains": Items(("*.contoso.com",))},
            [],
        ),
        (
            {"tls_certificate": "", "fqdn": "a.mail.contoso.com"},
            {"CertificateDomains": Items(("*.contoso.com",))},
            [("found", "EX16A")],
        ),
        (
            {"tls_certificate": "", "fqdn": "mail.contoso.com"},
            {"Services": Enumeration(None, 3), "CertificateDomains": Items(("mail.contoso.com",))},
            [("unknown", "EX16A")],
        ),
        ({"tls_certificate": NAMED}, {}, [("found", "EX16A")]),
        ({"tls_certificate": NAMED, "enabled": False}, {}, []),
    ],
)
def test_the_audit_judges_receive_connectors_on_which_clients_need_tls(
    connector: dict[str, Any], certificate_of: dict[str, Value], expected: list[tuple[str, str]]
) -> None:
    """S6.17, S9.25, L4: by the names that are set, else by Fqdn and wildcards."""
    org = healthy().change(CLIENTS, **connector).add_certificate("EX16A", NEW, **certificate_of)

    assert audit_of(org) == expected


def test_servers_among_themselves_need_no_starttls() -> None:
    """L4: setup's connectors for servers are not judged by their Fqdn, unless TLS is required."""
    default = r"EX16A\Default Frontend EX16A"
    org = healthy().change(default, tls_certificate="", fqdn="mail.contoso.com")
    org.add_certificate("EX16A", NEW)

    assert audit_of(org) == []
    assert audit_of(org.change(default, require_tls=True)) == [("found", "EX16A")]


def test_the_same_on_two_servers_is_told_once() -> None:
    """One sentence, and the peer is named."""
    org = stuck().add_queue(
        "EX16B", 3, error=COULD_NOT, to="tailspin.com", delivery_type="DnsConnectorDelivery"
    )
    org.add_certificate("EX16A", NEW).add_certificate("EX16B", NEW)
    [one, other] = [each for each in diagnose(analyze(org.snapshot())).findings if each.id == ID]

    assert one.check.explain([one, other]).count("TlsCertificateName") == 1
    assert "EX16B is affected in the same way." in one.check.explain([one, other])
