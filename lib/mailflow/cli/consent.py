"""Before a run that changes something: sign in once, show the proof, ask for each connector."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.destination import destination
from mailflow.cli.terminal import columns, progress
from mailflow.errors import UsageError
from mailflow.plain import one_line, wrap

if TYPE_CHECKING:
    from mailflow.analysis.change import Edit
    from mailflow.apply.unfinished import Unfinished
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
        UsageError: the sign-in cannot be tried as it was asked for.
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
        foreign: whether `--foreign` was given.
    """

    named: Sequence[str]
    runs: Path
    foreign: bool = False

    def __call__(self, org: Snapshot, values: Mapping[str, object]) -> list[str]:
        """The confirmed connectors, each with the hash of the change that was proven.

        Raises:
            UsageError: `--confirm` names what is no connector.
        """
        from mailflow.apply.unfinished import that_can_go_on
        from mailflow.opening import is_live
        from mailflow.repairing import NOT_LIVE
        from mailflow.views.findings import findings
        from mailflow.views.proposal import prove_proposal

        progress("")
        known = {connector.identity.casefold() for connector in org.connectors}
        wrong = [name for name in self.named if known and name.casefold() not in known]
        if wrong:
            raise UsageError(
                f"--confirm {wrong[0]}: no such receive connector; expected SERVER\\Name"
            )
        least = values.get("min_messages", 1)
        found = findings(org, least if isinstance(least, int) else 1)
        proof = prove_proposal(org, found, str(values.get("change") or ""))
        say(self._unfinished(org))
        left = that_can_go_on(self.runs.resolve(), org)
        if not proof.changes and not left:
            say(["No change to confirm."])
            return []
        if not is_live(org.origin):
            say([f"Nothing will be changed: {NOT_LIVE}."])
            return []
        from mailflow.repair.plan import harm

        say([proof.summary, *(each.text for each in harm(proof))])
        agreed = [
            f"{edit.identity}={edit.both_sha256}"
            for edit in proof.changes
            if is_agreed(edit.identity, _facts(edit), self.named, "apply the change")
        ]
        return agreed + [each for unfinished in left for each in self._going_on(unfinished, org)]

    def _going_on(self, unfinished: Unfinished, org: Snapshot) -> Iterator[str]:
        """The connectors with which an interrupted repair is to go on."""
        from mailflow.repairing import going_on
        from mailflow.sources.credentials import LiveOptions

        if unfinished.journal is None:
            return
        servers = [each for each in org.servers if any(map(each.is_named, unfinished.servers))]
        say([*destination(org.origin, servers, LiveOptions()), going_on(unfinished)])
        for entry in unfinished.there:
            say([f"Already set: {change}" for change in entry.changes])
        if unfinished.foreign and not self._takes(unfinished):
            return
        for entry in unfinished.there:
            if is_agreed(entry.connector, (), self.named, "continue"):
                yield f"{entry.connector}={unfinished.journal.confirmation(entry)}"

    def _takes(self, unfinished: Unfinished) -> bool:
        """Whether a foreign journal is taken; where nobody can be asked that is said, and it isn't.

        The rest of the run does not depend on it.
        """
        try:
            return is_taken(f"{unfinished.folder.name}: {unfinished.foreign}", foreign=self.foreign)
        except UsageError as error:
            say([f"{error}."])
            return False

    def _unfinished(self, org: Snapshot) -> Iterator[str]:
        """What an earlier run left, as far as its journal and this reading tell."""
        from mailflow.apply.unfinished import peek

        for unfinished in peek(self.runs, org):
            if unfinished.problem:
                yield f"Interrupted repair in {unfinished.folder.name}: {unfinished.problem}."
            for each in unfinished.standings:
                name = each.entry.connector
                yield f"Interrupted repair in {unfinished.folder.name}: {name}: {each.state}."


def is_agreed(connector: str, facts: Iterable[str], named: Iterable[str], what: str) -> bool:
    """Whether a person confirmed a connector: by option, or by typing its name now.

    Args:
        connector: its identity.
        facts: lines that say what would be done.
        named: identities given as options.
        what: the same in a few words, `apply the change`.
    """
    if connector.casefold() in {identity.casefold() for identity in named}:
        return True
    if not _is_somebody_there():
        return False
    name = one_line(connector)
    say(facts)
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
        say(["Names do not match."])
    return False


def _facts(edit: Edit) -> Iterator[str]:
    from mailflow.repair.wording import value_lines

    yield str(edit)
    yield from value_lines(edit)
    if edit.undo_refusal:
        yield f"No rollback: Exchange would refuse the current values: {edit.undo_refusal}"


def is_taken(why: str, *, foreign: bool) -> bool:
    """Whether a person takes a foreign journal: by option, or by answering now.

    Args:
        why: whose it is and why it is foreign, a clause.
        foreign: whether `--foreign` was given.

    Raises:
        UsageError: there is nobody to be asked; names the option.
    """
    if foreign:
        return True
    if not _is_somebody_there():
        raise UsageError(f"{why}; nothing was done. To use it anyway, add --foreign")
    say([f"{why}."])
    return click.confirm("Use it anyway?", default=False, err=True)


def _is_somebody_there() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def say(lines: Iterable[str]) -> None:
    """Lines for a person, wrapped; what comes from elsewhere begins no line of its own."""
    for line in lines:
        for part in wrap(one_line(line), columns()):
            click.echo(part, err=True)
