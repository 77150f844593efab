"""A connectivity log shows which connections did not come about (sections 6.2 and 7)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from capture_forms import write
from mailflow.opening import open_source
from mailflow.snapshot import ObservedOffer
from mailflow.sources.logs.connectivity import FIELDS, ConnectivityLog, of_server
from mailflow.views.findings import findings
from organisations import article
from support import needs_shared

HEAD = f"#Log-type: Transport Connectivity Log\n#Fields: {','.join(FIELDS)}\n"
ROW = (
    '{when},08DE2B0000000004,SMTP,site:head-office; version: 15,>,"Failed connection to '
    "10.0.0.21:25 ({why})[TargetHost:ex16a.contoso.com:25|MarkedUnhealthy|FailureCount:4|"
    'NextRetryTime:2026-11-24T03:16:10.000Z]"\n'
)
WHEN = "2026-11-23T13:59:17.000Z"


def log(why: str = "ConnectionRefused:0000274D", when: str = WHEN, count: int = 1) -> str:
    """A log with a connection that failed."""
    return HEAD + ROW.format(when=when, why=why) * count


def test_what_failed_is_summed_up() -> None:
    """The number of the socket error is in the words of no language."""
    found = ConnectivityLog()
    found.read(log(count=2).splitlines())
    found.read(log("TimedOut:0000274C", "2026-11-23T14:00:00Z").splitlines())
    timed_out, refused = found.sessions()

    assert (refused.ended, refused.remote, refused.port, refused.sessions) == (
        "10061",
        "10.0.0.21",
        25,
        2,
    )
    assert (refused.target, refused.first, refused.last) == ("ex16a.contoso.com", WHEN, WHEN)
    assert timed_out.ended == "10060"


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (f"{WHEN},08DE,SMTP,x,>,Established connection to 10.0.0.21", 0),
        (f"{WHEN},08DE,SMTP,x,-,Messages: 0 Bytes: 0 (Failed connection to 10.0.0.21:25)", 0),
        (f"{WHEN},08DE,SMTP,x,>,Failed connection to somewhere:25 (X:0000274D)", 0),
        (f"{WHEN},08DE,SMTP,x,>,Failed connection to 10.0.0.21:25 (X:274D)", 0),
        (f"{WHEN},08DE,SMTP", 1),
        ("2026,08DE,SMTP,x,>,Failed connection to 10.0.0.21:25 (X:0000274D)", 1),
        ("9" * 30_000, 1),
    ],
)
def test_whatever_else_stands_there(line: str, lost: int) -> None:
    """Other rows tell nothing of a failure, and broken ones are counted."""
    found = ConnectivityLog()
    found.read([line])

    assert (found.sessions(), found.lost) == ((), lost)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("EX10A/Connectivity", "EX10A"), ("ex10a", "EX10A"), ("logs", ""), ("", "")],
)
def test_the_folder_may_name_the_server(tmp_path: Path, folder: str, expected: str) -> None:
    """As collectors make one for each; another folder names nobody."""
    write(article().reading(), tmp_path, "clixml")
    place = tmp_path / folder / "CONNECTLOG.LOG"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(log(), encoding="utf-8-sig")
    org = open_source(str(tmp_path))
    evidence = open_source("demo:article", evidence=[str(tmp_path / folder)]) if folder else None

    assert [offer.sender for offer in org.offers] == [expected]
    assert evidence is None or len(evidence.offers) == 1


def test_it_decides_where_the_error_leaves_it_open() -> None:
    """PRX3 and its like admit several causes; of an unknown server's log nothing is concluded."""
    org = open_source("demo:smtp-inspection")
    queues = tuple(
        replace(queue, last_error="421 4.4.1 Connection timed out")
        if queue.status == "Retry"
        else queue
        for queue in org.queues
    )
    found = ConnectivityLog()
    found.read(log("TimedOut:0000274C").splitlines(), "EX10A")
    named = tuple(of_server(offer, lambda name: name) for offer in found.sessions())
    unnamed = tuple(replace(offer, sender="") for offer in named)

    def causes(offers: tuple[ObservedOffer, ...]) -> set[str]:
        told = findings(replace(org, queues=queues, offers=offers)).findings
        return {each.cause for each in told if each.state == "found"}

    assert causes(named) == {"target-unreachable"}
    assert causes(unnamed) == set()


def test_the_reference_log() -> None:
    """A real shape."""
    text = needs_shared("cases/logs/connectivity-2016.log").read_text(encoding="utf-8-sig")
    found = ConnectivityLog()
    found.read(text.splitlines())

    assert [(offer.ended, offer.remote) for offer in found.sessions()] == [("10061", "10.0.0.21")]
