"""The bootstrap, on a small copy of the project: its own lock, a package that tells what it got."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from support import ROOT

POSIX = os.name != "nt"
PYTHON = getattr(sys, "_base_executable", "") or sys.executable
METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n"
PACKAGE = """
import os, sys
print(sys.argv[1:])
print(os.getcwd())
if called := os.environ.get("MAILFLOW_RUN_PY"):
    print(called)
sys.exit(7)
"""


def bare_path() -> str:
    """A PATH without uv, so that the way through pip is taken."""
    return str(Path(sys.base_prefix) / "bin")


def project(folder: Path) -> Path:
    """A project of one package and a lock of one wheel that lies beside it."""
    (folder / "lib" / "mailflow").mkdir(parents=True)
    (folder / "lib" / "mailflow" / "__main__.py").write_text(PACKAGE, "utf-8")
    shutil.copy(ROOT / "run.py", folder)
    wheel = folder / "wheels" / "tiny-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", METADATA)
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    lock(folder, hashlib.sha256(wheel.read_bytes()).hexdigest())
    return folder


def lock(folder: Path, digest: str) -> None:
    """Write all locks, with this hash for their one package."""
    wheels = (folder / "wheels").as_uri()
    text = f"--no-index\n--find-links {wheels}\ntiny==1.0 --hash=sha256:{digest}\n"
    for name in ("", "-lab", "-dev", "-kerberos"):
        (folder / f"requirements{name}.lock").write_text(text, "utf-8")


def start(
    folder: Path, *arguments: str, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the copy's run.py."""
    variables = {**os.environ, "PATH": bare_path(), **environment}
    return subprocess.run(
        [PYTHON, folder / "run.py", *arguments],
        cwd=cwd or folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def stamp(folder: Path) -> Path:
    """The file that says what the environment was made from."""
    return folder / ".venv" / "mailflow.stamp"


def with_stand_in(folder: Path, script: str) -> str:
    """A PATH that begins with a program called uv, which notes how it is called."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    program = tools / "uv"
    program.write_text(f'#!/bin/sh\necho "$*" >> "{folder}/calls"\n{script}\n', "utf-8")
    program.chmod(0o755)
    return f"{tools}{os.pathsep}{bare_path()}{os.pathsep}/usr/bin{os.pathsep}/bin"


def with_quick_uv(folder: Path) -> str:
    """A PATH with a uv that makes an environment of nothing, in no time."""
    make = f'{PYTHON} -m venv --without-pip "{folder}/.venv"'
    return with_stand_in(folder, f'test "$1" = pip || {make}')


needs_posix = pytest.mark.skipif(not POSIX, reason="the stand-in for uv is a shell script")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was set up once, with pip."""
    folder = project(tmp_path_factory.mktemp("a clone"))
    done = start(folder, "setup")

    assert done.returncode == 0, done.stderr
    return folder


@needs_posix
@pytest.mark.parametrize("way", ["", ".", "here"])
@pytest.mark.parametrize("job", ["setup", "add"])
def test_no_program_of_the_current_directory_is_run(tmp_path: Path, way: str, job: str) -> None:
    """A `uv` in a folder of strangers' files is not run, whatever entry of PATH leads there."""
    folder = project(tmp_path / "clone")
    if job == "add":
        start(folder, "setup", PATH=with_quick_uv(folder))
    (folder / "calls").unlink(missing_ok=True)
    strangers = tmp_path / "exports"
    for name in ("uv", "uv.exe", "python", "python3", "git", "here/uv"):
        program = strangers / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$0" >> "{folder}/hijacked"\n', "utf-8")
        program.chmod(0o755)

    arguments = ("setup", "--lab") if job == "add" else ("setup",)
    done = start(folder, *arguments, cwd=strangers, PATH=f"{way}{os.pathsep}{bare_path()}")

    assert done.returncode == (0 if job == "setup" else 3), done.stderr
    assert not (folder / "hijacked").exists()


@needs_posix
def test_single_file_is_made_in_the_environment(tmp_path: Path) -> None:
    """`run.py pyz` becomes the program that makes it, with the arguments as they were given."""
    folder = project(tmp_path)
    (folder / ".ci").mkdir()
    (folder / ".ci" / "pyz.py").write_text(PACKAGE + "\n", "utf-8")

    done = start(folder, "pyz", "--output", "a file", PATH=with_quick_uv(folder))

    assert (done.returncode, done.stdout) == (7, f"['--output', 'a file']\n{folder}\n")


@needs_posix
def test_set_up_says_how_long_it_takes(tmp_path: Path) -> None:
    """The first start tells of the installation before and after it, on standard error alone."""
    folder = project(tmp_path)

    done = start(folder, "setup", PATH=with_quick_uv(folder))

    assert done.returncode == 0
    assert "installing about 1 packages" in done.stderr
    assert "Environment ready after" in done.stderr
    assert done.stdout == ""


def test_command_gets_arguments_and_keeps_its_directory(installed: Path, tmp_path: Path) -> None:
    """Arguments, working directory and exit code are the command's; the set-up is not repeated."""
    before = stamp(installed).stat().st_mtime_ns

    done = start(installed, "mailflow", "which", "a b", "--json", cwd=tmp_path)

    assert done.stdout.splitlines() == [
        "['which', 'a b', '--json']",
        str(tmp_path),
        str(installed / "run.py"),
    ]
    assert done.returncode == 7
    assert done.stderr == ""
    assert stamp(installed).stat().st_mtime_ns == before


@pytest.mark.parametrize("arguments", [("demo",), ("demo", "--json"), ("lab", "audit")])
def test_demo_and_lab_are_commands(installed: Path, arguments: tuple[str, ...]) -> None:
    """`run.py demo` and `run.py lab` are the commands of that name, arguments included."""
    assert start(installed, *arguments).stdout.splitlines()[0] == str(list(arguments))


@pytest.mark.skipif(not POSIX, reason="the command is a .cmd file on Windows")
def test_environment_has_the_command(installed: Path) -> None:
    """An activated environment knows `mailflow`."""
    done = subprocess.run(
        [installed / ".venv" / "bin" / "mailflow", "doctor"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.splitlines()[0] == "['doctor']"
    assert done.returncode == 7


def test_module_beside_the_captures_is_not_imported(installed: Path, tmp_path: Path) -> None:
    """A folder of captures may hold a json.py or a mailflow.py: neither is run."""
    for name in ("json.py", "mailflow.py", "os.py"):
        (tmp_path / name).write_text("raise SystemExit('hijacked')", "utf-8")

    assert start(installed, "demo", cwd=tmp_path).returncode == 7


@pytest.mark.alone
@pytest.mark.parametrize(
    ("mine", "told"), [(False, "clone the project into one of your own"), (True, "JupyterLab")]
)
def test_a_project_of_somebody_else_is_told(told: str, *, mine: bool) -> None:
    """Who may not write there is told to clone it, and not to look for an open notebook."""
    ask = f"import run; run.os.access = lambda *_: {mine}; print(run.why_not_written())"
    done = subprocess.run([PYTHON, "-c", ask], cwd=ROOT, capture_output=True, text=True, check=True)

    assert told in done.stdout


def test_second_start_is_quick(installed: Path) -> None:
    """A start that finds its environment costs less than 0.3 s over the command itself."""
    python = installed / ".venv" / ("bin/python" if POSIX else "Scripts/python.exe")

    def seconds(*command: str | Path) -> float:
        began = time.perf_counter()
        subprocess.run(command, check=False, cwd=installed, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    over = [
        seconds(PYTHON, installed / "run.py", "demo") - seconds(python, "-m", "mailflow", "demo")
        for _ in range(5)
    ]

    assert statistics.median(over) < 0.3


@needs_posix
@pytest.mark.parametrize("change", ["lock", "interrupted", "moved", "deleted"])
def test_environment_is_made_anew_when_it_must(tmp_path: Path, change: str) -> None:
    """Another lock, an interrupted installation, a moved folder, a lost Python: set up again."""
    folder = project(tmp_path / "clone")
    start(folder, "setup", PATH=with_quick_uv(folder))
    assert start(folder, "demo").stderr == ""
    if change == "lock":
        with (folder / "requirements.lock").open("a") as file:
            file.write("# renewed\n")
    elif change == "interrupted":
        stamp(folder).unlink()
    elif change == "deleted":
        (folder / ".venv" / "bin" / "python").unlink()
    elif change == "moved":
        folder = folder.rename(tmp_path / "elsewhere")

    done = start(folder, "demo", PATH=with_quick_uv(folder))

    assert "Making " in done.stderr
    assert done.returncode == 7


def test_wrong_hash_is_refused(tmp_path: Path) -> None:
    """A package that is not the one of the lock is not installed, and nothing is run."""
    folder = project(tmp_path)
    lock(folder, "0" * 64)

    done = start(folder, "demo")

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("Set-up failed: pip gave up; details: ")
    assert not stamp(folder).exists()
    assert b"DO NOT MATCH THE HASHES" in (folder / ".venv" / "setup.log").read_bytes()


def test_no_network_is_said(tmp_path: Path) -> None:
    """Without a way to the packages one line says so."""
    folder = project(tmp_path)
    text = (folder / "requirements.lock").read_text("utf-8")
    (folder / "requirements.lock").write_text(text.split("\n")[-2], "utf-8")

    done = start(folder, "demo", PIP_INDEX_URL="http://127.0.0.1:9/", PIP_RETRIES="0")

    assert done.returncode == 3
    assert "Set-up failed: no way to the package index (network, proxy?)" in done.stderr


@needs_posix
def test_uv_is_used_where_it_is(tmp_path: Path) -> None:
    """With uv: hashes are required and bytecode is compiled at once (jupyter facts, 0.4)."""
    folder = project(tmp_path)

    done = start(folder, "demo", PATH=with_quick_uv(folder))
    venv, install = (folder / "calls").read_text("utf-8").splitlines()

    assert done.returncode == 7
    assert venv.startswith("venv ")
    assert install.startswith("pip install ")
    assert install.endswith("requirements.lock")
    assert "--require-hashes" in install
    assert "--compile-bytecode" in install


@needs_posix
def test_pip_takes_over_where_uv_fails(tmp_path: Path) -> None:
    """An own index or a proxy may be known to pip alone: a uv that fails is no end."""
    folder = project(tmp_path)

    done = start(folder, "demo", PATH=with_stand_in(tmp_path, "exit 2"))

    assert "uv could not install it; trying pip." in done.stderr
    assert done.returncode == 7


def calls(folder: Path) -> list[str]:
    """The locks that the stand-in for uv was told to install, in order, since the last time."""
    noted = folder / "calls"
    lines = noted.read_text("utf-8").splitlines() if noted.exists() else []
    noted.unlink(missing_ok=True)
    return [line.rpartition("requirements")[2] for line in lines if line.startswith("pip")]


@needs_posix
def test_each_job_installs_what_it_needs(tmp_path: Path) -> None:
    """The demo gets no JupyterLab and no tools; lab and test add theirs, and only once."""
    folder = project(tmp_path)
    path = with_quick_uv(folder)

    def added(*arguments: str) -> list[str]:
        start(folder, *arguments, PATH=path)
        return calls(folder)

    assert added("demo") == [".lock"]
    assert added("mailflow", "diagnose", "lab") == []
    assert added("mailflow", "lab") == ["-lab.lock"]
    assert added("lab", "training") == []
    assert added("test") == ["-dev.lock"]
    assert added("test") == added("demo") == []
    assert added("setup", "--kerberos") == ["-kerberos.lock"]


@needs_posix
def test_first_job_may_be_any(tmp_path: Path) -> None:
    """In a fresh clone `test` installs everything that it needs."""
    folder = project(tmp_path)

    start(folder, "test", PATH=with_quick_uv(folder))

    assert calls(folder) == [".lock", "-lab.lock", "-dev.lock"]


@needs_posix
@pytest.mark.parametrize("change", ["lock", "interrupted", "made anew"])
def test_an_addition_is_installed_again_when_it_must(tmp_path: Path, change: str) -> None:
    """After a change of its lock all is made anew; an interrupted installation is repeated."""
    folder = project(tmp_path)
    path = with_quick_uv(folder)
    start(folder, "lab", PATH=path)
    calls(folder)
    if change == "lock":
        with (folder / "requirements-lab.lock").open("a") as file:
            file.write("# renewed\n")
    elif change == "interrupted":
        (folder / ".venv" / "lab.stamp").unlink()
    elif change == "made anew":
        stamp(folder).unlink()

    start(folder, "lab", PATH=path)

    again = ["-lab.lock"] if change == "interrupted" else [".lock", "-lab.lock"]
    assert calls(folder) == again
    assert start(folder, "lab", PATH=path).stderr == ""


def test_an_addition_that_fails_is_said(installed: Path) -> None:
    """No job is started without what it needs."""
    file = installed / "requirements-lab.lock"
    before = file.read_text("utf-8")
    file.write_text(before.replace("tiny==1.0", "absent==1.0"), "utf-8")
    (installed / ".venv" / "lab.stamp").unlink(missing_ok=True)
    done = start(installed, "lab")
    file.write_text(before, "utf-8")

    assert done.returncode == 3
    assert done.stdout == ""
    assert "Set-up failed: " in done.stderr
    assert start(installed, "lab").returncode == 7


def test_kerberos_is_added_once(installed: Path) -> None:
    """`setup --kerberos` installs its lock into the same environment, and once."""
    first = start(installed, "setup", "--kerberos")
    second = start(installed, "setup", "--kerberos")

    assert first.returncode == second.returncode == 0
    assert "Building what Kerberos needs" in first.stderr
    assert "Building" not in second.stderr


def test_kerberos_that_cannot_be_built_says_what_to_install(installed: Path) -> None:
    """What pip cannot install ends with the packages that help, and with 3."""
    file = installed / "requirements-kerberos.lock"
    before = file.read_text("utf-8")
    file.write_text(before.replace("tiny==1.0", "absent==1.0"), "utf-8")
    (installed / ".venv" / "kerberos.stamp").unlink(missing_ok=True)
    done = start(installed, "setup", "--kerberos")
    file.write_text(before, "utf-8")

    assert done.returncode == 3
    assert "apt install gcc python3-dev libkrb5-dev" in done.stderr


@pytest.mark.parametrize("arguments", [("dmeo",), ("setup", "now"), ("setup", "lab"), ("--json",)])
def test_wrong_usage_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """A job that is none is exit code 3 and makes nothing."""
    folder = project(tmp_path)

    done = start(folder, *arguments)

    assert done.returncode == 3
    assert arguments[0] in done.stderr
    assert not (folder / ".venv").exists()


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_teaches(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Help names every job, needs no environment and fits a terminal."""
    folder = project(tmp_path)

    done = start(folder, *arguments)

    assert done.returncode == 0
    assert all(f"run.py {job}" in done.stdout for job in ("demo", "test", "lab", "mailflow"))
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert not (folder / ".venv").exists()


def run_changed(statement: str) -> subprocess.CompletedProcess[str]:
    """Run the project's run.py in an interpreter that was changed by a statement first."""
    code = f"import sys; {statement}; import runpy; runpy.run_path(sys.argv[1], run_name='run')"
    return subprocess.run(
        [PYTHON, "-c", code, ROOT / "run.py"], capture_output=True, text=True, check=False
    )


def test_old_python_is_told() -> None:
    """Python 3.10 gets one sentence and exit code 3; 3.6 can read the file so far."""
    ast.parse((ROOT / "run.py").read_text("utf-8"), feature_version=(3, 6))

    done = run_changed("sys.version_info = (3, 10, 4, 'final', 0)")

    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "needs Python 3.11 or later; this is 3.10" in done.stderr


def test_missing_venv_package_is_told(tmp_path: Path) -> None:
    """Debian's Python without python3-venv is told which package to install."""
    folder = project(tmp_path)
    code = (
        "import sys, importlib.util as u, runpy; find = u.find_spec;"
        "u.find_spec = lambda name, *rest: None if name == 'ensurepip' else find(name, *rest);"
        "sys.argv = [sys.argv[1], 'demo']; runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    done = subprocess.run(
        [PYTHON, "-c", code, folder / "run.py"],
        env={**os.environ, "PATH": bare_path()},
        capture_output=True,
        text=True,
        check=False,
    )

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert done.returncode == 3
    assert f"apt install python{version}-venv" in done.stderr


STAND_IN = """
import sys
from pathlib import Path

alone = "--alone=only" in sys.argv
report = next((one for one in sys.argv if one.startswith("--junit-xml=")), "")
if report:
    Path(report.partition("=")[2]).write_text('''<testsuites><testsuite>
<testcase><skipped type="pytest.skip" message="no A &amp; B; to run them: add A"/></testcase>
<testcase><skipped type="pytest.xfail" message="not yet"/></testcase>
<testcase/></testsuite></testsuites>''')
codes = {"few": 5 if alone else 0, "none": 5, "bad": 1 if alone else 0}
sys.exit(codes.get(sys.argv[-1], 0) if report else 0)
"""
"""Stands for ruff, mypy and pytest: each part of pytest skips one test; what it is given last
says how it ends, once for the tests that run alone."""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with stand-ins for all checks."""
    folder = project(tmp_path_factory.mktemp("checked"))
    for name in ("ruff", "mypy", "pytest"):
        (folder / "lib" / f"{name}.py").write_text(STAND_IN, "utf-8")
    assert start(folder, "setup").returncode == 0
    return folder


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of run.py itself on standard output."""
    return [line for line in done.stdout.splitlines() if line.startswith("== ")]


HEADINGS = [
    "== style: ruff check .",
    "== format: ruff format --check .",
    "== types: mypy",
    (
        "== tests, notebooks and repository: pytest --alone=no --numprocesses=logical"
        " --maxprocesses=4 --dist=worksteal"
    ),
    "== tests that run alone: pytest --alone=only",
]


def test_check_goes_on_and_names_every_failure(installed: Path) -> None:
    """`test` goes on after a check that failed, and names every one that did; exit code 1."""
    done = start(installed, "test", "-k", "ranges")

    assert done.returncode == 1
    assert said(done) == [
        *HEADINGS,
        "== failed: style; format; types; tests, notebooks and repository; tests that run alone",
    ]


def test_check_says_at_its_end_what_was_skipped(checked: Path) -> None:
    """Each reason once, with how many tests have it; a test that is expected to fail is none."""
    done = start(checked, "test")

    assert done.returncode == 0
    assert said(done) == [
        *HEADINGS,
        "== skipped 2: no A & B; to run them: add A",
        "== all checks passed",
    ]


@pytest.mark.parametrize(
    ("chosen", "code", "end"),
    [
        ("few", 0, "== all checks passed"),
        ("none", 1, "== failed: tests, notebooks and repository; tests that run alone"),
        ("bad", 1, "== failed: tests that run alone"),
    ],
)
def test_arguments_may_choose_tests_of_one_kind(
    checked: Path, chosen: str, code: int, end: str
) -> None:
    """None that runs alone is well, none at all is a mistake, and a failure is a failure."""
    done = start(checked, "test", "-k", chosen)

    assert (done.returncode, said(done)[-1]) == (code, end)
