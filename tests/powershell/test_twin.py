"""The commands of `mailflow twin`, run by a real PowerShell, exported, read back: alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailflow.exchange.connectors import ReceiveConnector, flag_names
from mailflow.exchange.ranges import parse_range
from mailflow.opening import open_source
from mailflow.snapshot import Right, Snapshot
from mailflow.views.twin_report import twin
from report_pages import make_report
from support import run_powershell

SCRIPT = Path(__file__).with_name("twin.ps1")
NAME = 'Rel`ay "of" $(1+1) „x“ \u2019%'
"""Everything that PowerShell reads as something else in a quoted text."""


def shown(connector: ReceiveConnector) -> dict[str, Any]:
    """A connector as a session shows it."""
    limits = dict(connector.limits)
    size = int(limits.pop("MaxMessageSize"))
    times = {
        name: f"00:{int(value) // 60:02}:{int(value) % 60:02}"
        for name, value in limits.items()
        if name.endswith(("Timeout", "Interval"))
    }
    assert connector.role is not None
    assert connector.auth is not None
    assert connector.groups is not None
    return {
        "Identity": connector.identity,
        "Name": connector.name,
        "Server": connector.server,
        "Enabled": connector.enabled,
        "TransportRole": flag_names(connector.role),
        "Bindings": [str(each) for each in connector.bindings],
        "RemoteIPRanges": [str(each) for each in connector.ranges],
        "AuthMechanism": flag_names(connector.auth),
        "PermissionGroups": flag_names(connector.groups),
        "RequireTLS": connector.require_tls,
        "SuppressXAnonymousTls": connector.suppress_x_anonymous_tls,
        "Fqdn": connector.fqdn,
        "ProtocolLoggingLevel": connector.protocol_logging,
        "MaxMessageSize": f"{size // 2**20} MB ({size:,} bytes)",
        **limits,
        **times,
    }


def carried_out(org: Snapshot, server: str, commands: Sequence[str], folder: Path) -> Snapshot:
    """The organization after the commands were run on a server, as exports of it tell."""
    folder.mkdir()
    state, script, exports = folder / "state.json", folder / "commands.txt", folder / "exports"
    exports.mkdir()
    entries = [
        {
            "Identity": f"{right.server}\\{right.connector}",
            "User": right.user,
            "Deny": right.deny,
            "ExtendedRights": [right.right],
            "IsInherited": False,
        }
        for right in org.rights
        if right.server == server
    ]
    connectors = [shown(each) for each in org.connectors if each.server == server]
    state.write_text(json.dumps({"connectors": connectors, "entries": entries}), "utf-8")
    script.write_text("\n".join(commands), "utf-8")
    run_powershell(SCRIPT, str(state), str(script), str(exports))
    read = open_source(str(exports))
    others = [each for each in org.connectors if each.server != server]
    rights = [each for each in org.rights if each.server != server]
    return replace(org, connectors=(*others, *read.connectors), rights=(*rights, *read.rights))


def changed(org: Snapshot, identity: str, **values: Any) -> Snapshot:  # noqa: ANN401
    """One connector with other values."""
    return replace(
        org,
        connectors=tuple(
            replace(each, **values) if each.identity == identity else each
            for each in org.connectors
        ),
    )


def test_the_commands_make_b_alike_and_the_rollback_undoes_them(tmp_path: Path) -> None:
    """A new connector under a hostile name, limits, a right for a user, a changed default."""
    org = open_source("demo:new-server")
    org = changed(org, r"EX16A\Relay", name=NAME, ranges=tuple(map(parse_range, RANGES)))
    org = changed(org, r"EX16A\Default Frontend EX16A", limits=bigger(org))
    org = replace(
        org,
        rights=(
            *(
                replace(right, connector=NAME)
                if (right.server, right.connector) == ("EX16A", "Relay")
                else right
                for right in org.rights
            ),
            Right("EX16A", NAME, "CONTOSO\\O'Brien", "ms-Exch-Bypass-Anti-Spam", deny=False),
        ),
    )
    before = twin(org, "EX16A", "EX16B")
    after = carried_out(org, "EX16B", before.plan.commands, tmp_path / "there")
    back = carried_out(after, "EX16B", before.plan.rollback, tmp_path / "back")

    assert before.comparison.alike is False
    assert len(before.plan.commands) == 5
    assert twin(after, "EX16A", "EX16B").comparison.alike is True
    assert any(each.name == NAME for each in after.connectors if each.server == "EX16B")
    assert twin(org, "EX16B", "EX16B", back).comparison.alike is True


def told(org: Snapshot, home: Path) -> dict[str, Any]:
    """The findings of a whole run of the runbook."""
    home.mkdir()
    org.save(home / "snapshot")
    named = ("-p", "server_a", "EX16A", "-p", "server_b", "EX16B")
    folder = make_report(home, "new_server", "snapshot", options=named).parent
    findings: dict[str, Any] = json.loads((folder / "findings.json").read_text("utf-8"))
    return findings


@pytest.mark.long
def test_the_runbook_its_commands_and_the_runbook_again(tmp_path: Path) -> None:
    """A new server without the relay connector: different, then alike and nothing to run."""
    org = open_source("demo:new-server")
    before = told(org, tmp_path / "before")
    done = carried_out(org, "EX16B", before["repair"], tmp_path / "there")
    after = told(done, tmp_path / "after")

    assert (before["word"], len(before["repair"])) == ("different", 3)
    assert (after["word"], after["verdict"], after["repair"]) == ("alike", "clear", [])


RANGES = ("10.0.5.0/24", "10.0.6.5", "2001:db8::/64", "10.0.7.1-10.0.7.9")


def bigger(org: Snapshot) -> tuple[tuple[str, str], ...]:
    """The limits of setup's connector with a larger message."""
    found = next(each for each in org.connectors if each.name == "Default Frontend EX16A")
    return tuple((dict(found.limits) | {"MaxMessageSize": "52428800"}).items())
