"""Which organization exports come from: an Exchange organization is one forest (contract 9)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from mailflow.errors import InputError
from mailflow.exchange.servers import Server
from mailflow.snapshot import Unread
from mailflow.sources.names import text_of
from mailflow.sources.row import Row

_IN_DN = re.compile(r"(?:^|,)\s*CN=Configuration\s*((?:,\s*DC=[^,=\\]{1,63})+)\s*$", re.IGNORECASE)
_IN_SITE = re.compile(r"\s*([\w.-]{1,255})/Configuration/Sites/", re.IGNORECASE)
_DC = re.compile(r"DC=([^,=\\]+)", re.IGNORECASE)


ORGANIZATION = "organization"
"""In `what`: whether all that was read is of one."""

_SE = (15, 2, 2562)
"""The first build of Subscription Edition, which has the version of 2019 (S9.11)."""


def refuse_two_organizations(rows: Iterable[Row]) -> None:
    """Refuse exports whose objects lie in the configuration of two forests.

    Servers of several domains are one organization. Where no distinguished name and no site was
    exported, nothing tells.

    Raises:
        InputError: names an object of each.
    """
    found: dict[str, str] = {}
    for row in rows:
        for forest in _forests(row):
            found.setdefault(forest, row.place)
        if len(found) > 1:
            named = " and ".join(f"{forest} ({place})" for forest, place in found.items())
            raise InputError(
                f"the exports come from two organizations: {named}. "
                "Put the exports of each organization into a separate folder, then rerun"
            )


def _forests(row: Row) -> Iterable[str]:
    """The forest root in an object's names, folded."""
    for name in ("DistinguishedName", "Identity", "Site"):
        text = text_of(row, name) if name in row.values else ""
        in_dn, in_site = _IN_DN.search(text), _IN_SITE.match(text)
        if in_dn:
            yield ".".join(part.strip() for part in _DC.findall(in_dn[1])).casefold()
        elif in_site and name == "Site":
            yield in_site[1].casefold()


def may_be_two(servers: Iterable[Server]) -> Iterator[Unread]:
    """A question where servers stand beside each other that setup keeps apart (S4.67).

    Servers that were removed badly look the same, so this is no proof. Edge servers stand in no
    organization.
    """
    inside = [server for server in servers if server.version and not server.is_edge]
    old = _first(server for server in inside if server.version and server.version[0] < 15)
    of_2013 = _first(
        server for server in inside if server.version and server.version[:2] == (15, 0)
    )
    newest = _first(server for server in inside if server.version and server.version[:2] >= (15, 2))
    edition = _first(server for server in inside if server.version and server.version[:3] >= _SE)
    for older, newer, name in ((old, newest, "2019/SE"), (of_2013, edition, "SE")):
        if older and newer:
            why = (
                f"{older.name} runs {older.product} and {newer.name} runs {name}, and setup does "
                "not allow both in one organization: check whether exports of two organizations "
                "are mixed"
            )
            yield Unread("", ORGANIZATION, why)


def _first(servers: Iterable[Server]) -> Server | None:
    return next(iter(servers), None)
