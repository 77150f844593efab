"""A server as it is compared with others: its endpoints, its maps, and its kinds of connectors."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from mailflow.analysis.capabilities import Rights
from mailflow.analysis.places import Place, hidden_connectors, processes_at
from mailflow.analysis.servers import ServerView, address_of, is_whole
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address, Family

if TYPE_CHECKING:
    from mailflow.exchange.answer_map import AnswerMap
    from mailflow.exchange.range_columns import Numbers


@dataclass(frozen=True, slots=True)
class TwinSketch:
    """A map by kinds of connectors.

    Attributes:
        keys: `AnswerMap.keys` with the numbers of kinds; not looked at for IPv6.
        content: starts of blocks and the kind that accepts each; equal for maps that are one but
            for names.
    """

    keys: Numbers
    content: tuple[bytes, ...]


class TwinServer:
    """A server and what its connectors let hosts do; its maps are made once."""

    def __init__(self, view: ServerView, rights: Rights) -> None:
        """Take the server, and the rights of its organization."""
        self.view = view
        self.rights = rights
        self._maps: dict[tuple[Family, int, Address | None], AnswerMap] = {}
        self._kinds: dict[int, Hashable] = {}
        self._plain: dict[tuple[Family, int, Address | None], bool] = {}

    @cached_property
    def ports(self) -> dict[tuple[Family, int], tuple[Address, ...]]:
        """Family and port of enabled connectors to the local addresses they name there."""
        on = [each for each in self.view.connectors if each.enabled is not False]
        found: dict[tuple[Family, int], dict[int, None]] = {}
        for binding in chain.from_iterable(each.bindings for each in on):
            named = found.setdefault((binding.family, binding.port), {})
            if binding.address:
                named[binding.address] = None
        return {
            key: tuple(address_of(key[0], number) for number in sorted(named))
            for key, named in sorted(found.items())
        }

    @cached_property
    def hidden(self) -> tuple[str, ...]:
        """Why it may have connectors that were not read."""
        return tuple(hidden_connectors(self.view, self.view.connectors))

    @cached_property
    def configured(self) -> Hashable:
        """What decides whom each connector accepts, and how; remote ranges only by their number.

        Equal for servers that are configured alike, in the same order, whatever names they have.
        Local addresses that connectors name have their own on each server: equal to itself alone.
        """
        view = self.view
        on = [each for each in view.connectors if each.enabled is not False]
        return (
            view.name if any(bound.address for each in on for bound in each.bindings) else "",
            bool(self.hidden),
            tuple(
                (
                    each.enabled,
                    each.role,
                    each.bindings,
                    each.bindings_complete,
                    each.ranges_complete,
                    len(each.ranges),
                    self.kind(each),
                )
                for each in view.connectors
            ),
        )

    def has_ranges_of(self, other: TwinServer) -> bool:
        """Whether the remote ranges are those of a server that is `configured` alike otherwise.

        Lists that are equal mostly share their ranges, and then this takes next to no time.
        """
        return all(
            mine.ranges == theirs.ranges
            for mine, theirs in zip(self.view.connectors, other.view.connectors, strict=True)
        )

    @cached_property
    def place_of(self) -> dict[int, int]:
        """The place of each connector, by `id`."""
        return {id(each): place for place, each in enumerate(self.view.connectors)}

    def kind(self, connector: ReceiveConnector) -> Hashable:
        """What decides how a connector treats hosts; equal for those that treat them alike."""
        if id(connector) not in self._kinds:
            self._kinds[id(connector)] = (
                connector.auth,
                connector.groups,
                connector.suppress_x_anonymous_tls,
                connector.require_tls,
                connector.protocol_logging,
                connector.limits,
                self.rights.shown(connector),
                self.rights.of(connector),
            )
        return self._kinds[id(connector)]

    def has_others(self, family: Family, named: Iterable[Address]) -> bool:
        """Whether it may have a local address besides those that connectors name."""
        if not self.view.has_all_addresses:
            return True
        return bool(set(self.view.of_family(family)) - set(named))

    def is_plain(self, place: Place) -> bool:
        """Whether the map of this place says all: nothing unread, no tie, one process."""
        key = (place.family, place.port, place.local)
        if key not in self._plain:
            taking_part = [each for each in self.view.connectors if each.enabled is not False]
            processes = processes_at(taking_part, place)
            self._plain[key] = (
                all(map(is_whole, taking_part)) and len(processes) < 2 and not self._has_ties(place)
            )
        return self._plain[key]

    def _has_ties(self, place: Place) -> bool:
        """Whether a host's connector depends on the order of loading (S1.36).

        Ranges of one size may tie, or lie below smaller ones. The first by name wins a tie in a
        map, and the last one in a map with the names turned round: where both maps are one, there
        is none.
        """
        if not self.map_at(place).may_tie:
            return False
        connectors = self.view.connectors
        order = sorted(range(len(connectors)), key=lambda at: connectors[at].name.casefold())
        names = {at: f"{len(order) - rank:06}" for rank, at in enumerate(order)}
        turned = [replace(each, name=names[at]) for at, each in enumerate(connectors)]
        return not _is_one(self.map_at(place), self._mapped(turned, place))

    def sketch(
        self, place: Place, number: Callable[[ReceiveConnector], int | None]
    ) -> TwinSketch | None:
        """The map of a place by kinds of connectors; None where a kind in it has no number.

        Args:
            place: the endpoint.
            number: of the kind of a connector, from 1; None: it cannot be told.
        """
        import numpy as np

        found = self.map_at(place)
        winners = found.winners
        kinds = np.zeros(len(found.connectors) + 1, dtype=np.uint64)
        for at in np.flatnonzero(np.bincount(winners + 1)[1:]).tolist():
            told = number(found.connectors[at])
            if told is None:
                return None
            kinds[at] = told
        shown = kinds[winners]
        cuts = np.append(0, np.flatnonzero(shown[1:] != shown[:-1]) + 1)
        keys = found.keys(kinds)
        columns = [keys] if place.family == 4 else [found.maps.places, found.maps.highs, shown]
        return TwinSketch(keys, tuple(each[cuts].tobytes() for each in columns))

    def map_at(self, place: Place) -> AnswerMap:
        """Who accepts there, for every remote address."""
        key = (place.family, place.port, place.local)
        if key not in self._maps:
            self._maps[key] = self._mapped(self.view.connectors, place)
        return self._maps[key]

    def _mapped(self, connectors: Sequence[ReceiveConnector], place: Place) -> AnswerMap:
        from mailflow.exchange.answer_map import map_answers

        processes = processes_at(connectors, place)
        return map_answers(
            connectors,
            process=next(iter(processes), TransportRole.HubTransport),
            local=place.local,
            port=place.port,
            family=place.family,
        )


def _is_one(found: AnswerMap, other: AnswerMap) -> bool:
    """Whether two maps of the same connectors have the same winners everywhere."""
    from mailflow.exchange.answer_map import differences

    places = (list(found.connectors), list(other.connectors))

    def differ(old: ReceiveConnector | None, new: ReceiveConnector | None) -> bool:
        pair = (old, new)
        at = [
            next((n for n, known in enumerate(some) if known is each), -1)
            for each, some in zip(pair, places, strict=True)
        ]
        return at[0] != at[1]

    return not any(True for _ in differences(found, other, differ))
