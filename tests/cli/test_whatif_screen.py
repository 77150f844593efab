"""The screen of `mailflow whatif`: the answer first, and everything that it rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from mailflow.steps.change import edited
from mailflow.steps.claim import Proof
from mailflow.steps.proof import prove, prove_findings

from faulty import ANONYMOUS, ANY_RECIPIENT, faulty
from mailflow.cli.whatif_screen import whatif_screen
from mailflow.snapshot import Right, Snapshot
from mailflow.steps.findings import findings
from organisations import E2010, E2019, Organisation, article, healthy

SUBMIT = "ms-Exch-SMTP-Submit"
PRINTERS = "10.0.5.0/24"
COMMANDS = ("Set-ReceiveConnector", "Retry-Queue")


def proposed(org: Organisation | Snapshot, **options: Any) -> str:  # noqa: ANN401
    """The screen of what the findings propose."""
    read = org.snapshot() if isinstance(org, Organisation) else org
    found = findings(read)
    return whatif_screen(prove_findings(read, found), found, **options)


def asked(org: Organisation | Snapshot, **values: Any) -> str:  # noqa: ANN401
    """The screen of a change of EX16A's relay."""
    return whatif_screen(proof_of(org, **values))


def proof_of(org: Organisation | Snapshot, **values: Any) -> Proof:  # noqa: ANN401
    """The proof of a change of EX16A's relay."""
    read = org.snapshot() if isinstance(org, Organisation) else org
    return prove(read, [edited(read, "EX16A", "Relay", **values)])


def wide_lines(text: str, cells: int = 80) -> list[str]:
    """Lines that do not fit, but for commands, which are pasted."""
    return [
        line
        for line in text.splitlines()
        if len(line) > cells and not line[14:].startswith(COMMANDS)
    ]


def flat(text: str) -> str:
    """The text as it was before it was wrapped."""
    return " ".join(text.split())


def test_the_article() -> None:
    """Section 0.3: what it repairs, that nobody else is touched, the commands and the way back."""
    actual = proposed(article(), taken=datetime(2026, 11, 23, 14, 2, tzinfo=UTC))

    old = '-RemoteIPRanges "10.0.0.11","10.0.0.12","10.0.5.0/24"'
    expected = rf"""
What changing EX16A\Relay and EX16B\Relay would do         read 23 Nov 14:02 UTC
REPAIRS       EX10A and EX10B would be let in by EX16A and EX16B, and are not
              now.
              Nobody else would be answered differently.
CHANGE        EX16A\Relay
                removes     10.0.0.11 and 10.0.0.12
                then holds  10.0.5.0/24
              EX16B\Relay
                removes     10.0.0.11 and 10.0.0.12
                then holds  10.0.5.0/24
SERVERS       EX16A, port 25: Default Frontend EX16A answers instead of Relay
                EX10A  10.0.0.11  is let in, and was not before
                EX10B  10.0.0.12  is let in, and was not before
              EX16B, port 25: Default Frontend EX16B answers instead of Relay
                EX10A  10.0.0.11  is let in, and was not before
                EX10B  10.0.0.12  is let in, and was not before
COMPARED      every IPv4 and IPv6 address at 4 endpoints of EX16A and EX16B (14
              blocks); whoever is not named here is answered as before
REHEARSE      Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24" -WhatIf
              Set-ReceiveConnector "EX16B\Relay" -RemoteIPRanges "10.0.5.0/24" -WhatIf
DO            Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"
              Set-ReceiveConnector "EX16B\Relay" -RemoteIPRanges "10.0.5.0/24"
UNDO          Set-ReceiveConnector "EX16B\Relay" {old}
              Set-ReceiveConnector "EX16A\Relay" {old}
NOT KNOWN     nothing"""
    assert actual == expected.lstrip()


def test_a_range_that_is_split() -> None:
    """Section 1.4: what goes, what comes instead, and what the list holds then."""
    org = article().change(r"EX16A\Relay", ranges="10.0.0.0/24").remove(r"EX16B\Relay")

    assert (
        "CHANGE        EX16A\\Relay\n"
        "                removes     10.0.0.0/24\n"
        "                adds        10.0.0.0-10.0.0.10 and 10.0.0.13-10.0.0.255\n"
        "                then holds  10.0.0.0-10.0.0.10 and 10.0.0.13-10.0.0.255\n"
    ) in proposed(org)


def test_printers_that_would_lose_the_right_to_relay() -> None:
    """Section 2.6, S3.21: in the head, and below with what they gain."""
    rights = [
        Right("EX16A", "Relay", ANONYMOUS, ANY_RECIPIENT, deny=False),
        Right("EX16A", "Relay", ANONYMOUS, SUBMIT, deny=False),
        Right("EX16A", "Default Frontend EX16A", ANONYMOUS, SUBMIT, deny=False),
    ]
    org = replace(article().snapshot(), rights=tuple(rights))
    actual = asked(org, remove=[PRINTERS])

    assert "\nCHANGES       256 addresses would lose relaying without logging on.\n" in actual
    assert (
        "\nOTHERS        EX16A, port 25: Default Frontend EX16A answers instead of Relay\n"
        "                10.0.5.0/24 (256 addresses)\n"
        "                  loses      relaying without logging on\n"
        "                  gains      Exchange Server authentication,"
    ) in actual
    assert actual.endswith("\nNOT KNOWN     nothing")


def test_rights_that_were_not_read() -> None:
    """S3.20: said to be not known in the head, below, and at the end; never "none"."""
    actual = asked(article(), remove=[PRINTERS])

    assert "what becomes of relaying without logging on is not known." in flat(actual)
    assert "\n                  not known  relaying without logging on\n" in actual
    assert actual.endswith("rights or settings there were not read")


def test_mail_that_would_break() -> None:
    """S3.30: a change that shuts a server out says so with its first word."""
    org = healthy().remove(r"EX16A\Relay").add_relay("EX16A", PRINTERS)
    actual = asked(org, add=["10.0.0.11"])

    assert "\nBREAKS MAIL   EX10A would no longer be let in by EX16A:" in actual
    assert "\n                EX10A  10.0.0.11  is no longer let in\n" in actual


def test_a_break_that_is_not_certain() -> None:
    """What was not read may save it: not certain, and still told."""
    org = healthy().remove(r"EX16A\Relay").add_relay("EX16A", PRINTERS)
    org.add_relay("EX16A", "10.3.0.0/16", name="Cut", ranges_complete=False)
    actual = asked(org, add=["10.0.0.11"])

    assert "\nNOT CERTAIN   EX10A would no longer be let in by EX16A:" in actual
    assert "see NOT KNOWN." in actual
    assert "whoever is not named" not in actual


def test_a_way_that_no_mail_takes() -> None:
    """S4.02: counted apart in the head, and marked below."""
    org = healthy().add_server("EX19A", E2019, "10.0.0.31")
    org.remove(r"EX16A\Relay").add_relay("EX16A", PRINTERS)
    actual = asked(org, add=["10.0.0.31"])

    assert "1 server would be answered differently where no mail from it arrives" in flat(actual)
    assert "no mail takes this way" in flat(actual)
    assert "BREAKS MAIL" not in actual


def test_what_breaks_stands_first() -> None:
    """Then what is repaired, and what no mail takes at the end."""
    org = article().add_server("EX19A", E2019, "10.0.0.31")
    actual = asked(org.change(r"EX16A\Relay", ranges="10.0.0.11"), remove=["10.0.0.11"],
                   add=["10.0.0.12", "10.0.0.31"])  # fmt: skip

    assert actual.index("EX10B would no longer") < actual.index("EX10A would be let in")
    order = [actual.index(f"\n                {name}  10.0.0.") for name in ("EX10B", "EX10A")]
    assert order == sorted(order)
    actual = asked(org, remove=["10.0.0.11"], add=["10.0.0.31"])
    assert actual.index("                EX10A  10.0.0.11") < actual.index("EX19A  10.0.0.31")


def test_hosts_that_lose_stand_first() -> None:
    """Before those of which something is not known, whatever their addresses."""
    actual = asked(article(), remove=[PRINTERS], add=["10.0.9.0/24"])
    below = actual[actual.index("\nOTHERS") : actual.index("\nCOMPARED")]

    assert below.index("10.0.9.0/24") < below.index(PRINTERS)
    assert "256 addresses would lose Exchange Server authentication," in flat(actual)


def test_a_repair_of_a_part() -> None:
    """Contract, section 4: a list that was cut is not written, and the head tells of it."""
    actual = proposed(article().change(r"EX16A\Relay", ranges_complete=False))

    assert "\nREPAIRS PART  EX10A and EX10B would be let in by EX16B," in actual
    assert "It does not repair all that was found" in actual
    assert "\nNOT PROPOSED  EX16A\\Relay: Its list was cut off in the capture" in actual
    assert actual.endswith("\nNOT KNOWN     what was cut off the list of EX16A\\Relay")


def test_no_list_was_read_to_the_end() -> None:
    """It is decided what is wrong, and what is missing for the repair; no all-clear."""
    org = article()
    for server in ("EX16A", "EX16B"):
        org.change(rf"{server}\Relay", ranges_complete=False)
    actual = proposed(org)

    assert "\nSTILL BROKEN  Mail from EX10A and EX10B does not reach EX16A and EX16B." in actual
    assert "No change is proposed, for not all was read that it rests on." in actual
    assert "\nNOT KNOWN     EX16A\\Relay: Its list was cut off" in actual


def test_what_else_was_found() -> None:
    """What no list mends is told beside the proposal, with its commands."""
    org = article().change(r"EX16A\Relay", bindings="0.0.0.0:25, 0.0.0.0:2525")
    actual = proposed(org)

    assert "\nREPAIRS PART  " in actual
    assert "\nNOT PROPOSED  EX16A\\Relay: Exchange would refuse it: The values that" in actual
    assert "\nALSO DO       Move EX16A\\Relay to HubTransport" in actual
    assert '"EX16A\\Relay" -TransportRole HubTransport' in actual


def test_a_list_that_was_cut_gets_no_command() -> None:
    """Section 1.4: the new list would lose what was cut off."""
    actual = asked(article().change(r"EX16A\Relay", ranges_complete=False), remove=["10.0.0.11"])

    assert "Set-ReceiveConnector" not in actual
    assert "\nNO COMMAND    EX16A\\Relay: its list was not read to the end" in actual
    assert "then holds 10.0.0.12 and 10.0.5.0/24, and what was cut off" in flat(actual)


def test_an_old_list_that_would_not_come_back() -> None:
    """S8.65: the way back is shown with what Exchange would say of it."""
    org = article().add_relay("EX16A", PRINTERS, "10.0.0.11", name="Twin", enabled=False)
    actual = asked(org, remove=["10.0.0.11", PRINTERS])

    assert "\nNO WAY BACK   EX16A\\Relay: Exchange would not take its old list back" in actual


def test_a_list_that_was_empty_has_no_way_back() -> None:
    """S8.64: whether Exchange takes an empty list is not known."""
    actual = asked(article().change(r"EX16A\Relay", ranges=()), add=[PRINTERS])

    assert "\nUNDO" not in actual
    assert "\nNO WAY BACK   EX16A\\Relay: its list was empty" in actual


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    """Escape sequences, bidi marks and line feeds: written out; no command holds them."""
    org = healthy().add_relay("EX16A", "10.0.0.11", "10.9.9.9", name="x\x1b[31m\u202ey\nEX16B")
    actual = proposed(org)

    assert "\x1b" not in actual
    assert "\u202e" not in actual
    assert "\nEX16B" not in actual
    assert r"EX16A\x\x1b[31m\u202ey\x0aEX16B" in actual
    assert "its name cannot be pasted safely" in actual
    assert "Set-ReceiveConnector" not in actual


@pytest.mark.parametrize(
    ("org", "values", "label", "code"),
    [
        (article(), {"remove": ["10.0.0.11"]}, "REPAIRS", 32),
        (article(), {"remove": ["10.0.0.11", PRINTERS]}, "REPAIRS", 33),
        (article(), {"remove": [PRINTERS]}, "CHANGES", 33),
        (article(), {"add": ["2001:db8::1"]}, "NO EFFECT", 32),
        (
            article().change(r"EX16A\Relay", ranges=PRINTERS),
            {"add": ["10.0.0.11"]},
            "BREAKS MAIL",
            31,
        ),
        (
            article()
            .change(r"EX16A\Relay", ranges=PRINTERS)
            .add_relay("EX16A", "10.3.0.0/16", name="Cut", ranges_complete=False),
            {"add": ["10.0.0.11"]},
            "NOT CERTAIN",
            31,
        ),
        (
            article().add_relay("EX16A", "10.3.0.0/16", name="Cut", ranges_complete=False),
            {"remove": ["10.0.0.11"]},
            "NOT CERTAIN",
            33,
        ),
    ],
)
def test_colour_only_repeats_the_label(
    org: Organisation, values: dict[str, Any], label: str, code: int
) -> None:
    """Green, yellow and red by what the label says; without colour the same text."""
    proof = proof_of(org, **values)
    plain, coloured = (whatif_screen(proof, colour=one) for one in (False, True))

    assert "\x1b" not in plain
    assert f"\n{label} " in plain
    assert coloured == plain.replace(label, f"\x1b[1;{code}m{label}\x1b[0m", 1)


@pytest.mark.parametrize("number", range(20))
def test_any_repair_fits_80_columns(number: int) -> None:
    """Whatever changes: within the width, each connector and each server named."""
    org, planned = faulty(number)
    proof = prove(org, planned.changes)
    text = whatif_screen(proof)

    assert wide_lines(text) == []
    for one in proof.changes:
        assert f"{one.identity} {'removes' if one.removed else 'adds'}" in flat(text)
        assert one.command in text
        assert one.undo in text
    for way in proof.reached:
        assert f"{way.sender} {way.address} is " in flat(text)


def test_a_large_fleet_stays_readable() -> None:
    """What does not fit on a screen is counted, and never left out in silence."""
    org = healthy()
    for number in range(90):
        org.add_server(f"OLD{number:02}", E2010, f"10.0.7.{number + 1}")
    for server in ("EX16A", "EX16B"):
        org.add_relay(server, "10.0.7.0/25", "10.0.6.0/24", name="Printers")
    text = proposed(org)

    assert wide_lines(text) == []
    shown = text.count("is let in, and was not before")
    assert f"\n              and {180 - shown} more; `--json` names them all\n" in text
    assert 60 <= shown < 180
    assert "OLD00, OLD01, OLD02, OLD03, OLD04 and 85 more would be let in" in flat(text)
