"""Set-ReceiveConnector, with all that it refuses (sections 1.4, 1.5 and 3.4).

Each Set checks the whole connector as it would be (S8.65); -WhatIf checks as well, and writes
nothing. The texts are Exchange's where the facts have them; of the other refusals it is only known
that they exist, and those texts are made up here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import (
    AuthMechanism,
    F,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    flag_names,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.ranges import RangeError, parse_range
from mailflow.exchange.refusals import refused_auth, refused_fqdn
from mailflow.simulated.connector_objects import (
    PROPERTIES_SINCE,
    PROTECTION,
    DetailedConnector,
    connector_dn,
    detailed,
    timeouts,
)
from mailflow.simulated.invocation import BindingError, CmdletRefusal, Invocation
from mailflow.simulated.organisation import PracticeServer
from mailflow.simulated.shapes import E2010, Version
from mailflow.sources.shell import Fault

T = TypeVar("T")

NOT_FOUND = 'The Receive connector "{0}" wasn\'t found.'
EMPTY = "Provide values for the Bindings and RemoteIPRanges parameters."
CUSTOM = "You can't use Custom to specify PermissionGroups."

SETTINGS: Mapping[str, str] = {
    "AdvertiseClientSettings": "advertise_client_settings",
    "AuthMechanism": "auth",
    "Banner": "banner",
    "Bindings": "bindings",
    "Comment": "comment",
    "ConnectionInactivityTimeout": "inactivity_timeout",
    "ConnectionTimeout": "connection_timeout",
    "DomainSecureEnabled": "domain_secure",
    "Enabled": "enabled",
    "ExtendedProtectionPolicy": "extended_protection",
    "Fqdn": "fqdn",
    "PermissionGroups": "groups",
    "ProtocolLoggingLevel": "protocol_logging",
    "RemoteIPRanges": "ranges",
    "RequireTLS": "require_tls",
    "SuppressXAnonymousTls": "suppress_x_anonymous_tls",
    "TransportRole": "role",
}
"""Parameters that change something, to the field they change."""

SINCE: Mapping[str, Version] = {
    name: version for name, version in PROPERTIES_SINCE.items() if name in SETTINGS
}
"""Those that older shells do not know, as they do not know the properties."""


def set_receive_connector(invocation: Invocation) -> None:
    """Change one receive connector at one domain controller (S8.60 to S8.68)."""
    invocation.mandatory("Identity")
    allowed = invocation.confirmed()
    controller = invocation.controller()
    old = find_connector(invocation, invocation.text("Identity"), controller)
    server = invocation.named_server(old.server)
    new = _changed(invocation, old)
    for reason in _refusals(new, server):
        raise CmdletRefusal(reason)
    moment = invocation.practice.clock.now
    others = invocation.organisation.directory.connectors(moment, controller)
    own = old.server.casefold()
    conflict = check(new, [other for other in others if other.server.casefold() == own])
    if conflict:
        kind = {"role": "Role", "mapping": "Mapping"}[conflict.kind]
        raise CmdletRefusal(conflict.text, f"ReceiveConnector{kind}ConflictException")
    if allowed and new != old:
        invocation.organisation.directory.write(new, moment, controller)


def find_connector(invocation: Invocation, identity: str, controller: str) -> ReceiveConnector:
    r"""The connector of an identity: `SERVER\Name`, its distinguished name, or the name alone.

    Raises:
        CmdletRefusal: there is none, or the name alone fits several.
    """
    found = [
        connector
        for connector in visible_connectors(invocation, controller)
        if is_identity(invocation, connector, identity)
    ]
    if len(found) != 1:
        raise CmdletRefusal(NOT_FOUND.format(identity), "ManagementObjectNotFoundException")
    return found[0]


def visible_connectors(invocation: Invocation, controller: str) -> list[ReceiveConnector]:
    """The connectors that the session's directory holds, with their own groups.

    An Edge server keeps its own in a directory of its own: from inside there are none of it, and it
    has no others (S8.25; that they are not copied is not sourced).
    """
    edges = {server.name for server in invocation.organisation.servers if server.exchange.is_edge}
    found = invocation.organisation.directory.connectors(invocation.practice.clock.now, controller)
    if invocation.host.exchange.is_edge:
        return [connector for connector in found if connector.server == invocation.host.name]
    return [connector for connector in found if connector.server not in edges]


def is_identity(invocation: Invocation, connector: ReceiveConnector, identity: str) -> bool:
    """Whether a text names this connector."""
    wanted = identity.casefold()
    head, slash, name = wanted.partition("\\")
    if slash:
        server = invocation.organisation.server(head)
        same = server is not None and server.name.casefold() == connector.server.casefold()
        return same and name == connector.name.casefold()
    if wanted.startswith("cn="):
        return connector_dn(connector).casefold() == wanted
    return wanted == connector.name.casefold()


# -- What it would be ------------------------------------------------------------------------------


def _changed(invocation: Invocation, old: ReceiveConnector) -> ReceiveConnector:
    """The connector with the values given.

    Raises:
        BindingError: a value that the parameter can't take.
        CmdletRefusal: one that the cmdlet refuses by itself.
    """
    values: dict[str, Any] = {}
    for name, attribute in SETTINGS.items():
        if name in invocation.parameters:
            values[attribute] = _value(invocation, name, old)
    extra = values.keys() - ReceiveConnector.__dataclass_fields__.keys()
    return replace(detailed(old) if extra else old, **values)


def _value(invocation: Invocation, name: str, old: ReceiveConnector) -> object:
    if name == "RemoteIPRanges":
        return _list(invocation, name, old.ranges, parse_range)
    if name == "Bindings":
        return _list(invocation, name, old.bindings, parse_binding)
    if name == "AuthMechanism":
        return _flags(invocation, name, AuthMechanism)
    if name == "PermissionGroups":
        groups = _flags(invocation, name, PermissionGroups)
        if PermissionGroups.Custom in groups:
            raise CmdletRefusal(CUSTOM)  # shown, never set by hand (S3.22)
        return groups
    if name == "TransportRole":
        roles = (TransportRole.FrontendTransport, TransportRole.HubTransport)
        return TransportRole[_one_of(invocation, name, tuple(role.name or "" for role in roles))]
    if name in ("ExtendedProtectionPolicy", "ProtocolLoggingLevel"):
        return _one_of(
            invocation, name, PROTECTION if name.startswith("Ext") else ("None", "Verbose")
        )
    if name.endswith("Timeout"):
        return _time_span(invocation, name)
    if name in ("Banner", "Comment", "Fqdn"):
        return "" if invocation.parameters[name] is None else invocation.text(name)
    return invocation.truth(name)


def _list(
    invocation: Invocation, name: str, old: tuple[T, ...], parse: Callable[[str], T]
) -> tuple[T, ...]:
    """The list that a plain value puts in place of the old one, or a hashtable makes of it (S8.60).

    Elements are the same by their bounds, however written (S8.62). What the facts leave open: to
    remove what is no element, or to add what is one, changes nothing.
    """
    value = invocation.parameters[name]
    if not isinstance(value, Mapping):
        return tuple(dict.fromkeys(_parsed(invocation, invocation.texts(name), parse)))
    if not invocation.shape.knows(E2010):  # nothing says that 2007 takes a hashtable (S8.61)
        raise invocation.unfit(name, value, "Microsoft.Exchange.Data.MultiValuedPropertyBase")
    changes: dict[str, list[T]] = {"add": [], "remove": []}
    for verb, texts in value.items():
        if verb.casefold() not in changes:
            raise invocation.transformation(name, f'The key "{verb}" is neither Add nor Remove.')
        changes[verb.casefold()] += _parsed(invocation, texts, parse)
    gone = set(changes["remove"])
    left = [element for element in old if element not in gone]
    return tuple(dict.fromkeys([*left, *changes["add"]]))


def _parsed(invocation: Invocation, texts: Iterable[str], parse: Callable[[str], T]) -> list[T]:
    """The elements of a list, each parsed.

    Raises:
        BindingError: with the words of section 1.4.
    """
    identifier = f"ParameterArgumentTransformationError,{invocation.call.cmdlet}"
    try:
        return [parse(text) for text in texts if text]
    except RangeError as error:
        raise BindingError(Fault("failed", identifier, str(error))) from error


def _flags(invocation: Invocation, name: str, kind: type[F]) -> F:
    """The whole new value: it replaces the old one (S3.23).

    Raises:
        BindingError: a word that is none.
        CmdletRefusal: None beside something else (section 3.4).
    """
    text = ", ".join(invocation.texts(name))
    try:
        flags = parse_flags(kind, text)
    except ValueError:
        possible = ",".join(["None", *flag_names(~kind(0)).split(", ")])
        raise invocation.transformation(
            name,
            f'Cannot convert value "{text}" to type "Microsoft.Exchange.Data.{kind.__name__}" due '
            "to enumeration values that are not valid. Specify one of the following enumeration "
            f'values and try again. The possible enumeration values are "{possible}".',
        ) from None
    if flags and re.search(r"(?i)\bnone\b", text):
        raise CmdletRefusal(f"None can't be set together with other values of {name}.")
    return flags


def _one_of(invocation: Invocation, name: str, words: tuple[str, ...]) -> str:
    text = invocation.text(name)
    found = next((word for word in words if word.casefold() == text.casefold()), None)
    if found is None:
        raise invocation.transformation(
            name, f'Cannot convert value "{text}": one of {", ".join(words)}.'
        )
    return found


def _time_span(invocation: Invocation, name: str) -> timedelta:
    text = invocation.text(name)
    match = re.fullmatch(r"(?:(\d{1,5})\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})", text)
    if match is None:
        kind = "Microsoft.Exchange.Data.EnhancedTimeSpan"
        raise invocation.transformation(name, f'Cannot convert value "{text}" to type "{kind}".')
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


# -- What is refused -------------------------------------------------------------------------------


def _refusals(new: ReceiveConnector, server: PracticeServer) -> Iterator[str]:
    """Why the cmdlet would refuse the connector, by itself (sections 1.5 and 3.4)."""
    if not new.bindings or not new.ranges:
        yield EMPTY
    yield from filter(None, (refused_auth(new), refused_fqdn(new, server.exchange)))
    yield from _refused_settings(detailed(new), server)


def _refused_settings(new: DetailedConnector, server: PracticeServer) -> Iterator[str]:
    auth, groups = new.auth or AuthMechanism(0), new.groups or PermissionGroups(0)
    tls = AuthMechanism.Tls in auth
    connection, inactivity = timeouts(new, server)
    if new.require_tls and not tls:
        yield "RequireTLS can't be $true without Tls in AuthMechanism."
    if new.domain_secure and (not tls or AuthMechanism.ExternalAuthoritative in auth):
        yield "DomainSecureEnabled needs Tls, and can't be set with ExternalAuthoritative."
    if new.extended_protection != "None" and not new.require_tls:
        yield "ExtendedProtectionPolicy other than None needs RequireTLS $true."
    if server.exchange.is_edge and PermissionGroups.ExchangeLegacyServers in groups:
        yield "ExchangeLegacyServers and ExchangeUsers can't be set on an Edge Transport server."
    if new.suppress_x_anonymous_tls and (server.exchange.is_edge or not server.downgraded_auth):
        yield "SuppressXAnonymousTls needs UseDowngradedExchangeServerAuth on the server."
    if new.advertise_client_settings and PermissionGroups.ExchangeUsers not in groups:
        yield "AdvertiseClientSettings needs ExchangeUsers in PermissionGroups."
    if connection < inactivity:
        yield "ConnectionTimeout can't be less than ConnectionInactivityTimeout."
    if new.banner and not new.banner.startswith("220"):
        yield "Banner must begin with 220."
