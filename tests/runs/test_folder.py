"""A run's folder: its name, and when it counts as complete (contract, section 5)."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.errors import UsageError
from mailflow.exchange.servers import Server
from mailflow.runs.folder import is_complete, make, outcomes, tidy, unfinished, verdict
from mailflow.runs.kernel import Stop, audit
from mailflow.snapshot import Read, Snapshot, Unread
from mailflow.views.verdict import SCHEMA

NOW = datetime(2026, 11, 23, 14, 2, 5, tzinfo=UTC)


def test_a_folder_is_named_by_time_runbook_and_ticket(tmp_path: Path) -> None:
    """UTC whatever the zone; without a ticket no dash is left over."""
    here = NOW.astimezone(timezone(timedelta(hours=9)))

    assert make(tmp_path / "runs", "stuck", "INC1", here).name == "20261123T140205Z-stuck-INC1"
    assert make(tmp_path / "runs", "stuck", None, NOW).name == "20261123T140205Z-stuck"
    assert make(tmp_path / "runs", "stuck", "", NOW).name == "20261123T140205Z-stuck-2"


def test_runs_of_the_same_second_never_share_a_folder(tmp_path: Path) -> None:
    """Making the folder claims its name, also for runs side by side."""
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: make(tmp_path, "stuck", "T", NOW), range(30)))

    assert len({folder.name for folder in folders}) == 30
    assert "20261123T140205Z-stuck-T-2" in {folder.name for folder in folders}


@given(st.text(max_size=200))
def test_a_ticket_is_a_plain_part_of_a_name(ticket: str) -> None:
    """No ticket leads out of the folder or makes a name the system refuses."""
    name = tidy(ticket)

    assert len(name) <= 80
    assert all(one.isascii() and (one.isalnum() or one in "._-") for one in name)


def test_a_ticket_keeps_what_the_contract_allows() -> None:
    """Characters outside A-Za-z0-9._- become a dash each."""
    assert tidy("INC 00/1.2_ü") == "INC-00-1.2_-"


def test_a_place_that_cannot_be_written_is_the_users_to_change(tmp_path: Path) -> None:
    """A file where the runs should be is named, and how to choose another place."""
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError, match=r"no run folder can be made.*choose another.*--runs"):
        make(tmp_path / "file", "stuck", None, NOW)


@pytest.mark.parametrize(
    ("findings", "stopped", "expected"),
    [
        ({"schema": SCHEMA, "verdict": "clear"}, "", ("clear", 0)),
        ({"schema": SCHEMA, "verdict": "found"}, "", ("found", 1)),
        ({"schema": SCHEMA, "verdict": "unknown"}, "", ("unknown", 2)),
        ({"schema": SCHEMA, "verdict": "clear"}, "the kernel died", ("incomplete", None)),
        ({"schema": SCHEMA, "verdict": "fine"}, "", ("incomplete", None)),
        ({"schema": "other", "verdict": "clear"}, "", ("incomplete", None)),
        ({"schema": SCHEMA}, "", ("incomplete", None)),
        ([], "", ("incomplete", None)),
        (None, "", ("incomplete", None)),
    ],
)
def test_a_verdict_needs_a_whole_run(
    findings: object, stopped: str, expected: tuple[str, int | None]
) -> None:
    """Only findings of a run that reached its end count; everything else is incomplete."""
    assert verdict(findings, stopped) == expected


def test_complete_needs_manifest_and_findings(tmp_path: Path) -> None:
    """Either alone is not a complete run, nor is a damaged one."""
    assert not is_complete(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"complete": True}))
    assert not is_complete(tmp_path)
    (tmp_path / "findings.json").write_text(json.dumps({"schema": SCHEMA, "verdict": "clear"}))
    assert is_complete(tmp_path)
    (tmp_path / "manifest.json").write_text(json.dumps({"complete": False}))
    assert not is_complete(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    assert not is_complete(tmp_path)


def test_why_a_run_is_not_complete(tmp_path: Path) -> None:
    """By its manifest, in one short line; of a folder that holds no run nothing is said."""
    manifest = tmp_path / "manifest.json"
    said = []
    for text in (
        "{}",
        "[" * 100_000,
        '{"schema": "mailflow.run/1", "complete": false, "reason": "a cell\\nREPAIR  took long"}',
        '{"schema": "mailflow.run/1", "complete": false, "reason": {"a": 1}}',
        '{"schema": "mailflow.run/1", "complete": false}',
        '{"schema": "mailflow.run/1", "complete": true}',
    ):
        manifest.write_text(text, encoding="utf-8")
        said.append(unfinished(tmp_path))
    (tmp_path / "findings.json").write_text("{}")

    assert said == [
        "",
        "",
        "a cell\\x0aREPAIR  took long",
        "{'a': 1}",
        "its manifest does not say why",
        "it has no findings",
    ]
    assert unfinished(tmp_path) == ""
    assert unfinished(tmp_path / "nothing") == ""


def test_the_outcome_of_each_server_is_told() -> None:
    """A server with something unread is incomplete; a row of an unknown server is not lost."""
    org = Snapshot(
        servers=(Server("EX16A", "ex16a.contoso.example"), Server("EX16B")),
        unread=(Unread("ex16a.contoso.example", "Get-Queue", "x"), Unread("EX99", "all", "y")),
    )

    assert outcomes(org) == [
        {"server": "EX16A", "outcome": "incomplete", "unread": ["Get-Queue"]},
        {"server": "EX16B", "outcome": "ok", "unread": []},
        {"server": "EX99", "outcome": "failed", "unread": ["all"]},
    ]


def test_live_servers_say_how_they_were_read() -> None:
    """Of a live organisation the manifest tells the way in and the time each server took."""
    org = Snapshot(
        servers=(Server("EX16A"), Server("EX16B"), Server("EX16C")),
        reads=(
            Read("EX16A", "ok", "asked itself", 1.23456),
            Read("EX16B", "timed-out", "no answer in time", 30.0),
            Read("EX16C", "ok", "through EX16A", 2.0),
        ),
        unread=(Unread("EX16B", "Get-Queue", "x"), Unread("EX16C", "Get-Queue", "x")),
    )

    actual = outcomes(org)
    assert [one["outcome"] for one in actual] == ["ok", "timed-out", "incomplete"]
    assert (actual[0]["how"], actual[0]["seconds"]) == ("asked itself", 1.235)


def _cell(cell_id: str, count: int | None, *outputs: dict[str, object], source: str = "x") -> dict:  # type: ignore[type-arg]
    return {
        "id": cell_id,
        "cell_type": "code",
        "source": source,
        "execution_count": count,
        "outputs": list(outputs),
    }


def test_cells_that_never_ran_are_seen() -> None:
    """Papermill calls every cell completed after a kernel's death; only the counts tell."""
    cells = [_cell("a", 1), _cell("empty", None, source=" \n"), _cell("b", None)]

    assert audit(cells[:2], Stop()) == Stop()
    assert audit(cells, Stop()) == Stop("1 cells never ran", "b")
    assert audit(cells, Stop("the kernel died")) == Stop("the kernel died", "b")


def test_errors_in_cells_are_seen() -> None:
    """An error output stops the run, whatever papermill says; what is not ours is a bug."""
    ours = {"output_type": "error", "ename": "UsageError", "evalue": "no such server"}
    bug = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}

    assert audit([_cell("a", 1, ours)], Stop()) == Stop("no such server", "a")
    assert audit([_cell("a", 1, bug)], Stop()) == Stop(
        "internal error in the runbook: KeyError: 'x'", "a", is_bug=True
    )
