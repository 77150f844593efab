"""`--accepted`, `--since` and `--metrics` on the command line, in a diagnosis and in a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from command_line import Call, saved
from mailflow.runs.terms import earlier
from organisations import article, healthy

ACCEPTED = """
[[accepted]]
cause = "custom-connector-shadows-default"
server = "*"
connector = "*"
reason = "known, CHG0012345"
"""


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    """A file that accepts what is wrong in the article."""
    file = tmp_path / "accepted.toml"
    file.write_text(ACCEPTED, "utf-8")
    return file


def test_a_diagnosis_with_accepted_findings(call: Call, accepted: Path) -> None:
    """Exit code 0, and the section."""
    found = call("diagnose", "demo:article", "--accepted", accepted)

    assert found.code == 0
    assert "ALL ACCEPTED" in found.out
    assert "CHG0012345" in found.out


def test_a_diagnosis_beside_an_earlier_one(call: Call, tmp_path: Path) -> None:
    """What `--json` printed is an earlier run."""
    before = tmp_path / "yesterday.json"
    source = saved(article(), tmp_path / "article")
    before.write_text(call("diagnose", source, "--json").out, "utf-8")
    same = call("diagnose", source, "--since", before)
    wide = tmp_path / "by-powershell.json"
    wide.write_text(before.read_text("utf-8"), "utf-16")
    assert call("diagnose", source, "--since", wide).code == 0
    less = call("diagnose", saved(healthy(), tmp_path / "healthy"), "--since", before, "--json")

    assert (same.code, less.code) == (0, 0)
    assert "Unchanged: 2" in same.out
    assert len(json.loads(less.out)["since"]["gone"]) == 2


def test_a_text_is_no_night(call: Call, tmp_path: Path) -> None:
    """It is explained only where nothing is asked that needs an organization."""
    text, file = tmp_path / "error.txt", tmp_path / "mailflow.prom"
    text.write_text("451 5.7.3 Cannot achieve Exchange Server authentication")

    assert call("diagnose", text).code == 2
    assert call("diagnose", text, "--metrics", file).code == 3
    assert not file.exists()


def test_metrics_of_a_diagnosis(call: Call, tmp_path: Path) -> None:
    """Beside the answer, in a file that Prometheus reads."""
    file = tmp_path / "mailflow.prom"
    found = call("diagnose", "demo:article", "--metrics", file)

    families = list(text_string_to_metric_families(file.read_text("utf-8")))
    assert found.code == 1
    assert {each.name: len(each.samples) for each in families}["mailflow_findings"] == 2


def test_a_run_keeps_what_it_was_measured_by(call: Call, accepted: Path, tmp_path: Path) -> None:
    """Two nights: the second knows the first, its report and its files say so."""
    runs, file = tmp_path / "runs", tmp_path / "mailflow.prom"
    night = ("run", "connector_audit", "demo:article", "--runs", runs, "--since", runs)
    first = call(*night)
    second = call(*night, "--metrics", file)
    third = call(*night, "--accepted", accepted)

    assert (first.code, second.code, third.code) == (1, 0, 0)
    assert "nothing to compare with" in first.err
    folders = sorted(runs.iterdir())
    assert sorted(path.name for path in folders[2].iterdir()) == [
        "accepted.toml",
        "findings.json",
        "manifest.json",
        "notebook.ipynb",
        "report.html",
        "since.json",
        "snapshot",
        "summary.txt",
    ]
    assert json.loads((folders[1] / "findings.json").read_text())["since"]["run"] == folders[0].name
    manifest = json.loads((folders[1] / "manifest.json").read_text())
    assert (manifest["verdict"], manifest["exit_code"]) == ("found", 0)
    assert manifest["parameters"]["since"] == "since.json"
    report = (folders[2] / "report.html").read_text("utf-8")
    assert "Accepted: 2 findings" in report
    assert f"Since the run {folders[1].name}" in report
    assert 'state="found"' in file.read_text("utf-8")


@pytest.mark.parametrize("option", ["--accepted", "--since", "--metrics"])
def test_only_runs_that_end_in_a_verdict(call: Call, tmp_path: Path, option: str) -> None:
    """Another runbook refuses them, and nothing is written."""
    found = call("run", "fix_and_verify", "demo:article", "--runs", tmp_path / "runs", option, "x")

    assert (found.code, found.out) == (3, "")
    assert "connector_audit" in found.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--accepted", "none.toml"), "none.toml: no such file"),
        (("--since", "none"), "none: cannot be read"),
        (("--metrics", "none/mailflow.prom"), "name a file in a folder that is there"),
        (("--accepted", "a", "-p", "accepted", "b"), "leave one out"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_read(
    call: Call, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    """No run folder is left behind."""
    runs = tmp_path / "runs"
    found = call("run", "connector_audit", "demo:article", "--runs", runs, *options)

    assert (found.code, found.out) == (3, "")
    assert said in found.err
    assert not runs.exists()


def test_the_latest_whole_run_of_the_runbook_counts(tmp_path: Path) -> None:
    """Not one that did not end, and not one of another runbook; a run folder stands for itself."""
    assert earlier(tmp_path, "connector_audit") is None
    for name, runbook, complete in (
        ("20261101T020000Z-a", "connector_audit", True),
        ("20261102T020000Z-b", "connector_audit", True),
        ("20261103T020000Z-c", "mail_stuck_in_queue", True),
        ("20261104T020000Z-d", "connector_audit", False),
    ):
        folder = tmp_path / name
        folder.mkdir()
        manifest = {"schema": "mailflow.run/1", "complete": complete, "runbook": {"name": runbook}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        findings = {"schema": "mailflow.findings/1", "verdict": "clear"}
        (folder / "findings.json").write_text(json.dumps(findings))

    assert earlier(tmp_path, "connector_audit") == tmp_path / "20261102T020000Z-b"
    assert earlier(tmp_path / "20261104T020000Z-d", "x") == tmp_path / "20261104T020000Z-d"


def test_metrics_are_written_whole_or_not_at_all(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was there stays as it was where it cannot be replaced."""
    file = tmp_path / "mailflow.prom"
    file.write_text("before\n")

    def full(*_: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    found = call("diagnose", "demo:article", "--metrics", file)

    assert found.code == 3
    assert "No space left on device" in found.err
    assert file.read_text() == "before\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mailflow.prom"]
