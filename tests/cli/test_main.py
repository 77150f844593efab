"""The command line as a whole: one-line errors, exit codes of the contract, help."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from command_line import Call, commands
from mailflow.cli import cli
from mailflow.cli.helping import HelpfulCommand


@pytest.mark.parametrize(
    "arguments",
    [
        ("diagnose",),
        ("diagnose", "no-such-file"),
        ("diagnose", "demo:nothing"),
        ("diagnose", "winrm://ex16a", "--auth", "ntlm"),
        ("diagnose", "winrm://ex16a/path"),
        ("snapshot", "winrm+http://ex16a", "--auth", "basic", "--user", "x", "-o", "y"),
        ("diagnose", "ftp://x"),
        ("diagnose", "demo:article", "--server", "EX99"),
        ("diagnose", "demo:article", "--nonsense"),
        ("nonsense",),
        ("which", "demo:article"),
        ("which", "demo:article", "--server", "EX16A", "--source", "10.0.0.1", "--port", "99999"),
        ("which", "demo:article", "--probes", "no-such-file.csv"),
        ("run", "no_such_runbook", "demo:article"),
        ("snapshot", "demo:article", "-o", "/no/such/folder/file"),
        ("practice", "no-such-scenario"),
        ("practice", "--speed", "-1"),
        ("training", "demo:article", "--server", "x"),
        ("doctor", "ex16a", "--auth", "ntlm"),
    ],
)
def test_wrong_usage_is_three(call: Call, arguments: tuple[str, ...]) -> None:
    """Wrong usage, unreadable input and what is not built: 3, and one line on standard error."""
    actual = call(*arguments)

    assert actual.code == 3
    assert actual.out == ""
    assert len(actual.err.splitlines()) == 1
    assert "Traceback" not in actual.err


def test_internal_error_is_four(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours: 4, one line, no traceback."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mailflow.opening.open_source", broken)

    actual = call("diagnose", "demo:article")

    assert actual.code == 4
    assert "Traceback" not in actual.err
    assert "ZeroDivisionError" in actual.err


def test_help_teaches(call: Call) -> None:
    """--help shows the first commands and the exit codes."""
    text = call("--help").out

    assert "mailflow diagnose" in text
    assert "Exit codes" in text


def test_mailflow_alone_is_help(call: Call) -> None:
    """As help itself: in lines, by what a command is for, and no error."""
    alone, asked = call(), call("--help")

    assert (alone.code, alone.err) == (0, "")
    assert alone.out == asked.out
    assert max(map(len, alone.out.splitlines())) <= 80
    for heading in ("Find the cause:", "Repair:", "Try and learn:"):
        assert heading in alone.out


@pytest.mark.parametrize(
    ("typed", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in commands().items()]
)
def test_each_command_helps_alike(call: Call, typed: tuple[str, ...], command: object) -> None:
    """In lines of a terminal, with the options of live sources apart."""
    text = call(*typed, "--help").out

    assert isinstance(command, HelpfulCommand)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert "--keyring" not in text.partition("Options for live sources:")[0]


def _imported(*typed: str) -> set[str]:
    """The parts of mailflow that a command line has imported when it ends."""
    code = (
        "import atexit, sys; from mailflow.cli import main; "
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *typed], capture_output=True, text=True, check=True, timeout=60
    )
    return {name for name in done.stderr.split() if name.startswith("mailflow.")}


def test_help_waits_for_no_command() -> None:
    """A command is imported when it is called; help is there at once."""
    listed = _imported("--help")

    assert listed == {
        *("mailflow.cli", "mailflow.cli.helping", "mailflow.cli.streams"),
        *("mailflow.errors", "mailflow.version"),
    }
    assert [name for name in _imported("usage", "--help") if "sources" in name] == []


def test_a_command_is_listed_as_it_presents_itself() -> None:
    """Help of mailflow says of a command what its own help says first."""
    ctx = click.Context(cli)
    presented = {
        name: command.get_short_help_str(limit=200)
        for name in cli.listed
        if (command := cli.get_command(ctx, name)) and command.name == name
    }

    assert {name: each.purpose for name, each in cli.listed.items()} == presented


def test_options_of_live_sources_stand_apart(call: Call) -> None:
    """Behind a command's own ones, each once."""
    text = call("diagnose", "--help").out
    own, _, live = text.partition("Options for live sources:")

    assert "--min-messages" in own
    assert "--keyring" not in own
    assert text.count("--keyring") == 1
    assert "--keyring" in live


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("diagnos", "x"), "diagnose"),
        (("run", "mail_stuck", "demo:article"), "mail_stuck_in_queue"),
        (("diagnose", "demo:artcle"), "article"),
        (("diagnose", "demo:article", "--sevrer", "EX16A"), "--server"),
    ],
)
def test_what_was_meant(call: Call, typed: tuple[str, ...], meant: str) -> None:
    """A slip of the finger is answered with the nearest name."""
    done = call(*typed)

    assert done.code == 3
    assert f"Did you mean '{meant}'?" in done.err
    assert "?." not in done.err


@pytest.mark.parametrize(
    "typed",
    [
        ("diagnose", "demo:article"),
        ("whatif", "demo:article"),
        ("which", "demo:article", "--server", "EX16A", "--source", "10.0.0.11"),
        ("diff", "demo:article", "demo:article"),
        ("twin", "demo:article", "EX16A", "EX16B"),
        ("tidy", "demo:article"),
    ],
    ids=lambda typed: typed[0],
)
def test_made_up_data_is_called_so(call: Call, typed: tuple[str, ...]) -> None:
    """Over each screen that tells of it."""
    assert call(*typed).out.splitlines()[0] == "SIMULATED DATA  demo:article"
