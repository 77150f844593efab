"""`mailflow explain`: the object for machines, the words for people."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from mailflow.plain import width
from mailflow.steps.explanation import explain_text, explain_words

ARTICLE = (
    '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achieve Exchange Server '
    'authentication." Attempted failover to alternate host, but that did not succeed.'
)


def test_object_has_the_keys_of_the_contract_in_order() -> None:
    """Section 3 of the contract: these keys, in this order, lists as lists."""
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
    lines = " ".join(explain_words(ARTICLE).split())
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
    words = explain_words("421 4.2.1 Unable to connect -> Socket error code 10060")

    assert "\nCAUSE\n" in words
    assert "target-unreachable" in words
    assert "name-resolution" in words
    assert "Socket error: 10060" in words


def test_words_of_nothing() -> None:
    """An empty text is unknown, not healthy (section 6.3, rule 7)."""
    words = explain_words("")

    assert "(empty)" in words
    assert "unknown, not healthy" in " ".join(words.split())


def test_words_warn_of_a_cut_text() -> None:
    """What is cut off may say something else."""
    assert "cut off" in explain_words(ARTICLE[:90])


def test_words_are_not_endless() -> None:
    """A hundred thousand levels still fit on a few screens."""
    words = explain_words("451 4.4.395 no -> " * 100_000 + "451 5.7.3 x")

    assert len(words) < 10_000
    assert "more levels" in words


@given(st.text(max_size=300), st.integers(20, 120))
def test_words_are_safe_and_fit(text: str, cells: int) -> None:
    """No control or bidirectional character gets through, no line is too wide."""
    words = explain_words(f"451 4.4.0 {text}", cells)

    assert all(line.isprintable() for line in words.split("\n"))
    assert max(map(width, words.split("\n"))) <= cells
