"""What an EHLO reply offers to another Exchange server (section 3.6)."""

from __future__ import annotations

import re
from typing import NamedTuple

_KEYWORD = re.compile(r"(?:^|\s)(?:250[ -])?\s*([A-Z][A-Z0-9-]{2,40})(?=\s|$)", re.MULTILINE)
_MASKED = re.compile(r"\bX{4,}[A-Z]?\b|\*{4,}")

KEYWORDS = ("X-ANONYMOUSTLS", "X-EXPS", "STARTTLS", "AUTH")
"""Keywords of an EHLO reply that tell how a client may be let in (S5.32)."""


class Offer(NamedTuple):
    """What the keywords say.

    Attributes:
        says: in one sentence or two.
        causes: that they leave possible, best first; a text alone decides none of them.
        facts: what that rests on.
    """

    says: str
    causes: tuple[str, ...] = ()
    facts: tuple[str, ...] = ("S5.31",)


_BOTH = Offer(
    "This EHLO reply offers X-ANONYMOUSTLS and X-EXPS: an Exchange server can authenticate.",
)
_EXPS_ALONE = Offer(
    "This EHLO reply offers X-EXPS without X-ANONYMOUSTLS. That is normal once TLS has begun, and "
    "a fault before.",
    ("internal-transport-certificate", "anonymoustls-suppressed"),
    ("C8", "S5.31"),
)
_ANONYMOUSTLS_ALONE = Offer("This EHLO reply offers X-ANONYMOUSTLS without X-EXPS.")
_NOTHING = Offer(
    "This EHLO reply offers an Exchange server no way to authenticate. That is normal for relay "
    "connectors and for hosts outside the organization.",
    (
        "custom-connector-shadows-default",
        "exchange-auth-missing-on-default",
        "smtp-inspection",
        "source-address-translated",
    ),
    ("C1", "C2", "S5.31"),
)
_ALTERED = Offer(
    "Keywords of this EHLO reply are masked with X: a network device alters the SMTP session.",
    ("smtp-inspection",),
    ("C4",),
)


def offer(reply: str) -> Offer:
    """What an EHLO reply offers, a keyword a line or all in one (S7.22).

    The reply before TLS counts: after STARTTLS or X-ANONYMOUSTLS the second one no longer offers
    them (S5.31). Which host answered, a text alone does not show (S3.40).
    """
    if is_masked(reply):
        return _ALTERED
    words = set(_KEYWORD.findall(reply))
    if "X-EXPS" in words:
        return _BOTH if "X-ANONYMOUSTLS" in words else _EXPS_ALONE
    return _ANONYMOUSTLS_ALONE if "X-ANONYMOUSTLS" in words else _NOTHING


def is_masked(text: str) -> bool:
    """Whether a device put X or stars in place of what was there (section 3.6)."""
    return bool(_MASKED.search(text))
