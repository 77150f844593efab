"""Collect-MailFlow.ps1 in a real PowerShell: what it writes is the organisation it was run in."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import capture_forms
import organisations
from mailflow import powershell
from mailflow.exchange.connectors import setup_default
from mailflow.opening import open_source
from mailflow.snapshot import ComponentState, Right, Snapshot, Unread
from mailflow.sources.asked import asked
from mailflow.views.findings import findings
from organisations import E2010, E2016, Organisation
from powershell.rig import Rig, Run

SECONDS = 3
"""The limit where a call runs into it; with the wait for one that is stuck, 7 s in all."""
AMPLE = 60
FOLDER = "case [1]"  # a name that PowerShell would take for a pattern
ENTRY = "ex16a.contoso.com"
WITH_SESSION = {"PRACTICE_SHELL": "with a session"}
WITH_SNAPIN = {"PRACTICE_SNAPIN": "SnapIn"}
RELAY_RIGHT = "ms-Exch-SMTP-Accept-Any-Recipient"


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of one start of the script."""

    rig: Rig
    run: Run

    @property
    def said(self) -> str:
        """What the administrator saw."""
        return self.run.output.decode("utf-8")

    def snapshot(self) -> Snapshot:
        """What mailflow reads from the folder."""
        return open_source(str(self.rig.work / FOLDER))


def everything() -> Organisation:
    """The article's case, with a server that moves no mail."""
    org = organisations.article()
    return org.add_server("MBX10", E2010, "10.0.0.99", roles="Mailbox", defaults=False)


def with_edge() -> Organisation:
    """The same with an Edge server."""
    return everything().add_server("EDGE1", E2016, "10.9.0.1", roles="Edge")


STARTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "blocked": (
        f"-Seconds {SECONDS}",
        {**WITH_SESSION, "PRACTICE_TROUBLE": "EX10A=BLOCKS", "PRACTICE_BLOCK": "12000"},
    ),
    "late": (
        f"-Seconds {SECONDS}",
        {**WITH_SESSION, "PRACTICE_TROUBLE": "EX10A=BLOCKS", "PRACTICE_BLOCK": "5500"},
    ),
    "trouble": (
        f"-Seconds {SECONDS}",
        {**WITH_SESSION, "PRACTICE_TROUBLE": "EX10A=THROWS EX10B=FAILS EX16A=SLEEPS"},
    ),
    "session": (f"-Seconds {AMPLE}", WITH_SESSION),
    "snap-in": (f"-Seconds {AMPLE}", WITH_SNAPIN),
    "edge": (f"-Seconds {AMPLE}", WITH_SNAPIN),
    "limited": (f"-Seconds {AMPLE} -Server ex16a.contoso.com, EX10A", WITH_SNAPIN),
    "older": (f"-Seconds {AMPLE}", {**WITH_SESSION, "PRACTICE_ENTRY": "ex10a.contoso.com"}),
    "stranger": ("-Server EX99", WITH_SNAPIN),
    "no way": ("", {}),
}
"""Arguments of the script, and the environment that says what is played."""


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Collected]:
    """Every start of the script, three at the same time."""
    data = {
        name: capture_forms.write(org.reading(), tmp_path_factory.mktemp("data"), "clixml")
        for name, org in (("", everything()), ("edge", with_edge()))
    }

    def start(name: str) -> Collected:
        arguments, environment = STARTS[name]
        rig = Rig(tmp_path_factory.mktemp("collect"))
        known = {"PRACTICE_DATA": str(data.get(name, data[""])), "PRACTICE_ENTRY": ENTRY}
        run = rig.collect(f"-Path '{FOLDER}' {arguments}", **{**known, **environment})
        return Collected(rig, run)

    with ThreadPoolExecutor(3) as pool:
        return dict(zip(STARTS, pool.map(start, STARTS), strict=True))


def queue_faults(collected: Collected) -> set[tuple[str, str]]:
    """Server and reason of each row about queues in unread.csv; all of it has to be *unread*."""
    text = (collected.rig.work / FOLDER / "unread.csv").read_text("utf-8-sig")
    head, *rows = csv.reader(text.splitlines())

    assert head == ["server", "what", "why"]
    assert {Unread(*row) for row in rows} <= set(collected.snapshot().unread)
    return {(server, why) for server, what, why in rows if what == "Get-Queue"}


@pytest.mark.parametrize("way", ["session", "snap-in"])
def test_the_folder_is_the_organisation(starts: Mapping[str, Collected], way: str) -> None:
    """Through the shell's session and through the snap-in, what was read is what is there."""
    org, expected = starts[way].snapshot(), everything().snapshot()

    assert expected.servers == org.servers
    assert set(expected.connectors) == set(org.connectors)
    assert set(expected.queues) == set(org.queues)
    assert set(expected.settings) == set(org.settings)
    assert [(one.server, one.address) for one in expected.addresses if one.server != "MBX10"] == [
        (one.server, one.address) for one in org.addresses if not one.address.startswith("10.9.")
    ]
    assert [
        ComponentState(name, "HubTransport", "Active") for name in ("EX16A", "EX16B")
    ] == sorted(org.components, key=lambda one: one.server)
    assert org.ignored == ()
    assert org.unread == ()
    [connector] = org.objects("send_connectors")
    assert (connector["name"], connector["address_spaces"]) == ("Internet", "SMTP:*;1")
    certificates = {one["server"]: one["thumbprint"] for one in org.objects("certificates")}
    assert certificates == {name: f"AA{name}" for name in ("EX10A", "EX10B", "EX16A", "EX16B")}
    # Only of the server that the shell is connected with (S9.21).
    assert len({one["server"] for one in org.objects("transport_agents")}) <= 1


@pytest.mark.parametrize(
    ("start", "signs"), [("session", (True, False)), ("trouble", (None, None))]
)
def test_what_tells_a_replication_network(
    starts: Mapping[str, Collected], start: str, signs: tuple[bool | None, ...]
) -> None:
    """S9.05: DNS servers by Exchange, gateway and registration by Windows, if it answers."""
    mail, apart = (one for one in starts[start].snapshot().addresses if one.server == "EX16B")

    assert (mail.address, mail.has_dns_servers) == ("10.0.0.22", True)
    assert (apart.address, apart.has_dns_servers) == ("10.9.0.22", False)
    assert [(one.has_gateway, one.registers_in_dns) for one in (mail, apart)] == [
        (sign, sign) for sign in signs
    ]


def test_what_was_asked_for_proves_that_it_is_whole(starts: Mapping[str, Collected]) -> None:
    """S1.38: commands.txt names each call that came back; one that failed is not among them."""

    def asked_of(start: str, cmdlet: str) -> set[str]:
        text = (starts[start].rig.work / FOLDER / "commands.txt").read_text("utf-8-sig")
        calls = [call for line in text.splitlines() for call in asked(line.partition(">")[2])]
        return {name for call in calls if call.cmdlet == cmdlet for name in call.servers}

    servers = {"EX10A", "EX10B", "EX16A", "EX16B"}
    assert asked_of("session", "Get-ReceiveConnector") == servers
    assert asked_of("session", "Get-Queue") == servers
    assert asked_of("edge", "Get-Queue") == servers


def test_rights_are_those_on_all_connectors(starts: Mapping[str, Collected]) -> None:
    """Setup's own too, to which the hosts of a narrowed relay go (S3.21)."""
    org = starts["session"].snapshot()

    assert {
        Right(one.server, one.name, "NT AUTHORITY\\ANONYMOUS LOGON", RELAY_RIGHT, deny=False)
        for one in org.connectors
    } == set(org.rights)
    custom = [one for one in org.connectors if setup_default(one) is None]
    assert len(custom) == 2


def test_the_script_knows_what_setup_makes() -> None:
    """Its names are those of the rules (section 2)."""
    from mailflow.exchange.connectors import SETUP_DEFAULTS

    text = powershell.script(powershell.COLLECT)
    listed = re.search(r"\$SetupMakes = (.+\n.+)\n", text)
    assert listed

    assert [one.name.removesuffix(" {}") for one in SETUP_DEFAULTS] == re.findall(
        r"'(.+?)'", listed[1]
    )


def test_findings_are_those_of_other_ways(starts: Mapping[str, Collected]) -> None:
    """What is found in the folder is what is found in the organisation itself."""
    expected, found = (
        findings(org) for org in (everything().snapshot(), starts["session"].snapshot())
    )

    assert expected.verdict == found.verdict == "found"
    assert expected.findings == found.findings


def test_an_edge_server_is_not_asked_from_inside(starts: Mapping[str, Collected]) -> None:
    """It would not answer, and might block the session: rows say so (S8.57)."""
    why = "not asked: an Edge server answers nobody else; run this script there as well"
    unread = starts["edge"].snapshot().unread

    assert {
        Unread("EDGE1", "Get-ReceiveConnector", why),
        Unread("EDGE1", "Get-Queue", why),
        Unread("EDGE1", "addresses", "no address of this server is known; add it to addresses.csv"),
    } == set(unread)


def test_what_fails_is_a_row_and_the_rest_goes_on(starts: Mapping[str, Collected]) -> None:
    """Each failed call stands in unread.csv, quotes, commas and line breaks mended."""
    org = starts["trouble"].snapshot()

    assert {
        ("EX10A", "it broke, on two lines, M\u00fcnchen"),
        ("EX10B", 'RPC server on computer "FAILS", not reached'),
        ("EX10B", "and another"),
        ("EX16A", f"Get-Queue did not come back within {SECONDS} seconds"),
    } == queue_faults(starts["trouble"])
    assert {"EX16B"} == {one.server for one in org.queues}
    assert {"EX10A", "EX10B", "EX16A", "EX16B"} == {one.server for one in org.connectors}
    assert 'EX10B: Get-Queue: RPC server on computer "FAILS", not reached' in starts["trouble"].said


def test_a_blocked_call_is_waited_for_once(starts: Mapping[str, Collected]) -> None:
    """It lasts more than twice the limit: those behind it are rows, and all is written."""
    blocked = starts["blocked"]
    org = blocked.snapshot()
    why = "not asked: a call before it blocks the session"
    own = f"Get-Queue did not come back within {SECONDS} seconds"

    assert {("EX10A", own), ("EX10B", why), ("EX16A", why), ("EX16B", why)} == queue_faults(blocked)
    assert ("EX16A", "Get-ServerComponentState", why) in {
        (one.server, one.what, one.why) for one in org.unread
    }
    assert everything().snapshot().servers == org.servers
    assert set(everything().snapshot().connectors) == set(org.connectors)
    assert "A call blocks this session: close the window." in blocked.said


def test_a_call_that_comes_late_blocks_no_other(starts: Mapping[str, Collected]) -> None:
    """One that returns while it is waited for costs its own answer alone."""
    org = starts["late"].snapshot()

    assert {("EX10A", f"Get-Queue did not come back within {SECONDS} seconds")} == queue_faults(
        starts["late"]
    )
    assert {"EX10B", "EX16A", "EX16B"} == {one.server for one in org.queues}
    assert "A call blocks" not in starts["late"].said


def test_a_choice_of_servers(starts: Mapping[str, Collected]) -> None:
    """Only those are asked, under either of their names; that the others were not is told."""
    limited = starts["limited"]
    org = limited.snapshot()

    assert {"EX10A", "EX16A"} == {one.server for one in org.queues}
    assert {"EX10A", "EX16A"} == {one.server for one in org.connectors}
    assert ("EX10B", "Get-Queue", "not asked: it is not among -Server") in {
        (one.server, one.what, one.why) for one in org.unread
    }
    assert '" --server ex16a.contoso.com --server EX10A' in limited.said


def test_an_older_shell_does_not_show_newer_servers(starts: Mapping[str, Collected]) -> None:
    """A 2010 shell knows no TransportRole: its view of 2016 would be wrong (S8.43)."""
    org = starts["older"].snapshot()
    why = "not asked: ex10a.contoso.com is older and shows it wrongly; run this script there"

    assert {"EX10A", "EX10B"} == {one.server for one in org.connectors}
    assert {("EX16A", why), ("EX16B", why)} <= {
        (one.server, one.why) for one in org.unread if one.what == "Get-ReceiveConnector"
    }


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("stranger", "no server is called EX99"),
        ("no way", "run this in the Exchange"),
    ],
)
def test_where_nothing_can_be_collected(
    starts: Mapping[str, Collected], name: str, why: str
) -> None:
    """It says why, and leaves nothing."""
    run = starts[name].run

    assert why in run.errors
    assert run.code == 1
    assert list(starts[name].rig.work.iterdir()) == []


@pytest.mark.parametrize("name", [*STARTS])
def test_nothing_is_written_beside_the_folder(starts: Mapping[str, Collected], name: str) -> None:
    """No file lies outside of it, and none that is unfinished; no proxy was called (S8.10)."""
    one = starts[name]
    written = {path for path in one.rig.written() if not path.startswith("home/")}

    assert [path for path in written if not path.startswith(f"work/{FOLDER}/")] == []
    assert "PROXY" not in one.said


def test_a_folder_that_is_there_is_kept(tmp_path: Path) -> None:
    """Nothing is written over: it stops before it asks."""
    rig = Rig(tmp_path)
    (rig.work / FOLDER).mkdir()

    run = rig.collect(f"-Path '{FOLDER}'", **WITH_SESSION)

    assert run.code == 1
    assert "is there already" in run.errors
    assert list((rig.work / FOLDER).iterdir()) == []


def test_the_last_lines_say_what_to_do(starts: Mapping[str, Collected]) -> None:
    """What was collected, how much failed, and the next command."""
    said = starts["session"].said

    assert "\n  receive-connectors.xml: 16\n" in said
    assert "\nCalls that failed or were not made: 0 (see unread.csv)\n" in said
    assert re.search(r'\nNext, where mailflow is: mailflow diagnose ".*case \[1\]"\n', said)
