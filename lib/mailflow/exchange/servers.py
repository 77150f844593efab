"""Exchange servers: names, versions and roles (S9.11, section 4.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Generation(Enum):
    """What matters of a version: its services, and how it speaks to others (section 4.1)."""

    LEGACY = "2007/2010"  # one transport service on port 25; knows nothing of 2525 (S4.03)
    E2013 = "2013"  # Front End and Transport may live on different machines (section 2.2)
    MODERN = "2016 or later"  # always both (S4.02)

    @property
    def is_modern(self) -> bool:
        """2013 or later: speaks 2525 to its like (S4.02)."""
        return self is not Generation.LEGACY


_PRODUCTS = {(8, None): "2007", (14, None): "2010", (15, 0): "2013", (15, 1): "2016"}


@dataclass(frozen=True, slots=True)
class Server:
    """One Exchange server. `None` means: not known.

    Attributes:
        name: short name, as commands take it.
        fqdn: full name; empty where not read.
        version: major, minor, build, revision as far as read; None where not.
        has_frontend: runs the Front End Transport service.
        has_hub: runs the Transport service (the Hub role of 2007/2010).
        is_edge: an Edge server; it uses one transport service (section 2.4).
        site: Active Directory site, as read.
        version_text: AdminDisplayVersion as it stood.
        generation_hint: what other exports say of the version where it was not read (contract 2).
    """

    name: str
    fqdn: str = ""
    version: tuple[int, ...] | None = None
    has_frontend: bool | None = None
    has_hub: bool | None = None
    is_edge: bool | None = None
    site: str = ""
    version_text: str = ""
    generation_hint: Generation | None = None

    @property
    def generation(self) -> Generation | None:
        """By version number (S9.11), else by the hint; None: not known."""
        if self.version is None:
            return self.generation_hint
        major, minor = (*self.version, 0, 0)[:2]
        if major < 15:
            return Generation.LEGACY
        return Generation.E2013 if (major, minor) == (15, 0) else Generation.MODERN

    @property
    def product(self) -> str:
        """Exchange's year for people: `2010`, `2016`, `2019/SE`; empty where not known (S9.11)."""
        if self.version is None:
            hints = {Generation.LEGACY: "2007/2010", None: ""}
            return hints.get(self.generation_hint, "2013 or later")
        major, minor = (*self.version, 0, 0)[:2]
        if (major, minor) >= (15, 2):
            return "2019/SE"
        return _PRODUCTS.get((major, minor if major == 15 else None), f"{major}.{minor}")

    def is_named(self, name: str) -> bool:
        """Whether this name, short or full, in any case, is this server's (S4.32)."""
        wanted = name.strip().rstrip(".").casefold()
        full = self.fqdn.casefold().rstrip(".")
        if "." in wanted and full:
            return wanted == full
        return wanted.partition(".")[0] == self.name.casefold().partition(".")[0]


def parse_version(text: str) -> tuple[int, ...] | None:
    """Numbers of AdminDisplayVersion: `Version 15.1 (Build 2375.7)` is (15, 1, 2375, 7) (S9.11).

    None where the text holds no version.
    """
    found = re.search(r"(\d+)\.(\d+)(?:\s*\(Build\s+(\d+)\.(\d+)\)|\.(\d+)\.(\d+))?", text)
    return tuple(int(part) for part in found.groups() if part is not None) if found else None
