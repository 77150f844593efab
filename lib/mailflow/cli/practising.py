"""The commands for the simulated organizations: practice and scenarios."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.completion import complete_scenario
from mailflow.cli.helping import helpful_command
from mailflow.cli.terminal import columns, in_json
from mailflow.errors import UsageError
from mailflow.plain import grid

if TYPE_CHECKING:
    from mailflow.simulated.endpoints import Endpoints

_TICK = 0.5
"""Seconds between two looks at the clock of a simulated organization."""


@helpful_command()
@click.argument("scenario", required=False, default="article", shell_complete=complete_scenario)
@click.option("--https", is_flag=True, help="Use HTTPS with a generated CA.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Time acceleration factor.",
)
@click.option(
    "--logs",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write a month of receive logs into this folder, for mailflow usage.",
)
@click.option("--json", "as_json", is_flag=True, help="Print connection details as one JSON line.")
def practice(scenario: str, *, https: bool, speed: float, logs: Path | None, as_json: bool) -> None:
    """Run a simulated Exchange organization locally (Ctrl+C to stop).

    \b
    mailflow practice article                 in one terminal
    mailflow diagnose exchange://...          in another, as it says
    mailflow run fix_and_verify exchange://... --apply
    mailflow practice month-of-logs --logs logs/

    It listens on loopback addresses and serves the Exchange Management Shell endpoint
    (exchange://) and WinRM (winrm://). Mail moves, is retried and expires as time passes.
    `mailflow scenarios` lists the scenarios.
    """
    import signal
    import time
    from datetime import UTC, datetime, timedelta

    from mailflow import extras

    extras.require("practice", "mailflow practice")
    from mailflow.simulated.endpoints import serve
    from mailflow.simulated.practice import Practice

    begun = Practice.begin(scenario, now=datetime.now(UTC).replace(microsecond=0))
    if logs:
        from mailflow.simulated.relay_use import write_receive_logs

        try:
            write_receive_logs(begun.organisation, logs, begun.clock.now)
        except OSError as error:
            raise UsageError(f"{logs}: cannot be written ({error.strerror or error})") from error
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with serve(begun, https=https) as served:
        reach = {
            "source": served.source,
            "sources": dict(served.sources),
            "args": served.args,
            "env": served.env,
        }
        click.echo(in_json(reach) if as_json else _practice_words(begun.title, served))
        sys.stdout.flush()
        try:
            then = time.monotonic()
            while True:
                time.sleep(_TICK)
                now = time.monotonic()
                begun.advance(timedelta(seconds=(now - then) * speed))
                then = now
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


def _practice_words(title: str, served: Endpoints) -> str:
    """What to type in another terminal, or to set before JupyterLab is started."""
    variables = {**served.options.to_environment(), **served.env}
    said = "$env:{} = '{}'" if sys.platform == "win32" else "export {}='{}'"
    lines = [f"    {said.format(name, value)}" for name, value in variables.items()]
    return "\n".join(
        [
            f"{title}.",
            "It listens until you press Ctrl+C. In another terminal:",
            "",
            *lines,
            f"    mailflow diagnose {served.sources['exchange']}",
            f"    mailflow run fix_and_verify {served.sources['exchange']} --apply",
            "",
            f"Over WinRM it is {served.sources['winrm']}.",
        ]
    )


@helpful_command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def scenarios(*, as_json: bool) -> None:
    """List the simulated organizations that come with mailflow."""
    from mailflow.opening import scenarios as known

    if as_json:
        listed = [{"source": f"demo:{name}", "title": title} for name, title in known()]
        click.echo(in_json({"schema": "mailflow.scenarios/1", "scenarios": listed}, indent=2))
        return
    rows = [(f"demo:{name}", title) for name, title in known()]
    click.echo(grid(("source", "what is known at the start"), rows, (False, False), columns()))
