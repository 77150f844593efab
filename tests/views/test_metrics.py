"""Metrics, read back by Prometheus' own parser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailflow.exchange.queues import Queue
from mailflow.snapshot import Snapshot, Unread
from mailflow.views.findings import findings
from mailflow.views.metrics import metrics
from organisations import article, healthy

NAMES = [
    "mailflow_queue_messages",
    "mailflow_queue_age_seconds",
    "mailflow_findings",
    "mailflow_missing_data",
]
Samples = dict[frozenset[tuple[str, str]], float]


def read(org: Snapshot) -> dict[str, Samples]:
    """Each metric with its samples."""
    text = metrics(findings(org), org)
    families = list(text_string_to_metric_families(text))

    assert [each.name for each in families] == NAMES
    assert {each.type for each in families} == {"gauge"}
    assert all(each.documentation for each in families)
    return {
        each.name: {frozenset(sample.labels.items()): sample.value for sample in each.samples}
        for each in families
    }


def test_the_article() -> None:
    """Each queue with its messages, the two in Retry with their age, both findings, no gap."""
    org = article().snapshot()
    found = read(org)

    counts = {queue.identity: queue.message_count for queue in org.queues}
    assert {dict(key)["queue"]: value for key, value in found[NAMES[0]].items()} == counts
    ages = {dict(key)["server"]: value for key, value in found[NAMES[1]].items()}
    assert set(ages) == {"EX10A", "EX10B"}
    assert all(value > 3600 for value in ages.values())
    assert {(dict(key)["connector"], dict(key)["state"]) for key in found[NAMES[2]]} == {
        (r"EX16A\Relay", "found"),
        (r"EX16B\Relay", "found"),
    }
    assert found[NAMES[3]] == {}


def test_nothing_found_still_has_every_metric() -> None:
    """HELP and TYPE are there; so a scrape tells a clear run from one that is missing."""
    assert read(healthy().snapshot())[NAMES[2]] == {}


def test_what_is_accepted_has_a_state_of_its_own(tmp_path: Path) -> None:
    """An alert on `found` stays quiet."""
    file = tmp_path / "accepted.toml"
    file.write_text(
        '[[accepted]]\ncause = "custom-connector-shadows-default"\nserver = "*"\n'
        'connector = "*"\nreason = "known"\n'
    )
    org = article().snapshot()
    text = metrics(findings(org, accepted=str(file)), org)

    assert text.count('state="accepted"') == 2
    assert 'state="found"' not in text


def test_an_unread_count_is_no_count_of_0() -> None:
    """It has no sample, and the gap is counted."""
    org = article().snapshot()
    queues = tuple(replace(each, message_count=None) for each in org.queues)
    rows = (Unread("EX10A", "Get-Queue", "cut"), Unread("EX10A", "Get-Queue", "cut again"))
    found = read(replace(org, queues=queues, unread=rows))

    assert found[NAMES[0]] == {}
    assert found[NAMES[3]] == {frozenset({("server", "EX10A"), ("what", "Get-Queue")}): 2}


@pytest.mark.parametrize(
    "name", ['a"} 7\nmailflow_findings 9', "b\\", "c\\n", "d\r\u2028\x00e", "é"]
)
def test_hostile_names_stay_in_their_label(name: str) -> None:
    """Quotes, line breaks, backslashes and hidden characters: one sample, and nothing beside it."""
    org = article().snapshot()
    queue = Queue(f"EX10A\\{name}", "EX10A", "SmtpDeliveryToMailbox", name, "Ready", 3, "")
    found = read(replace(org, queues=(*org.queues, queue)))

    (labels,) = [dict(key) for key, value in found[NAMES[0]].items() if value == 3]
    expected = name.replace("\n", "\\x0a").replace("\r", "\\x0d")
    assert labels["next_hop"] == expected.replace("\u2028", "\\u2028").replace("\x00", "\\x00")
    assert len(found[NAMES[0]]) == len(org.queues) + 1


def test_the_same_queue_twice_is_one_sample() -> None:
    """A sample that comes twice makes the collector refuse the whole file."""
    org = article().snapshot()

    twice = replace(org, queues=org.queues * 2)

    assert metrics(findings(org), twice) == metrics(findings(org), org)


def test_numbers_are_those_of_the_document() -> None:
    """As many findings as findings.json has."""
    org = article().snapshot()
    document = json.loads(json.dumps(findings(org).as_json()))
    open_ones = [each for each in document["findings"] if each["state"] in ("found", "unknown")]

    assert sum(read(org)[NAMES[2]].values()) == len(open_ones)
