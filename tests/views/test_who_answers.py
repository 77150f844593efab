"""One address before a server, in words: what `which` answers, and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.connectors import TransportRole
from mailflow.exchange.ranges import parse_address
from mailflow.repair.request import edited
from mailflow.repair.simulation import applied
from mailflow.snapshot import Snapshot
from mailflow.views.which import Probe, probe, which
from mailflow.views.who_answers import compared, moved, who_answers
from organisations import article, healthy

SOURCES = [f"10.0.{a}.{b}" for a in (0, 5, 9) for b in (0, 11, 12, 21, 22, 99, 255)]


@pytest.fixture(scope="module")
def org() -> Snapshot:
    """The article's organisation."""
    return article().snapshot()


@given(
    server=st.sampled_from(["EX10A", "EX10B", "EX16A", "EX16B"]),
    source=st.sampled_from([*SOURCES, "2001:db8::9"]),
    port=st.sampled_from([25, 587, 717, 2525, 9]),
)
def test_it_says_what_which_answers(org: Snapshot, server: str, source: str, port: int) -> None:
    """Winner, reasons and whether it is known are those of `which`, for any question (S1.13)."""
    asked = Probe(server, parse_address(source), None, port)
    document, said = which(org, asked), who_answers(org, asked)

    winner = document["connector"]
    assert said.winner == (winner.partition("\\")[2] if winner else "")
    assert (said.tone == "unknown") == (document["unknown"] is not None)
    for one in document["others"]:
        assert said.reasons[one["connector"].partition("\\")[2]] == one["reason"]
    assert said.ruler is not None
    (over,) = [one for one in said.ruler.pins if one.address == int(asked.source)]
    assert over.answered_by == said.winner


def test_a_server_that_is_caught_is_judged(org: Snapshot) -> None:
    """A sender on a connector without Exchange Server authentication is a fault (S3.30)."""
    said = who_answers(org, probe("EX16A", "10.0.0.11"))

    assert said.tone == "bad"
    assert said.words == (
        "Relay accepts 10.0.0.11 (EX10A) on EX16A, port 25. It offers no Exchange Server "
        "authentication, so the server gives up."
    )


def test_a_printer_is_not_judged(org: Snapshot) -> None:
    """For an address that is no server's the relay connector is neither right nor wrong."""
    said = who_answers(org, probe("EX16A", "10.0.5.7"))

    assert said.words == "Relay accepts 10.0.5.7 on EX16A, port 25."
    assert said.tone == ""


def test_a_server_that_sends_elsewhere_is_not_judged(org: Snapshot) -> None:
    """A 2016 server speaks to 2525 of another (S4.02): on port 25 nothing is said against it."""
    assert who_answers(org, probe("EX16A", "10.0.0.22")).tone == ""
    assert who_answers(org, probe("EX16A", "10.0.0.22", port=2525)).tone == "good"


def test_nobody_answers(org: Snapshot) -> None:
    """Where no connector listens it is said what the client reads (S1.18)."""
    said = who_answers(org, probe("EX16A", "10.0.0.11", port=26))

    assert "No connector accepts 10.0.0.11 (EX10A) on EX16A, port 26" in said.words
    assert "421 4.3.2" in said.words


def test_what_was_cut_off_is_unknown() -> None:
    """A list that was not read to the end may hold the address: no winner is named."""
    org = article()
    org.change("EX16A\\Relay", ranges_complete=False)
    said = who_answers(org.snapshot(), probe("EX16A", "10.0.7.7"))

    assert said.tone == "unknown"
    assert said.winner == ""
    assert "Could not determine which connector accepts 10.0.7.7" in said.words
    assert said.reasons["Default Frontend EX16A"] == "would accept, by the data available"
    assert said.ruler is not None
    (over,) = [one for one in said.ruler.pins if one.label == "10.0.7.7"]
    assert (over.tone, over.answered_by) == ("unknown", "")


def test_it_depends_on_the_local_address() -> None:
    """Two local addresses with different winners: both are named, no one is chosen."""
    org = healthy()
    org.set_addresses("EX16A", "10.0.0.21", "10.0.9.1")
    org.add_relay("EX16A", "10.0.0.11", name="Second", bindings="10.0.9.1:25")
    said = who_answers(org.snapshot(), probe("EX16A", "10.0.0.11"))

    assert said.winner == ""
    assert said.tone == "unknown"
    assert "10.0.9.1: EX16A\\Second" in said.words
    assert "10.0.0.21: EX16A\\Default Frontend EX16A" in said.words
    assert set(said.reasons.values()) == {"that depends on the local address"}


def test_the_ruler_holds_those_that_may_answer_there() -> None:
    """Not the disabled, not those of another port, not those of the other process (S1.10)."""
    org = article()
    org.add_relay("EX16A", "10.0.8.0/24", name="Off", enabled=False)
    org.add_relay("EX16A", "10.0.8.1", name="Elsewhere", bindings="0.0.0.0:26")
    org.add_relay("EX16A", "10.0.8.2", name="Maybe", enabled=None)
    hub = TransportRole.HubTransport
    org.add_relay("EX16A", "10.0.8.4", name="Other", role=hub, bindings="10.0.9.9:25")
    ruler = who_answers(org.snapshot(), probe("EX16A", "10.0.0.11")).ruler

    assert ruler is not None
    assert {one.connector for one in ruler.lanes} == {"Default Frontend EX16A", "Relay", "Maybe"}
    org.add_relay("EX16A", "10.0.8.3", name="Hub", role=hub)
    ruler = who_answers(org.snapshot(), probe("EX16A", "10.0.0.11")).ruler
    assert ruler is not None
    assert "Hub" in {one.connector for one in ruler.lanes}  # two processes claim the port


def test_a_server_nobody_read() -> None:
    """An unknown server, and one without connectors: a sentence, no ruler."""
    org = article()
    org.connectors = [one for one in org.connectors if one.server != "EX16B"]
    for name in ("EX99", "EX16B"):
        said = who_answers(org.snapshot(), probe(name, "10.0.0.11"))

        assert said.words.startswith("Could not be determined: no ")
        assert said.ruler is None
        assert compared(said).frame.empty


def test_a_trial_stands_beside_now(org: Snapshot) -> None:
    """Both ways in one table, and in words whom the trial moves; the other sender stays."""
    change = edited(org, "EX16A", "Relay", remove=["10.0.0.11"])
    asked = probe("EX16A", "10.0.0.11")
    now, trial = who_answers(org, asked), who_answers(applied(org, [change]), asked)
    table = compared(now, trial)
    rows = table.frame.set_index("connector")

    assert list(table.columns) == ["connector", "now", "trial"]
    assert rows.loc["Relay", "now"].startswith("accepts: 10.0.0.11 (1 address)")
    assert rows.loc["Relay", "trial"] == "10.0.0.11 is not in its ranges"
    assert rows.loc["Default Frontend EX16A", "trial"].startswith("accepts: ")
    assert sorted(table.tones.values()) == ["bad", "good"]
    assert moved(now, trial) == (
        "With this change another connector accepts: EX10A (10.0.0.11): Default Frontend EX16A "
        "instead of Relay."
    )
    assert "changes nothing" in moved(now, now)
