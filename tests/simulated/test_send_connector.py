"""The send connector of the simulated organization: who may send, and with which certificate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mailflow.simulated.delivery import has_certificate
from mailflow.simulated.objects import certificates
from mailflow.simulated.organisation import (
    BUILDS,
    Organisation,
    PracticeCertificate,
    PracticeSendConnector,
)

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
NAMES = ("CN=mail.contoso.example", "CN=CA")


def organisation(days: float, *, named: bool = True) -> Organisation:
    """A server with a certificate that is good for so many days."""
    org = Organisation()
    org.install("EX16A", BUILDS["2016"], ["10.0.0.21"], site="Here")
    made = PracticeCertificate(*NAMES, ("mail.contoso.example",), NOW + timedelta(days=days))
    org.servers[0].certificates.append(made)
    org.send_connector = PracticeSendConnector(certificate=made.name if named else "")
    return org


@pytest.mark.parametrize(
    ("days", "named", "expected"),
    [(1, True, True), (-1, True, False), (-1, False, True)],
)
def test_the_certificate_that_is_named_has_to_be_there_and_good(
    days: int,
    named: bool,
    expected: bool,
) -> None:
    """S9.24; a connector that names none needs none."""
    org = organisation(days, named=named)

    assert has_certificate(org, org.servers[0], NOW) is expected


def test_another_certificate_is_not_the_one_that_is_named() -> None:
    """S9.24: issuer and subject both count."""
    org = organisation(1)
    org.send_connector = PracticeSendConnector(certificate="<I>CN=Other<S>CN=mail.contoso.example")

    assert not has_certificate(org, org.servers[0], NOW)


@pytest.mark.parametrize(("days", "status"), [(1, "Valid"), (-1, "DateInvalid")])
def test_get_exchange_certificate_shows_each_with_its_state(days: int, status: str) -> None:
    """S8.85: setup's own, that for OAuth, and the one that was installed; each once."""
    org = organisation(days)
    shown = list(certificates(org.servers[0], NOW))

    assert len({one["Thumbprint"] for one in shown}) == len(shown) == 3
    assert (shown[-1]["Subject"], shown[-1]["Issuer"]) == NAMES
    assert shown[-1]["Status"].text == status  # type: ignore[union-attr]
