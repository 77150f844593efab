"""The log-on options of every command that may read live servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def live_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the log-on options (contract, section 3); it gets them as `live`."""
    from functools import wraps

    @wraps(command)
    def with_live(**given: Any) -> None:  # noqa: ANN401 - whatever click read
        from mailflow.sources.credentials import LiveOptions

        options: dict[str, Any] = {name: given.pop(name) or "" for name in _SINGLE}
        options |= {name: given.pop(name) for name in ("resolve", "trust")}
        way = "snapin" if given.pop("snapin") else ""
        command(live=LiveOptions(**options, way=way), **given)

    for option in reversed(_LOG_ON):
        with_live = option(with_live)
    return with_live


_SINGLE = (
    *("user", "auth", "ca", "cert", "key", "password_env", "keyring"),
    *("seconds", "seconds_per_server"),
)
_FILE = click.Path()
_LOG_ON = (
    click.option("--user", help="Live: who logs on, DOMAIN\\user or user@domain."),
    click.option(
        "--auth",
        metavar="KIND",
        help="Live: kerberos, ntlm, credssp, certificate or basic.  "
        "[default: exchange:// Kerberos; winrm:// Kerberos with a ticket, else NTLM]",
    ),
    click.option("--ca", type=_FILE, help="Live: authorities to trust, PEM."),
    click.option("--cert", type=_FILE, help="Live: client certificate, PEM; with --key."),
    click.option("--key", type=_FILE, help="Live: its key, PEM."),
    click.option("--password-env", metavar="NAME", help="Live: variable that holds the password."),
    click.option("--keyring", metavar="ENTRY", help="Live: keyring entry with it, SERVICE/USER."),
    click.option(
        "--resolve",
        multiple=True,
        metavar="NAME=ADDRESS[:PORT]",
        help="Live: where to connect for this server, instead of asking DNS; repeatable.",
    ),
    click.option(
        "--trust",
        multiple=True,
        metavar="SUFFIX",
        help="Live: a domain, host or address that may get the credentials too; repeatable.  "
        "[default: the domain of the server in SOURCE]",
    ),
    click.option(
        "--seconds",
        metavar="N",
        help="Live: how long reading may take.  [default: 180, or 3 x --seconds-per-server]",
    ),
    click.option(
        "--seconds-per-server",
        metavar="N",
        help="Live: how long one server may take.  [default: a third of --seconds]",
    ),
    click.option("--snapin", is_flag=True, help="Live: load Exchange's snap-in, without RBAC."),
)
"""Each has an environment variable, MAILFLOW_USER and so on, which a notebook reads as well."""
