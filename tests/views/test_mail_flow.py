"""The arrows of the mail-flow picture: grouped exactly, and nothing drawn that is not so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mailflow
from large_organisations import large
from mailflow.analysis.analysis import analyze
from mailflow.checks.diagnose import diagnose
from mailflow.picture import FlowRoute, MailFlow
from mailflow.views.findings import findings
from mailflow.views.mail_flow import after_repair
from mailflow.views.verdict import from_json
from organisations import STUCK, Organisation, article, healthy


def _flow(org: Organisation) -> MailFlow:
    flow = findings(org.snapshot()).flow
    assert flow is not None
    return flow


def _of(flow: MailFlow, state: str) -> list[FlowRoute]:
    return [route for route in flow.routes if route.state == state]


def test_the_article_is_one_arrow_that_fails() -> None:
    """Equal senders and targets are one arrow, to the door that accepts them (S1.13, S3.30)."""
    flow = _flow(article())
    (bad,) = _of(flow, "bad")

    assert (bad.senders, bad.targets) == (("EX10A", "EX10B"), ("EX16A", "EX16B"))
    assert (bad.port, bad.paths, bad.sender_note) == (25, 4, "Exchange 2010")
    assert bad.door is not None
    assert (bad.door.connector, bad.door.note) == ("Relay", "10.0.0.11, 10.0.0.12")
    assert bad.should is not None
    assert bad.should.connector == "Default Frontend"
    assert [(each.server, each.messages) for each in bad.waits] == [("EX10A", 131), ("EX10B", 83)]
    assert bad.since == "waiting since 11:48 UTC · 451 5.7.3"
    assert {route.port: route.paths for route in _of(flow, "good")} == {25: 6, 2525: 4}
    assert flow.paths() == 14


def test_senders_with_other_targets_are_other_arrows() -> None:
    """An arrow claims each sender with each target: only equal targets share it."""
    org = article().change("EX16B\\Relay", ranges="10.0.0.12, 10.0.5.0/24")

    found = {(route.senders, route.targets) for route in _of(_flow(org), "bad")}

    assert found == {(("EX10A",), ("EX16A",)), (("EX10B",), ("EX16A", "EX16B"))}


def test_a_path_on_which_mail_is_stuck_is_not_drawn_as_working() -> None:
    """Configuration is in order, and the queue says otherwise: undetermined, never good (S5.01)."""
    org = healthy().add_queue("EX10A", 7, name="3", error=STUCK)
    flow = _flow(org)

    (route,) = _of(flow, "unknown")
    assert route.senders == ("EX10A",)
    assert {"EX16A", "EX16B"} <= set(route.targets)
    assert [each.messages for each in route.waits] == [7]
    assert flow.paths() == 14


def test_a_path_that_is_not_known_is_an_arrow_of_its_own() -> None:
    """A connector whose authentication was not read: unknown, with what is missing (S3.30)."""
    org = article().change("EX16A\\Relay", auth=None)

    unknown = _of(_flow(org), "unknown")
    assert unknown
    assert all("EX16A" in route.targets for route in unknown)
    assert any("AuthMechanism" in route.why for route in unknown)


def test_a_target_that_takes_no_mail_has_no_working_arrow() -> None:
    """Maintenance that was left on stops every sender, whatever its connectors (section 6.2)."""
    flow = findings(mailflow.open("demo:maintenance-left-on")).flow
    assert flow is not None

    assert all("EX16A" not in route.targets for route in _of(flow, "good"))
    assert {name for route in _of(flow, "bad") for name in route.targets} == {"EX16A"}


def test_a_next_hop_outside_is_a_target() -> None:
    """Mail that leaves the organization has its next hop at the end of the arrow."""
    flow = findings(mailflow.open("demo:partner-unresolved")).flow
    assert flow is not None

    (route,) = _of(flow, "bad")
    assert (route.senders, route.targets) == (("EX16A",), ("fabrikam.example",))


def test_after_the_repair_the_arrow_ends_at_the_right_door() -> None:
    """What failed works, and through which connector (S1.13)."""
    org = article().snapshot()
    found = findings(org)
    assert found.plan is not None
    after = after_repair(org, found.flow, found.plan)
    assert after is not None

    assert after.paths("bad") == after.paths("unknown") == 0
    (route,) = [each for each in after.routes if each.door]
    assert route.door is not None
    assert (route.targets, route.door.connector) == (("EX16A", "EX16B"), "Default Frontend")


def test_without_a_repair_there_is_no_picture_of_it() -> None:
    """Nothing is promised where no command is given."""
    org = healthy().snapshot()
    found = findings(org)
    assert found.plan is not None

    assert after_repair(org, found.flow, found.plan) is None


def test_it_survives_its_document() -> None:
    """What a run keeps in findings.json draws the same picture."""
    found = findings(article().snapshot())

    assert from_json(json.loads(json.dumps(found.as_json()))).flow == found.flow


@given(
    st.lists(st.sets(st.sampled_from((0, 1, 2))), min_size=3, max_size=3),
    st.sampled_from((None, True)),
)
def test_arrows_are_the_paths(caught: list[set[int]], auth: object) -> None:
    """Each pair of servers is in one arrow, that of its state: against the paths themselves."""
    org = large(6, 0)
    for target, senders in enumerate(caught):
        ranges = ", ".join(["10.9.5.0/24", *(f"10.1.0.{n + 1}" for n in sorted(senders))])
        org.change(f"EX16-{target:03}\\Relay", ranges=ranges)
        if auth is None:
            org.change(f"EX16-{target:03}\\Relay", auth=None)
    snapshot = replace(org.snapshot(), queues=())
    states: dict[tuple[str, str], str] = {}
    for path in diagnose(analyze(snapshot)).paths:
        states[path.sender.name, path.target.name] = path.state
    flow = findings(snapshot).flow
    assert flow is not None

    bad = {
        (sender, target)
        for route in _of(flow, "bad")
        for sender in route.senders
        for target in route.targets
    }
    assert bad == {pair for pair, state in states.items() if state == "found"}
    assert sum(route.paths for route in _of(flow, "bad")) == len(bad)
    assert flow.paths("unknown") == sum(state == "unknown" for state in states.values())
    assert flow.paths() == len(states)


@pytest.mark.parametrize("origin", ["demo:article", "practice:1", "winrm+http://127.0.0.1:1"])
def test_simulated_data_says_so(origin: str) -> None:
    """Demos and served simulations are marked; a real host is never called .example."""
    org = mailflow.open("demo:article")
    real = article().snapshot()

    assert findings(replace(org, origin=origin)).as_json()["simulated"] is True
    assert findings(replace(real, origin="winrm://ex16a")).as_json()["simulated"] is False
    assert findings(replace(org, origin="exports")).as_json()["simulated"] is False


def test_what_is_not_determined_is_no_statement() -> None:
    """A path with a sound connector that a stuck queue may use accuses no custom connector."""
    told = {
        (route.targets, route.why)
        for route in _of(_flow(article().without("addresses")), "unknown")
    }

    assert (("EX10A", "EX10B"), "the stuck queue may lead here") in told
    assert not any("custom connector" in why for _, why in told)
