"""Start mailflow from a fresh clone with nothing but Python 3.11 or later.

    python3 run.py demo              the case this project grew from, as a report
    python3 run.py test [ARG...]     style, types and tests; ARG goes to pytest: test -k ranges
    python3 run.py lab [RUNBOOK]     open JupyterLab at the runbook
    python3 run.py mailflow ARG...   any command, for example: run.py mailflow diagnose EXPORTS
    python3 run.py sbom [--output FILE]   what the locks install, as CycloneDX; installs nothing
    python3 run.py pyz [--output FILE]    mailflow in one file, which needs nothing but Python
    python3 run.py docs [--output FOLDER]   the documentation as a site
    python3 run.py setup             make the environment, run nothing
    python3 run.py setup --kerberos  and add what sign-in with a Kerberos ticket needs; on Linux it
                                     is compiled (gcc, python3-dev, libkrb5-dev)
    python3 run.py setup --lab --dev and add what the jobs lab and test need, without running them

On Windows: py run.py demo. File names in ARG are seen from the directory you are in.

The first start makes .venv beside this file from requirements.lock, where every package carries
its hash; that takes about half a minute, with uv on the PATH some seconds. The first `lab` adds
JupyterLab from requirements-lab.lock; the first `test` adds that and requirements-dev.lock. Later
starts use what is there. When a lock, the Python or the folder changed, .venv is made anew. It may
be deleted at any time.

Exit codes: those of the command (run.py mailflow --help); 3 where the set-up or the call failed.
"""

# Old interpreters must get as far as this sentence: no syntax here that Python 3.6 lacks.
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this is what tells them
    sys.stderr.write(
        "mailflow needs Python 3.11 or later; this is {}.{}. Try: python3.11 run.py\n".format(
            *sys.version_info[:2]
        )
    )
    sys.exit(3)

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# Not the Python of .venv itself, which could not make .venv anew.
BASE = getattr(sys, "_base_executable", "") or sys.executable
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
STAMP = VENV / "mailflow.stamp"
LOG = VENV / "setup.log"
SCRIPTS = Path(sysconfig.get_path("scripts", "venv", {"base": str(VENV)}))
PACKAGES = Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV), "platbase": str(VENV)}))
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")

# What only some jobs need is installed on top of requirements.lock when such a job is called.
ADDITIONS = {"lab": "JupyterLab", "dev": "the tests", "kerberos": "Kerberos"}
NEEDS = {
    "demo": (),
    "test": ("lab", "dev"),
    "lab": ("lab",),
    "pyz": (),
    "docs": ("lab", "dev"),
    "setup": (),
    "mailflow": (),
}
MADE_BY = {"pyz": ".ci/pyz.py", "docs": "docs/build.py"}
BUILDING = "on Debian and Ubuntu: apt install gcc python3-dev libkrb5-dev"

CHECKS = {
    "style": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
    # Several workers; not more than 4, each may have a browser and a server of its own.
    "tests, notebooks and repository": (
        *("pytest", "--alone=no", "--numprocesses=logical", "--maxprocesses=4"),
        "--dist=worksteal",
    ),
    # What measures time would measure the other workers.
    "tests that run alone": ("pytest", "--alone=only"),
}
NO_TESTS = 5  # pytest's exit code where nothing was chosen
# A lock and those it adds to are complete: nothing has to be looked for. To compile everything
# takes pip half as long as the rest; Python does it for the modules that it imports.
PIP_INSTALL = (
    *(str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
    *("--no-compile", "--no-deps", "--require-hashes"),
)
UV_INSTALL = (
    *("pip", "install", "--quiet", "--python", str(PYTHON)),
    *("--compile-bytecode", "--no-deps", "--require-hashes"),
)
NO_NETWORK = re.compile(
    r"name resolution|name or service|getaddrinfo|dns error|connection|connect|unreachable|"
    r"timed out|proxy|error sending request|from versions: none",
    re.IGNORECASE,
)


class SetupError(Exception):
    """The environment cannot be made; says in one line why, and what helps."""


def main(arguments: list[str]) -> int:
    """Do one job and return its exit code."""
    job, *rest = arguments or ["--help"]
    if job in {"-h", "--help", "help"}:
        print(__doc__.strip())
        return 0
    if job == "sbom":
        return sbom(rest)
    wanted = [one for one in ADDITIONS if job == "setup" and f"--{one}" in rest]
    if job not in NEEDS or (job == "setup" and len(wanted) < len(rest)):
        say(f"run.py does not know {' '.join(arguments)!r}; python3 run.py --help")
        return 3
    of_job = "lab" if job == "mailflow" and rest[:1] == ["lab"] else job
    try:
        set_up(*NEEDS[of_job], *wanted)
    except SetupError as error:
        say(f"Set-up failed: {error}")
        return 3
    if job == "setup":
        compile_all()
        say("Ready. Next: python3 run.py demo")
        return 0
    if job == "test":
        return check(rest)
    if job in MADE_BY:
        return replace_by(str(ROOT / MADE_BY[job]), *rest)
    os.environ["MAILFLOW_RUN_PY"] = sys.argv[0]  # so that commands it prints can be pasted
    return replace_by("-m", "mailflow", *(rest if job == "mailflow" else arguments))


def sbom(arguments: list[str]) -> int:
    """Run `.ci/sbom.py`, which needs nothing but Python; its exit code."""
    file = ROOT / ".ci" / "sbom.py"
    return subprocess.run([sys.executable, "-I", str(file), *arguments], check=False).returncode


def set_up(*additions: str) -> None:
    """Make .venv from the lock, and add what a job needs; what is there from this very lock stays.

    Raises:
        SetupError: it cannot be made.
    """
    stamps = {one: wanted_stamp(one) for one in ("", *additions)}
    missing = [one for one in additions if not stamp(one).exists()]
    # A changed lock may leave a package out: what was installed from the old one has to go.
    is_there = PYTHON.exists() and all(
        stamp(one).exists() and stamp(one).read_text(encoding="utf-8") == text
        for one, text in stamps.items()
        if one not in missing
    )
    if is_there and not missing:
        return
    began = time.monotonic()
    try:
        if not is_there:
            # Without a stamp an interrupted installation is one that has to be repeated.
            STAMP.unlink(missing_ok=True)
            if not install_with_uv():
                install_with_pip()
            point_to_package()
            STAMP.write_text(stamps[""], encoding="utf-8")
        for one in additions if not is_there else missing:
            add(one)
            stamp(one).write_text(stamps[one], encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{VENV} cannot be written, {why_not_written()} ({error})") from error
    say(f"Environment ready after {time.monotonic() - began:.0f} s.")


def why_not_written() -> str:
    """The likely reason, and what helps."""
    if not os.access(ROOT, os.W_OK):
        return "the folder is not yours: clone the project into one of your own"
    return "is a program still using it (JupyterLab, a notebook)?"


def lock(addition: str) -> Path:
    """The lock of an addition, or with "" the one that everybody needs."""
    return ROOT / f"requirements-{addition}.lock" if addition else LOCK


def stamp(addition: str) -> Path:
    """What tells from which lock an addition, or with "" the environment, was installed."""
    return VENV / f"{addition}.stamp" if addition else STAMP


def wanted_stamp(addition: str) -> str:
    """What an installation depends on: its lock, this Python and where the project lies."""
    try:
        digest = hashlib.sha256(lock(addition).read_bytes()).hexdigest()
    except OSError as error:
        raise SetupError(
            f"{lock(addition)} cannot be read ({error}); clone the project again"
        ) from error
    return f"{digest}\n{sys.version}\n{ROOT}\n"


def install_with_uv() -> bool:
    """Install with uv if there is one; False where there is none, or it cannot.

    It reads other settings than pip does: where a proxy or an own index is known to pip alone, uv
    fails and pip does not.
    """
    uv = on_path("uv")
    if uv is None:
        return False
    announce("some seconds")
    remove_old()
    venv = (uv, "venv", "--quiet", "--python", BASE, str(VENV))
    if logged(*venv) and logged(uv, *UV_INSTALL, "--requirement", str(LOCK)):
        return True
    say("uv could not install it; trying pip.")
    return False


def on_path(name: str) -> "str | None":
    """A program in one of the folders that PATH names in full; None where there is none.

    Never one of the current directory, a folder of strangers' files perhaps: Windows would look
    there first, and any system where PATH has an empty or relative entry.
    """
    file = f"{name}.exe" if os.name == "nt" else name
    folders = (Path(one.strip('"')) for one in os.environ.get("PATH", "").split(os.pathsep))
    paths = (one / file for one in folders if one.is_absolute())
    return next((str(one) for one in paths if one.is_file() and os.access(one, os.X_OK)), None)


def install_with_pip() -> None:
    """Install with Python's own tools.

    Raises:
        SetupError: they are missing, or there is no way to the packages.
    """
    if importlib.util.find_spec("ensurepip") is None:
        wanted = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise SetupError(f"this Python has no venv; on Debian and Ubuntu: apt install {wanted}")
    announce("about half a minute")
    remove_old()
    if not logged(BASE, "-m", "venv", str(VENV)):
        raise SetupError(f"no environment could be made; details: {LOG}")
    if not logged(*PIP_INSTALL, "--requirement", str(LOCK)):
        raise SetupError(f"{why_pip_failed()}; details: {LOG}")


def add(addition: str) -> None:
    """Install an addition into the environment that is there.

    Raises:
        SetupError: it cannot be installed, or built.
    """
    what = ADDITIONS[addition]
    count = count_packages(addition)
    of_kerberos = addition == "kerberos"
    building = f"Building what {what} needs, about a minute ..."
    say(building if of_kerberos else f"Adding about {count} packages for {what} ...")
    LOG.unlink(missing_ok=True)
    uv = on_path("uv")
    if uv and logged(uv, *UV_INSTALL, "--requirement", str(lock(addition))):
        return
    if not logged(*PIP_INSTALL, "--requirement", str(lock(addition))):
        why = f"it cannot be built; {BUILDING}" if of_kerberos else why_pip_failed()
        raise SetupError(f"{why}; details: {LOG}")


def why_pip_failed() -> str:
    """The reason, as far as the log tells it."""
    no_network = NO_NETWORK.search(LOG.read_text(encoding="utf-8", errors="replace"))
    return "no way to the package index (network, proxy?)" if no_network else "pip gave up"


def compile_all() -> None:
    """Compile what is installed, for users who may start it and not write here."""
    logged(str(PYTHON), "-m", "compileall", "-q", "-j", "0", str(PACKAGES))


def announce(duration: str) -> None:
    """Say that it takes a while, before it does."""
    say(f"Making {VENV}: installing about {count_packages('')} packages, {duration} ...")


def count_packages(addition: str) -> int:
    """How many packages a lock holds, for all platforms together."""
    text = lock(addition).read_text(encoding="utf-8")
    return len(re.findall(r"^\S+==", text, re.MULTILINE))


def remove_old() -> None:
    """Leave nothing of an older environment, so that what is there is what the lock says."""
    if VENV.exists():
        shutil.rmtree(VENV)


def logged(*command: str) -> bool:
    """Run a command; what it prints goes to the log. Whether it went well."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    VENV.mkdir(exist_ok=True)
    with LOG.open("ab") as log:
        log.write(done.stdout)
    return done.returncode == 0


def point_to_package() -> None:
    """Let the environment find the package in lib/, and give it the command `mailflow`.

    A path relative to the environment needs no encoding and names no machine. An editable
    installation cannot stand in a lock with hashes.
    """
    (PACKAGES / "mailflow.pth").write_text(os.path.relpath(ROOT / "lib", PACKAGES) + "\n", "utf-8")
    if os.name == "nt":
        (SCRIPTS / "mailflow.cmd").write_text('@"%~dp0python.exe" -P -m mailflow %*\n', "utf-8")
        return
    command = SCRIPTS / "mailflow"
    command.write_text('#!/bin/sh\nexec "${0%/*}/python" -P -m mailflow "$@"\n', "utf-8")
    command.chmod(0o755)


def check(arguments: list[str]) -> int:
    """Run every check at the top of the project, also after one that failed; 0 if all went well."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, command) in enumerate(CHECKS.items()):
            print(f"== {name}: {' '.join(command)}", flush=True)
            of_pytest = (f"--junit-xml={folder}/{number}.xml", *arguments)
            module = (str(PYTHON), "-m", *command, *(of_pytest if command[0] == "pytest" else ()))
            results[name] = subprocess.run(module, cwd=ROOT, check=False).returncode
        tell_skipped(Path(folder))
    of_tests = {name for name, command in CHECKS.items() if command[0] == "pytest"}
    # The arguments may choose tests of one kind alone; that none at all was chosen is a mistake.
    chosen = {name for name in of_tests if results[name] != NO_TESTS} or of_tests
    failed = [name for name, code in results.items() if code and name not in of_tests - chosen]
    print(f"== failed: {'; '.join(failed)}" if failed else "== all checks passed", flush=True)
    return 1 if failed else 0


def tell_skipped(reports: Path) -> None:
    """Say what was skipped, by reason: each one names the command that lets these tests run."""
    from xml.etree import ElementTree as ET

    reasons = Counter(
        one.get("message", "")
        for report in sorted(reports.glob("*.xml"))
        for one in ET.parse(report).iter("skipped")  # noqa: S314 - pytest has just written it
        if one.get("type") == "pytest.skip"
    )
    for reason, count in reasons.most_common():
        print(f"== skipped {count}: {reason}", flush=True)


def replace_by(*arguments: str) -> int:
    """Become the environment's Python, which so gets signals and standard streams itself.

    `-P` keeps modules in the current directory, a folder of captures perhaps, from being imported.
    """
    command = [str(PYTHON), "-P", *arguments]
    if os.name != "nt":
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode  # Windows has no exec that waits


def say(text: str) -> None:
    """A line for the person; standard output belongs to the command."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
