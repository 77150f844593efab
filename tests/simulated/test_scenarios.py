"""The practice organisations: each has the fault that it was made with, and no other."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest

from mailflow.checks.registry import CARDS as CAUSES
from mailflow.errors import UsageError
from mailflow.exchange.conflicts import find_conflicts
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.last_error import parse
from mailflow.exchange.ranges import parse_range
from mailflow.simulated import scenarios
from mailflow.simulated.practice import Practice
from mailflow.simulated.transport import Transport
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis
from organisations import article
from practice_snapshot import snapshot, snapshot_of
from support import ROOT

SHOWN = (
    *("identity", "delivery_type", "status", "message_count", "last_error"),
    *("retry_count", "first_retry", "last_retry", "next_retry"),
)
TELLING = [one for one in scenarios.names() if not one.startswith("case-")]
NEUTRAL = [one for one in scenarios.names() if one.startswith("case-")]
CASES = ROOT / "lib/mailflow/simulated/cases"


def diagnose(practice: Practice) -> Diagnosis:
    """The findings of a complete reading of a practice as it is now."""
    return findings(snapshot_of(practice))


def first_of(diagnosis: Diagnosis) -> tuple[str, str]:
    """Cause and state of the first entry that is open; empty where none is."""
    one = diagnosis.findings[0]
    return (one.cause, one.state) if one.state in ("found", "unknown") else ("", "")


@cache
def untouched(name: str) -> Practice:
    """A scenario as it begins, for tests that only look."""
    return Practice.begin(name)


@pytest.mark.parametrize(
    ("name", "seed"), [*((one, 0) for one in scenarios.names()), *((one, 5) for one in TELLING)]
)
def test_the_diagnosis_names_what_was_built_in(name: str, seed: int) -> None:
    """Cause first, its state, and the verdict; the same whatever the servers are called.

    Where nothing was built in nothing is found: what was not read may still be anything.
    """
    expected = scenarios.seeded(name)

    diagnosis = diagnose(Practice.begin(name, seed=seed) if seed else untouched(name))

    assert diagnosis.verdict == expected.verdict
    if expected.cause:
        assert first_of(diagnosis) == (expected.cause, expected.state)
    else:
        assert [one.cause for one in diagnosis.findings if one.state == "found"] == []


def test_article_gives_the_findings_of_its_captures() -> None:
    """Every key but the two texts and what was read: queues, counts, times, repair and undo."""
    taken = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)
    captured = replace(article().snapshot("demo:article"), taken=taken)
    expected, found = (
        findings(one).as_json() for one in (captured, snapshot_of(Practice.begin("article")))
    )
    for document in (expected, found):
        document.pop("summary")
        document.pop("asked")
        for entry in document["findings"]:
            entry.pop("reading")

    assert expected == found


def test_article_has_the_queues_of_its_captures() -> None:
    """Identities, states, counts, retries and times; the error is word for word the same."""

    def rows(queues: Any) -> set[tuple[object, ...]]:  # noqa: ANN401
        return {tuple(getattr(one, name) for name in SHOWN) for one in queues}

    assert rows(article().queues) == rows(snapshot_of(Practice.begin("article")).queues)


def test_article_has_the_connectors_of_its_captures() -> None:
    """All of them, but for the domain that the servers' names end in."""

    def rows(connectors: Any) -> set[ReceiveConnector]:  # noqa: ANN401
        return {replace(one, fqdn=one.fqdn.partition(".")[0]) for one in connectors}

    assert rows(article().connectors) == rows(snapshot_of(Practice.begin("article")).connectors)


# --- nothing is typed in --------------------------------------------------------------------------


def test_no_file_holds_what_the_transport_has_to_find_out() -> None:
    """No error, status or retry time stands in a scenario, and no code but its questions'."""
    typed_in = re.compile(
        r"\b[245]\d\d [245]\.\d|winsock|last.?error|retry_?count|next_?retry", re.IGNORECASE
    )
    found = [one.name for one in CASES.glob("*.json") if typed_in.search(one.read_text("utf-8"))]

    assert found == []


@pytest.mark.parametrize("name", [one for one in TELLING if scenarios.seeded(one).cause])
def test_without_the_fault_there_is_no_error(name: str) -> None:
    """The same servers and the same mail, nothing broken: every queue moves, and all is clear."""
    data = json.loads((CASES / f"{name}.json").read_text("utf-8"))
    whole = scenarios._whole(data["like"])
    addresses = {
        server: {"addresses": values["addresses"]}
        for server, values in data.get("servers", {}).items()
        if "addresses" in values
    }
    sound = scenarios._joined(whole, {"mail": data.get("mail", []), "servers": addresses})

    transport = scenarios._built(sound).transport

    assert [one.identity for one in transport.organisation.queues if one.error] == []
    assert findings(snapshot(transport)).verdict == "clear"


@pytest.mark.parametrize("name", TELLING)
def test_every_error_is_one_the_catalogue_tells(name: str) -> None:
    """What the transport says is read as what was meant (section 6.3)."""
    for queue in untouched(name).organisation.queues:
        error = parse(queue.error)
        if queue.error:
            assert error.complete
            assert error.innermost.codes


@pytest.mark.parametrize("name", TELLING)
def test_exchange_would_allow_the_connectors(name: str) -> None:
    """No two conflict (S1.30, S1.31), but where that is the fault."""
    org = untouched(name).organisation
    now = datetime(2027, 1, 1, tzinfo=UTC)
    kinds = {
        conflict.kind
        for server in org.servers
        for conflict in find_conflicts(org.connectors_of(server.name, now))
    }
    meant = {"lists-grown": {"mapping"}, "role-conflict": {"role"}}

    assert kinds == meant.get(name, set())


# --- repair, as the diagnosis proposes it ---------------------------------------------------------

_SETTINGS: dict[str, tuple[str, Callable[[str], object]]] = {
    "RemoteIPRanges": ("ranges", lambda text: tuple(map(parse_range, _items(text)))),
    "Bindings": ("bindings", lambda text: tuple(map(parse_binding, _items(text)))),
    "AuthMechanism": ("auth", lambda text: parse_flags(AuthMechanism, text)),
    "PermissionGroups": ("groups", lambda text: parse_flags(PermissionGroups, text)),
    "TransportRole": ("role", lambda text: parse_flags(TransportRole, text)),
    "SuppressXAnonymousTls": ("suppress_x_anonymous_tls", lambda text: text == "$true"),
    "Enabled": ("enabled", lambda text: text == "$true"),
}


def _items(text: str) -> list[str]:
    return [one.strip('"') for one in text.split(",")]


def carry_out(transport: Transport, line: str) -> None:
    """Do what a proposed Set-ReceiveConnector says, in the directory."""
    found = re.fullmatch(r'Set-ReceiveConnector "([^"]+)" -(\w+) (.+)', line)
    assert found, line
    now = transport.clock.now
    connector = transport.organisation.directory.find(found[1], now)
    assert connector
    field, read = _SETTINGS[found[2]]
    values: dict[str, Any] = {field: read(found[3])}
    transport.organisation.directory.write(replace(connector, **values), now)


CONFIGURED = ("article", "relay", "default", "anonymous", "role")
REPAIRED = [one for one in TELLING if one.startswith(CONFIGURED)]


def test_configuration_causes_have_a_repair() -> None:
    """Whatever the connectors explain can be carried out, and nothing else."""
    assert [one for one in TELLING if diagnose(untouched(one)).repair] == REPAIRED


@pytest.mark.parametrize("name", REPAIRED)
def test_the_proposed_repair_drains_the_queues(name: str) -> None:
    """Within ten minutes and the drain after it (S4.62); then the diagnosis finds nothing."""
    practice = Practice.begin(name)
    stuck = [one for one in practice.organisation.queues if one.status == "Retry"]
    for line in diagnose(practice).repair:
        if not line.startswith("Retry-Queue"):
            carry_out(practice.transport, line)
    still = [one.status for one in stuck]
    practice.advance(timedelta(minutes=14))

    assert still == ["Retry"] * len(stuck)
    assert all(one.status != "Retry" and len(one.messages) < 3 for one in stuck)
    assert diagnose(practice).verdict == "clear"


def test_after_the_repair_a_retry_saves_the_wait() -> None:
    """S4.62: at 14:02 the next attempts of the article are minutes away; by hand they are now."""
    practice = Practice.begin("article")
    stuck = [one for one in practice.organisation.queues if one.status == "Retry"]
    for line in diagnose(practice).repair[:2]:
        carry_out(practice.transport, line)
    for queue in stuck:
        practice.retry(queue)
    seen = [one.shown_status for one in stuck]
    practice.advance(timedelta(minutes=2))

    assert seen == ["Active", "Active"]
    assert [(one.shown_status, one.messages) for one in stuck] == [("Ready", [])] * 2


def test_half_a_repair_lets_the_second_relay_win() -> None:
    """Two relays, one behind the other: without the first the other answers (section 1.2)."""
    practice = Practice.begin("relay-behind-relay")
    for line in diagnose(practice).repair:
        if line.startswith("Set-ReceiveConnector") and "Relay" in line:
            carry_out(practice.transport, line)
    practice.advance(timedelta(minutes=14))
    diagnosis = diagnose(practice)

    assert first_of(diagnosis) == ("custom-connector-shadows-default", "found")
    assert diagnosis.findings[0].connector == "EX16A\\Monitoring"


def test_failover_hides_a_fault_until_a_server_goes() -> None:
    """With the other new server down nothing is left that takes the mail."""
    practice = Practice.begin("relay-hidden-by-failover")
    before = [one.identity for one in practice.organisation.queues if one.status == "Retry"]
    other = practice.organisation.server("EX16B")
    assert other
    other.network = "silent"
    practice.advance(timedelta(minutes=3))
    stuck = {one.server for one in practice.organisation.queues if one.status == "Retry"}

    assert before == []
    assert {"EX10A", "EX10B"} <= stuck


def test_the_healthy_one_looks_guilty() -> None:
    """Old errors on queues that move (S4.42), servers' addresses in a list (S3.42), many copies."""
    practice = Practice.begin("healthy-but-suspicious")
    queues = practice.organisation.queues

    assert [one.identity for one in queues if one.status == "Retry"] == []
    assert {one.server for one in queues if one.error} == {"EX10A", "EX10B"}
    assert max(len(one.messages) for one in queues) > 200


# --- names, titles, seeds -------------------------------------------------------------------------


def test_names() -> None:
    """The article first, then the telling ones, the neutral ones by number; no base among them."""
    assert scenarios.names()[0] == "article"
    assert TELLING[1:] == sorted(TELLING[1:])
    assert [f"case-{number}" for number in range(1, len(NEUTRAL) + 1)] == NEUTRAL
    assert len(set(scenarios.names())) == len(TELLING) + len(NEUTRAL)
    assert len(NEUTRAL) >= 12


def test_enough_kinds_of_faults() -> None:
    """One for each fault that the training and the tests name is there."""
    causes = {scenarios.seeded(one).cause for one in TELLING}
    verdicts = {scenarios.seeded(one).verdict for one in TELLING}

    assert {
        "custom-connector-shadows-default",
        "exchange-auth-missing-on-default",
        "exchange-servers-group-missing",
        "anonymoustls-suppressed",
        "no-connector-answers",
        "transport-role-conflict",
        "service-inactive",
        "outside-the-connectors",
        "",
    } <= causes
    assert causes - {""} <= set(CAUSES)
    assert verdicts == {"found", "clear", "unknown"}


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_names_give_nothing_away(name: str) -> None:
    """Nor does the title: not the cause, not the scenario, not the connector at fault."""
    telling = scenarios._telling(name)
    org = untouched(telling).organisation
    now = datetime(2027, 1, 1, tzinfo=UTC)
    made = {
        one.name.casefold()
        for server in org.servers
        for one in org.connectors_of(server.name, now)
        if one.name in ("Relay", "Monitoring", "Mail gateway", "Application mail", "Scan to mail")
    }
    words = {telling, scenarios.seeded(name).cause, "5.7.3", "authentication", *made} - {""}

    assert [one for one in words if one in scenarios.title(name).casefold()] == []
    assert untouched(name).title == scenarios.title(name)


@pytest.mark.parametrize("name", scenarios.names())
def test_titles_are_one_sentence(name: str) -> None:
    """For a list of scenarios: short, and no full stop at the end."""
    title = scenarios.title(name)

    assert 20 < len(title) < 120
    assert not title.endswith(".")


def test_a_neutral_scenario_looks_different() -> None:
    """Names and addresses are others than the telling one's, so it is not known by them."""

    def shown(name: str) -> set[str]:
        servers = Practice.begin(name).organisation.servers
        return {one.name for one in servers} | {each for one in servers for each in one.addresses}

    assert shown("article") & shown("case-1") == set()


@pytest.mark.parametrize("name", ["article", "relay-ipv6", "relay-2525"])
def test_seeds_change_what_is_seen_and_nothing_else(name: str) -> None:
    """Other names, addresses and order, and the same mail; the same again for the same seed."""

    def shape(seed: int) -> tuple[list[object], list[object]]:
        org = Practice.begin(name, seed=seed).organisation
        seen: list[object] = [(one.name, tuple(one.addresses)) for one in org.servers]
        waiting = [len(one.messages) for one in org.queues if one.status == "Retry"]
        return seen, sorted(waiting)

    shapes = [shape(seed) for seed in range(6)]
    orders = {
        tuple(one.exchange.product for one in Practice.begin(name, seed=seed).organisation.servers)
        for seed in range(6)
    }

    assert [shape(seed) for seed in range(6)] == shapes
    assert len({str(seen) for seen, _ in shapes}) == 6
    assert len({str(waiting) for _, waiting in shapes}) == 1
    assert len(orders) > 1


def test_unknown_names() -> None:
    """A base is none of the scenarios."""
    for name in ("nowhere", "_office", "case-99"):
        with pytest.raises(UsageError, match="unknown sample"):
            scenarios.load(name)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"servres": {}}, "no such key: servres"),
        ({"servers": {"EX16A": {"ful": True}}}, "no ful"),
        ({"connectors": {"EX99\\Relay": {}}}, "no server is called EX99"),
        ({"shadow": [{"server": "EX16A", "of": "EX99", "number": 1, "messages": 1}]}, "EX99"),
        ({"events": [{"at": "12:00:00", "server": "EX99", "set": {}}]}, "EX99"),
        (
            {"events": [{"at": "12:00:00", "connector": "EX16A\\None", "change": {}}]},
            "no connector is called",
        ),
        ({"mail": [{"from": "EX99", "to": "EX16A", "since": "12:00:00", "every": 1}]}, "EX99"),
    ],
)
def test_a_slip_in_a_file_is_named(
    part: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever writes a scenario learns what is wrong in it."""
    files = {**scenarios._files(), "new": {"like": "_office", "title": "New", **part}}
    monkeypatch.setattr(scenarios, "_files", lambda: files)
    with pytest.raises(ValueError, match=says):
        scenarios.load("new")


def test_a_change_in_the_past_may_be_an_event(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connector changed at a time: what came before it was delivered, the rest waits."""
    event = {"connector": "EX16A\\Relay", "at": "13:00:00", "change": {"ranges": ["10.0.0.0/24"]}}
    part = {
        "like": "_branch",
        "title": "New",
        "events": [event],
        "mail": [{"from": "EX10A", "to": "EX16A", "since": "12:00:30", "every": 60}],
    }
    files = {**scenarios._files(), "new": part}
    monkeypatch.setattr(scenarios, "_files", lambda: files)
    queues = scenarios.load("new").transport.organisation.queues_of("EX10A")
    (stuck,) = [one for one in queues if one.status == "Retry"]

    assert str(stuck.first_retry) == "2026-11-23 13:00:30+00:00"
    assert len(stuck.messages) == 62


def test_loading_is_quick_and_imports_nothing_heavy() -> None:
    """`mailflow scenarios` must not wait for pandas."""
    script = (
        "import sys\n"
        "from mailflow.simulated.practice import Practice\n"
        "from mailflow.simulated import scenarios\n"
        "[Practice.begin(one) for one in scenarios.names()]\n"
        "print(sorted({'pandas', 'numpy', 'spnego', 'winrm', 'requests'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        timeout=60,
        check=True,
        text=True,
    )

    assert done.stdout.strip() == "[]"
