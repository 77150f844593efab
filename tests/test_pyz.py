"""The single file: on a bare Python it says what the installed package says, to the letter.

`-I -S`: no site-packages, no folder of the user, nothing of this clone; so no numpy either.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import capture_forms
from mailflow import exchange
from mailflow.exchange import answers, plain_map
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import parse_range
from mailflow.exchange.taking_part import Contrast
from mailflow.opening import open_source
from organisations import Organisation, article, healthy
from stored_data import golden, read_json, scenario_names, stored_snapshots
from support import ROOT

PYTHON = getattr(sys, "_base_executable", "") or sys.executable
MOST_BYTES = 1_400_000
TEXT = (
    "451 4.4.0 Primary target IP address responded with: 451 5.7.3 Cannot achieve Exchange Server"
)
QUESTION = ("--server", "EX16A", "--source", "10.0.0.11")
DRIVER = """
import contextlib, io, json, sys
sys.path.insert(0, sys.argv[1])
from mailflow.cli import main
said = []
for arguments in json.load(sys.stdin):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            main(arguments)
        except SystemExit as end:
            said.append([end.code, out.getvalue()])
print(json.dumps({"said": said, "numpy": "numpy" in sys.modules}))
"""
"""Many commands in one process: the way to the package is its argument."""

Said = list[tuple[int, str]]


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file, as `run.py pyz` makes it."""
    return make(tmp_path_factory.mktemp("pyz") / "mailflow.pyz")


def make(output: Path, **environment: str) -> Path:
    """Make it here."""
    done = subprocess.run(
        [sys.executable, "-P", str(ROOT / ".ci" / "pyz.py"), "--output", str(output)],
        cwd=output.parent,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{output}\n"
    return output


def bare(
    pyz: Path, *arguments: str, python: str = PYTHON, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """One command of the file, on a Python without packages."""
    return subprocess.run(
        [python, "-I", "-S", str(pyz), *arguments],
        cwd=cwd or pyz.parent,
        env=os.environ | {"COLUMNS": "80"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def driven(python: Sequence[str], home: Path, commands: list[list[str]]) -> tuple[Said, bool]:
    """What these commands say and end with; whether numpy was there."""
    done = subprocess.run(
        [*python, "-c", DRIVER, str(home)],
        input=json.dumps(commands),
        env=os.environ | {"COLUMNS": "80"},
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return [(code, text) for code, text in found["said"]], found["numpy"]


def alike(pyz: Path, commands: list[list[str]]) -> Said:
    """What the file says, which is what the package with numpy says."""
    plain, without = driven([PYTHON, "-I", "-S"], pyz, commands)
    quick, with_numpy = driven([sys.executable, "-P"], ROOT / "lib", commands)

    assert (without, with_numpy) == (False, True)
    assert [code for code, _ in plain if code > 2] == []
    assert plain == quick
    return plain


def with_cut(build: Organisation) -> Organisation:
    """The organization with a relay list that needs a longer proof."""
    build.add_relay("EX16A", "10.0.0.0/24", "10.0.0.7", "10.9.0.0-10.9.3.7", name="Scanners")
    return build


def test_same_input_gives_the_same_bytes(pyz: Path, tmp_path: Path) -> None:
    """Whoever makes it, wherever and whenever."""
    again = make(tmp_path / "again.pyz", TZ="Asia/Tokyo", PYTHONHASHSEED="7")

    assert again.read_bytes() == pyz.read_bytes()
    assert pyz.stat().st_size <= MOST_BYTES


def test_what_is_in_it(pyz: Path) -> None:
    """The package whole, two libraries with their licenses; it starts as a program by itself."""
    with zipfile.ZipFile(pyz) as archive:
        names = archive.namelist()
        start = archive.read("__main__.py").decode("ascii")
    package = {
        path.relative_to(ROOT / "lib").as_posix()
        for path in (ROOT / "lib" / "mailflow").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    others = {name for name in names if not name.startswith("mailflow/")}

    assert package == set(names) - others
    assert {name.split("/")[0].split("-")[0] for name in others} == {
        *("LICENSE", "__main__.py", "click", "platformdirs")
    }
    assert len([name for name in others if "dist-info/" in name and "LICENSE" in name]) == 2
    assert pyz.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    assert os.access(pyz, os.X_OK)
    assert ast.parse(start, feature_version=(3, 6))


def test_demo_on_a_bare_python(pyz: Path) -> None:
    """The case of the article from a zip, with its proven repair."""
    done = bare(pyz, "diagnose", "demo:article")

    assert (done.returncode, done.stderr) == (1, "")
    assert 'Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges "10.0.5.0/24"' in done.stdout


def test_every_command_that_needs_no_package(pyz: Path) -> None:
    """explain, which, whatif, diff, diagnose of texts and screens: the same words."""
    said = alike(
        pyz,
        [
            ["explain", TEXT],
            ["explain", "--json", TEXT],
            ["which", "demo:article", *QUESTION],
            ["which", "demo:article", *QUESTION, "--json"],
            ["whatif", "demo:article"],
            ["whatif", "demo:article", "--json"],
            [
                "whatif",
                "demo:article",
                *QUESTION[:2],
                "--connector",
                "Relay",
                "--add",
                "192.0.2.0/24",
            ],
            ["diff", "demo:article", "demo:relay-subnet"],
            ["diff", "demo:article", "demo:healthy", "--json"],
            ["diagnose", "demo:article"],
            ["diagnose", "demo:healthy"],
            ["scenarios"],
        ],
    )

    assert [code for code, _ in said] == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0]


def test_profile(pyz: Path, tmp_path: Path) -> None:
    """`--profile` finds its file, and `mailflow training` its own, without a package as well."""
    folder = tmp_path / "mailflow"
    folder.mkdir()
    (folder / "config.toml").write_text('[profile.lab]\nsource = "demo:article"\n', "utf-8")
    environment = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = bare(pyz, "diagnose", "--profile", "lab", **environment)

    assert (done.returncode, done.stderr) == (1, "")
    assert bare(pyz, "training", MAILFLOW_DATA="", **environment).returncode == 0


@pytest.mark.long
def test_scenarios(pyz: Path) -> None:
    """Findings, repair and rollback of every simulated organization."""
    alike(pyz, [["diagnose", f"demo:{name}", "--json"] for name in scenario_names()])


def test_every_form_of_export(pyz: Path, tmp_path: Path) -> None:
    """CLIXML, Format-List, transcript, JSON, CSV, in each encoding; found, and proven."""
    folders = [
        capture_forms.write(build.reading(), tmp_path / f"{form}-{number}", form)
        for form in capture_forms.FORMS
        for number, build in enumerate((article(), with_cut(article()), healthy()))
    ]
    shutil.make_archive(str(tmp_path / "zipped"), "zip", folders[0])
    sources = [*folders, tmp_path / "zipped.zip", *stored_snapshots()]
    said = alike(pyz, [["diagnose", str(source), "--json"] for source in sources])
    read = [json.loads(text)["verdict"] for _, text in said]

    assert set(read) >= {"found", "clear"}
    assert "Set-ReceiveConnector" in said[0][1]


def test_stored_findings(pyz: Path) -> None:
    """A bare Python gives what an earlier version stored, not only what this one says."""
    stored = read_json(ROOT / "tests" / "stored" / "findings.json")["article"]
    done = json.loads(bare(pyz, "diagnose", "demo:article", "--json").stdout)

    assert done["repair"] == stored["repair"]
    assert done["rollback"] == stored["undo"]


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["demo"], "pip install exchange-mailflow"),
        (["run", "connector_audit", "demo:article"], "pip install exchange-mailflow"),
        (["twin", "demo:article", "EX16A", "EX16B"], "pip install exchange-mailflow"),
        (["lab"], 'pip install "exchange-mailflow[lab]"'),
        (["practice"], 'pip install "exchange-mailflow[practice]"'),
        (["usage", "."], 'pip install "exchange-mailflow[logs]"'),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_what_needs_more_says_what_to_install(
    pyz: Path, tmp_path: Path, arguments: list[str], command: str
) -> None:
    """One line and exit 3; nothing is written."""
    done = bare(pyz, *arguments, cwd=tmp_path)

    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (3, "", [])
    assert command in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.long
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_later_python(pyz: Path, version: str) -> None:
    """What 3.11 says a later one says as well."""
    python = _python(version)
    wanted, done = (bare(pyz, "whatif", "demo:article", python=one) for one in (PYTHON, python))

    assert (done.returncode, done.stdout) == (wanted.returncode, wanted.stdout)


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.10"])
def test_earlier_python(pyz: Path, version: str) -> None:
    """It says what it needs, in one line."""
    done = subprocess.run(
        [_python(version), str(pyz)], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 3
    assert done.stderr == f"mailflow needs Python 3.11 or later; this is {version}\n"


def _python(version: str) -> str:
    """Another Python of this machine."""
    beside = Path(PYTHON).resolve().parents[2]
    found = sorted(beside.glob(f"{version}.*/bin/python{version}"))
    path = str(found[0]) if found else shutil.which(f"python{version}")
    if path is None:
        pytest.skip(f"no Python {version} here")
    return path


def test_no_repair_without_its_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the plain proof says that another host loses, no command is printed."""
    proven = golden(open_source("demo:article"))
    real = plain_map.contrast

    def one_more(*sides: Sequence[ReceiveConnector], **more: Any) -> Contrast:  # noqa: ANN401
        found = real(*sides, **more)
        lost = (parse_range("192.0.2.9"), sides[0][0], None)
        return replace(found, changed=(*found.changed, lost)) if found.changed else found

    monkeypatch.delattr(exchange, "answer_map")
    monkeypatch.setitem(sys.modules, "mailflow.exchange.answer_map", None)
    monkeypatch.setattr(plain_map, "contrast", one_more)
    answers._worked_out.cache_clear()
    try:
        refused = golden(open_source("demo:article"))
    finally:
        answers._worked_out.cache_clear()

    assert proven["repair"] != []
    assert (refused["verdict"], refused["repair"], refused["undo"]) == ("found", [], [])
