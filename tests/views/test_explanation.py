"""`mailflow explain`: the object for machines, the words for people."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.commands import split
from mailflow.exchange.texts import texts_of
from mailflow.plain import width
from mailflow.views.explanation import explain_text, explained, told
from support import needs_shared

ARTICLE = (
    '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achieve Exchange Server '
    'authentication." Attempted failover to alternate host, but that did not succeed.'
)


def test_object_has_the_keys_of_the_contract_in_order() -> None:
    """The contract, section 3: these keys, in this order, lists as lists."""
    answer = explain_text(ARTICLE)

    assert list(answer) == [
        *("text", "outer_code", "outer_enhanced", "inner_code", "inner_enhanced", "inner_text"),
        *("fqdn", "ip", "port", "winsock", "last_retry_time", "chain", "last_endpoint", "cause"),
        "candidates",
    ]
    assert answer["text"] == ARTICLE
    assert answer["chain"] == ["451 4.4.0", "451 5.7.3"]
    assert answer["cause"] is None
    assert answer["candidates"][0] == "custom-connector-shadows-default"
    assert json.loads(json.dumps(answer)) == answer


def test_words_say_who_spoke_and_what_is_likely() -> None:
    """S5.01: the sender made it up; the likeliest cause comes first, what to look at last."""
    lines = " ".join(told(explained(ARTICLE)).split())
    places = [
        lines.index(piece)
        for piece in (
            "451 4.4.0 Primary target IP address responded with",
            "the sender, after reading the target's EHLO reply",
            "1. A custom connector accepts",
            "2. The default connector",
            "Get-ReceiveConnector",
        )
    ]

    assert places == sorted(places)


def test_words_of_a_decided_text() -> None:
    """One cause is headed as such; what may stand behind it is named."""
    words = told(explained("421 4.2.1 Unable to connect -> Socket error code 10060"))

    assert "\nCAUSE\n" in words
    assert "target-unreachable" in words
    assert "name-resolution" in words
    assert "Socket error: 10060" in words


def test_words_of_nothing() -> None:
    """An empty text is unknown, not healthy (section 6.3, rule 7)."""
    words = told(explained(""))

    assert "(empty)" in words
    assert "unknown, not healthy" in " ".join(words.split())


def test_words_warn_of_a_cut_text() -> None:
    """What is cut off may say something else."""
    assert "cut off" in told(explained(ARTICLE[:90]))


def test_words_are_not_endless() -> None:
    """A hundred thousand levels still fit on a few screens."""
    words = told(explained("451 4.4.395 no -> " * 100_000 + "451 5.7.3 x"))

    assert len(words) < 10_000
    assert "more levels" in words


@given(st.text(max_size=300), st.integers(20, 120))
def test_words_are_safe_and_fit(text: str, cells: int) -> None:
    """No control or bidirectional character gets through; only a command is wider."""
    words = told(explained(f"451 4.4.0 {text}"), cells)

    assert all(line.isprintable() for line in words.split("\n"))
    above, next_steps = words.rsplit("\nLOOK AT NEXT\n", 1)
    lines = above.split("\n") + [
        line for line in next_steps.split("\n") if not split(line.removeprefix("  - ").strip())[1]
    ]
    assert max(map(width, lines)) <= cells


REFUSED = (
    "[{{LED=451 4.4.397 Error. -> 421 4.2.1 Unable to connect -> Socket error code 10061}};{}]"
)


@pytest.mark.parametrize(
    ("keys", "host"),
    [
        ("{FQDN=ex16a.contoso.example};{IP=10.0.0.21}", "ex16a.contoso.example"),
        ("{FQDN=};{IP=2001:db8::21}", "2001:db8::21"),
        ("{FQDN=a;calc};{IP=10.0.0.21}", "10.0.0.21"),
        ("{FQDN=$(calc)};{IP=}", "<target>"),
        ("{FQDN=-Force};{IP=}", "<target>"),
        ("{FQDN=a b};{IP=}", "<target>"),
        ("{MSG=}", "<target>"),
    ],
)
def test_commands_name_the_host_of_the_text(keys: str, host: str) -> None:
    """Contract, section 9: a plain name or address is filled in, and nothing else ever is."""
    words = " ".join(told(explained(REFUSED.format(keys)), 200).split())

    assert f"Get-Service -ComputerName {host} MSExchangeTransport" in words
    assert "{" not in words.partition("LOOK AT NEXT")[2]
    assert "calc" not in words.partition("LOOK AT NEXT")[2]


def test_commands_of_a_queue_name_its_server() -> None:
    """The server of a queue is the sender; who the target is, the queue does not say."""
    words = told(
        explained(
            "Identity : EX10A\\5\nNextHopDomain : x\nLastError : 421 4.4.2 Connection dropped"
        ),
        200,
    )

    assert "Get-TransportService EX10A" in words
    assert "mailflow diagnose FILE" in words


def test_commands_of_a_receive_log_name_its_server() -> None:
    """S7.26: the log is the target's own; an event names the computer that wrote it."""
    row = (
        "2026-03-02T07:00:00Z,EX16B\\Relay,08DE,9,10.0.0.21:25,10.0.0.11:5000,>,"
        "452 4.3.1 Insufficient system resources,"
    )
    event = (
        "Log Name: Application\nSource: MSExchangeTransport\nEvent ID: 15004\n"
        "Computer: ex16b.contoso.example\nDescription:\nX"
    )

    assert "Get-ExchangeDiagnosticInfo -Server EX16B " in told(explained(row), 200)
    assert "-Server ex16b.contoso.example " in told(explained(event), 200)


def test_the_far_end_of_a_row() -> None:
    """A row names the other side in its columns, where the reply names nobody (S7.26)."""
    answer = explain_text(
        "2026-03-02T07:00:00Z,EX16B\\Relay,08DE,9,10.0.0.21:25,10.0.0.11:5000,>,454 4.7.0 No,"
    )

    assert (answer["ip"], answer["port"], answer["inner_text"]) == ("10.0.0.11", 5000, "No")


def test_the_missing_keywords_are_said_of_one_error_alone() -> None:
    """S5.01: only 5.7.3 means that the sender found neither keyword; PRX4 does not."""
    other = told(explained("451 4.7.0 Temporary server error. Please try again later. PRX4"))

    assert "custom-connector-shadows-default" in other
    assert "neither X-ANONYMOUSTLS nor X-EXPS" not in " ".join(other.split())
    assert "neither X-ANONYMOUSTLS nor X-EXPS" in " ".join(told(explained(ARTICLE)).split())


def test_an_export_is_handed_over() -> None:
    """Contract, section 9: the command that reads it is named; no cause, no `unrecognised`."""
    table = "Identity Status\n-------- ------\nEX10A\\5 Retry"
    words, answer = told(explained(table)), explain_text(table)

    assert "mailflow diagnose FILE" in words
    assert (answer["cause"], answer["candidates"]) == (None, [])


def test_what_holds_no_reply_is_said() -> None:
    """S6.18: a header has a cipher in it, and no error."""
    words = told(explained("Received: from a by b (version=TLS1_2, cipher=TLS_X)"))

    assert "It contains no error reply" in words
    assert "tls-or-certificate" not in words


CASES = {
    "12014-hybrid": "tls-or-certificate",
    "15004": "back-pressure",
    "agent-load-failed": "transport-agent",
    "agentslow": "transport-agent",
    "cloud-tenant-attribution": "cloud-attribution",
    "cloud-throttled": "cloud-enforcement",
    "event1019": None,
    "fr-dns": "name-resolution",
    "listvalue": None,
    "ndr-564": "cloud-attribution",
    "recvlog-441": None,
    "wrap72": None,
}
AMONG = {
    "event1019": ("transport-role-conflict", "address-in-use"),
    "listvalue": ("custom-connector-shadows-default", "smtp-inspection"),
    "recvlog-441": ("connection-dropped",),
    "wrap72": ("custom-connector-shadows-default", "smtp-inspection"),
}


@pytest.mark.parametrize("name", CASES)
def test_shared_cases(name: str) -> None:
    """What the first version got wrong: one text each, and the cause that it has."""
    document = needs_shared(f"cases/texts/{name}.txt").read_text(encoding="utf-8")
    (text,) = texts_of(document)
    found = explained(text).says

    assert found.cause == CASES[name]
    assert set(AMONG.get(name, ())) <= set(found.candidates)
    assert "wants a TLS session" not in found.says


def test_real_texts_stay_whole() -> None:
    """Every real text is one text, and is read as by itself: codes, host and cause."""
    lines = needs_shared("last_errors.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = []
    for row in map(json.loads, lines):
        answer = explain_text(row["text"])
        keys = answer.keys() & row["expected"].keys() & {"outer_code", "inner_code", "ip", "port"}
        differs = {key for key in keys if answer[key] != row["expected"][key]}
        causes = {answer["cause"], *answer["candidates"]}
        if texts_of(row["text"]) != [row["text"].strip("\r\n")] or (
            row["cause"] and row["cause"] not in causes
        ):
            wrong.append((row["id"], causes))
        elif differs and row["text_complete"]:
            wrong.append((row["id"], differs))

    assert len(wrong) <= len(lines) * 0.02, wrong
