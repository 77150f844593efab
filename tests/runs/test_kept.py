"""The run folders that there are, whatever lies beside them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailflow.errors import UsageError
from mailflow.runs.kept import kept_runs, older_than, remove

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def run(runs: Path, name: str, **manifest: Any) -> Path:  # noqa: ANN401 - parts of a manifest
    """A run folder, as a run that ended leaves it."""
    folder = runs / name
    folder.mkdir(parents=True)
    said = {
        "schema": "mailflow.run/1",
        "complete": True,
        "verdict": "found",
        "runbook": {"name": "mail_stuck_in_queue"},
        "parameters": {"source": "demo:article", "ticket": "INC1"},
        "started": (NOW - timedelta(days=40)).isoformat(),
    }
    (folder / "manifest.json").write_text(json.dumps(said | manifest), encoding="utf-8")
    findings = {"schema": "mailflow.findings/1", "verdict": "found"}
    (folder / "findings.json").write_text(json.dumps(findings), encoding="utf-8")
    (folder / "report.html").write_text("<p>", encoding="utf-8")
    return folder


def test_the_latest_comes_first(tmp_path: Path) -> None:
    """With what a list needs; what is no run folder is left out."""
    old = run(tmp_path, "20261001T000000Z-mail_stuck_in_queue-INC1")
    new = run(tmp_path, "20261120T000000Z-connector_audit", complete=False)
    (tmp_path / "notes").mkdir()
    (tmp_path / "README.md").write_text("")
    (tmp_path / "link").symlink_to(old)

    found = kept_runs(tmp_path)

    assert [each.folder for each in found] == [new, old]
    assert [each.verdict for each in found] == ["incomplete", "found"]
    assert (found[1].ticket, found[1].source, found[1].runbook) == (
        "INC1",
        "demo:article",
        "mail_stuck_in_queue",
    )
    assert found[1].report == old / "report.html"


@pytest.mark.parametrize(
    "manifest",
    ["{", "[]", '{"schema": "other/1"}', "[" * 100_000, '{"schema": "mailflow.run/1"}\0'],
)
def test_a_manifest_that_is_none(tmp_path: Path, manifest: str) -> None:
    """A folder may come from a stranger."""
    folder = run(tmp_path, "20261001T000000Z-x")
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")

    assert kept_runs(tmp_path) == []


def test_foreign_values_break_no_line(tmp_path: Path) -> None:
    """Of any type, and with whatever characters."""
    run(
        tmp_path,
        "20261001T000000Z-x",
        parameters={"ticket": "a\nb\x1b[31m", "source": 5},
        started="yesterday",
        runbook="mail",
    )
    [found] = kept_runs(tmp_path)

    assert "\n" not in found.ticket
    assert "\x1b" not in found.ticket
    assert (found.source, found.started, found.runbook) == ("5", None, "")


def test_old_ones_without_a_journal_are_cleaned_up(tmp_path: Path) -> None:
    """`mailflow undo` needs a journal; what has no time may be of today."""
    old = run(tmp_path, "20261001T000000Z-a")
    run(tmp_path, "20261129T000000Z-b", started=(NOW - timedelta(days=29)).isoformat())
    run(tmp_path, "20261001T000000Z-c", started="2026-10-01T00:00:00")
    changed = run(tmp_path, "20261001T000000Z-d")
    (changed / "apply.json").write_text("{}")

    found = older_than(tmp_path, timedelta(days=30), NOW)
    for each in found:
        remove(each)

    assert [each.folder for each in found] == [old]
    assert sorted(path.name[-1] for path in tmp_path.iterdir()) == ["b", "c", "d"]


def test_no_folder_of_runs(tmp_path: Path) -> None:
    """None were made yet; a file is no folder."""
    file = tmp_path / "file"
    file.write_text("")

    assert kept_runs(tmp_path / "runs") == []
    with pytest.raises(UsageError, match="cannot be read"):
        kept_runs(file)
