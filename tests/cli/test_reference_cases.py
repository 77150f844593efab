"""The reference cases, each with what must come out; skipped where they are absent.

Each kind of case has a test of its own on made-up data elsewhere; these hold the very inputs.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from command_line import Call, Screen
from mailflow.opening import open_source
from repair_property import rollback_violations, violations
from support import needs_shared

SHADOWS = "custom-connector-shadows-default"
LACKS_AUTH = "exchange-auth-missing-on-default"
LACKS_GROUP = "exchange-servers-group-missing"

ORGANIZATIONS: dict[str, tuple[str, set[str]]] = {
    "article": ("found", {SHADOWS}),
    "connectors-filtered": ("unknown", set()),
    "cut-disabled": ("clear", set()),
    "cut-healthy-connector": ("clear", set()),
    "default-hub-on-25": ("found", {"transport-role-conflict", "no-connector-answers"}),
    "default-lacks-both": ("found", {LACKS_AUTH}),
    "denied-rights": ("unknown", set()),
    "df-disabled-relay-covers": ("found", {SHADOWS}),
    "edge-other-site": ("clear", set()),
    "fixed-then-old": ("unknown", set()),
    "fqdn-foreign": ("found", {LACKS_AUTH}),
    "healthy": ("clear", set()),
    "inner-outer": ("found", {SHADOWS}),
    "ip-in-error-contradicts": ("unknown", set()),
    "kerberos-at-b-group-at-a": ("found", {"kerberos-or-permission", LACKS_GROUP}),
    "nested-order-refused": ("found", {SHADOWS}),
    "no-command": ("found", {SHADOWS}),
    "no-permissiongroups-column": ("found", {SHADOWS}),
    "no-remedy": ("found", {SHADOWS}),
    "old-inconsistency": ("found", {SHADOWS}),
    "one-server-captured": ("unknown", set()),
    "prx4": ("unknown", set()),
    "sender-v6-target-none": ("unknown", set()),
    "smarthost-573": ("unknown", set()),
    "status-unknown-text": ("unknown", set()),
    "suspended": ("found", {"queue-suspended"}),
    "tie-default-first": ("unknown", set()),
    "tie-internet-first": ("unknown", set()),
    "two-nics": ("found", {SHADOWS}),
    "widening-df-breaks-others": ("found", {"no-connector-answers"}),
}
"""Folder: the verdict, and all causes that are found."""

REPAIRED = {
    name
    for name, (verdict, _) in ORGANIZATIONS.items()
    if verdict == "found"
    and name not in ("no-permissiongroups-column", "old-inconsistency", "suspended")
}
"""Those with commands; of the others a value was not read, or Exchange refuses any Set."""

PARAMETERS = {
    "default-hub-on-25": [{"Bindings"}],
    "default-lacks-both": [{"AuthMechanism", "PermissionGroups"}],
    "df-disabled-relay-covers": [{"Enabled"}, {"RemoteIPRanges"}],
    "fqdn-foreign": [{"AuthMechanism", "Fqdn"}],
}
"""What each command sets, where the case is about that."""

PASTES = {
    "audit-advice": 2,
    "binding": 0,
    "event.txt": 2,
    "filtered-clear": 2,
    "kb-healthy": 2,
    "ndr.eml": 2,
    "queue-filter.txt": 2,
    "queue-only.txt": 2,
    "queueviewer.csv": 2,
    "quoted-mail.txt": 2,
    "two-pastes.txt": 2,
}

DAMAGE = {"cut-colours": 2, "cut-which": 2, "cut-xml": 2, "orgconfig": 0, "zeros-csv": 2}

TEXTS: dict[str, tuple[str | None, set[str]]] = {
    "12014-hybrid": ("tls-or-certificate", {"tls-or-certificate"}),
    "15004": ("back-pressure", {"back-pressure"}),
    "agent-load-failed": ("transport-agent", {"transport-agent"}),
    "agentslow": ("transport-agent", {"transport-agent"}),
    "cloud-tenant-attribution": ("cloud-attribution", {"cloud-attribution"}),
    "cloud-throttled": ("cloud-enforcement", {"cloud-enforcement"}),
    "event1019": (None, {"transport-role-conflict", "address-in-use"}),
    "fr-dns": ("name-resolution", {"name-resolution"}),
    "listvalue": (None, {SHADOWS, LACKS_AUTH, "anonymoustls-suppressed"}),
    "ndr-564": ("cloud-attribution", {"cloud-attribution"}),
    "recvlog-441": (None, {"connection-dropped", "tls-or-certificate"}),
    "wrap72": (None, {SHADOWS, LACKS_AUTH, "anonymoustls-suppressed"}),
}
"""File: the cause that is decided, and some of those that are possible."""


def case(name: str) -> str:
    """The path of a case."""
    return str(needs_shared(f"cases/{name}"))


def diagnosed(call: Call, name: str) -> tuple[Screen, dict[str, Any]]:
    """What `diagnose --json` says of a case."""
    ended = call("diagnose", case(name), "--json")
    return ended, json.loads(ended.out)


def found(document: dict[str, Any]) -> set[str]:
    """The causes that are found."""
    return {one["cause"] for one in document["findings"] if one["state"] == "found"}


@pytest.mark.parametrize("name", ORGANIZATIONS)
def test_organizations(call: Call, name: str) -> None:
    """The verdict and what is found, and no command that the export does not bear."""
    _, said = diagnosed(call, f"organizations/{name}")
    sets = [one for one in said["repair"] if one.startswith("Set-")]

    assert (said["verdict"], found(said)) == ORGANIZATIONS[name]
    assert bool(sets) is (name in REPAIRED)
    if name in PARAMETERS:
        assert [{word[1:] for word in one.split() if word[0] == "-"} for one in sets] == PARAMETERS[
            name
        ]


@pytest.mark.parametrize("name", sorted(REPAIRED))
def test_their_repairs_heal(call: Call, name: str) -> None:
    """Typed in order Exchange takes each command; nothing fails afterwards, and nobody loses."""
    org = open_source(case(f"organizations/{name}"))
    _, said = diagnosed(call, f"organizations/{name}")

    assert violations(org, said["repair"]) == []
    assert rollback_violations(org, said["repair"], said["rollback"]) == []


def test_two_orders_of_one_tie(call: Call) -> None:
    """S1.36: the same words, whichever connector stands first, and nobody treated differently."""
    one, other = (case(f"organizations/tie-{each}-first") for each in ("default", "internet"))
    first, second = call("diagnose", one), call("diagnose", other)
    differ = json.loads(call("diff", one, other, "--json").out)

    assert first.out.replace(str(one), "") == second.out.replace(str(other), "")
    assert (differ["hosts"], differ["ways"], differ["state"]) == ([], [], "unknown")


@pytest.mark.parametrize("name", PASTES)
def test_pastes(call: Call, name: str) -> None:
    """What people paste ends in missing data with its command, never in an all-clear."""
    ended, said = diagnosed(call, f"pastes/{name}")

    assert ended.code == PASTES[name]
    assert found(said) == set()


@pytest.mark.parametrize("name", DAMAGE)
def test_damage(call: Call, name: str) -> None:
    """Nobody is accused, or cleared, by what is missing."""
    ended, said = diagnosed(call, f"damage/{name}")

    assert (ended.code, found(said)) == (DAMAGE[name], set())


def test_which_of_a_cut_export(call: Call) -> None:
    """What was cut off may hold a smaller range."""
    cut = case("damage/cut-which")
    asked = ("--server", "MAILNEUA", "--source", "10.159.138.11", "--json")

    said = json.loads(call("which", cut, *asked).out)

    assert said["connector"] is None
    assert said["unknown"]


@pytest.mark.parametrize("name", TEXTS)
def test_texts(call: Call, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer a text, and the cause that the reply bears."""
    text = Path(case(f"texts/{name}.txt")).read_bytes()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text), "utf-8"))
    (line,) = call("explain", "--json").out.splitlines()
    said = json.loads(line)

    assert said["cause"] == TEXTS[name][0]
    assert TEXTS[name][1] <= set(said["candidates"])
