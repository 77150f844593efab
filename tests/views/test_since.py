"""What became of the findings of an earlier run; what could not be read is never gone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mailflow.errors import InputError
from mailflow.show.terminal import screen
from mailflow.show.verdict import verdict_card
from mailflow.snapshot import Snapshot, Unread
from mailflow.sources.row import Row
from mailflow.views.audit import audit
from mailflow.views.findings import findings
from mailflow.views.since import compared, earlier_run, read_since
from mailflow.views.verdict import SINCE_GROUPS, Diagnosis, SinceRecord
from organisations import Organisation, article, healthy

Since = Callable[..., Diagnosis]
NAMED = "<I>CN=Contoso CA<S>CN=mail.contoso.com"
A, B = r"EX16A\Relay", r"EX16B\Relay"


@pytest.fixture
def since(tmp_path: Path) -> Since:
    """Findings now, beside those of an earlier state."""

    def compare(
        before: Organisation | Diagnosis, now: Organisation | Snapshot, accepted: str = ""
    ) -> Diagnosis:
        was = before if isinstance(before, Diagnosis) else findings(before.snapshot())
        file = tmp_path / "findings.json"
        file.write_text(json.dumps(was.as_json()), "utf-8")
        org = now if isinstance(now, Snapshot) else now.snapshot()
        return findings(org, accepted=accepted, since=str(file))

    return compare


def groups(found: Diagnosis) -> dict[str, list[str | None]]:
    """The connectors in each group that is not empty."""
    assert isinstance(found.since, SinceRecord)
    named = {name: getattr(found.since, name) for name in SINCE_GROUPS}
    return {name: [each.connector for each in some] for name, some in named.items() if some}


def repaired(*connectors: str) -> Organisation:
    """The article, without these connectors."""
    org = article()
    for each in connectors:
        org.remove(each)
    return org


def test_the_same_again_is_unchanged_and_no_alarm(since: Since) -> None:
    """The verdict is still what it is; the exit code is 0."""
    found = since(article(), article())

    assert groups(found) == {"unchanged": [A, B]}
    assert (found.verdict, found.exit_code) == ("found", 0)


def test_what_is_new_ends_with_1(since: Since) -> None:
    """Also beside something that is known."""
    found = since(repaired(B), article())

    assert groups(found) == {"new": [B], "unchanged": [A]}
    assert found.exit_code == 1


def test_what_changed_counts_as_new(since: Since) -> None:
    """The same cause on the same connector, found on another setting."""
    found = since(article(), article().change(A, groups="AnonymousUsers, ExchangeUsers"))

    assert groups(found) == {"changed": [A], "unchanged": [B]}
    assert found.exit_code == 1


def test_what_was_repaired_is_gone(since: Since) -> None:
    """Everything that could show it was read."""
    found = since(article(), repaired(A))

    assert groups(found) == {"gone": [A], "unchanged": [B]}
    assert found.exit_code == 0


def test_nothing_then_and_nothing_now(since: Since) -> None:
    """No group, and a sentence that says so."""
    found = since(healthy(), healthy())

    assert groups(found) == {}
    assert found.exit_code == 0
    assert "Nothing was found then" in screen(found)


def lacks(table: str, server: str = "EX16A") -> Snapshot:
    """The article after the repair, with a row of missing data."""
    org = repaired(A).snapshot()
    return replace(org, unread=(*org.unread, Unread(server, table, "no answer")))


def without_server(name: str) -> Organisation:
    """The article without a server."""
    return article().remove_server(name)


@pytest.mark.parametrize(
    "now",
    [
        lacks("Get-ReceiveConnector"),
        lacks("Get-ReceiveConnector", "EX16A.contoso.com"),
        lacks("Get-Queue", "EX10A"),
        lacks("Get-ReceiveConnector", ""),
        lacks("Get-Queue", ""),
        without_server("EX16A").snapshot(),
        repaired(A).snapshot().limited_to(["EX16B"]),
        Snapshot(unread=(Unread("", "Get-ReceiveConnector", "no answer"),)),
        Snapshot(),
    ],
    ids=[
        "connectors",
        "full name",
        "sender",
        "all",
        "queues",
        "server",
        "limited",
        "nothing",
        "empty",
    ],
)
def test_what_was_not_read_is_not_gone(since: Since, now: Snapshot) -> None:
    """It is named as not checked, and the run is inconclusive unless something is new."""
    found = since(article(), now)

    assert A in groups(found)["not_checked"]
    assert A not in groups(found).get("gone", [])
    assert found.exit_code == 2


def test_an_undetermined_path_is_not_gone(since: Since) -> None:
    """The connector is there, and what decides was not read."""
    found = since(article(), article().change(A, auth=None).change(B, auth=None))

    assert groups(found) == {"not_checked": [A, B]}
    assert found.exit_code == 2


def test_a_cmdlet_that_is_missing_now_leaves_it_open(since: Since) -> None:
    """Nothing is a row of missing data then, so the cmdlets themselves are compared."""
    org = repaired(A).snapshot()
    found = since(article(), replace(org, cmdlets=org.cmdlets - {"Get-TransportService"}))

    assert groups(found)["not_checked"] == [A]


def test_certificates_of_that_server_have_to_be_there(tmp_path: Path) -> None:
    """Those of another server do not tell, and no row of missing data would say so."""
    default = r"EX16A\Default Frontend EX16A"
    org = healthy().change(default, tls_certificate=NAMED)
    for server in ("EX16A", "EX16B"):
        org.add_certificate(server, "AB" * 20, Subject="CN=other.contoso.com")

    def read(kept: list[Row], tls: str) -> Snapshot:
        now = org.copy().change(default, tls_certificate=tls)
        now.kept = kept
        snapshot = now.snapshot()
        return replace(snapshot, cmdlets=snapshot.cmdlets | {"Get-ExchangeCertificate"})

    file = tmp_path / "findings.json"
    file.write_text(json.dumps(audit(read(org.kept, NAMED)).as_json()))
    whole, part = (audit(read(kept, ""), since=str(file)) for kept in (org.kept, org.kept[1:]))

    assert groups(whole) == {"gone": [default]}
    assert groups(part) == {"not_checked": [default]}


def test_what_is_open_stays_open_until_it_is_checked(since: Since) -> None:
    """Night by night: found, not read, not read, read again and there: nothing is new in it."""
    second = since(article(), lacks("Get-ReceiveConnector"))
    third = since(second, lacks("Get-ReceiveConnector"))
    fourth = since(third, article())
    fifth = since(third, repaired(A))

    assert groups(third)["not_checked"] == [A]
    assert groups(fourth) == {"unchanged": [A, B]}
    assert groups(fifth) == {"gone": [A], "unchanged": [B]}


def test_what_was_accepted_and_could_not_be_read_is_no_old_news(
    since: Since, tmp_path: Path
) -> None:
    """Accepted, then not read, then there again and no longer accepted: it counts as new."""
    file = tmp_path / "accepted.toml"
    file.write_text(
        '[[accepted]]\ncause = "custom-connector-shadows-default"\nserver = "EX16A"\n'
        'connector = "Relay"\nreason = "known"\n'
    )
    first = findings(article().snapshot(), accepted=str(file))
    second = since(first, lacks("Get-ReceiveConnector"), str(file))
    third = since(second, article())

    assert groups(second)["not_checked"] == [A]
    assert groups(third) == {"new": [A], "unchanged": [B]}


def test_another_question_makes_nothing_gone(tmp_path: Path) -> None:
    """An audit does not look for what a diagnosis finds, nor one with other options."""
    file = tmp_path / "audit.json"
    file.write_text(json.dumps(audit(article().snapshot(), planned=["10.9.9.9"]).as_json()))
    other = findings(repaired(A, B).snapshot(), since=str(file))

    assert "not_checked" in groups(other)
    assert "gone" not in groups(other)


def test_other_options_make_nothing_gone(tmp_path: Path) -> None:
    """A queue that is too small to count now may be as stuck as it was."""
    file = tmp_path / "before.json"
    file.write_text(json.dumps(findings(article().snapshot()).as_json()))
    found = findings(repaired(A, B).snapshot(), min_messages=500, since=str(file))

    assert groups(found) == {"not_checked": [A, B]}
    assert "other options" in screen(found)


def test_a_gap_elsewhere_leaves_what_was_checked_gone(since: Since) -> None:
    """A finding of EX16A does not wait for EX16B."""
    found = since(article(), repaired(A).change(B, auth=None))

    assert groups(found) == {"gone": [A], "not_checked": [B]}


def test_unknown_beside_what_is_known_ends_with_2(since: Since) -> None:
    """By the contract: missing data is never 0."""
    org = article().snapshot()
    found = since(article(), replace(org, unread=(Unread("EX10B", "Get-Queue", "no answer"),)))

    assert found.exit_code == 2


def test_accepted_is_no_news_and_expired_is(since: Since, tmp_path: Path) -> None:
    """What was accepted then and is not now counts as new."""
    file = tmp_path / "accepted.toml"
    text = (
        '[[accepted]]\ncause = "custom-connector-shadows-default"\nserver = "*"\n'
        'connector = "*"\nreason = "known"\n'
    )
    file.write_text(text)
    accepted = findings(article().snapshot(), accepted=str(file))
    still = since(accepted, article(), str(file))
    file.write_text(f"{text}until = 2020-01-31\n")
    expired = since(accepted, article(), str(file))

    assert (groups(still), still.exit_code) == ({}, 0)
    assert (groups(expired), expired.exit_code) == ({"new": [A, B]}, 1)


def test_an_accepted_finding_that_changed_is_new(since: Since, tmp_path: Path) -> None:
    """Also where its entry has no fingerprint: the earlier run has one."""
    file = tmp_path / "accepted.toml"
    file.write_text(
        '[[accepted]]\ncause = "custom-connector-shadows-default"\nserver = "*"\n'
        'connector = "*"\nreason = "known"\n'
    )
    accepted = findings(article().snapshot(), accepted=str(file))
    now = article().change(A, groups="AnonymousUsers, ExchangeUsers")
    found = since(accepted, now, str(file))

    assert groups(found) == {"new": [A]}
    assert found.exit_code == 1
    assert [each.finding.connector for each in found.accepted] == [B]
    assert "changed since the earlier run" in found.accepted_notes[0]


def test_it_is_told_on_screen_and_card(since: Since) -> None:
    """With why something is open."""
    found = since(article(), lacks("Get-ReceiveConnector"))
    card = verdict_card(found).html

    assert "Not checked: 1" in screen(found)
    assert "EX16A Get-ReceiveConnector was not read" in screen(found, 300)
    assert "Not checked: 1" in card
    told = [line for line in screen(found).splitlines() if " | " not in line]  # no command
    assert max(map(len, told)) <= 80


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("[]", "contains no findings"),
        ('{"schema": "mailflow.run/1"}', "contains no findings"),
        ('{"schema": "mailflow.findings/1"}', "damaged"),
        ('{"schema": "mailflow.findings/1", "stuck": 3, "verdict": 3, "headline": 4}', "damaged"),
        ("[" * 100_000, "it is no JSON"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """With what is expected."""
    file = tmp_path / "findings.json"
    file.write_text(text)

    with pytest.raises(InputError, match=said):
        read_since(file)


def places_in(node: object, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each value of a document, at any depth."""
    entries = node.items() if isinstance(node, dict) else enumerate(node)  # type: ignore[arg-type]
    for key, value in entries:
        yield (*way, key)
        if isinstance(value, dict | list):
            yield from places_in(value, (*way, key))


def test_any_value_of_another_type_is_survived(tmp_path: Path) -> None:
    """Each value of a document replaced: refused as damaged, or compared."""
    file = tmp_path / "accepted.toml"
    file.write_text(
        '[[accepted]]\ncause = "custom-connector-shadows-default"\nserver = "EX16B"\n'
        'connector = "*"\nreason = "known"\n'
    )
    before = findings(article().snapshot(), accepted=str(file))
    first = tmp_path / "findings.json"
    first.write_text(json.dumps(before.as_json()))
    org = lacks("Get-ReceiveConnector")
    document = findings(org, accepted=str(file), since=str(first)).as_json()
    open_ones = [each for each in document["findings"] if each["state"] in ("found", "unknown")]
    document = json.loads(json.dumps(document | {"mail_flow": None, "findings": open_ones}))
    now = findings(org)
    tried = 0
    for way in places_in(document):
        if way[0] not in ("findings", "accepted", "since", "asked", "unread", "checked"):
            continue
        for value in (None, 3, "x", [], {}, [3], [None], [[]]):
            changed = json.loads(json.dumps(document))
            parent = changed
            for key in way[:-1]:
                parent = parent[key]
            parent[way[-1]] = value
            with suppress(InputError):
                compared(now, earlier_run(changed, "run"), org, lacks=True)
            tried += 1

    assert tried > 500


def test_a_run_that_did_not_end_is_refused(tmp_path: Path) -> None:
    """It has no findings; one that is not there is said as well."""
    with pytest.raises(InputError, match="the run did not finish"):
        read_since(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read_since(tmp_path / "none")
