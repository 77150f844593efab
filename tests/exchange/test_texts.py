"""Which lines are one text (contract, section 9)."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.texts import texts_of

AUTH = "451 5.7.3 Cannot achieve Exchange Server authentication"
OUTER = "451 4.4.0 Primary target IP address responded with:"
WHOLE = f'{OUTER} "{AUTH}." Attempted failover to alternate host, but that did not succeed.'


@pytest.mark.parametrize(
    "lines",
    [
        ("421 4.3.2 Service not active", "452 4.3.1 Insufficient system resources"),
        ("DnsDomainDoesNotExist", "A matching connector cannot be found"),
        ("The server couldn't answer", "Nobody knows the servers' names"),
        (f'{OUTER} "451 5.7.3 Cannot...', f'{OUTER} "451 5.7.3 Cannot...'),
        ("[{LED=421 4.4.2 cut", "[{LED=452 4.3.1 cut"),
    ],
)
def test_each_line_is_a_text(lines: tuple[str, ...]) -> None:
    """As before; an apostrophe opens nothing, and a reply of its own ends what was cut (S6.08)."""
    assert texts_of("\n".join(lines)) == list(lines)


@pytest.mark.parametrize(
    "text",
    [
        f'{OUTER} "451 5.7.3 Cannot\nAchieve Exchange Server authentication." Attempted failover',
        f'{OUTER} "\n{AUTH}." Attempted failover',
        f"[{{LED=451 4.4.395 Target host responded with error. ->\n{AUTH}}};\n{{FQDN=ex16a}}]",
        "452 4.3.1 Insufficient\n system resources",
        "452 4.3.1 Insufficient\nsystem resources",
        "550-5.7.1 Your mail is not\n550-5.7.1 Welcome here\n550 5.7.1 Goodbye",
        f"Identity  : EX10A\\12\nStatus    : Retry\nLastError : {WHOLE}",
        "Log Name: Application\nSource: MSExchangeTransport\nEvent ID: 1\nDescription:\nThe end",
        "> 452 4.3.1 Insufficient\n> Resources",
        "452 4.3.1 Insufficient\n> Resources",
        "451 4.4.0 With 'Nobody can't\nSay' more",
    ],
    ids=[
        "quote",
        "open",
        "brace",
        "blank",
        "small",
        "reply",
        "list",
        "event",
        "quoted",
        "mark",
        "apostrophe",
    ],
)
def test_what_continues_a_text(text: str) -> None:
    """An open quote, brace or bracket; a blank, `>` or small letter; a form of its own."""
    assert texts_of(text) == [text]


def test_objects_of_a_list_are_texts_of_their_own() -> None:
    """A paragraph counts as one, and a name that comes again begins the next object."""
    first, second = "LastError : 421 4.3.2 a", "LastError : 421 4.3.2 b"

    assert texts_of(f"{first}\n\n{second}\n{first}") == [first, second, first]


def test_prompts_are_no_texts() -> None:
    """A command line above the output is none."""
    shown = "[PS] C:\\>Get-Queue | fl LastError\n\nLastError : 421 4.3.2 a\n"

    assert texts_of(shown) == ["LastError : 421 4.3.2 a"]


def test_a_report_counts_as_one() -> None:
    """A delivery report is one text with all its lines; the next one is another (S6.18)."""
    report = (
        "Delivery has failed to these recipients or groups:\n\nanna@fabrikam.example\n\n"
        "Diagnostic information for administrators:\n\nGenerating server: ex16a.contoso.example\n"
        "550 5.1.1 RESOLVER.ADR.RecipientNotFound\n\nOriginal message headers:\n\nReceived: from a"
    )

    assert texts_of(f"{report}\n{report}") == [report, report]


@pytest.mark.parametrize(
    "document",
    [
        '<Objs Version="1.1.0.1">\n<Obj>\n</Obj></Objs>',
        '[\n  {\n    "Identity": "EX10A\\\\1"\n  }\n]',
        "Identity,Next Hop Domain,Status\nEX10A\\1,fabrikam.example,Retry",
        "Identity Status\n-------- ------\nEX10A\\1 Retry\nEX10A\\2 Ready",
    ],
)
def test_an_export_is_one(document: str) -> None:
    """What `diagnose` reads is not taken to pieces."""
    assert texts_of(document) == [document]


@given(st.lists(st.text(alphabet="aA1 >\"'{}[]:-\n", max_size=40), max_size=12))
def test_no_character_is_lost(lines: list[str]) -> None:
    """Whatever lines they are: texts hold them all, in order, and none begins inside a line."""
    document = "\n".join(lines)
    kept = [line for text in texts_of(document) for line in text.split("\n") if line.strip()]

    assert kept == [line for line in document.split("\n") if line.strip()]


WORDS = st.text(alphabet="abcXYZ .", min_size=1, max_size=30).map(lambda one: f"W{one}")


@given(st.lists(WORDS, min_size=1, max_size=8), st.integers(1, 6))
def test_wrapped_replies_stay_apart(words: list[str], width: int) -> None:
    """Replies that were wrapped inside their quotes come back as many as they were."""
    pieces = [" ".join(one.split()) for one in words]
    replies = [f'451 4.4.0 Answered: "451 5.7.3 {one} end."' for one in pieces]
    wrapped = [
        one.replace(" ", "\n", 4 + width).replace("\n", " ", 3).replace('"\n', '" ')
        for one in replies
    ]

    assert texts_of("\n".join(wrapped)) == wrapped


@pytest.mark.alone
@pytest.mark.parametrize("piece", ['"a ', "{", "a'", "Name : x\n", "> a\n", "\n", "[PS] a\n"])
def test_time_grows_with_length_alone(piece: str) -> None:
    """Four times as long, about four times as slow."""
    spent = []
    for size in (100_000, 400_000):
        document = piece * (size // len(piece))
        began = time.perf_counter()
        texts_of(document)
        spent.append(time.perf_counter() - began)

    assert spent[1] < 10 * spent[0] + 0.2
