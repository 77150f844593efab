"""One repair for all findings: judged again after each step, put in order, proven, or none.

What is printed is what was simulated, in its order, with everything else that is printed. Where the
result would still fail, or another host would lose, there is no command but words that say why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.assessment import (
    CONFIGURATION_CAUSES,
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    NOBODY,
    RIGHTS_DENIED,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
    assess_connector,
)
from mailflow.analysis.capabilities import RELAY, TRUSTED, Effect
from mailflow.analysis.change import Edit
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.paths import Judge, MailPath
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import Check, NoStep, Stepper
from mailflow.checks.registry import CHECKS
from mailflow.exchange.connectors import AuthMechanism, ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, format_range, single
from mailflow.exchange.refusals import TLS_MISSING, refusal
from mailflow.phrases import joined
from mailflow.repair.claim import Proof, Refusal, RefusalKind
from mailflow.repair.impact import prove
from mailflow.repair.simulation import Refuser, refuser

ROUNDS = 16
"""After so many steps without an end there is no repair."""

ORDER = (NOBODY, SHADOWED, DEFAULT_LACKS_AUTH, GROUP_MISSING, SUPPRESSED)
"""In which causes are taken away, after role conflicts: first who accepts, then how."""

_STEPS = {cause: check.step for cause, check in CHECKS.items() if check.step is not None}


@dataclass(frozen=True, slots=True)
class Repair:
    """What repairs everything that was found, or why there is nothing to type.

    Attributes:
        edits: commands in an order in which Exchange takes each; empty where there is no repair.
        steps: identity of each changed connector to the steps of checks that changed it.
        late: identities of those whose fault only comes to light behind another one.
        refused: why there is no repair, or none for some server.
        proof: what the commands do to every address.
    """

    edits: tuple[Edit, ...] = ()
    steps: Mapping[str, frozenset[Stepper]] = field(default_factory=dict)
    late: frozenset[str] = frozenset()
    refused: tuple[Refusal, ...] = ()
    proof: Proof | None = None

    @property
    def commands(self) -> tuple[str, ...]:
        """PowerShell, in order."""
        return tuple(edit.command for edit in self.edits)

    @property
    def rollback(self) -> tuple[str, ...]:
        """PowerShell that restores everything, the last change first."""
        return tuple(edit.undo for edit in reversed(self.edits) if edit.undo)

    def of(self, check: Check, server: str, connector: str | None) -> tuple[Edit, ...]:
        """The edits of a server that take a cause away; of one connector where it is changed."""
        mine = [
            edit
            for edit in self.edits
            if _short(edit.before.server) == _short(server)
            and check.step in self.steps[edit.identity]
        ]
        own = [edit for edit in mine if connector and edit.identity == connector]
        if not own:
            return tuple(mine)
        return tuple(edit for edit in mine if edit in own or edit.identity in self.late)


def repair(
    analysis: Analysis,
    paths: Iterable[MailPath],
    conflicts: Iterable[str] = (),
    *,
    judge: Judge | None = None,
    further: Iterable[MailPath] = (),
    lost: Iterable[str] = (),
) -> Repair:
    """The repair of all paths that were found to fail.

    Args:
        analysis: of the organization as it is.
        paths: all paths, with those found that a stuck queue made so.
        conflicts: names of servers whose role conflicts were found, on whatever endpoint.
        judge: judges the paths again; left out: that of the analysis.
        further: connections that nothing makes today and that were found to fail as well.
        lost: identities of setup's connectors that lost what servers need, whoever arrives there.
    """
    wanted, connectors = set(conflicts), {name.casefold() for name in lost}
    coming = list(further)
    by_target: dict[ServerView, tuple[list[MailPath], list[MailPath]]] = {}
    for place, some in enumerate((paths, coming)):
        for path in some:
            by_target.setdefault(path.target, ([], []))[place].append(path)
    drafts = []
    for view in analysis.servers:
        mine, others = by_target.get(view, ([], []))
        bare = {each.identity.casefold() for each in view.connectors} & connectors
        failing = any(
            path.state == "found" and path.cause != RIGHTS_DENIED for path in (*mine, *others)
        )
        if failing or bare or view.name in wanted:
            drafts.append(_ServerRepair(judge or analysis.judge, view, mine, others, bare))
    for draft in drafts:
        draft.work_out()
    refused = tuple(refusal for draft in drafts for refusal in draft.refused)
    edits = tuple(edit for draft in drafts for edit in draft.edits)
    if refused or not edits:
        return Repair(refused=refused)
    unsafe = [edit for edit in edits if not edit.command]
    if unsafe:
        return Repair(refused=tuple(map(_unquotable, unsafe)))
    proof = prove(analysis.org, edits)
    harmed = tuple(harm(proof, {each.address for each in coming if each.address}))
    if harmed:
        return Repair(refused=harmed)
    steps = {
        identity: frozenset(some) for draft in drafts for identity, some in draft.steps.items()
    }
    late = frozenset(name for draft in drafts for name in draft.late)
    return Repair(edits, steps, late, (), proof)


def _short(server: str) -> str:
    return server.partition(".")[0].casefold()


class _ServerRepair:
    """The repair of one server, step by step."""

    def __init__(
        self,
        judge: Judge,
        view: ServerView,
        paths: Sequence[MailPath],
        further: Sequence[MailPath],
        lost: Collection[str],
    ) -> None:
        self._judge, self._view, self._before = judge, view, paths
        self._further, self._lost = further, lost
        self._now = view
        self.steps: dict[str, set[Stepper]] = {}
        self.late: set[str] = set()
        self._found: set[Stepper] = set()
        self.edits: list[Edit] = []
        self.refused: list[Refusal] = []

    def work_out(self) -> None:
        """Take away what is wrong, step after step, until nothing is; then put it in order."""
        if self._view.hidden:
            name = self._view.name
            text = (
                f"Some receive connectors of {name} may be missing from the export, so the effect "
                "of a change cannot be proven. Export them in full, then rerun:"
            )
            self._refuse("unread", None, text, Missing(name, CONNECTORS).command)
            return
        concerned = {path.sender.name for path in self._before if path.state == "found"}
        for turn in range(ROUNDS):
            paths = list(self._judge.paths_to(self._now) if turn else self._before)
            wrong = [path for path in paths if _fails(path, concerned)]
            wrong += self._wrong_beside()
            if not wrong and not self._now.role_conflicts:
                self._finish(paths)
                return
            if not turn:
                self._found = {_STEPS[path.cause] for path in wrong if path.cause in _STEPS}
                self._found |= {_STEPS[ROLE_CONFLICT]} if self._now.role_conflicts else set()
            step, mine = self._next(wrong)
            made = step(self._now, mine)
            if isinstance(made, NoStep):
                self._refuse(made.kind, made.connector, made.text, made.command)
                return
            if not self._take(step, made):
                break
        self._refuse(
            "elsewhere",
            None,
            f"No change of connectors on {self._view.name} was found that lets every server "
            "authenticate.",
        )

    def _wrong_beside(self) -> Iterator[MailPath]:
        """What is still found on connections that no mail takes today."""
        for path in self._judge.again(self._now, self._further):
            if path.state == "found":
                yield path
        for each in self._now.connectors:
            if each.identity.casefold() in self._lost:
                said = assess_connector(each, self._now.connectors, downgraded=True)
                if said.state == "found":
                    yield MailPath(self._now, self._now, None, None, said)

    def _next(self, wrong: Sequence[MailPath]) -> tuple[Stepper, Sequence[MailPath]]:
        """The step that comes next, and the paths it is for."""
        if self._now.role_conflicts:
            return _STEPS[ROLE_CONFLICT], wrong
        cause = next(cause for cause in ORDER if any(path.cause == cause for path in wrong))
        return _STEPS[cause], [path for path in wrong if path.cause == cause]

    def _take(self, step: Stepper, connectors: Sequence[ReceiveConnector]) -> bool:
        """Go on with these connectors; False where nothing changed."""
        changed = [
            new
            for old, new in zip(self._now.connectors, connectors, strict=True)
            if old is not new and old != new
        ]
        # What only comes to light behind another fault belongs to the findings that there are.
        is_late = step not in self._found
        for each in changed:
            if is_late and each.identity not in self.steps:
                self.late.add(each.identity)
            mine = self._found | {step} if is_late else {step}
            self.steps.setdefault(each.identity, set()).update(mine)
        self._now = self._now.with_connectors(connectors)
        return bool(changed)

    def _finish(self, paths: Sequence[MailPath]) -> None:
        for path in self._not_clear(paths):
            self.refused.append(_undetermined(path))
        if self.refused:
            return
        pairs = [
            (old, _tidied(old, new, self._view))
            for old, new in zip(self._view.connectors, self._now.connectors, strict=True)
            if old != new
        ]
        for old, new in pairs:
            unread = Edit(old, new).unread
            if unread:
                text = f"{joined(unread)} of {old.identity} was not exported whole."
                self._refuse("unread", old.identity, text)
                return
        self._order(pairs)

    def _not_clear(self, paths: Iterable[MailPath]) -> Iterator[MailPath]:
        """Paths that failed or worked before, and do not work for certain afterwards."""
        before: dict[tuple[object, ...], set[str]] = {}
        for path in self._before:
            before.setdefault(_key(path), set()).add(path.state)
        # No change of a connector touches its access list: what is denied there stays so.
        denied = {_key(path) for path in self._before if path.cause == RIGHTS_DENIED}
        for path in paths:
            if path.cause == RIGHTS_DENIED and _key(path) in denied:
                continue
            was = before.get(_key(path), {"clear"})
            if path.state != "clear" and ("found" in was or was == {"clear"}):
                yield path

    def _order(self, pairs: Sequence[tuple[ReceiveConnector, ReceiveConnector]]) -> None:
        refuse = refuser(self._view)
        order = in_order(self._view.connectors, [new for _, new in pairs], refuse)
        if isinstance(order, NoOrder):
            text = f"Exchange would refuse the change of {order.identity}: {order.text}"
            self._refuse("refused", order.identity, text)
            return
        state = {each.identity: each for each in self._view.connectors}
        then = dict(state) | {new.identity: new for _, new in pairs}
        edits: list[Edit] = []
        for new in order:
            beside = tuple(state.values())
            edits.append(Edit(state[new.identity], new, beside))
            state[new.identity] = new
        # Rolled back is from the last to the first, each beside what is there at that moment.
        for place in reversed(range(len(edits))):
            edit = edits[place]
            text = refuse(edit.before, list(then.values())) or ""
            edits[place] = replace(edit, undo_refusal=text)
            if not text:
                then[edit.identity] = edit.before
        self.edits = edits

    def _refuse(
        self, kind: RefusalKind, connector: str | None, text: str, command: str = ""
    ) -> None:
        self.refused.append(Refusal(self._view.name, connector, kind, text, command))


@dataclass(frozen=True, slots=True)
class NoOrder:
    """A connector that Exchange takes in no order, and what it says of it."""

    identity: str
    text: str


def in_order(
    before: Sequence[ReceiveConnector],
    changed: Sequence[ReceiveConnector],
    refuse: Refuser,
) -> list[ReceiveConnector] | NoOrder:
    """The changed connectors in an order in which Exchange takes each (section 1.5).

    Args:
        before: all connectors of the server.
        changed: those that get new values, with these.
        refuse: what Exchange says of a connector beside the others as they are at that moment.

    Returns:
        the order; or what Exchange says of the first that it takes in no order.
    """
    state = {each.identity: each for each in before}
    waiting, order = list(changed), []
    while waiting:
        texts = [refuse(each, list(state.values())) for each in waiting]
        if None not in texts:
            return NoOrder(waiting[0].identity, texts[0] or "")
        taken = waiting.pop(texts.index(None))
        state[taken.identity] = taken
        order.append(taken)
    return order


def _fails(path: MailPath, concerned: set[str]) -> bool:
    """Whether a path has to be repaired: it fails, or it may and mail that fails will take it.

    A sender that can authenticate at one local address may still be caught at another one. The
    server's own hop comes after all of them (S4.06), and which of its addresses that takes is not
    known (S4.65).
    """
    if path.state == "found":
        return path.cause in CONFIGURATION_CAUSES
    mends = path.cause in CONFIGURATION_CAUSES
    comes_next = path.sender.name in concerned or path.sender.name == path.target.name
    return mends and path.on_evidence and comes_next


def _undetermined(path: MailPath) -> Refusal:
    text = (
        f"Could not determine whether {path.sender.name} ({path.address}) can submit on "
        f"{path.target.name} after a change: {path.why}."
    )
    missing = path.missing
    if missing is None or not missing.command:
        return Refusal(path.target.name, None, "unread", text)
    text = f"{text} {missing.how}"
    return Refusal(path.target.name, None, "unread", text, missing.command)


def _key(path: MailPath) -> tuple[object, ...]:
    return path.sender.name, path.address, path.endpoint.port if path.endpoint else None


def _tidied(old: ReceiveConnector, new: ReceiveConnector, view: ServerView) -> ReceiveConnector:
    """The new values as one command can set them.

    What is disabled keeps its list as it was. A connector that every Set is refused on because it
    asks for TLS and does not offer it is given Tls in the same command (section 3.4, S8.65).
    """
    if old.enabled and new.enabled is False:
        new = replace(new, ranges=old.ranges)
    said = refusal(new, view.server, downgraded=view.downgraded)
    if new.auth is not None and said in TLS_MISSING:
        new = replace(new, auth=new.auth | AuthMechanism.Tls)
    return new


def harm(proof: Proof, servers: Collection[Address] = ()) -> Iterator[Refusal]:
    """Why other hosts would not be as well off as before, or nobody can tell.

    Args:
        proof: of the changes.
        servers: addresses of servers that are to come; what these lose is what is wanted.
    """
    meant = {single(address) for address in servers}
    blocks: dict[tuple[str, str], list[AddressRange]] = {}
    for moved in proof.moved:
        text = _harms(moved.effect, is_new=moved.before is None)
        if text and moved.block not in meant:
            blocks.setdefault((moved.target, text), []).append(moved.block)
    for (target, text), some in blocks.items():
        hosts = joined(map(format_range, some), most=3)
        yield Refusal(target, None, "elsewhere", f"On {target} other hosts ({hosts}) {text}.")
    for reached in proof.broken:
        text = f"{reached.sender} ({reached.address}) could no longer submit on {reached.target}."
        yield Refusal(reached.target, None, "elsewhere", text)


def _harms(effect: Effect, *, is_new: bool) -> str:
    """What speaks against another connector for these hosts; empty: nothing.

    Hosts that no connector accepted lose nothing. What was not read may be what they need.
    """
    gained = [name for name in effect.gains if name in (RELAY, TRUSTED)]
    if effect.loses:
        return f"would lose {joined(effect.loses)}"
    if gained and not is_new:
        return f"would gain {joined(gained)}"
    if effect.not_known and not is_new:
        return f"might gain or lose {joined(effect.not_known)}, which could not be determined"
    return ""


def _unquotable(edit: Edit) -> Refusal:
    text = f"A name in the command for {edit.identity!r} is not safe to paste."
    return Refusal(edit.before.server, edit.identity, "elsewhere", text)
