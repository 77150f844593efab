"""JupyterLab at a runbook: it asks nobody outside, and its kernels speak in cipher.

The user's own settings stay in force; a folder of ours is only put before their places, so that the
question about news is answered with no unless the user answered it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from mailflow.errors import UsageError
from mailflow.runs.kernel import kernel_environment
from mailflow.this_run import RUN_FROM, RUNS

DEFAULTS = Path(__file__).with_name("jupyter")
"""Jupyter's own layout of settings, below everything that a user set."""

_CONFIG_PATH = "JUPYTER_CONFIG_PATH"

_QUIET = (
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    # The other one asks the package index for its list as soon as somebody opens its panel.
    "--LabApp.extension_manager=readonly",
    "--log-level=WARN",
)
_PLACES = {"ip", "ServerApp.ip"}
_IN_CIPHER = ("--MappingKernelManager.transport_encryption=auto",)
"""Other users of this machine could listen in on the kernel's channels: code, outputs, input."""


def command(notebook: Path, *further: str) -> list[str]:
    """The command line that opens JupyterLab at a notebook.

    It listens on loopback. As root in a container it gets `--allow-root`: Jupyter refuses root
    because whoever reaches the server acts as root on the machine. Here only this container's own
    processes that know the token reach it, and root is confined to the container. Where it is to
    listen elsewhere, or root is the machine's own, the user has to say so.

    Args:
        notebook: the copy to work in.
        further: options of the user for JupyterLab; they replace ours of the same name.

    Raises:
        UsageError: root, outside a container or on another address than loopback.
    """
    root = _root(notebook)
    page = quote(notebook.resolve().relative_to(root).as_posix())
    ours = [
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{page}",  # also part of the address that is printed
        *_QUIET,
        *_IN_CIPHER,
    ]
    has_place = bool({_name(each) for each in further} & _PLACES)
    if not has_place:
        ours.append("--ServerApp.ip=127.0.0.1")
    named = {_name(each) for each in further}
    if _is_root() and "allow-root" not in named:
        if has_place or not _is_container():
            raise UsageError(
                "JupyterLab does not run as root unless it is told to: use another account, or add "
                "`-- --allow-root` (anybody who reaches the server acts as root)"
            )
        ours.append("--allow-root")
    if not has_display() and "no-browser" not in named:
        ours.append("--no-browser")
    kept = [each for each in ours if _name(each) not in named]
    return [sys.executable, "-m", "jupyterlab", *kept, *further]


def run(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Start JupyterLab and wait for its end; its exit code.

    Ctrl-C reaches it directly, and it asks first. Who ends this process ends it as well.
    """
    with subprocess.Popen(arguments, env=environ) as process:  # noqa: S603 - ours
        before = {
            signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
            signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: process.terminate()),
        }
        try:
            return process.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def has_display() -> bool:
    """Whether a browser could be opened here where the user sees it."""
    environ = os.environ
    if environ.get("BROWSER"):
        return True
    if sys.platform in ("win32", "darwin"):
        return "SSH_CONNECTION" not in environ
    return bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))


def _root(notebook: Path) -> Path:
    """What its file browser shows: the folder where it was started, with runs and exports."""
    here, path = Path.cwd().resolve(), notebook.resolve()
    return here if here in path.parents else path.parent


def _name(option: str) -> str:
    """`ServerApp.port` of `--ServerApp.port=8889`."""
    return option.lstrip("-").partition("=")[0]


def _is_root() -> bool:
    return os.name != "nt" and os.geteuid() == 0


def _is_container() -> bool:
    """By the marks that Docker, Podman, systemd-nspawn and Kubernetes leave."""
    files = (Path("/.dockerenv"), Path("/run/.containerenv"))
    marks = {"container", "KUBERNETES_SERVICE_HOST"} & os.environ.keys()
    return bool(marks) or any(file.exists() for file in files)


def environment(runs: Path) -> dict[str, str]:
    """The environment for it: the way to this package, our defaults, and where runs are kept.

    Args:
        runs: the folder of run folders, as `mailflow run` uses it.
    """
    made = kernel_environment()
    places = [str(DEFAULTS), *filter(None, [made.get(_CONFIG_PATH, "")])]
    made[_CONFIG_PATH] = os.pathsep.join(places)
    made.setdefault(RUNS, str(runs.resolve()))
    made[RUN_FROM] = str(Path.cwd())  # a kernel works in the notebook's folder
    return made
