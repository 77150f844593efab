"""What Set-ReceiveConnector refuses of one connector alone, and what it takes (section 3.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailflow.exchange.connectors import AuthMechanism, PermissionGroups
from mailflow.exchange.refusals import (
    EXTERNAL_ALONE,
    EXTERNAL_GROUP,
    LEGACY_ON_EDGE,
    NEEDS_BASIC,
    NEEDS_TLS,
    REQUIRE_TLS,
    SUPPRESSED,
    refusal,
)
from mailflow.exchange.servers import Server
from organisations import E2016, Organisation, healthy

FULL = "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer"


def asked(org: Organisation, **changes: Any) -> str | None:  # noqa: ANN401
    """What is refused of EX16A's relay with these changes."""
    org.change(r"EX16A\Relay", **changes)
    return refusal(org.connector(r"EX16A\Relay"), org.server("EX16A"), downgraded=False)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"auth": "BasicAuth, BasicAuthRequireTLS"}, NEEDS_TLS),
        ({"auth": "Tls, BasicAuthRequireTLS"}, NEEDS_BASIC),
        ({"auth": "ExternalAuthoritative, ExchangeServer"}, EXTERNAL_ALONE),
        ({"auth": "Tls, ExternalAuthoritative", "groups": "AnonymousUsers"}, EXTERNAL_GROUP),
        ({"auth": "Integrated", "require_tls": True}, REQUIRE_TLS),
        ({"suppress_x_anonymous_tls": True}, SUPPRESSED),
        ({"auth": FULL}, None),
        ({"auth": "Tls, ExternalAuthoritative", "groups": "ExchangeServers"}, None),
        ({"auth": "Tls", "require_tls": True}, None),
        ({"auth": "None", "groups": "None"}, None),
    ],
)
def test_each_combination(changes: dict[str, Any], text: str | None) -> None:
    """Section 3.4, in Exchange's words where these are known."""
    assert asked(healthy(), **changes) == text


@pytest.mark.parametrize(
    ("fqdn", "is_refused"),
    [
        ("mail.contoso.com", True),
        ("ex16b.contoso.com", True),
        ("ex16a.fabrikam.com", True),
        ("relay", True),
        ("EX16A.contoso.com", False),
        ("ex16a", False),
        ("", False),
    ],
)
def test_a_foreign_fqdn(fqdn: str, *, is_refused: bool) -> None:
    """With ExchangeServer it is the server's own name or none; else it is free (section 3.4)."""
    text = asked(healthy(), auth="Tls, ExchangeServer", fqdn=fqdn)

    assert (text is not None) == is_refused
    assert (
        text is None
        or '"ex16a.contoso.com", the NetBIOS name of the transport server "EX16A"' in text
    )
    assert asked(healthy(), auth="Tls", fqdn=fqdn) is None


def test_a_domain_that_was_not_read_refuses_nothing() -> None:
    """A host name that fits may be the server's own where its domain is not known."""
    org = healthy().change(r"EX16A\Relay", auth="Tls, ExchangeServer", fqdn="ex16a.example")
    relay = org.connector(r"EX16A\Relay")

    assert refusal(relay, None) is None
    assert refusal(relay, Server("EX16A")) is None
    assert refusal(replace(relay, fqdn="mail.example"), None) is not None


def test_what_was_not_read_refuses_nothing() -> None:
    """None is no value: Exchange has taken it once."""
    org = healthy().change(r"EX16A\Relay", auth=None, groups=None, suppress_x_anonymous_tls=None)
    relay = org.connector(r"EX16A\Relay")

    assert refusal(relay, org.server("EX16A")) is None
    relay = replace(relay, suppress_x_anonymous_tls=True, auth=AuthMechanism.ExternalAuthoritative)
    assert refusal(relay, org.server("EX16A"), downgraded=None) is None


def test_edge() -> None:
    """Edge: any name, no legacy servers, and X-ANONYMOUSTLS is never hidden (section 3.4)."""
    org = Organisation().add_server("EDGE1", E2016, "192.0.2.1", roles="Edge")
    one, server = org.connectors[0], org.server("EDGE1")

    assert refusal(replace(one, fqdn="mail.contoso.com"), server) is None
    legacy = replace(one, groups=PermissionGroups.ExchangeLegacyServers)
    assert refusal(legacy, server) == LEGACY_ON_EDGE
    assert refusal(replace(one, suppress_x_anonymous_tls=True), server) == SUPPRESSED
