"""Many logs read side by side on this machine: a file is a task, and a process may end under it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from mailflow.errors import MailflowError
from mailflow.usage.found import ReceiveLogFile, why
from mailflow.usage.parts import Part, PartSettings, summed
from mailflow.usage.places import LogPlace

ReadOutcome = Part | str
"""The part of a file, or in words why there is none."""
Done = tuple[ReceiveLogFile, ReadOutcome]
ENDED = "its process ended while it was read"


def read_here(
    wanted: Sequence[ReceiveLogFile], folder: Path, settings: PartSettings
) -> Iterator[Done]:
    """Read in this process, one after the other."""
    for file in wanted:
        yield file, outcome_of(file.place, folder, settings)


def read_in_processes(
    wanted: Sequence[ReceiveLogFile], folder: Path, settings: PartSettings, workers: int
) -> Iterator[Done]:
    """Read in several processes; a file that kills its process is named, and work goes on."""
    waiting = list(wanted)
    while waiting:
        alone = len(waiting) < len(wanted)
        left: list[ReceiveLogFile] = []
        for group in [[each] for each in waiting] if alone else [waiting]:
            for file, outcome in _pool(group, folder, settings, workers):
                if outcome is not None:
                    yield file, outcome
                elif len(group) == 1:
                    yield file, ENDED
                else:
                    left.append(file)
        waiting = left


def _pool(
    group: Sequence[ReceiveLogFile], folder: Path, settings: PartSettings, workers: int
) -> Iterator[tuple[ReceiveLogFile, ReadOutcome | None]]:
    """Each file with its outcome; None where a process ended under it or beside it."""
    context = get_context("spawn")  # a copy of this process might hold locks of its threads
    with ProcessPoolExecutor(min(workers, len(group)), mp_context=context) as pool:
        tasks: dict[Future[ReadOutcome], ReceiveLogFile] = {
            pool.submit(outcome_of, file.place, folder, settings): file for file in group
        }
        open_tasks = set(tasks)
        while open_tasks:
            ended, open_tasks = wait(open_tasks, return_when=FIRST_COMPLETED)
            for task in ended:
                try:
                    yield tasks[task], task.result()
                except BrokenProcessPool:
                    yield tasks[task], None


def outcome_of(place: LogPlace, folder: Path, settings: PartSettings) -> ReadOutcome:
    """The part of a file, or why there is none: nothing of its text, whatever went wrong."""
    try:
        return summed(place, folder, settings)
    except OSError as error:
        return why(error)
    except MailflowError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a poisoned file brings about
        return f"could not be read ({type(error).__name__})"
