"""The parts of mailflow that are installed only where they are wanted, and the command that does.

`pip install exchange-mailflow` gives the commands, `exchange-mailflow[lab]` JupyterLab besides, and
so on. The single file (mailflow.pyz) comes without any of these packages.
"""

from __future__ import annotations

from importlib.util import find_spec
from types import MappingProxyType

from mailflow.errors import UsageError

DISTRIBUTION = "exchange-mailflow"
"""Its name in the Python index; another project holds the name `mailflow` there."""

MODULES = MappingProxyType(
    {
        "": (
            *("IPython", "click", "ipykernel", "ipywidgets", "jinja2", "jupyter_client"),
            *("markupsafe", "nbclient", "nbconvert", "nbformat", "numpy", "pandas", "papermill"),
            *("platformdirs", "psutil", "requests"),
        ),
        "lab": ("jupyterlab",),
        "logs": ("duckdb",),
        "live": ("keyring", "pypsrp", "winrm"),
        "practice": ("psrpcore", "requests_credssp", "spnego", "trustme"),
        "kerberos": ("gssapi", "krb5"),
        "cluster": ("cryptography", "dask", "distributed", "fsspec"),
    }
)
"""Extra to the modules that it brings; "" for what is always installed."""

_PLAIN = f"python -m pip install {DISTRIBUTION}"
_OF_SETUP = ("lab", "kerberos")
"""Extras that `run.py setup` adds only where it is told to."""


def install(extra: str = "") -> str:
    """The command that installs mailflow with this extra; it can be pasted into any shell."""
    return f'python -m pip install "{DISTRIBUTION}[{extra}]"' if extra else _PLAIN


def require(extra: str, what: str) -> None:
    """Make sure that an extra is installed.

    Args:
        extra: a key of `MODULES`.
        what: needs it; `mailflow practice`.

    Raises:
        UsageError: it is not; says which command installs it.
    """
    lacking = [name for name in MODULES[extra] if find_spec(name) is None]
    if lacking:
        raise _lacks(what, lacking[0], extra)


def not_installed(error: ModuleNotFoundError) -> UsageError | None:
    """What to tell where an import failed; None for a module that none of our packages brings."""
    top = (error.name or "").partition(".")[0]
    extra = next((name for name, modules in MODULES.items() if top in modules), None)
    return None if extra is None else _lacks("this", top, extra)


def _lacks(what: str, module: str, extra: str) -> UsageError:
    setup = "python3 run.py setup" + (f" --{extra}" if extra in _OF_SETUP else "")
    return UsageError(
        f"{what} needs {module}, which is not installed here: {install(extra)} "
        f"(in a clone: {setup})"
    )
