"""The path of a report: a link where the terminal shows links, and `--open`."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import pytest

from command_line import Call, saved
from mailflow.cli.reports import open_report, shows_links
from organisations import article, healthy
from support import ROOT


@pytest.mark.parametrize(
    "environ",
    [
        {"WT_SESSION": "1"},
        {"TERM_PROGRAM": "vscode"},
        {"TERM_PROGRAM": "iTerm.app"},
        {"TERM": "xterm-256color", "VTE_VERSION": "7600"},
        {"TERM": "xterm-kitty"},
    ],
)
def test_terminals_that_show_links(environ: dict[str, str]) -> None:
    """Only at a terminal, and not inside one that cuts links."""
    assert shows_links(environ, is_terminal=True)
    assert not shows_links(environ, is_terminal=False)
    assert not shows_links(environ | {"TMUX": "1,2,3"}, is_terminal=True)
    assert not shows_links(environ | {"TERM": "dumb"}, is_terminal=True)


@pytest.mark.parametrize(
    "environ",
    [{}, {"TERM": "xterm-256color"}, {"TERM": "linux"}, {"VTE_VERSION": "4205"},
     {"VTE_VERSION": "x"}, {"TERM_PROGRAM": "Apple_Terminal"}],
)  # fmt: skip
def test_others_get_the_path_alone(environ: dict[str, str]) -> None:
    """They would print the address beside it."""
    assert not shows_links(environ, is_terminal=True)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals of POSIX")
@pytest.mark.parametrize("environ", [{"VTE_VERSION": "7600"}, {}])
def test_at_a_real_terminal(tmp_path: Path, environ: dict[str, str]) -> None:
    """The link leads to the file, whatever its path holds; elsewhere the path stands alone."""
    import pty

    folder = tmp_path / "a #é" / "runs" / "20261123T140200Z-connector_audit"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text('{"schema": "mailflow.run/1"}')
    (folder / "report.html").write_text("")
    words = [sys.executable, "-m", "mailflow", "runs", "open", "--runs", str(folder.parent)]
    told = dict(os.environ, PYTHONPATH=str(ROOT / "lib"), BROWSER="true", TERM="xterm-256color")
    for name in ("TMUX", "STY", "VTE_VERSION", "WT_SESSION", "TERM_PROGRAM", "KONSOLE_VERSION"):
        told.pop(name, None)
    child, terminal = pty.fork()
    if child == 0:
        os.execve(words[0], words, told | environ)  # noqa: S606 - a terminal of its own
    written = b""
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            break
        written += piece
        if not piece:
            break
    os.close(terminal)
    os.waitpid(child, 0)
    text = written.decode()

    assert str(folder / "report.html") in text.replace("\r\n", "")
    links = re.findall("\x1b]8;;([^\x1b]+)\x1b\\\\", text)
    assert [unquote(urlsplit(link).path) for link in links] == (
        [str(folder / "report.html")] if environ else []
    )


def test_open_behind_a_run(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report of just this run, after the answer; the exit code stays."""
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", lambda url: opened.append(url) or 0)
    monkeypatch.setenv("VTE_VERSION", "7600")  # no link where this is no terminal
    source = saved(healthy(), tmp_path / "org")
    found = call("run", "connector_audit", source, "--runs", tmp_path / "runs", "--open")
    (report,) = (tmp_path / "runs").glob("*/report.html")

    assert found.code == 0
    assert opened == [report.resolve().as_uri()]
    assert found.out.splitlines()[-1] == str(report)


def test_no_browser_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error; nothing fails."""
    monkeypatch.setattr(click, "launch", lambda _: 3)
    open_report(tmp_path / "report.html")

    assert "No browser was found" in capsys.readouterr().err


def test_a_diagnosis_says_what_to_type_next(call: Call, tmp_path: Path) -> None:
    """The source, the dry run, the report; quoted, with what makes a run find the same."""
    source = saved(article(), tmp_path / "an export")
    log = tmp_path / "none.log"
    log.write_text("")
    found = call("diagnose", source, "--server", "EX16A", "--min-messages", "2", "--user", "anna")
    lines = [line.strip() for line in found.out.splitlines()]

    assert f"mailflow whatif '{source}' --user anna" in lines
    assert (
        f"mailflow run mail_stuck_in_queue '{source}' -p servers EX16A -p min_messages 2 "
        "--user anna"
    ) in lines
    assert "-WhatIf" in found.out
    assert re.search(r"^SOURCE        \S", found.out, re.MULTILINE)


def test_what_it_says_to_type_works(call: Call) -> None:
    """The proof, word for word."""
    lines = call("diagnose", "demo:article").out.splitlines()
    (words,) = (line.split()[1:] for line in lines if "mailflow whatif" in line)

    assert "Effect of changing" in call(*words).out


def test_nothing_to_do_says_nothing_to_type(call: Call, tmp_path: Path) -> None:
    """A clear verdict names its source and no command."""
    found = call("diagnose", saved(healthy(), tmp_path / "org"))

    assert "SOURCE        " in found.out
    assert "mailflow run" not in found.out
    assert "mailflow whatif" not in found.out
