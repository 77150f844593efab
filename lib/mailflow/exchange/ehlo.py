"""What an EHLO reply offers to another Exchange server (section 3.6)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from mailflow.exchange.connectors import AuthMechanism, ReceiveConnector

ANONYMOUSTLS, EXPS = "X-ANONYMOUSTLS", "X-EXPS"

_KEYWORD = re.compile(r"(?:^|\s)(?:250[ -])?\s*([A-Z][A-Z0-9-]{2,40})(?=\s|$)", re.MULTILINE)
_MASKED = re.compile(r"\bX{4,}[A-Z]?\b|\*{4,}")

KEYWORDS = (ANONYMOUSTLS, EXPS, "STARTTLS", "AUTH")
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
    "This EHLO reply offers no Exchange Server authentication. That is normal for relay "
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


@dataclass(frozen=True, slots=True)
class EhloObservation:
    """One reply to EHLO, as a client read it. All texts are from outside, escaped where needed.

    Attributes:
        sender: the Exchange server that asked; "" where it is not told, as in a telnet session.
        target: the server that was asked, as whoever asked named it; "" not told.
        address: where it was asked, as text; "" not told.
        port: likewise; None not told.
        written: when, aware: by the file's own header, else by the banner, which has the time of
            the target; None not told.
        hello: the name behind EHLO; "" not told.
        banner: the first line of the greeting, without its code; "" not there.
        announced: the name that the reply begins with: the Fqdn of the connector (section 3.6).
        seen_as: the address in `Hello [...]`: the client as the target saw it (S5.30); "" not told.
        keywords: with their parameters, `X-EXPS GSSAPI NTLM`, in the order of the reply.
        offered_before_tls: whether this is the reply before TLS, the one that counts (S5.31); None:
            the session does not tell.
        complete: whether the reply came to its end and nothing else is in it. Of any other reply
            what lacks says nothing.
        lines: the whole reply, a line each.
    """

    sender: str = ""
    target: str = ""
    address: str = ""
    port: int | None = None
    written: datetime | None = None
    hello: str = ""
    banner: str = ""
    announced: str = ""
    seen_as: str = ""
    keywords: tuple[str, ...] = ()
    offered_before_tls: bool | None = None
    complete: bool = False
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EhloAttempt:
    """What came of asking one target, by `mailflow probe`.

    Attributes:
        observed: whom, where and when, and the reply as far as it came.
        stage: where it ended: `sender` (the sender itself could not be asked), `connect`, `banner`,
            `reply`, or `done`.
        why: `refused` (the session, in the banner), `timed-out`, `closed`, `too-long`, `failed`;
            at `sender` words for people; "" where it is done.
        code: the Winsock error; 0: none.
    """

    observed: EhloObservation
    stage: str = "done"
    why: str = ""
    code: int = 0


class Offered(NamedTuple):
    """What a target has to offer a sender before TLS, and what of it a reply lacks.

    Attributes:
        needed: EHLO keywords.
        lacks: those of them that are not there; empty: an Exchange server can authenticate.
        is_certain: False where a setting of the sender was not read that decides it.
    """

    needed: tuple[str, ...]
    lacks: tuple[str, ...]
    is_certain: bool = True


def judged(
    keywords: Collection[str], *, downgraded: bool | None, with_edge: bool | None
) -> Offered:
    """Whether the keywords of a whole reply before TLS are what an Exchange server needs.

    S5.03: the sender uses X-ANONYMOUSTLS and then X-EXPS; in the downgraded mode X-EXPS GSSAPI
    alone does (S3.42). To and from an Edge server GSSAPI is not offered (section 3.6), and what
    X-EXPS shows there before TLS is not known: X-ANONYMOUSTLS decides.

    Args:
        keywords: each with its parameters, as the reply lists them: `X-EXPS GSSAPI NTLM`.
        downgraded: UseDowngradedExchangeServerAuth of the sender; None: not read.
        with_edge: whether either of both is an Edge server; None: not read.
    """
    words = {keyword.split()[0].upper(): keyword.upper().split()[1:] for keyword in keywords}
    needed: tuple[str, ...] = (ANONYMOUSTLS, EXPS)
    if with_edge is not False:
        needed = (ANONYMOUSTLS,)
    elif downgraded:
        needed = (EXPS,)
    lacks = tuple(word for word in needed if word not in words)
    exps_alone = lacks == (ANONYMOUSTLS,) and "GSSAPI" in words.get(EXPS, ())
    open_mode = exps_alone and downgraded is not False and not with_edge
    open_role = with_edge is None and not lacks and EXPS not in words
    return Offered(needed, lacks, is_certain=not (open_mode or open_role))


def predicted_keywords(
    connector: ReceiveConnector, *, certificate: bool = True, to_edge: bool = False
) -> tuple[str, ...]:
    """The keywords that a connector offers before TLS, in their order (section 3.6).

    Args:
        connector: that accepts the connection.
        certificate: whether the server has its internal transport certificate (S3.41).
        to_edge: whether it stands on an Edge server, which offers no GSSAPI.
    """
    auth = connector.auth or AuthMechanism(0)
    exchange = AuthMechanism.ExchangeServer in auth and not connector.is_externally_secured
    hidden = bool(connector.suppress_x_anonymous_tls) or not certificate
    schemes = [
        *(["GSSAPI"] if AuthMechanism.Integrated in auth and not to_edge else []),
        *(["NTLM"] if AuthMechanism.Integrated in auth else []),
        *(["LOGIN"] if AuthMechanism.BasicAuth in auth else []),
    ]
    if AuthMechanism.BasicAuthRequireTLS in auth and "LOGIN" in schemes:
        schemes.remove("LOGIN")
    found = [
        *("SIZE 37748736", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES"),
        *(["STARTTLS"] if AuthMechanism.Tls in auth else []),
        *([ANONYMOUSTLS] if exchange and not hidden else []),
        *([f"AUTH {' '.join(schemes)}"] if schemes else []),
        *([f"{EXPS} NTLM" if to_edge else f"{EXPS} GSSAPI NTLM"] if exchange else []),
        *("8BITMIME", "BINARYMIME", "CHUNKING"),
        *(["XRDST"] if exchange and not to_edge else []),
    ]
    return tuple(found)


def masked(keywords: Sequence[str]) -> tuple[str, ...]:
    """The same behind SMTP inspection: what the device does not know is masked (C4)."""
    return tuple(
        keyword if keyword.split()[0] in _PLAIN else "X" * (len(keyword) - 1) + "A"
        for keyword in keywords
    )


def is_masked(reply: str) -> bool:
    """Whether a device put X or stars in place of what was there (C4, section 3.6)."""
    return _MASKED.search(reply) is not None


_PLAIN = frozenset({"SIZE", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES", "8BITMIME"})
"""What such devices let pass."""
