"""C2, C3: the default connector accepts the servers and lacks Exchange Server authentication."""

from __future__ import annotations

from check_cases import FRONT, commands, found, said
from organisations import healthy

ID = "exchange-auth-missing-on-default"
LOST = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS"
FULL = "Tls,Integrated,BasicAuth,BasicAuthRequireTLS,ExchangeServer"


def test_what_is_there_stays_and_exchange_server_comes_back() -> None:
    """C2, S3.23: the value is replaced as a whole, so all of it is named."""
    org = healthy().change(FRONT, auth=LOST)

    assert found(org, ID) == [("found", "EX16A", FRONT)]
    assert commands(org) == (f'Set-ReceiveConnector "{FRONT}" -AuthMechanism {FULL}',)
    assert "as intended, but does not offer Exchange Server authentication" in said(org, ID)


def test_a_foreign_fqdn_changes_in_the_same_command() -> None:
    """C3, section 3.4: beside ExchangeServer the Fqdn is the server's own."""
    org = healthy().change(FRONT, auth=LOST, fqdn="mail.example.com")

    assert commands(org) == (
        f'Set-ReceiveConnector "{FRONT}" -AuthMechanism {FULL} -Fqdn "ex16a.contoso.com"',
    )


def test_authentication_and_group_come_back_in_one_command() -> None:
    """One repair for all findings of a connector."""
    org = healthy().change(FRONT, auth="Tls", groups="AnonymousUsers")

    assert commands(org) == (
        (
            f'Set-ReceiveConnector "{FRONT}" -AuthMechanism Tls,ExchangeServer '
            "-PermissionGroups AnonymousUsers,ExchangeServers"
        ),
    )


def test_an_unread_mechanism_is_unknown_and_never_written() -> None:
    """A value that was not read is never written."""
    org = healthy().change(FRONT, auth=None)

    assert found(org, ID) == [("unknown", "EX16A", FRONT)]
    assert commands(org) == ()
