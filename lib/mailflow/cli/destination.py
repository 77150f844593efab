"""Where a command would sign in, and as whom: shown before it asks for a password."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailflow.exchange.servers import Server
    from mailflow.sources.credentials import LiveOptions, Ticket
    from mailflow.sources.remote import RemoteOptions

_STAND_IN = "password"


def destination(source: str, servers: Iterable[Server], live: LiveOptions) -> Iterator[str]:
    """A line for each host that would be signed in to, and one for the account.

    Args:
        source: the organization, as SOURCE.
        servers: those that would be asked.
        live: how to sign in, before what the environment says.

    Raises:
        UsageError: no live organization, or the sign-in cannot be tried as it was asked for.
    """
    from mailflow.opening import live_source
    from mailflow.sources.collect import door_name
    from mailflow.sources.credentials import LiveOptions, find_ticket, target

    where = live_source(source)
    options = live.over(LiveOptions.from_environment(os.environ))
    ticket = find_ticket()
    way = target(
        _without_password(options),
        scheme=where.scheme,
        port=where.port,
        road=where.road,
        environ={_STAND_IN: _STAND_IN},
        ask=lambda _: _STAND_IN,
        ticket=lambda: ticket,
    )
    names = [where.host, *(door_name(server, where.host) for server in servers)]
    for name in dict.fromkeys(names):
        yield f"Connects to: {_host(name, way)}"
    yield f"Account: {_account(way, ticket)}"


def _without_password(options: LiveOptions) -> LiveOptions:
    """The same sign-in, for which neither a keyring nor the environment is read."""
    if not (options.keyring or options.password_env):
        return options
    return replace(options, keyring="", password_env=_STAND_IN)


def _host(name: str, way: RemoteOptions) -> str:
    place = way.place(name)
    port = way.usual_port
    if place is None:
        return f"{name}, port {port} ({way.scheme.upper()})"
    return f"{name} at {place.address}, port {place.port or port} ({way.scheme.upper()})"


def _account(way: RemoteOptions, ticket: Ticket | None) -> str:
    if way.auth == "certificate":
        return f"{way.user or 'that of the certificate'} (certificate {way.cert})"
    who = way.user
    if way.auth == "kerberos" and not who:
        who = ticket.principal if ticket else ""
        who = who or "the user who is signed in to this computer"
    return f"{who} ({_AUTHS[way.auth]})"


_AUTHS = {"kerberos": "Kerberos", "ntlm": "NTLM", "credssp": "CredSSP", "basic": "Basic"}
