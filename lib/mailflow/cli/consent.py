"""Before a run that changes something: log on once, show the proof, ask for each connector."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.terminal import columns, progress
from mailflow.errors import UsageError
from mailflow.plain import visible, wrap

if TYPE_CHECKING:
    from mailflow.analysis.change import Edit
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions

TRIES = 3
"""How often a name that was typed wrongly is asked for again."""


def hand_over(source: str, live: LiveOptions) -> LiveOptions:
    """Log-on options, and a password that was asked for once, into this process's environment.

    The kernel that applies the change inherits them; they are on no command line and in no file.
    The password is there once, under a name of ours: the kernel takes it out of its environment.

    Returns:
        the options that lead to it, for this process.

    Raises:
        UsageError: the log-on cannot be tried as it was asked for.
    """
    from mailflow.opening import is_live, live_doors
    from mailflow.sources.credentials import LiveOptions, handed_over

    if not is_live(source):
        return live
    options = live.over(LiveOptions.from_environment(os.environ))
    _, way, _ = live_doors(source, options)
    told = replace(
        options,
        auth=way.auth,
        ca=_absolute(options.ca),
        cert=_absolute(options.cert),
        key=_absolute(options.key),
    )
    handed = handed_over(told, way.password)
    for name in (options.password_env, *options.to_environment()):
        os.environ.pop(name, None)
    os.environ.update(handed)
    return LiveOptions.from_environment(handed)


def _absolute(path: str) -> str:
    """A path as the kernel finds it, which works in another folder."""
    return str(Path(path).resolve()) if path else ""


@dataclass(frozen=True, slots=True)
class AskingConsent:
    r"""Asks a person what may be changed; a `Consent` of `mailflow.runs`.

    Attributes:
        named: connectors that `--confirm` named.
        runs: where run folders are.
    """

    named: Sequence[str]
    runs: Path

    def __call__(self, org: Snapshot, values: Mapping[str, object]) -> list[str]:
        """The confirmed connectors, each with the hash of the change that was proven.

        Raises:
            UsageError: `--confirm` names what is no connector.
        """
        from mailflow.apply.unfinished import that_can_go_on
        from mailflow.opening import is_live
        from mailflow.repairing import NOT_LIVE, going_on
        from mailflow.steps.findings import findings
        from mailflow.steps.proposal import prove_proposal

        progress("")
        known = {one.identity.casefold() for one in org.connectors}
        wrong = [one for one in self.named if known and one.casefold() not in known]
        if wrong:
            raise UsageError(f"--confirm {wrong[0]}: no connector is called this")
        least = values.get("min_messages", 1)
        proof = prove_proposal(org, findings(org, least if isinstance(least, int) else 1))
        _say(self._unfinished(org))
        left = that_can_go_on(self.runs.resolve(), org)
        if not proof.changes and not left:
            _say(["No change to confirm."])
            return []
        if not is_live(org.origin):
            _say([f"Nothing will be changed: {NOT_LIVE}."])
            return []
        _say([proof.summary])
        agreed = [
            f"{one.identity}={one.both_sha256}"
            for one in proof.changes
            if is_agreed(one.identity, _facts(one), self.named, "apply the change")
        ]
        return agreed + [
            f"{entry.connector}={entry.new_sha256}"
            for one in left
            for entry in one.there
            if is_agreed(entry.connector, [going_on(one)], self.named, "continue")
        ]

    def _unfinished(self, org: Snapshot) -> Iterator[str]:
        """What an earlier run left, as far as its journal and this reading tell."""
        from mailflow.apply.unfinished import peek

        for one in peek(self.runs, org):
            if one.problem:
                yield f"Interrupted repair in {one.folder.name}: {one.problem}."
            for each in one.standings:
                name = each.entry.connector
                yield f"Interrupted repair in {one.folder.name}: {name}: {each.state}."


def is_agreed(connector: str, facts: Iterable[str], named: Iterable[str], what: str) -> bool:
    """Whether a person confirmed a connector: by option, or by typing its name now.

    Args:
        connector: its identity.
        facts: lines that say what would be done.
        named: identities given as options.
        what: the same in a few words, `apply the change`.
    """
    if connector.casefold() in {one.casefold() for one in named}:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    name = visible(connector)
    _say(facts)
    for _ in range(TRIES):
        typed = click.prompt(
            f"Type {name} to {what}, or press Enter to skip",
            default="",
            show_default=False,
            err=True,
        )
        if not typed.strip():
            return False
        if typed.strip().casefold() == connector.casefold():
            return True
        _say(["Names do not match."])
    return False


def _facts(edit: Edit) -> Iterator[str]:
    from mailflow.repair.wording import value_lines

    yield str(edit)
    yield from value_lines(edit)
    if edit.undo_refusal:
        yield f"No rollback: Exchange would refuse the current values: {edit.undo_refusal}"


def _say(lines: Iterable[str]) -> None:
    for line in lines:
        for part in wrap(visible(line), columns()):
            click.echo(part, err=True)
