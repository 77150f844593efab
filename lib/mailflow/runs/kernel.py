"""papermill in this process: one notebook, one kernel, and what became of its cells."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailflow import early_imports, errors
from mailflow.plain import visible
from mailflow.runs.keeping import Keeper
from mailflow.this_run import RUN_FOLDER, RUN_FROM, RUN_SOURCE

if TYPE_CHECKING:
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase

_OURS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.MailflowError)
}
INTERRUPTED = "it was interrupted"
"""Why a run stopped that a person ended with Ctrl-C."""
_PASSWORD_ENV = "MAILFLOW_PASSWORD_ENV"  # noqa: S105 - a variable that names another one


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run ended before its end; all empty where it did not.

    Attributes:
        reason: in words, for the report and the terminal.
        cell: the id of the cell it stopped at.
        is_bug: an exception of ours that nobody foresaw (exit 4).
    """

    reason: str = ""
    cell: str = ""
    is_bug: bool = False

    def __bool__(self) -> bool:
        """False: the run came to its end."""
        return bool(self.reason)


def kernel_environment(
    folder: Path | None = None, source: str = "", *, password_env: str = "", applies: bool = False
) -> dict[str, str]:
    """The environment for a kernel or JupyterLab: this one, and the way to this package.

    Args:
        folder: of an unattended run. Its snapshot is read, so the kernel needs no secret and
            gets none.
        source: what was collected into it, as it was given.
        password_env: the variable in which the command line said that a password is.
        applies: whether that run changes something, for which it has to sign in: it gets the one
            variable that the environment itself names.
    """
    environment = dict(os.environ)
    home = Path(__file__).parents[2]
    if home.name == "lib":  # a clone; an installed package is found anyway
        ways = [str(home), *filter(None, [environment.get("PYTHONPATH", "")])]
        environment["PYTHONPATH"] = os.pathsep.join(ways)
    for name in (RUN_FOLDER, RUN_SOURCE):
        environment.pop(name, None)
    if folder is None:
        return environment
    from mailflow.sources.credentials import PASSWORD_VARIABLE

    environment |= {
        RUN_FOLDER: str(folder.resolve()),
        RUN_SOURCE: source,
        RUN_FROM: str(Path.cwd()),
    }
    named = environment.get(_PASSWORD_ENV, "")
    for name in {PASSWORD_VARIABLE, named, password_env} - ({named} if applies else set()):
        environment.pop(name, None)
    return environment


def execute(  # noqa: PLR0913 - what a run is given
    notebook: Path,
    output: Path,
    parameters: Mapping[str, object],
    timeout: float,
    *,
    password_env: str = "",
    applies: bool = False,
    meanwhile: Callable[[], object] = lambda: None,
) -> Stop:
    """Execute a notebook into `output`; saved after each cell with code, so no part is ever lost.

    Args:
        notebook: the runbook.
        output: where the executed notebook goes; its folder is the kernel's MAILFLOW_RUN and its
            working directory.
        parameters: checked values.
        timeout: seconds a single cell may take.
        password_env: the variable in which the command line said that a password is.
        applies: whether it changes something, and so may sign in.
        meanwhile: what is done in a thread while the kernel boots; its errors are nobody's.
    """
    # jsonschema compiles a grammar on import if this is there, for nearly half of a whole run.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    try:
        # First of all the kernel: it boots while this process imports what it needs itself.
        folder, source = output.parent, str(parameters.get("source", ""))
        environment = kernel_environment(folder, source, password_env=password_env, applies=applies)
        with _kernel(folder, environment) as kernel, _beside(meanwhile):
            return _through_papermill(notebook, output, parameters, timeout, kernel)
    except KeyboardInterrupt:
        return Stop(INTERRUPTED)
    except (RuntimeError, OSError) as error:
        return Stop(f"the kernel did not start or answer: {_line(str(error))}")


def _through_papermill(
    notebook: Path,
    output: Path,
    parameters: Mapping[str, object],
    timeout: float,
    kernel: AsyncKernelManager,
) -> Stop:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillException, PapermillExecutionError

    from mailflow.runs import engine

    keeper = Keeper(output.resolve())
    try:
        papermill.execute_notebook(
            str(notebook.resolve()),
            keeper.registered(),
            parameters=dict(parameters),
            kernel_name="python3",
            engine_name=engine.registered(),
            progress_bar=False,
            execution_timeout=max(1, round(timeout)),
            km=kernel,
        )
    except PapermillExecutionError as error:
        return _of_cell(error.ename, error.evalue)
    except DeadKernelError:
        return Stop("the kernel died")
    except TimeoutError:
        return Stop(f"a cell took longer than {timeout:g} s")
    except PapermillException as error:
        return Stop(f"papermill refused the runbook: {_line(str(error))}")
    if keeper.fault:
        return Stop(f"the executed notebook cannot be written ({keeper.fault.strerror})")
    return Stop()


@contextmanager
def _beside(job: Callable[[], object]) -> Iterator[None]:
    """Do something in a thread; it has ended when the block has."""

    def quietly() -> None:
        with suppress(Exception):  # whoever needs what it prepares says why it is not there
            job()

    thread = threading.Thread(target=quietly, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@contextmanager
def _kernel(folder: Path, environment: Mapping[str, str]) -> Iterator[AsyncKernelManager]:
    """A kernel of this Python that works in the run's folder; it is gone afterwards."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    # No directory of kernels: only this Python's own is left, whatever the user has installed.
    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
        transport_encryption="auto",  # other users of this machine could listen in
    )
    try:
        run_sync(manager.start_kernel)(
            cwd=str(folder.resolve()),
            env=dict(environment),
            extra_arguments=[f"--IPKernelApp.extra_extensions={early_imports.__name__}"],
        )
        yield manager
    finally:
        if manager.has_kernel:
            _end(manager.provisioner)
            run_sync(manager.shutdown_kernel)(now=True)


def _end(provisioner: KernelProvisionerBase | None) -> None:
    """Kill a kernel and wait for its end, which its manager looks for every tenth of a second."""
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner
    from jupyter_core.utils import run_sync

    if isinstance(provisioner, LocalProvisioner) and provisioner.process:
        run_sync(provisioner.kill)()
        provisioner.process.wait()


def audit(cells: list[dict[str, Any]], stop: Stop) -> Stop:
    """The stop as it was told, or the one that only the cells tell, with the cell it was at.

    papermill calls every cell completed after a time-out or the death of a kernel; only counts and
    error outputs tell the truth.
    """
    code = [
        cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()
    ]
    failed = [cell for cell in code if any(_is_error(output) for output in cell["outputs"])]
    never_ran = [cell for cell in code if cell["execution_count"] is None]
    suspects = failed or never_ran
    if not suspects:
        return stop
    cell_id = str(suspects[0].get("id", ""))
    if stop:
        return Stop(stop.reason, cell_id, stop.is_bug)
    if failed:
        error = next(output for output in failed[0]["outputs"] if _is_error(output))
        told = _of_cell(str(error.get("ename", "")), str(error.get("evalue", "")))
        return Stop(told.reason, cell_id, told.is_bug)
    return Stop(f"{len(never_ran)} cells never ran", cell_id)


def is_foreseen(name: str) -> bool:
    """Whether an exception of this name is one that says what to do, and needs no traceback."""
    return name in _OURS


def _of_cell(name: str, value: str) -> Stop:
    if is_foreseen(name):
        return Stop(_line(value))
    if name in {"CellTimeoutError", "TimeoutError"}:
        return Stop("a cell took too long")
    if name == "KeyboardInterrupt":
        return Stop(INTERRUPTED)
    return Stop(f"internal error in the runbook: {name}: {_line(value)}", is_bug=True)


def _is_error(output: Mapping[str, Any]) -> bool:
    return output.get("output_type") == "error"


def _line(text: str) -> str:
    return visible(text.strip().partition("\n")[0])[:1000]
