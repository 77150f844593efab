"""The unattended run: a runbook through papermill, its folder, its report, its exit code.

The source is opened before the kernel starts, so that unreadable input leaves nothing behind; what
was read is kept in the folder, and the notebook judges just that.
"""

from __future__ import annotations

import json
import shlex
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailflow import extras
from mailflow.errors import InputError, RunError, UsageError
from mailflow.own_files import beside
from mailflow.phrases import did_you_mean, joined
from mailflow.plain import one_line, visible, wrap
from mailflow.runs import folder as folders
from mailflow.runs.kernel import INTERRUPTED, Stop, audit, execute, kernel_environment
from mailflow.runs.parameters import NotebookParameter, checked, declared
from mailflow.runs.terms import kept_beside
from mailflow.snapshot import write_whole

if TYPE_CHECKING:
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions

__all__ = ["RunResult", "kernel_environment", "run", "runbook_path", "runbooks"]

FIRST_LESSON = "training/first_tour"
CHANGE = "change.json"
"""The file in a run folder with the change that somebody asked for."""

_HOMES = (beside("notebooks"),)


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run left behind.

    Attributes:
        folder: the run's folder.
        verdict: `found`, `unknown`, `clear`, or `incomplete` where it did not reach its end.
        summary: one or two sentences for the ticket; why it stopped where it did.
        exit_code: by the contract, section 4.
        findings: the document of findings.json; empty where there is none.
    """

    folder: Path
    verdict: str
    summary: str
    exit_code: int
    findings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        """The HTML file to attach to the ticket."""
        return self.folder / "report.html"

    def screen(self, width: int = 80, *, colour: bool = False) -> str:
        """The verdict as text in `width` cells; INCOMPLETE where the run left no findings."""
        from mailflow.show.terminal import screen
        from mailflow.views.verdict import from_json

        if self.findings:
            done = self.findings.get("apply") or self.findings.get("usage") or {}
            word = done.get("state", "")
            return screen(from_json(self.findings), width, colour=colour, word=word)
        room = max(width - 14, 20)
        lines = [line for text in (self.summary, _NO_VERDICT) for line in wrap(visible(text), room)]
        return "\n".join(f"{'' if n else 'INCOMPLETE':14}{line}" for n, line in enumerate(lines))


Consent = Callable[["Snapshot", Mapping[str, object]], Sequence[str]]
"""Snapshot and parameters in; what a person confirmed out, each `CONNECTOR=HASH`.

The hash is that of the list as it was proven to that person."""

_NO_VERDICT = "This run has no verdict; what it had done by then is in the report."


def runbooks() -> list[str]:
    """The names of the runbooks, in order."""
    return sorted(path.stem for home in _HOMES for path in home.glob("*.ipynb"))


def lessons() -> list[str]:
    """The notebooks for training, `training/first_tour` before the cases in order."""
    names = {f"training/{path.stem}" for home in _HOMES for path in home.glob("training/*.ipynb")}
    return sorted(names - {"training/template"}, key=lambda name: (name != FIRST_LESSON, name))


def runbook_path(name: str, known: Sequence[str] | None = None) -> Path:
    """The notebook of this name.

    Args:
        name: of a runbook.
        known: the names that count; None: the runbooks.

    Raises:
        UsageError: there is none.
    """
    names = runbooks() if known is None else known
    if not names:
        raise UsageError(f"the runbooks are not in the single file: {extras.install()}")
    if name not in names:
        raise UsageError(
            f"unknown runbook {name!r}.{did_you_mean(name, names)} Known: {', '.join(names)}"
        )
    return next(path for home in _HOMES if (path := home / f"{name}.ipynb").is_file())


def run(  # noqa: PLR0913 - the options of the command
    runbook: str,
    source: str,
    *,
    ticket: str | None = None,
    runs: Path = Path("runs"),
    parameters: Mapping[str, str] | None = None,
    evidence: Sequence[str] = (),
    timeout: float = 600.0,
    progress: Callable[[str], None] = lambda _: None,
    live: LiveOptions | None = None,
    consent: Consent | None = None,
) -> RunResult:
    """Execute a runbook unattended into a new folder below `runs`.

    Args:
        runbook: its name, without the suffix.
        source: SOURCE of the contract, section 2.
        ticket: of the service desk; part of the folder's name.
        runs: where run folders are.
        parameters: further parameters by name, as texts.
        evidence: logs and EHLO replies beside the source.
        timeout: seconds a single cell may take.
        progress: is told what is going on, a line at a time.
        live: how to sign in to a live organization.
        consent: asks a person what may be changed, before anything is written; the runbook then
            applies it, and its kernel may sign in by the environment. None: nothing is changed.

    Raises:
        UsageError: no such runbook, parameter or server, or the folder cannot be made.
        InputError: the source cannot be read. Nothing was written then.
    """
    from mailflow.opening import open_source

    began = time.monotonic()
    path = runbook_path(runbook)
    known = declared(_read(path))
    values = _values(known, source, ticket, parameters or {})
    beside = kept_beside(values, known)
    progress(f"reading {source}")
    servers = _names(values.get("servers"))
    org = open_source(source, servers=servers, evidence=evidence, tell=progress, live=live)
    _check_both_named(known, values, org)
    change = _change(values, org)
    if consent is not None:
        values |= {"apply": True, "confirmed": list(consent(org, values))}
    opened = time.monotonic()
    started = datetime.now(UTC)
    folder = folders.make(runs, runbook, ticket, started)
    if change:
        values["change"] = CHANGE
        beside[CHANGE] = change
    manifest = folders.first_manifest(path, org, values, started)
    manifest["title"] = title(runbook, ticket, simulated=org.is_simulated)
    try:
        for name, text in beside.items():
            write_whole(folder / name, text)
        folders.keep(folder, manifest)
        org.save(folder / "snapshot")
        manifest["snapshot"] = folders.sha256(folder / "snapshot")
    except OSError as error:  # nothing was run yet, and nothing stays
        shutil.rmtree(folder, ignore_errors=True)
        raise UsageError(f"{folder}: cannot be written ({error.strerror or error})") from error
    progress(f"running {runbook}")
    with _watched(folder, progress if consent else None):
        output = folder / "notebook.ipynb"
        stop = execute(
            path,
            output,
            values,
            timeout,
            password_env=live.password_env if live else "",
            applies=consent is not None,
            meanwhile=_prepare_the_end,
        )
    executed = time.monotonic()
    progress("writing the report")
    manifest["timings"] = {
        "open_s": round(opened - began, 3),
        "execute_s": round(executed - opened, 3),
    }
    try:
        return _finish(folder, path, manifest, stop)
    except OSError as error:
        raise _unkept(folder, error, stop) from error


def _unkept(folder: Path, error: OSError, stop: Stop) -> RunError:
    """What to know of a run whose files cannot be written: above all, what it has changed."""
    from mailflow.apply.entry import OPEN
    from mailflow.apply.journal import FILE, Journal
    from mailflow.apply.work import touched

    why = stop.reason.removesuffix(".")
    reason = f" {why[:1].upper()}{why[1:]}." if why else ""
    told = RunError(
        f"{folder}: the files of this run cannot be written ({error.strerror or error}).{reason} "
        "Make room there and run it again"
    )
    told.further = ("Nothing was changed on any server.",)
    if not (folder / FILE).exists():
        return told
    further = [f"Journal of what was changed: {folder / FILE}"]
    with suppress(InputError):
        journal = Journal.load(folder)
        changed = touched(journal)
        if not changed:
            return told
        further += [f"{sentence}." for sentence in changed]
        undo = [
            connector.undo for connector in reversed(journal.connectors) if connector.note in OPEN
        ]
        further += ["Rollback by hand:", *filter(None, undo)] if any(undo) else []
    told.further = (*further, "Rollback:", f"mailflow undo {shlex.quote(str(folder))}")
    return told


@contextmanager
def _watched(folder: Path, progress: Callable[[str], None] | None) -> Iterator[None]:
    """Tell from the journal how far a repair is that goes on in the kernel; None: there is none."""
    ended = threading.Event()

    def watch() -> None:
        from mailflow.apply.journal import FILE, Journal

        while progress and not ended.wait(1.0):
            if (folder / FILE).exists():
                with suppress(InputError):
                    progress(Journal.load(folder).line)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _finish(folder: Path, path: Path, manifest: dict[str, Any], stop: Stop) -> RunResult:
    """Judge what the run left, write report and manifest; the manifest last."""
    from mailflow.runs.report import render

    notebook = _executed(folder, path)
    stop = audit(notebook["cells"], stop)
    findings = folders.findings_of(folder)
    verdict, code = folders.verdict(findings, stop.reason)
    if code is None:
        stop = stop or Stop("the last cell left no findings")
        code = _code_without_verdict(stop)
        _put_aside(folder)
        findings = {}
    manifest |= {
        "complete": not stop,
        "reason": stop.reason,
        "stopped_at": stop.cell,
        "verdict": verdict,
        "exit_code": code,
        "facts": _facts(findings),
        "ended": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    began = time.monotonic()
    repaired = findings.get("apply", {}).get("state") == "verified"
    write_whole(folder / "report.html", render(notebook, manifest, stop, repaired=repaired))
    manifest["timings"]["report_s"] = round(time.monotonic() - began, 3)
    summary = f"The run stopped: {stop.reason}." if stop else str(findings.get("summary", ""))
    result = RunResult(folder, verdict, summary, code, findings)
    write_whole(folder / "summary.txt", f"{result.screen()}\n")
    folders.keep(folder, manifest)
    return result


def _code_without_verdict(stop: Stop) -> int:
    """By the contract, section 4: what a shell has to see, so that a loop around a run ends too."""
    if stop.is_bug:
        return folders.INTERNAL_CODE
    return folders.INTERRUPTED_CODE if stop.reason == INTERRUPTED else folders.INCOMPLETE_CODE


def _values(
    known: Mapping[str, NotebookParameter],
    source: str,
    ticket: str | None,
    given: Mapping[str, str],
) -> dict[str, object]:
    values = checked(known, given)
    if "planned" in given:
        from mailflow.analysis.planned import parse_planned

        parse_planned(_names(values["planned"]))  # said now, and not by a cell of a finished run
    other = str(values.get("other_source", ""))
    if other and Path(other).exists():  # the notebook runs in the run's folder
        values["other_source"] = str(Path(other).resolve())
    if "logs" in known and not values.get("logs") and not source.startswith("demo:"):
        raise UsageError("no receive logs: name them with -p logs PLACE (a file, folder or zip)")
    own = {"source": source, "ticket": ticket or ""}
    return {name: value for name, value in own.items() if name in known} | values


def _check_both_named(
    known: Mapping[str, NotebookParameter], values: Mapping[str, object], org: Snapshot
) -> None:
    """A runbook that compares two servers needs both names; said before anything is written."""
    lacking = [name for name in ("server_a", "server_b") if name in known and not values.get(name)]
    if lacking:
        servers = joined(sorted(server.name for server in org.servers), most=20) or "none"
        raise UsageError(
            "name the server that hosts use now, and the one that they are to use: "
            f"-p server_a SERVER -p server_b SERVER. Known: {servers}"
        )


def _change(values: Mapping[str, object], org: Snapshot) -> str:
    """The text of a change that the runbook is to prove; the run keeps it as a file of its own.

    Raises:
        InputError: the file holds no change.
        UsageError: it is none of this organization, or Exchange would refuse it.
    """
    given = values.get("change")
    if not given:
        return ""
    from mailflow.repair.requested import read_change

    file = Path(str(given)).expanduser()
    read_change(file, org)
    return file.read_text("utf-8-sig")


def _prepare_the_end() -> None:
    """Import what ends a run: the report, and the verdict on the terminal."""
    from mailflow.runs.report import prepare
    from mailflow.show import terminal  # noqa: F401 - only to have it loaded
    from mailflow.views import verdict  # noqa: F401 - the same

    prepare()


def _executed(folder: Path, path: Path) -> dict[str, Any]:
    """The notebook as far as it came; without the paths of this machine, which are nobody's."""
    output = folder / "notebook.ipynb"
    if not output.is_file():
        return _read(path)
    notebook = _read(output)
    notes = notebook["metadata"].get("papermill")
    if notes:
        notes |= {"input_path": path.name, "output_path": output.name}
        write_whole(output, json.dumps(notebook, indent=1) + "\n")
    return notebook


def _put_aside(folder: Path) -> None:
    """Findings of a run without an end are no findings: nobody may take them for complete."""
    file = folder / "findings.json"
    if file.exists():
        file.replace(folder / "findings.incomplete.json")


def _facts(findings: Mapping[str, Any]) -> list[str]:
    entries = findings.get("findings", ())
    shown = [entry for entry in entries if entry.get("state") in ("found", "unknown")]
    return sorted({str(fact) for entry in shown for fact in entry.get("facts", ())})


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def title(runbook: str, ticket: str | None, *, simulated: bool = False) -> str:
    """What a report is headed with; one line, whoever typed the ticket's number."""
    words = runbook.replace("_", " ").capitalize()
    named = " - ".join(filter(None, [words, one_line(ticket or "")]))
    return f"Simulated data: {named}" if simulated else named


def _read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document
