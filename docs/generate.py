# ruff: noqa: INP001 - a script beside documents, no module
"""Write the documents that are made from code: `docs/causes.md` from the cards.

python docs/generate.py           write them
python docs/generate.py --check   write nothing; 1 if one of them is not what the code says
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "lib"))

from mailflow.exchange.causes import CAUSES, Cause  # noqa: E402 - from this clone, also uninstalled

HEAD = """\
# Causes

<!-- Made by docs/generate.py from lib/mailflow/exchange/causes.py: change the cards, not this. -->

Every cause that mailflow names, by its public id, in order of likelihood for mail between Exchange
servers that stands still; the last four are the audit's own. Braces in commands hold what you fill
in: `{target}` and `{sender}` are servers, `{connector}` is `SERVER\\Name`, `{queue}` is
`SERVER\\1234`. Facts are told in [facts.md](facts.md).

A repair is a proposal: look at the evidence, save the present value, and let a person decide.
"""

COMMANDS = (
    "Get-",
    "Set-",
    "Retry-",
    "Restart-",
    "$Format",
    "w32tm",
    "setspn",
    "nltest",
    "mailflow ",
)


def causes() -> str:
    """The whole of causes.md."""
    index = ["| # | id | cause |", "| --- | --- | --- |"]
    index += [f"| {one.rank} | [`{one.id}`](#{one.id}) | {one.title} |" for one in CAUSES.values()]
    cards = [_card(one) for one in CAUSES.values()]
    return "\n".join([HEAD, *index, "", "\n\n".join(cards), ""])


def _card(one: Cause) -> str:
    parts = [f"## {one.id}", f"**{one.title}.** {one.meaning}"]
    for heading, lines in (
        ("Speaks for it", one.evidence_for),
        ("Speaks against it", one.evidence_against),
        ("To confirm", one.confirm),
        ("To repair", one.fix),
    ):
        parts.append(f"{heading}:\n\n" + "\n".join(f"- {_line(line)}" for line in lines))
    parts.append(f"Rests on: {', '.join(map(_source, one.sources))}.")
    return "\n\n".join(parts)


def _line(text: str) -> str:
    """A command as code, words as words."""
    return f"`{text}`" if text.startswith(COMMANDS) else text.replace("*", "\\*")


def _source(one: str) -> str:
    return one if one[0].isalpha() else f"section {one}"


DOCUMENTS = {"causes.md": causes}


def main() -> int:
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(description="Write the documents that are made from code.")
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    check = parser.parse_args().check
    stale = []
    for name, make in DOCUMENTS.items():
        path, text = HERE / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8", newline="\n")
    if stale:
        sys.stderr.write(f"{'stale' if check else 'written'}: {', '.join(stale)}\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
