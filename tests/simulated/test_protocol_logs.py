"""The logs of the simulated organization are read like real ones, and decide (S7.20 to S7.27)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mailflow.opening import open_source, practice_snapshot
from mailflow.simulated import scenarios
from mailflow.simulated.practice import Practice
from mailflow.simulated.protocol_logs import protocol_logs
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis

DECIDED = {
    name: known.with_logs
    for name in scenarios.names()
    if (known := scenarios.seeded(name)).with_logs
} | {"certificate-lost": scenarios.seeded("certificate-lost")}
"""Organizations that connectors leave undecided, and what their logs show."""


def logs_in(folder: Path, name: str, kinds: str = "SEND RECV") -> Path:
    """The logs of a scenario as files; those of the kinds named."""
    for file, text in protocol_logs(Practice.begin(name).organisation).items():
        if any(kind in file for kind in kinds.split()):
            (folder / file).write_text(text, encoding="utf-8-sig")
    return folder


def test_some_are_decided_by_logs_alone() -> None:
    """One of each cause that only logs show."""
    assert {known.cause for known in DECIDED.values()} == {
        "source-address-translated",
        "smtp-inspection",
        "internal-transport-certificate",
    }


@pytest.mark.parametrize("name", DECIDED)
def test_logs_decide_what_configuration_leaves_open(tmp_path: Path, name: str) -> None:
    """C4, C5, C8: undetermined without them; with them every stuck queue has its cause.

    A list of certificates would decide one of them without logs: none was exported.
    """
    org = replace(practice_snapshot(Practice.begin(name), f"demo:{name}"), kept={})
    logs = str(logs_in(tmp_path, name))
    found = findings(replace(open_source(f"demo:{name}", evidence=[logs]), kept={}))
    decided = [each for each in found.findings if each.state == "found"]

    assert findings(org).verdict == "unknown"
    assert found.verdict == DECIDED[name].verdict
    assert {each.state for each in decided} == {DECIDED[name].state}
    assert {each.cause for each in decided} == {DECIDED[name].cause}
    assert {queue for each in decided for queue in each.queues} == {
        queue.identity for queue in org.queues if queue.status == "Retry"
    }


@pytest.mark.parametrize("name", scenarios.names())
def test_logs_never_contradict_what_is_known(tmp_path: Path, name: str) -> None:
    """Beside any organization they change nothing that was decided, and accuse nobody else."""
    logs = logs_in(tmp_path, name)
    if not any(logs.iterdir()):
        queues = Practice.begin(name).organisation.queues
        assert not any(queue.shown_status == "Retry" and queue.targets for queue in queues)
        return
    plain = findings(open_source(f"demo:{name}"))
    beside = findings(open_source(f"demo:{name}", evidence=[str(logs)]))

    if plain.verdict == "unknown":
        assert causes(plain) <= causes(beside)
        decided = {DECIDED[name].cause} if name in DECIDED else set()
        assert {cause for cause, _ in causes(beside)} == decided
    else:
        assert causes(beside) == causes(plain)
        assert beside.verdict == plain.verdict


def causes(found: Diagnosis) -> set[tuple[str, str | None]]:
    """What was found, and where."""
    return {(each.cause, each.server) for each in found.findings if each.state == "found"}
