"""The change as a change board reads it."""

from __future__ import annotations

import pytest

from mailflow.opening import open_source
from mailflow.snapshot import Snapshot
from mailflow.views.change_request import (
    change_commands,
    other_ways,
    proposed_change,
    rollback,
)
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_proposal
from organisations import E2010, E2016, Organisation, article, healthy


def _all(org: Snapshot) -> tuple[str, str, str]:
    found = findings(org)
    proof = prove_proposal(org, found)
    queues = [queue for one in found.findings for queue in one.queues]
    return (
        str(proposed_change(found, proof)),
        str(other_ways(found)),
        str(change_commands(proof, dict.fromkeys(queues))),
    )


def test_the_article() -> None:
    """Both connectors with old and new list, four other ways, and all commands in order.

    Rollback is no step: it stands apart, the last change first, with when to use it.
    """
    org = open_source("demo:article")
    found = findings(org)
    proof = prove_proposal(org, found)

    change = proposed_change(found, proof)
    assert list(change.frame["connector"]) == [r"EX16A\Relay", r"EX16B\Relay"]
    assert set(change.frame["off"]) == {"10.0.0.11 and 10.0.0.12"}
    assert set(change.frame["on"]) == {"nothing"}
    assert len(other_ways(found).frame) == 4
    commands = change_commands(proof, [r"EX10A\1187"]).frame
    assert list(commands["step"]) == list(range(1, 6))
    assert list(commands["command"]) == [
        *(f"{one.command} -WhatIf" for one in proof.changes),
        *(one.command for one in proof.changes),
        r'Retry-Queue -Identity "EX10A\1187"',
    ]
    back = rollback(proof)
    assert list(back.frame["command"]) == [one.undo for one in reversed(proof.changes)]
    assert "step" not in back.frame.columns
    assert back.caption.startswith("Only if the change causes problems")
    assert set(change.frame["parameter"]) == {"RemoteIPRanges"}


def test_other_parameters() -> None:
    """Each in a row, with what it has in addition; two of one command beside each other."""
    name = r"EX16A\Default Frontend EX16A"
    org = healthy().change(name, auth="Tls", fqdn="mail.contoso.com", suppress_x_anonymous_tls=True)
    found = findings(org.snapshot())
    proof = prove_proposal(org.snapshot(), found)

    rows = proposed_change(found, proof).frame[["parameter", "off", "on", "old", "new"]]

    assert rows.values.tolist() == [
        ["AuthMechanism", "nothing", "ExchangeServer", "Tls", "Tls, ExchangeServer"],
        ["Fqdn", "", "", "mail.contoso.com", "ex16a.contoso.com"],
        ["SuppressXAnonymousTls", "", "", "$true", "$false"],
    ]
    assert len(rollback(proof).frame) == 0
    assert "cannot be rolled back: Exchange would refuse" in rollback(proof).reading
    (edit,) = proof.changes
    assert change_commands(proof).frame["command"].tolist() == [edit.rehearsal, edit.command]


def test_a_long_list_beside_its_command() -> None:
    """Contract 9: the whole list in the command, what goes and what comes beside it."""
    many = [f"10.7.{number}.1" for number in range(60)]
    org = healthy().add_relay("EX16A", "10.0.0.11", *many, name="Many")
    found = findings(org.snapshot())
    proof = prove_proposal(org.snapshot(), found)

    (row,) = proposed_change(found, proof).frame.to_dict("records")
    why = change_commands(proof).frame["why"][1]

    assert (row["old"], row["new"]) == ("61 elements", "60 elements; remove 10.0.0.11")
    assert "RemoteIPRanges: 61 elements -> 60 elements; remove 10.0.0.11." in why
    assert all(one in proof.changes[0].command for one in many)


def test_a_range_that_is_split() -> None:
    """What comes off is what no longer is listed, and not the range that was cut."""
    org = Organisation()
    org.add_server("EX10A", E2010, "10.0.0.11")
    org.add_server("EX16A", E2016, "10.0.0.21")
    org.add_relay("EX16A", "10.0.0.0/24")
    found = findings(org.snapshot())

    change = proposed_change(found, prove_proposal(org.snapshot(), found)).frame

    assert list(change["off"]) == ["10.0.0.11"]
    assert "10.0.0.0-10.0.0.10" in change["new"][0]


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("healthy-but-suspicious", "no fault was found"),
        ("clock-off", "lies outside the receive connectors"),
    ],
)
def test_none_is_called_for(scenario: str, words: str) -> None:
    """It says whether that is because all is well, or because lists do not mend it."""
    change, others, commands = _all(open_source(f"demo:{scenario}"))

    assert words in " ".join(change.split())
    assert "No alternatives." in others
    assert "Set-ReceiveConnector" not in commands


def test_what_exchange_would_refuse_is_said() -> None:
    """S1.31: a list that may not stand beside another one gets no command, and the words why."""
    org = Organisation()
    org.add_server("EX10A", E2010, "10.0.0.11")
    org.add_server("EX16A", E2016, "10.0.0.21")
    org.add_relay("EX16A", "10.0.0.11", "10.0.5.0/24")
    org.add_relay("EX16A", "10.0.5.0/24", name="Old", enabled=False)

    change, _, commands = _all(org.snapshot())

    assert "Not proposed" in change
    assert "must have a unique combination" in " ".join(change.split())
    assert "No command can be generated." in commands


def test_hostile_names_stay_text() -> None:
    """A connector's name with a script in it is escaped in every table."""
    org = article()
    org.add_relay("EX16A", "10.0.0.11", name="<script>x</script>", bindings="10.0.0.21:25")
    found = findings(org.snapshot())
    proof = prove_proposal(org.snapshot(), found)

    for one in (proposed_change(found, proof), other_ways(found), change_commands(proof)):
        assert "<script>x" not in one._repr_html_()
