r"""Random organizations with one to three faults of configuration, of every kind there is.

    broken(17)              a snapshot, what was planted, and whether all that is needed was read
    python tests/broken.py 17       the same as a list to read

The same number gives the same organization. One in order is built first; then faults are planted
until the slow model sees one; then, in about a third of them, values are made unread.
"""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import organization_model as model
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    flag_names,
)
from mailflow.exchange.servers import Server
from mailflow.snapshot import Right, ServerAddress, Snapshot
from organisations import E2010, E2013, E2016, E2019, STUCK, STUCK_2016, Organisation, at

FRONT, HUB = model.FRONT, model.HUB
SITES = ("Head-Office", "Branch")
ERAS = ((E2010, E2010, E2016, E2016, E2013), (E2013, E2016, E2019, E2019, E2016))
"""Versions that stand beside each other: setup refuses 2019 beside 2010 (S4.67)."""
NAMES = {E2010: "EX10", E2013: "EX13", E2016: "EX16", E2019: "EX19"}
HOSTS = (
    *("10.0.5.0/24", "10.0.6.10-10.0.6.40", "10.0.7.15", "10.0.8.0/255.255.255.128", "10.0.9.9"),
    *("172.16.4.0/22", "192.168.7.7", "2001:db8:5::/64", "2001:db8:6::25"),
)
"""Ranges of hosts that relay and are no servers."""
ANONYMOUS = r"NT AUTHORITY\ANONYMOUS LOGON"
ANY_RECIPIENT = "ms-Exch-SMTP-Accept-Any-Recipient"


@dataclass(frozen=True)
class Broken:
    """An organization with faults.

    Attributes:
        snapshot: what was read of it.
        faults: what was planted, each with its kind before a colon.
        hidden: what was not read, in words.
        all_read: whether all values were read that a repair needs: those of the connectors of every
            server with a fault, and the addresses of every server.
    """

    snapshot: Snapshot
    faults: tuple[str, ...]
    hidden: tuple[str, ...]
    all_read: bool


@dataclass
class Bench:
    """An organization under construction, with the dice that build it.

    Attributes:
        org: what is built.
        dice: chance; the same for a number.
        faults: what was planted so far.
        hurt: names of servers on which something was planted.
        rights: entries of access lists.
        old: identities of connectors that Exchange would not take any more, from old days.
    """

    org: Organisation
    dice: Random
    faults: list[str] = field(default_factory=list)
    hurt: set[str] = field(default_factory=set)
    rights: list[Right] = field(default_factory=list)
    old: set[str] = field(default_factory=set)

    def snapshot(self) -> Snapshot:
        """What was built, as it would be read."""
        return replace(self.org.snapshot(), rights=tuple(self.rights))


def broken(number: int) -> Broken:
    """The organization of this number.

    Raises:
        AssertionError: none came about; tests/test_broken.py sees to it that this does not happen.
    """
    dice = Random(number)  # noqa: S311 - the same organizations every time
    for _ in range(60):
        bench = Bench(_in_order(dice), dice)
        _read_rights(bench)
        wanted = dice.choice((1, 1, 1, 2, 2, 3))
        for _ in range(12):
            if len(bench.faults) < wanted:
                _plant(bench)
        if len(bench.faults) == wanted and _is_possible(bench) and _hurts(bench):
            return _read(bench)
    raise AssertionError(f"no broken organization came of {number}")


def _plant(bench: Bench) -> None:
    """One more fault; often where one is already, so that they meet (section 1.2)."""
    dice = bench.dice
    targets = [one for one in bench.org.servers if not bench.hurt or one.name in bench.hurt]
    if not bench.hurt or dice.random() < 0.4:
        targets = bench.org.servers
    target = dice.choice(targets)
    kind = dice.choice(tuple(FAULTS))
    before = list(bench.org.connectors)
    told = FAULTS[kind](bench, target)
    if told is None or before == bench.org.connectors:
        bench.org.connectors = before
        return
    bench.faults.append(f"{kind}: {told}")
    bench.hurt.add(target.name)


def _is_possible(bench: Bench) -> bool:
    """Whether Exchange would have taken every connector, but for those from old days."""
    org = bench.snapshot()
    for server in org.servers:
        mine = model.connectors_of(org, server)
        for one in mine:
            others = [
                other for other in mine if other is not one and other.identity not in bench.old
            ]
            if one.identity not in bench.old and model.refusals(
                one, others, server, downgraded=model.downgraded_of(org, server)
            ):
                return False
    return True


def _hurts(bench: Bench) -> bool:
    """Whether some way does not work, or processes compete."""
    org = bench.snapshot()
    return any(one.state != "works" for one in model.ways(org)) or bool(model.role_conflicts(org))


# -- In order --------------------------------------------------------------------------------------


def _in_order(dice: Random) -> Organisation:
    """Two to five servers of an era in one or two sites, with relays for innocent hosts."""
    org = Organisation()
    era, sites = dice.choice(ERAS), dice.choice((1, 1, 2))
    dual, two_adapters = dice.random() < 0.4, dice.random() < 0.35
    source = dice.choice(("addresses.csv", model.ALL_ADDRESSES, model.ALL_ADDRESSES))
    counts: dict[str, int] = {}
    for place in range(dice.choice((2, 3, 3, 4, 4, 5))):
        version = era[place] if place < 2 else dice.choice(era)
        counts[version] = counts.get(version, 0) + 1
        name = f"{NAMES[version]}{'ABCDE'[counts[version] - 1]}"
        addresses = [f"10.0.0.{11 + place}"]
        if two_adapters and dice.random() < 0.6:
            addresses.append(f"10.0.1.{11 + place}")
        if dual and dice.random() < 0.8:
            addresses.append(f"2001:db8::{11 + place}")
        # Of 2013 the two services may live on two machines (section 2.2).
        split = version == E2013 and dice.random() < 0.25
        roles = dice.choice(("Mailbox", "ClientAccess")) if split else ""
        org.add_server(name, version, *addresses, roles=roles or _whole(version))
        org.change_server(name, site=SITES[place % sites])
    org.addresses = [replace(one, source=source) for one in org.addresses]
    for server in org.servers:
        ranges = dice.sample(HOSTS, dice.randint(2, 5))
        for number in range(dice.choice((0, 1, 1, 2))):
            mine = ranges[number * 2 : number * 2 + dice.randint(1, 2)]
            if mine:
                role = HUB if model.port_for(server, server) is None and server.has_hub else FRONT
                _add_relay(org, server, mine, f"Relay {number}", dice, role=role)
    _noise(org, dice)
    return org


def _whole(version: str) -> str:
    """The roles of a server that has all services, in the words of `organisations`."""
    return "Mailbox, ClientAccess" if version == E2013 else ""


def _noise(org: Organisation, dice: Random) -> None:
    """Custom connectors that cover servers and do no harm: disabled, or on purpose (S3.42)."""
    for server in org.servers:
        others = [one.address for one in org.addresses if one.server != server.name]
        if not others or dice.random() < 0.85:
            continue
        caught, modern = dice.choice(others), model.has_both(server)
        if dice.random() < 0.5:
            values: dict[str, Any] = {"enabled": False}
        else:
            values = {"auth": "Tls, ExchangeServer", "groups": "ExchangeServers"}
        port = dice.choice((25, 2525)) if modern else 25
        values["role"] = FRONT if modern and port == 25 else HUB
        _add_relay(org, server, [caught, "10.99.0.0/24"], "Old", dice, port=port, **values)


def _add_relay(
    org: Organisation,
    server: Server,
    ranges: list[str],
    name: str,
    dice: Random,
    **values: Any,  # noqa: ANN401
) -> ReceiveConnector:
    """A relay connector as administrators make them (section 2.6)."""
    port = values.pop("port", 25)
    hosts = dice.choice((["0.0.0.0"], ["0.0.0.0"], ["0.0.0.0", "[::]"]))
    hosts = values.pop("hosts", hosts)
    if any(":" in one for one in ranges) and "[::]" not in hosts and "0.0.0.0" in hosts:
        hosts = [*hosts, "[::]"]
    values.setdefault("groups", dice.choice(("AnonymousUsers, Custom", "AnonymousUsers")))
    org.add_relay(
        server.name,
        *_masks(ranges),
        name=name,
        **{"bindings": ",".join(f"{one}:{port}" for one in hosts)} | values,
    )
    return org.connector(f"{server.name}\\{name}")


def _masks(ranges: list[str]) -> list[str]:
    """A netmask as Exchange prints it (section 1.4)."""
    return [
        one.replace("/", "(") + ")" if one.count(".") > 4 and "/" in one else one for one in ranges
    ]


def _read_rights(bench: Bench) -> None:
    """Access lists, which half of the organizations come with (S3.20)."""
    if bench.dice.random() < 0.5:
        return
    for one in bench.org.connectors:
        if PermissionGroups.Custom in (one.groups or PermissionGroups(0)):
            for right in ("ms-Exch-SMTP-Submit", ANY_RECIPIENT):
                bench.rights.append(Right(one.server, one.name, ANONYMOUS, right, deny=False))


# -- Faults ----------------------------------------------------------------------------------------


def _senders(bench: Bench, target: Server, port: int) -> list[str]:
    """The addresses of those that send to the target on this port."""
    org = bench.snapshot()
    return [
        str(address)
        for sender in org.servers
        if sender.name != target.name and model.port_for(sender, target) == port
        for address in model.addresses_of(org, sender)
    ]


def _ports(bench: Bench, target: Server) -> list[int]:
    """The ports on which others send to the target."""
    found = {
        model.port_for(sender, target) for sender in bench.org.servers if sender.name != target.name
    }
    return sorted(one for one in found if one)


def _default(bench: Bench, target: Server) -> ReceiveConnector | None:
    """Setup's connector of a port in use."""
    ports = _ports(bench, target)
    if not ports:
        return None
    port = bench.dice.choice(ports)
    name = "Default Frontend" if port == 25 and model.has_both(target) else "Default"
    identity = f"{target.name}\\{name} {target.name}"
    return bench.org.connector(identity)


def _change(bench: Bench, one: ReceiveConnector, **values: Any) -> None:  # noqa: ANN401
    bench.org.change(one.identity, **values)


def _free_name(bench: Bench, target: Server) -> str:
    taken = {one.name for one in bench.org.connectors if one.server == target.name}
    names = ("Printers", "Scanners", "Monitoring", "Apps", "CRM", "Legacy", "Backup", "Web")
    return bench.dice.choice([one for one in names if one not in taken])


def _around(address: str, dice: Random) -> str:
    """A range around an address: a network, a netmask or two bounds."""
    one = ipaddress.ip_address(address)
    if one.version == 6:
        return str(ipaddress.ip_network(f"{one}/{dice.choice((64, 112, 120))}", strict=False))
    low, high = max(1, int(one) % 256 - dice.randint(0, 6)), int(one) % 256 + dice.randint(0, 6)
    base = str(one).rpartition(".")[0]
    net = ipaddress.ip_network(f"{one}/{dice.choice((24, 25, 28, 29))}", strict=False)
    with_mask = net.with_netmask.replace("/", "(") + ")"
    return dice.choice((str(net), with_mask, f"{base}.{low}-{base}.{high}"))


def _lists_servers(bench: Bench, target: Server) -> str | None:
    """Single addresses of servers on a relay connector (C1)."""
    return _relay_with(bench, target, bench.dice.choice(_ports(bench, target) or [25]), "single")


def _range_around(bench: Bench, target: Server) -> str | None:
    """A range around servers on a relay connector (C1)."""
    return _relay_with(bench, target, bench.dice.choice(_ports(bench, target) or [25]), "around")


def _only_servers(bench: Bench, target: Server) -> str | None:
    """A relay connector that lists nothing but servers (S8.64)."""
    return _relay_with(bench, target, bench.dice.choice(_ports(bench, target) or [25]), "only")


def _externally_secured(bench: Bench, target: Server) -> str | None:
    """An externally secured connector that covers servers (C11)."""
    port = bench.dice.choice(_ports(bench, target) or [25])
    auth = bench.dice.choice(("ExternalAuthoritative", "Tls, ExternalAuthoritative"))
    return _relay_with(bench, target, port, "around", auth=auth, groups="ExchangeServers")


def _relay_with(
    bench: Bench,
    target: Server,
    port: int,
    how: str,
    **values: Any,  # noqa: ANN401
) -> str | None:
    """A relay connector with servers: alone (`only`), in a range (`around`), or each by itself."""
    dice, senders = bench.dice, _senders(bench, target, port)
    if not senders:
        return None
    caught = dice.sample(senders, dice.randint(1, min(3, len(senders))))
    if how == "around":
        caught = [_around(caught[0], dice)]
    if how == "single" and not values and dice.random() < 0.5:
        told = _onto_a_relay(bench, target, port, caught)
        if told:
            return told
    if dice.random() < 0.15:
        own = [one.address for one in bench.org.addresses if one.server == target.name]
        host = dice.choice(own)
        values["hosts"] = [f"[{host}]" if ":" in host else host]
    hosts = [] if how == "only" else [f"10.{dice.randint(20, 60)}.0.0/24"]
    values |= {"port": port, "role": FRONT if port == 25 and model.has_both(target) else HUB}
    name = _free_name(bench, target)
    relay = _add_relay(bench.org, target, [*caught, *hosts], name, dice, **values)
    return f"{name} of {target.name} on {port} lists {', '.join(map(str, relay.ranges))}"


def _onto_a_relay(bench: Bench, target: Server, port: int, caught: list[str]) -> str | None:
    """The addresses on a relay connector that is there already."""
    relays = [
        one
        for one in bench.org.connectors
        if one.server == target.name
        and not model.is_setups(one)
        and any(binding.port == port for binding in one.bindings)
    ]
    if not relays:
        return None
    relay = bench.dice.choice(relays)
    texts = dict.fromkeys([*map(str, relay.ranges), *caught])
    _change(bench, relay, ranges=", ".join(texts))
    return f"{relay.name} of {target.name} also lists {', '.join(caught)}"


def _nested(bench: Bench, target: Server) -> str | None:
    """Two relay connectors, one inside the other, that both hold a server (section 1.2)."""
    dice, ports = bench.dice, _ports(bench, target)
    senders = _senders(bench, target, ports[0]) if ports else []
    senders = [one for one in senders if "." in one]
    if not senders:
        return None
    sender, port = dice.choice(senders), ports[0]
    inner = dice.choice((sender, str(ipaddress.ip_network(f"{sender}/29", strict=False))))
    outer = str(ipaddress.ip_network(f"{sender}/{dice.choice((24, 26))}", strict=False))
    role = FRONT if port == 25 and model.has_both(target) else HUB
    names = []
    for place, ranges in enumerate((outer, inner)):
        names.append(_free_name(bench, target))
        hosts = [ranges, f"10.{70 + place}.0.0/24"]
        _add_relay(bench.org, target, hosts, names[-1], dice, port=port, role=role)
    return f"{' and '.join(names)} of {target.name} on {port} list {outer} and {inner}"


def _lost(which: str) -> Callable[[Bench, Server], str | None]:
    def fault(bench: Bench, target: Server) -> str | None:
        """The default connector lost ExchangeServer, its group, or both (C2, L2)."""
        one = _default(bench, target)
        if one is None or one.auth is None or one.groups is None:
            return None
        auth, groups = one.auth, one.groups
        if which != "group":
            auth &= ~AuthMechanism.ExchangeServer
        if which != "auth":
            groups &= ~PermissionGroups.ExchangeServers
        _change(bench, one, auth=auth, groups=groups)
        return f"{one.identity} lost {which}"

    return fault


def _foreign_fqdn(bench: Bench, target: Server) -> str | None:
    """Another Fqdn, for which ExchangeServer had to go (section 3.4)."""
    one = _default(bench, target)
    if one is None or one.auth is None:
        return None
    _change(bench, one, fqdn="mail.example.com", auth=one.auth & ~AuthMechanism.ExchangeServer)
    return f"{one.identity} calls itself mail.example.com"


def _suppressed(bench: Bench, target: Server) -> str | None:
    """SuppressXAnonymousTls, while the senders are not set to do without (C10)."""
    one = _default(bench, target)
    if one is None:
        return None
    _change(bench, one, suppress_x_anonymous_tls=True)
    if bench.dice.random() < 0.5:
        bench.org.set_downgraded_auth(target.name, True)  # noqa: FBT003 - its own signature
    else:
        bench.old.add(one.identity)
    return f"{one.identity} suppresses X-ANONYMOUSTLS"


def _disabled(bench: Bench, target: Server) -> str | None:
    """The default connector is disabled (C13)."""
    one = _default(bench, target)
    if one is None:
        return None
    _change(bench, one, enabled=False)
    return f"{one.identity} is disabled"


def _narrow_ranges(bench: Bench, target: Server) -> str | None:
    """The default connector answers few addresses (S1.18)."""
    one = _default(bench, target)
    if one is None:
        return None
    dice = bench.dice
    some = dice.sample(("10.0.0.11", "10.0.0.12-10.0.0.13", "10.0.1.0/24", "10.0.5.0/24"), 2)
    _change(bench, one, ranges=", ".join([*some, "192.168.0.0/16"]))
    return f"{one.identity} answers only {', '.join(map(str, some))} and 192.168.0.0/16"


def _one_family(bench: Bench, target: Server) -> str | None:
    """The default connector lacks the ranges of one family (S1.12)."""
    one = _default(bench, target)
    if one is None:
        return None
    family = 6 if bench.dice.random() < 0.7 else 4
    left = tuple(block for block in one.ranges if block.family != family)
    if not left:
        return None
    _change(bench, one, ranges=[str(block) for block in left])
    return f"{one.identity} answers no IPv{family}"


def _narrow_bindings(bench: Bench, target: Server) -> str | None:
    """The default connector listens on one adapter only (S1.18)."""
    one = _default(bench, target)
    own = [each.address for each in bench.org.addresses if each.server == target.name]
    if one is None or len(own) < 2:
        return None
    host = bench.dice.choice(own)
    port = one.bindings[0].port
    _change(bench, one, bindings=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return f"{one.identity} listens on {host} only"


def _other_port(bench: Bench, target: Server) -> str | None:
    """The default connector listens on another port (S1.18)."""
    one = _default(bench, target)
    if one is None:
        return None
    port = bench.dice.choice((26, 2526))
    _change(bench, one, bindings=f"0.0.0.0:{port}, [::]:{port}")
    return f"{one.identity} listens on {port}"


def _hub_on_25(bench: Bench, target: Server) -> str | None:
    """`Default S` of a server with a Front End on port 25 (C9, S2.05)."""
    if not model.has_both(target):
        return None
    identity = f"{target.name}\\Default {target.name}"
    hosts = bench.dice.choice(("0.0.0.0:25", "0.0.0.0:25, [::]:25", "0.0.0.0:2525, 0.0.0.0:25"))
    bench.org.change(identity, bindings=hosts)
    bench.old |= {identity, f"{target.name}\\Default Frontend {target.name}"}
    return f"{identity} is bound to {hosts}"


def _other_role(bench: Bench, target: Server) -> str | None:
    """A custom connector of the other process on port 25 or 2525 (C9, S2.21)."""
    if not model.has_both(target):
        return None
    port, role = bench.dice.choice(((25, HUB), (25, HUB), (2525, FRONT)))
    name = _free_name(bench, target)
    hosts = bench.dice.sample(HOSTS[:5], bench.dice.randint(1, 3))
    relay = _add_relay(bench.org, target, hosts, name, bench.dice, port=port, role=role)
    bench.old.add(relay.identity)
    return f"{relay.identity} is {role.name} on {port}"


def _tie(bench: Bench, target: Server) -> str | None:
    """Two connectors with one range at one binding, from old days (S1.36)."""
    one = _default(bench, target)
    if one is None:
        return None
    name = _free_name(bench, target)
    senders = _senders(bench, target, one.bindings[0].port)
    if bench.dice.random() < 0.5 or not senders:
        ranges = ["0.0.0.0-255.255.255.255"]
    else:
        ranges = [bench.dice.choice(senders)]
    for place in range(1 if len(ranges[0]) > 20 else 2):
        auth, groups = bench.dice.choice(
            (("Tls", "AnonymousUsers"), ("Tls, ExchangeServer", "ExchangeServers"))
        )
        relay = _add_relay(
            bench.org,
            target,
            [*ranges, f"10.{80 + place}.0.0/24"],
            f"{name} {place}",
            bench.dice,
            port=one.bindings[0].port,
            role=one.role,
            auth=auth,
            groups=groups,
        )
        bench.old.add(relay.identity)
    bench.old.add(one.identity)
    return f"{name} of {target.name} has {ranges[0]}, as another one has"


def _overlap(bench: Bench, target: Server) -> str | None:
    """Two relay connectors that overlap partially, from old days (S1.37)."""
    ports = _ports(bench, target)
    senders = [one for one in _senders(bench, target, ports[0]) if "." in one] if ports else []
    if not senders:
        return None
    base, _, last = bench.dice.choice(senders).rpartition(".")
    role = FRONT if ports[0] == 25 and model.has_both(target) else HUB
    both = (f"{base}.1-{base}.{last}", f"{base}.{last}-{base}.200")
    if bench.dice.random() < 0.5:
        both = (f"{base}.1-{base}.{int(last) + 20}", f"{base}.{int(last) + 10}-{base}.200")
    names = [_free_name(bench, target) for _ in both]
    if names[0] == names[1]:
        return None
    for name, block in zip(names, both, strict=True):
        relay = _add_relay(bench.org, target, [block], name, bench.dice, port=ports[0], role=role)
        bench.old.add(relay.identity)
    return f"{' and '.join(names)} of {target.name} on {ports[0]} list {' and '.join(both)}"


def _requires_tls(bench: Bench, target: Server) -> str | None:
    """A relay connector that catches servers and requires what it does not offer (S8.65)."""
    port = bench.dice.choice(_ports(bench, target) or [25])
    values = bench.dice.choice(
        ({"auth": "None", "require_tls": True}, {"auth": "BasicAuth, BasicAuthRequireTLS"})
    )
    told = _relay_with(bench, target, port, "single", **values)
    if told:
        bench.old.add(bench.org.connectors[-1].identity)
    return told


def _big_list(bench: Bench, target: Server) -> str | None:
    """A relay connector with a long list that also names a server (S1.35)."""
    ports = _ports(bench, target)
    senders = [one for one in _senders(bench, target, ports[0]) if "." in one] if ports else []
    if not senders:
        return None
    dice = bench.dice
    count = dice.choice((60, 120, 120, 1199, 1203))
    many = [f"10.{90 + n // 120}.{2 * (n % 120)}.0/24" for n in range(count)]
    sender = dice.choice(senders)
    caught = dice.choice((sender, str(ipaddress.ip_network(f"{sender}/27", strict=False))))
    role = FRONT if ports[0] == 25 and model.has_both(target) else HUB
    name = _free_name(bench, target)
    _add_relay(bench.org, target, [*many, caught], name, dice, port=ports[0], role=role)
    return f"{name} of {target.name} on {ports[0]} lists {count} networks and {caught}"


FAULTS: Mapping[str, Callable[[Bench, Server], str | None]] = {
    "relay lists servers": _lists_servers,
    "range around servers": _range_around,
    "relay of servers alone": _only_servers,
    "externally secured": _externally_secured,
    "nested relays": _nested,
    "default lost auth": _lost("auth"),
    "default lost the group": _lost("group"),
    "default lost both": _lost("both"),
    "foreign Fqdn": _foreign_fqdn,
    "suppressed": _suppressed,
    "default disabled": _disabled,
    "default with few ranges": _narrow_ranges,
    "default lacks a family": _one_family,
    "default on one adapter": _narrow_bindings,
    "default on another port": _other_port,
    "Default (Hub) on 25": _hub_on_25,
    "custom of the other role": _other_role,
    "tie": _tie,
    "partial overlap": _overlap,
    "requires what it lacks": _requires_tls,
    "long list": _big_list,
}
"""What configuration can do to mail between servers; all kinds are equally likely."""


# -- Reading it ------------------------------------------------------------------------------------


def _read(bench: Bench) -> Broken:
    """The organization with its queues, and in about a third of them with values not read."""
    _wait(bench)
    org = bench.snapshot()
    hidden: list[str] = []
    needed = False
    if bench.dice.random() < 1 / 3:
        for _ in range(bench.dice.choice((1, 1, 2))):
            kind = bench.dice.choice(tuple(HIDE))
            org, what, matters = HIDE[kind](org, bench)
            hidden.append(f"{kind}: {what}")
            needed = needed or matters
    return Broken(org, tuple(bench.faults), tuple(hidden), not needed)


def _wait(bench: Bench) -> None:
    """Queues in Retry of those that fail, mostly; some of them without an error text."""
    org = bench.snapshot()
    failing: dict[tuple[str, str], model.Way] = {}
    for way in model.ways(org):
        if way.state != "works" and way.sender != way.target:
            failing.setdefault((way.sender, way.target), way)
    waiting: set[tuple[str, str]] = set()
    for (sender, target), way in failing.items():
        hop = _hop(bench.org.server(sender), bench.org.server(target))
        if (sender, hop["to"]) in waiting or bench.dice.random() < 0.3:
            continue
        waiting.add((sender, hop["to"]))
        error = _error(org, way, bench.org.server(sender))
        if bench.dice.random() < 0.1:
            error, hop["status"] = "", "Retry"  # none was read, or none is there (section 6.3)
        bench.org.add_queue(
            sender,
            bench.dice.randint(1, 400),
            error=error,
            first_retry=at("11:48:00"),
            **hop,
        )


def _hop(sender: Server, target: Server) -> dict[str, str]:
    """Delivery type and next hop of a queue from one server to another (section 4.2)."""
    if sender.site != target.site:
        return {"delivery_type": "SmtpRelayToRemoteAdSite", "to": target.site}
    if model.is_legacy(sender):
        return {"delivery_type": "SmtpRelayWithinAdSite", "to": "hub version 15"}
    version = 14 if model.is_legacy(target) else 15
    return {
        "delivery_type": "SmtpRelayToMailboxDeliveryGroup",
        "to": f"site:{target.site.lower()}; version:{version}",
    }


def _error(org: Snapshot, way: model.Way, sender: Server) -> str:
    """What the sender says of the fault, in the form of its version (section 6.1)."""
    says = "451 5.7.3 Cannot achieve Exchange Server authentication"
    if model.GROUP_MISSING in way.causes:
        says = "454 4.7.0 Temporary authentication failure"
    elif model.NOBODY in way.causes:
        says = "421 4.3.2 Service not available"
    if model.is_legacy(sender):
        return STUCK.replace("451 5.7.3 Cannot achieve Exchange Server authentication", says)
    ip = next((str(one) for one in model.addresses_of(org, _server(org, way.target))), "")
    text = STUCK_2016.format(fqdn=f"{way.target.lower()}.contoso.com", ip=ip)
    return text.replace("451 5.7.3 Cannot achieve Exchange Server authentication", says)


def _server(org: Snapshot, name: str) -> Server:
    return next(one for one in org.servers if one.name == name)


Hidden = tuple[Snapshot, str, bool]
"""The organization without a value, what it is, and whether a repair may need it."""


def _hide_value(name: str, *, value: object) -> Callable[[Snapshot, Bench], Hidden]:
    def hide(org: Snapshot, bench: Bench) -> Hidden:
        """A value of one connector; more often where a fault is."""
        modern = [
            one
            for one in org.connectors
            if name != "role" or not model.is_legacy(_server(org, one.server))
        ]
        if not modern:
            return org, "nothing", False
        hurt = [one for one in modern if one.server in bench.hurt]
        one = bench.dice.choice(hurt if hurt and bench.dice.random() < 0.6 else modern)
        new = replace(one, **{name: value})  # type: ignore[arg-type]
        if name in ("ranges_complete", "bindings_complete"):
            listed = name.partition("_")[0]
            kept = getattr(one, listed)[: bench.dice.randint(1, 2)]
            new = replace(new, **{listed: kept})
        connectors = tuple(new if each is one else each for each in org.connectors)
        return replace(org, connectors=connectors), one.identity, one.server in bench.hurt

    return hide


def _hide_addresses(org: Snapshot, bench: Bench) -> Hidden:
    """The addresses of one server."""
    name = bench.dice.choice(org.servers).name
    kept = tuple(one for one in org.addresses if one.server != name)
    return replace(org, addresses=kept), name, True


def _hide_family(org: Snapshot, bench: Bench) -> Hidden:
    """All addresses but one of a server, and nothing says that these are all."""
    name = bench.dice.choice(org.servers).name
    mine = [one for one in org.addresses if one.server == name]
    kept = [one for one in org.addresses if one.server != name]
    told = [ServerAddress(one.server, one.address, "addresses.csv") for one in mine[:1]]
    return replace(org, addresses=(*kept, *told)), name, len(mine) > 1


def _hide_connectors(org: Snapshot, bench: Bench) -> Hidden:
    """All connectors of one server."""
    name = bench.dice.choice(org.servers).name
    kept = tuple(one for one in org.connectors if one.server != name)
    return replace(org, connectors=kept), name, name in bench.hurt


def _hide_settings(org: Snapshot, bench: Bench) -> Hidden:
    """What Get-TransportService says."""
    return replace(org, settings=()), "all servers", any("suppressed" in x for x in bench.faults)


HIDE: Mapping[str, Callable[[Snapshot, Bench], Hidden]] = {
    "PermissionGroups": _hide_value("groups", value=None),
    "AuthMechanism": _hide_value("auth", value=None),
    "Enabled": _hide_value("enabled", value=None),
    "TransportRole": _hide_value("role", value=None),
    "RemoteIPRanges cut": _hide_value("ranges_complete", value=False),
    "Bindings cut": _hide_value("bindings_complete", value=False),
    "addresses": _hide_addresses,
    "addresses but one": _hide_family,
    "connectors": _hide_connectors,
    "Get-TransportService": _hide_settings,
}
"""What may not have been read."""


# -- For people ------------------------------------------------------------------------------------


def described(org: Broken) -> str:
    """The organization as a list to read."""
    snapshot = org.snapshot
    lines = []
    for server in snapshot.servers:
        own = [one.address for one in snapshot.addresses if one.server == server.name]
        sources = {one.source for one in snapshot.addresses if one.server == server.name}
        known = f"{', '.join(own) or 'addresses not known'} ({', '.join(sources)})"
        lines.append(f"{server.name}  Exchange {server.product}, {server.site}, {known}")
        lines += [
            f"    {_one_line(one)}" for one in snapshot.connectors if one.server == server.name
        ]
        lines += [
            f"    queue {one.identity}: {one.status}, {one.delivery_type} {one.next_hop_domain}, "
            f"{(one.last_error or '')[:110]}"
            for one in snapshot.queues
            if one.server == server.name and one.status == "Retry"
        ]
    lines += ["", *(f"planted: {one}" for one in org.faults)]
    lines += [f"not read: {one}" for one in org.hidden]
    lines.append(f"all needed values were read: {org.all_read}")
    return "\n".join(lines)


def _one_line(one: ReceiveConnector) -> str:
    ranges = [str(block) for block in one.ranges]
    shown = ", ".join(ranges if len(ranges) < 9 else [*ranges[:8], f"and {len(ranges) - 8} more"])
    parts = [
        one.name,
        {True: "on", False: "OFF", None: "on?"}[one.enabled],
        (one.role.name or "") if one.role is not None else "role?",
        ", ".join(map(str, one.bindings)) + ("" if one.bindings_complete else " ..."),
        shown.replace("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "all IPv6").replace(
            "0.0.0.0-255.255.255.255", "all IPv4"
        )
        + ("" if one.ranges_complete else " ..."),
        "auth?" if one.auth is None else f"auth {flag_names(one.auth)}",
        "groups?" if one.groups is None else f"groups {flag_names(one.groups)}",
        "suppressed" if one.suppress_x_anonymous_tls else "",
        "RequireTLS" if one.require_tls else "",
        f"Fqdn {one.fqdn}" if "contoso.com" not in one.fqdn else "",
    ]
    return " | ".join(part for part in parts if part)


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(described(broken(int(given))))  # noqa: T201 - it is for people
