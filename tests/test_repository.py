"""What may and may not be committed."""

from __future__ import annotations

import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from command_line import commands
from support import ROOT

# Written in pieces, so that this file does not hold what it looks for.
INDEX_HOSTS = re.compile(
    r"py" + r"pi\.|python" + r"hosted|ana" + r"conda\.org|npm" + r"js\.|-index-" + r"url"
)
SECRETS = re.compile(
    "PRIVATE" + r" KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bxox[bp]-\w+"
)
MACHINE_PATHS = re.compile(r"/(?:home|Users)/\w+/|[A-Z]:\\+Users\\+\w+")


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Ask git about the project."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@cache
def texts() -> dict[str, str]:
    """Each text file that is committed, or would be: path to content."""
    listed = git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if listed.returncode:
        pytest.skip("not a clone: git does not know this folder")
    found = {}
    for name in filter(None, listed.stdout.split("\0")):
        data = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b""
        if b"\0" not in data[:1024]:
            found[name] = data.decode("utf-8", "replace")
    return found


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """Where a pattern stands, as `path:line`."""
    return [
        f"{name}:{number}"
        for name, text in texts().items()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_package_index_is_named() -> None:
    """Where packages come from is the user's own setting, and stands in no file."""
    assert lines_with(INDEX_HOSTS) == []


def test_no_path_of_a_machine() -> None:
    """No file names a folder of the machine it was written on."""
    here = [f"{place}/" for place in (ROOT, Path.home()) if len(place.parts) > 1]
    parent = ROOT.parent
    if len(parent.parts) > 1 and parent != Path(tempfile.gettempdir()):
        here.append(f"{parent}/")
    own = re.compile(r"(?<![\w.])(?:" + "|".join(map(re.escape, here)) + ")")

    assert lines_with(own) == []
    assert lines_with(MACHINE_PATHS) == []


def test_no_secret() -> None:
    """Nothing that looks like a key or a token."""
    assert lines_with(SECRETS) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (INDEX_HOSTS, "https://" + "py" + "pi.org/simple"),
        (INDEX_HOSTS, "--extra" + "-index-" + "url=x"),
        (SECRETS, "-----BEGIN RSA " + "PRIVATE" + " KEY-----"),
        (MACHINE_PATHS, "/home" + "/jane/mailflow"),
        (MACHINE_PATHS, "C:" + "\\Users" + "\\jane"),
    ],
)
def test_search_can_find(pattern: re.Pattern[str], text: str) -> None:
    """Each pattern sees what it is for."""
    assert pattern.search(text)


@pytest.mark.parametrize(
    "path", ["lib/mailflow/new.py", "lib/mailflow/simulated/x.j2", "runs/README.md"]
)
def test_package_is_not_ignored(path: str) -> None:
    """Stock ignore files for Python hide lib/; ours does not."""
    assert git("check-ignore", "--no-index", path).returncode == 1


@pytest.mark.parametrize(
    "path", ["runs/20261124T140200Z-mail_stuck_in_queue/snapshot", "uv.lock", ".venv/x"]
)
def test_left_behind_is_ignored(path: str) -> None:
    """Runs may hold a customer's data, and other locks name an index: git does not see them."""
    assert git("check-ignore", "--no-index", path).returncode == 0


def test_runs_hold_only_their_readme() -> None:
    """No run was committed."""
    assert [name for name in texts() if name.startswith("runs/")] == ["runs/README.md"]


def test_every_lint_exception_has_a_reason() -> None:
    """Each rule of ruff that is off says why, beside it; all others are on."""
    text = texts()["pyproject.toml"]
    lint = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.pydocstyle]")]
    codes = [line for line in lint.splitlines() if re.match(r'\s+"[A-Z]+\d+"', line)]

    assert 'select = ["ALL"]' in lint
    assert len(codes) > 10
    assert [line for line in codes if not re.search(r"#\s*\w", line)] == []


def test_links_lead_somewhere() -> None:
    """Each relative link of a Markdown file names a file that is there."""
    broken = [
        f"{name}: {target}"
        for name, text in texts().items()
        if name.endswith(".md")
        for target in re.findall(r"\]\(([^)#\s]+)", text)
        if "://" not in target and not (ROOT / name).parent.joinpath(target).exists()
    ]

    assert broken == []


def test_documents_name_commands_that_are_there() -> None:
    """Each `mailflow COMMAND` of the documents is a command, built or announced."""
    named = {
        found
        for name, text in texts().items()
        if name.endswith(".md")
        for found in re.findall(r"(?:`|run\.py )mailflow ([a-z]+)", text)
    }

    assert named >= {"demo", "run", "diagnose", "explain", "which"}
    assert named - {name for name, *_ in commands()} == set()


def test_every_file_has_a_place_in_the_house() -> None:
    """The top of the tree is what CONTRIBUTING.md says, and nothing was left lying there."""
    top = {name.split("/")[0] for name in texts()}
    known = set(re.findall(r"`([\w.-]+)/?`", texts()["CONTRIBUTING.md"]))

    assert top - known == set()
