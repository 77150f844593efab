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

        names = ("user", "auth", "ca", "cert", "key", "password_env", "keyring")
        options = {name: given.pop(name) or "" for name in names}
        way = "snapin" if given.pop("snapin") else ""
        command(live=LiveOptions(**options, resolve=given.pop("resolve"), way=way), **given)

    for option in reversed(_LOG_ON):
        with_live = option(with_live)
    return with_live


_FILE = click.Path()
_LOG_ON = (
    click.option("--user", help="Live: who logs on, DOMAIN\\user or user@domain."),
    click.option(
        "--auth",
        metavar="KIND",
        help="Live: kerberos, ntlm, credssp, certificate or basic.  "
        "[default: Kerberos with a ticket, else NTLM]",
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
    click.option("--snapin", is_flag=True, help="Live: load Exchange's snap-in, without RBAC."),
)
"""Each has an environment variable, MAILFLOW_USER and so on, which a notebook reads as well."""
