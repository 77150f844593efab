"""Where a command would log on, and as whom, told without asking for a password."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailflow.cli.destination import destination
from mailflow.errors import UsageError
from mailflow.exchange.servers import Server
from mailflow.sources import credentials
from mailflow.sources.credentials import LiveOptions, Ticket

SERVERS = [Server("EX16A", "ex16a.contoso.com"), Server("EX16B", "ex16b.contoso.com")]
LATER = datetime.now(UTC) + timedelta(days=1)


def _told(source: str = "winrm://ex16a.contoso.com", **options: object) -> list[str]:
    return list(destination(source, SERVERS, LiveOptions(**options)))  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def no_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is logged on to Kerberos here."""
    monkeypatch.setattr(credentials, "find_ticket", lambda: None)


def test_each_host_once() -> None:
    """The entry as it was given, the others by their full names, with port and scheme."""
    assert _told("winrm+http://EX16A:8080", user="anna") == [
        "Connects to: EX16A, port 8080 (HTTP)",
        "Connects to: ex16b.contoso.com, port 8080 (HTTP)",
        "Account: anna (NTLM)",
    ]


def test_by_exchanges_own_endpoint() -> None:
    """Its port, and Kerberos for the user."""
    assert _told("exchange://EX16A", user="anna")[::2] == [
        "Connects to: EX16A, port 80 (HTTP)",
        "Account: anna (Kerberos)",
    ]
    assert _told("exchange+https://EX16A", user="anna", auth="basic")[::2] == [
        "Connects to: EX16A, port 443 (HTTPS)",
        "Account: anna (Basic)",
    ]


def test_where_resolve_leads() -> None:
    """The address that would be used, and its port."""
    resolve = ("ex16a.contoso.com=10.0.0.21", "ex16b.contoso.com=10.0.0.22:5999")

    assert _told(user="anna", resolve=resolve)[:2] == [
        "Connects to: ex16a.contoso.com at 10.0.0.21, port 5986 (HTTPS)",
        "Connects to: ex16b.contoso.com at 10.0.0.22, port 5999 (HTTPS)",
    ]


@pytest.mark.parametrize(
    ("ticket", "options", "account"),
    [
        (Ticket("anna@CONTOSO.COM", LATER), {}, "anna@CONTOSO.COM (Kerberos)"),
        (Ticket("", LATER), {}, "the user who is signed in to this computer (Kerberos)"),
        (Ticket("anna@C", LATER), {"user": "ben@C", "auth": "kerberos"}, "ben@C (Kerberos)"),
        (Ticket("anna@C", LATER), {"user": "ben", "password_env": "P"}, "ben (NTLM)"),
        (Ticket("anna@C", LATER), {"user": "ben", "keyring": "k"}, "ben (NTLM)"),
        (None, {"user": "ben", "auth": "credssp"}, "ben (CredSSP)"),
    ],
)
def test_as_whom(
    monkeypatch: pytest.MonkeyPatch,
    ticket: Ticket | None,
    options: dict[str, str],
    account: str,
) -> None:
    """The account that the log-on would take; neither variable nor keyring is read."""
    monkeypatch.setattr(credentials, "find_ticket", lambda: ticket)

    assert _told(**options)[-1] == f"Account: {account}"


def test_by_certificate(tmp_path: Path) -> None:
    """The file says whose it is."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.touch()
    key.touch()

    account = _told(auth="certificate", cert=str(cert), key=str(key))[-1]

    assert account == f"Account: that of the certificate (certificate {cert})"


@pytest.mark.parametrize("source", ["demo:article", "winrm://evil/..", "https://evil", ""])
def test_what_is_no_live_organization(source: str) -> None:
    """Refused, as everywhere."""
    with pytest.raises(UsageError, match="expected exchange"):
        _told(source, user="anna")


def test_what_is_missing_is_told_first() -> None:
    """Without an account nothing could be logged on with."""
    with pytest.raises(UsageError, match="--user"):
        _told()
