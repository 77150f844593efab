"""Whose object a row is: names of servers and connectors, in whatever form an export holds them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import lru_cache

from mailflow.sources import values
from mailflow.sources.foreign import is_server
from mailflow.sources.row import Complex, Row
from mailflow.sources.values import UnreadableError


@dataclass(slots=True)
class Names:
    """Short names of servers as first seen; full names and other cases lead to them (S4.32)."""

    known: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """The short name of a server that is called this."""
        short = _short(name)
        return self.known.setdefault(short.casefold(), short)

    def same(self, full: str, name: str) -> None:
        """A full name may begin with another word than the short name (it may be longer)."""
        short = full.partition(".")[0]
        if short:
            self.known.setdefault(short.casefold(), self.of(name))


@lru_cache(maxsize=10_000)
def _short(name: str) -> str:
    """Kept, for each of a thousand rights names one of a few servers."""
    bare = name.strip().rstrip(".")
    return bare if _is_address(bare) else bare.partition(".")[0]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def text_of(row: Row, *properties: str) -> str:
    """The text of the first of these properties that says something; else ""."""
    for name in properties:
        try:
            found = values.text(row.values.get(name)).strip()
        except UnreadableError:
            continue
        if found:
            return found
    return ""


def dn_of(row: Row, name: str) -> list[str]:
    """The parts of the distinguished name that a property is or holds; empty without one."""
    value = row.values.get(name)
    if isinstance(value, Complex):
        value = value.properties.get("DistinguishedName")
    return values.dn_parts(value.strip()) if isinstance(value, str) else []


def server_name(row: Row) -> str:
    """The name of the server that an object is or belongs to; empty without one."""
    dn = dn_of(row, "Identity") or dn_of(row, "DistinguishedName")
    found = (text_of(row, "Name"), dn[0] if dn else "", text_of(row, "Identity", "Fqdn"))
    return next(filter(is_server, found), "")


def connector_name(row: Row) -> tuple[str, str] | None:
    r"""Server and name: of `SERVER\Name`, of Server and Name, or of the DN (section 1.6)."""
    server, slash, name = text_of(row, "Identity").partition("\\")
    if slash and is_server(server.strip()) and name.strip():
        return server.strip(), name.strip()
    dn = dn_of(row, "Identity") or dn_of(row, "DistinguishedName")
    in_dn = dn[3] if len(dn) > 4 and dn[4].casefold() == "servers" else ""
    at = dn_of(row, "Server")
    server = (at[0] if at else text_of(row, "Server")) or in_dn
    name = text_of(row, "Name") or (dn[0] if in_dn else "")
    return (server, name) if is_server(server) and name else None
