"""The wheel and the source distribution, installed by a stranger and run from another folder.

Each environment holds the wheel with the extras that its commands name, and nothing of this clone.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailflow.version import __version__
from support import ROOT

pytestmark = pytest.mark.long

NAME = f"exchange_mailflow-{__version__}"
MOST_BYTES = 1_350_000
"""Of the wheel; all but a tenth of it is Python."""
TRAVEL_ALONG = {
    *("mailflow/notebooks/mail_stuck_in_queue.ipynb", "mailflow/notebooks/training/case_01.ipynb"),
    *("mailflow/simulated/cases/article.json", "mailflow/powershell/Collect-MailFlow.ps1"),
    *("mailflow/show/templates/verdict.html.j2", "mailflow/show/ticket/index.html.j2"),
    *("mailflow/docs/facts.md", "mailflow/py.typed"),
}
SECONDS = 600


def uv() -> str | None:
    """The quick installer, where this machine has it."""
    beside = shutil.which("uv", path=str(Path(sys.executable).parent))
    return shutil.which("uv") or beside


def stranger(**more: str) -> dict[str, str]:
    """An environment without what would lead back to this clone; the way to packages stays."""
    ours = ("PYTHON", "VIRTUAL_ENV", "MAILFLOW_", "JUPYTER", "IPYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "COLUMNS": "80", "BROWSER": "true", **more}


@dataclass
class Installed:
    """A virtual environment, and a folder in which its commands are started."""

    venv: Path
    folder: Path

    @property
    def scripts(self) -> Path:
        """Where its programs lie."""
        return self.venv / ("Scripts" if os.name == "nt" else "bin")

    def add(self, *packages: str) -> None:
        """Install with the ordinary client; from where is the machine's own setting."""
        quick = uv()
        python = str(self.scripts / "python")
        client = [quick, "pip", "install", "--python", python] if quick else []
        subprocess.run(
            [*(client or [python, "-m", "pip", "install"]), "--quiet", *packages],
            cwd=self.folder,
            env=stranger(),
            check=True,
            timeout=SECONDS,
        )

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`mailflow ARGUMENTS` as it was installed."""
        return subprocess.run(
            [self.scripts / "mailflow", *arguments],
            cwd=self.folder,
            env=stranger(MAILFLOW_DATA=str(self.folder / "data"), **more),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    @contextmanager
    def started(self, *arguments: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """The same, and it runs until the end of the block."""
        process = subprocess.Popen(
            [self.scripts / "mailflow", *arguments],
            cwd=self.folder,
            env=stranger(MAILFLOW_DATA=str(self.folder / "data"), **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate(timeout=60)


def fresh(folder: Path) -> Installed:
    """An environment without packages."""
    made = Installed(folder / "venv", folder / "elsewhere")
    made.folder.mkdir(parents=True)
    quick = uv()
    base = getattr(sys, "_base_executable", "") or sys.executable
    command = [quick, "venv", "--quiet", "--python", base] if quick else [base, "-m", "venv"]
    subprocess.run([*command, str(made.venv)], env=stranger(), check=True, timeout=SECONDS)
    return made


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both distributions, made by the build backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("built")
    tools = fresh(folder)
    tools.add("hatchling>=1.25")
    for kind in ("sdist", "wheel"):
        _hatchling(tools, ROOT, kind, folder / "dist")
    with tarfile.open(folder / "dist" / f"{NAME}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    _hatchling(tools, folder / NAME, "wheel", folder / "again")
    return folder


def _hatchling(tools: Installed, place: Path, kind: str, out: Path) -> None:
    subprocess.run(
        [tools.scripts / "python", "-m", "hatchling", "build", "-t", kind, "-d", str(out)],
        cwd=place,
        env=stranger(),
        capture_output=True,
        check=True,
        timeout=SECONDS,
    )


def wheel(built: Path) -> Path:
    """The wheel that was made of the clone."""
    return built / "dist" / f"{NAME}-py3-none-any.whl"


def install(built: Path, extras: str, folder: Path) -> Installed:
    """A fresh environment with the wheel and these extras."""
    made = fresh(folder)
    made.add(f"exchange-mailflow{extras} @ {wheel(built).as_uri()}")
    return made


@pytest.fixture(scope="module")
def plainly(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Installed without an extra."""
    return install(built, "", tmp_path_factory.mktemp("plain"))


def test_wheel_holds_what_runs_and_nothing_besides(built: Path) -> None:
    """Each module and data file of the package, the runbooks, the facts; no solved run, no test."""
    with zipfile.ZipFile(wheel(built)) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = archive.read(f"{NAME}.dist-info/METADATA").decode("utf-8")
    package = {
        path.relative_to(ROOT / "lib").as_posix()
        for path in (ROOT / "lib" / "mailflow").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert package | TRAVEL_ALONG <= names
    assert {name for name in names - package if not name.startswith("mailflow/notebooks/")} == {
        "mailflow/docs/facts.md"
    }
    assert [name for name in names if "solved/" in name] == []
    assert wheel(built).stat().st_size <= MOST_BYTES
    assert metadata.startswith("Metadata-Version:")
    assert "\nName: exchange-mailflow\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata


def test_source_distribution_makes_the_same_wheel(built: Path) -> None:
    """Who packages from source gets what the clone gives, byte for byte."""
    again = built / "again" / wheel(built).name

    assert again.read_bytes() == wheel(built).read_bytes()


def test_demo_and_run(plainly: Installed) -> None:
    """The headless run needs no extra, and finds its runbooks away from any clone."""
    demo = plainly.run("demo")
    audit = plainly.run("run", "connector_audit", "demo:article")
    reports = [plainly.folder / done.stdout.splitlines()[-1] for done in (demo, audit)]

    assert (demo.returncode, audit.returncode) == (1, 1), demo.stderr + audit.stderr
    assert ["custom" in report.read_text("utf-8") for report in reports] == [True, True]


def test_what_is_not_installed_is_told_with_the_command(plainly: Installed) -> None:
    """Each command that needs an extra names the distribution with that extra; exit 3."""
    logs = plainly.folder / "logs"
    logs.mkdir()
    (logs / "RECV.LOG").write_text("#Software: Microsoft Exchange Server\n", "utf-8")
    said = {
        "lab": plainly.run("lab"),
        "practice": plainly.run("practice"),
        "logs": plainly.run("usage", str(logs)),
    }

    assert {extra: done.returncode for extra, done in said.items()} == dict.fromkeys(said, 3)
    for extra, done in said.items():
        assert f'python -m pip install "exchange-mailflow[{extra}]"' in done.stderr


@pytest.mark.parametrize(
    "source", ["winrm://ex16a.contoso.example", "exchange://ex16a.contoso.example"]
)
def test_live_server_without_its_extra(plainly: Installed, source: str) -> None:
    """A library that is missing is told as such, with the command; never as a server's fault."""
    options = ("--user", "contoso\\anna", "--resolve", "ex16a.contoso.example=127.0.0.1:9")
    done = plainly.run("diagnose", source, *options, "--password-env", "WORD", WORD="none")

    assert 'pip install "exchange-mailflow[live]"' in " ".join((done.stdout + done.stderr).split())
    assert done.returncode in (2, 3)


def test_lab(built: Path, tmp_path: Path) -> None:
    """`exchange-mailflow[lab]`: JupyterLab starts and serves, and the notebook is there."""
    made = install(built, "[lab]", tmp_path)
    places = {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "settings"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "run"),
    }
    with made.started("lab", "--", "--allow-root", "--no-browser", **places) as process:
        server = _first_server(tmp_path / "run", process)
        (copy,) = (made.folder / "runs").glob("*/mail_stuck_in_queue.ipynb")
        place = copy.relative_to(server["root_dir"]).as_posix()
        found = _asked(server, f"api/contents/{place}?content=0")

    assert (found["type"], found["name"]) == ("notebook", copy.name)


def _first_server(runtime: Path, process: subprocess.Popen[str]) -> dict[str, str]:
    """What JupyterLab tells about itself, once it listens."""
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            told: dict[str, str] = json.loads(file.read_text("utf-8"))
            try:
                _asked(told, "api/status")
            except urllib.error.URLError:
                break
            return told
        time.sleep(0.2)
    said = process.stdout.read() if process.stdout and process.poll() is not None else ""
    raise AssertionError(f"JupyterLab did not start: {said}")


def _asked(server: dict[str, str], path: str) -> dict[str, str]:
    headers = {"Authorization": f"token {server['token']}"}
    request = urllib.request.Request(server["url"] + path, headers=headers)  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - on loopback
        read: dict[str, str] = json.loads(answer.read())
    return read


def test_practice_and_live(built: Path, tmp_path: Path) -> None:
    """`[practice]` serves, `[live]` reads it, each from an environment without the other."""
    serving = install(built, "[practice]", tmp_path / "practice")
    reading = install(built, "[live]", tmp_path / "live")
    with serving.started("practice", "article", "--json") as process:
        assert process.stdout is not None
        reach = json.loads(process.stdout.readline())
        found = {
            road: reading.run("diagnose", source, "--json", *reach["args"], **reach["env"])
            for road, source in reach["sources"].items()
        }

    for road, done in found.items():
        assert done.returncode == 1, f"{road}: {done.stderr}"
        causes: Sequence[str] = [one["cause"] for one in json.loads(done.stdout)["findings"]]
        assert causes[0] == "custom-connector-shadows-default"
