"""Write what is made from code.

`docs/checks/` has a page for each check, `docs/asked.md` says what a live organization is asked.
Both scripts for Windows hold lists of cmdlets, and `docs/live.md` the hashes of the scripts.

python docs/generate.py           write them
python docs/generate.py --check   write nothing; 1 if one of them is not what the code says
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "lib"))

from mailflow.checks.check import Card, Check  # noqa: E402 - from this clone, also uninstalled
from mailflow.checks.registry import CHECKS  # noqa: E402
from mailflow.exchange.cmdlets import ALLOWED, SPECS, CmdletScope, CmdletSpec  # noqa: E402
from mailflow.exchange.commands import filled  # noqa: E402
from mailflow.exchange.servers import Generation  # noqa: E402

MADE = "<!-- Made by docs/generate.py from lib/mailflow/checks: change the check, not this. -->"
INDEX = f"""\
# Checks

{MADE}

Every cause that mailflow names, by its public id, in order of likelihood for mail between Exchange
servers that does not move; those of the audit come last. Fill in the commands: `<target>` and
`<sender>` are servers, `<connector>` is `SERVER\\Name`, `<queue>` is `SERVER\\1234`. Facts are
explained in [facts.md](../facts.md).

| # | id | cause | used by | repaired by mailflow |
| --- | --- | --- | --- | --- |
"""
SCOPES = {"incident": "diagnosis", "audit": "audit", "both": "diagnosis, audit", "text": "texts"}
COMMANDS = (
    *("Get-", "Set-", "Retry-", "Restart-", "$Format", "w32tm", "setspn", "nltest", "mailflow "),
)


def pages() -> dict[str, str]:
    """Every page by its name."""
    rows = "\n".join(_row(place, check) for place, check in enumerate(CHECKS.values(), 1))
    return {"README.md": f"{INDEX}{rows}\n"} | {
        f"{check.id}.md": _page(check) for check in CHECKS.values()
    }


def _row(place: int, check: Check) -> str:
    repaired = "yes" if check.step else "no"
    where = SCOPES[check.scope]
    return (
        f"| {place} | [`{check.id}`]({check.id}.md) | {check.card.title} | {where} | {repaired} |"
    )


def _page(check: Check) -> str:
    card = check.card
    parts = [f"# {card.id}", MADE, f"**{card.title}.** {card.meaning}"]
    for heading, lines in (
        ("Evidence for it", card.evidence_for),
        ("Evidence against it", card.evidence_against),
        ("To confirm", card.confirm),
        ("To repair", card.fix),
    ):
        parts.append(f"## {heading}\n\n" + "\n".join(f"- {_line(line)}" for line in lines))
    parts.append(f"Facts: {', '.join(_sources(card))}.")
    return "\n\n".join(parts) + "\n"


def _line(text: str) -> str:
    """A command as code, words as words; what to fill in stands as `<target>`."""
    text = filled(text, {"source": "SOURCE"})
    if text.startswith(COMMANDS):
        return f"`{text}`"
    return text.replace("*", "\\*").replace("<", "\\<")


def _sources(card: Card) -> Iterator[str]:
    for source in card.sources:
        yield source if source[0].isalpha() else f"section {source}"


# -- Cmdlets ---------------------------------------------------------------------------------------

SCRIPTS = HERE.parent / "lib" / "mailflow" / "powershell"
_BEGIN = "# Made by docs/generate.py from lib/mailflow/exchange/cmdlets.py: change it there.\n"
_END = "# End of what is made.\n"
_WHOSE = {
    CmdletScope.ORGANIZATION: "once, of the whole organization",
    CmdletScope.SERVER: "of each server",
    CmdletScope.SESSION: "of each server, of itself",
    CmdletScope.CONNECTOR: "of each receive connector",
}
ASKED = """\
# What a live organization is asked

<!-- Made by docs/generate.py from lib/mailflow/exchange/cmdlets.py: change that, not this. -->

These cmdlets, and no others, leave this computer when mailflow reads. `Invoke-MailFlow.ps1` holds
the same list and refuses all else. A repair that a person has confirmed adds `Set-ReceiveConnector`
and `Retry-Queue` ([repair.md](repair.md)). `mailflow probe` asks for no cmdlet, but for EHLO
([live.md](live.md#what-a-target-offers-a-sender)).
By exchange://, where no script holds the list, `Get-Queue -ResultSize 1` is asked once more without
a server: its rows say which one hosts the session ([live.md](live.md#sessions)).

| cmdlet | asked | of servers | allowed parameters | verdicts wait for it | properties read |
| --- | --- | --- | --- | --- | --- |
"""


def asked_page() -> str:
    """The page of what is asked."""
    rows = (_asked_row(spec) for spec in SPECS.values() if spec.parameters and spec.properties)
    return ASKED + "\n".join(rows) + "\n"


def _asked_row(spec: CmdletSpec) -> str:
    names = f"`{spec.name}`" + (f", before 2013 `{spec.older}`" if spec.older else "")
    since = "2013 and later" if spec.since is Generation.E2013 else "all"
    of = f"{since} with the Transport service" if spec.of_hub else since
    return (
        f"| {names} | {_WHOSE[spec.scope]} | {of} | {', '.join(sorted(spec.parameters))} | "
        f"{'yes' if spec.decides else 'no'} | {', '.join(spec.properties)} |"
    )


def _invoke_list() -> str:
    width = max(map(len, ALLOWED)) + 2
    lines = [
        f"    {_quoted(name):<{width}} = @({', '.join(map(_quoted, sorted(parameters)))})\n"
        for name, parameters in ALLOWED.items()
    ]
    return "$Allowed = @{\n" + "".join(lines) + "}\n"


def _quoted(name: str) -> str:
    return f"'{name}'"


def _collect_lists() -> str:
    text = "# Cmdlet to file: what is kept as it is read.\n"
    for name, scope in (
        ("OfAll", CmdletScope.ORGANIZATION),
        ("OfServer", CmdletScope.SERVER),
        ("OfSession", CmdletScope.SESSION),
    ):
        of = (spec for spec in SPECS.values() if spec.table and spec.scope is scope)
        pairs = "".join(f"    '{spec.name}' = '{spec.file}'\n" for spec in of)
        text += f"${name} = @{{\n{pairs}}}\n"
    return text


def scripts() -> dict[Path, str]:
    """Both scripts with their lists of cmdlets, and the page with their hashes."""
    made = {
        SCRIPTS / "Invoke-MailFlow.ps1": _invoke_list(),
        SCRIPTS / "Collect-MailFlow.ps1": _collect_lists(),
    }
    found: dict[Path, str] = {}
    page = (HERE / "live.md").read_text(encoding="utf-8")
    for path, lists in made.items():
        before, begin, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
        _old, end, after = rest.partition(_END)
        found[path] = f"{before}{begin}{lists}{end}{after}"
        digest = hashlib.sha256(found[path].encode()).hexdigest()
        page = re.sub(rf"(\| {path.name} \| `)[0-9a-f]{{64}}", rf"\g<1>{digest}", page)
    return {**found, HERE / "live.md": page}


def main() -> int:
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(description="Write the documents that are made from code.")
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check = parser.parse_args().check
    folder = HERE / "checks"
    folder.mkdir(exist_ok=True)
    wanted = {
        **{folder / name: text for name, text in pages().items()},
        HERE / "asked.md": asked_page(),
        **scripts(),
    }
    stale = [path for path, text in wanted.items() if _read(path) != text]
    extra = [path for path in sorted(folder.glob("*.md")) if path not in wanted]
    if not check:
        for path in stale:
            path.write_text(wanted[path], encoding="utf-8", newline="\n")
        for path in extra:
            path.unlink()
    if stale or extra:
        verb = "stale" if check else "written"
        sys.stderr.write(f"{verb}: {', '.join(path.name for path in [*stale, *extra])}\n")
    return 1 if check and (stale or extra) else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    raise SystemExit(main())
