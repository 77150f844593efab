"""Accepted findings: they leave the verdict, and an entry accepts no more than it names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broken import broken
from mailflow.errors import InputError
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import parse_range
from mailflow.show.terminal import screen
from mailflow.show.verdict import verdict_card
from mailflow.sources.tables import assemble
from mailflow.views.accepted_file import read_accepted
from mailflow.views.audit import audit
from mailflow.views.audit_results import audit_results
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis, from_json
from organisations import E2010, STUCK, Organisation, article, healthy
from repair_property import violations

SHADOWED = "custom-connector-shadows-default"
BOTH = f'[[accepted]]\ncause = "{SHADOWED}"\nserver = "*"\nconnector = "*"\nreason = "known"\n'
MANY = 20
Accepting = Callable[..., Diagnosis]
TODAY = datetime.now(UTC).date()


def entry(server: str = "", connector: str = "", cause: str = SHADOWED, **further: object) -> str:
    """An entry of the file; a text of `further` is quoted, a day is not."""
    values = {"server": server, "connector": connector, **further}
    shown = {
        key: f"'{value}'" if isinstance(value, str) else value
        for key, value in values.items()
        if value
    }
    lines = [f"{key} = {value}" for key, value in shown.items()]
    return "\n".join(["[[accepted]]", f"cause = '{cause}'", "reason = 'CHG0012345'", *lines, ""])


@pytest.fixture
def accepting(tmp_path: Path) -> Accepting:
    """Findings with a file of accepted ones."""

    def diagnose(org: Organisation, *entries: str, since: str = "") -> Diagnosis:
        file = tmp_path / "accepted.toml"
        file.write_text("\n".join(entries), "utf-8")
        return findings(org.snapshot(), accepted=str(file), since=since)

    return diagnose


def places(found: Diagnosis) -> list[str | None]:
    """The connectors that are found."""
    return [each.connector for each in found.findings if each.state == "found"]


def print_of(org: Organisation, connector: str) -> str:
    """The fingerprint of what is found on a connector."""
    mine = (each for each in findings(org.snapshot()).findings if each.connector == connector)
    return next(mine).fingerprint


def test_an_accepted_finding_leaves_the_verdict(accepting: Accepting) -> None:
    """What is left decides; the repair no longer touches the server that is accepted."""
    found = accepting(article(), entry("EX16A", r"EX16A\Relay"))

    assert (found.verdict, places(found)) == ("found", [r"EX16B\Relay"])
    assert [each.finding.connector for each in found.accepted] == [r"EX16A\Relay"]
    assert not any("EX16A" in command for command in found.repair)
    assert any("EX16B" in command for command in found.repair)
    assert "1 finding is accepted" in found.summary


def test_all_accepted_is_clear_and_says_so(accepting: Accepting) -> None:
    """Exit code 0, no repair, no sentence that all works; mail that is stuck is still shown."""
    found = accepting(article(), BOTH)
    text = screen(found)

    assert (found.verdict, found.exit_code, found.repair, found.next_steps) == ("clear", 0, (), ())
    assert "ALL ACCEPTED" in text
    assert "NO FAULT FOUND" not in text
    assert "work" not in found.summary
    assert "2 findings are accepted" in found.summary
    assert "214 messages are waiting" in text


def test_screen_card_and_document_have_a_section(accepting: Accepting) -> None:
    """With the reason and the last day; what a document holds reads back as it was."""
    found = accepting(article(), entry("EX16A", r"EX16A\Relay", until=TODAY))
    card = verdict_card(found).html

    assert f"until {TODAY}: CHG0012345" in screen(found, 200)
    assert "<h2>Accepted: 1 finding</h2>" in card
    assert "CHG0012345" in card
    assert screen(from_json(found.as_json())) == screen(found)


def test_a_reason_is_text_and_nothing_else(accepting: Accepting) -> None:
    """No markup reaches a report, and no character that hides another one the terminal."""
    hostile = "<script>alert(1)</script> \u202e"
    found = accepting(article(), entry("EX16A", r"EX16A\Relay").replace("CHG0012345", hostile))

    assert "<script>" not in verdict_card(found).html
    assert "&lt;script&gt;" in verdict_card(found).html
    assert "\u202e" not in screen(found) + verdict_card(found).html
    assert r"\u202e" in screen(found, 300)


@pytest.mark.parametrize("name", ["EX16A", "ex16a.contoso.com"])
@pytest.mark.parametrize("connector", [r"EX16A\Relay", "relay"])
def test_names_are_taken_as_people_write_them(
    accepting: Accepting, name: str, connector: str
) -> None:
    """Short or full, in any case, the connector with or without its server."""
    found = accepting(article(), entry(name, connector))

    assert places(found) == [r"EX16B\Relay"]


@pytest.mark.parametrize(
    "given",
    [
        entry("EX16A"),
        entry("EX16A", "Default EX16A"),
        entry("EX16A", r"EX16B\Relay"),
        entry("EX16A", r"EX16A\Relay", cause="relay-wider-than-it-looks"),
        entry("EX99", "*"),
    ],
)
def test_an_entry_accepts_nothing_else(accepting: Accepting, given: str) -> None:
    """A server alone does not stand for its connectors; what matches nothing is noted."""
    found = accepting(article(), given)

    assert places(found) == [r"EX16A\Relay", r"EX16B\Relay"]
    assert not found.accepted
    assert "matches nothing" in found.accepted_notes[0]


def test_a_server_alone_is_told_the_connector(accepting: Accepting) -> None:
    """So that the entry can be mended."""
    (note,) = accepting(article(), entry("EX16A")).accepted_notes

    assert r"That cause is found on: EX16A\Relay, EX16B\Relay" in note


def test_the_last_day_counts_and_the_next_does_not(accepting: Accepting) -> None:
    """Past it the finding is back, and the entry is named as expired."""
    gone = TODAY - timedelta(days=1)
    last, over = (
        accepting(article(), entry("EX16A", r"EX16A\Relay", until=day)) for day in (TODAY, gone)
    )

    assert places(last) == [r"EX16B\Relay"]
    assert places(over) == [r"EX16A\Relay", r"EX16B\Relay"]
    assert f"expired after {gone}" in over.accepted_notes[0]


def test_another_entry_may_still_accept(accepting: Accepting) -> None:
    """Then nothing is said of the one that expired."""
    gone = TODAY - timedelta(days=1)
    found = accepting(article(), entry("EX16A", r"EX16A\Relay", until=gone), BOTH)

    assert found.verdict == "clear"
    assert found.accepted_notes == ()


def test_a_fingerprint_accepts_only_what_it_was_made_of(accepting: Accepting) -> None:
    """A range more, and the finding counts again; the note has the line for what it is now."""
    org = article()
    own = entry("EX16A", r"EX16A\Relay", fingerprint=print_of(org, r"EX16A\Relay"))
    wider = article().add_relay("EX16B", "10.77.0.0/16", name="Further")
    wider.connectors = [
        each if each.identity != r"EX16A\Relay" else _wider(each) for each in wider.connectors
    ]

    assert places(accepting(org, own)) == [r"EX16B\Relay"]
    changed = accepting(wider, own)
    assert places(changed) == [r"EX16A\Relay", r"EX16B\Relay"]
    new = print_of(wider, r"EX16A\Relay")
    assert f'fingerprint = "{new}"' in changed.accepted_notes[0]


def _wider(connector: ReceiveConnector) -> ReceiveConnector:
    return replace(connector, ranges=(*connector.ranges, parse_range("10.99.0.0/16")))


def test_a_fingerprint_alone_is_enough(accepting: Accepting) -> None:
    """It names one finding, wherever it is."""
    org = article()

    found = accepting(org, entry(fingerprint=print_of(org, r"EX16B\Relay")))

    assert places(found) == [r"EX16A\Relay"]
    assert found.accepted_notes == ()


def test_a_fingerprint_is_stable() -> None:
    """Over the order of reading, the numbers of queues, their messages and times."""
    first, second = article(), article()
    second.connectors = [
        replace(each, ranges=each.ranges[::-1], bindings=each.bindings[::-1])
        for each in reversed(second.connectors)
    ]
    second.servers.reverse()
    second.addresses.reverse()
    second.queues = [each for each in second.queues if each.status != "Retry"]
    second.add_queue("EX10A", 7, error=STUCK).add_queue("EX10B", 9_000, error=STUCK)

    for connector in (r"EX16A\Relay", r"EX16B\Relay"):
        assert print_of(first, connector) == print_of(second, connector)
    assert print_of(first, r"EX16A\Relay") != print_of(first, r"EX16B\Relay")


def suspended(*servers: str) -> Organisation:
    """An organization in order, with suspended queues on some servers."""
    org = healthy()
    for name in servers:
        org.add_queue(name, 5, status="Suspended")
    return org


def test_a_finding_of_a_queue_is_named_by_its_server(accepting: Accepting) -> None:
    """And not by an entry that names a connector as well."""
    mine = entry("ex10a", cause="queue-suspended")
    found = accepting(suspended("EX10A", "EX10B"), mine)
    other = accepting(suspended("EX10A"), entry("EX10A", "Relay", cause="queue-suspended"))

    assert [each.finding.senders for each in found.accepted] == [("EX10A",)]
    assert [each.senders for each in found.findings if each.state == "found"] == [("EX10B",)]
    assert other.verdict == "found"


def test_a_further_sender_is_a_change(accepting: Accepting) -> None:
    """What is accepted for two servers is not accepted for three."""
    org = article()
    own = entry("EX16A", r"EX16A\Relay", fingerprint=print_of(org, r"EX16A\Relay"))
    org.add_server("EX10C", E2010, "10.0.5.9")

    assert r"EX16A\Relay" in places(accepting(org, own))


def test_nothing_that_is_undetermined_is_accepted(accepting: Accepting) -> None:
    """Nor does missing data go away: the verdict stays inconclusive."""
    org = article().change(r"EX16A\Relay", auth=None).change(r"EX16B\Relay", auth=None)
    found = accepting(org, BOTH)

    assert (found.verdict, found.exit_code) == ("unknown", 2)
    assert not found.accepted
    assert "cannot be accepted" in found.accepted_notes[0]


def test_missing_data_stays_beside_what_is_accepted(tmp_path: Path) -> None:
    """All that is found is accepted, and one table is missing: inconclusive, and not 'no fault'."""
    org = assemble(article().without("queues").reading(), origin="exports")
    file = tmp_path / "accepted.toml"
    file.write_text(BOTH, "utf-8")
    found = findings(org, accepted=str(file))

    assert (found.verdict, found.exit_code) == ("unknown", 2)
    assert "No fault in the data available" not in found.headline + found.summary
    assert "2 findings are accepted" in found.summary


def test_the_audit_accepts_as_well(tmp_path: Path) -> None:
    """In the table of its results they have a word of their own; what was not exported is said."""
    file = tmp_path / "accepted.toml"
    file.write_text(BOTH, "utf-8")
    found = audit(article().snapshot(), accepted=str(file))
    table = audit_results(found)

    assert (found.verdict, found.word, found.repair) == ("clear", "all accepted", ())
    assert list(table.frame["result"]).count("accepted") == 2
    assert "Not exported, so not checked" in found.summary


def test_nothing_to_accept_changes_nothing(accepting: Accepting) -> None:
    """Only the note is there."""
    found = accepting(healthy(), BOTH)

    assert (found.verdict, found.word, found.accepted) == ("clear", "", ())
    assert found.summary == findings(healthy().snapshot()).summary


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[accepted", "no TOML"),
        ('[[accepted]]\nconnector = "EX16A\\Relay"', "single quotes"),
        ('[[accepted]]\ncause="a"\nreason="b"\nconnector = "EX16A\\backup"', "single quotes"),
        ("[[accept]]\ncause='x'", "unknown key 'accept'"),
        ("accepted = 3", "expected [[accepted]]"),
        ("accepted = [3]", "expected [[accepted]]"),
        (entry("EX16A", reasn="x"), "Did you mean 'reason'?"),
        (entry("EX16A", cause="custom-connector-shadow-default"), f"Did you mean '{SHADOWED}'?"),
        ("[[accepted]]\ncause='queue-suspended'\nserver='A'", "reason is missing"),
        ("[[accepted]]\nreason='x'\nserver='A'", "cause is missing"),
        (entry(), 'server = "*"'),
        (entry(connector="Relay"), "on which server?"),
        (entry("EX16A", until="soon"), "until = 2027-01-31"),
        (entry("EX16A", until="2027-02-30"), "until = 2027-01-31"),
        (entry("EX16A", until=3), "until = 2027-01-31"),
        ("[[accepted]]\ncause='queue-suspended'\nreason='x'\nserver=3", "server is not text"),
        (
            (
                "[[accepted]]\ncause='queue-suspended'\nreason='x'\nserver='A'\n"
                "until=2027-01-31T10:00:00"
            ),
            "until = 2027-01-31",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_the_next_action(tmp_path: Path, text: str, said: str) -> None:
    """One line that names the file, the entry, and what to write."""
    file = tmp_path / "accepted.toml"
    file.write_text(text, "utf-8")

    with pytest.raises(InputError) as refused:
        read_accepted(file)
    assert said in str(refused.value)
    assert str(refused.value).startswith(str(file))


def test_days_may_be_text_and_a_file_may_have_a_mark(tmp_path: Path) -> None:
    """As an editor on Windows saves it."""
    file = tmp_path / "accepted.toml"
    for encoding in ("utf-8-sig", "utf-16"):
        file.write_text(entry("EX16A", until="2027-01-31"), encoding)
        (read,) = read_accepted(file)

        assert (str(read.until), read.place) == ("2027-01-31", 1)


def test_no_file_is_said(tmp_path: Path) -> None:
    """And what one has to hold."""
    with pytest.raises(InputError, match="no such file"):
        read_accepted(tmp_path / "none.toml")


@settings(max_examples=MANY)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_accepting_hides_nothing_else(number: int, dice: Random) -> None:
    """Any part of what is found in a random organization: the verdict is that of the rest.

    Missing data and what is undetermined stay, and the repair takes nothing from other hosts.
    """
    org = broken(number).snapshot
    plain = findings(org)
    found = [each for each in plain.findings if each.state == "found"]
    chosen = [each for each in found if dice.random() < 0.6]
    text = "\n".join(entry(cause=each.cause, fingerprint=each.fingerprint) for each in chosen)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "accepted.toml"
        file.write_text(text, "utf-8")
        less = findings(org, accepted=str(file))
    rest = [each for each in found if each not in chosen]

    assert [each.finding.fingerprint for each in less.accepted] == [
        each.fingerprint for each in chosen
    ]
    assert less.unread == plain.unread
    assert _states(less, "unknown") == _states(plain, "unknown")
    assert _states(less, "found") == [each.fingerprint for each in rest]
    if rest:
        assert less.verdict == "found"
    elif _states(plain, "unknown"):
        assert less.verdict == "unknown"
    kept = {each.server for each in chosen} - {each.server for each in rest}
    changed = {command.split('"')[1].partition("\\")[0] for command in less.repair
               if command.startswith("Set-")}  # fmt: skip
    assert not changed & kept
    harm = ("refused", "now fails", "may lose", "not typable")
    assert [each for each in violations(org, less.repair) if each.startswith(harm)] == []


def _states(found: Diagnosis, state: str) -> list[str]:
    """Fingerprints of the findings in a state."""
    return [each.fingerprint for each in found.findings if each.state == state]
