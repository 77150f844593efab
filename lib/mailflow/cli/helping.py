"""How help looks: commands by what they are for, and the options of live sources apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])
LIVE = "Options for live sources"
"""The heading of the options that say how to sign in to a live organization."""


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


class SectionedGroup(click.Group):
    """A group whose help lists its commands by what they are for.

    Attributes:
        sections: heading to commands, in the order of help.
    """

    def __init__(
        self,
        *given: Any,  # noqa: ANN401 - passed on to click
        sections: Mapping[str, Sequence[click.Command]] | None = None,
        **settings: Any,  # noqa: ANN401 - passed on to click
    ) -> None:
        """Take the commands of all sections."""
        super().__init__(*given, **settings)
        self.sections = dict(sections or {})
        for command in self._all():
            self.add_command(command)

    def _all(self) -> Iterator[click.Command]:
        return (command for commands in self.sections.values() for command in commands)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the sections, not of the alphabet."""
        del ctx
        return [command.name or "" for command in self._all()]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A list for each section; what a command is for is never cut."""
        del ctx
        widest = max((len(name) for name in self.commands), default=0)
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [
                        ((command.name or "").ljust(widest), command.get_short_help_str(limit=200))
                        for command in commands
                    ]
                )
