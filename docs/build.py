"""The documentation as a site: the project's pages, the runbooks executed, sample reports.

    python3 run.py docs [--output FOLDER]          left out: dist/site

Pages stand where the project has them, so that their links lead to the same things. Runbooks are
executed by `mailflow run`, and their reports are the samples: what is shown is what users get.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "docs" / "site"
PAGES = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "runs/README.md"),
    *("docs/*.md", "docs/*.svg", "docs/*.png", "docs/checks/*.md"),
    *("lib/mailflow/powershell/*.ps1", "lib/mailflow/sources/wire.py"),
    "notebooks/training/solved/first_tour.ipynb",
)
"""What the site is made of, or a page of it links to."""
SAMPLES = {
    "article": ("mail_stuck_in_queue", "demo:article"),
    "incomplete": ("mail_stuck_in_queue", "demo:incomplete"),
    "audit": ("connector_audit", "demo:article"),
    "change": ("fix_and_verify", "demo:article"),
    "twin": ("new_server", "demo:new-server", "-p", "server_a", "EX16A", "-p", "server_b", "EX16B"),
    "relay": ("relay_usage", "demo:month-of-logs", "-p", "narrow", "EX16A\\Relay"),
}
"""Report to runbook, source and parameters; the first of each runbook is its page."""
RAN = (0, 1, 2)
"""Exit codes of a run that came to its end."""


class BuildError(Exception):
    """The site cannot be made; says why."""


def stage(folder: Path) -> None:
    """Put all pages into a folder, as they stand in the project; those of the site at its top."""
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copytree(SITE, folder, dirs_exist_ok=True)
    for path in folder.glob("*.md"):
        if (SITE / path.name).is_file():  # it stood two folders further down
            text = path.read_text("utf-8").replace("../../", "").replace("../", "docs/")
            path.write_text(text, "utf-8")
    _list_checks(folder / "docs" / "checks")
    # The cases are to be solved, not read: the tour leads to the command instead of to their files.
    tour = folder / "notebooks" / "training" / "solved" / "first_tour.ipynb"
    text = tour.read_text("utf-8").replace("[case 1](case_01.ipynb)", "`mailflow lab case-1`")
    tour.write_text(text, "utf-8")


def _list_checks(folder: Path) -> None:
    """Let the page of all checks lead to each one in the site's menu as well."""
    names = sorted(path.stem for path in folder.glob("*.md") if path.stem != "README")
    with (folder / "README.md").open("a", encoding="utf-8") as page:
        page.write("\n".join(["\n```{toctree}", ":hidden:", "", *names, "```", ""]))


def run_samples(folder: Path) -> None:
    """Run every sample: its report beside the pages, the first notebook of a runbook as a page.

    Raises:
        BuildError: a run did not come to its end.
    """
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as workers:
        runs = dict(zip(SAMPLES, workers.map(_run, SAMPLES.values()), strict=True))
    (folder / "extra" / "samples").mkdir(parents=True)
    for name, (runbook, *_) in SAMPLES.items():
        report, notebook = runs[name]
        (folder / "extra" / "samples" / f"{name}.html").write_bytes(report)
        page = folder / "notebooks" / f"{runbook}.ipynb"
        if not page.exists():
            page.write_bytes(notebook)


def _run(sample: Sequence[str]) -> tuple[bytes, bytes]:
    """The report and the executed notebook."""
    with tempfile.TemporaryDirectory() as runs:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "mailflow", "run", *sample, "--runs", runs],
            cwd=runs,
            env=os.environ | {"MAILFLOW_DATA": str(Path(runs) / "data")},
            capture_output=True,
            text=True,
            check=False,
        )
        found = list(Path(runs).glob("*/report.html"))
        if done.returncode not in RAN or len(found) != 1:
            raise BuildError(f"mailflow run {' '.join(sample)}: {done.stderr or done.stdout}")
        return found[0].read_bytes(), found[0].with_name("notebook.ipynb").read_bytes()


def build(output: Path) -> None:
    """Make the site, whole or not at all; a warning of Sphinx is a fault.

    Raises:
        BuildError: it cannot be made.
    """
    with tempfile.TemporaryDirectory() as folder:
        pages, site = Path(folder) / "pages", Path(folder) / "site"
        stage(pages)
        run_samples(pages)
        command = ("-W", "--keep-going", "-q", "-E", "-d", f"{folder}/trees", "-b", "html")
        done = subprocess.run(
            [sys.executable, "-P", "-m", "sphinx", *command, str(pages), str(site)],
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode:
            raise BuildError("Sphinx found faults, see above")
        (site / ".buildinfo").unlink(missing_ok=True)
        shutil.rmtree(site / "_sources", ignore_errors=True)  # an empty folder
        _replace(site, output)


def _replace(site: Path, output: Path) -> None:
    if output.exists() and not (output / "searchindex.js").is_file():
        raise BuildError(f"{output} is there and is no site: name another folder")
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        shutil.copytree(site, beside)
        if output.exists():
            shutil.rmtree(output)
        beside.rename(output)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Wrong usage is 3 here."""
        raise BuildError(message)


def main(arguments: list[str]) -> int:
    """Build it, and print where its first page is."""
    parser = _Parser(prog="run.py docs", description="The documentation as a site.")
    parser.add_argument("--output", type=Path, help="left out: dist/site")
    try:
        output: Path = parser.parse_args(arguments).output or ROOT / "dist" / "site"
        sys.stderr.write(f"Running {len(SAMPLES)} runbooks, then Sphinx; about a minute ...\n")
        build(output)
    except (BuildError, OSError) as error:
        sys.stderr.write(f"run.py docs: {error}\n")
        return 3
    sys.stdout.write(f"{output / 'index.html'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
