"""diagnose and snapshot: the answer on standard output, by its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Call, captures
from mailflow.simulated.practice import Practice
from mailflow.simulated.protocol_logs import protocol_logs
from organisations import STUCK, article, healthy
from support import needs_shared
from table_model import Shown, table


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


def test_snapshot_gives_the_same_findings(call: Call, tmp_path: Path) -> None:
    """Collected once, read offline: the same answer."""
    file = tmp_path / "saved"

    assert call("snapshot", "demo:article", "-o", file).code == 0

    expected = json.loads(call("diagnose", "demo:article", "--json").out)
    actual = json.loads(call("diagnose", file, "--json").out)
    assert actual["findings"] == expected["findings"]


def test_a_run_that_is_not_complete(call: Call, tmp_path: Path) -> None:
    """Its snapshot is read and that is said; without one the run's state stands in the error."""
    said = {"schema": "mailflow.run/1", "complete": False, "reason": "the run has not ended"}
    (tmp_path / "manifest.json").write_text(json.dumps(said), encoding="utf-8")
    without = call("diagnose", tmp_path)
    article().snapshot().save(tmp_path / "snapshot")

    actual = call("diagnose", tmp_path, "--json")

    assert (without.code, actual.code) == (3, 1)
    assert "This run is not complete: the run has not ended" in without.err
    assert "not complete (the run has not ended); only its snapshot is read" in actual.err
    assert json.loads(actual.out)["verdict"] == "found"


def test_hostile_names_are_harmless_on_a_terminal(call: Call, tmp_path: Path) -> None:
    """Bidi marks in names are shown, not obeyed; an escape character is damage, and not shown."""
    for name, code in (("x\u202ey", 1), ("x\x1b[31my", 2)):
        org = healthy().add_relay("EX16A", "10.0.0.11", "10.9.9.9", name=name)

        actual = call("diagnose", captures(org, tmp_path / str(code)))

        assert actual.code == code
        assert "\x1b" not in actual.out
        assert "\u202e" not in actual.out


def test_a_text_is_explained(call: Call, tmp_path: Path) -> None:
    """What is no export is explained, and ends with 2 (contract, section 9)."""
    file = tmp_path / "mail.txt"
    file.write_text(f"Hello,\n\n> {STUCK}\n>\n> Anna\n", encoding="utf-8")
    words, document = call("diagnose", file), call("diagnose", file, "--json")
    answer = json.loads(document.out)

    assert (words.code, document.code) == (2, 2)
    assert "custom-connector-shadows-default" in words.out
    assert "INCONCLUSIVE" in words.out
    assert (answer["schema"], answer["verdict"]) == ("mailflow.findings/1", "unknown")
    assert answer["findings"][0]["cause"] == "custom-connector-shadows-default"
    assert {one["state"] for one in answer["findings"]} == {"unknown"}


@pytest.mark.parametrize(
    "content", ["just words", "Dear Anna, mail is stuck\nBest, Bob", "Grüße, 東京\n\n- a\n- b\n"]
)
def test_words_of_no_kind(call: Call, tmp_path: Path, content: str) -> None:
    """Contract 9: a text in which nothing is recognized ends with 2, and what to bring is named."""
    file = tmp_path / "x.txt"
    file.write_text(content, encoding="utf-8")
    words, document = call("diagnose", file), call("diagnose", file, "--json")
    answer = json.loads(document.out)

    assert (words.code, document.code) == (2, 2)
    assert "INCONCLUSIVE" in words.out
    assert "Format-Table" in words.out
    assert "\n  Get-Queue -ResultSize Unlimited | Export-Clixml queues.xml\n" in words.out
    assert "mailflow explain" in words.out
    assert (answer["verdict"], answer["findings"], answer["repair"]) == ("unknown", [], [])


def test_a_table_is_no_whole_export(call: Call, tmp_path: Path) -> None:
    """What the default view of Get-ReceiveConnector lacks is missing data, and never clear."""
    org = healthy()
    folder = captures(org, tmp_path / "c")
    lines = table(
        [Shown("Identity"), Shown("Bindings"), Shown("Enabled", right=True)],
        [
            [one.identity, "{" + ", ".join(map(str, one.bindings)) + "}", str(one.enabled)]
            for one in org.connectors
        ],
    )
    text = "\n".join(["[PS] C:\\>Get-ReceiveConnector", "", *lines, ""])
    (folder / "connectors.xml").write_text(text, "utf-8")
    document = json.loads(call("diagnose", folder, "--json").out)

    assert document["verdict"] == "unknown"
    assert {"Get-ReceiveConnector RemoteIPRanges", "Get-ReceiveConnector AuthMechanism"} <= {
        row["what"] for row in document["unread"]
    }
    assert not document["repair"]


def test_shared_table(call: Call) -> None:
    """The filtered table that people post: its queue is judged as far as it goes."""
    actual = call("diagnose", needs_shared("cases/pastes/queue-filter.txt"))

    assert actual.code == 2
    assert "451 5.7.3 Cannot achieve Exchange Server" in " ".join(actual.out.split())
    assert "57 messages" in actual.out


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\x89PNG\r\n", b"%PDF-1.4 words", b'{"a": '])
def test_what_is_no_text_either_is_an_error(call: Call, tmp_path: Path, content: bytes) -> None:
    """Nothing that can be read or explained: exit code 3, and nothing on standard output."""
    file = tmp_path / "x"
    file.write_bytes(content)
    actual = call("diagnose", file)

    assert (actual.code, actual.out) == (3, "")


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("event.txt", "kerberos-or-permission"),
        ("ndr.eml", "target-unreachable"),
        ("quoted-mail.txt", None),
    ],
)
def test_shared_pastes(call: Call, name: str, cause: str | None) -> None:
    """What people have: explained or read, and inconclusive in both cases."""
    actual = call("diagnose", needs_shared(f"cases/pastes/{name}"), "--json")
    named = [
        one["cause"] for one in json.loads(actual.out)["findings"] if one["state"] == "unknown"
    ]

    assert actual.code == 2
    assert cause is None or cause in named


def test_evidence_beside_a_source(call: Call, tmp_path: Path) -> None:
    """Logs decide what configuration leaves open; what is none is refused by name."""
    for name, text in protocol_logs(Practice.begin("address-translated").organisation).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    note = tmp_path.parent / f"{tmp_path.name}-note.txt"
    note.write_text("see the logs", encoding="utf-8")

    plain = call("diagnose", "demo:address-translated")
    decided = call("diagnose", "demo:address-translated", "--evidence", tmp_path)
    refused = call("diagnose", "demo:address-translated", "--evidence", note)

    assert (plain.code, decided.code, refused.code) == (2, 1, 3)
    assert "10.0.5.1" not in plain.out
    assert "10.0.5.1" in decided.out
    assert "no receive log, send log or EHLO reply" in refused.err
