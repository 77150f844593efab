"""How servers are reached by WinRM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from mailflow.errors import UsageError
from mailflow.sources.remote import RemoteOptions

AUTHS = ("kerberos", "ntlm", "credssp", "certificate", "basic")
"""Kinds of sign-in."""

PORTS: Mapping[str, int] = MappingProxyType({"https": 5986, "http": 5985})


@dataclass(frozen=True, slots=True)
class WinrmOptions(RemoteOptions):
    """With the ports of WinRM and the kinds of sign-in that it has.

    Attributes:
        idle_seconds: after so long without a word from us the server closes the shell; WinRM
            accepts no less than a minute.
    """

    usual_ports: ClassVar[Mapping[str, int]] = PORTS

    idle_seconds: int = 120

    def __post_init__(self) -> None:
        """Refuse what cannot work or would hand out a secret.

        Raises:
            UsageError: with the next action.
        """
        if self.auth not in AUTHS:
            raise UsageError(f"--auth {self.auth}: expected one of {', '.join(AUTHS)}")
        if self.auth in ("basic", "certificate") and self.scheme != "https":
            raise UsageError(
                f"--auth {self.auth} only over HTTPS: use winrm://HOST, or --auth kerberos or ntlm"
            )
        if self.auth == "certificate" and not (self.cert and self.key):
            raise UsageError("--auth certificate needs --cert FILE and --key FILE")
        RemoteOptions.__post_init__(self)  # without arguments `super` knows no class with slots
