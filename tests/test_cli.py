"""The command line: answers on standard output, exit codes of the contract, one-line errors."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import capture_forms
from mailflow import cli
from organisations import STUCK, Organisation, article, healthy


class Screen:
    """What one call left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        """Keep exit code, standard output and standard error."""
        self.code, self.out, self.err = code, out, err


Call = Callable[..., Screen]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run the command line in this process."""

    def run(*arguments: object) -> Screen:
        with pytest.raises(SystemExit) as left:
            cli.main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        return Screen(code, out, err)

    return run


def captures(org: Organisation, folder: Path, form: str = "clixml") -> Path:
    """The organisation as files that an administrator would send."""
    folder.mkdir(exist_ok=True)
    capture_forms.write(org.reading(), folder, form)
    return folder


def test_demo_source_is_the_article(call: Call) -> None:
    """demo:article names both relays, both senders, both addresses and the repair."""
    actual = call("diagnose", "demo:article")

    assert actual.code == 1
    for word in ("EX10A", "EX10B", "EX16A", "EX16B", "10.0.0.11", "10.0.0.12", "Relay"):
        assert word in actual.out
    assert r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"' in actual.out
    assert max(map(len, actual.out.splitlines())) <= 100


@pytest.mark.parametrize("form", ["clixml", "list", "json"])
def test_every_form_gives_the_same_findings(call: Call, tmp_path: Path, form: str) -> None:
    """CLIXML, Format-List and JSON: the same verdict and findings but for words about times."""
    expected = json.loads(call("diagnose", "demo:article", "--json").out)

    actual = json.loads(call("diagnose", captures(article(), tmp_path / form, form), "--json").out)

    assert actual["verdict"] == expected["verdict"]
    for one in (*actual["findings"], *expected["findings"]):
        one.pop("reading")
    assert actual["findings"] == expected["findings"]


def test_healthy_is_zero(call: Call, tmp_path: Path) -> None:
    """Nothing wrong and everything read: exit code 0."""
    assert call("diagnose", captures(healthy(), tmp_path / "c")).code == 0


def test_incomplete_is_two(call: Call, tmp_path: Path) -> None:
    """Nothing wrong but not everything read: exit code 2, and what is missing is shown."""
    actual = call("diagnose", captures(healthy().set_addresses("EX10A"), tmp_path / "c"))

    assert actual.code == 2
    assert "EX10A" in actual.out


def test_json_is_one_document(call: Call) -> None:
    """--json prints exactly one document on standard output."""
    actual = call("diagnose", "demo:article", "--json")

    assert json.loads(actual.out)["schema"] == "mailflow.findings/1"
    assert actual.err == ""


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
        ("whatif", "demo:article", "--server", "x"),
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


def test_coming_commands_say_so(call: Call) -> None:
    """A command of a later version says that it comes later."""
    assert "later version" in call("training").err


def test_internal_error_is_four(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours: 4, one line, no traceback."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mailflow.opening.open_source", broken)

    actual = call("diagnose", "demo:article")

    assert actual.code == 4
    assert "Traceback" not in actual.err
    assert "ZeroDivisionError" in actual.err


def test_snapshot_gives_the_same_findings(call: Call, tmp_path: Path) -> None:
    """Collected once, read offline: the same answer."""
    file = tmp_path / "saved"

    assert call("snapshot", "demo:article", "-o", file).code == 0

    expected = json.loads(call("diagnose", "demo:article", "--json").out)
    actual = json.loads(call("diagnose", file, "--json").out)
    assert actual["findings"] == expected["findings"]


def test_explain_json_has_the_keys_in_order(call: Call) -> None:
    """One object a line with the keys of the contract, section 3."""
    actual = call("explain", "--json", STUCK)

    assert actual.code == 0
    assert list(json.loads(actual.out)) == [
        "text", "outer_code", "outer_enhanced", "inner_code", "inner_enhanced", "inner_text",
        "fqdn", "ip", "port", "winsock", "last_retry_time", "chain", "last_endpoint", "cause",
        "candidates",
    ]  # fmt: skip


def test_explain_reads_lines(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a text it reads one error per line, whatever the bytes."""
    given = io.BytesIO(f"{STUCK}\n\n{STUCK}\n\xff".encode("latin-1"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))

    assert len(call("explain", "--json").out.splitlines()) == 3


def test_which_json(call: Call) -> None:
    """One document with the keys of the contract."""
    actual = call("which", "demo:article", "--server", "EX16A", "--source", "10.0.0.11", "--json")

    assert actual.code == 0
    document = json.loads(actual.out)
    assert document["connector"] == r"EX16A\Relay"
    assert isinstance(document["size"], int)


def test_which_probes_keep_their_order(call: Call, tmp_path: Path) -> None:
    """JSON Lines in the order of the questions."""
    file = tmp_path / "probes.csv"
    file.write_text(
        "server,local,port,source\nEX16B,,,10.0.0.12\nEX16A,,2525,10.0.0.22\n", encoding="utf-8"
    )

    actual = call("which", "demo:article", "--probes", file)

    assert actual.code == 0
    answers = [json.loads(line) for line in actual.out.splitlines()]
    assert [one["connector"] for one in answers] == [r"EX16B\Relay", r"EX16A\Default EX16A"]


def test_bad_probe_prints_nothing(call: Call, tmp_path: Path) -> None:
    """A bad line is named, and nothing is printed (contract 4)."""
    file = tmp_path / "probes.csv"
    file.write_text("server,local,port,source\nEX16A,,,10.0.0.1\nEX16A,,,x\n", encoding="utf-8")

    actual = call("which", "demo:article", "--probes", file)

    assert (actual.code, actual.out) == (3, "")
    assert "line 3" in actual.err


def test_hostile_names_are_harmless_on_a_terminal(call: Call, tmp_path: Path) -> None:
    """Escape sequences and bidi marks in names are shown, not obeyed."""
    org = healthy()
    org.add_relay("EX16A", "10.0.0.11", "10.9.9.9", name="x\x1b[31m\u202ey")

    actual = call("diagnose", captures(org, tmp_path / "c"))

    assert actual.code == 1
    assert "\x1b" not in actual.out
    assert "\u202e" not in actual.out


def test_scenarios(call: Call) -> None:
    """What demo: knows, for people and for machines."""
    assert "demo:article" in call("scenarios").out
    document = json.loads(call("scenarios", "--json").out)
    assert document["schema"]
    assert document["scenarios"][0]["source"] == "demo:article"


def test_help_teaches(call: Call) -> None:
    """--help shows the first commands and the exit codes."""
    text = call("--help").out

    assert "mailflow diagnose" in text
    assert "Exit codes" in text
