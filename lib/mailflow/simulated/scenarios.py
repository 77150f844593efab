r"""Practice organizations by name: small files that say what is built, broken, and sent.

A file in `cases/` is one scenario, or a base that others start from (its name begins with `_`):

    like          the base
    title         what is known at the start, in one sentence that gives no answer
    case          number of its neutral name, `case-3`, for training; that has `case_title`
    difficulty    of a training case, 1 to 3
    story         of a training case: three sentences as a ticket would tell it
    lesson        of a training case: what it teaches, with the facts; shown once it is solved
    now           the moment it begins at; times elsewhere without a date are of that day
    enter         the server to enter at
    servers       name to version, addresses, site, roles ... and whatever is wrong with the machine
    connectors    `SERVER\Name` to its settings, or to what differs from setup's connector
    outside       SMTP domain to what is wrong with it
    send_connector  the one to the internet: its source servers, whether it is scoped, and the
                  certificate it names; a server's certificates have the days until they expire
    mail          who sends how much, since when
    shadow        copies kept for another server
    events        what happened or was done, at a time
    seeded        the cause, what the diagnosis must say of it, and the verdict: for tests alone;
                  `with_logs`: the same once the servers' protocol logs are read beside it

Nothing in it is an error text, a status or a retry time: the transport makes them while it runs
from the first mail up to `now`.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from mailflow.errors import UsageError
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.ranges import parse_range
from mailflow.own_files import packaged
from mailflow.phrases import did_you_mean
from mailflow.simulated.clock import Clock
from mailflow.simulated.organisation import (
    BUILDS,
    AccessEntry,
    Account,
    Organisation,
    PracticeCertificate,
    PracticeQueue,
    PracticeSendConnector,
    PracticeServer,
    role_of,
)
from mailflow.simulated.transport import MailStream, Transport

FIRST = "article"
"""The scenario that is named first: the case the project grew from."""

ACCOUNTS = (
    Account("CONTOSO\\anna", frozenset({"Organization Management"})),
    Account("CONTOSO\\vera", frozenset({"View-Only Organization Management"})),
    Account("CONTOSO\\otto", frozenset()),
)
"""Who manages each simulated organization: one may do all, one may look, one has no role."""

RELAY_RIGHT = AccessEntry("NT AUTHORITY\\ANONYMOUS LOGON", ("ms-Exch-SMTP-Accept-Any-Recipient",))
"""What makes a connector relay for everybody (section 2.6)."""

_Data = dict[str, Any]
_LISTS = ("mail", "shadow", "events")
_KEYS = frozenset(
    {
        *("like", "title", "case", "case_title", "now", "enter", "seeded"),
        *("difficulty", "story", "lesson"),
        *("servers", "connectors", "outside", "send_connector", *_LISTS),
    }
)
_SERVER_KEYS = frozenset({"product", "addresses", "site", "roles", "certificates"})


@dataclass(frozen=True, slots=True)
class Built:
    """A scenario, ready to be worked on.

    Attributes:
        transport: with its organization and clock, which shows the moment the scenario begins at.
        entry: short name of the server to enter at.
        title: what is known at the start.
        story: the same as a ticket tells it; empty for what is no training case.
        lesson: what a training case teaches, a sentence or two each; it gives the answer.
    """

    transport: Transport
    entry: str
    title: str
    story: tuple[str, ...] = ()
    lesson: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was built in, for tests: no door and no cmdlet shows it.

    Attributes:
        cause: id of the cause that the diagnosis names first; empty: there is none, and nothing is
            found, though what can't be read may leave something open.
        state: `found`, or `unknown` where only EHLO or logs could decide; empty without a cause.
        verdict: of the whole diagnosis.
        with_logs: the same once protocol logs are read as well; None: they change nothing.
    """

    cause: str
    state: str
    verdict: str
    with_logs: Seeded | None = None


def names() -> tuple[str, ...]:
    """The scenarios: the article's, the others with telling names, the neutral ones by number."""
    telling = sorted((name for name in _files() if not name.startswith("_")), key=_first)
    neutral = sorted(_neutral(), key=_number)
    return (*telling, *neutral)


def title(name: str) -> str:
    """What is known of a scenario at the start, in one sentence.

    Raises:
        UsageError: no scenario has this name.
    """
    file = _files()[_telling(name)]
    return str(file["case_title"] if name in _neutral() else file["title"])


def difficulties() -> Mapping[str, int]:
    """The training cases by neutral name, in the order of their numbers, with their difficulty."""
    files = _files()
    return {
        name: files[_neutral()[name]]["difficulty"]
        for name in sorted(_neutral(), key=_number)
        if "difficulty" in files[_neutral()[name]]
    }


def seeded(name: str) -> Seeded:
    """What was built into a scenario.

    Raises:
        UsageError: no scenario has this name.
    """
    told = dict(_files()[_telling(name)]["seeded"])
    with_logs = told.pop("with_logs", None)
    return Seeded(**told, with_logs=Seeded(**with_logs) if with_logs else None)


def load(name: str, seed: int = 0, now: datetime | None = None) -> Built:
    """Build an organization and let its mail run up to the moment the scenario begins at.

    A neutral scenario is the telling one with other names and addresses.

    Args:
        name: one of `names()`.
        seed: another one gives other names, addresses, numbers and order of the servers, and the
            same fault.
        now: the moment it begins at, aware, where that is not the one in the file: every time in it
            is moved by as much, and nothing else changes.

    Raises:
        UsageError: no scenario has this name.
        ValueError: the moment has no zone.
    """
    telling = _telling(name)
    data = _whole(telling)
    if seed or name != telling:
        # Randomness that must repeat, and hides nothing.
        data = _disguised(data, random.Random(f"{name}/{seed}"))  # noqa: S311
    return replace(_built(data, now), title=title(name))


def _first(name: str) -> tuple[bool, str]:
    return name != FIRST, name


def _number(neutral: str) -> int:
    return int(neutral.rpartition("-")[2])


@cache
def _files() -> Mapping[str, _Data]:
    return {
        file.name.removesuffix(".json"): json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(packaged("simulated/cases").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".json")
    }


@cache
def _neutral() -> Mapping[str, str]:
    """Neutral name to telling name."""
    return {f"case-{file['case']}": name for name, file in _files().items() if "case" in file}


def _telling(name: str) -> str:
    telling = _neutral().get(name, name)
    if telling not in _files() or telling.startswith("_"):
        raise UsageError(
            f"unknown sample {name!r}.{did_you_mean(name, names())} `mailflow scenarios` lists all"
        )
    return telling


def _whole(name: str) -> _Data:
    """A scenario joined with what it is like; tables by key, lists one after the other."""
    data = deepcopy(_files()[name])
    unknown = set(data) - _KEYS
    if unknown:
        raise ValueError(f"{name}.json: no such key: {', '.join(sorted(unknown))}")
    base = data.pop("like", None)
    return data if base is None else _joined(_whole(base), data)


def _joined(base: _Data, more: _Data) -> _Data:
    joined = dict(base)
    for key, value in more.items():
        before = joined.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            joined[key] = _joined(before, value)
        elif key in _LISTS and before is not None:
            joined[key] = [*before, *value]
        else:
            joined[key] = value
    return joined


def _built(data: _Data, wanted: datetime | None = None) -> Built:
    written = datetime.fromisoformat(data["now"])
    now = written if wanted is None else wanted
    if now.tzinfo is None:
        raise ValueError("a practice begins at a moment with a zone")

    def at(text: str) -> datetime:
        return _time(text, written) + (now - written)

    org = Organisation(
        accounts={account.name: account for account in ACCOUNTS},
        outside=data.get("outside", {}),
        send_connector=_send_connector(data.get("send_connector", {})),
    )
    for name, values in data["servers"].items():
        _install(org, name, values, now)
    for identity, values in data.get("connectors", {}).items():
        if values is None:  # what the scenario builds on has it, and this one has not
            continue
        org.directory.install(_connector(org, identity, values, now))
    streams = [_stream(mail, at) for mail in data.get("mail", [])]
    begin = min((mail_stream.since for mail_stream in streams), default=now)
    transport = Transport(org, Clock(min(begin, now)))
    for shadow in data.get("shadow", []):
        _shadow(transport, shadow, begin)
    for event in data.get("events", []):
        transport.at(at(event["at"]), _happening(transport, event))
    for stream in streams:
        transport.stream(stream)
    transport.advance(now - transport.clock.now)
    story, lesson = (tuple(data.get(key, ())) for key in ("story", "lesson"))
    return Built(transport, data["enter"], "", story, lesson)


def _send_connector(values: _Data) -> PracticeSendConnector:
    sources = tuple(values.get("sources", ()))
    return PracticeSendConnector(**{**values, "sources": sources})


def _install(org: Organisation, name: str, values: _Data, now: datetime) -> None:
    server = org.install(
        name,
        BUILDS[values["product"]],
        list(values["addresses"]),
        site=values.get("site", "Head-Office"),
        roles=values.get("roles", ""),
    )
    server.certificates = [
        PracticeCertificate(
            each["subject"],
            each["issuer"],
            tuple(each["domains"]),
            now + timedelta(days=each["days"]),
        )
        for each in values.get("certificates", ())
    ]
    _set(server, {key: value for key, value in values.items() if key not in _SERVER_KEYS})


def _set(server: PracticeServer, values: _Data) -> None:
    """Change what is wrong with a machine, or how it is set."""
    for key, value in values.items():
        if not hasattr(server, key):
            raise ValueError(f"a server has no {key}")
        setattr(server, key, set(value) if key == "inactive" else value)


def _connector(org: Organisation, identity: str, values: _Data, now: datetime) -> ReceiveConnector:
    """The connector of this name as the file has it; a new one is a relay (section 2.6)."""
    server, _, name = identity.partition("\\")
    known = org.directory.find(identity, now)
    if values.pop("relays", known is None):
        org.access[identity.casefold()] = [RELAY_RIGHT]
    for denial in values.pop("deny", ()):
        org.access.setdefault(identity.casefold(), []).append(
            AccessEntry(denial["user"], tuple(denial["rights"]), deny=True)
        )
    return replace(known or _relay(org, server, name), **_typed(values))


def _relay(org: Organisation, server: str, name: str) -> ReceiveConnector:
    owner = org.server(server)
    if owner is None:
        raise ValueError(f"connector {name}: no server is called {server}")
    has_front = owner.exchange.has_frontend
    return ReceiveConnector(
        server=owner.name,
        name=name,
        enabled=True,
        role=TransportRole.FrontendTransport if has_front else role_of(owner.exchange),
        bindings=(parse_binding("0.0.0.0:25"),),
        ranges=(),
        auth=AuthMechanism.Tls,
        groups=PermissionGroups.AnonymousUsers,
        suppress_x_anonymous_tls=False,
        fqdn=owner.exchange.fqdn,
        require_tls=False,
        protocol_logging="None",
    )


_TYPES: Mapping[str, Callable[[Any], object]] = {
    "ranges": lambda texts: tuple(parse_range(text) for text in texts),
    "bindings": lambda texts: tuple(parse_binding(text) for text in texts),
    "auth": partial(parse_flags, AuthMechanism),
    "groups": partial(parse_flags, PermissionGroups),
    "role": partial(parse_flags, TransportRole),
}


def _typed(values: _Data) -> _Data:
    return {key: _TYPES[key](value) if key in _TYPES else value for key, value in values.items()}


def _stream(mail: _Data, at: Callable[[str], datetime]) -> MailStream:
    return MailStream(
        sender=mail["from"],
        to=mail["to"],
        since=at(mail["since"]),
        every=timedelta(seconds=mail["every"]),
        burst=mail.get("burst", 1),
        until=at(mail["until"]) if "until" in mail else None,
    )


def _shadow(transport: Transport, shadow: _Data, begin: datetime) -> None:
    org = transport.organisation
    primary = org.server(shadow["of"])
    if primary is None:
        raise ValueError(f"shadow of {shadow['of']}: no such server")
    name = f"Shadow\\{shadow['number']}"
    queue = PracticeQueue(shadow["server"], name, "ShadowRedundancy", primary.exchange.fqdn)
    org.queues.append(queue)
    transport.hold(queue, shadow["messages"], begin)


def _happening(transport: Transport, event: _Data) -> Callable[[], None]:
    """What an event does: `retry` queues of a server, `set` a server, or `change` a connector."""
    org = transport.organisation
    if "retry" in event:

        def retry() -> None:
            for queue in org.queues_of(event["retry"]):
                transport.retry(queue)

        return retry
    if "set" in event:
        server = org.server(event["server"])
        if server is None:
            raise ValueError(f"event: no server is called {event['server']}")
        return partial(_set, server, event["set"])
    connector = event["connector"]

    def change() -> None:
        now = transport.clock.now
        known = org.directory.find(connector, now)
        if known is None:
            raise ValueError(f"event: no connector is called {connector}")
        org.directory.write(replace(known, **_typed(event["change"])), now)

    return change


def _time(text: str, now: datetime) -> datetime:
    """A moment from `13:59:17`, of the day of `now`, or from a whole ISO text."""
    if "T" in text:
        return datetime.fromisoformat(text)
    return datetime.fromisoformat(f"{now:%Y-%m-%d}T{text}").replace(tzinfo=now.tzinfo)


_STYLES = (
    ("MBX", "HUB"),
    ("MAIL", "POST"),
    ("MSG", "OLDMSG"),
    ("EXCH", "EXHUB"),
    ("SRVEX", "SRVHT"),
)
"""How companies name servers: those with mailboxes today, and the old ones."""


def _disguised(data: _Data, dice: random.Random) -> _Data:
    """The same organization with other names, addresses, numbers and another order.

    Networks are moved as a whole, so that whatever lay in a range still does.
    """
    new, old = dice.choice(_STYLES)
    numbers = iter(dice.sample(range(1, 90), len(data["servers"])))
    renamed = {
        name: f"{new if int(values['product']) > 2010 else old}{next(numbers):02}"
        for name, values in data["servers"].items()
    }
    text = json.dumps(data)
    pattern = "|".join(sorted(map(re.escape, renamed), key=len, reverse=True))
    text = re.sub(rf"\b(?:{pattern})\b", lambda found: renamed[found[0]], text)
    net = dice.choice([f"10.{dice.randint(2, 250)}.", f"172.{dice.randint(16, 31)}."])
    text = re.sub(r"\b10\.0\.(?=\d+\.\d)", net, text)
    text = text.replace("2001:db8::", f"2001:db8:{dice.randint(1, 0xFFFE):x}::")
    changed: _Data = json.loads(text)
    servers = list(changed["servers"].items())
    dice.shuffle(servers)
    for _, server in servers:
        server["queue_number"] = dice.randint(100, 9000)
    changed["servers"] = dict(servers)
    return changed
