"""Start mailflow from a fresh clone with nothing but Python 3.11 or later.

    python3 run.py demo              the case this project grew from, as a report
    python3 run.py test [ARG...]     style, types and tests; ARG goes to pytest: test -k ranges
    python3 run.py lab [RUNBOOK]     open JupyterLab at the runbook
    python3 run.py mailflow ARG...   any command, for example: run.py mailflow diagnose CAPTURES
    python3 run.py setup             make the environment, run nothing
    python3 run.py setup --kerberos  and add what a log-on with a Kerberos ticket needs; on Linux it
                                     is compiled (gcc, python3-dev, libkrb5-dev)

On Windows: py run.py demo. File names in ARG are seen from the directory you are in.

The first start makes .venv beside this file from requirements.lock, where every package carries
its hash; that takes about a minute, with uv on the PATH some seconds. Later starts use what is
there. When the lock, the Python or the folder changed, .venv is made anew. It may be deleted at
any time.

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
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# Not the Python of .venv itself, which could not make .venv anew.
BASE = getattr(sys, "_base_executable", "") or sys.executable
LOCK = ROOT / "requirements.lock"
KERBEROS_LOCK = ROOT / "requirements-kerberos.lock"
VENV = ROOT / ".venv"
STAMP = VENV / "mailflow.stamp"
KERBEROS_STAMP = VENV / "kerberos.stamp"
LOG = VENV / "setup.log"
SCRIPTS = Path(sysconfig.get_path("scripts", "venv", {"base": str(VENV)}))
PACKAGES = Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV), "platbase": str(VENV)}))
PYTHON = SCRIPTS / ("python.exe" if os.name == "nt" else "python")

CHECKS = {
    "style": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
    "tests, notebooks and repository": ("pytest",),
}
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
    known = job in {"demo", "test", "lab", "setup", "mailflow"}
    if not known or (job == "setup" and rest not in ([], ["--kerberos"])):
        say(f"run.py does not know {' '.join(arguments)!r}; python3 run.py --help")
        return 3
    try:
        set_up()
        if job == "setup" and rest:
            set_up_kerberos()
    except SetupError as error:
        say(f"Set-up failed: {error}")
        return 3
    if job == "setup":
        say("Ready. Next: python3 run.py demo")
        return 0
    if job == "test":
        return check(rest)
    return replace_by("-m", "mailflow", *(rest if job == "mailflow" else arguments))


def set_up() -> None:
    """Make .venv from the lock, unless the one that is there was made from this very lock.

    Raises:
        SetupError: it cannot be made.
    """
    stamp = wanted_stamp()
    if PYTHON.exists() and STAMP.exists() and STAMP.read_text(encoding="utf-8") == stamp:
        return
    began = time.monotonic()
    try:
        # Without a stamp an interrupted installation is one that has to be repeated.
        STAMP.unlink(missing_ok=True)
        if not install_with_uv():
            install_with_pip()
        point_to_package()
        STAMP.write_text(stamp, encoding="utf-8")
    except OSError as error:
        why = "is a program still using it (JupyterLab, a notebook)?"
        raise SetupError(f"{VENV} cannot be written, {why} ({error})") from error
    say(f"Environment ready after {time.monotonic() - began:.0f} s.")


def set_up_kerberos() -> None:
    """Add what logging on with a Kerberos ticket needs, unless it is there; it has to be compiled.

    Raises:
        SetupError: it cannot be built.
    """
    try:
        digest = hashlib.sha256(KERBEROS_LOCK.read_bytes()).hexdigest()
    except OSError as error:
        raise SetupError(f"{KERBEROS_LOCK} cannot be read ({error})") from error
    if KERBEROS_STAMP.exists() and KERBEROS_STAMP.read_text(encoding="utf-8") == digest:
        return
    say("Building what Kerberos needs, about a minute ...")
    # It is an addition to the other lock, which holds what these packages need in turn.
    what = ("--quiet", "--require-hashes", "--no-deps", "--requirement", str(KERBEROS_LOCK))
    uv = shutil.which("uv")
    built = uv is not None and logged(uv, "pip", "install", "--python", str(PYTHON), *what)
    if not built and not logged(str(PYTHON), "-m", "pip", "install", *what):
        packages = "apt install gcc python3-dev libkrb5-dev"
        raise SetupError(f"it cannot be built; on Debian and Ubuntu: {packages}; details: {LOG}")
    KERBEROS_STAMP.write_text(digest, encoding="utf-8")


def wanted_stamp() -> str:
    """What .venv depends on: the lock, this Python and where the project lies."""
    try:
        digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    except OSError as error:
        raise SetupError(f"{LOCK} cannot be read ({error}); clone the project again") from error
    return f"{digest}\n{sys.version}\n{ROOT}\n"


def install_with_uv() -> bool:
    """Install with uv if there is one; False where there is none, or it cannot.

    It reads other settings than pip does: where a proxy or an own index is known to pip alone, uv
    fails and pip does not.
    """
    uv = shutil.which("uv")
    if uv is None:
        return False
    announce("some seconds")
    remove_old()
    venv = (uv, "venv", "--quiet", "--python", BASE, str(VENV))
    sync = (uv, "pip", "sync", "--quiet", "--python", str(PYTHON), "--require-hashes")
    # Else every start compiles what it imports again where no .pyc files may be written.
    if logged(*venv) and logged(*sync, "--compile-bytecode", str(LOCK)):
        return True
    say("uv could not install it; trying pip.")
    return False


def install_with_pip() -> None:
    """Install with Python's own tools.

    Raises:
        SetupError: they are missing, or there is no way to the packages.
    """
    if importlib.util.find_spec("ensurepip") is None:
        wanted = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
        raise SetupError(f"this Python has no venv; on Debian and Ubuntu: apt install {wanted}")
    announce("about a minute")
    remove_old()
    pip = (str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    if not logged(BASE, "-m", "venv", str(VENV)):
        raise SetupError(f"no environment could be made; details: {LOG}")
    if not logged(*pip, "--require-hashes", "--requirement", str(LOCK)):
        no_network = NO_NETWORK.search(LOG.read_text(encoding="utf-8", errors="replace"))
        why = "no way to the package index (network, proxy?)" if no_network else "pip gave up"
        raise SetupError(f"{why}; details: {LOG}")


def announce(duration: str) -> None:
    """Say that it takes a while, before it does."""
    packages = len(re.findall(r"^\S+==", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    say(f"Making {VENV}: installing about {packages} packages, {duration} ...")


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
    for name, command in CHECKS.items():
        last = command[0] == "pytest"
        print(f"== {name}: {' '.join(command)}", flush=True)
        module = (str(PYTHON), "-m", *command, *(arguments if last else ()))
        results[name] = subprocess.run(module, cwd=ROOT, check=False).returncode
    failed = [name for name, code in results.items() if code]
    print(f"== failed: {'; '.join(failed)}" if failed else "== all checks passed", flush=True)
    return 1 if failed else 0


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
