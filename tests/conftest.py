"""How every test runs: property-test profiles, what is left out, and no silent skip in CI."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, settings

import passed

IN_CI = os.environ.get("CI", "").casefold() in {"1", "true", "yes"}

# Small by default, so that the whole command stays under a few minutes; `-m long` digs deeper.
settings.register_profile("small", max_examples=50, deadline=None)
# In CI the same examples every time: a red run there must be red here as well.
settings.register_profile("ci", settings.get_profile("small"), derandomize=True, database=None)
settings.register_profile(
    "long", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--alone`: `run.py test` starts what measures time by itself, after all else."""
    parser.addoption("--alone", choices=["no", "only"], help="without, or only, tests `alone`")
    passed.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples a property test gets, unless the command line chose a profile."""
    # A shell may start jobs with Ctrl-C ignored; what a test starts and interrupts inherits that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" not in os.environ:
        # No test writes into the data folder of whoever runs it; all processes of a run share one.
        os.environ["MAILFLOW_DATA"] = own = tempfile.mkdtemp(prefix="mailflow-tests-")
        config.add_cleanup(lambda: shutil.rmtree(own, ignore_errors=True))
    if not config.getoption("--hypothesis-profile", default=None):
        settings.load_profile("long" if _asks_for_long(config) else "ci" if IN_CI else "small")
    passed.obey_options(config)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where only tests `alone` run, a file without one is not imported: that would take longest."""
    if config.getoption("--alone") != "only" or collection_path.suffix != ".py":
        return None
    return "pytest.mark.alone" not in collection_path.read_text(encoding="utf-8") or None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `long`, unless `-m` says something about it; obey `--alone`."""
    alone = config.getoption("--alone")
    asks_for_long = _asks_for_long(config)

    def is_left_out(item: pytest.Item) -> bool:
        is_long = item.get_closest_marker("long") is not None
        is_alone = item.get_closest_marker("alone") is not None
        return (is_long and not asks_for_long) or (
            alone is not None and is_alone != (alone == "only")
        )

    left_out = [item for item in items if is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_left_out(item)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: everything it needs is installed there."""
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself while it is collected."""
    report = yield
    _fail_if_skipped(report)
    return report


def _asks_for_long(config: pytest.Config) -> bool:
    return "long" in cast("str", config.getoption("-m") or "")


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    report.outcome = "failed"
    report.longrepr = f"skipped where nothing may be skipped (CI): {reason}"
