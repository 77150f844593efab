"""The screen of `mailflow diff`: what is different first, then each thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from faulty import ANONYMOUS, ANY_RECIPIENT
from mailflow.cli.diff_screen import diff_screen
from mailflow.snapshot import Right, Snapshot
from mailflow.views.behaviour import compare
from organisations import E2019, Organisation, article, healthy

FIRST = ("monday.snapshot", datetime(2026, 11, 23, 14, 2, tzinfo=UTC))
SECOND = ("runs/tuesday", None)


def screen(
    before: Organisation | Snapshot, after: Organisation | Snapshot, *, colour: bool = False
) -> str:
    """The screen of two organisations."""
    sides = [one.snapshot() if isinstance(one, Organisation) else one for one in (before, after)]
    return diff_screen(compare(*sides), FIRST, SECOND, colour=colour)


def with_rights(org: Organisation) -> Snapshot:
    """The organisation with every connector's extended rights."""
    read = org.snapshot()
    rights = [
        Right(one.server, one.name, ANONYMOUS, right, deny=False)
        for one in read.connectors
        for right in ("ms-Exch-SMTP-Submit", *([ANY_RECIPIENT] if one.name == "Relay" else []))
    ]
    return replace(read, rights=tuple(rights))


def test_the_article_repaired() -> None:
    """Who is let in, by whom before and after; what it means for the addresses."""
    before = with_rights(article().remove(r"EX16B\Relay"))
    after = with_rights(article().remove(r"EX16B\Relay").change(r"EX16A\Relay", ranges="10.0.5.1"))

    expected = """
DIFFERENT     EX16A accepts EX10A and EX10B, which were not accepted before.
              257 addresses lose anonymous relay.
FIRST         monday.snapshot, read 23 Nov 14:02 UTC
SECOND        runs/tuesday
SERVERS       EX10A to EX16A
                first   cannot authenticate at Relay (10.0.0.11)
                second  accepted by Default Frontend EX16A (10.0.0.11)
              EX10B to EX16A
                first   cannot authenticate at Relay (10.0.0.12)
                second  accepted by Default Frontend EX16A (10.0.0.12)
HOSTS         EX16A, port 25: Default Frontend EX16A instead of Relay
                10.0.0.11-10.0.0.12, 10.0.5.0 and 10.0.5.2-10.0.5.255 (257
                addresses)
                  loses      anonymous relay
                  gains      Exchange Server authentication, submitting as an
                             Exchange server, X-ANONYMOUSTLS, NTLM
                             authentication, Basic authentication and submitting
                             as a legacy server
SCOPE         every IPv4 and IPv6 address at 28 endpoints; hosts that are not
              named here are handled alike
UNDETERMINED  none"""
    assert screen(before, after) == expected.lstrip()


def test_what_breaks_stands_first() -> None:
    """In the head and below, whatever the order of the servers."""
    before, after = article().remove(r"EX16B\Relay"), article().remove(r"EX16A\Relay")
    actual = screen(before, after)

    assert actual.startswith("DIFFERENT     EX16B no longer accepts EX10A and EX10B.\n")
    assert actual.index("EX10A to EX16B") < actual.index("EX10A to EX16A")


def test_nothing_differs() -> None:
    """One sentence; rights that were not read are told all the same (S3.20)."""
    actual = screen(article(), article())

    assert actual.startswith("NO DIFFERENCE No host is handled differently.\n")
    assert "\nUNDETERMINED  whether extended rights differ on EX10A\\Default EX10A," in actual


def test_what_was_not_read_is_no_all_clear() -> None:
    """Contract, section 4: a list that was cut may hide a difference."""
    actual = screen(article(), article().change(r"EX16A\Relay", ranges_complete=False))

    assert actual.startswith(
        "INCONCLUSIVE  No difference was found, but data that may change this is"
    )
    assert "not named" not in actual
    assert "\nUNDETERMINED  RemoteIPRanges of EX16A\\Relay are incomplete in the data\n" in actual


def test_other_rights() -> None:
    """S3.21: who lost which right on which connector, and what it means for the hosts."""
    before = with_rights(article())
    less = tuple(
        one for one in before.rights if (one.server, one.right) != ("EX16A", ANY_RECIPIENT)
    )
    actual = screen(before, replace(before, rights=less))

    assert "258 addresses lose anonymous relay." in actual
    assert "\nHOSTS         EX16A, port 25: Relay, with other settings\n" in actual
    assert (
        "\nRIGHTS        nt authority\\anonymous logon on EX16A\\Relay\n"
        "                loses   ms-exch-smtp-accept-any-recipient\n"
    ) in actual


def test_what_does_not_change_who_is_answered() -> None:
    """New servers, other names, versions and addresses are told, and make no difference."""
    after = article().add_server("EX19A", E2019, "10.0.0.31")
    after.set_addresses("EX16B", "10.0.0.22", "10.0.2.22")
    after.connectors = [
        replace(one, name="Printers") if one.identity == r"EX16B\Relay" else one
        for one in after.connectors
    ]
    actual = screen(article(), after)

    assert actual.startswith("NO DIFFERENCE ")
    assert (
        "\nALSO          EX16B has 10.0.2.22 now\n"
        "              EX19A is new\n"
        "              EX16B\\Relay is EX16B\\Printers now, and treats the same hosts alike\n"
    ) in actual


def test_the_same_hosts_at_two_servers_are_told_of_once() -> None:
    """In the head they are counted once; below, what becomes of them is not said again."""
    actual = screen(healthy(), article())

    assert "2 addresses lose Exchange Server authentication," in " ".join(actual.split())
    assert (
        "\n              EX16B, port 25: Relay instead of Default Frontend EX16B\n"
        "                10.0.0.11-10.0.0.12 (2 addresses)\n"
        "                  the same as above\n"
    ) in actual


def test_nobody_answers_any_more() -> None:
    """S1.18: of hosts without an answer that alone is told."""
    actual = screen(article(), article().change(r"EX16A\Default Frontend EX16A", enabled=False))

    assert "addresses are no longer accepted by any connector." in " ".join(actual.split())
    assert (
        "\nHOSTS         EX16A, port 25: no connector (421 4.3.2), instead of Default\n"
        "              Frontend EX16A\n"
    ) in actual
    assert "loses" not in actual[actual.index("\nHOSTS") :]


def test_hostile_names_are_shown_and_not_obeyed() -> None:
    """Escape sequences, bidi marks and line feeds: written out, also in a source's name."""
    after = healthy().add_relay("EX16A", "10.0.0.11", name="x\x1b[31m\u202ey\nNO DIFFERENCE")
    found = compare(healthy().snapshot(), after.snapshot())
    actual = diff_screen(found, ("a\x1b[2J\nb", None), SECOND)

    assert "\x1b" not in actual
    assert "\u202e" not in actual
    assert "\nNO DIFFERENCE" not in actual
    assert "\nFIRST         a\\x1b[2J\\x0ab\n" in actual


def test_a_long_path_is_not_broken() -> None:
    """It is copied; the time stands below it then."""
    path = "/var/lib/mailflow/runs/20261123T140200Z-mail_stuck_in_queue-INC0012345/snapshot"
    found = compare(article().snapshot(), article().snapshot())
    actual = diff_screen(found, (path, FIRST[1]), SECOND)

    assert f"\nFIRST         {path}\n              read 23 Nov 14:02 UTC\n" in actual


def test_colour_only_repeats_the_label() -> None:
    """Red where mail breaks, green where it is mended; without colour the same text."""
    for sides, code in (((healthy(), article()), 31), ((article(), article()), 32)):
        plain, coloured = (screen(*sides, colour=one) for one in (False, True))
        label = plain[:13].rstrip()
        assert coloured == plain.replace(label, f"\x1b[1;{code}m{label}\x1b[0m", 1)


def test_it_fits_80_columns() -> None:
    """Everything, with names of usual length."""
    after = article().add_server("EX19A", E2019, "10.0.0.31").remove(r"EX16B\Relay")
    for sides in ((with_rights(article()), after), (healthy(), article())):
        assert [line for line in screen(*sides).splitlines() if len(line) > 80] == []
