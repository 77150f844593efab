"""Which hosts may get the credentials: those of the entry server's domain, and those named.

Names of further servers are what the entry server says of them, and so foreign text: each is judged
here before anything connects to it. Compared are whole labels, in the form in which a resolver gets
them (ASCII, by IDNA, in lower case, without the last dot), and that form is what is connected to.
Where `--resolve` leads has no say: it tells where a name is, and not whether to trust it.

Pure: no network, no lookup.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from mailflow.plain import visible
from mailflow.sources.setup_faults import fault
from mailflow.sources.shell import ShellError

WITHHELD = frozenset({"host-not-trusted", "no-host-name"})
"""Ids of the faults with which a host is not connected to at all."""

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""The last label of what a resolver may take for an address, as `10.1`; no domain is called so."""


def host_name(text: str) -> str:
    """The name of a host in its one form; empty where this text is none.

    Neither user nor port, path or blank is part of a name, also where IDNA would make one of a
    letter that looks like it.
    """
    bare = text
    if not text.isascii():
        try:
            bare = text.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    bare = bare.lower().removesuffix(".")
    labels = bare.split(".")
    if len(bare) > 253 or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
        return ""
    return bare


def address_of(text: str) -> str:
    """The address in its one form, also of `[2001:db8::1]`; empty where this text is none."""
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        return ""


def domain_of(name: str) -> str:
    """The domain of a full name, without which nothing is known to be beside it; else empty.

    A domain of one label is too wide to be meant without being named.
    """
    domain = name.partition(".")[2]
    return domain if "." in domain else ""


def suffix_of(text: str) -> str:
    """A name, a domain or an address in its one form; empty where this text is none of them."""
    return address_of(text) or host_name(text)


class Trust:
    """Who may get the credentials of one source."""

    def __init__(self, entry: str, further: Iterable[str] = ()) -> None:
        """Trust one host and its domain.

        Args:
            entry: name or address of the server to enter at, as the user gave it; empty: none.
            further: suffixes, names and addresses that the user trusts besides (`--trust`).
        """
        self._given, self._entry = entry, suffix_of(entry)
        named = {suffix for suffix in map(suffix_of, further) if suffix}
        self._named = named | {domain for domain in (domain_of(host_name(entry)),) if domain}

    def entered(self, fqdn: str) -> None:
        """The full name that the server to enter at reports of itself.

        It counts where the user gave a name of one label, and it is the same one.
        """
        name = host_name(fqdn)
        if "." not in self._entry and self._entry == name.partition(".")[0] and domain_of(name):
            self._named.add(domain_of(name))

    def admit(self, server: str) -> str:
        """The name to connect to for a server.

        Raises:
            ShellError: it gets no credentials; with the option that lets it have them.
        """
        if not server:
            raise ShellError(fault("no-host-name"))
        name = suffix_of(server)
        if server == self._given or (name and name == self._entry):
            return name or server
        if not name:
            raise ShellError(fault("no-host-name", visible(server)))
        is_address = bool(address_of(name))
        for trusted in self._named:
            if name == trusted or (not is_address and name.endswith(f".{trusted}")):
                return name
        suffix = name if is_address else domain_of(name) or name
        raise ShellError(
            fault("host-not-trusted", f"{name}. If it may have them, add --trust {suffix}")
        )
