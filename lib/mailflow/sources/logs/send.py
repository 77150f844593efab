"""SMTP send logs: what a target offered this server, and how it ended (S7.27).

The sender sees what reaches it: keywords that a device on the way takes out are not there, and the
reply to its EHLO holds its own address as the target saw it (S5.30).
"""

from __future__ import annotations

from mailflow.snapshot import ObservedOffer
from mailflow.sources.foreign import is_server
from mailflow.sources.logs.kinds import SEND
from mailflow.sources.logs.protocol import ProtocolLog, ProtocolSession, endpoint_of

DROPPED = "dropped"
NOT_AUTHENTICATED = "authentication failed"
_CUT_OFF = ("Remote(ConnectionReset)", "Remote(SocketError)", "DroppedSession")
"""How a session ends that the other side or something between cut off (S7.24)."""


class SendLog(ProtocolLog[ObservedOffer]):
    """What the rows of one or several send logs add up to."""

    @property
    def server_sign(self) -> str:
        """It receives what the target says."""
        return "<"

    def observed(self, session: ProtocolSession) -> ObservedOffer | None:
        """One session; None where neither a reply nor a failure was seen."""
        remote, local = endpoint_of(session.remote), endpoint_of(session.local)
        ended = _ended(session)
        if remote is None or not (ended or session.told or session.masked or session.banner):
            return None
        name = session.hello.partition(".")[0]
        return ObservedOffer(
            source=SEND,
            sender=name.upper() if is_server(name) else "",
            address=local[0] if local else "",
            target=session.host if is_server(session.host) else "",
            remote=remote[0],
            port=remote[1],
            seen_as=session.seen_as,
            banner=session.banner,
            offered=session.told,
            masked=session.masked,
            ended=ended,
            sessions=1,
            first=session.when,
            last=session.last or session.when,
        )


def _ended(session: ProtocolSession) -> str:
    """Number of the socket error, how else it failed; empty: it did not, or that was not seen."""
    if session.winsock:
        return str(session.winsock)
    if session.failed:
        return NOT_AUTHENTICATED
    return DROPPED if session.ended in _CUT_OFF and not session.mail else ""
