r"""What the harness says of repairs that are right and of repairs that are wrong, each in a way."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import repair_property
from broken import broken
from mailflow.views.findings import findings
from organisations import article, healthy
from repair_property import failing, judged, printed, rollback_violations, violations

TAKE_OFF = [
    f'Set-ReceiveConnector "{server}\\Relay" -RemoteIPRanges "10.0.5.0/24"'
    for server in ("EX16A", "EX16B")
]
RETRY = [r'Retry-Queue -Identity "EX10A\1187"', r'Retry-Queue -Identity "EX10B\902"']
PUT_BACK = [
    f'Set-ReceiveConnector "{server}\\Relay" -RemoteIPRanges "10.0.0.11","10.0.0.12","10.0.5.0/24"'
    for server in ("EX16B", "EX16A")
]


def kinds(found: list[str]) -> list[str]:
    """The kinds of what is wrong."""
    return sorted({one.partition(":")[0] for one in found})


def test_the_right_repair_heals() -> None:
    """The article's repair is right, and so is its way back."""
    org = article().snapshot()
    assert len(failing(org)) == 4
    assert violations(org, [*TAKE_OFF, *RETRY]) == []
    assert rollback_violations(org, [*TAKE_OFF, *RETRY], PUT_BACK) == []


@pytest.mark.parametrize(
    ("commands", "kind"),
    [
        ([], "still fails"),
        (TAKE_OFF[:1], "still fails"),
        ([*RETRY, *TAKE_OFF], "order"),
        ([*TAKE_OFF, r'Retry-Queue -Identity "EX10A\1"'], "no such queue"),
        ([*TAKE_OFF, "Look again"], "not typable"),
        ([*TAKE_OFF, TAKE_OFF[0].replace("Relay", "Other")], "refused"),
        (
            [*TAKE_OFF, r'Set-ReceiveConnector "EX16A\Default EX16A" -PermissionGroups None'],
            "now fails",
        ),
        ([line.replace("10.0.5.0/24", "10.0.5.0/25") for line in TAKE_OFF], "may lose"),
    ],
)
def test_a_wrong_repair_is_told(commands: list[str], kind: str) -> None:
    """Each way to be wrong has its kind."""
    assert kind in kinds(violations(article().snapshot(), commands))


def test_a_role_conflict_that_stands_is_told() -> None:
    """C9: what Exchange would not take needs no way back."""
    org = healthy().change(r"EX16A\Default EX16A", bindings="0.0.0.0:25").snapshot()
    assert kinds(violations(org, [])) == ["role conflict", "still fails"]
    cut = replace(org, connectors=tuple(replace(c, ranges_complete=False) for c in org.connectors))
    assert kinds(violations(cut, [])) == []
    mend = r'Set-ReceiveConnector "EX16A\Default EX16A" -Bindings "0.0.0.0:2525","[::]:2525"'
    assert violations(org, [mend]) == []
    back = [mend.replace("2525", "25").replace(',"[::]:25"', "")]
    assert kinds(rollback_violations(org, [mend], back)) == ["rollback refused"]
    assert rollback_violations(org, [mend], []) == []  # as it was, Exchange would not take it


def test_a_way_that_worked_and_comes_to_be_open_is_told() -> None:
    """It depends on the local address then (S9.04)."""
    org = healthy().add_relay("EX16A", "10.0.0.0/24", name="One", bindings="10.0.0.21:25")
    org.change(r"EX16A\One", auth="Tls, ExchangeServer", groups="ExchangeServers")
    org.set_addresses("EX16A", "10.0.0.21", "10.0.2.21")
    line = r'Set-ReceiveConnector "EX16A\One" -PermissionGroups ExchangeUsers'
    found = violations(org.snapshot(), [line])
    assert "now fails" in kinds(found)
    assert all("unknown" in one for one in found if one.startswith("now fails"))


def test_a_value_that_stands_beside_one_that_cannot_come_back_may_stay() -> None:
    """S8.65, S1.30: Default stays on 2525, so the other one's role is refused there."""
    org = healthy().change(r"EX16A\Default EX16A", bindings="0.0.0.0:25")
    org.add_relay("EX16A", "10.0.5.9", name="App", bindings="0.0.0.0:2525")
    mend = [
        r'Set-ReceiveConnector "EX16A\App" -TransportRole HubTransport',
        r'Set-ReceiveConnector "EX16A\Default EX16A" -Bindings "0.0.0.0:2525","[::]:2525"',
    ]
    assert violations(org.snapshot(), mend) == []
    assert rollback_violations(org.snapshot(), mend, []) == []
    alone = healthy().add_relay("EX16A", "10.0.5.9", name="App", bindings="0.0.0.0:26")
    assert kinds(rollback_violations(alone.snapshot(), mend[:1], [])) == ["rollback differs"]


def test_a_way_that_comes_to_be_open_is_told() -> None:
    """A failing way that ends in a tie is not healed (S1.36)."""
    org = article()
    org.add_relay("EX16A", "10.0.0.0/24", name="One", auth="Tls")
    org.add_relay("EX16A", "10.0.0.0/24", name="Two", auth="Tls, ExchangeServer", groups="None")
    org.change(r"EX16A\Two", groups="ExchangeServers")
    assert kinds(violations(org.snapshot(), TAKE_OFF)) == ["undecided"]


def test_a_fault_that_rests_on_what_was_not_read_is_none_that_must_be_mended() -> None:
    """Only ways whose values were read count."""
    org = article()
    front = r"EX16A\Default Frontend EX16A"
    bare = replace(org.connector(front), groups=None)
    org.connectors = [bare if one.identity == front else one for one in org.connectors]
    assert len(failing(article().snapshot())) == 4
    assert len(failing(org.snapshot())) == 2


@pytest.mark.parametrize(
    ("rollback", "kind"),
    [
        ([], "rollback differs"),
        (PUT_BACK[:1], "rollback differs"),
        ([line.replace("10.0.0.12", "10.0.0.13") for line in PUT_BACK], "rollback differs"),
        ([*PUT_BACK, PUT_BACK[0].replace("Relay", "Other")], "rollback refused"),
        (["Put it back"], "rollback not typable"),
    ],
)
def test_a_wrong_way_back_is_told(rollback: list[str], kind: str) -> None:
    """Each way to be wrong has its kind."""
    assert kind in kinds(rollback_violations(article().snapshot(), TAKE_OFF, rollback))


def test_the_product_heals_the_article() -> None:
    """The product and the harness agree on the founding fault."""
    org = article().snapshot()
    said = printed(org)
    assert said.verdict == "found"
    assert violations(org, said.commands) == []
    assert rollback_violations(org, said.commands, said.rollback) == []


def test_every_organization_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """The runner prints counts, and one of them in full."""
    repair_property.summary(range(5))
    assert "5 organizations" in capsys.readouterr().out
    repair_property.in_full(3)
    assert "So it is" in capsys.readouterr().out
    assert judged(broken(3))[0] in ("healed", "violated", "words", "missed", "unknown", "nothing")


def _set(name: str, values: str) -> str:
    return f'Set-ReceiveConnector "EX16A\\{name}" {values}'


@pytest.mark.parametrize(
    ("name", "values", "commands"),
    [
        (
            "Default Frontend EX16A",
            {"auth": "Tls", "groups": "None", "fqdn": "mail.example.com"},
            ["-Fqdn $null -AuthMechanism Tls,ExchangeServer -PermissionGroups ExchangeServers"],
        ),
        (
            "Default Frontend EX16A",
            {"suppress_x_anonymous_tls": True, "enabled": False},
            ["-Enabled $true -SuppressXAnonymousTls $false"],
        ),
        ("Default Frontend EX16A", {"ranges": "10.0.5.0/24"}, ['-RemoteIPRanges "0.0.0.0/0"']),
        (
            "Default Frontend EX16A",
            {"bindings": "0.0.0.0:26"},
            ['-Bindings "0.0.0.0:26","0.0.0.0:25"'],
        ),
        (
            "Relay",
            {"ranges": "10.0.0.8/30, 10.0.5.0/24", "require_tls": True, "auth": "None"},
            ['-AuthMechanism Tls -RemoteIPRanges "10.0.0.8-10.0.0.10","10.0.5.0/24"'],
        ),
        ("Relay", {"role": "HubTransport"}, ["-TransportRole FrontendTransport"]),
        ("Relay", {"ranges": "10.0.0.11"}, ["-Enabled $false"]),
        ("Default EX16A", {"bindings": "0.0.0.0:25, [::]:25"}, ['-Bindings "0.0.0.0:2525"']),
    ],
)
def test_one_command_mends_what_one_connector_has_wrong(
    name: str, values: dict[str, object], commands: list[str]
) -> None:
    """What the property asks for can be had."""
    org = healthy().change(f"EX16A\\{name}", **values).snapshot()
    assert failing(org)
    assert violations(org, [_set(name, line) for line in commands]) == []


def test_connectors_that_overlap_can_be_mended() -> None:
    """S1.37: the list that goes first is one that Exchange takes; nobody else changes hands."""
    org = healthy().add_relay("EX16A", "10.0.0.1-10.0.0.31", name="One")
    org.add_relay("EX16A", "10.0.0.11-10.0.0.200", name="Two")
    before = org.snapshot()
    commands = [
        _set("One", '-RemoteIPRanges "10.0.0.1-10.0.0.10","10.0.0.13-10.0.0.31"'),
        _set("Two", '-RemoteIPRanges "10.0.0.13-10.0.0.200"'),
    ]
    servers = "10.0.0.11", "10.0.0.12"
    assert [one for one in failing(before) if any(each in one for each in servers)]
    assert violations(before, commands) == []
    assert "refused" in kinds(violations(before, commands[::-1]))


def test_a_tie_can_be_mended() -> None:
    """S1.36: where it was open who answers, either may go."""
    org = healthy().add_relay("EX16A", "0.0.0.0/0", "10.9.0.0/16", name="Tie", groups="None")
    org.change(r"EX16A\Tie", groups="AnonymousUsers")
    assert violations(org.snapshot(), [_set("Tie", '-RemoteIPRanges "10.9.0.0/16"')]) == []


# -- The acceptance property -----------------------------------------------------------------------

MOST_WITHOUT_COMMANDS = 0.1
"""Of organizations whose needed values were all read, how many may get words alone."""


@cache
def outcome(number: int) -> tuple[str, list[str], bool]:
    """What became of an organization, what is wrong with it, and whether all of it was read."""
    org = broken(number)
    word, wrong, _ = judged(org)
    return word, wrong, org.all_read


def harmed(numbers: range) -> dict[int, list[str]]:
    """The organizations whose repair is wrong, or whose fault is missed, with what is wrong."""
    return {number: outcome(number)[1] for number in numbers if outcome(number)[1]}


def without_commands(numbers: range) -> float:
    """The share without commands among those whose needed values were all read."""
    words = [word for word, _, all_read in map(outcome, numbers) if all_read]
    return sum(word in ("words", "unknown") for word in words) / len(words)


def unlike_the_proven(numbers: range) -> list[int]:
    """The organizations for which other commands are printed than those that were proven."""
    found = []
    for number in numbers:
        said = findings(broken(number).snapshot)
        assert said.plan is not None
        printed_lines = [one for one in said.repair if not one.startswith("Retry-Queue")]
        proven = said.plan.proof.changes if said.plan.proof else ()
        if list(said.plan.commands) != printed_lines or proven != said.plan.edits:
            found.append(number)
    return found


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_every_repair_heals_and_harms_nobody(first: int) -> None:
    """Typed in order, it is taken, heals all that was found, and comes back; no fault is missed."""
    assert harmed(range(first, first + 50)) == {}


def test_words_alone_are_rare() -> None:
    """Where all that is needed was read there is a repair, nearly always."""
    assert without_commands(range(200)) <= MOST_WITHOUT_COMMANDS


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_what_is_printed_was_proven(first: int) -> None:
    """The commands are those of the plan, and the proof is of its edits, no more and no fewer."""
    assert unlike_the_proven(range(first, first + 50)) == []


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 2000, 100))
def test_many_more_repairs_heal(first: int) -> None:
    """The same for more of them."""
    numbers = range(first, first + 100)

    assert harmed(numbers) == {}
    assert unlike_the_proven(numbers) == []


@pytest.mark.long
def test_words_alone_are_rare_among_many() -> None:
    """The same for more of them."""
    assert without_commands(range(2000)) <= MOST_WITHOUT_COMMANDS
