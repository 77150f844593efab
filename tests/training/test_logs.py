"""Protocol logs in a case: fetched, shown as both ends wrote them, and read like real ones."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from mailflow.simulated.practice import Practice
from mailflow.simulated.protocol_logs import log_files
from mailflow.training import logs
from mailflow.training.lab import Lab, practice
from mailflow.views.findings import findings

TRANSLATED, INSPECTED = "address-translated", "smtp-inspection"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path / "data"))


def fetched(name: str) -> Practice:
    """A scenario whose logs were fetched."""
    begun = Practice.begin(name)
    assert logs.fetch(begun)
    return begun


def test_fetching_is_a_step_like_any_other() -> None:
    """Taken back, made again in a copy, gone after a new beginning; a second look is no step."""
    lab = practice(INSPECTED)
    start = lab.open()
    lab.logs()
    read = lab.open()
    lab.logs()

    assert start.offers == start.observed == ()
    assert read.offers
    assert read.observed
    assert log_files(lab.copy().logs) == log_files(lab._practice.logs)
    lab.undo()
    assert lab.open() == start
    assert "nothing to undo" in repr(lab.undo())
    lab.logs()
    lab.again()
    assert lab.open() == start


def test_logs_decide_and_stay_as_they_were() -> None:
    """Undetermined before, found with them; a later attempt has rows of its own."""
    lab = practice(TRANSLATED)
    assert findings(lab.open()).verdict == "unknown"
    first = repr(lab.logs())
    assert findings(lab.open()).verdict == "found"

    lab.wait(minutes=30)
    assert findings(lab.open()).verdict == "found"
    assert repr(lab.logs()) != first
    lab.undo()
    lab.undo()
    assert repr(lab.logs()) == first


def test_logs_stay_when_nothing_fails_any_more() -> None:
    """After the repair there is nothing newer to fetch: what was read is still there to look at."""
    lab = practice(TRANSLATED)
    first = repr(lab.logs())
    lab.request("no-translation")
    lab.wait(minutes=15)

    assert repr(lab.logs()) == first
    lab.undo()
    assert findings(lab.open()).verdict == "found"  # that was the wait


def test_where_nothing_failed_there_are_no_logs() -> None:
    """Said, and no step."""
    lab = practice("healthy-but-suspicious")

    assert "No protocol logs are here" in repr(lab.logs())
    assert "No protocol logs are here" in str(lab.both_ends())
    assert "nothing to undo" in repr(lab.undo())


@pytest.mark.parametrize("name", [TRANSLATED, INSPECTED, "service-stopped"])
def test_every_row_of_the_files_is_shown(name: str) -> None:
    """Each as it stands there, once, at the end that wrote it."""
    begun = fetched(name)
    in_files = {
        kind: sorted(
            row
            for file, text in log_files(begun.logs).items()
            if kind in file
            for row in text.splitlines()
            if not row.startswith("#")
        )
        for kind in ("SEND", "RECV")
    }

    shown = logs.both_logs(begun)

    assert sorted(row for each in shown for row in each.ends[0].rows) == in_files["SEND"]
    assert sorted(row for each in shown for row in each.ends[1].rows) == in_files["RECV"]
    assert all(len(end.lines) == len(end.rows) for each in shown for end in each.ends)


@pytest.mark.parametrize("name", ["case-12", "case-13"])
def test_the_session_that_is_asked_about_comes_first(name: str) -> None:
    """A learner reads the unfolded one."""
    lab = practice(name)
    sender, _, target = repr(lab.logs()).partition(",")[0].split()

    assert f"{sender} connects to {target}." in repr(lab.ask("which-address-was-seen"))


def test_both_ends_of_a_translated_address() -> None:
    """C5, S5.30: where the sender connects from, and what the target saw."""
    table = logs.both_ends(fetched(TRANSLATED))
    send, receive = (table.frame[table.frame["log"].str.startswith(kind)] for kind in ("se", "re"))

    assert set(send["address"]) == {"10.0.0.11", "10.0.0.12"}
    assert set(send["greeted"]) == set(receive["address"]) == {"10.0.5.1"}
    assert set(receive["connector"]) == {"Relay"}
    assert set(send["keywords"]) == set(receive["keywords"]) == {"STARTTLS"}
    assert "EX10A connects from 10.0.0.11; EX16A sees 10.0.5.1." in table.reading


def test_both_ends_of_an_inspected_session() -> None:
    """C4: what was sent, and what arrived."""
    table = logs.both_ends(fetched(INSPECTED))
    send, receive = (table.frame[table.frame["log"].str.startswith(kind)] for kind in ("se", "re"))

    assert set(send["keywords"]) == {"masked (XXXX)"}
    assert set(receive["keywords"]) == {"X-ANONYMOUSTLS X-EXPS STARTTLS AUTH"}
    assert "EX10A received masked (XXXX)" in table.reading
    assert "connects from" not in table.reading


def test_a_connector_that_does_not_log_writes_nothing() -> None:
    """S7.20: silence is told as silence, and the sender's log decides alone."""
    begun = Practice.begin(TRANSLATED)
    directory, now = begun.organisation.directory, begun.clock.now
    for server in ("EX16A", "EX16B"):
        known = directory.find(rf"{server}\Relay", now)
        assert known
        directory.write(replace(known, protocol_logging="None"), now)
    logs.fetch(begun)

    shown = logs.both_logs(begun)

    assert all(each.ends[0].rows and not each.ends[1].rows for each in shown)
    table = logs.both_ends(begun)
    assert "no row" in set(table.frame["keywords"])
    assert "4 sessions of 4 without a row in the receive log" in table.reading


def test_only_what_both_ends_wrote_is_called_the_same() -> None:
    """A connector without the authentication logs; the article's relay does not (S7.20)."""
    same = logs.both_ends(fetched("default-without-exchange-auth")).reading
    silent = logs.both_ends(fetched("article")).reading

    assert re.fullmatch(r"Both ends of \d+ sessions wrote the same\.", same)
    assert "wrote the same" not in silent
    assert "cannot be compared" in silent


# --- the network team -----------------------------------------------------------------------------


def test_a_request_is_a_step() -> None:
    """By its key, its words, or an answered question; what is none is said, and no step."""
    lab = practice(INSPECTED)
    for nothing in ("", None, "nothing", "reboot it", lab.ask("what-request")):
        assert "No request was made" in repr(lab.request(nothing))
    assert "nothing to undo" in repr(lab.undo())

    lab.request("Switch off SMTP inspection for traffic between the Exchange servers.")
    lab.wait(minutes=15)
    assert findings(lab.open()).verdict == "clear"
    lab.undo()
    lab.undo()
    lab.request("no-translation")
    lab.wait(minutes=15)
    assert findings(lab.open()).verdict == "unknown"


def test_firewall_ports_are_opened() -> None:
    """The third request does what it says: a server that a firewall hides is reached again."""
    lab = practice(INSPECTED)
    server = lab._practice.organisation.servers[0]
    server.network = "silent"

    lab.request("open-ports")

    assert server.network == "open"


# --- the end --------------------------------------------------------------------------------------


def solved_but_for_the_repair() -> Lab:
    """The case with every question about logs and cause answered."""
    lab = practice("case-13")
    lab.ask("what-verdict").solve()
    lab.logs()
    for name in ("which-address-was-seen", "what-arrived", "what-cause", "what-request"):
        lab.ask(name).solve()
    return lab


def test_the_debrief_waits_for_the_logs_and_the_repair() -> None:
    """It began inconclusive; with the logs a cause is found, and then it has to be repaired."""
    lab = practice("case-13")
    lab.ask("what-verdict").solve()
    assert "lab.logs() fetches them" in repr(lab.debrief())

    lab = solved_but_for_the_repair()
    assert "Something is still at fault" in repr(lab.debrief())
    lab.request(lab.ask("what-request"))
    lab.wait(minutes=15)

    said = lab.debrief()
    assert 'href="../../docs/checks/smtp-inspection.md"' in said.html
    assert "Inconclusive by configuration" in said.text
    assert lab.ask("what-verdict").value == "unknown"


def test_without_logs_that_decide_nothing_is_asked_for() -> None:
    """A case that stays unknown is solved by saying so."""
    lab = practice("case-11")
    lab.ask("what-cause").solve()

    assert "could not be determined" in repr(lab.debrief())
