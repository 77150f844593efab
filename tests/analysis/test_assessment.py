"""What an Exchange server meets on a connector that accepts it, by configuration alone."""

from __future__ import annotations

from typing import Any

import pytest

from mailflow.analysis.assessment import (
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    SHADOWED,
    SUPPRESSED,
    assess_connector,
)
from organisations import healthy

FRONTEND = r"EX16A\Default Frontend EX16A"

ASSESSED: list[tuple[str, dict[str, Any], bool | None, tuple[str, str | None]]] = [
    (FRONTEND, {}, None, ("clear", None)),
    (FRONTEND, {"auth": "Tls"}, None, ("found", DEFAULT_LACKS_AUTH)),
    (r"EX16A\Relay", {}, None, ("found", SHADOWED)),
    (r"EX16A\Relay", {"auth": "Tls, ExternalAuthoritative"}, None, ("found", SHADOWED)),
    (FRONTEND, {"auth": None}, None, ("unknown", DEFAULT_LACKS_AUTH)),
    (r"EX16A\Relay", {"auth": None}, None, ("unknown", SHADOWED)),
    (FRONTEND, {"groups": "AnonymousUsers"}, None, ("found", GROUP_MISSING)),
    (FRONTEND, {"groups": None}, None, ("unknown", GROUP_MISSING)),
    (r"EX16A\Relay", {"auth": "Tls, ExchangeServer"}, None, ("found", GROUP_MISSING)),
    (FRONTEND, {"suppress_x_anonymous_tls": True}, None, ("unknown", SUPPRESSED)),
    (FRONTEND, {"suppress_x_anonymous_tls": True}, False, ("found", SUPPRESSED)),
    (FRONTEND, {"suppress_x_anonymous_tls": True}, True, ("clear", None)),
]


@pytest.mark.parametrize(("identity", "change", "downgraded", "expected"), ASSESSED)
def test_what_a_server_meets(
    identity: str, change: dict[str, Any], downgraded: bool | None, expected: tuple[str, str | None]
) -> None:
    """S3.30, S3.31, C10: authentication, then the group, then what hides it; unread is unknown."""
    org = healthy().change(identity, **change)
    connector = org.connector(identity)
    said = assess_connector(connector, org.snapshot().connectors, downgraded)

    assert (said.state, said.cause) == expected
    assert said.connector is (None if said.state == "clear" else connector)
    assert bool(said.why) == bool(said.missing) == (said.state == "unknown")
    assert said.on_evidence == (expected == ("unknown", SUPPRESSED))
