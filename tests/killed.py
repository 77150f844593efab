"""Commands in processes of their own, to be killed at moments drawn by chance.

It stands apart from the tests because the new process imports it by name; tests have none.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from unittest.mock import patch

import psutil

from support import ROOT

PRELOADED = [
    *("winrm", "spnego", "numpy", "hypothesis", "pytest", "psutil"),
    *("mailflow.apply.work", "mailflow.simulated.endpoints", "mailflow.exchange.answer_map"),
    *("mailflow.opening", "mailflow.sources.bounded_http", "mailflow.views.findings"),
    *("mailflow.cli", "mailflow.cli.consent", "mailflow.apply.unfinished", "mailflow.runs"),
    *("mailflow.sources.exports.files", "mailflow.simulated.practice"),
]
"""What a process to be killed has imported before it begins, so that it begins at once."""

LONGEST = 120.0
"""Seconds after which a process that was not killed has to be at its end."""

SAID = "said"
"""The file in its folder that takes what a command prints."""


@dataclass(frozen=True)
class Command:
    """A command line to be killed.

    Attributes:
        arguments: behind `mailflow`.
        folder: where it works.
        environment: variables, beside those of the tests.
    """

    arguments: tuple[str, ...]
    folder: str
    environment: dict[str, str] = field(default_factory=dict)


def call(command: Command, begun: object) -> None:
    """In a process of its own: the command line, with nobody at the terminal."""
    from mailflow import cli

    os.environ.update(command.environment)
    os.chdir(command.folder)
    said = os.open(SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(said, stream)
    begun.set()  # type: ignore[attr-defined]
    cli.main(list(command.arguments))


def started(target: Callable[..., None], errand: object) -> BaseProcess:
    """A process that has begun with its work just now; `target` gets the errand and an event."""
    context = get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    begun = context.Event()
    process = context.Process(target=target, args=(errand, begun), daemon=True)
    with patch.dict(os.environ, {"PYTHONPATH": str(ROOT / "lib")}):  # what it imports is this clone
        process.start()
    assert begun.wait(60)
    return process


def lasts(target: Callable[..., None], errand: object) -> float:
    """How many seconds it takes where nobody kills it."""
    process = started(target, errand)
    began = time.monotonic()
    process.join(LONGEST)
    assert process.exitcode is not None
    return time.monotonic() - began


def ended(command: Command) -> tuple[int, str]:
    """The exit code and the words of a command that nobody kills."""
    process = started(call, command)
    process.join(LONGEST)
    assert process.exitcode is not None
    said = Path(command.folder, SAID)
    return process.exitcode, " ".join(said.read_text("utf-8").split())


def kill(process: BaseProcess, after: float, *, children: bool = False) -> None:
    """Kill a process so many seconds from now, and wait until nothing of it is left.

    Args:
        process: begun just now.
        after: seconds.
        children: whether what it has started is killed with it; else that ends by itself.
    """
    time.sleep(after)
    assert process.pid is not None
    family: list[psutil.Process] = []
    with suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for one in family if children else ():
        with suppress(psutil.Error):
            one.send_signal(signal.SIGKILL)
    process.join()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, alive


def moments(
    rounds: int, seed: int, length: float, *, often: tuple[float, float] = (0, 1)
) -> Iterator[float]:
    """So many moments of something that lasts `length` seconds, half of them in a part of it.

    Args:
        rounds: how many.
        seed: the same one gives the same parts of the length.
        length: seconds, as measured.
        often: where that part begins and ends, 0 to 1.
    """
    dice = Random(f"moments {seed}")  # noqa: S311 - moments, not secrets
    for _ in range(rounds):
        low, high = often if dice.random() < 0.5 else (0, 1)
        yield dice.uniform(low, high) * length
