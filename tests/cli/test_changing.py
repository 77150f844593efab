"""whatif and diff: exit codes, JSON, and what is refused (contract, sections 3 and 4)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from command_line import Call, Screen, saved
from far.endpoints import serve
from mailflow.opening import open_source
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot, Unread
from mailflow.views.behaviour import compare
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_findings
from organisations import Organisation, article, healthy

RELAY = ("--server", "EX16A", "--connector", "Relay")
NO_SERVERS = Snapshot(unread=(Unread("", "Get-ExchangeServer", "no answer within 30 s"),))
TWO_ROLES = {"bindings": "0.0.0.0:25, 0.0.0.0:2525"}
"""An old mistake by which Exchange refuses every change of the connector (S1.30, S8.65)."""


def whatif(call: Call, tmp_path: Path, org: Organisation | Snapshot, *options: str) -> Screen:
    """The command on an organisation."""
    return call("whatif", saved(org, tmp_path / "org"), *options)


def document(screen: Screen) -> dict[str, Any]:
    """The one JSON document on standard output."""
    read = json.loads(screen.out)
    assert isinstance(read, dict)
    return read


def test_without_options_the_repair_that_the_findings_propose(call: Call) -> None:
    """Contract, section 3: one document, the proof's own; somebody is answered differently: 1."""
    org = open_source("demo:article")

    actual = call("whatif", "demo:article", "--json")

    assert (actual.code, actual.err) == (1, "")
    assert document(actual) == prove_findings(org, findings(org)).as_json()
    assert document(actual)["schema"] == "mailflow.whatif/1"
    assert call("whatif", "demo:article").code == 1


def test_any_other_change(call: Call) -> None:
    """Not only our own: what is asked for, with connector and server named in any case."""
    actual = call(
        "whatif", "demo:article", "--server", "ex16a", "--connector", r"EX16A\relay",
        "--remove", "10.0.5.0/24", "--add", "10.0.9.0/24", "--json",
    )  # fmt: skip

    (change,) = document(actual)["changes"]
    assert (change["connector"], change["removed"], change["added"]) == (
        r"EX16A\Relay",
        ["10.0.5.0/24"],
        ["10.0.9.0/24"],
    )
    assert actual.code == 1


@pytest.mark.parametrize(
    "options",
    [
        ("--remove", "10.0.0.11", "--remove", "10.0.0.12"),
        ("--remove", "10.0.0.11", "10.0.0.12"),
        ("--remove=10.0.0.11", "10.0.0.12"),
        ("--remove", "10.0.0.11,10.0.0.12"),
        ("--remove", "10.0.0.11", "--remove", "10.0.0.12", "--remove", "10.0.0.11"),
    ],
)
def test_several_ranges(call: Call, options: tuple[str, ...]) -> None:
    """Repeated, one behind the other or with commas; the same one twice is one."""
    actual = call("whatif", *RELAY, *options, "demo:article", "--json")

    (change,) = document(actual)["changes"]
    assert change["removed"] == ["10.0.0.11", "10.0.0.12"]


def test_ipv6(call: Call, tmp_path: Path) -> None:
    """S1.12: a range of the other family, written in another way than the element (S8.62)."""
    org = article().change(
        r"EX16A\Relay", ranges="2001:db8::/64, 10.0.5.0/24", bindings="0.0.0.0:25, [::]:25"
    )

    actual = whatif(
        call, tmp_path, org, *RELAY, "--remove", "2001:DB8::-2001:db8::ffff:ffff:ffff:ffff"
    )

    assert actual.code == 1
    assert "2001:db8::/64 (about 10^19 addresses)" in actual.out


def test_nobody_is_answered_differently(call: Call) -> None:
    """Exit code 0: the relay is not bound to IPv6 (S1.17)."""
    actual = call("whatif", "demo:article", *RELAY, "--add", "2001:db8::/64")

    assert actual.code == 0
    assert "\nNO EFFECT     No host would be handled differently.\n" in actual.out


def test_something_unread_may_change_it(call: Call, tmp_path: Path) -> None:
    """Exit code 2, and what was not read is named."""
    org = article().add_relay("EX16A", "10.3.0.0/16", name="Second", ranges_complete=False)

    actual = whatif(call, tmp_path, org, *RELAY, "--remove", "10.0.0.11")

    assert actual.code == 2
    assert "\nINCONCLUSIVE  " in actual.out
    assert "RemoteIPRanges of EX16A\\Second are incomplete in the data" in actual.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((*RELAY[:2], "--connector", "Relay2", "--remove", "10.0.0.11"), "wasn't found"),
        (("--server", "EX99", *RELAY[2:], "--remove", "10.0.0.11"), "no server is called EX99"),
        ((*RELAY, "--remove", "10.0.5.7"), "10.0.5.7 is not an element of RemoteIPRanges"),
        ((*RELAY, "--remove", "10.0.0.300"), "10.0.0.300 is invalid"),
        ((*RELAY, "--add", "10.0.0.11"), "is an element of EX16A\\Relay already"),
        (
            (*RELAY, "--remove", "10.0.0.11", "10.0.0.12", "10.0.5.0/24"),
            "RemoteIPRanges would be empty",
        ),
        (RELAY, "mailflow whatif SOURCE --server EX16A --connector Relay --remove"),
        (("--remove", "10.0.0.11"), "--server, --connector, and --remove or --add go together"),
        ((*RELAY[2:], "--remove", "10.0.0.11"), "--server, --connector, and --remove or"),
        (("--server", "EX16A", "--add", "10.0.0.11"), "--server, --connector, and --remove or"),
        (
            ("--server", "", "--connector", "", "--add", "10.0.0.11"),
            "--server, --connector, and --remove or",
        ),
    ],
)
def test_what_cannot_be_done(call: Call, options: tuple[str, ...], words: str) -> None:
    """Exit code 3: nothing on standard output, and one line that says what would do."""
    for more in ((), ("--json",)):
        actual = call("whatif", "demo:article", *options, *more)

        assert (actual.code, actual.out) == (3, "")
        assert len(actual.err.splitlines()) == 1
        assert words in actual.err


def test_what_exchange_would_refuse(call: Call, tmp_path: Path) -> None:
    """S1.30, S8.65: in Exchange's words, before anybody types the command."""
    org = article().change(r"EX16A\Relay", **TWO_ROLES)

    actual = whatif(call, tmp_path, org, *RELAY, "--remove", "10.0.0.11")

    assert (actual.code, actual.out) == (3, "")
    assert 'conflict with the settings on Receive connector "EX16A\\Default EX16A"' in actual.err


def test_our_own_proposal_that_exchange_would_refuse(call: Call, tmp_path: Path) -> None:
    """Exit code 3, with the servers; nothing else is left to propose."""
    org = article()
    for name in ("EX16A", "EX16B"):
        org.add_relay(name, "10.0.5.0/24", name="Old", enabled=False)

    actual = whatif(call, tmp_path, org)

    assert (actual.code, actual.out) == (3, "")
    assert "no repair can be proposed" in actual.err
    for name in ("EX16A", "EX16B"):
        assert f"Exchange would refuse the change of {name}\\Relay" in actual.err


def test_nothing_found_is_no_change(call: Call, tmp_path: Path) -> None:
    """Exit code 0, and why nothing is proposed."""
    actual = whatif(call, tmp_path, healthy())

    assert actual.code == 0
    assert "No receive connector has to be changed." in actual.out


def test_a_repair_by_another_parameter(call: Call) -> None:
    """C9: the role is changed; old and new value, no rollback that Exchange would refuse."""
    actual = call("whatif", "demo:role-conflict")

    assert actual.code == 1
    assert "\nREPAIRS       EX16A and EX16B would accept EX10A and EX10B" in actual.out
    assert "\nCHANGE        EX16A\\Scan to mail\n" in actual.out
    assert "\n                TransportRole  HubTransport -> FrontendTransport\n" in actual.out
    assert '"EX16A\\Scan to mail" -TransportRole FrontendTransport -WhatIf\n' in actual.out
    assert "\nROLLBACK" not in actual.out
    assert "\nNO ROLLBACK   EX16A\\Scan to mail: Exchange would refuse the current" in actual.out


def test_a_finding_that_no_connector_mends_is_no_all_clear(call: Call) -> None:
    """No host is affected by no change; what is broken stays so, and is said."""
    actual = call("whatif", "demo:service-stopped")

    assert actual.code == 0
    assert "\nSTILL BROKEN  " in actual.out
    assert "No change of a receive connector would repair it." in actual.out
    assert "Set-ReceiveConnector" not in actual.out


def test_several_parameters_of_several_connectors(call: Call, tmp_path: Path) -> None:
    """S3.30: another list alone would only change the error; both commands stand in order."""
    org = article()
    for server in ("EX16A", "EX16B"):
        org.change(rf"{server}\Default Frontend {server}", enabled=False)

    actual = whatif(call, tmp_path, org)

    assert actual.code == 1
    assert "\nREPAIRS       " in actual.out
    assert "\n                Enabled  $false -> $true\n" in actual.out
    parts = actual.out[actual.out.index("\nROLLBACK ") :].splitlines()
    commands = [line[14:] for line in parts if "Set-ReceiveConnector" in line]
    assert [command.split('"')[1] for command in commands] == [
        r"EX16B\Relay",
        r"EX16B\Default Frontend EX16B",
        r"EX16A\Relay",
        r"EX16A\Default Frontend EX16A",
    ]


def test_not_decided_what_is_wrong(call: Call, tmp_path: Path) -> None:
    """Exit code 2: no change is proposed, and no all-clear given."""
    actual = whatif(call, tmp_path, article().change(r"EX16A\Relay", auth=None))

    assert actual.code == 1
    alone = article().change(r"EX16A\Relay", auth=None).change(r"EX16B\Relay", auth=None)
    actual = whatif(call, tmp_path, alone)
    assert actual.code == 2
    assert "\nINCONCLUSIVE  No change is proposed: the cause could not be determined." in actual.out


@pytest.mark.parametrize(
    "unread",
    [
        NO_SERVERS,
        replace(
            article().snapshot(),
            connectors=(),
            unread=(Unread("EX16A", "Get-ReceiveConnector", "the RPC server is unavailable"),),
        ),
    ],
)
def test_a_connector_that_was_not_read(call: Call, tmp_path: Path, unread: Snapshot) -> None:
    """It may well be there: no wrong usage, but 2 with what was not read (contract, section 4)."""
    actual = whatif(call, tmp_path, unread, *RELAY, "--remove", "10.0.0.11", "--json")

    assert actual.code == 2
    assert unread.unread[0].why in " ".join(document(actual)["unknown"])
    text = whatif(call, tmp_path, unread, *RELAY, "--remove", "10.0.0.11")
    assert text.code == 2
    assert "\nINCONCLUSIVE  The connector to change could not be read.\n" in text.out


def test_a_server_that_was_not_read(call: Call, tmp_path: Path) -> None:
    """Of one server alone: about that one nothing is known; another name is a wrong one."""
    org = article().snapshot()
    unread = (Unread("EX17A", "Get-ExchangeServer", "access is denied"),)
    org = replace(org, unread=unread)
    change = ("--connector", "Relay", "--remove", "10.0.0.11")

    assert whatif(call, tmp_path, org, "--server", "EX17A", *change).code == 2
    assert whatif(call, tmp_path, org, "--server", "EX99", *change).code == 3


def test_a_live_organisation_that_does_not_answer(call: Call) -> None:
    """Neither wrong usage nor an answer: 2, with the reason."""
    dead = (
        "winrm+http://ex16a.contoso.example", "--user", "a@contoso.example", "--auth", "ntlm",
        "--password-env", "PATH", "--resolve", "ex16a.contoso.example=127.0.0.9:1",
    )  # fmt: skip

    for arguments in (
        ("whatif", *dead),
        ("whatif", *dead, *RELAY, "--remove", "10.0.0.11"),
        ("diff", "demo:article", *dead),
    ):
        actual = call(*arguments)
        assert actual.code == 2
        assert "nothing listens" in " ".join(actual.out.split())


@pytest.mark.parametrize(
    ("after", "code", "label"),
    [
        (article(), 0, "NO DIFFERENCE"),
        (healthy(), 1, "DIFFERENT"),
        (article().change(r"EX16A\Relay", ranges_complete=False), 2, "INCONCLUSIVE"),
    ],
)
def test_diff(call: Call, tmp_path: Path, after: Organisation, code: int, label: str) -> None:
    """Exit code, label and document: by behaviour (contract, sections 3 and 4)."""
    before = article()
    files = saved(before, tmp_path / "before"), saved(after, tmp_path / "after")

    actual = call("diff", *files, "--json")

    assert (actual.code, actual.err) == (code, "")
    assert document(actual) == compare(before.snapshot(), after.snapshot()).as_json()
    assert document(actual)["schema"] == "mailflow.diff/1"
    text = call("diff", *files)
    assert text.code == code
    assert text.out.startswith(f"{label} ")


def test_diff_of_two_runs(call: Call, tmp_path: Path) -> None:
    """A run folder is a source: what it kept of the organisation is compared."""
    folders = []
    for name, org in (("first", article()), ("second", healthy())):
        folder = tmp_path / name
        folder.mkdir()
        saved(org, folder / "snapshot")
        (folder / "findings.json").write_text(json.dumps(findings(org.snapshot()).as_json()))
        (folder / "report.html").write_text("<!doctype html><title>the report</title>")
        folders.append(folder)

    assert call("diff", *folders).code == 1
    assert call("diff", folders[0], folders[0] / "snapshot").code == 0


def test_diff_with_a_live_organisation(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log-on options go to whichever side is live."""
    with serve(Practice.begin("article")) as served:
        for name, value in served.env.items():
            monkeypatch.setenv(name, value)

        assert call("diff", "demo:article", served.source, *served.args).code == 0
        assert call("diff", served.source, "demo:relay-subnet", *served.args).code == 1


def test_a_server_that_is_gone(call: Call, tmp_path: Path) -> None:
    """It answers nobody any more: different."""
    less = article().snapshot()
    less = replace(less, servers=less.servers[1:])
    files = saved(article(), tmp_path / "a"), saved(less, tmp_path / "b")

    actual = call("diff", *files)

    assert actual.code == 1
    assert "No longer there: EX10A." in actual.out
    assert call("diff", *reversed(files)).code == 0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (article().snapshot(), NO_SERVERS),
        (NO_SERVERS, article().snapshot()),
        (NO_SERVERS, NO_SERVERS),
        (Snapshot(), Snapshot()),
        (Snapshot(cmdlets=frozenset({"Get-ExchangeServer"})), NO_SERVERS),
        (article().snapshot(), replace(NO_SERVERS, servers=article().snapshot().servers[1:])),
    ],
)
def test_servers_that_were_not_read_are_not_gone(
    call: Call, tmp_path: Path, before: Snapshot, after: Snapshot
) -> None:
    """Nor is nothing compared with nothing the same: unknown."""
    actual = call("diff", saved(before, tmp_path / "a"), saved(after, tmp_path / "b"), "--json")

    assert actual.code == 2
    assert document(actual)["servers"]["gone"] == document(actual)["servers"]["new"] == []
    assert "Get-ExchangeServer" in " ".join(document(actual)["unknown"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("diff", "demo:article"),
        ("diff", "demo:article", "no-such-file"),
        ("diff", "demo:article", "demo:article", "demo:article"),
        ("whatif",),
        ("whatif", "demo:article", "10.0.0.1"),
        ("whatif", "demo:article", "--remove"),
    ],
)
def test_wrong_usage(call: Call, arguments: tuple[str, ...]) -> None:
    """Exit code 3 and one line, as everywhere."""
    actual = call(*arguments)

    assert (actual.code, actual.out) == (3, "")
    assert len(actual.err.splitlines()) == 1


@pytest.mark.parametrize("command", ["whatif", "diff"])
def test_help_shows_examples_and_exit_codes(call: Call, command: str) -> None:
    """--help teaches: what to type, and what the exit code means."""
    text = call(command, "--help").out

    assert text.count(f"\n  mailflow {command} ") >= 3
    meaning = {"whatif": "0 no host would be affected", "diff": "0 no host is handled differently"}[
        command
    ]
    assert f"Exit code: {meaning}" in " ".join(text.split())


def test_a_damaged_journal_is_no_way_back(call: Call, tmp_path: Path) -> None:
    """`undo` names the file, in one line, and logs on nowhere."""
    (tmp_path / "apply.json").write_text('{"schema": "mailflow.apply/3"}', encoding="utf-8")

    screen = call("undo", tmp_path)

    assert screen.code == 3
    assert screen.out == ""
    assert "apply.json" in screen.err
    assert "use the newer version" in " ".join(screen.err.split())
