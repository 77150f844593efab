"""Replies to EHLO out of what people bring: files of the probe, telnet sessions, debug lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.ehlo import EhloObservation
from mailflow.sources.ehlo_replies import (
    MARK,
    looks_like_ehlo,
    read_ehlo_replies,
)
from support import needs_shared, shared_files

KEYWORDS = ("SIZE 37748736", "STARTTLS", "X-ANONYMOUSTLS", "X-EXPS GSSAPI NTLM", "XRDST")
BANNER = (
    "ex16a.contoso.example Microsoft ESMTP MAIL Service ready at Mon, 30 Nov 2026 12:00:00 +0100"
)
GREETING = "ex16a.contoso.example Hello [10.0.0.11]"


def reply(*keywords: str, greeting: str = GREETING) -> list[str]:
    """The lines of a reply."""
    lines = [greeting, *(keywords or KEYWORDS)]
    return [*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]


SESSION = [f"220 {BANNER}", "EHLO ex10a.contoso.example", *reply(), "QUIT", "221 2.0.0 bye"]
TELNET = EhloObservation(
    written=datetime(2026, 11, 30, 11, tzinfo=UTC),
    hello="ex10a.contoso.example",
    banner=BANNER,
    announced="ex16a.contoso.example",
    seen_as="10.0.0.11",
    keywords=KEYWORDS,
    offered_before_tls=True,
    complete=True,
    lines=(GREETING, *KEYWORDS),
)


def in_file(*session: str, ended: str = "done") -> str:
    """A file of the probe."""
    head = ("sender: EX10A", "target: EX16A", "address: 10.0.0.21", "port: 25")
    marks = (f"{'C' if line.startswith(('EHLO', 'QUIT')) else 'S'}: {line}" for line in session)
    lines = [*head, "written: 2026-11-30T11:00:05Z", f"ended: {ended}"]
    return "\n".join([MARK, *(f"# {line}" for line in lines), *marks, ""])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_telnet_session(end: str) -> None:
    """S5.30, S5.31: who was seen, what was offered before TLS, and when by the banner."""
    assert read_ehlo_replies(end.join(SESSION)) == [TELNET]


@pytest.mark.parametrize(
    "before",
    [
        ["telnet ex16a.contoso.example 25", "Trying 10.0.0.21...", "Connected to ex16a."],
        ["C:\\> telnet 10.0.0.21 25", "Connecting To ex16a..."],
    ],
)
def test_whom_telnet_connects_to(before: list[str]) -> None:
    """The name or the address that was typed or tried."""
    (found,) = read_ehlo_replies("\n".join([*before[-2:], *SESSION]))

    assert found.target.startswith("ex16a")
    assert found.keywords == KEYWORDS


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("<<< ", ">>> "),
        ("S: ", "C: "),
        ("<-  ", " -> "),
        ("<~  ", " ~> "),
        ("Net::SMTP=GLOB(0x557db0)<<< ", "Net::SMTP=GLOB(0x557db0)>>> "),
        ("  292   SMTP<< ", "  292   SMTP>> "),
        ("", "> "),
    ],
)
def test_lines_of_other_clients(said: str, sent: str) -> None:
    """What swaks, Exim, PowerShell or Perl write before a line."""
    lines = [f"{sent if line.startswith(('EHLO', 'QUIT')) else said}{line}" for line in SESSION]

    assert read_ehlo_replies("\n".join(lines)) == [TELNET]


def test_the_reply_after_tls_is_told_apart() -> None:
    """S5.31: it no longer offers them, so it says nothing against the target."""
    second = reply("SIZE", "AUTH NTLM LOGIN", "XRDST")
    go_ahead = "220 2.0.0 SMTP server ready"
    whole = [*SESSION[:-2], "STARTTLS", go_ahead, "EHLO ex10a.contoso.example", *second]

    assert [each.offered_before_tls for each in read_ehlo_replies("\n".join(whole))] == [
        True,
        False,
    ]
    # The beginning is cut off: which one this is, nobody can tell.
    assert [each.offered_before_tls for each in read_ehlo_replies("\n".join(second))] == [None]
    cut = [go_ahead, "EHLO x", *second]
    assert [each.offered_before_tls for each in read_ehlo_replies("\n".join(cut))] == [False]


def test_a_file_of_the_probe() -> None:
    """It names sender, target and time; several may stand in one text."""
    (first, second) = read_ehlo_replies(in_file(*SESSION) + in_file(*SESSION, ended="timed-out"))

    assert (first.sender, first.target, first.address, first.port) == (
        *("EX10A", "EX16A", "10.0.0.21"),
        25,
    )
    assert first.written == datetime(2026, 11, 30, 11, 0, 5, tzinfo=UTC)
    assert (first.keywords, first.complete, second.complete) == (KEYWORDS, True, False)


def test_a_target_cannot_begin_a_file() -> None:
    """The mark counts where a line begins, and a target's line begins with a mark of its own."""
    (found,) = read_ehlo_replies(
        in_file(SESSION[0], SESSION[1], *reply(f"SIZE {MARK}", "# sender: FORGED", "XRDST"))
    )

    assert (found.sender, found.complete, len(found.keywords)) == ("EX10A", True, 3)


def test_a_target_cannot_write_the_head() -> None:
    """Its lines have a mark of their own; what is no such line is not read."""
    lies = in_file(f"220 {BANNER}\n# sender: FORGED\n{MARK}\n# ended: done", *SESSION[1:])

    assert "FORGED" not in {each.sender for each in read_ehlo_replies(lies)}


@pytest.mark.parametrize(
    "lines",
    [
        [*SESSION[:6]],
        [*SESSION[:5], "some other line", *SESSION[5:]],
        [*SESSION[:3], *reply("SIZE", "XRDST", greeting="ex16b.contoso.example Hello [::1]")],
        [SESSION[0], SESSION[1], f"250-{GREETING}", "250-\x1b[2JSTARTTLS", "250 XRDST"],
        [SESSION[0], SESSION[1], f"250-{GREETING}", f"250-{'A' * 5000}", "250 XRDST"],
        [SESSION[0], SESSION[1], f"250-{GREETING}", *["250-SIZE"] * 500, "250 XRDST"],
        [SESSION[0], SESSION[1], f"250-{GREETING}", "250-SIZE", "221 closing", "250 XRDST"],
    ],
    ids=["cut", "interrupted", "interleaved", "control", "long line", "many lines", "ended"],
)
def test_what_is_not_whole_is_said_to_be_partial(lines: list[str]) -> None:
    """Of such a reply, what lacks says nothing."""
    found = read_ehlo_replies("\n".join(lines))

    assert found
    assert not any(each.complete for each in found)
    assert all(line.isprintable() for each in found for line in each.lines)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "250 OK",
        "220 printer ready",
        "HELO x\n250 ex16a.contoso.example Hello [10.0.0.11]",
        "EHLO x\n500 5.3.3 Unrecognized command",
        "250-SIZE\n250-STARTTLS\n250 XRDST",
        "#Fields: date-time,connector-id,data\n2026-11-30,EX16A\\Relay,250-ex16a Hello [10.0.0.1]",
        "Name : Relay\nBindings : {0.0.0.0:25}",
    ],
)
def test_what_is_none(text: str) -> None:
    """Nothing is concluded from HELO, from a refusal, or from the end of a reply alone."""
    assert read_ehlo_replies(text) == []
    assert not looks_like_ehlo(text)


def test_a_printer() -> None:
    """A host that is no Exchange answers too; it is read as what it says."""
    (found,) = read_ehlo_replies("220 KM4570 SMTP\nEHLO x\n250-KM4570\n250 SIZE 100000\n")

    assert (found.keywords, found.announced, found.complete) == (("SIZE 100000",), "KM4570", True)


def test_a_greeting_that_a_console_wrapped() -> None:
    """80 columns are not enough for a long name."""
    lines = [*SESSION[:2], f"250-{GREETING[:-8]}", GREETING[-8:], *SESSION[3:]]

    assert read_ehlo_replies("\n".join(lines)) == [TELNET]


def test_endless_texts() -> None:
    """Each line is looked at once, and only its beginning: this comes to an end."""
    for piece in (" ", "250-", "250-a Hello [\n", "1 1 1 ", "EHLO ", f"{MARK}\n", "<"):
        found = read_ehlo_replies(piece * (1_000_000 // len(piece)))

        assert not any(each.complete for each in found)


@given(text=st.text(alphabet="250- \nEHLOS:CX#<>[]a\r\x1b\u2028", max_size=300))
def test_anything_may_come(text: str) -> None:
    """Nothing is raised, and nothing that breaks a line is kept."""
    found = read_ehlo_replies(text)

    assert looks_like_ehlo(text) or not found
    assert all(line.isprintable() for each in found for line in each.lines)


@pytest.mark.parametrize(
    "path", shared_files("captures/text/ehlo-*.txt"), ids=lambda path: path.stem
)
def test_real_replies(path: object) -> None:
    """Every real one is read whole, except the summary of a scanner, which is no session."""
    file = needs_shared(f"captures/text/{getattr(path, 'name', '')}")
    found = read_ehlo_replies(file.read_text("utf-8"))

    assert [each.complete for each in found] == ([] if "nmap" in file.name else [True])
