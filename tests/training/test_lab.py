"""A practice organisation in a notebook: alive, and nothing in it can be broken for good."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mailflow
from mailflow.errors import UsageError
from mailflow.simulated import scenarios
from mailflow.table import Table
from mailflow.training.asking import KINDS
from mailflow.training.lab import Lab, practice
from mailflow.views.findings import findings
from mailflow.views.queues import stuck_queues

CASES = list(scenarios.difficulties())


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path / "data"))


def solve(lab: Lab, *names: str) -> None:
    """Answer these questions rightly."""
    for name in names:
        lab.ask(name).solve()


def repaired(name: str = "case-1") -> Lab:
    """A case that was repaired and has drained, its questions about that answered."""
    lab = practice(name)
    solve(lab, "what-cause", "what-repair")
    lab.run(lab.ask("what-repair"))
    lab.wait(minutes=5)
    return lab


def test_it_is_what_notebooks_get() -> None:
    """mailflow.practice."""
    assert mailflow.practice is practice


def test_the_story_is_shown_escaped() -> None:
    """As HTML and in words: three sentences, and what time it is there."""
    lab = practice("case-1")
    sentences = lab._practice.story

    assert len(sentences) == 3
    assert all(one in repr(lab) for one in sentences)
    assert "14:02 UTC" in repr(lab)
    assert lab._repr_html_().count("<p>") == 3


def test_it_is_read_as_a_live_one_is() -> None:
    """A snapshot of now, with its time."""
    lab = practice("case-1")
    before = lab.open()

    lab.wait(minutes=3)

    assert before.taken is not None
    after = lab.open().taken
    assert after is not None
    assert (after - before.taken).total_seconds() == 180
    assert before.origin == "demo:case-1"
    assert practice("case-1", seed=3).open().origin == "demo:case-1, seed 3"


@pytest.mark.parametrize("minutes", [0, -1, 1441, "5", None, True, float("nan"), [3]])
def test_a_wait_that_is_none_is_said(minutes: object) -> None:
    """The clock stays, nothing is raised."""
    lab = practice("case-1")
    before = lab.open().taken

    said = lab.wait(minutes)  # type: ignore[arg-type]

    assert "minutes" in repr(said)
    assert lab.open().taken == before


def test_waiting_shows_the_drain() -> None:
    """Messages at several times, down to none; then no queue is in Retry (S4.62)."""
    lab = practice("case-1")
    solve(lab, "what-repair")
    lab.run(lab.ask("what-repair"))

    table = lab.wait(minutes=4)

    assert isinstance(table, Table)
    assert len(table.frame) == 2
    assert (table.frame["look0"] > 80).all()
    assert (table.frame["look6"] < 3).all()
    assert "No queue is in Retry" in table.reading


def test_queues_nobody_can_read_are_not_shown() -> None:
    """The one server that does not answer does not answer here either."""
    lab = practice("case-11")
    silent = next(one.name for one in lab._practice.organisation.servers if not one.rpc)

    table = lab.wait(minutes=5)

    assert isinstance(table, Table)
    assert not table.frame["queue"].str.startswith(silent).any()
    assert len(table.frame) > 0


def test_undo_takes_one_step_back_and_again_all() -> None:
    """Waits and typed lines; what could not be run was no step."""
    lab = practice("case-1")
    start = lab.open()
    solve(lab, "what-repair")
    lab.run(lab.ask("what-repair").value)
    changed = lab.open()
    lab.wait(minutes=5)
    lab.run("this is no cmdlet")

    lab.undo()
    assert lab.open() == changed
    lab.undo()
    assert lab.open() == start
    assert "nothing to undo" in repr(lab.undo())
    lab.wait(minutes=5)
    lab.again()
    assert lab.open() == start


def test_a_copy_stands_where_the_practice_does() -> None:
    """And what is done to it is done to nothing else."""
    lab = practice("case-3")
    lab.wait(minutes=7)
    solve(lab, "what-repair")
    lab.run(lab.ask("what-repair").value.splitlines()[0])
    here = lab.open()

    copy = lab.copy()
    assert copy.clock.now == here.taken
    copy.transport.retry(copy.organisation.queues[0])
    copy.organisation.servers[0].services = False

    assert lab.open() == here


def test_cells_run_twice_do_no_harm() -> None:
    """The same question comes again with its answer; the repair is repaired already."""
    lab = practice("case-1")
    repair = lab.ask("what-repair")
    repair.solve()
    first = lab.run(repair)
    second = lab.run(repair)

    assert lab.ask("what-repair") is repair
    assert first.refused == second.refused == ()
    lab.wait(minutes=5)
    assert stuck_queues(lab.open()) == []
    assert lab.run(repair).begun  # the queues may be gone by now: said, and not raised


def test_run_takes_nothing() -> None:
    """An open question, nothing, or `none`: said, and no step."""
    lab = practice("case-1")

    for typed in (lab.ask("what-repair"), "", None, "none"):
        assert not lab.run(typed).begun
    assert "nothing to undo" in repr(lab.undo())


def test_unknown_names() -> None:
    """An author's slip is an error that says what there is."""
    with pytest.raises(UsageError, match="no question is called"):
        practice("case-1").ask("what")
    with pytest.raises(UsageError, match="no case is called"):
        practice("case-99")
    with pytest.raises(UsageError, match="not a whole number"):
        practice("case-1", seed="x")  # type: ignore[arg-type]


# --- the end --------------------------------------------------------------------------------------


def test_the_debrief_waits_for_everything() -> None:
    """First the questions, then the repair, then the drain; each is named, the lesson is not."""
    lab = practice("case-1")
    cause = lab.ask("what-cause")
    lesson = lab._practice.lesson[0]

    assert '"what-cause" is not answered' in repr(lab.debrief())
    cause.answer("nothing")
    assert '"what-cause" is without a right answer' in repr(lab.debrief())
    cause.solve()
    assert "Something is still at fault" in repr(lab.debrief())
    solve(lab, "what-repair")
    lab.run(lab.ask("what-repair").value.replace("Retry-Queue", "Get-Queue"))
    assert "Still waiting" in repr(lab.debrief())
    assert lesson not in repr(lab.debrief())
    lab.wait(minutes=14)
    assert lesson in repr(lab.debrief())


def test_the_debrief_names_facts_and_documents() -> None:
    """Links to the card of the cause, to the facts, and to the next case."""
    html = repaired().debrief()._repr_html_()

    assert 'href="../../docs/checks/custom-connector-shadows-default.md"' in html
    assert 'href="../../docs/facts.md"' in html
    assert 'href="case_02.ipynb"' in html
    assert "S1.13" in html
    assert "fewer wins, in whatever notation" in html  # what S1.13 says
    assert "Remove the sender&#39;s addresses from" in html  # how the card repairs it
    assert "<script" not in html


def test_a_solved_case_is_written_down(tmp_path: Path) -> None:
    """Once it is solved, and not before; not by the questions that answer themselves."""
    file = tmp_path / "data" / "training.json"
    practice("case-1").debrief()
    lab = practice("case-1", answers=True)
    lab.ask("what-cause")
    lab.run(lab.ask("what-repair"))
    lab.wait(minutes=5)
    assert "Solved" in lab.debrief()._repr_html_()
    assert not file.exists()

    repaired().debrief()

    kept = json.loads(file.read_text())["solved"]["case-1"]
    assert (kept["seed"], kept["tries"], kept["times"]) == (0, 2, 1)


def test_nothing_to_repair_is_nothing_to_wait_for() -> None:
    """A healthy organisation, and one that can't be known, are solved by their questions."""
    for name, words in (("case-10", "Nothing was wrong"), ("case-11", "could not be determined")):
        lab = practice(name)
        lab.ask("what-cause").solve()

        assert words in repr(lab.debrief())


@pytest.mark.parametrize(
    "seed", [77, *(pytest.param(one, marks=pytest.mark.long) for one in range(3))]
)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.long] if place % 3 else [])
        for place, name in enumerate(CASES)
    ],
)
def test_each_case_can_be_solved_with_any_seed(name: str, seed: int) -> None:
    """Every kind of question that has a subject answers itself; then the debrief comes."""
    lab = practice(name, seed=seed, answers=True)
    lab.logs()
    asked = {kind: lab.ask(kind) for kind in KINDS if kind != "who-answers-elsewhere"}

    assert {kind: one.asked().reason for kind, one in asked.items() if not one.solved} == {}
    lab.run(asked["what-repair"])
    lab.request(asked["what-request"])
    lab.wait(minutes=5 if scenarios.seeded(name).with_logs is None else 15)
    assert "Solved" in lab.debrief()._repr_html_()
    assert stuck_queues(lab.open()) == []
    began = (scenarios.seeded(name).with_logs or scenarios.seeded(name)).verdict
    assert findings(lab.open()).verdict == ("clear" if began == "found" else began)
