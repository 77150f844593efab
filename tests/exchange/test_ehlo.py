"""What an EHLO reply offers (section 3.6)."""

from __future__ import annotations

import pytest

from mailflow.exchange.ehlo import offer

HELLO = "250-ex16a.contoso.example Hello [10.0.0.11]"


def reply(*keywords: str) -> str:
    """A reply of several lines."""
    return "\n".join([HELLO, *(f"250-{one}" for one in keywords), "250 XRDST"])


@pytest.mark.parametrize(
    ("keywords", "first"),
    [
        (("SIZE", "STARTTLS", "X-ANONYMOUSTLS", "X-EXPS GSSAPI NTLM"), None),
        (("SIZE", "STARTTLS", "X-EXPS GSSAPI NTLM"), "internal-transport-certificate"),
        (("SIZE", "X-ANONYMOUSTLS"), None),
        (("SIZE", "STARTTLS"), "custom-connector-shadows-default"),
        (("SIZE", "XXXXXXXA", "X-EXPS"), "smtp-inspection"),
    ],
)
def test_what_the_keywords_leave_possible(keywords: tuple[str, ...], first: str | None) -> None:
    """S5.31, C8, C4: nothing where both are offered; else the likeliest cause first."""
    found = offer(reply(*keywords))

    assert next(iter(found.causes), None) == first
    assert offer(reply(*keywords).replace("\n250-", " ").replace("\n250 ", " ")) == found
