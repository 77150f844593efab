"""What every other host may do at a server, before and after, by the slow model.

    host_changes(before, after)     hosts that lose, or gain what nobody should, in words

"Every host" is one representative of each block between all bounds of all ranges, on both families,
without the addresses of the organization's own servers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import organization_model as model
from mailflow.exchange.connectors import AuthMechanism, PermissionGroups, ReceiveConnector
from mailflow.exchange.ranges import Address
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from organization_model import Answer, Question, World

ANONYMOUS = ("anonymous logon", "s-1-5-7")
ANY_RECIPIENT = "ms-exch-smtp-accept-any-recipient"
SUBMIT = "ms-exch-smtp-submit"

Truth = bool | None
"""None: it was not read."""
Ask = Callable[[Snapshot, ReceiveConnector], Truth]


# -- What a connector lets a host do ---------------------------------------------------------------


def has(flags: AuthMechanism | PermissionGroups | None, wanted: int) -> Truth:
    """Whether one of these flags is set."""
    return None if flags is None else bool(int(flags) & wanted)


def both(*values: Truth) -> Truth:
    """Whether all are so."""
    return False if False in values else None if None in values else True


def either(*values: Truth) -> Truth:
    """Whether one is so."""
    return True if True in values else None if None in values else False


def opposite(value: Truth) -> Truth:
    """Whether it is not so."""
    return None if value is None else not value


def trusted(_: Snapshot, one: ReceiveConnector) -> Truth:
    """Whether every host counts as a trusted server (section 3.2, S3.31)."""
    return both(
        has(one.auth, AuthMechanism.ExternalAuthoritative),
        has(one.groups, PermissionGroups.ExchangeServers),
    )


def right(org: Snapshot, one: ReceiveConnector, name: str) -> Truth:
    """Whether hosts that don't log on hold a right beyond the groups (S3.20, S3.21).

    Without the sign `Custom` there is no such entry; with it only the access list tells.
    """
    if has(one.groups, PermissionGroups.Custom) is False:
        return False
    rows = model.rights_on(org, one)
    if rows is None:
        return None
    mine = {(text, deny) for user, text, deny in rows if user.endswith(ANONYMOUS)}
    return (name, False) in mine and (name, True) not in mine


def submits(org: Snapshot, one: ReceiveConnector) -> Truth:
    """Whether a host may submit without logging on (section 3.3)."""
    denied = any(
        user.endswith(ANONYMOUS) and text == SUBMIT and deny
        for user, text, deny in model.rights_on(org, one) or ()
    )
    by_group = has(one.groups, PermissionGroups.AnonymousUsers)
    by_list = False if denied else either(by_group, right(org, one, SUBMIT))
    return either(trusted(org, one), by_list)


def relays(org: Snapshot, one: ReceiveConnector) -> Truth:
    """Whether a host may send to anybody without logging on (section 2.6)."""
    granted = both(submits(org, one), right(org, one, ANY_RECIPIENT))
    return either(trusted(org, one), granted)


RELAY, TRUSTED = "relay without logging on", "be trusted as externally secured"
ABILITIES: Mapping[str, Ask] = {
    "submit without logging on": submits,
    RELAY: relays,
    TRUSTED: trusted,
    "submit after logging on": lambda _, one: both(
        has(one.auth, AuthMechanism.Integrated | AuthMechanism.BasicAuth),
        has(one.groups, PermissionGroups.ExchangeUsers),
    ),
    "log on by NTLM": lambda _, one: has(one.auth, AuthMechanism.Integrated),
    "log on by password": lambda _, one: has(one.auth, AuthMechanism.BasicAuth),
    "log on by password without TLS": lambda _, one: both(
        has(one.auth, AuthMechanism.BasicAuth),
        opposite(has(one.auth, AuthMechanism.BasicAuthRequireTLS)),
    ),
    "use STARTTLS": lambda _, one: has(one.auth, AuthMechanism.Tls),
    "send without TLS": lambda _, one: opposite(one.require_tls),
    "submit as an Exchange server": lambda _, one: both(
        has(one.auth, AuthMechanism.ExchangeServer),
        has(one.groups, PermissionGroups.ExchangeServers),
    ),
    "submit as a legacy server": lambda _, one: has(
        one.groups, PermissionGroups.ExchangeLegacyServers
    ),
    "submit as a partner": lambda _, one: has(one.groups, PermissionGroups.Partners),
}
"""What a host may do, and how a connector tells (sections 3.2 and 3.3)."""
NOT_TO_GAIN = (RELAY, TRUSTED)
SETUPS_PORTS = (25, 465, 587, 717, 2525)


def can(org: Snapshot, one: ReceiveConnector | None, ability: str) -> Truth:
    """Whether a host that this connector answers may do it; None: nobody answers (S1.18)."""
    return False if one is None else ABILITIES[ability](org, one)


# -- Before and after ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Side:
    """One server before or after, prepared for many questions."""

    org: Snapshot
    connectors: tuple[ReceiveConnector, ...]


@dataclass
class Change:
    """Hosts that are treated alike, before and after.

    Attributes:
        abilities: what they lose or gain.
        blocks: their addresses.
        places: local addresses at which it is so.
    """

    abilities: dict[str, None] = field(default_factory=dict)
    blocks: dict[str, None] = field(default_factory=dict)
    places: dict[str, None] = field(default_factory=dict)


def host_changes(before: Snapshot, after: Snapshot) -> list[str]:
    """What hosts lose, and what they gain that nobody should, in words.

    Each text has its kind before a colon: loses, may lose, gains, may gain. "May": it depends on
    what was not read.
    """
    found: dict[tuple[str, str], Change] = {}
    for server in before.servers:
        sides = [Side(org, model.connectors_of(org, server)) for org in (before, after)]
        if sides[0].connectors == sides[1].connectors:
            continue
        for block, question in _questions(before, server, sides):
            for kind, ability, who in _differences(sides[0], sides[1], question):
                key = kind, f"{who} at {server.name} port {question.port}"
                change = found.setdefault(key, Change())
                change.abilities[ability] = None
                change.blocks[block] = None
                change.places[str(question.local or "any address")] = None
    return [
        f"{kind}: {', '.join(one.blocks)} to {', '.join(one.abilities)}: {text}"
        f" ({', '.join(one.places)})"
        for (kind, text), one in found.items()
    ]


def _questions(
    org: Snapshot, server: Server, sides: Sequence[Side]
) -> Iterator[tuple[str, Question]]:
    """A representative of each block, at each endpoint of the connectors that change."""
    bound = {each for side in sides for one in side.connectors for each in one.bindings}
    known = model.addresses_of(org, server)
    for family in (4, 6):
        blocks = list(_blocks(org, sides, family))
        named = {one.address for one in bound if one.family == family and one.address}
        named |= {int(one) for one in known if one.version == family}
        places = [None, *(model.address_of(family, one) for one in sorted(named))]
        for port in _ports(sides, family):
            for local in places:
                for text, address in blocks:
                    yield text, Question(local, port, address)


def _ports(sides: Sequence[Side], family: int) -> list[int]:
    """The ports at which the change can matter to a host.

    Of setup's connectors only those that Exchange uses (section 2): a port that one of them was
    moved to by mistake is none that hosts were told of.
    """
    rows = zip(sides[0].connectors, sides[1].connectors, strict=True)
    return sorted(
        {
            each.port
            for old, new in rows
            if old != new
            for each in (*old.bindings, *new.bindings)
            if each.family == family and (not model.is_setups(old) or each.port in SETUPS_PORTS)
        }
    )


def _blocks(org: Snapshot, sides: Sequence[Side], family: int) -> Iterator[tuple[str, Address]]:
    """All addresses of a family in blocks that nobody treats in two ways, without the servers."""
    top = 2**32 - 1 if family == 4 else 2**128 - 1
    starts = {0}
    for side in sides:
        for one in side.connectors:
            for block in one.ranges:
                if block.family == family:
                    starts |= {block.first, block.last + 1}
    servers = {
        int(address)
        for server in org.servers
        for address in model.addresses_of(org, server)
        if address.version == family
    }
    for number in servers:
        starts |= {number, number + 1}
    ordered = sorted(number for number in starts if number <= top)
    for first, past in zip(ordered, [*ordered[1:], top + 1], strict=True):
        if first not in servers:
            low, high = model.address_of(family, first), model.address_of(family, past - 1)
            yield str(low) if low == high else f"{low}-{high}", low


def _differences(before: Side, after: Side, question: Question) -> Iterator[tuple[str, str, str]]:
    """What a host loses or gains in one of the worlds that what was read allows."""
    said: set[tuple[str, str]] = set()
    # What was not read is the same before and after: what is asked of one is asked of the other.
    for world in dict.fromkeys(_worlds(before, after, question)):
        old = model.answer(before.connectors, world, question)
        new = model.answer(after.connectors, world, question)
        if old is None or new is None or old.winners == new.winners:
            continue
        for ability in ABILITIES:
            kind = _kind(Pair(before.org, old), Pair(after.org, new), ability)
            if kind and (kind, ability) not in said:
                said.add((kind, ability))
                yield kind, ability, f"from {_names(old)} to {_names(new)}"


def _worlds(before: Side, after: Side, question: Question) -> Iterator[World]:
    """Those of both sides: a connector that comes to the endpoint may hide something there."""
    yield from model.worlds(before.connectors, question)
    yield from model.worlds(after.connectors, question)


def _names(answer: Answer) -> str:
    return " or ".join(one.name if one else "nobody" for one in answer.winners)


@dataclass(frozen=True)
class Pair:
    """An answer, and the organization in which it was given."""

    org: Snapshot
    answer: Answer


def _kind(before: Pair, after: Pair, ability: str) -> str:
    """Loses, may lose, gains, may gain, or nothing.

    Where it is open who answers (a tie, or two processes), a host loses or gains only what it does
    against each of them.
    """
    losses = max(
        min(
            _step(before.org, was, after.org, will, ability, had=True)
            for was in before.answer.winners
        )
        for will in after.answer.winners
    )
    if losses:
        return "loses" if losses == 2 else "may lose"
    if ability not in NOT_TO_GAIN:
        return ""
    gains = max(
        min(
            _step(before.org, was, after.org, will, ability, had=False)
            for was in before.answer.winners
        )
        for will in after.answer.winners
    )
    return ("", "may gain", "gains")[gains]


def _step(
    old_org: Snapshot,
    old: ReceiveConnector | None,
    new_org: Snapshot,
    new: ReceiveConnector | None,
    ability: str,
    *,
    had: bool,
) -> int:
    """2: it was so (`had`) and is not any more; 1: that may be; 0: it is not so."""
    was, will = can(old_org, old, ability), can(new_org, new, ability)
    if (was, will) == (had, not had):
        return 2
    if was is None and will is None and old and new and old.identity == new.identity:
        return 0  # not read, and the same
    return 0 if was is (not had) or will is had else 1
