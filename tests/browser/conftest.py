"""A real browser for the tests in this folder, and a runbook in JupyterLab inside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_pages import NotebookPage, opened
from support import needs_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, headless; a machine without one skips the test."""
    path = needs_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def runbook_page(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., NotebookPage]]:
    """Open a notebook in JupyterLab, as `jupyter_pages.opened` does: a path, or a runbook's name.

    Each call starts a server of its own; all end with the test.
    """
    with ExitStack() as stack:

        def open_it(notebook: Path | str, **further: Any) -> NotebookPage:  # noqa: ANN401
            home = tmp_path_factory.mktemp("lab")
            return stack.enter_context(opened(browser, notebook, home, **further))

        yield open_it
