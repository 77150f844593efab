"""A receive log shows who accepted whom, in every shape, and nothing of people (S7.22 to S7.26)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_forms import write
from mailflow.opening import open_source
from mailflow.snapshot import ObservedSessions, Snapshot, from_document
from mailflow.sources.logs.protocol import FIELDS
from mailflow.sources.logs.receive import ReceiveLog
from mailflow.views.which import probe, which
from organisations import article
from support import needs_shared

HEAD = f"#Software: Microsoft Exchange Server\n#Fields: {','.join(FIELDS)}\n"
OFFER = "SIZE 37748736 STARTTLS X-ANONYMOUSTLS AUTH NTLM X-EXPS GSSAPI NTLM XSHADOW"
CANARY = "canary@people.example"


def session(number: int, client: str, connector: str = "EX16A\\Relay", **more: str) -> list[str]:
    """The rows of a session as 2016 writes them."""
    place = f"{connector},{number:016X}"
    ends = f"{more.get('local', '10.0.0.21:25')},{client}"
    events = [
        ("+", "", ""),
        (">", '"220 ex16a.contoso.example Microsoft ESMTP, ready"', ""),
        ("<", f"EHLO {more.get('hello', 'ex10a.contoso.example')}", ""),
        (">", f"250  ex16a.contoso.example Hello [10.0.0.11] {more.get('offer', OFFER)}", ""),
        ("<", f"MAIL FROM:<{CANARY}>", ""),
        ("<", f"RCPT TO:<{CANARY}>", ""),
        ("-", "", "Local"),
    ]
    return [
        f"2026-11-24T03:{number % 60:02}:{at:02}.000Z,{place},{at},{ends},{event},{data},{context}"
        for at, (event, data, context) in enumerate(events)
    ]


def read(*texts: str) -> tuple[ObservedSessions, ...]:
    """What these files show together."""
    log = ReceiveLog()
    for text in texts:
        log.read(text.splitlines())
    return log.sessions()


def test_sessions_are_summed_up() -> None:
    """Alike ones are one row with how many, first and last; others are rows of their own."""
    rows = [*session(1, "10.0.0.11:5000"), *session(2, "10.0.0.11:5001")]
    rows += session(3, "10.0.0.12:5002", "EX16A\\Default Frontend EX16A", offer="SIZE")
    default, relay = read(HEAD + "\n".join(rows))

    assert relay == ObservedSessions(
        server="EX16A",
        connector="Relay",
        local="10.0.0.21",
        port=25,
        client="10.0.0.11",
        hello="ex10a.contoso.example",
        offered="X-ANONYMOUSTLS X-EXPS STARTTLS AUTH",
        tls=False,
        exchange_auth=False,
        sessions=2,
        first="2026-11-24T03:01:00.000Z",
        last="2026-11-24T03:02:06.000Z",
    )
    assert (default.connector, default.client, default.offered) == (
        "Default Frontend EX16A",
        "10.0.0.12",
        "none",
    )


def test_keywords_before_tls_alone_count() -> None:
    """S5.31: the second reply lacks X-ANONYMOUSTLS, and says nothing of what was offered."""
    rows = session(1, "10.0.0.11:5000", offer="STARTTLS X-ANONYMOUSTLS")[:4]
    after = [
        rows[2].replace(",<,EHLO ex10a.contoso.example", ",<,X-ANONYMOUSTLS"),
        rows[0].replace(",+,,", ",*,,TLS protocol SP_PROT_TLS1_2_SERVER negotiation succeeded"),
        rows[3].replace("STARTTLS X-ANONYMOUSTLS", "AUTH NTLM X-EXPS EXCHANGEAUTH"),
        rows[2].replace(",<,EHLO ex10a.contoso.example", ",<,X-EXPS EXCHANGEAUTH SHA256"),
    ]
    [found] = read(HEAD + "\n".join(rows + after))

    assert (found.offered, found.tls, found.exchange_auth) == (
        "X-ANONYMOUSTLS STARTTLS",
        True,
        True,
    )


def test_a_reply_over_several_rows() -> None:
    """2010 and 2013 write a row for each keyword (S7.22)."""
    [found] = read(HEAD + "\n".join(one_keyword_a_row()))

    assert found.offered == "X-ANONYMOUSTLS STARTTLS AUTH"


@pytest.mark.parametrize("place", range(8))
def test_a_reply_that_lacks_a_row_tells_nothing_of_keywords(place: int) -> None:
    """A keyword may stand in the row that is missing; numbers of rows show that (S7.22)."""
    rows = one_keyword_a_row()
    del rows[place]
    [found] = read(HEAD + "\n".join(rows))

    assert found.offered == ""


def test_a_reply_that_breaks_off_tells_nothing_of_keywords() -> None:
    """Its last line has a blank behind the code; without it more may have followed."""
    [found] = read(HEAD + "\n".join(one_keyword_a_row()[:6]))

    assert found.offered == ""


def one_keyword_a_row() -> list[str]:
    """A session as 2010 writes it."""
    first, banner, hello, reply, *rest = session(1, "10.0.0.11:5000")
    several = [
        reply.partition(",250  ")[0] + f",250{sign}{word},"
        for sign, word in zip(
            "---- ", ("HOST", "SIZE", "STARTTLS", "X-ANONYMOUSTLS", "AUTH X"), strict=True
        )
    ]
    rows = [row.split(",") for row in (first, banner, hello, *several, *rest)]
    return [",".join([*row[:3], str(number), *row[4:]]) for number, row in enumerate(rows)]


def test_a_session_behind_a_proxy_shows_no_client() -> None:
    """S7.25: on port 2525 the client is the Front End; who sent stands in XPROXYFROM."""
    rows = session(1, "10.0.0.21:5000", "EX16A\\Default EX16A", local="10.0.0.21:2525")
    rows.insert(3, rows[2].replace("EHLO ex10a.contoso.example", "XPROXYFROM SID=1 IP=10.0.0.12"))

    assert read(HEAD + "\n".join(rows)) == ()


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24T03:11:10.000Z,EX16A\\Relay,0000000000000009",
        '2026-11-24T03:11:10.000Z,EX16A\\Relay,09,0,10.0.0.21:25,10.0.0.9:1,>,"open,',
        "1," * 30_000,
        "2026,x,y,0,10.0.0.21:25,10.0.0.9:1,+,,",
        "2026-11-24T03:\x1b1:10.000Z,EX16A\\Relay,09,0,10.0.0.21:25,10.0.0.9:1,+,,",
    ],
)
def test_a_broken_line_is_counted_and_costs_nothing_else(line: str) -> None:
    """Cut, torn and endless rows."""
    log = ReceiveLog()
    log.read([*session(1, "10.0.0.11:5000")[:3], line, *session(1, "10.0.0.11:5000")[3:]])

    assert (log.lost, len(log.sessions())) == (1, 1)


@pytest.mark.parametrize(
    ("part", "other"),
    [
        ("EX16A\\Relay", "Relay"),
        ("EX16A\\Relay", "EX16A$(x)\\Relay"),
        ("EX16A\\Relay", "EX16A\\Relay\x1b[2J"),
        ("EX16A\\Relay", "EX16A\\"),
        ("10.0.0.21:25", ""),
        ("10.0.0.11:5000", "somewhere:5000"),
        ("10.0.0.11:5000", "10.0.0.11"),
    ],
)
def test_what_does_not_say_who_accepted_whom_is_no_observation(part: str, other: str) -> None:
    """A session without a connector, a server that no computer is called, no address."""
    assert read(HEAD + "\n".join(session(1, "10.0.0.11:5000")).replace(part, other)) == ()


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(1, 3))
def test_however_it_is_mixed_and_cut_it_shows_the_same(seed: int, count: int, files: int) -> None:
    """Rows of sessions mix, and one may end in the next file; the rows of each keep their order."""
    dice = Random(seed)  # noqa: S311 - the same mixtures each time
    sessions = [
        session(
            number,
            f"10.0.0.{dice.randint(1, 3)}:{5000 + number}",
            dice.choice(("EX16A\\Relay", "EX16A\\Default Frontend EX16A")),
        )
        for number in range(count)
    ]
    straight = [row for rows in sessions for row in rows]
    left = [list(rows) for rows in sessions]
    mixed = []
    while any(left):
        mixed.append(dice.choice([rows for rows in left if rows]).pop(0))
    cuts = sorted(dice.randint(0, len(mixed)) for _ in range(files - 1))
    parts = [mixed[a:b] for a, b in zip([0, *cuts], [*cuts, len(mixed)], strict=True)]

    assert read(*(HEAD + "\n".join(part) for part in parts)) == read("\n".join(straight))


def test_a_header_holds_for_all_of_its_log(tmp_path: Path) -> None:
    """Also far behind it: whoever wrote columns in another order is never misread."""
    order = ["date-time", "session-id", "connector-id", *FIELDS[3:]]
    rows = []
    for number in range(2_000):
        for row in session(number, "10.0.0.11:5000"):
            when, connector, key, *rest = row.split(",", 3)
            rows.append(",".join([when, key, connector, *rest]))
    head = "#Log-type: SMTP Receive Protocol Log\n" + HEAD.replace(
        ",".join(FIELDS), ",".join(order)
    )
    text = head + "\n".join(rows)
    org = organization(tmp_path, text=text)

    assert len(text) > 2**20
    assert [(seen.connector, seen.sessions) for seen in org.observed] == [("Relay", 2_000)]
    assert not any("not read" in what for what, _ in org.ignored)


def test_a_line_without_an_end_is_one_lost_line(tmp_path: Path) -> None:
    """It is passed over piece by piece, and what stands behind it is read."""
    text = "\n".join([HEAD, *session(1, "10.0.0.11:5000"), "1," * 10**6])
    org = organization(tmp_path, text="\n".join([text, *session(2, "10.0.0.11:5001")]))

    assert [seen.sessions for seen in org.observed] == [2]
    assert [what.rpartition(", ")[2] for what, _ in org.ignored] == ["1 line of it not read"]


def organization(folder: Path, *rows: str, text: str = "") -> Snapshot:
    """The article's exports with a log beside them."""
    write(article().reading(), folder, "clixml")
    (folder / "RECV2026112403-1.LOG").write_text(
        text or HEAD + "\n".join(rows), encoding="utf-8-sig"
    )
    return open_source(str(folder))


def test_nothing_of_people_is_kept(tmp_path: Path) -> None:
    """Neither senders nor recipients reach the snapshot, or a list of what was passed over."""
    org = organization(tmp_path, *session(1, "10.0.0.11:5000"))

    assert CANARY.encode() in (tmp_path / "RECV2026112403-1.LOG").read_bytes()
    assert len(org.observed) == 1
    assert "canary" not in str(org.document())
    assert from_document(org.document(), "x") == org


def test_beside_the_prediction_stands_what_was_observed(tmp_path: Path) -> None:
    """Of this client, server, port and local address alone, and it decides nothing."""
    other = session(2, "10.0.0.11:5001", "EX16A\\Default Frontend EX16A")
    org = organization(
        tmp_path,
        *session(1, "10.0.0.11:5000"),
        *other,
        *session(3, "10.0.0.12:5000"),
        *session(4, "10.0.0.11:5000", local="10.0.0.21:587"),
        *session(5, "10.0.0.11:5000", "EX16B\\Relay"),
    )
    answer = which(org, probe("EX16A", "10.0.0.11"))
    expected = which(article().snapshot(), probe("EX16A", "10.0.0.11"))

    assert {**answer, "observed": []} == expected
    assert [(seen["connector"], seen["sessions"]) for seen in answer["observed"]] == [
        ("EX16A\\Default Frontend EX16A", 1),
        ("EX16A\\Relay", 1),
    ]
    assert answer["observed"][1]["hello"] == ["ex10a.contoso.example"]
    assert which(org, probe("EX16A", "10.0.0.11", "10.0.0.22"))["observed"] == []
    assert which(org, probe("EX16A", "10.0.0.99"))["observed"] == []


def test_an_observation_of_a_stranger_is_a_text() -> None:
    """A saved snapshot may hold anything for an address: it is compared, and not read."""
    seen = ObservedSessions(
        *("EX16A", "Relay", "nowhere", 25, "10.0.0.11", "", ""), *(False, False, 1, "x", "y")
    )
    org = replace(article().snapshot(), observed=(seen,))

    assert len(which(org, probe("EX16A", "10.0.0.11"))["observed"]) == 1
    assert which(org, probe("EX16A", "10.0.0.11", "10.0.0.21"))["observed"] == []


def test_the_reference_logs() -> None:
    """Those of 2010, 2016 and 2019, and one that went through a mail."""
    shown = {}
    for path in sorted(needs_shared("cases/logs").glob("receive-*")):
        log = ReceiveLog()
        log.read(path.read_text("utf-8-sig").splitlines())
        shown[path.stem] = [(seen.connector, seen.client) for seen in log.sessions()]

    assert shown["receive-2010"] == [("Default EX10A", "10.0.0.21")]
    assert shown["receive-2016-two-sessions-interleaved"] == [
        ("Default Frontend EX16A", "10.0.0.12"),
        ("Relay", "10.0.0.11"),
    ]
    assert shown["receive-2019-quoted-certificate"] == [("Default Frontend EX16A", "198.51.100.36")]
    assert shown["receive-hub-2525-proxied"] == []
    assert shown["receive-pasted-markdown"] == [("Relay", "10.0.0.11")]
