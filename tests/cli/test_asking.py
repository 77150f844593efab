"""explain and which: one question, one answer."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from command_line import Call
from organisations import STUCK


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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_explain_reads_what_was_redirected(
    call: Call, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """A list that PowerShell redirected is one text, whatever its encoding (contract 9)."""
    text = f"Identity  : EX10A\\5\r\nLastError : {STUCK}\r\n"
    given = io.BytesIO(text.encode(encoding))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))
    (answer,) = map(json.loads, call("explain", "--json").out.splitlines())

    assert answer["inner_enhanced"] == "5.7.3"


def test_explain_hands_an_export_over_once(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is named once, however many objects it holds (contract, section 9)."""
    given = io.BytesIO(b"Identity : EX16A\\A\nEnabled : True\n\nIdentity : EX16A\\B\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))

    assert call("explain").out.count("mailflow diagnose FILE") == 1


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
    """A bad line is named, and nothing is printed (contract, section 4)."""
    file = tmp_path / "probes.csv"
    file.write_text("server,local,port,source\nEX16A,,,10.0.0.1\nEX16A,,,x\n", encoding="utf-8")

    actual = call("which", "demo:article", "--probes", file)

    assert (actual.code, actual.out) == (3, "")
    assert "line 3" in actual.err
