# ruff: noqa: INP001 - a script beside documents, no module
"""Write the documents that are made from code: `docs/checks/`, a page for each check.

python docs/generate.py           write them
python docs/generate.py --check   write nothing; 1 if one of them is not what the code says
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "lib"))

from mailflow.checks.check import Card, Check  # noqa: E402 - from this clone, also uninstalled
from mailflow.checks.registry import CHECKS  # noqa: E402

MADE = "<!-- Made by docs/generate.py from lib/mailflow/checks: change the check, not this. -->"
INDEX = f"""\
# Checks

{MADE}

Every cause that mailflow names, by its public id, in order of likelihood for mail between Exchange
servers that does not move; those of the audit come last. Braces in commands hold what you fill in:
`{{target}}` and `{{sender}}` are servers, `{{connector}}` is `SERVER\\Name`, `{{queue}}` is
`SERVER\\1234`. Facts are explained in [facts.md](../facts.md).

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
    return f"| {place} | [`{check.id}`]({check.id}.md) | {check.card.title} | {where} | {repaired} |"


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
    """A command as code, words as words."""
    return f"`{text}`" if text.startswith(COMMANDS) else text.replace("*", "\\*")


def _sources(card: Card) -> Iterator[str]:
    for source in card.sources:
        yield source if source[0].isalpha() else f"section {source}"


def main() -> int:
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(description="Write the documents that are made from code.")
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check = parser.parse_args().check
    folder, wanted = HERE / "checks", pages()
    folder.mkdir(exist_ok=True)
    stale = [name for name, text in wanted.items() if _read(folder / name) != text]
    extra = [path.name for path in sorted(folder.glob("*.md")) if path.name not in wanted]
    if not check:
        for name in stale:
            (folder / name).write_text(wanted[name], encoding="utf-8", newline="\n")
        for name in extra:
            (folder / name).unlink()
    if stale or extra:
        verb = "stale" if check else "written"
        sys.stderr.write(f"{verb}: {', '.join([*stale, *extra])}\n")
    return 1 if check and (stale or extra) else 0


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


if __name__ == "__main__":
    raise SystemExit(main())
