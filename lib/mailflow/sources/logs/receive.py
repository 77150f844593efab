"""SMTP receive logs: which connector accepted whom, summed up (S7.22 to S7.26).

A log names the connector of each session, so it shows what configuration alone only predicts. Of a
session is kept: server, connector, local address and port, client, the name in EHLO, what was
offered before TLS, whether TLS and Exchange Server authentication came about. What is not there was
not seen, and says nothing.
"""

from __future__ import annotations

from mailflow.plain import keeps_its_line
from mailflow.snapshot import ObservedSessions
from mailflow.sources.foreign import is_server
from mailflow.sources.logs.protocol import ProtocolLog, ProtocolSession, endpoint_of


class ReceiveLog(ProtocolLog[ObservedSessions]):
    """What the rows of one or several receive logs add up to."""

    @property
    def server_sign(self) -> str:
        """It sends what it says itself."""
        return ">"

    def observed(self, session: ProtocolSession) -> ObservedSessions | None:
        """One session; None where it does not tell who accepted whom."""
        server, slash, name = session.connector.partition("\\")
        local, client = endpoint_of(session.local), endpoint_of(session.remote)
        is_named = slash and is_server(server) and name.strip() and keeps_its_line(name)
        if session.proxied or not is_named or not local or not client:
            return None
        return ObservedSessions(
            server=server.partition(".")[0],
            connector=name.strip(),
            local=local[0],
            port=local[1],
            client=client[0],
            hello=session.hello if session.hello.isprintable() else "",
            offered=session.told,
            tls=session.tls,
            exchange_auth=session.exchange_auth,
            sessions=1,
            first=session.when,
            last=session.last or session.when,
        )
