"""One step of each check's repair: what it sets, and why it sets nothing."""

from __future__ import annotations

from typing import Any

import pytest

from mailflow.analysis.analysis import analyze
from mailflow.analysis.assessment import (
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    NOBODY,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
)
from mailflow.analysis.change import Edit
from mailflow.checks.check import NoStep
from mailflow.checks.custom_connector_shadows_default import connections
from mailflow.checks.registry import CHECKS
from organisations import Organisation, article, healthy

FRONTEND = r"EX16A\Default Frontend EX16A"
DEFAULT = r"EX16A\Default EX16A"
RELAY = r"EX16A\Relay"


def step(cause: str, org: Organisation) -> list[Edit] | NoStep:
    """What the step of a check changes on EX16A, for the paths that fail for this reason."""
    analysis = analyze(org.snapshot())
    view, take = analysis.server("EX16A"), CHECKS[cause].step
    assert view is not None
    assert take is not None
    mine = [path for path in analysis.paths if path.target is view and path.cause == cause]
    made = take(view, mine)
    if isinstance(made, NoStep):
        return made
    return [Edit(old, new) for old, new in zip(view.connectors, made, strict=True) if old != new]


STEPS: list[tuple[str, str, dict[str, Any], str]] = [
    (DEFAULT_LACKS_AUTH, FRONTEND, {"auth": "None"}, "-AuthMechanism Tls,ExchangeServer"),
    (
        DEFAULT_LACKS_AUTH,
        FRONTEND,
        {"auth": "Tls, ExternalAuthoritative"},
        "-AuthMechanism Tls,ExchangeServer",
    ),
    (
        DEFAULT_LACKS_AUTH,
        FRONTEND,
        {"auth": "Tls, Integrated", "fqdn": "mail.contoso.com"},
        '-AuthMechanism Tls,Integrated,ExchangeServer -Fqdn "ex16a.contoso.com"',
    ),
    (
        GROUP_MISSING,
        FRONTEND,
        {"groups": "AnonymousUsers, Custom"},
        "-PermissionGroups AnonymousUsers,ExchangeServers",
    ),
    (SUPPRESSED, FRONTEND, {"suppress_x_anonymous_tls": True}, "-SuppressXAnonymousTls $false"),
    (NOBODY, FRONTEND, {"enabled": False}, "-Enabled $true"),
    (
        NOBODY,
        FRONTEND,
        {"ranges": "10.9.0.0/16, 10.0.0.11"},
        '-RemoteIPRanges "10.9.0.0/16","10.0.0.11","10.0.0.12"',
    ),
    (NOBODY, FRONTEND, {"bindings": "[::]:25"}, '-Bindings "[::]:25","0.0.0.0:25"'),
    (
        NOBODY,
        FRONTEND,
        {"bindings": "10.0.0.99:25"},
        '-Bindings "10.0.0.99:25","10.0.0.21:25"',
    ),
    (SHADOWED, RELAY, {"ranges": "10.0.0.8/30, 10.0.5.0/24"}, "10.0.0.8-10.0.0.10"),
    (SHADOWED, RELAY, {"ranges": "10.0.0.11, 10.0.0.12"}, "-Enabled $false"),
    (ROLE_CONFLICT, RELAY, {"role": "HubTransport"}, "-TransportRole FrontendTransport"),
    (
        ROLE_CONFLICT,
        DEFAULT,
        {"bindings": "0.0.0.0:25, [::]:2525"},
        '-Bindings "0.0.0.0:2525","[::]:2525"',
    ),
]


@pytest.mark.parametrize(("cause", "identity", "change", "argument"), STEPS)
def test_what_a_step_sets(cause: str, identity: str, change: dict[str, Any], argument: str) -> None:
    """S3.23, 3.4, L2, C10, S1.18, S8.63, S8.64, C9: what is there stays, what lacks is added."""
    made = step(cause, healthy().change(identity, **change))

    assert not isinstance(made, NoStep)
    (edit,) = made
    assert edit.identity == identity
    assert argument in edit.command


UNREAD: list[tuple[str, str, dict[str, Any], str]] = [
    (
        SHADOWED,
        RELAY,
        {"ranges": "10.0.0.11", "ranges_complete": False},
        "RemoteIPRanges of EX16A\\Relay are incomplete in the data",
    ),
    (DEFAULT_LACKS_AUTH, FRONTEND, {"auth": None}, "AuthMechanism of"),
    (GROUP_MISSING, FRONTEND, {"groups": None}, "PermissionGroups of"),
    (
        ROLE_CONFLICT,
        DEFAULT,
        {"bindings": "0.0.0.0:25", "bindings_complete": False},
        "Bindings of",
    ),
]


@pytest.mark.parametrize(("cause", "identity", "change", "text"), UNREAD)
def test_what_was_not_read_is_not_written(
    cause: str, identity: str, change: dict[str, Any], text: str
) -> None:
    """Section 1.4, S3.23: what was not read would be lost; said is what to export."""
    made = step(cause, healthy().change(identity, **change))

    assert isinstance(made, NoStep)
    assert (made.kind, made.connector) == ("unread", identity)
    assert text in made.text
    assert made.command.startswith("Get-ReceiveConnector -Server EX16A | Export-Clixml")


def test_a_connector_of_setups_that_is_gone_has_to_be_made() -> None:
    """S1.18: no command of today's connectors mends that."""
    made = step(NOBODY, healthy().remove(FRONTEND).remove(RELAY))

    assert isinstance(made, NoStep)
    assert (made.kind, made.connector) == ("elsewhere", None)
    assert "New-ReceiveConnector" in made.text
    assert made.command == ""


def test_each_local_address_that_a_sender_may_take() -> None:
    """S1.04, S4.06: every one of other servers, the own address of its hop to itself."""
    org = article().set_addresses("EX16A", "10.0.0.21", "10.0.2.21")
    analysis = analyze(org.snapshot())
    view = analysis.server("EX16A")
    assert view is not None
    mine = [path for path in analysis.paths if path.target is view and path.sender.name == "EX10A"]
    own = [path for path in analysis.paths if path.target is path.sender is view]

    assert [(str(one.address), str(one.local), one.port) for one in connections(view, mine)] == [
        ("10.0.0.11", "10.0.0.21", 25),
        ("10.0.0.11", "10.0.2.21", 25),
    ]
    assert {(str(one.address), str(one.local)) for one in connections(view, own)} == {
        ("10.0.0.21", "10.0.0.21"),
        ("10.0.2.21", "10.0.2.21"),
    }
