"""The connection and credential options of every command that may read live servers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from mailflow.cli.helping import live_option
from mailflow.cli.profiles import complete_profile, read_profile


def live_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options for live sources (contract, section 3); it gets them as `live`."""
    from functools import wraps

    @wraps(command)
    def with_live(**given: Any) -> None:  # noqa: ANN401 - whatever click read
        from mailflow.sources.credentials import LiveOptions

        options: dict[str, Any] = {name: given.pop(name) or "" for name in _SINGLE}
        options |= {name: given.pop(name) for name in ("resolve", "trust")}
        way = "snapin" if given.pop("snapin") else ""
        live, profile = LiveOptions(**options, way=way), given.pop("profile")
        command(live=live.over(read_profile(profile).live) if profile else live, **given)

    for option in reversed(_LOG_ON):
        with_live = option(with_live)
    return with_live


_SINGLE = (
    *("user", "auth", "ca", "cert", "key", "password_env", "keyring"),
    *("seconds", "seconds_per_server"),
)
_FILE = click.Path()
_LOG_ON = (
    live_option(
        "--profile",
        metavar="NAME",
        shell_complete=complete_profile,
        help="Take SOURCE and these options from [profile.NAME] in your config.toml; options on "
        "the command line take precedence.",
    ),
    live_option("--user", help="User, DOMAIN\\user or user@domain."),
    live_option(
        "--auth",
        metavar="KIND",
        help="kerberos, ntlm, credssp, certificate or basic.  "
        "[default: exchange:// Kerberos; winrm:// Kerberos with a ticket, else NTLM]",
    ),
    live_option("--ca", type=_FILE, help="CA certificates, PEM."),
    live_option("--cert", type=_FILE, help="Client certificate, PEM; with --key."),
    live_option("--key", type=_FILE, help="Key of the client certificate, PEM."),
    live_option("--password-env", metavar="NAME", help="Environment variable with the password."),
    live_option("--keyring", metavar="ENTRY", help="Keyring entry, SERVICE/USER."),
    live_option(
        "--resolve",
        multiple=True,
        metavar="NAME=ADDRESS[:PORT]",
        help="Connect to ADDRESS for NAME instead of using DNS; repeatable.",
    ),
    live_option(
        "--trust",
        multiple=True,
        metavar="SUFFIX",
        help="Further domain, host or address to sign in to; repeatable.  "
        "[default: the domain of the server in SOURCE]",
    ),
    live_option(
        "--seconds",
        metavar="N",
        help="Time limit for reading.  [default: 180, or 3 x --seconds-per-server]",
    ),
    live_option(
        "--seconds-per-server",
        metavar="N",
        help="Time limit for one server.  [default: a third of --seconds]",
    ),
    live_option("--snapin", is_flag=True, help="Use the Exchange snap-in (bypasses RBAC)."),
)
"""Each has an environment variable, MAILFLOW_USER and so on, which a notebook reads as well."""
