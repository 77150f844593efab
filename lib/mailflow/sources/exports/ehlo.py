"""EHLO replies beside exports, as observations: what a sender met at a target (S5.30, S5.31)."""

from __future__ import annotations

from datetime import UTC

from mailflow.exchange.ehlo import KEYWORDS, EhloObservation, is_masked
from mailflow.plain import keeps_its_line
from mailflow.snapshot import ObservedOffer
from mailflow.sources.ehlo_replies import looks_like_ehlo, read_ehlo_replies
from mailflow.sources.foreign import is_server

EHLO = "EHLO reply"
"""The source of such an observation."""
_BANNER = "Microsoft ESMTP MAIL Service"


def read_offers(text: str) -> list[ObservedOffer]:
    """The replies in a text; none where it holds none."""
    return [_offer(reply) for reply in read_ehlo_replies(text)] if looks_like_ehlo(text) else []


def _offer(reply: EhloObservation) -> ObservedOffer:
    """A reply; what it does not tell for certain stays empty.

    A reply that may be the one after TLS, or is not whole, tells nothing of keywords.
    """
    when = reply.written.astimezone(UTC).isoformat() if reply.written else ""
    words = {keyword.split()[0].upper() for keyword in reply.keywords if keyword.strip()}
    counts = reply.complete and reply.offered_before_tls is True
    told = " ".join(word for word in KEYWORDS if word in words) or "none"
    return ObservedOffer(
        source=EHLO,
        sender=_short(reply.sender).upper(),
        address="",
        target=_host(reply.target) or _host(reply.announced),
        remote=reply.address if keeps_its_line(reply.address) else "",
        port=reply.port or 0,
        seen_as=reply.seen_as if keeps_its_line(reply.seen_as) else "",
        banner=_banner(reply.banner),
        offered=told if counts else "",
        masked=any(map(is_masked, reply.keywords)),
        ended="",
        sessions=1,
        first=when,
        last=when,
    )


def _banner(text: str) -> str:
    if not text:
        return ""
    if is_masked(text):
        return "masked"
    return "Exchange" if _BANNER in text else "other"


def _short(name: str) -> str:
    return name.partition(".")[0] if is_server(name) else ""


def _host(name: str) -> str:
    return name if is_server(name) else ""
