"""Run jobs beside each other, each with its own deadline, and never wait for one that hangs."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Late(Generic[T]):
    """In place of a result: the job had not come back in time. What it still does is not seen."""


def at_once(
    jobs: Mapping[str, Callable[[], T]], *, most: int, seconds: float, until: float
) -> Iterator[tuple[str, T | Late[T]]]:
    """Run jobs in threads and give each result as it comes.

    A job that is late is left behind: its thread is a daemon and holds up neither the next job nor
    the end of the process.

    Args:
        jobs: by name.
        most: how many run at the same time.
        seconds: how long one may take.
        until: when all must have ended, by `time.monotonic`; jobs not begun by then are late too.

    Yields:
        name and result, once for each job, in the order in which they end.

    Raises:
        BaseException: what a job raised; a fault of ours, for jobs report theirs as results.
    """
    waiting = deque(jobs)
    running: dict[str, float] = {}
    ended: queue.SimpleQueue[tuple[str, T | None, BaseException | None]] = queue.SimpleQueue()
    while waiting or running:
        # First what has come: it was in time, also where whoever takes the results was not.
        with contextlib.suppress(queue.Empty):
            while True:
                yield from _taken(running, ended.get_nowait())
        now = time.monotonic()
        for name in [job for job, due in running.items() if now >= due]:
            del running[name]
            yield name, Late()
        while waiting and (now >= until or len(running) < most):
            name = waiting.popleft()
            if now >= until:
                yield name, Late()
                continue
            running[name] = min(now + seconds, until)
            threading.Thread(target=_work, args=(name, jobs[name], ended), daemon=True).start()
        if not running:
            continue
        with contextlib.suppress(queue.Empty):
            wait = max(0.0, min(running.values()) - now)
            yield from _taken(running, ended.get(timeout=wait))


def in_time(job: Callable[[], T], seconds: float) -> T | Late[T]:
    """The result of one job that may hang; its thread is then left behind.

    Raises:
        BaseException: what the job raised.
    """
    until = time.monotonic() + seconds
    return next(at_once({"": job}, most=1, seconds=seconds, until=until))[1]


def _taken(
    running: dict[str, float], ending: tuple[str, T | None, BaseException | None]
) -> Iterator[tuple[str, T]]:
    name, result, error = ending
    if running.pop(name, None) is None:
        return  # it was given up already
    if error is not None:
        raise error
    yield name, result  # type: ignore[misc] # None only where T holds it, or beside an error


def _work(
    name: str,
    job: Callable[[], T],
    ended: queue.SimpleQueue[tuple[str, T | None, BaseException | None]],
) -> None:
    try:
        ended.put((name, job(), None))
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits, which raises it
        ended.put((name, None, error))
