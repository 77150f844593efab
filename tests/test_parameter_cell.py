"""The parameter cell: what it leaves open, what papermill puts behind it, and eaten paths."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailflow import parameter_cell
from mailflow.errors import InputError, UsageError
from mailflow.opening import scenarios
from mailflow.parameter_cell import FORMS, eaten, misfit
from mailflow.runs import kernel_environment
from mailflow.show.widgets.source_form import SourceForm
from support import ROOT

CELL = 'source: str = r""  # exports\nticket: str = ""\nservers: list = []\nmin_messages: int = 1'


@pytest.mark.parametrize(
    ("injected", "expected"),
    [
        ('# Parameters\nsource = "demo:article"\nservers = ["EX16A"]', ""),
        ("# Parameters\nmin_messages = 2\nPAPERMILL_INPUT_PATH = 'a'", ""),
        ("# Parameters\nserver = ['EX16A']", "no parameter 'server'. Did you mean 'servers'?"),
        ("# Parameters\nwhatever = 1", "Known: source, ticket, servers, min_messages"),
        ("# Parameters\nticket = 12345", "12345 is no str; papermill keeps a text with -r ticket"),
        ("# Parameters\nmin_messages = True", "parameter min_messages: True is no int"),
        ("# Parameters\nservers = 'EX16A'", "parameter servers: 'EX16A' is no list"),
        ("whatever = 1", ""),
        ("%timeit 1", ""),
    ],
)
def test_what_papermill_put_behind_the_cell_has_to_fit(injected: str, expected: str) -> None:
    """A misspelt name or a value of another type is named; cells of the user's own are not."""
    reason = misfit(["", CELL, injected, "import mailflow"])

    assert expected in reason
    assert bool(expected) is bool(reason)


def test_the_last_parameter_cell_counts() -> None:
    """Run again without what was injected, it stands alone; without one nothing can be told."""
    wrong = "# Parameters\nserver = 1"

    assert misfit(["", CELL, wrong]) != ""
    assert misfit(["", wrong, CELL]) == ""
    assert misfit(["", wrong]) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C:\temp", "a tab where \\t was typed, because Python reads a backslash"),
        ("C:\new\folder", 'r"C:\\new\\folder"'),
        ("D:\\data\bin", "a backspace where \\b was typed"),
        ("C:\x82016", "a control character"),
        (r"C:\temp", ""),
        ("exports/é", ""),
    ],
)
def test_a_path_that_lost_backslashes_is_told(text: str, expected: str) -> None:
    """What was meant stands in the hint, to be copied."""
    told = eaten(text)

    assert expected in told
    assert bool(expected) is bool(told)
    assert told.isprintable()


def form(*taken: str) -> tuple[SourceForm, list[str]]:
    """The form on the screen, and what it was told; it takes what is listed."""
    chosen: list[str] = []

    def choose(source: str) -> None:
        if source not in taken:
            raise InputError(f"{source}: no such file or folder")
        chosen.append(source)

    made = SourceForm(scenarios(), parameter_cell._entries, choose)
    assert made.widget
    return made, chosen


def press(made: SourceForm, label: str) -> str:
    """Press a button; what is said then."""
    buttons = [one for one in made.widget.children if getattr(one, "description", "") == label]
    buttons[0].click()
    said: str = made.widget.children[-1].value
    return said


def test_a_path_is_found_folder_by_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each folder that is typed or picked offers what lies in it; what is not there is refused."""
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "queues.xml").touch()
    (tmp_path / "old.zip").touch()
    monkeypatch.chdir(tmp_path)
    made, chosen = form("exports/queues.xml")
    path, inside = made.fields["Path"], made.fields["In this folder"]

    assert [value for _, value in inside.options] == ["exports/", "old.zip"]
    inside.value = "exports/"
    assert path.value == "exports/"
    assert [value for _, value in inside.options] == ["exports/queues.xml"]
    path.value = "exports/nothing"
    assert "no such file" in press(made, "Use this path")
    inside.value = "exports/queues.xml"
    said = press(made, "Use this path")
    assert "source: str = r&#34;exports/queues.xml&#34;" in said
    assert chosen == ["exports/queues.xml"]


def test_a_server_and_a_sample() -> None:
    """The other two forms; an empty field chooses nothing."""
    made, chosen = form("winrm://ex16a.contoso.com", "demo:article")

    assert "Nothing chosen" in press(made, "Use this server")
    made.fields["Server"].value = " ex16a.contoso.com "
    made.fields["Through"].value = "winrm://"
    press(made, "Use this server")
    press(made, "Use this sample")
    assert chosen == ["winrm://ex16a.contoso.com", "demo:article"]


def _papermill(folder: Path, notebook: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "papermill", str(notebook), "out.ipynb", "-k", "python3",
         "--no-progress-bar", *arguments],
        cwd=folder, env=kernel_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip


def _errors(folder: Path) -> list[str]:
    notebook = json.loads((folder / "out.ipynb").read_text("utf-8"))
    return [
        "\n".join(output["traceback"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if output["output_type"] == "error"
    ]


@pytest.mark.parametrize(
    ("notebook", "arguments", "expected"),
    [
        ("mail_stuck_in_queue", [], FORMS[1]),
        pytest.param(
            "fix_and_verify", ["-p", "source", "demo:article", "-p", "aply", "1"],
            "no parameter 'aply'. Did you mean 'apply'?", marks=pytest.mark.long,
        ),
        pytest.param(
            "training/case_01", ["-p", "sed", "1"], "Did you mean 'seed'?", marks=pytest.mark.long
        ),
    ],
)  # fmt: skip
def test_bare_papermill_stops_in_the_first_cell(
    tmp_path: Path, notebook: str, arguments: list[str], expected: str
) -> None:
    """Without a source, or with a name that is unknown, nothing is read, and no form is shown."""
    done = _papermill(tmp_path, ROOT / "notebooks" / f"{notebook}.ipynb", *arguments)
    (error,) = _errors(tmp_path)

    assert done.returncode == 1
    assert expected in error
    assert error.startswith("UsageError: ")
    assert "Traceback" not in error
    assert "widget-view" not in (tmp_path / "out.ipynb").read_text("utf-8")


def test_a_form_that_is_answered_is_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody sits the form is shown and the notebook stops; then the choice is taken."""
    shown: list[SourceForm] = []
    monkeypatch.setattr(parameter_cell, "is_operated", lambda: True)
    monkeypatch.setattr(parameter_cell, "_chosen", [])
    monkeypatch.setattr("mailflow.show.widgets.saying.display", shown.append)
    ask: Callable[[], str] = lambda: parameter_cell.source_or_form(scenarios(), str)  # noqa: E731
    with pytest.raises(UsageError, match="choose one above and run all cells again"):
        ask()
    assert shown[0].widget
    press(shown[0], "Use this sample")

    assert ask() == "demo:article"
    parameter_cell.forget_choice()
    with pytest.raises(UsageError):
        ask()
