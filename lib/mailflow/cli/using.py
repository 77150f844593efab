"""The command that shows which hosts use a receive connector: usage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.completion import complete_source
from mailflow.cli.helping import explained_argument, helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, in_json, is_terminal, open_organisation, progress
from mailflow.errors import UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.sources.credentials import LiveOptions


@helpful_command()
@explained_argument(
    "logs", text="SMTP receive logs: a file, a folder with its subfolders, a zip, or a URL."
)
@explained_argument(
    "source",
    required=False,
    shell_complete=complete_source,
    text="The configuration to compare with: exports, a snapshot or a live organization.",
)
@click.option("--logs", "further", multiple=True, metavar="PLACE", help="More logs; repeatable.")
@click.option(
    "--days",
    type=click.IntRange(1, 3660),
    default=90,
    show_default=True,
    metavar="N",
    help="Days that the logs have to cover.",
)
@click.option(
    "--gap",
    "gap_hours",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    metavar="HOURS",
    help="Hours without a log row after which files are taken as missing.",
)
@click.option(
    "--narrow",
    metavar="CONNECTOR",
    help="Propose the smallest RemoteIPRanges of this connector, EX16A\\Relay, that keep every "
    "client seen.",
)
@click.option(
    "--prefix",
    type=click.IntRange(8, 32),
    metavar="BITS",
    help="With --narrow: widest subnet to propose, as prefix length.  [default: single addresses]",
)
@click.option(
    "--change",
    type=click.Path(path_type=Path, dir_okay=False),
    help="With --narrow: write the change to this file.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep results in this folder; the next run reads new files only.",
)
@click.option(
    "--accepted-domain",
    "accepted_domains",
    multiple=True,
    metavar="DOMAIN",
    help="Accepted domain, whose recipients are internal; repeatable.  [default: from SOURCE]",
)
@click.option("--recipient-domains", is_flag=True, help="Keep and show recipient domains.")
@click.option(
    "--timezone", default="UTC", show_default=True, help="Time zone, such as Europe/Berlin."
)
@click.option("--hosts", default="", metavar="FILE", help="Hosts file with client names.")
@click.option("--reverse-dns", is_flag=True, help="Look up client names in DNS.")
@click.option(
    "--scheduler",
    default="",
    metavar="ADDRESS",
    help="Read with a dask cluster: tls://HOST:PORT, or local.",
)
@click.option(
    "--scheduler-ca", default="", metavar="FILE", help="CA certificate of the scheduler, PEM."
)
@click.option("--scheduler-cert", default="", metavar="FILE", help="Client certificate, PEM.")
@click.option(
    "--scheduler-key", default="", metavar="FILE", help="Key of the client certificate, PEM."
)
@click.option(
    "--insecure-scheduler",
    is_flag=True,
    help="Allow tcp://, where anybody who reaches the scheduler can run code.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@live_options
def usage(  # noqa: PLR0913 - one argument for each option
    logs: str,
    source: str | None,
    *,
    further: tuple[str, ...],
    days: int,
    gap_hours: int,
    narrow: str | None,
    prefix: int | None,
    change: Path | None,
    keep: Path | None,
    accepted_domains: tuple[str, ...],
    recipient_domains: bool,
    timezone: str,
    hosts: str,
    reverse_dns: bool,
    scheduler: str,
    scheduler_ca: str,
    scheduler_cert: str,
    scheduler_key: str,
    insecure_scheduler: bool,
    as_json: bool,
    live: LiveOptions,
) -> None:
    """Show which hosts use a receive connector, from SMTP receive logs.

    \b
    mailflow usage \\\\ex16a\\c$\\...\\FrontEnd\\ProtocolLog\\SmtpReceive
    mailflow usage logs/ exports/ --timezone Europe/Berlin
    mailflow usage logs/ exports/ --keep summed/         (reads new files only)
    mailflow usage logs/ exports/ --narrow 'EX16A\\Relay' --change narrow.json
    mailflow whatif exports/ --change narrow.json
    mailflow usage s3://logs/receive exports/ --scheduler tls://dask:8786 \\
        --scheduler-ca ca.pem --scheduler-cert me.pem --scheduler-key me.key
    mailflow usage demo:month-of-logs demo:month-of-logs --days 30

    With SOURCE, use is compared with RemoteIPRanges: which ranges no host used, and which hosts
    used another connector than the configuration predicts. Receive connectors do not log by
    default, so the screen begins with what the logs cover. Addresses of senders and recipients,
    subjects and message IDs are never kept or shown. Needs the extra "logs" (DuckDB); a URL or
    --scheduler also needs "cluster".

    Exit code: 0 done, 2 the logs are incomplete, 3 wrong usage or unreadable input.
    """
    if change and not narrow:
        raise UsageError("--change needs --narrow CONNECTOR")
    if prefix and not narrow:
        raise UsageError("--prefix needs --narrow CONNECTOR")
    if not scheduler and (scheduler_ca or scheduler_cert or scheduler_key or insecure_scheduler):
        raise UsageError(
            "--scheduler-ca, --scheduler-cert, --scheduler-key and --insecure-scheduler need "
            "--scheduler ADDRESS"
        )
    from mailflow import using
    from mailflow.cli.usage_screen import usage_screen
    from mailflow.usage.cluster import Cluster
    from mailflow.usage.document import usage_json

    cluster = None
    if scheduler:
        cluster = Cluster(
            scheduler, scheduler_ca, scheduler_cert, scheduler_key, insecure_scheduler
        )
    org = open_organisation(source, live=live) if source else None
    found = using.usage(
        [logs, *further],
        org,
        days=days,
        gap_hours=gap_hours,
        keep=str(keep or ""),
        accepted_domains=accepted_domains,
        recipient_domains=recipient_domains,
        timezone=timezone,
        hosts=hosts,
        reverse_dns=reverse_dns,
        narrow_connector=narrow or "",
        prefix=prefix or 0,
        cluster=cluster,
        tell=progress,
    )
    progress("")
    click.echo(
        in_json(usage_json(found), indent=2)
        if as_json
        else usage_screen(found, columns(), colour=is_terminal())
    )
    if change and found.narrowed and found.narrowed.proof:
        using.keep_change(found.narrowed, change)
        click.echo(one_line(f"{change}: the change, for mailflow whatif --change"), err=True)
    raise SystemExit(found.exit_code)
