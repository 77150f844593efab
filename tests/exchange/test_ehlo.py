"""What an EHLO reply offers (section 3.6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

import organisations
from mailflow.exchange.ehlo import is_masked, judged, masked, offer, predicted_keywords

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


BOTH = ("STARTTLS", "X-ANONYMOUSTLS", "X-EXPS GSSAPI NTLM")
EXPS_ALONE = ("STARTTLS", "X-EXPS GSSAPI NTLM")


@pytest.mark.parametrize(
    ("keywords", "downgraded", "with_edge", "lacks", "certain"),
    [
        (BOTH, False, False, (), True),
        (BOTH, None, None, (), True),
        (("STARTTLS",), False, False, ("X-ANONYMOUSTLS", "X-EXPS"), True),
        (("STARTTLS",), None, False, ("X-ANONYMOUSTLS", "X-EXPS"), True),
        (EXPS_ALONE, False, False, ("X-ANONYMOUSTLS",), True),
        (EXPS_ALONE, True, False, (), True),
        (EXPS_ALONE, None, False, ("X-ANONYMOUSTLS",), False),
        (("X-EXPS NTLM",), None, False, ("X-ANONYMOUSTLS",), True),
        (EXPS_ALONE, True, True, ("X-ANONYMOUSTLS",), True),
        (("X-ANONYMOUSTLS",), False, True, (), True),
        (("X-ANONYMOUSTLS",), False, None, (), False),
        (("X-ANONYMOUSTLS",), False, False, ("X-EXPS",), True),
        (("xexps", "XEXPS"), False, False, ("X-ANONYMOUSTLS", "X-EXPS"), True),
    ],
)
def test_what_a_sender_needs(
    keywords: tuple[str, ...],
    downgraded: bool | None,
    with_edge: bool | None,
    lacks: tuple[str, ...],
    certain: bool,
) -> None:
    """S5.03, S3.42: GSSAPI alone does for the downgraded mode, and never with an Edge server."""
    found = judged(keywords, downgraded=downgraded, with_edge=with_edge)

    assert (found.lacks, found.is_certain) == (lacks, certain)


@pytest.mark.parametrize(
    ("auth", "more", "matter"),
    [
        ("Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer", {}, BOTH),
        ("Tls", {}, ("STARTTLS",)),
        ("Tls, ExternalAuthoritative", {}, ("STARTTLS",)),
        ("Tls, ExternalAuthoritative, ExchangeServer", {}, ("STARTTLS",)),
        ("Tls, ExchangeServer", {"certificate": False}, EXPS_ALONE),
        ("Tls, ExchangeServer", {"to_edge": True}, (*BOTH[:2], "X-EXPS NTLM")),
        ("None", {}, ()),
    ],
)
def test_what_a_connector_offers(auth: str, more: dict[str, bool], matter: tuple[str, ...]) -> None:
    """Section 3.6: by its authentication and its certificate."""
    connector = organisations.healthy().change("EX16A\\Relay", auth=auth).connector("EX16A\\Relay")
    found = predicted_keywords(connector, **more)

    assert matter == tuple(
        one for one in found if one.split()[0] in ("STARTTLS", "X-ANONYMOUSTLS", "X-EXPS")
    )
    assert predicted_keywords(replace(connector, suppress_x_anonymous_tls=True), **more) == tuple(
        one for one in found if one != "X-ANONYMOUSTLS"
    )
    assert is_masked("\n".join(masked(found)))
    assert not is_masked("\n".join(found))
