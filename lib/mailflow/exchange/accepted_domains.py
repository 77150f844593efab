"""Accepted domains: whether a recipient is in the organization or outside it (S9.30 to S9.32)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EVERY_DOMAIN = "*"


@dataclass(frozen=True, slots=True)
class AcceptedDomains:
    """The accepted domains of an organization, by what its servers do with mail for them.

    A domain stands in lower case: `contoso.com` for itself, `*.contoso.com` for itself and all
    below it (S9.31), `*` for every one.

    Attributes:
        inside: Authoritative: the recipients are in the organization.
        outside: ExternalRelay: mail is accepted and relayed out of the organization.
        either: InternalRelay, or of a type that was not read: the domain alone does not tell.
        is_whole: whether there is no other one, so that every other domain is outside.
    """

    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def rules(self) -> list[tuple[str, bool | None]]:
        """Each domain with what it says, the most exact one first (S9.32).

        Where the same domain is said to be two things, neither counts.
        """
        said: dict[str, bool | None] = {}
        for domains, inside in ((self.inside, True), (self.outside, False), (self.either, None)):
            for domain in domains:
                said[domain] = inside if said.get(domain, inside) is inside else None
        return sorted(said.items(), key=lambda rule: narrowness(rule[0]), reverse=True)

    def is_inside(self, domain: str) -> bool | None:
        """Whether mail to a domain stays in the organization; None: not known."""
        wanted = domain.casefold()
        for pattern, inside in self.rules:
            if covers(pattern, wanted):
                return inside
        return False if self.is_whole else None


def covers(pattern: str, domain: str) -> bool:
    """Whether a domain, in lower case, is the one that is meant, or below it (S9.31)."""
    if pattern.startswith("*."):
        return domain == pattern[2:] or domain.endswith(pattern[1:])
    return pattern in (EVERY_DOMAIN, domain)


def narrowness(pattern: str) -> tuple[bool, int, str]:
    """The more, the more exactly it names a domain: a whole name before any wildcard (S9.32)."""
    return not pattern.startswith("*"), len(pattern), pattern


def is_pattern(text: str) -> bool:
    """Whether a text, in lower case, is a domain as accepted domains are written."""
    labels = text.removeprefix("*.").split(".")
    return text == EVERY_DOMAIN or (
        len(text) <= 255
        and all(label and label.replace("-", "").replace("_", "").isalnum() for label in labels)
    )


def sorted_out(rows: Iterable[tuple[str, str | None, bool | None]]) -> AcceptedDomains:
    """Accepted domains by what Get-AcceptedDomain says of them.

    Args:
        rows: DomainName, DomainType and MatchSubDomains of each; None: not read. Before Exchange
            2013 there is no MatchSubDomains, and nothing is said of what lies below.
    """
    kinds: dict[str, set[str]] = {"authoritative": set(), "externalrelay": set(), "": set()}
    is_whole = True
    for name, kind, with_those_below in rows:
        domain = name.strip().casefold()
        if not is_pattern(domain):
            is_whole = False
            continue
        found = (kind or "").strip().casefold()
        is_plain = not domain.startswith("*")
        below = f"*.{domain}"
        if is_plain and with_those_below is None:
            kinds[""].add(below)
        kinds[found if found in kinds else ""].add(
            below if is_plain and with_those_below else domain
        )
    return AcceptedDomains(
        tuple(sorted(kinds["authoritative"])),
        tuple(sorted(kinds["externalrelay"])),
        tuple(sorted(kinds[""])),
        is_whole,
    )
