"""SECURITY.md promises nothing that no test holds; and what no other test holds of it."""

from __future__ import annotations

import hashlib
import re
import socket
from html.parser import HTMLParser
from pathlib import Path
from typing import NoReturn

import pytest

from command_line import captures
from mailflow import cli, powershell
from mailflow.runs import run
from organisations import article
from support import ROOT

PAGE = ROOT / "SECURITY.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_each_promise_has_its_tests() -> None:
    """Every row names one at least, and all that are named are there."""
    rows = [
        line
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("| ") and not line.startswith(("| ---", "| promise"))
    ]
    named = {each for line in rows for each in NAMED.findall(line)}
    missing = [
        f"{file}::{name}"
        for file, name in sorted(named)
        if not (ROOT / file).is_file()
        or not re.search(rf"(?m)^def {name}\(", (ROOT / file).read_text("utf-8"))
    ]

    assert len(rows) > 20
    assert [line for line in rows if not NAMED.search(line)] == []
    assert missing == []


def test_the_hashes_of_both_scripts_are_told() -> None:
    """docs/live.md names the SHA-256 of each script as it is sent: with line feeds alone."""
    text = (ROOT / "docs" / "live.md").read_text("utf-8")
    told = dict(re.findall(r"(?m)^\| ([\w-]+\.ps1) \| `([0-9a-f]{64})` \|$", text))

    assert told == {
        name: hashlib.sha256(powershell.script(name).encode("ascii")).hexdigest()
        for name in (powershell.INVOKE, powershell.COLLECT)
    }


class _Seen(HTMLParser):
    """What of a page would load or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.elements = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at an element."""
        self.elements += 1
        if tag in {"script", "iframe", "object", "embed", "link", "base", "form"}:
            self.found.append(tag)
        for name, value in attrs:
            text = (value or "").strip().casefold()
            loads = name in {"src", "srcset", "href", "xlink:href", "action", "poster", "data"}
            if name.startswith("on") or (loads and not text.startswith(("#", "data:image/"))):
                self.found.append(f"{tag} {name}={text[:40]}")


def test_a_report_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    """No script, no handler, no style or picture from elsewhere."""
    text = run("mail_stuck_in_queue", "demo:article", runs=tmp_path).report.read_text("utf-8")
    seen = _Seen()
    seen.feed(text)

    assert seen.elements > 100
    assert seen.found == []
    assert re.findall(r"@import|url\((?!data:|#)[^)]*\)", text) == []


@pytest.mark.parametrize("command", ["diagnose", "whatif", "snapshot"])
def test_files_are_read_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Exports name hosts; nobody is asked about them."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("somebody was asked")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    folder = captures(article(), tmp_path / "exports")
    more = ["-o", str(tmp_path / "out")] if command == "snapshot" else []

    with pytest.raises(SystemExit) as left:
        cli.main([command, str(folder), *more])

    assert left.value.code in (0, 1, 2)
