"""How help looks: commands by what they are for, and the options of live sources apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
LIVE = "Options for live sources"
"""The heading of the options that say how to sign in to a live organization."""
COMPLETING = "_MAILFLOW_COMPLETE"
"""Environment variable by which a shell asks what may be typed next; click names it so."""


class LiveOption(click.Option):
    """An option that only a live source needs; help lists it apart."""


def live_option(*names: str, **settings: Any) -> Callable[[_Command], _Command]:  # noqa: ANN401
    """An option that help lists among those for live sources; as `click.option` otherwise."""
    return click.option(*names, cls=LiveOption, **settings)


class ExplainedArgument(click.Argument):
    """An argument that help explains; click does so itself from version 8.5 on alone.

    Attributes:
        text: what it is.
    """

    def __init__(self, *given: Any, text: str, **settings: Any) -> None:  # noqa: ANN401 - as click
        """Take what `click.argument` takes, and the text."""
        super().__init__(*given, **settings)
        self.text = text


def explained_argument(
    *names: str,
    text: str,
    **settings: Any,  # noqa: ANN401 - passed on to click
) -> Callable[[_Command], _Command]:
    """An argument with a text of its own in help; as `click.argument` otherwise."""
    return click.argument(*names, cls=ExplainedArgument, text=text, **settings)


class HelpfulCommand(click.Command):
    """A command whose help shows arguments and own options first, and that takes a profile."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take SOURCE from `--profile` where it is left out."""
        from mailflow.cli.profiles import with_source

        return super().parse_args(ctx, with_source(self, ctx, args))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Three lists: arguments that have a text, its own options, and those for live sources."""
        arguments: list[tuple[str, str]] = []
        options: dict[bool, list[tuple[str, str]]] = {False: [], True: []}
        for each in self.get_params(ctx):
            if isinstance(each, ExplainedArgument):
                name = each.human_readable_name.strip("[]")
                arguments.append((name if each.required else f"[{name}]", each.text))
            elif isinstance(each, click.Option) and (record := each.get_help_record(ctx)):
                options[isinstance(each, LiveOption)].append(record)
        named = (("Arguments", arguments), ("Options", options[False]), (LIVE, options[True]))
        for heading, records in named:
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def helpful_command(name: str | None = None) -> Callable[[Callable[..., Any]], HelpfulCommand]:
    """A command of mailflow, as `click.command` makes one."""
    return click.command(name, cls=HelpfulCommand)


class Listed(NamedTuple):
    """A command in the help of its group, which does not import it.

    Attributes:
        home: where it stands, `MODULE.NAME` in `mailflow.cli`.
        purpose: what it is for; the first sentence of its docstring.
    """

    home: str
    purpose: str


class SectionedGroup(click.Group):
    """A group whose help lists its commands by what they are for.

    A command is imported when it is called, so that help, and every other command, wait for none.

    Attributes:
        sections: heading to names and their commands, in the order of help.
        listed: all commands by name.
    """

    def __init__(
        self,
        *given: Any,  # noqa: ANN401 - passed on to click
        sections: Mapping[str, Mapping[str, Listed]] | None = None,
        **settings: Any,  # noqa: ANN401 - passed on to click
    ) -> None:
        """Take the commands of all sections."""
        super().__init__(*given, **settings)
        self.sections = dict(sections or {})
        self.listed = {name: each for them in self.sections.values() for name, each in them.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the sections, not of the alphabet."""
        del ctx
        return list(self.listed)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; None for a name that is not listed."""
        del ctx
        if cmd_name not in self.listed:
            return None
        module, _, name = self.listed[cmd_name].home.partition(".")
        command: click.Command = getattr(import_module(f"mailflow.cli.{module}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it; a name that is none is answered with the nearest of the listed."""
        name = args[0]
        if name not in self.listed and not ctx.resilient_parsing and not name.startswith("-"):
            from mailflow.phrases import did_you_mean

            meant = did_you_mean(name, self.listed)
            raise click.UsageError(f"No such command {name!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A list for each section; what a command is for is never cut."""
        del ctx
        widest = max(map(len, self.listed), default=0)
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(widest), each.purpose) for name, each in commands.items()]
                )
