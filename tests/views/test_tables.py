"""The tables of the steps: what they show, in which order, with which tone and words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest

from mailflow.exchange.queues import Moment, Queue
from mailflow.picture import Ruler
from mailflow.snapshot import Read, Snapshot, Unread
from mailflow.table import Table
from mailflow.views.answering_connectors import answering_connectors
from mailflow.views.findings import findings
from mailflow.views.last_errors import last_errors
from mailflow.views.not_read import not_read
from mailflow.views.overlapping_ranges import overlapping_ranges
from mailflow.views.queues import non_empty_queues
from mailflow.views.receive_connectors import differences, receive_connectors
from mailflow.views.remedy import remedy
from organisations import E2007, E2010, E2013, E2016, E2019, Organisation, article, healthy

STEPS = [
    non_empty_queues,
    last_errors,
    receive_connectors,
    answering_connectors,
    overlapping_ranges,
    not_read,
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("org", [article().snapshot(), Snapshot()], ids=["article", "nothing"])
def test_every_step_shows_something_for_everything(
    step: Callable[[Snapshot], Table], org: Snapshot
) -> None:
    """Each step gives a frame with the columns it declares, also where nothing was read."""
    table = step(org)

    assert table.name == step.__name__
    assert set(table.columns) <= set(table.frame.columns)
    assert table.caption
    assert str(table)
    assert all(0 <= row < len(table.frame) for row, _ in table.tones)


def test_stuck_queues_come_first() -> None:
    """Retry before what moves, larger before smaller; only Retry counts as stuck (S4.42)."""
    frame = non_empty_queues(article().snapshot()).frame

    assert list(frame["queue"][:2]) == [r"EX10A\1187", r"EX10B\902"]
    assert list(frame["stuck"]) == [True, True, False, False, False, False]
    assert frame["messages"].dtype == pd.Int64Dtype()


def test_min_messages_hides_small_queues() -> None:
    """Queues below the limit are not shown."""
    frame = non_empty_queues(article().snapshot(), min_messages=50).frame

    assert len(frame) == 2


def test_the_send_connector_is_shown_where_one_is_known() -> None:
    """S9.26, S9.22: where mail leaves; a dash where it stays; no column where none leaves."""
    org = article().add_send_connector("Internet", "EX16A")
    outside = {"to": "fabrikam.com", "delivery_type": "DnsConnectorDelivery"}
    table = non_empty_queues(org.copy().add_queue("EX16A", 3, name="77", **outside).snapshot())
    frame = table.frame.set_index("queue")
    column = frame["send_connector"]
    stays = frame["delivery_type"].isin(
        ["MapiDelivery", "ShadowRedundancy", "SmtpDeliveryToMailbox"]
    )

    assert column[r"EX16A\77"] == "Internet"
    assert set(column[stays]) == {"-"}
    assert column[~stays].dropna().size == 1
    assert "send_connector" in table.columns
    assert "send_connector" not in non_empty_queues(org.snapshot()).columns


def test_printed_times_stay_as_printed() -> None:
    """A time without a zone is shown as it stands, and no age is counted from it (S6.03)."""
    org = article().snapshot()
    queues = tuple(_printed(one) if one.identity == r"EX10A\1187" else one for one in org.queues)

    table = non_empty_queues(Snapshot(queues=queues, cmdlets=org.cmdlets, servers=org.servers))

    row = table.frame.set_index("queue").loc[r"EX10A\1187"]
    assert row["first_retry"] == "23.11.2026 12:48"
    assert row["age"] == "-"


def test_last_error_reads_the_innermost_level() -> None:
    """Code, words and speaker are those of the innermost level (section 6.3, S5.01)."""
    row = last_errors(article().snapshot()).frame.iloc[0]

    assert (row["code"], row["message"]) == (
        "451 5.7.3",
        "Cannot achieve Exchange Server authentication",
    )
    assert "sender" in row["said_by"]


def test_missing_keywords_are_said_of_one_error_alone() -> None:
    """S5.01: only 5.7.3 means that the sender found neither keyword; PRX4 shares its causes."""
    error = "451 4.7.0 Temporary server error. Please try again later. PRX4"
    org = healthy().add_queue("EX10A", 5, name="1", error=error, status="Retry")

    assert "neither X-ANONYMOUSTLS" not in last_errors(org.snapshot()).reading
    assert "neither X-ANONYMOUSTLS" in last_errors(article().snapshot()).reading


def test_many_possible_causes_are_counted() -> None:
    """Up to three titles fit a cell; more are for the verdict."""
    error = "451 4.7.0 Temporary server error. Please try again later. PRX4"
    org = healthy().add_queue("EX10A", 5, name="1", error=error, status="Retry")

    row = last_errors(org.snapshot()).frame.iloc[0]

    several = len(row["candidates"].split(", "))
    assert several > 3
    assert row["points_to"] == f"{several} possible causes; see the verdict"


def test_empty_error_is_said_to_be_unknown() -> None:
    """Retry without a text is not healthy (section 6.3, point 7)."""
    org = healthy().add_queue("EX10A", 5, name="1", error="", status="Retry")

    assert "the cause is unknown" in last_errors(org.snapshot()).reading


def test_connectors_show_default_beside_custom() -> None:
    """What a server needs from each connector, with the custom ones marked (S3.30)."""
    table = receive_connectors(article().snapshot())

    frame = table.frame.set_index("connector")
    assert frame.loc[r"EX16A\Relay", "exchange_auth"] == "not offered"
    assert frame.loc[r"EX16A\Relay", "differs"] == "custom"
    assert frame.loc[r"EX16A\Default Frontend EX16A", "exchange_auth"] == "offered"
    assert frame.loc[r"EX16A\Default Frontend EX16A", "differs"] == "no"
    assert r"EX16A\Client Frontend EX16A" not in frame.index


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"auth": "Tls, Integrated, BasicAuth, BasicAuthRequireTLS"}, "lacks ExchangeServer"),
        ({"groups": "AnonymousUsers"}, "lacks the group ExchangeServers"),
        ({"enabled": False}, "disabled"),
        ({"ranges": "10.0.0.0/8"}, "not for all remote addresses"),
        ({"bindings": "10.0.0.21:25"}, "not on all local addresses"),
        ({"bindings": "0.0.0.0:2626"}, "other port (2626)"),
        ({"role": "HubTransport"}, "transport role HubTransport"),
        ({"suppress_x_anonymous_tls": True}, "SuppressXAnonymousTls"),
    ],
)
def test_differences_that_matter(change: dict[str, object], words: str) -> None:
    """What was changed since setup and matters for mail between servers (S2.01)."""
    org = healthy().change(r"EX16A\Default Frontend EX16A", **change)

    actual = differences(org.connector(r"EX16A\Default Frontend EX16A"), org.server("EX16A"))

    assert any(words in one for one in actual)


def test_defaults_of_every_version_do_not_differ() -> None:
    """No default connector of the builder differs from setup's (S2.01, S2.05, S2.07)."""
    org = _all_versions()

    different = {one.identity: differences(one, org.server(one.server)) for one in org.connectors}

    assert {name: what for name, what in different.items() if what} == {}


def test_faulty_ways_come_first() -> None:
    """The ways that cannot work stand on top, in words and tone (S1.13)."""
    table = answering_connectors(article().snapshot())

    assert list(table.frame["state"][:4]) == ["found"] * 4
    assert table.tones[0, "works"] == "bad"
    assert table.reading.startswith("4 of 14 mail paths fail: EX10A to EX16A, ")
    assert table.reading.endswith("most specific range, so Relay accepts the connection.")


def test_overlap_is_a_fault_only_where_it_changes_something() -> None:
    """A range that holds a server it never answers is said to be without effect (S1.14)."""
    org = article()
    org.change(r"EX16A\Relay", ranges="10.0.0.11, 10.0.0.22, 10.0.5.0/24")

    frame = overlapping_ranges(org.snapshot()).frame

    mine = frame[frame["target"] == "EX16A"].set_index("server")
    assert bool(mine.loc["EX10A", "fault"])
    assert not bool(mine.loc["EX16B", "fault"])
    assert mine.loc["EX16B", "effect"].startswith("none")


def test_overlap_says_what_the_connector_lacks() -> None:
    """No authentication is said only where it is so; another fault refers to the findings."""
    org = article()
    org.change(r"EX16B\Relay", auth="Tls, ExchangeServer")

    frame = overlapping_ranges(org.snapshot()).frame

    said = dict(zip(frame["target"], frame["effect"], strict=True))
    assert said["EX16A"] == "accepts this server but offers no Exchange Server authentication"
    assert said["EX16B"] == "accepts this server, but mail from it fails; see the findings"
    assert all(frame["fault"])


def test_rulers_stand_for_each_faulty_endpoint() -> None:
    """One ruler for all equal endpoints with a fault, with a pin for each sender."""
    rulers = overlapping_ranges(article().snapshot()).pictures

    assert all(isinstance(one, Ruler) for one in rulers)
    assert [(one.server, one.port) for one in rulers if isinstance(one, Ruler)] == [
        ("EX16A and EX16B", 25)
    ]
    first = rulers[0]
    assert isinstance(first, Ruler)
    assert [(pin.label, pin.answered_by) for pin in first.pins] == [
        ("EX10A", "Relay"),
        ("EX10B", "Relay"),
    ]


def test_remedy_goes_from_repair_to_retry() -> None:
    """First the connectors, then the queues (S8.67); the rollback is no step."""
    found = findings(article().snapshot())
    frame = remedy(found).frame

    assert list(frame["kind"]) == ["repair"] * 2 + ["retry"] * 2
    assert list(frame["command"]) == list(found.repair)


def test_nothing_to_repair() -> None:
    """A clear organisation has no step to take."""
    table = remedy(findings(healthy().snapshot()))

    assert len(table.frame) == 0
    assert "nothing to repair" in str(table)


def _printed(queue: Queue) -> Queue:
    moment = Moment("23.11.2026 12:48")
    return replace(queue, first_retry=moment, last_retry=moment, next_retry=moment)


def _all_versions() -> Organisation:
    org = Organisation()
    for number, version in enumerate((E2007, E2010, E2016, E2019)):
        org.add_server(f"S{number}", version, f"10.0.0.{number + 1}")
    org.add_server("M13", E2013, "10.0.0.13", roles="Mailbox")
    org.add_server("B13", E2013, "10.0.0.14", roles="Mailbox, ClientAccess")
    org.add_server("EDGE", E2016, "10.0.0.15", roles="Edge")
    return org


def test_how_it_was_read_is_said() -> None:
    """Of a live organisation the last step tells the way to each server, and what came of it."""
    org = Snapshot(reads=(Read("EX16A", "ok", "asked itself (session x)", 1.24),))

    assert "EX16A: ok, asked itself (session x), 1.2 s" in not_read(org).reading


def test_an_empty_table_of_queues_claims_nothing_of_what_was_not_read() -> None:
    """That none waits is said where all were read; else of those that were, or that none was."""
    org = healthy().snapshot()
    quiet = replace(org, queues=tuple(replace(each, message_count=0) for each in org.queues))
    part = replace(quiet, unread=(Unread("EX10A", "Get-Queue", "not reached"),))
    none = replace(quiet, queues=(), cmdlets=org.cmdlets - {"Get-Queue"})
    said = [(non_empty_queues(each).empty, last_errors(each).empty) for each in (quiet, part, none)]

    assert said == [
        ("No queue holds messages.", "No queue is stuck."),
        ("No queue that was read holds messages.", "No queue that was read is stuck."),
        ("No queue was read.", "No queue was read."),
    ]
