"""What the network team of a practice can be asked to do, where no cmdlet of Exchange helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mailflow.simulated.organisation import PracticeServer
from mailflow.simulated.practice import Practice

NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """Something that can be asked for.

    Attributes:
        words: what the ticket to the network team says.
        on: does it for one server.
    """

    words: str
    on: Callable[[PracticeServer], None]


def _open(server: PracticeServer) -> None:
    if server.network == "silent":
        server.network = "open"


def _untranslated(server: PracticeServer) -> None:
    server.seen_as = {}


def _uninspected(server: PracticeServer) -> None:
    server.strips_verbs = False


REQUESTS: Mapping[str, NetworkRequest] = {
    "open-ports": NetworkRequest("Open ports 25 and 2525 between the Exchange servers.", _open),
    "no-translation": NetworkRequest(
        "Let traffic between the Exchange servers bypass address translation.", _untranslated
    ),
    "no-inspection": NetworkRequest(
        "Switch off SMTP inspection for traffic between the Exchange servers.", _uninspected
    ),
}


def carry_out(practice: Practice, request: str) -> None:
    """Do what was asked for, between all servers; queues find out when they are retried.

    Args:
        practice: whose network it is.
        request: a key of `REQUESTS`.
    """
    with practice.lock:
        for server in practice.organisation.servers:
            REQUESTS[request].on(server)
