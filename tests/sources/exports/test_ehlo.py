"""EHLO replies that lie beside exports become observations (S5.30, S5.31)."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture_forms import write
from mailflow.opening import open_source
from mailflow.sources.exports.ehlo import read_offers
from organisations import article

REPLY = """# mailflow EHLO reply 1
# sender: EX10A
# target: EX16A
# address: 10.0.0.21
# port: 25
# written: 2026-11-23T13:59:17Z
# ended: done
S: 220 ex16a.contoso.example Microsoft ESMTP MAIL Service ready at Mon, 23 Nov 2026 14:59:17 +0100
C: EHLO ex10a.contoso.example
S: 250-ex16a.contoso.example Hello [10.0.0.11]
S: 250-SIZE 37748736
S: 250-STARTTLS
S: 250-AUTH NTLM
S: 250 CHUNKING
C: QUIT
S: 221 2.0.0 Service closing transmission channel
"""


def test_a_reply_is_an_observation() -> None:
    """Who met what where and when."""
    [offer] = read_offers(REPLY)

    assert (offer.sender, offer.target, offer.remote, offer.port) == (
        "EX10A",
        "EX16A",
        "10.0.0.21",
        25,
    )
    assert (offer.seen_as, offer.banner, offer.offered, offer.masked) == (
        "10.0.0.11",
        "Exchange",
        "STARTTLS AUTH",
        False,
    )
    assert (offer.source, offer.last) == ("EHLO reply", "2026-11-23T13:59:17+00:00")


@pytest.mark.parametrize(
    ("part", "other", "expected"),
    [
        ("S: 250 CHUNKING\n", "", ""),
        ("250-STARTTLS", "250-XXXXXXXA", "AUTH"),
        ("S: 250-STARTTLS\nS: 250-AUTH NTLM\n", "", "none"),
    ],
)
def test_only_a_whole_reply_tells_of_keywords(part: str, other: str, expected: str) -> None:
    """Of one that breaks off, what lacks says nothing."""
    [offer] = read_offers(REPLY.replace(part, other))

    assert offer.offered == expected
    assert offer.masked is ("XXXX" in other)


def test_it_lies_beside_exports(tmp_path: Path) -> None:
    """And is named among what is no export."""
    write(article().reading(), tmp_path, "clixml")
    (tmp_path / "ehlo.txt").write_text(REPLY + REPLY, encoding="utf-16")
    org = open_source(str(tmp_path))

    assert [offer.sender for offer in org.offers] == ["EX10A", "EX10A"]
    assert ("2 EHLO replies", "ehlo.txt") in org.ignored


def test_a_note_is_no_reply() -> None:
    """Nor is mail about one."""
    assert read_offers("Please run telnet and send me the EHLO reply (250-...).") == []
