"""Rows of cmdlets to the typed snapshot; every way in ends here.

*Unread* names in `what` the cmdlet, or the cmdlet and the property (`Get-Queue`,
`Get-ReceiveConnector RemoteIPRanges`), or says `version` or `addresses`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from mailflow.exchange.connectors import (
    LIMITS,
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
)
from mailflow.exchange.queues import OTHER, Queue, delivery_type, status
from mailflow.exchange.servers import Generation, Server
from mailflow.plain import one_line
from mailflow.snapshot import ObservedOffer, Read, Snapshot, TransportSettings, Unread
from mailflow.sources import addresses as known_addresses
from mailflow.sources import values
from mailflow.sources.completeness import Seen, gaps
from mailflow.sources.drafts import (
    Draft,
    Field,
    FieldFact,
    FieldState,
    Need,
    draft_of,
    drafts_of,
    read_field,
)
from mailflow.sources.foreign import admitted, is_server
from mailflow.sources.kept import kept_objects
from mailflow.sources.logs.connectivity import of_server
from mailflow.sources.names import Names, connector_name, server_name, text_of
from mailflow.sources.row import Complex, Reading, Row
from mailflow.sources.side_tables import component_states, connector_rights

SERVERS = "Get-ExchangeServer"
CONNECTORS = "Get-ReceiveConnector"
QUEUES = "Get-Queue"
SETTINGS = "Get-TransportService"


def assemble(
    reading: Reading,
    *,
    origin: str,
    taken: datetime | None = None,
    inputs: Mapping[str, str] | None = None,
    reads: Iterable[Read] = (),
) -> Snapshot:
    """The organization that these rows show.

    What was not read is None or a row of `unread`, never a guess. Names of servers, short or full
    and in any case, become the short name as first seen (S4.32).

    Args:
        reading: rows, and what the readers could not read.
        origin: the SOURCE, as the user gave it.
        taken: when it was collected, aware; None for exports, which do not say.
        inputs: SHA-256 of each input by name.
        reads: how each server was read, where a live organization was.
    """
    reading = admitted(reading)
    names = Names()
    drafts = {
        SERVERS: drafts_of(reading, SERVERS, lambda row: _server_draft(row, names)),
        CONNECTORS: drafts_of(reading, CONNECTORS, lambda row: _connector_draft(row, names)),
        QUEUES: drafts_of(reading, QUEUES, lambda row: _queue_draft(row, names)),
        SETTINGS: drafts_of(reading, SETTINGS, lambda row: _settings_draft(row, names)),
    }
    found = known_addresses.read(reading, names)
    components, unread_components = component_states(reading, names)
    rights, unread_rights = connector_rights(reading, names)
    kept, unread_kept = kept_objects(reading, names)
    servers = _servers(drafts, [] if SERVERS in reading.cmdlets else found.named())
    _settle_roles(drafts[CONNECTORS], servers)

    unread = [*reading.unread]
    unread += _unread_versions(servers, drafts[SERVERS], names)
    for cmdlet in (CONNECTORS, QUEUES, SETTINGS):
        for draft in drafts[cmdlet].values():
            unread += draft.unread(cmdlet)
    connectors = tuple(map(_connector, drafts[CONNECTORS].values()))
    queues = tuple(map(_queue, drafts[QUEUES].values()))
    found.add_errors(queues, servers)
    unread += [*found.unread, *unread_components, *unread_rights, *unread_kept]
    unread += _unnamed(reading, drafts)
    unread += gaps(reading, Seen(servers, connectors, queues), unread)
    unread += found.lacking(servers, is_whole=SERVERS in reading.cmdlets)
    return Snapshot(
        origin=origin,
        taken=taken,
        servers=tuple(servers),
        addresses=found.all(),
        connectors=connectors,
        queues=queues,
        settings=tuple(map(_settings, drafts[SETTINGS].values())),
        components=components,
        rights=rights,
        observed=tuple(
            replace(sessions, server=names.of(sessions.server)) for sessions in reading.observed
        ),
        offers=_offers(reading, servers, names),
        kept=kept,
        reads=tuple(reads),
        # A value that could not be read may stand in its reason.
        unread=tuple(
            dict.fromkeys(Unread(row.server, row.what, one_line(row.why)) for row in unread)
        ),
        ignored=tuple(reading.ignored),
        inputs=dict(inputs or {}),
        cmdlets=frozenset(reading.cmdlets),
    )


# -- Names -----------------------------------------------------------------------------------------


def _unnamed(reading: Reading, drafts: Mapping[str, Mapping[str, Draft]]) -> Iterator[Unread]:
    """A row for each object that could not be told whose or which it is."""
    for cmdlet in drafts:
        for row in reading.of(cmdlet):
            if _identified(row):
                continue
            why = f"{row.place}: the export does not name this object"
            yield Unread(row.computer.partition(".")[0], f"{cmdlet} Identity", why)


def _identified(row: Row) -> bool:
    if row.cmdlet == CONNECTORS:
        return connector_name(row) is not None
    if row.cmdlet == QUEUES:
        # One that lost its number still counts; only commands need it (lab: JSON of a session).
        return _queue_name(row) is not None
    return bool(server_name(row))


# -- Servers ---------------------------------------------------------------------------------------

_SERVER: Mapping[str, Field] = {
    "fqdn": Field("Fqdn", values.text, Need.NEVER),
    "version": Field("AdminDisplayVersion", values.version),
    "is_e15": Field("IsE15OrLater", values.truth),
    "is_hub": Field("IsHubTransportServer", values.truth),
    "is_frontend": Field("IsFrontendTransportServer", values.truth),
    "is_edge": Field("IsEdgeServer", values.truth),
    "roles": Field("ServerRole", values.flags(TransportRole)),
    "site": Field("Site", values.site, Need.NEVER),
}


def _offers(reading: Reading, servers: Iterable[Server], names: Names) -> tuple[ObservedOffer, ...]:
    """The EHLO replies, their servers by the short names."""
    known = {server.name.casefold(): server.name for server in servers}
    told = (of_server(each, lambda name: known.get(name.casefold(), "")) for each in reading.offers)
    return tuple(
        replace(each, sender=names.of(each.sender)) if each.sender else each for each in told
    )


def _server_draft(row: Row, names: Names) -> tuple[str, Draft] | None:
    name = server_name(row)
    if not name:
        return None
    short = names.of(name)
    draft = draft_of(row, short, short, _SERVER)
    names.same(draft["fqdn"] or "", short)
    return short, draft


def _servers(drafts: Mapping[str, dict[str, Draft]], named: Iterable[str]) -> list[Server]:
    """The servers of Get-ExchangeServer, then those that other exports name (contract, 2)."""
    connectors, queues = drafts[CONNECTORS].values(), drafts[QUEUES].values()
    others = (
        draft.server for part in (CONNECTORS, QUEUES, SETTINGS) for draft in drafts[part].values()
    )
    found = {name: _server(draft) for name, draft in drafts[SERVERS].items()}
    for name in (*others, *named):
        if name:
            found.setdefault(name, Server(name))
    roles = {(draft.server, draft["role"]) for draft in connectors}
    fronts = {name for name, role in roles if role is TransportRole.FrontendTransport}
    hubs = {name for name, role in roles if role is TransportRole.HubTransport}
    hubs |= {draft.server for draft in (*queues, *drafts[SETTINGS].values())}
    legacy = {draft.server for draft in queues if draft["delivery_type"] == "SmtpRelayWithinAdSite"}
    return [
        _with_roles(
            _hinted(server, frontend=name in fronts, legacy=name in legacy),
            frontend=name in fronts,
            hub=name in hubs,
        )
        for name, server in found.items()
    ]


def _server(draft: Draft) -> Server:
    """A server as Get-ExchangeServer shows it; its roles follow once its version is known."""
    numbers, printed = draft["version"] if draft.knows("version") else (None, "")
    hints = {True: Generation.E2013, False: Generation.LEGACY, None: None}
    roles = draft["roles"]
    server = Server(
        name=draft.server,
        fqdn=draft["fqdn"] or "",
        version=numbers,
        site=draft["site"] or "",
        version_text=printed,
        generation_hint=None if numbers else hints[draft["is_e15"]],
    )
    return replace(
        server,
        is_edge=_either(draft["is_edge"], roles, TransportRole.Edge),
        has_hub=_either(draft["is_hub"], roles, _hub_bits(server)),
        has_frontend=_either(draft["is_frontend"], roles, _frontend_bits(roles)),
    )


def _hub_bits(server: Server) -> TransportRole:
    """What ServerRole shows of a server with the Transport service: of 2013 and later, Mailbox."""
    modern = server.generation is not None and server.generation.is_modern
    return TransportRole.HubTransport | (TransportRole.Mailbox if modern else TransportRole(0))


def _frontend_bits(roles: TransportRole | None) -> TransportRole:
    """What ServerRole shows of a server with the Front End service.

    ClientAccess counts only where ServerRole is as people see it: among the inner bits of a 2013
    Mailbox server, HubTransport beside it, it means another service. IsClientAccessServer says
    True there too, so it is not asked.
    """
    inner = roles is not None and TransportRole.HubTransport in roles
    front = TransportRole.FrontendTransport | TransportRole.Cafe
    return front if inner else front | TransportRole.ClientAccess


def _either(flag: bool | None, roles: TransportRole | None, bits: TransportRole) -> bool | None:
    """A role by its own flag, else by ServerRole; None where neither was read."""
    if flag is not None:
        return flag
    return None if roles is None else bool(roles & bits)


def _hinted(server: Server, *, frontend: bool, legacy: bool) -> Server:
    """What other exports say of a version that was not read (contract, section 2).

    A Front End connector means 2013 or later: E2013, the weaker claim, under which the services
    are known only as far as seen. Signs that contradict each other say nothing.
    """
    if server.version is not None or (frontend and legacy):
        return server
    if frontend:
        return replace(server, generation_hint=Generation.E2013)
    return replace(server, generation_hint=Generation.LEGACY) if legacy else server


def _with_roles(server: Server, *, frontend: bool, hub: bool) -> Server:
    """Which transport services a server has: by version, by its flags, by what was seen on it."""
    generation = server.generation
    if server.is_edge:
        return replace(server, has_hub=True, has_frontend=False)  # one service (section 2.4)
    has_hub = True if hub and server.has_hub is None else server.has_hub
    has_front = True if frontend and server.has_frontend is None else server.has_frontend
    edge = False if frontend and server.is_edge is None else server.is_edge
    if generation is Generation.LEGACY:
        has_front = False  # the Front End came with 2013 (S2.07)
    if generation is Generation.MODERN:
        has_hub = True  # Mailbox servers and Edge alike (S4.02, section 2.4)
        has_front = has_front if edge is None else True
    return replace(server, has_hub=has_hub, has_frontend=has_front, is_edge=edge)


def _unread_versions(
    servers: Iterable[Server], drafts: Mapping[str, Draft], names: Names
) -> Iterator[Unread]:
    for server in servers:
        if server.generation is not None:
            continue
        draft = drafts.get(names.of(server.name))
        why = f"no export of {SERVERS} contains this server, and nothing else shows its version"
        if draft is not None:
            fact = draft.facts["version"]
            why = f"{fact.place}: {server.name}: AdminDisplayVersion: {fact.why}"
        yield Unread(server.name, "version", why)


# -- Receive connectors ----------------------------------------------------------------------------

_CONNECTOR: Mapping[str, Field] = {
    "enabled": Field("Enabled", values.truth, Need.ALWAYS),
    "role": Field("TransportRole", values.connector_role, Need.ALWAYS),
    "bindings": Field("Bindings", values.bindings, Need.ALWAYS, tuple),
    "ranges": Field("RemoteIPRanges", values.ranges, Need.ALWAYS, tuple),
    "auth": Field("AuthMechanism", values.flags(AuthMechanism), Need.ALWAYS),
    "groups": Field("PermissionGroups", values.flags(PermissionGroups), Need.ALWAYS),
    "suppress_x_anonymous_tls": Field("SuppressXAnonymousTls", values.truth),
    "fqdn": Field("Fqdn", values.text, Need.NEVER),
    "require_tls": Field("RequireTLS", values.truth),
    "protocol_logging": Field("ProtocolLoggingLevel", values.listed("None", "Verbose"), Need.NEVER),
    "comment": Field("Comment", values.prose, Need.NEVER),
    "tls_certificate": Field("TlsCertificateName", values.text, Need.NEVER),
    "when_changed": Field("WhenChangedUTC", values.moment, Need.NEVER),
    **{name: Field(name, values.limit(kind), Need.NEVER) for name, kind in LIMITS.items()},
}


def _connector_draft(row: Row, names: Names) -> tuple[str, Draft] | None:
    found = connector_name(row)
    if found is None:
        return None
    server, name = names.of(found[0]), values.clean(found[1])
    draft = draft_of(row, server, name, _CONNECTOR)
    return f"{server}\\{name}".casefold(), draft


def _settle_roles(drafts: Mapping[str, Draft], servers: Iterable[Server]) -> None:
    """Connectors of 2007/2010 have no role and count as HubTransport, whatever stands (S2.07)."""
    legacy = {server.name for server in servers if server.generation is Generation.LEGACY}
    for draft in drafts.values():
        if draft.server in legacy:
            draft.facts["role"] = FieldFact(TransportRole.HubTransport)


def _connector(draft: Draft) -> ReceiveConnector:
    return ReceiveConnector(
        server=draft.server,
        name=draft.label,
        enabled=draft["enabled"],
        role=draft["role"],
        bindings=draft["bindings"] or (),
        ranges=draft["ranges"] or (),
        auth=draft["auth"],
        groups=draft["groups"],
        bindings_complete=draft.knows("bindings"),
        ranges_complete=draft.knows("ranges"),
        suppress_x_anonymous_tls=draft["suppress_x_anonymous_tls"],
        fqdn=draft["fqdn"] or "",
        require_tls=draft["require_tls"],
        protocol_logging=draft["protocol_logging"] or "",
        comment=draft["comment"] or "",
        tls_certificate=draft["tls_certificate"],
        when_changed=draft["when_changed"].instant if draft["when_changed"] else None,
        limits=tuple((name, draft[name]) for name in LIMITS if draft.knows(name)),
    )


# -- Queues ----------------------------------------------------------------------------------------

_QUEUE: Mapping[str, Field] = {
    "delivery_type": Field("DeliveryType", values.named(delivery_type)),
    "next_hop_domain": Field("NextHopDomain", values.text),
    "status": Field("Status", values.named(status), Need.ALWAYS),
    "message_count": Field("MessageCount", values.count, Need.ALWAYS),
    "last_error": Field("LastError", values.prose, partly=str),
    "retry_count": Field("RetryCount", values.count, Need.NEVER),
    "last_retry": Field("LastRetryTime", values.moment, Need.NEVER),
    "next_retry": Field("NextRetryTime", values.moment, Need.NEVER),
    "first_retry": Field("FirstRetryTime", values.moment, Need.NEVER),
    "next_hop_connector": Field("NextHopConnector", values.text, Need.NEVER),
    "next_hop_category": Field(
        "NextHopCategory", values.listed("Internal", "External"), Need.NEVER
    ),
    "deferred_count": Field("DeferredMessageCount", values.count, Need.NEVER),
    "velocity": Field("Velocity", values.real, Need.NEVER),
}

# Where a queue waits, these tell why and for whom: an export without them can't be judged.
_IN_RETRY = {
    name: replace(_QUEUE[name], need=Need.ALWAYS)
    for name in ("delivery_type", "next_hop_domain", "last_error")
}


@dataclass(frozen=True, slots=True)
class _QueueName:
    r"""Server and identity; `numbered` is false for `SERVER\next hop`, made up where it is lost."""

    server: str
    identity: str
    numbered: bool = True


def _queue_name(row: Row) -> _QueueName | None:
    """Which queue this is (section 4.3); None where nothing tells whose.

    Without its text an identity still names the server (lab: JSON of a remote session); the queue
    is then kept under its next hop, a form that Exchange reads as well but that may fit several.
    """
    for name in ("Identity", "QueueIdentity"):
        value = row.values.get(name)
        lost = isinstance(value, Complex) and value.text is None
        printed = "" if lost else text_of(row, name)
        server, slash, rest = printed.partition("\\")
        if slash and is_server(server.strip()) and rest.strip():
            return _QueueName(server.strip(), printed)
        if printed and not slash and (row.computer or row.named_server):
            at = (row.named_server or row.computer).partition(".")[0]
            return _QueueName(at, f"{at}\\{printed}")  # without a server: the one that was asked
        if lost and isinstance(value, Complex):
            found = _lost_queue_name(row, value)
            if found:
                return found
    return None


def _lost_queue_name(row: Row, value: Complex) -> _QueueName | None:
    server = value.properties.get("Server")
    if not isinstance(server, str):
        return None
    short = server.strip()
    if not is_server(short):
        return None
    number = value.properties.get("RowId")
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return _QueueName(short, f"{short.partition('.')[0]}\\{number}")
    domain = text_of(row, "NextHopDomain")
    special = {"submission": "Submission", "poison message": "Poison"}
    special["unreachable domain"] = "Unreachable"
    if domain.casefold() in special:
        return _QueueName(short, f"{short.partition('.')[0]}\\{special[domain.casefold()]}")
    return _QueueName(short, f"{short.partition('.')[0]}\\{domain or '?'}", numbered=False)


def _queue_draft(row: Row, names: Names) -> tuple[str, Draft] | None:
    found = _queue_name(row)
    if found is None:
        return None
    server = names.of(found.server)
    draft = draft_of(row, server, found.identity, _QUEUE)
    if draft["status"] in ("Retry", None):
        draft.fields = {**_QUEUE, **_IN_RETRY}
    if draft.facts["velocity"].state is FieldState.ABSENT:
        draft.facts["velocity"] = _drain(row)
    # A made-up identity may fit several queues: only the whole object tells them apart.
    rest = found.identity.partition("\\")[2] if found.numbered else repr(row.values)
    return f"{server}\\{rest}".casefold(), draft


def _drain(row: Row) -> FieldFact:
    """Velocity by its definition, where only the rates were exported (section 4.5)."""
    out, into = (
        read_field(row, Field(f"{name}Rate", values.real)) for name in ("Outgoing", "Incoming")
    )
    if out.state is into.state is FieldState.KNOWN:
        return FieldFact(out.value - into.value, place=row.place)
    return FieldFact(
        None, FieldState.ABSENT, "the export does not contain this property", row.place
    )


def _queue(draft: Draft) -> Queue:
    return Queue(
        identity=draft.label,
        server=draft.server,
        delivery_type=draft["delivery_type"] or OTHER,
        next_hop_domain=draft["next_hop_domain"] or "",
        status=draft["status"] or "",
        message_count=draft["message_count"],
        last_error=draft["last_error"],
        retry_count=draft["retry_count"],
        last_retry=draft["last_retry"],
        next_retry=draft["next_retry"],
        first_retry=draft["first_retry"],
        next_hop_connector=draft["next_hop_connector"] or "",
        next_hop_category=draft["next_hop_category"] or "",
        deferred_count=draft["deferred_count"],
        velocity=draft["velocity"],
        last_error_complete=draft.facts["last_error"].state
        in (FieldState.KNOWN, FieldState.ABSENT),
    )


# -- Settings --------------------------------------------------------------------------------------

_SETTINGS: Mapping[str, Field] = {
    "use_downgraded_auth": Field("UseDowngradedExchangeServerAuth", values.truth),
    "internal_certificate": Field(
        "InternalTransportCertificateThumbprint", values.text, Need.NEVER
    ),
}


def _settings_draft(row: Row, names: Names) -> tuple[str, Draft] | None:
    name = server_name(row)
    if not name:
        return None
    short = names.of(name)
    return short, draft_of(row, short, short, _SETTINGS)


def _settings(draft: Draft) -> TransportSettings:
    return TransportSettings(
        draft.server, draft["use_downgraded_auth"], draft["internal_certificate"]
    )
