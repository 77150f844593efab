"""How servers are reached by the Exchange management shell's own endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from mailflow.errors import UsageError
from mailflow.sources.remote import RemoteOptions

ENDPOINT_AUTHS = ("kerberos", "ntlm", "basic")
"""Kinds of sign-in; Kerberos alone unless the virtual directory was changed (S8.04)."""

WEB_PORTS: Mapping[str, int] = MappingProxyType({"https": 443, "http": 80})

PATH = "PowerShell/"
"""Of the virtual directory (S8.01)."""

CONFIGURATION = "Microsoft.Exchange"

_OTHERS = "or winrm:// for the other kinds"


@dataclass(frozen=True, slots=True)
class ExchangeOptions(RemoteOptions):
    """With the web server's ports and the kinds of sign-in that it has.

    Attributes:
        most_bytes: of one cmdlet's output. Objects come as they are here, where WinRM's script
            packs them, and are read as they come: 5,000 connectors of 100 ranges are some 300 MB.
    """

    usual_ports: ClassVar[Mapping[str, int]] = WEB_PORTS

    most_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        """Refuse what cannot work or would hand out a secret.

        Raises:
            UsageError: with the next action.
        """
        if self.auth not in ENDPOINT_AUTHS:
            raise UsageError(
                f"--auth {self.auth} with exchange://: use one of {', '.join(ENDPOINT_AUTHS)}, "
                f"{_OTHERS}"
            )
        if self.auth == "basic" and self.scheme != "https":
            raise UsageError(
                "--auth basic only over HTTPS: use exchange+https://HOST, or --auth kerberos or "
                "ntlm"
            )
        if self.way == "snapin":
            raise UsageError("--snapin needs winrm://HOST; exchange:// uses no snap-in")
        RemoteOptions.__post_init__(self)  # without arguments `super` knows no class with slots

    def url_of(self, server: str) -> str:
        """The endpoint of a server, for people."""
        port = "" if self.usual_port == WEB_PORTS[self.scheme] else f":{self.usual_port}"
        name = f"[{server}]" if ":" in server else server.rstrip(".")
        return f"{self.scheme}://{name}{port}/{PATH}"
