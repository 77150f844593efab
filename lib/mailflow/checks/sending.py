"""What else configuration says of a stuck queue: the certificates and send connectors on its way.

They are looked at only where a queue is stuck and no receive connector explains it: what no path
needs costs no verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.queues import QueueCase
from mailflow.checks import (
    certificate_problem,
    internal_transport_certificate,
    send_connector_source,
)
from mailflow.checks.check import ConnectorWords, Finding, State

OUTSIDE = "outside-the-connectors"
ROUTING = "routing-or-loop"


def _is_found(finding: Finding) -> bool:
    return finding.state == "found"


class Sending:
    """Collects such findings queue by queue."""

    def __init__(self, analysis: Analysis) -> None:
        """Take the analysis; nothing is found yet."""
        self._analysis = analysis
        self._found: dict[tuple[str, State, str], Finding] = {}

    def explains(self, case: QueueCase, own: tuple[str, State]) -> bool:
        """Look at what a queue needs.

        Args:
            case: the queue.
            own: the cause that its error names by itself, and how sure that is.

        Returns:
            Whether something found says more than the error does, and stands in its place.
        """
        cause, _ = own
        if cause == OUTSIDE:
            found = [*internal_transport_certificate.of_queue(self._analysis, case)]
        elif cause == ROUTING:
            found = [*send_connector_source.of_queue(self._analysis, case)]
        else:
            found = [*certificate_problem.of_queue(self._analysis, case)]
        for each in found:
            self._add(each)
        says_more = cause in (OUTSIDE, ROUTING) or certificate_problem.names_it(case)
        return says_more and any(map(_is_found, found))

    def beside(self, entries: Iterable[Finding]) -> list[Finding]:
        """What was found, each with all its queues; no question that an entry has answered."""
        answered = {(each.id, each.server) for each in entries if each.state == "found"}
        answered |= {(each.id, each.server) for each in self._found.values() if _is_found(each)}
        return [
            each
            for each in self._found.values()
            if _is_found(each) or (each.id, each.server) not in answered
        ]

    def _add(self, finding: Finding) -> None:
        said = finding.evidence
        assert isinstance(said, ConnectorWords)  # noqa: S101 - each of the three checks gives them
        server = finding.server.name if finding.server else ""
        key = (finding.id, finding.state, server)
        known = self._found.get(key)
        self._found[key] = (
            replace(known, queues=(*known.queues, *finding.queues)) if known else finding
        )
