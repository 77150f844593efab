"""What a host may do at the connector that accepts it, and what it gains or loses with another.

Permission groups and AuthMechanism say most of it (sections 3.2 and 3.3). Extended rights stand in
the access list alone (S3.20, S3.21): where Get-ADPermission was not read for a connector they are
not known, whatever its groups show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from mailflow.exchange.connectors import AuthMechanism, PermissionGroups, ReceiveConnector
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot

RIGHTS = "Get-ADPermission"
OTHER_USERS = f"{RIGHTS} User"
"""What is missing where one user's entries alone were exported."""
ANY_RECIPIENT = "ms-exch-smtp-accept-any-recipient"
SUBMIT = "ms-exch-smtp-submit"
RELAY = "anonymous relay (ms-Exch-SMTP-Accept-Any-Recipient)"
"""The ability that makes a connector an open relay for its hosts (section 2.6)."""

TRUSTED = "trust without authentication (ExternalAuthoritative)"
"""The ability of hosts on an externally secured connector (S3.31)."""

SERVER_RIGHTS = frozenset(
    {
        SUBMIT,
        "ms-exch-smtp-accept-any-sender",
        "ms-exch-smtp-accept-authoritative-domain-sender",
        "ms-exch-smtp-accept-authentication-flag",
    }
)
"""Rights without which an Exchange server's mail is refused (section 3.3, S3.43)."""

_SERVERS = ("exchange servers", "hub transport servers", "authenticated users", "everyone")
"""Who in an access list stands for Exchange servers; a computer account is one of the last two."""

_ANONYMOUS = ("anonymous logon", "s-1-5-7")

Entry = tuple[str, str, bool]
"""User and right in lower case, and whether it is a denial."""


class Rights:
    """The extended rights of a snapshot's connectors, as far as they were read."""

    def __init__(self, org: Snapshot) -> None:
        """Look at the rights table once."""
        self._entries: dict[tuple[str, str], set[Entry]] = {}
        for right in org.rights:
            name = right.connector.rpartition("\\")[2]
            key = (right.server.casefold(), name.casefold())
            entry = (right.user.casefold(), right.right.casefold(), right.deny)
            self._entries.setdefault(key, set()).add(entry)
        missing = [row for row in org.unread if row.what.partition(" ")[0] == RIGHTS]
        self._cut = {row.server.casefold() for row in missing if row.what != OTHER_USERS}
        self._of_users = {row.server.casefold() for row in missing if row.what == OTHER_USERS}

    def of(self, connector: ReceiveConnector) -> frozenset[Entry] | None:
        """All its entries; None where they were not read, or not to the end."""
        entries = self.shown(connector)
        return None if self._of_users & {"", connector.server.casefold()} else entries

    def shown(self, connector: ReceiveConnector) -> frozenset[Entry] | None:
        """The entries of all users that show, each user's to the end; None: not known."""
        server = connector.server.casefold()
        entries = self._entries.get((server, connector.name.casefold()))
        if entries is None or self._cut & {"", server}:
            return None
        return frozenset(entries)

    def anonymous(self, connector: ReceiveConnector, right: str) -> bool | None:
        """Whether hosts that don't sign in hold a right; a denial goes before all grants.

        None: not known. So also where nobody in the list is known to stand for them although the
        groups say that somebody does: the name of ANONYMOUS LOGON depends on Windows' language.
        """
        entries = self.shown(connector)
        if entries is None:
            return None
        held = {(name, deny) for user, name, deny in entries if user.endswith(_ANONYMOUS)}
        may_hold = _in(connector.groups, PermissionGroups.AnonymousUsers) is not False
        if not held and (may_hold or self.of(connector) is None):
            return None
        return (right, False) in held and (right, True) not in held

    def denies_servers(self, connector: ReceiveConnector) -> bool | None:
        """Whether servers are denied a right that they need (S3.43); None: it was not read.

        A denial that was read counts, also where the rest of the list was not.
        """
        key = (connector.server.casefold(), connector.name.casefold())
        if any(
            deny and name in SERVER_RIGHTS and user.rpartition("\\")[2] in _SERVERS
            for user, name, deny in self._entries.get(key, ())
        ):
            return True
        return None if self.of(connector) is None else False

    def denies_anonymous(self, connector: ReceiveConnector, right: str) -> bool:
        """Whether a denial was read that takes a right from hosts that don't sign in."""
        return any(
            user.endswith(_ANONYMOUS) and name == right and deny
            for user, name, deny in self.shown(connector) or ()
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """What another answerer means for a host.

    Attributes:
        gains: what it may do then and not before.
        loses: what it may no longer do.
        not_known: what was not read before, or after, or both.
    """

    gains: tuple[str, ...] = ()
    loses: tuple[str, ...] = ()
    not_known: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether a difference is known."""
        return bool(self.gains or self.loses)

    def __str__(self) -> str:
        """Losses first: they are what breaks. The names of rights are left out."""
        parts = [
            f"{verb} {joined(word.partition(' (')[0] for word in words)}"
            for verb, words in (
                ("loses", self.loses),
                ("gains", self.gains),
                ("undetermined:", self.not_known),
            )
            if words
        ]
        return "; ".join(parts) or "nothing that was read differs"


def effect(
    old: ReceiveConnector | None,
    new: ReceiveConnector | None,
    rights: Rights,
    rights_after: Rights | None = None,
) -> Effect:
    """What a host gains and loses that `old` answered and `new` answers; None: nobody does.

    Args:
        old: who answers before.
        new: who answers after.
        rights: those of the organization.
        rights_after: those of the second of two; left out: the same.
    """
    before, after = abilities(old, rights), abilities(new, rights_after or rights)
    pairs = {name: (before[name], after[name]) for name in before}
    return Effect(
        gains=tuple(name for name, pair in pairs.items() if pair == (False, True)),
        loses=tuple(name for name, pair in pairs.items() if pair == (True, False)),
        not_known=tuple(name for name, pair in pairs.items() if None in pair),
    )


def abilities(connector: ReceiveConnector | None, rights: Rights) -> Mapping[str, bool | None]:
    """What a host that the connector accepts may do; None as a value: it was not read.

    Where nobody answers, nothing: 421 4.3.2 (S1.18).
    """
    if connector is None:
        return dict.fromkeys([*_BY_RIGHTS, *_BY_SETTINGS], False)
    return {name: ask(connector, rights) for name, ask in _BY_RIGHTS.items()} | {
        name: ask(connector) for name, ask in _BY_SETTINGS.items()
    }


@dataclass(frozen=True, slots=True)
class AccessChange:
    """A user whose extended rights on a connector differ.

    Attributes:
        connector: its identity.
        user: in lower case, as compared.
        gains: rights it holds, or is no longer denied, in the second.
        loses: rights it no longer holds, or is denied, in the second.
    """

    connector: str
    user: str
    gains: tuple[str, ...] = field(default=())
    loses: tuple[str, ...] = field(default=())


def access_changes(
    identity: str, before: Iterable[Entry], after: Iterable[Entry]
) -> list[AccessChange]:
    """Who gained or lost which rights between two readings of an access list.

    Denied is less than not named, for it goes before what the user's groups are granted.
    """
    old, new = _standing(before), _standing(after)
    steps: dict[str, tuple[list[str], list[str]]] = {}
    for user, right in sorted(old.keys() | new.keys()):
        was, will = old.get((user, right), 0), new.get((user, right), 0)
        if was != will:
            steps.setdefault(user, ([], []))[will < was].append(right)
    return [
        AccessChange(identity, user, tuple(gains), tuple(loses))
        for user, (gains, loses) in steps.items()
    ]


def _standing(entries: Iterable[Entry]) -> dict[tuple[str, str], int]:
    """User and right to 1 where it is granted, -1 where it is denied, whatever is granted."""
    standing: dict[tuple[str, str], int] = {}
    for user, right, deny in entries:
        here = standing.get((user, right), 1)
        standing[user, right] = -1 if deny else here
    return standing


def _in(flags: AuthMechanism | PermissionGroups | None, wanted: int) -> bool | None:
    return None if flags is None else bool(flags & wanted)


def _all(*values: bool | None) -> bool | None:
    """True if all are, False if one is, else not known."""
    if False in values:
        return False
    return None if None in values else True


def _any(*values: bool | None) -> bool | None:
    """True if one is, False if none is, else not known."""
    if True in values:
        return True
    return None if None in values else False


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _trusted(connector: ReceiveConnector) -> bool | None:
    """Whether every host counts as a trusted server (section 3.2, S3.31)."""
    return _all(connector.is_externally_secured, connector.admits_exchange_servers)


def _submits(connector: ReceiveConnector, rights: Rights) -> bool | None:
    """Without logging on: by the groups, unless the access list denies it or grants it alone."""
    if rights.denies_anonymous(connector, SUBMIT):
        by_list: bool | None = False
    elif _in(connector.groups, PermissionGroups.AnonymousUsers):
        by_list = True
    else:
        by_list = rights.anonymous(connector, SUBMIT)
        if by_list is None and _in(connector.groups, PermissionGroups.Custom) is False:
            by_list = False  # nothing is granted beyond the groups (S3.20)
    return _any(_trusted(connector), by_list)


def _relays(connector: ReceiveConnector, rights: Rights) -> bool | None:
    """Whoever may not submit at all can't relay; else only the access list tells.

    Anonymous relay is an entry of its own in that list (section 2.6), and such an entry shows as
    the group Custom (S3.20): without Custom among groups that were read, nobody was given it.
    """
    by_list = rights.anonymous(connector, ANY_RECIPIENT)
    if by_list is None and _in(connector.groups, PermissionGroups.Custom) is False:
        by_list = False
    return _any(_trusted(connector), _all(_submits(connector, rights), by_list))


def relays(connector: ReceiveConnector, rights: Rights) -> bool | None:
    """Whether hosts that the connector accepts may relay without authentication; None: unknown."""
    return _relays(connector, rights)


def _logs_on(connector: ReceiveConnector) -> bool | None:
    return _in(connector.auth, AuthMechanism.Integrated | AuthMechanism.BasicAuth)


_BY_RIGHTS: Mapping[str, Callable[[ReceiveConnector, Rights], bool | None]] = {
    "anonymous submission": _submits,
    RELAY: _relays,
}
_BY_SETTINGS: Mapping[str, Callable[[ReceiveConnector], bool | None]] = {
    "authenticated submission as a user": lambda connector: _all(
        _logs_on(connector), _in(connector.groups, PermissionGroups.ExchangeUsers)
    ),
    TRUSTED: _trusted,
    "Exchange Server authentication": lambda connector: connector.offers_exchange_auth,
    "submitting as an Exchange server": lambda connector: _all(
        connector.offers_exchange_auth, connector.admits_exchange_servers
    ),
    "X-ANONYMOUSTLS": lambda connector: _all(
        connector.offers_exchange_auth, not connector.suppress_x_anonymous_tls
    ),
    "STARTTLS": lambda connector: _in(connector.auth, AuthMechanism.Tls),
    "sending without TLS": lambda connector: _not(connector.require_tls),
    "NTLM authentication (Integrated)": lambda connector: _in(
        connector.auth, AuthMechanism.Integrated
    ),
    "Basic authentication (BasicAuth)": lambda connector: _in(
        connector.auth, AuthMechanism.BasicAuth
    ),
    "Basic authentication without TLS": lambda connector: _all(
        _in(connector.auth, AuthMechanism.BasicAuth),
        _not(_in(connector.auth, AuthMechanism.BasicAuthRequireTLS)),
    ),
    "submitting as a legacy server": lambda connector: _in(
        connector.groups, PermissionGroups.ExchangeLegacyServers
    ),
    "submitting as a partner": lambda connector: _in(connector.groups, PermissionGroups.Partners),
}
"""What settings alone say."""
