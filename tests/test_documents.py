"""Documents made from code say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

import mailflow
from mailflow import cli
from mailflow.checks.registry import CHECKS
from support import ROOT


def test_pages_are_what_the_checks_say() -> None:
    """docs/checks/ and the checks never drift apart: `python docs/generate.py` writes it."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_mail_flow_in_the_documents_is_what_is_drawn() -> None:
    """`python docs/picture.py` makes it anew."""
    found = mailflow.findings(mailflow.open("demo:article"))
    data, notes = mailflow.mail_flow(found)._repr_mimebundle_()
    of_page = notes["mailflow"]
    assert isinstance(of_page, dict)

    kept = (ROOT / "docs" / "mail-flow.svg").read_text(encoding="utf-8")
    narrow = (ROOT / "docs" / "mail-flow-narrow.svg").read_text(encoding="utf-8")
    assert kept == data["image/svg+xml"] + "\n"
    assert narrow == of_page["narrow"] + "\n"


def test_the_screen_in_the_readme_is_what_is_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a newcomer reads first is what they get: `mailflow diagnose demo:article`."""
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        cli.main(["diagnose", "demo:article"])
    shown = capsys.readouterr().out.rstrip()

    assert f"```\n{shown}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_cause_has_its_page() -> None:
    """Each public id is a page, so that links to it keep working."""
    pages = {path.stem for path in (ROOT / "docs" / "checks").glob("*.md")}

    assert pages == {"README", *CHECKS}


def test_every_page_has_its_place_in_the_site() -> None:
    """A new document gets its line in the menu (`docs/site/index.md`) and in `docs/README.md`."""
    menu = (ROOT / "docs" / "site" / "index.md").read_text("utf-8").splitlines()
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    pages = sorted(path.stem for path in (ROOT / "docs").glob("*.md"))

    assert len(pages) > 10
    assert [page for page in pages if f"../{page}" not in menu] == []
    assert [page for page in pages if page != "README" and f"({page}.md)" not in index] == []


def heading_anchors(text: str) -> set[str]:
    """The anchors that a Markdown page gives its headings."""
    words = (
        re.sub(r"[^\w\- ]", "", head).strip()
        for head in re.findall(r"^#+ (.+)", text, re.MULTILINE)
    )
    return {head.casefold().replace(" ", "-") for head in words}


def test_links_lead_to_headings() -> None:
    """Each link of a document into a page names a heading that is there."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "runs" / "README.md"]
    dead = [
        f"{page.name}: {target}#{anchor}"
        for page in pages
        for target, anchor in re.findall(r"\]\(([\w./-]*)#([^)\s]+)\)", page.read_text("utf-8"))
        for to in [(page.parent / target) if target else page]
        if anchor not in heading_anchors(to.read_text("utf-8"))
    ]

    assert heading_anchors("## What it promises, and how\n") == {"what-it-promises-and-how"}
    assert dead == []
