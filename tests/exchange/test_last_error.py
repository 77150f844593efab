"""The grammar of LastError: real texts, each form by its fact, nesting put together at random."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.last_error import LastError, parse
from support import needs_shared

KEYS = (
    *("outer_code", "outer_enhanced", "inner_code", "inner_enhanced", "inner_text", "fqdn", "ip"),
    *("port", "winsock", "last_retry_time", "chain", "last_endpoint"),
)
KINDS = {"last-error", "ndr", "smtp-response", "tracking"}
TAIL = (
    " Attempted failover to alternate host, but that did not succeed. Either there are no alternate"
    " hosts, or delivery failed to all alternate hosts."
)
AUTH = "Cannot achieve Exchange Server authentication"


def alike(value: Any) -> Any:  # noqa: ANN401 - a value of a JSON document
    """Without case, repeated blanks and closing punctuation."""
    if isinstance(value, str):
        return " ".join(value.casefold().split()).rstrip(" .'\"")
    return [alike(one) for one in value] if isinstance(value, list | tuple) else value


def test_real_texts_are_read() -> None:
    """At least 97 of 100 complete real texts give what a careful reader takes out of them."""
    lines = needs_shared("last_errors.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    rows = [row for row in rows if row["text_complete"] and row["kind"] in KINDS]
    wrong = []
    for row in rows:
        error = parse(row["text"])
        expected = {key: alike(row["expected"][key]) for key in KEYS if key in row["expected"]}
        actual = {key: alike(getattr(error, key)) for key in expected}
        if expected != actual:
            wrong.append((row["id"], expected, actual))

    assert len(rows) >= 80
    assert len(wrong) <= len(rows) * 0.03, wrong


def test_plain_form() -> None:
    """S6.01: the quoted reply is the inner level, the failover tail belongs to nobody."""
    error = parse(f'451 4.4.0 Primary target IP address responded with: "451 5.7.3 {AUTH}."{TAIL}')

    assert (error.outer_code, error.outer_enhanced) == ("451", "4.4.0")
    assert (error.inner_code, error.inner_enhanced, error.inner_text) == ("451", "5.7.3", AUTH)
    assert error.chain == ("451 4.4.0", "451 5.7.3")
    assert [level.text for level in error.levels] == [
        "Primary target IP address responded with",
        AUTH,
    ]
    assert error.complete


@pytest.mark.parametrize(
    ("endpoint", "ip", "port"),
    [
        ("10.0.0.21:25", "10.0.0.21", 25),
        ("2001:db8::21:2525", "2001:db8::21", 2525),
        ("[2001:db8::21]:25", "2001:db8::21", 25),
        ("10.x.x.21:475", None, 475),
        ("10.0.0.21:99999", "10.0.0.21", None),
    ],
)
def test_last_endpoint(endpoint: str, ip: str | None, port: int | None) -> None:
    """S6.02: the port stands behind the last colon; a masked address is no address."""
    error = parse(
        f'451 4.4.0 Primary target IP address responded with: "421 4.3.2 Service not active."{TAIL}'
        f" The last endpoint attempted was {endpoint}"
    )

    assert (error.last_endpoint, error.ip, error.port) == (endpoint, ip, port)


def test_last_endpoint_in_another_language() -> None:
    """S6.02: in a translated tail the endpoint is known by its shape."""
    error = parse(
        '451 4.4.0 Antwort: "421 4.3.2 Dienst nicht aktiv." Letzter Versuch: 10.0.0.21:25'
    )

    assert (error.inner_text, error.last_endpoint) == ("Dienst nicht aktiv", "10.0.0.21:25")


def test_wrapped_form() -> None:
    """S6.03: wrapper of 2013; the time stays the text it was."""
    error = parse(
        "[{LRT=24.11.2026 14:02:09};{LED=441 4.4.1 Error encountered while communicating with "
        'primary target IP address: "Failed to connect. Winsock error code: 10061, Win32 error '
        f'code: 10061."{TAIL}}};{{FQDN=ex16a.contoso.example}};{{IP=10.0.0.21}}]'
    )

    assert (error.outer_code, error.outer_enhanced, error.inner_code) == ("441", "4.4.1", None)
    assert (
        error.inner_text == "Failed to connect. Winsock error code: 10061, Win32 error code: 10061"
    )
    assert error.winsock == 10061
    assert error.last_retry_time == "24.11.2026 14:02:09"
    assert (error.fqdn, error.ip) == ("ex16a.contoso.example", "10.0.0.21")


def test_no_wrapper_without_connection() -> None:
    """S6.04: a DNS error is plain, also in 2013; its words follow `The error was:`."""
    error = parse(
        "451 4.4.0 DNS query failed. The error was: DNS query failed with error ErrorRetry"
    )

    assert (error.outer_enhanced, error.inner_enhanced) == ("4.4.0", None)
    assert error.inner_text == "DNS query failed with error ErrorRetry"


def test_chain() -> None:
    """S6.05, S6.06: the last piece with a code is the innermost; words behind it are detail."""
    error = parse(
        "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> "
        "SocketTimedout: Socket error code 10060};{MSG=};{FQDN=ex16b};{IP=10.0.0.22};"
        "{LRT=11/24/2026 2:02:09 PM}]"
    )

    assert error.chain == ("451 4.4.397", "421 4.2.1")
    assert (error.inner_text, error.winsock) == ("Unable to connect", 10060)
    assert "SocketTimedout" in error.detail


def test_message_is_no_level() -> None:
    """S6.05: what {MSG=} holds is not the error; {LED=} is."""
    error = parse(
        "[{LED=452 4.3.1 Insufficient system resources};{MSG=smtp;550 5.1.1 other};{FQDN=a}]"
    )

    assert (error.chain, error.inner_text) == (("452 4.3.1",), "Insufficient system resources")


def test_values_hold_anything() -> None:
    """Section 6.3, rule 1: braces, semicolons and brackets inside a value end nothing."""
    error = parse("[{LED=550 5.7.1 no {x} [y {z}] a; b: {c};{MSG=};{FQDN=mx};{IP=};{LRT=now}]")

    assert error.inner_text == "no {x} [y {z}] a; b: {c"
    assert (error.fqdn, error.ip, error.last_retry_time) == ("mx", None, "now")


def test_outermost_host_wins() -> None:
    """Section 6.1: a wrapper inside the wrapper; host and time are those of the outer one."""
    error = parse(
        "[{LRT=1};{LED=450 4.7.0 Proxy session setup failed on Frontend with '[{LRT=2};{LED=451 "
        '4.4.0 Primary outbound frontend IP address responded with:   "421 4.4.2 Connection '
        "dropped.\"};{FQDN=in};{IP=10.0.0.1}]'};{FQDN=out};{IP=10.0.0.2}]"
    )

    assert error.chain == ("450 4.7.0", "451 4.4.0", "421 4.4.2")
    assert (error.fqdn, error.ip, error.last_retry_time) == ("out", "10.0.0.2", "1")


@pytest.mark.parametrize(
    "text",
    [
        f"451 4.4.0 Primary target IP address responded with: “451 5.7.3 {AUTH}.”{TAIL}",
        f'451 4.4.0 Primary target\r\n   responded with:  "451\u00a05.7.3 {AUTH}." {TAIL}',
        f"*451 4.4.0 Primary target IP address responded with: «451 5.7.3 {AUTH}.»{TAIL}*",
        f"451 4.4.395 Target host responded with error. → 451 5.7.3 {AUTH}",
    ],
)
def test_typography(text: str) -> None:
    """S6.08: typographic quotes and arrows, line wraps and repeated blanks; the text is kept."""
    error = parse(text)

    assert (error.inner_enhanced, error.inner_text, error.text) == ("5.7.3", AUTH, text)


def test_first_host_and_last_endpoint_are_not_paired() -> None:
    """S6.09: the quoted host is the first, the endpoint the last one tried."""
    error = parse(
        '[{LED=451 4.4.0 Primary target IP address responded with: "421 4.3.2 Service not active."'
        " The last endpoint attempted was 10.0.0.22:25};{FQDN=ex16a};{IP=10.0.0.21}]"
    )

    assert (error.ip, error.last_endpoint, error.port) == ("10.0.0.21", "10.0.0.22:25", 25)


def test_delivery_report() -> None:
    """A report names time, host and address in front of the quoted reply."""
    error = parse(
        "24/11/2026 14:02:09 - Remote Server at ex16a.contoso.example (10.0.0.21) returned "
        "'550 5.1.1 it isn't known to 'us' here.'"
    )

    assert error.last_retry_time == "24/11/2026 14:02:09"
    assert (error.fqdn, error.ip) == ("ex16a.contoso.example", "10.0.0.21")
    assert error.inner_text == "it isn't known to 'us' here"


def test_quotes_within_the_words() -> None:
    """Quotes inside the reply pair up; the reply ends with its own."""
    error = parse('451 4.4.0 Host said: "550 5.1.1 user "joe" (or "jim") is gone." Weiter "so".')

    assert error.inner_text == 'user "joe" (or "jim") is gone'


@pytest.mark.parametrize(
    ("text", "chain", "words"),
    [
        (
            "#< #5.4.6 smtp;554 5.4.6 Hop count exceeded> #SMTP#",
            ("554 5.4.6",),
            "Hop count exceeded",
        ),
        ("#550 4.4.7 QUEUE.Expired; gone ##rfc822;joe", ("550 4.4.7",), "QUEUE.Expired; gone"),
        ("<mx.contoso.example #5.2.2>", ("5.2.2",), None),
        ("5.7.3 Cannot do that", ("5.7.3",), "Cannot do that"),
        ("[{LED=};{MSG=};{FQDN=};{IP=};{LRT=}]", (), None),
        ("LastError : DnsDomainDoesNotExist", (), "DnsDomainDoesNotExist"),
        ("451 4.4.0 answer: 421 4.2.1 No." + TAIL, ("451 4.4.0", "421 4.2.1"), "No"),
        (
            (
                "1/2/2026 1:00 - Server at a returned '450 4.4.316 No' 1/2/2026 2:00 - Server at b "
                "returned '550 5.4.300 Expired'"
            ),
            ("450 4.4.316",),
            "No",
        ),
    ],
)
def test_odd_forms(text: str, chain: tuple[str, ...], words: str | None) -> None:
    """S6.08: old delivery reports, lost codes, lost quotes, labels, two reports in a row."""
    error = parse(text)

    assert (error.chain, error.inner_text) == (chain, words)


@pytest.mark.parametrize("text", ["", "  \r\n ", "\u200b"])
def test_empty(text: str) -> None:
    """Section 6.3, rule 7: nothing there, nothing claimed."""
    assert parse(text) == LastError(text)


@pytest.mark.parametrize(
    "text",
    [
        '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achi...',
        '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achi',
        "451 4.4.395 Target host responded with error. -> 451 5.7.3 Cannot ...",
        "[{LED=451 4.4.395 Target host responded with error. -> 451 5.7.3 Cannot",
        f'"421 4.4.1 Connection timed out."{TAIL}',
    ],
)
def test_cut_texts_say_so(text: str) -> None:
    """A text that visibly lacks its end or its beginning is not complete."""
    assert not parse(text).complete


def test_two_pasted_replies() -> None:
    """Of two replies with a gap of blanks the first is read; a wrapped line is no gap."""
    two = parse("550 5.7.54 Unable to relay               451 4.7.0 Timeout waiting")
    one = parse("451 4.4.395 Error. ->\n                  421 4.4.2 Connection dropped")

    assert (two.inner_text, two.inner_code) == ("Unable to relay", None)
    assert one.inner_code == "421"


WORDS = st.from_regex(r"[A-Za-z][A-Za-z ,;()]{0,30}[A-Za-z]", fullmatch=True).map(
    lambda words: " ".join(words.split())
)
CODES = st.tuples(
    st.sampled_from(("421", "441", "450", "451", "454", "550", "554")),
    st.from_regex(r"[45]\.[0-9]{1,3}\.[0-9]{1,3}", fullmatch=True),
)
REPLIES = st.lists(st.tuples(CODES, WORDS), min_size=1, max_size=6)


def reply(one: tuple[tuple[str, str], str]) -> str:
    """`451 4.4.0 words`."""
    (code, enhanced), words = one
    return f"{code} {enhanced} {words}"


def nested_in_quotes(replies: list[tuple[tuple[str, str], str]], quote: str = '"') -> str:
    """The plain family: each reply quotes the next one, with a tail behind it."""
    text = reply(replies[-1]) + "."
    for one in reversed(replies[:-1]):
        text = f"{reply(one)}: {quote}{text}{quote}{TAIL}"
    return text


def check(error: LastError, replies: list[tuple[tuple[str, str], str]]) -> None:
    """All levels came back, and the innermost words."""
    assert error.chain == tuple(" ".join(codes) for codes, _ in replies)
    assert error.inner_text == replies[-1][1]
    assert error.inner_code == (replies[-1][0][0] if len(replies) > 1 else None)


@given(REPLIES)
def test_any_plain_nesting_comes_apart(replies: list[tuple[tuple[str, str], str]]) -> None:
    """S6.01, S6.02: however deep the quotes, every level comes back."""
    check(parse(nested_in_quotes(replies)), replies)


@given(REPLIES, st.sampled_from(("10.0.0.21", "2001:db8::21")), st.booleans())
def test_any_wrapped_nesting_comes_apart(
    replies: list[tuple[tuple[str, str], str]], ip: str, last: bool
) -> None:
    """S6.03: the same inside the wrapper of 2013, keys in either order."""
    led = f"{{LED={nested_in_quotes(replies)}}}"
    keys = ["{LRT=24.11.2026 14:02}", "{FQDN=ex16a}", f"{{IP={ip}}}"]
    keys.insert(3 if last else 1, led)
    error = parse(f"[{';'.join(keys)}]")

    check(error, replies)
    assert (error.fqdn, error.ip, error.last_retry_time) == ("ex16a", ip, "24.11.2026 14:02")


@given(REPLIES, st.lists(WORDS, max_size=2), st.booleans())
def test_any_chain_comes_apart(
    replies: list[tuple[tuple[str, str], str]], pieces: list[str], spaced: bool
) -> None:
    """S6.05, S6.06: LED-first chains; pieces without a code belong to the detail."""
    chain = " -> ".join([*map(reply, replies), *pieces])
    gap = "; " if spaced else ";"
    keys = (f"{{LED={chain}}}", "{MSG=}", "{FQDN=ex16a}", "{IP=10.0.0.21}", "{LRT=now}")
    error = parse(f"[{gap.join(keys)}]")

    check(error, replies)
    assert all(piece in error.detail for piece in pieces)
    assert (error.fqdn, error.ip, error.last_retry_time) == ("ex16a", "10.0.0.21", "now")


@given(st.text(alphabet="45.0 ->\"'{}[];=LEDFQN\n", max_size=200) | st.text(max_size=200))
def test_any_text_is_survived(text: str) -> None:
    """Whatever a server sends, the parser answers and keeps the text."""
    assert parse(text).text == text


HOSTILE = {
    "quotes": ('451 4.4.0 Primary responded with: "', '" Attempted failover'),
    "apostrophes": ("450 4.7.0 failed with '", "'"),
    "wrappers": ("[{LED=450 4.7.0 failed with '", "'};{FQDN=a};{IP=10.0.0.1}]"),
    "arrows": ("451 4.4.395 no -> ", ""),
    "messages": ("450 4.4.317 no [Message=", "]"),
}


@pytest.mark.parametrize("form", HOSTILE)
def test_hundred_thousand_levels(form: str) -> None:
    """Depth costs no stack and little time, and the innermost reply is still found."""
    before, after = HOSTILE[form]
    began = time.perf_counter()
    error = parse(before * 100_000 + f"451 5.7.3 {AUTH}" + after * 100_000)

    assert (error.inner_enhanced, error.inner_text) == ("5.7.3", AUTH)
    assert len(error.chain) == 100_001
    assert time.perf_counter() - began < 20


@pytest.mark.alone
@pytest.mark.parametrize(
    "piece",
    [
        '"',
        "'a ",
        "{",
        "{LED=",
        "};{FQDN=",
        "}]",
        "(",
        "451 4.4.0 ",
        "<a #",
        "[LastAttemptedIP=",
        " ",
    ],
)
def test_time_grows_with_length_alone(piece: str) -> None:
    """No text makes the parser slower than its length says: four times as long, as slow."""
    spent = []
    for size in (100_000, 400_000):
        text = "451 4.4.0 x" + piece * (size // len(piece))
        runs = []
        for _ in range(2):
            began = time.perf_counter()
            parse(text)
            runs.append(time.perf_counter() - began)
        spent.append(min(runs))

    assert spent[1] < 10 * spent[0] + 0.2
