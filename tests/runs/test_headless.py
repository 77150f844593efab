"""Runs through papermill and a real kernel: what they leave behind, however they end."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mailflow.runs.folder import is_complete
from support import ROOT

DRIVER = """
import sys
from pathlib import Path
from mailflow import cli, runs
runs._HOMES = (Path({home!r}),)
cli.main(sys.argv[1:])
"""
PARAMETERS = 'source: str = "demo:article"\nticket: str = ""\nservers: list = []'
OPEN = "import mailflow\norg = mailflow.open(source, servers=servers)"
LOADED = """
import sys, time
for _ in range(40):
    if "mailflow.views.findings" not in sys.modules:
        time.sleep(0.1)
print("pandas" in sys.modules, "pandas" in dir(), "mailflow" in dir())
"""
CONCLUDE = "mailflow.conclude(mailflow.findings(org), ticket=ticket)"


def _environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "lib"), "COLUMNS": "80"} | more


def _mailflow(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mailflow", *arguments],
        cwd=cwd,
        env=_environment(**more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _notebook(home: Path, *sources: str) -> list[str]:
    """A runbook `small` of these cells, and the command that runs it."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "metadata": {"tags": tags},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
        for tags in [["parameters"] if number == 0 else ["verdict"] if "conclude" in source else []]
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (home / "small.ipynb").write_text(json.dumps(document))
    return [sys.executable, "-c", DRIVER.format(home=str(home)), "run", "small", "demo:article"]


def _run(home: Path, *sources: str, **more: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    done = subprocess.run(
        [*_notebook(home, *sources), "--timeout", "5"],
        cwd=home,
        env=_environment(**more),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done, _folder(home)


def _folder(home: Path) -> Path:
    (folder,) = (home / "runs").iterdir()
    return folder


def _manifest(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return document


def _assert_incomplete(folder: Path, reason: str) -> None:
    report = (folder / "report.html").read_text()
    assert "INCOMPLETE: this run has no verdict" in report
    assert reason in report
    assert '<section class="mf-verdict' not in report
    assert not is_complete(folder)
    assert not (folder / "findings.json").exists()
    assert reason in _manifest(folder)["reason"]


@pytest.fixture(scope="module")
def article(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A whole run of the main runbook, and what it printed."""
    home = tmp_path_factory.mktemp("article")
    done = _mailflow(
        *("run", "mail_stuck_in_queue", "demo:article", "--ticket", "0012345 <b>"),
        cwd=home,
        MAILFLOW_PASSWORD="planted-secret",  # noqa: S106 - planted to be looked for
        MAILFLOW_PASSWORD_ENV="PLANTED",  # noqa: S106 - the name of a variable
        PLANTED="planted-secret",
    )
    assert done.returncode == 1, done.stderr
    return _folder(home), done.stdout


def test_a_whole_run_leaves_what_the_contract_names(article: tuple[Path, str]) -> None:
    """Five files, complete; the report's path is printed last (contract, sections 3 and 5)."""
    folder, printed = article

    assert sorted(one.name for one in folder.iterdir()) == [
        "findings.json",
        "manifest.json",
        "notebook.ipynb",
        "report.html",
        "snapshot",
        "summary.txt",
    ]
    assert re.fullmatch(r"\d{8}T\d{6}Z-mail_stuck_in_queue-0012345--b-", folder.name)
    assert is_complete(folder)
    assert Path(printed.splitlines()[-1]).name == "report.html"
    assert printed.index("CAUSE FOUND") < printed.index("REPAIR")


def test_the_manifest_says_what_was_run(article: tuple[Path, str]) -> None:
    """Versions, parameters, hashes, outcome per server, timings; the ticket stays text."""
    manifest = _manifest(article[0])

    assert manifest["parameters"] == {"source": "demo:article", "ticket": "0012345 <b>"}
    assert manifest["complete"] is True
    assert (manifest["verdict"], manifest["exit_code"]) == ("found", 1)
    kept = hashlib.sha256((article[0] / "snapshot").read_bytes()).hexdigest()
    assert manifest["snapshot"] == kept
    assert {one["outcome"] for one in manifest["servers"]} == {"ok"}
    assert {"mailflow", "python", "papermill"} <= set(manifest["versions"])
    assert {"open_s", "execute_s", "report_s"} == set(manifest["timings"])


def test_the_report_shows_the_verdict_first_and_no_code(article: tuple[Path, str]) -> None:
    """Headline, verdict, repair; then the steps; then what was not read; no code, no script."""
    report = (article[0] / "report.html").read_text()
    places = [
        report.index(text)
        for text in (
            "0012345 &lt;b&gt;",
            "<h1>",
            "Cause found",
            "Set-ReceiveConnector",
            "Non-empty queues",
            "Which connector handles which server?",
            "Missing data",
            "<footer>",
        )
    ]

    assert places == sorted(places)
    assert "default-src 'none'" in report
    assert not re.search(r"<script|https?://(?!www\.w3\.org/2000/svg)|import mailflow", report)
    assert "Mail stuck in a queue" not in report
    assert report.count("Cause found") == 1
    assert len(report) < 100_000


def test_no_secret_and_no_path_of_this_machine_reaches_the_folder(
    article: tuple[Path, str],
) -> None:
    """Neither a planted password nor the folder it ran in stands in any file."""
    folder = article[0]
    for file in folder.iterdir():
        text = file.read_text()
        assert "planted-secret" not in text, file.name
        assert str(folder.parent) not in text, file.name


def test_a_run_can_be_repeated_from_its_snapshot(article: tuple[Path, str], tmp_path: Path) -> None:
    """The snapshot in the folder is a SOURCE and leads to the same findings."""
    folder = article[0]
    done = _mailflow(
        "run",
        "mail_stuck_in_queue",
        str(folder / "snapshot"),
        "-p",
        "servers",
        "EX16A",
        cwd=tmp_path,
    )
    repeated = json.loads((_folder(tmp_path) / "findings.json").read_text())
    first = json.loads((folder / "findings.json").read_text())

    assert done.returncode == 1, done.stderr
    found = [one for one in repeated["findings"] if one["state"] == "found"]
    assert found == [
        one for one in first["findings"] if one["state"] == "found" and one["server"] == "EX16A"
    ]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("run", "mail_stuck_in_queue", "no/such/folder"), "no/such/folder"),
        (("run", "mail_stuck_in_queue", "demo:article", "-p", "serverz", "x"), "known: servers"),
        (("run", "mail_stuck_in_queue", "demo:article", "-p", "min_messages", "abc"), "'abc'"),
        (("run", "mail_stuck_in_queue", "demo:article", "-p", "servers", "EX99"), "EX99"),
        (("run", "../secret", "demo:article"), "mail_stuck_in_queue"),
        (("run", "connector_audit", "demo:article", "-p", "planned", "EX19=10.0.0.900"), "planned"),
    ],
)
def test_a_wrong_question_ends_with_3_and_writes_nothing(
    arguments: tuple[str, ...], word: str, tmp_path: Path
) -> None:
    """Unreadable input, an unknown parameter, server or runbook: exit 3, no folder (contract 4)."""
    done = _mailflow(*arguments, cwd=tmp_path)

    assert done.returncode == 3
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_exception_nobody_foresaw_is_a_bug_of_ours(tmp_path: Path) -> None:
    """Exit 4; the part that ran is kept and says so; findings written before do not count."""
    done, folder = _run(tmp_path, PARAMETERS, OPEN, CONCLUDE, "1 / 0", "print('later')")

    assert done.returncode == 4
    _assert_incomplete(folder, "ZeroDivisionError")
    assert "Traceback" in (folder / "report.html").read_text()
    assert "INCOMPLETE" in done.stdout
    assert "CAUSE FOUND" not in done.stdout


def test_an_error_that_says_what_to_do_needs_no_traceback(tmp_path: Path) -> None:
    """A MailflowError inside a cell: its message, no traceback, exit 2."""
    cell = "raise mailflow.InputError('queues.xml: cut off <script>')"
    done, folder = _run(tmp_path, PARAMETERS, OPEN, cell)

    assert done.returncode == 2
    _assert_incomplete(folder, "queues.xml: cut off")
    report = (folder / "report.html").read_text()
    assert "Traceback" not in report
    assert "<script" not in report
    assert "<b>cell-2</b>" in report


def test_a_cell_that_takes_too_long_is_no_success(tmp_path: Path) -> None:
    """A time-out ends incomplete, though papermill calls the cells completed."""
    done, folder = _run(tmp_path, PARAMETERS, OPEN, "import time; time.sleep(60)", CONCLUDE)

    assert done.returncode == 2
    _assert_incomplete(folder, "took")


def test_a_dead_kernel_is_no_success(tmp_path: Path) -> None:
    """A kernel that dies ends incomplete, even behind findings."""
    done, folder = _run(tmp_path, PARAMETERS, OPEN, CONCLUDE, "import os; os._exit(0)")

    assert done.returncode == 2
    _assert_incomplete(folder, "the kernel died")
    assert (folder / "findings.incomplete.json").exists()


def test_a_runbook_without_findings_is_no_success(tmp_path: Path) -> None:
    """A run that reaches its end and leaves no findings has no verdict."""
    done, folder = _run(tmp_path, PARAMETERS, OPEN)

    assert done.returncode == 2
    _assert_incomplete(folder, "left no findings")


def test_the_kernel_gets_the_run_and_no_secret(tmp_path: Path) -> None:
    """MAILFLOW_RUN names the folder; passwords are gone; the rest of the environment is there."""
    cell = (
        "import os\n"
        "assert os.path.samefile(os.environ['MAILFLOW_RUN'], os.getcwd())\n"
        "assert not [name for name in ('MAILFLOW_PASSWORD', 'PLANTED') if name in os.environ]\n"
        "assert os.environ['KEPT'] == 'yes'"
    )
    done, folder = _run(
        tmp_path,
        PARAMETERS,
        OPEN,
        cell,
        CONCLUDE,
        MAILFLOW_PASSWORD="x",  # noqa: S106 - planted
        MAILFLOW_PASSWORD_ENV="PLANTED",  # noqa: S106 - the name of a variable
        PLANTED="x",
        KEPT="yes",
    )

    assert done.returncode == 1, _manifest(folder)["reason"]


def _start_and_wait(home: Path) -> tuple[subprocess.Popen[str], int]:
    """A run whose kernel sits in a long cell, and the kernel's process id."""
    cell = "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(300)"
    process = subprocess.Popen(
        _notebook(home, PARAMETERS, OPEN, cell, CONCLUDE),
        cwd=home,
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for file in home.glob("runs/*/pid"):
            if text := file.read_text():
                return process, int(text)
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate())


def _is_gone(number: int, seconds: float = 15) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        status = Path(f"/proc/{number}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc here")


@needs_proc
def test_no_kernel_outlives_its_run(tmp_path: Path) -> None:
    """A program that runs several runbooks keeps no kernel of an earlier one."""
    script = (
        "from pathlib import Path\n"
        "from mailflow import runs\n"
        "print(runs.run('mail_stuck_in_queue', 'demo:article').verdict)\n"
        "tasks = Path('/proc/self/task').glob('*/children')\n"
        "print([child for task in tasks for child in task.read_text().split()])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stdout.split() == ["found", "[]"]


@needs_proc
def test_an_interrupted_run_cleans_up_and_says_so(tmp_path: Path) -> None:
    """Ctrl-C: the kernel ends, the part that ran is kept as incomplete, exit 130 (contract 4)."""
    process, kernel = _start_and_wait(tmp_path)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)

    assert process.returncode == 130, errors
    assert _is_gone(kernel)
    _assert_incomplete(_folder(tmp_path), "interrupted")
    assert "INCOMPLETE" in printed


@needs_proc
def test_a_killed_run_leaves_a_folder_that_says_incomplete(tmp_path: Path) -> None:
    """Kill -9: no report can be written, but the manifest never claims more than happened."""
    process, kernel = _start_and_wait(tmp_path)
    process.kill()
    process.communicate(timeout=60)

    assert _is_gone(kernel)
    folder = _folder(tmp_path)
    assert not is_complete(folder)
    assert _manifest(folder)["complete"] is False
    assert _manifest(folder)["verdict"] == "incomplete"


def test_the_kernel_loads_what_cells_need(tmp_path: Path) -> None:
    """A cell finds pandas loaded before it asked; its own names are untouched."""
    done, folder = _run(tmp_path, PARAMETERS, LOADED, OPEN, CONCLUDE)
    cells = json.loads((folder / "notebook.ipynb").read_text("utf-8"))["cells"]
    (printed,) = [cell["outputs"][0]["text"] for cell in cells if cell["id"] == "cell-1"]

    assert done.returncode == 1, done.stderr
    assert "".join(printed) == "True False False\n"


def test_a_report_has_each_rule_of_its_styles_once(article: tuple[Path, str]) -> None:
    """Tables and pictures share most of theirs: repeated they would be a third of the file."""
    style = (article[0] / "report.html").read_text("utf-8").split("<style>")[1].split("</style>")[0]
    rules = re.findall(r"^(\.mf[^{}]*\{[^{}]*\})", style, re.MULTILINE)

    assert len(rules) > 50
    assert [rule for rule in set(rules) if rules.count(rule) > 1] == []
