"""The command that lists the training cases: training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailflow.cli.helping import helpful_command
from mailflow.cli.terminal import columns, in_json
from mailflow.plain import grid, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mailflow.training.cases import Case

SCHEMA = "mailflow.cases/1"


@helpful_command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def training(*, as_json: bool) -> None:
    """List training cases and your progress.

    \b
    mailflow training
    mailflow lab training       the first tour
    mailflow lab case-1         a case

    Progress is stored locally, in your data folder.
    """
    from mailflow.training.cases import cases

    found, trouble = cases()
    if trouble:
        click.echo(visible(f"progress could not be read: {trouble}"), err=True)
    if as_json:
        document = {"schema": SCHEMA, "cases": [case.as_json() for case in found]}
        click.echo(in_json({**document, "trouble": trouble or None}, indent=2))
        return
    click.echo(_words(found, is_known=not trouble))


def _words(found: Sequence[Case], *, is_known: bool) -> str:
    rows = [
        (case.name, _state(case, is_known=is_known), case.difficulty, case.title, case.notebook)
        for case in found
    ]
    table = grid(("case", "solved", "level", "ticket", "notebook"), rows, (False,) * 5, columns())
    solved = sum(case.solved is not None for case in found)
    lines = [table, ""]
    if is_known:
        lines.append(f"{solved} of {len(found)} solved.")
    following = next((case.name for case in found if case.solved is None), "")
    first = "" if solved else "Begin with the first tour: mailflow lab training. "
    lines.append(f"{first}Open a case: mailflow lab {following or found[0].name}")
    return "\n".join(lines)


def _state(case: Case, *, is_known: bool) -> str:
    if not is_known:
        return "?"
    return case.solved.at.partition("T")[0] if case.solved else ""
