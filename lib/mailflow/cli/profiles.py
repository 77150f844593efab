"""Profiles: a source and how to sign in to it, under a name, in the user's config.toml.

A profile never holds a password: it names an environment variable or a keyring entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailflow.errors import InputError, UsageError
from mailflow.phrases import did_you_mean, joined
from mailflow.plain import one_line

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mailflow.sources.credentials import LiveOptions

FILE = "config.toml"
_TEXTS = ("source", "user", "auth", "ca", "password_env", "keyring")
_LISTS = ("trust", "resolve")
KEYS = (*_TEXTS, *_LISTS)
EXPECTED = f"[profile.NAME] with {joined(KEYS, most=9)}"


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile of config.toml.

    Attributes:
        name: behind `profile.`.
        source: SOURCE; empty: it has to be given.
        live: how to sign in.
    """

    name: str
    source: str
    live: LiveOptions


def config_file() -> Path:
    """Where profiles are; the file may not be there."""
    from mailflow.user_data import config_folder

    return config_folder() / FILE


def read_profile(name: str) -> Profile:
    """The profile of this name.

    Raises:
        InputError: the file cannot be read, is no TOML, or holds what it must not.
        UsageError: there is no such profile.
    """
    from mailflow.sources.credentials import LiveOptions

    file = config_file()
    known = _profiles(file)
    if name not in known:
        raise UsageError(
            one_line(
                f"no profile {name!r} in {file}.{did_you_mean(name, known)} "
                + (f"Known: {', '.join(known)}" if known else f"Write [profile.{name}] with source")
            )
        )
    values = known[name]
    texts = {key: _text(file, name, key, values.get(key, "")) for key in _TEXTS}
    several = {key: _texts(file, name, key, values.get(key, [])) for key in _LISTS}
    source = texts.pop("source")
    if texts["ca"]:  # not from the folder in which somebody happens to be
        texts["ca"] = str(file.parent / Path(texts["ca"]).expanduser())
    if source.startswith("-"):
        raise InputError(f"{file}: source of profile {name} begins with a dash")
    return Profile(name, source, LiveOptions(**texts, **several))  # type: ignore[arg-type]


def complete_profile(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the profiles; nothing where the file cannot be read."""
    from click.shell_completion import CompletionItem

    from mailflow.errors import MailflowError

    try:
        known = _profiles(config_file())
    except MailflowError:
        return []
    names = (name for name in known if name.isprintable() and name.startswith(incomplete))
    return [CompletionItem(name) for name in names]


def with_source(command: click.Command, ctx: click.Context, args: list[str]) -> list[str]:
    """The arguments of a command, with the source of `--profile` where SOURCE is left out.

    Raises:
        UsageError: there is no such profile, or it names no source and the command needs one.
    """
    if ctx.resilient_parsing or not any(each.startswith("--profile") for each in args):
        return args
    try:
        given, _, _ = command.make_parser(ctx).parse_args(list(args))
    except click.ClickException:
        return args  # said by the command itself
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    names = [each.name or "" for each in arguments]
    place = next((names.index(each) for each in ("source", "host") if each in names), None)
    absent = [each for each in names if not isinstance(given.get(each), str)]
    if place is None or len(absent) != 1 or not given.get("profile"):
        return args
    profile = read_profile(str(given["profile"]))
    if not profile.source:
        if not arguments[place].required:
            return args
        raise UsageError(
            f"profile {profile.name} has no source: give SOURCE, or add source = ... to "
            f"[profile.{profile.name}] in {config_file()}"
        )
    return [profile.source, *args] if place == 0 else [*args, profile.source]


def _profiles(file: Path) -> dict[str, Mapping[str, Any]]:
    from mailflow.toml_file import read_toml

    try:
        document, _ = read_toml(file, EXPECTED, "user = 'CONTOSO\\anna'")
    except FileNotFoundError:
        return {}
    unknown = [key for key in document if key != "profile"]
    profiles: Any = document.get("profile", {})
    tables = isinstance(profiles, dict) and all(
        isinstance(each, dict) for each in profiles.values()
    )
    if unknown or not tables:
        what = f"unknown key {unknown[0]!r}; " if unknown else ""
        raise InputError(f"{file}: {what}expected {EXPECTED}")
    for name, values in profiles.items():
        for key in values:
            _check_key(file, name, key)
    return dict(profiles)


def _check_key(file: Path, name: str, key: str) -> None:
    if key.casefold() == "password":
        raise InputError(
            f"{file}: profile {name} contains a password, which anybody who can read the file "
            "would have. Remove it, change that password, and name an environment variable with "
            "password_env or a keyring entry with keyring"
        )
    if key not in KEYS:
        raise InputError(
            f"{file}: unknown key {key!r} in profile {name}.{did_you_mean(key, KEYS)} Known: "
            f"{', '.join(KEYS)}"
        )


def _text(file: Path, name: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise InputError(
            f"{file}: {key} of profile {name} is not text; write {key} = '...', in single quotes"
        )
    return value.strip()


def _texts(file: Path, name: str, key: str, value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(_text(file, name, key, each) for each in values)
