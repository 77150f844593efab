"""The screen of `mailflow whatif`: the answer first, and everything that it rests on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from faulty import ANONYMOUS, ANY_RECIPIENT, faulty
from mailflow.cli.whatif_screen import whatif_screen
from mailflow.repair.claim import Proof
from mailflow.repair.impact import prove
from mailflow.repair.request import edited
from mailflow.snapshot import Right, Snapshot
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_findings
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
    """Section 0: what it repairs, that nobody else is touched, the commands and the rollback."""
    actual = proposed(article(), taken=datetime(2026, 11, 23, 14, 2, tzinfo=UTC))

    old = '-RemoteIPRanges "10.0.0.11","10.0.0.12","10.0.5.0/24"'
    expected = rf"""
Effect of changing EX16A\Relay and EX16B\Relay             read 23 Nov 14:02 UTC
REPAIRS       EX16A and EX16B would accept EX10A and EX10B (currently failing).
              No other host is affected.
CHANGE        EX16A\Relay
                removes     10.0.0.11 and 10.0.0.12
                result      10.0.5.0/24
              EX16B\Relay
                removes     10.0.0.11 and 10.0.0.12
                result      10.0.5.0/24
AFFECTED SERVERS
              EX16A, port 25: Default Frontend EX16A instead of Relay
                EX10A  10.0.0.11  accepted (was: failing)
                EX10B  10.0.0.12  accepted (was: failing)
              EX16B, port 25: Default Frontend EX16B instead of Relay
                EX10A  10.0.0.11  accepted (was: failing)
                EX10B  10.0.0.12  accepted (was: failing)
SCOPE         every IPv4 and IPv6 address at 4 endpoints of EX16A and EX16B (14
              blocks); hosts that are not named here are handled as before
DRY RUN       Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24" -WhatIf
              Set-ReceiveConnector "EX16B\Relay" -RemoteIPRanges "10.0.5.0/24" -WhatIf
APPLY         Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"
              Set-ReceiveConnector "EX16B\Relay" -RemoteIPRanges "10.0.5.0/24"
ROLLBACK      Only if the change causes problems: these commands restore the
              previous values. They are not part of the repair.
              Set-ReceiveConnector "EX16B\Relay" {old}
              Set-ReceiveConnector "EX16A\Relay" {old}
UNDETERMINED  none"""
    assert actual == expected.lstrip()


def test_a_range_that_is_split() -> None:
    """Section 1.4: what goes, what comes instead, and what the list is then."""
    org = article().change(r"EX16A\Relay", ranges="10.0.0.0/24").remove(r"EX16B\Relay")

    assert (
        "CHANGE        EX16A\\Relay\n"
        "                removes     10.0.0.0/24\n"
        "                adds        10.0.0.0-10.0.0.10 and 10.0.0.13-10.0.0.255\n"
        "                result      10.0.0.0-10.0.0.10 and 10.0.0.13-10.0.0.255\n"
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

    assert "\nCHANGES       256 addresses would lose anonymous relay.\n" in actual
    assert (
        "\nOTHER HOSTS   EX16A, port 25: Default Frontend EX16A instead of Relay\n"
        "                10.0.5.0/24 (256 addresses)\n"
        "                  loses      anonymous relay\n"
        "                  gains      Exchange Server authentication,"
    ) in actual
    assert actual.endswith("\nUNDETERMINED  none")


def test_rights_that_were_not_read() -> None:
    """S3.20: said to be not known in the head, below, and at the end; never "none"."""
    actual = asked(article(), remove=[PRINTERS])

    assert "undetermined: anonymous relay." in flat(actual)
    assert "\n                  unknown    anonymous relay\n" in actual
    assert actual.endswith("their rights or settings are missing")


def test_mail_that_would_break() -> None:
    """S3.30: a change that shuts a server out says so with its first word."""
    org = healthy().remove(r"EX16A\Relay").add_relay("EX16A", PRINTERS)
    actual = asked(org, add=["10.0.0.11"])

    assert "\nBREAKS MAIL   EX16A would no longer accept EX10A:" in actual
    assert "\n                EX10A  10.0.0.11  failing (was: accepted)\n" in actual


def test_a_break_that_is_not_certain() -> None:
    """What was not read may save it: not certain, and still told."""
    org = healthy().remove(r"EX16A\Relay").add_relay("EX16A", PRINTERS)
    org.add_relay("EX16A", "10.3.0.0/16", name="Cut", ranges_complete=False)
    actual = asked(org, add=["10.0.0.11"])

    assert "\nINCONCLUSIVE  EX16A would no longer accept EX10A:" in actual
    assert "see UNDETERMINED." in actual
    assert "not named here" not in actual


def test_a_way_that_no_mail_takes() -> None:
    """S4.02: counted apart in the head, and marked below."""
    org = healthy().add_server("EX19A", E2019, "10.0.0.31")
    org.remove(r"EX16A\Relay").add_relay("EX16A", PRINTERS)
    actual = asked(org, add=["10.0.0.31"])

    assert "1 server would be handled differently where no mail from it arrives" in flat(actual)
    assert "no mail uses this path" in flat(actual)
    assert "BREAKS MAIL" not in actual


def test_what_breaks_stands_first() -> None:
    """Then what is repaired, and what no mail takes at the end."""
    org = article().add_server("EX19A", E2019, "10.0.0.31")
    actual = asked(org.change(r"EX16A\Relay", ranges="10.0.0.11"), remove=["10.0.0.11"],
                   add=["10.0.0.12", "10.0.0.31"])  # fmt: skip

    assert actual.index("no longer accept EX10B") < actual.index("would accept EX10A (currently")
    order = [actual.index(f"\n                {name}  10.0.0.") for name in ("EX10B", "EX10A")]
    assert order == sorted(order)
    actual = asked(org, remove=["10.0.0.11"], add=["10.0.0.31"])
    assert actual.index("                EX10A  10.0.0.11") < actual.index("EX19A  10.0.0.31")


def test_hosts_that_lose_stand_first() -> None:
    """Before those of which something is not known, whatever their addresses."""
    actual = asked(article(), remove=[PRINTERS], add=["10.0.9.0/24"])
    below = actual[actual.index("\nOTHER HOSTS") : actual.index("\nSCOPE")]

    assert below.index("10.0.9.0/24") < below.index(PRINTERS)
    assert "256 addresses would lose Exchange Server authentication," in flat(actual)


def test_no_repair_of_a_part() -> None:
    """S1.38: a list that was cut is not written, and what is left alone would not repair."""
    actual = proposed(article().change(r"EX16A\Relay", ranges_complete=False))

    assert "\nSTILL BROKEN  Mail from EX10A and EX10B does not reach EX16A and EX16B." in actual
    assert "No change is proposed: data that it needs is missing." in actual
    assert "\nNOT PROPOSED  EX16A\\Relay: RemoteIPRanges of EX16A\\Relay are incomplete" in actual
    assert "are incomplete in the data, so the new list cannot be written." in flat(actual)
    assert "Set-ReceiveConnector" not in actual
    assert actual.endswith("\nUNDETERMINED  the data named above")


def test_no_list_was_read_to_the_end() -> None:
    """It is decided what is wrong, and what is missing for the repair; each reason once."""
    org = article()
    for server in ("EX16A", "EX16B"):
        org.change(rf"{server}\Relay", ranges_complete=False)
    actual = proposed(org)

    assert "\nSTILL BROKEN  Mail from EX10A and EX10B does not reach EX16A and EX16B." in actual
    for server in ("EX16A", "EX16B"):
        assert (
            flat(actual).count(rf"RemoteIPRanges of {server}\Relay are incomplete in the data") == 1
        )
        assert f"\n              Get-ReceiveConnector -Server {server} | Export-Clixml" in actual


def test_what_else_was_found() -> None:
    """What no command mends is told beside the proposal."""
    org = article().add_queue("EX10A", error="452 4.3.1 Insufficient system resources")
    actual = proposed(org)

    assert "\nREPAIRS PART  EX16A and EX16B would accept EX10A and EX10B" in actual
    assert "It does not repair everything that was found, see below." in actual
    assert "\nALSO DO       " in actual


def test_several_parameters_of_one_connector() -> None:
    """Section 3.4: old and new of each, one command for both, and the same for the rollback."""
    name = r"EX16A\Default Frontend EX16A"
    org = healthy().change(name, auth="Tls", fqdn="mail.contoso.com")
    actual = proposed(org)

    assert (
        f"\nCHANGE        {name}\n"
        "                AuthMechanism  Tls -> Tls, ExchangeServer\n"
        "                Fqdn  mail.contoso.com -> ex16a.contoso.com\n"
    ) in actual
    assert (
        f'\nAPPLY         Set-ReceiveConnector "{name}" -AuthMechanism Tls,ExchangeServer '
        '-Fqdn "ex16a.contoso.com"\n'
    ) in actual
    assert (
        "previous values. They are not part of the repair.\n"
        f'              Set-ReceiveConnector "{name}" -AuthMechanism Tls '
        '-Fqdn "mail.contoso.com"\n'
    ) in actual


def test_a_long_list_is_told_by_what_goes_and_what_comes() -> None:
    """Contract 9: the command holds all of it, and beside it stands the difference."""
    many = [f"10.7.{number}.1" for number in range(60)]
    actual = asked(article().change(r"EX16A\Relay", ranges=", ".join(["10.0.0.11", *many])),
                   remove=["10.0.0.11"], add=["10.8.0.0/24"])  # fmt: skip

    whole = ",".join(f'"{one}"' for one in [*many, "10.8.0.0/24"])
    assert f'APPLY         Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges {whole}\n' in actual
    assert (
        r"EX16A\Relay RemoteIPRanges: 61 elements -> 61 elements; remove 10.0.0.11; "
        "add 10.8.0.0/24"
    ) in flat(actual)
    assert "may refuse" not in actual


def test_a_list_that_exchange_may_refuse() -> None:
    """S1.35: above 1,200 entries, where it grew."""
    many = [f"10.7.{number // 250}.{number % 250}" for number in range(1200)]
    org = article().change(r"EX16A\Relay", ranges=", ".join(many))
    actual = asked(org, add=["10.8.0.0/24"])

    assert "would have 1,201 remote IP ranges. Exchange may refuse more than 1,200" in flat(actual)


def test_a_list_that_was_cut_gets_no_command() -> None:
    """Section 1.4: the new list would lose what was cut off."""
    actual = asked(article().change(r"EX16A\Relay", ranges_complete=False), remove=["10.0.0.11"])

    assert "Set-ReceiveConnector" not in actual
    assert "\nNO COMMAND    EX16A\\Relay: RemoteIPRanges is truncated or missing" in actual
    assert "result 10.0.0.12 and 10.0.5.0/24, and what was truncated" in flat(actual)


def test_an_old_list_that_would_not_come_back() -> None:
    """S8.65: instead of the rollback stands what Exchange would say of it."""
    org = article().add_relay("EX16A", PRINTERS, "10.0.0.11", name="Twin", enabled=False)
    actual = asked(org, remove=["10.0.0.11", PRINTERS])

    assert "\nROLLBACK" not in actual
    assert "\nNO ROLLBACK   EX16A\\Relay: Exchange would refuse the current values" in actual


def test_a_list_that_was_empty_has_no_rollback() -> None:
    """S8.64: whether Exchange takes an empty list is not known."""
    actual = asked(article().change(r"EX16A\Relay", ranges=()), add=[PRINTERS])

    assert "\nROLLBACK" not in actual
    assert "\nNO ROLLBACK   EX16A\\Relay: its current values cannot be set" in actual


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    """Escape sequences, bidi marks and line feeds: written out; no command holds them."""
    name = "x\x1b[31m\u202ey\nEX16B"
    org = healthy().add_relay("EX16A", "10.0.0.11", "10.9.9.9", name=name).snapshot()
    actual = whatif_screen(prove(org, [edited(org, "EX16A", name, remove=["10.0.0.11"])]))

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
            "INCONCLUSIVE",
            31,
        ),
        (
            article().add_relay("EX16A", "10.3.0.0/16", name="Cut", ranges_complete=False),
            {"remove": ["10.0.0.11"]},
            "INCONCLUSIVE",
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


@pytest.mark.parametrize("columns", [40, 56, 60, 80, 200])
def test_the_title_keeps_its_time_apart(columns: int) -> None:
    """Where both have no room on a line, the time stands on the next one."""
    found = proposed(article(), taken=datetime(2026, 11, 23, 14, 2, tzinfo=UTC), cells=columns)

    assert re.match(r"Effect of changing .*?\s{2,}read 23 Nov 14:02 UTC\n", found)


@pytest.mark.parametrize("number", range(20))
def test_any_repair_fits_80_columns(number: int) -> None:
    """Whatever changes: within the width, each connector and each server named."""
    org, planned = faulty(number)
    proof = prove(org, planned.edits)
    text = whatif_screen(proof)

    assert wide_lines(text) == []
    for one in proof.changes:
        first = {"RemoteIPRanges": "removes" if one.removed else "adds"}
        name = one.parameters[0]
        assert f"{one.identity} {first.get(name, name)} " in flat(text)
        assert one.command in text
        assert one.undo in text
    for way in proof.reached:
        assert f"{way.sender} {way.address} " in flat(text)


def test_a_large_fleet_stays_readable() -> None:
    """What does not fit on a screen is counted, and never left out in silence."""
    org = healthy()
    for number in range(90):
        org.add_server(f"OLD{number:02}", E2010, f"10.0.7.{number + 1}")
    for server in ("EX16A", "EX16B"):
        org.add_relay(server, "10.0.7.0/25", "10.0.6.0/24", name="Printers")
    text = proposed(org)

    assert wide_lines(text) == []
    shown = text.count("accepted (was: failing)")
    assert f"\n              and {180 - shown} more; `--json` names them all\n" in text
    assert 60 <= shown < 180
    assert "EX16A and EX16B would accept OLD00, OLD01, OLD02, OLD03, OLD04 and 85 more" in flat(
        text
    )
