"""A send log shows what reached the sender, and how it ended (S7.27)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from capture_forms import write
from mailflow.opening import open_source
from mailflow.snapshot import ObservedOffer
from mailflow.sources.logs.protocol import FIELDS
from mailflow.sources.logs.send import SendLog
from organisations import article
from support import needs_shared

HEAD = "#Log-type: SMTP Send Protocol Log\n#Fields: " + ",".join(FIELDS)
BANNER = '"220 ex16a.contoso.example Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026"'
CANARY = "canary@people.example"

RELAYED = ObservedOffer(
    source="SMTP send log",
    sender="EX10A",
    address="10.0.0.11",
    target="ex16a.contoso.example",
    remote="10.0.0.21",
    port=25,
    seen_as="10.0.0.11",
    banner="Exchange",
    offered="STARTTLS",
    masked=False,
    ended="",
    sessions=1,
    first="2026-11-24T03:00:00.000Z",
    last="2026-11-24T03:00:09.000Z",
)


def session(
    *keywords: str, banner: str = BANNER, seen_as: str = "10.0.0.11", ended: str = "Local"
) -> list[str]:
    """The rows of a session as 2010 writes them: the sender gives up after the reply to EHLO."""
    words = ["ex16a.contoso.example Hello [" + seen_as + "]", "SIZE", *keywords]
    events = [
        ("*", "SendRoutingHeaders", "Set Session Permissions"),
        ("*", "", "attempting to connect"),
        ("+", "", ""),
        ("<", banner, ""),
        (">", "EHLO ex10a.contoso.example", ""),
        *(("<", f"250-{word}", "") for word in words),
        ("<", "250 CHUNKING", ""),
        (">", "QUIT", ""),
        ("-", "", ended),
    ]
    ends = ["", "", *["10.0.0.11:50001"] * len(events)]
    return [
        f"2026-11-24T03:00:{min(at, 9):02}.000Z,Intra-Organization SMTP Send Connector,"
        f"08DE2B0000000004,{at},{ends[at]},10.0.0.21:25,{event},{data},{context}"
        for at, (event, data, context) in enumerate(events)
    ]


def read(rows: list[str]) -> tuple[ObservedOffer, ...]:
    """What these rows show."""
    log = SendLog()
    log.read([HEAD, *rows])
    return log.sessions()


def test_what_a_target_offered() -> None:
    """Sender, both addresses, the sender as it was seen, and keywords before TLS (S5.30, S5.31)."""
    assert read(session("STARTTLS")) == (RELAYED,)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (session(), replace(RELAYED, offered="none")),
        (
            session("STARTTLS", seen_as="10.0.5.1"),
            replace(RELAYED, seen_as="10.0.5.1"),
        ),
        (
            session("XXXXXXXA", banner="220 ***************"),
            replace(RELAYED, banner="masked", masked=True, offered="none"),
        ),
        (
            session("STARTTLS", banner="220 mail.filter.example ESMTP"),
            replace(RELAYED, banner="other"),
        ),
        (
            [*session("STARTTLS")[:6]],
            replace(RELAYED, offered="", last="2026-11-24T03:00:05.000Z"),
        ),
        (
            [row for row in session("STARTTLS") if "SIZE" not in row],
            replace(RELAYED, offered=""),
        ),
        (
            session("STARTTLS", ended="Remote(ConnectionReset)"),
            replace(RELAYED, ended="dropped"),
        ),
    ],
    ids=["nothing", "translated", "masked", "other", "broken-off", "row-missing", "reset"],
)
def test_what_else_it_shows(rows: list[str], expected: ObservedOffer) -> None:
    """A reply that is not whole tells nothing of keywords (C4, C6, S5.30, S7.24)."""
    assert read(rows) == (expected,)


def test_a_connection_that_did_not_come_about() -> None:
    """The number of the socket error is in any language (section 6.2)."""
    rows = session()[:2]
    last = (
        rows[1]
        .replace(",1,,", ",2,,")
        .replace(
            ",attempting to connect", ',"Failed to connect. Winsock error code: 10061, Win32 error"'
        )
    )
    [found] = read([*rows, last])

    assert (found.ended, found.remote, found.port, found.sender) == ("10061", "10.0.0.21", 25, "")


def test_authentication_that_failed() -> None:
    """L1: what the sender notes, whatever the target said."""
    rows = session("X-ANONYMOUSTLS", "X-EXPS GSSAPI NTLM")
    noted = rows[-2].replace(",>,QUIT,", ",*,,Outbound Authentication failed with LogonDenied")
    [found] = read([*rows[:-2], noted, rows[-1]])

    assert (found.ended, found.offered) == ("authentication failed", "X-ANONYMOUSTLS X-EXPS")


def test_beside_exports_it_reaches_the_snapshot(tmp_path: Path) -> None:
    """Nothing of people does."""
    write(article().reading(), tmp_path, "clixml")
    rows = session("STARTTLS")
    mail = rows[-2].replace("QUIT", f"MAIL FROM:<{CANARY}>")
    (tmp_path / "SEND.LOG").write_text("\n".join([HEAD, *rows[:-2], mail, rows[-1]]))
    org = open_source(str(tmp_path))
    org.save(tmp_path / "snapshot")

    assert [(offer.sender, offer.offered) for offer in org.offers] == [("EX10A", "STARTTLS")]
    assert CANARY not in (tmp_path / "snapshot").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("send-2010.log", ("EX10A", "STARTTLS", "")),
        ("send-2013-chinese-connector.log", ("EX10A", "STARTTLS", "")),
        ("send-2019-refused.log", ("", "", "10061")),
    ],
)
def test_the_reference_logs(name: str, expected: tuple[str, str, str]) -> None:
    """Each version, and a connector's name in another language."""
    text = needs_shared(f"cases/logs/{name}").read_text(encoding="utf-8-sig")
    log = SendLog()
    log.read(text.splitlines())

    assert {(seen.sender, seen.offered, seen.ended) for seen in log.sessions()} == {expected}
