"""`--profile`: a source and its sign-in from config.toml; what is given goes first."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from command_line import Call, commands, offered
from mailflow.cli.profiles import read_profile
from mailflow.errors import InputError

CONFIG = r"""
[profile.demo]
source = "demo:article"

[profile.contoso]
source = "exchange://ex16a.contoso.example"
user = 'CONTOSO\anna'
auth = "ntlm"
ca = "ca.pem"
trust = ["fabrikam.example"]
resolve = ["ex16a.contoso.example=127.0.0.1"]
password_env = "EX_PASSWORD"
keyring = "exchange/anna"

[profile.sign-in]
user = "anna@contoso.example"
trust = "contoso.example"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with three profiles, in a configuration folder of its own."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("MAILFLOW_CONFIG", str(folder))
    file = folder / "config.toml"
    file.write_text(CONFIG, "utf-8")
    return file


def test_the_platform_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the variable: the user's configuration folder."""
    from platformdirs import user_config_dir

    from mailflow.cli.profiles import config_file

    monkeypatch.delenv("MAILFLOW_CONFIG", raising=False)

    assert config_file() == Path(user_config_dir("mailflow", appauthor=False)) / "config.toml"


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    "words",
    [
        ("diagnose", "--profile", "demo"),
        ("diagnose", "--profile=demo"),
        ("whatif", "--profile", "demo"),
        ("whatif", "--server", "EX16A", "--connector", "Relay",
         "--remove", "10.0.0.11", "10.0.0.12", "--profile", "demo"),
        ("twin", "--profile", "demo", "EX10A", "EX10B"),
        ("twin", "EX10A", "EX10B", "--profile", "demo"),
        ("which", "--server", "EX16A", "--source", "10.0.0.11", "--profile", "demo"),
    ],
)  # fmt: skip
def test_the_source_of_a_profile(call: Call, words: tuple[str, ...]) -> None:
    """Stands where SOURCE is, whatever else the command takes."""
    with_source = [each for each in words if "demo" not in each and each != "--profile"]
    actual, expected = call(*words), call(with_source[0], "demo:article", *with_source[1:])

    assert (actual.code, actual.out, actual.err) == (expected.code, expected.out, "")


@pytest.mark.usefixtures("config")
def test_a_source_that_is_given_goes_first(call: Call) -> None:
    """The profile then says how to sign in."""
    assert "demo:healthy" in call("diagnose", "demo:healthy", "--profile", "demo").out


@pytest.mark.usefixtures("config")
def test_a_run_takes_a_profile(call: Call, tmp_path: Path) -> None:
    """Behind the runbook; an unknown runbook is said as ever."""
    found = call("run", "no_such_runbook", "--profile", "demo", "--runs", tmp_path / "runs")

    assert found.code == 3
    assert "unknown runbook" in found.err


def test_every_command_with_live_options_has_it() -> None:
    """And so every one that takes SOURCE."""
    options = {name: {each.name for each in command.params} for name, command in commands().items()}
    taking = {name for name, names in options.items() if "source" in names or "user" in names}

    assert taking == {name for name, names in options.items() if "profile" in names}
    assert len(taking) >= 10


def test_all_keys_are_read(config: Path) -> None:
    """A single text stands for a list of one; a file is beside config.toml."""
    contoso, sign_in = read_profile("contoso"), read_profile("sign-in")

    assert contoso.source == "exchange://ex16a.contoso.example"
    assert contoso.live.to_arguments() == [
        *("--user", r"CONTOSO\anna", "--auth", "ntlm", "--ca", str(config.parent / "ca.pem")),
        *("--password-env", "EX_PASSWORD", "--keyring", "exchange/anna"),
        *("--resolve", "ex16a.contoso.example=127.0.0.1", "--trust", "fabrikam.example"),
    ]
    assert (sign_in.source, sign_in.live.trust) == ("", ("contoso.example",))


def test_options_go_before_the_profile(config: Path) -> None:
    """And the profile goes before the environment."""
    from mailflow.cli.live import live_options
    from mailflow.sources.credentials import LiveOptions

    seen: list[LiveOptions] = []

    def keep(*, live: LiveOptions) -> None:
        seen.append(live)

    command = click.command()(live_options(keep))
    command.main(
        ["--profile", "contoso", "--user", "erik", "--password-env", "OTHER"], standalone_mode=False
    )
    (live,) = seen
    whole = live.over(LiveOptions.from_environment({"MAILFLOW_AUTH": "kerberos"}))

    assert (live.user, live.password_env, live.keyring) == ("erik", "OTHER", "")
    assert (live.ca, whole.auth) == (str(config.parent / "ca.pem"), "ntlm")


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("diagnose", "--profile", "contos"), "'contoso'? Known: demo, contoso, sign-in"),
        (("diagnose", "demo:article", "--profile", "none"), "Known: demo"),
        (("diagnose", "--profile", "sign-in"), "has no source: give SOURCE"),
        (("twin", "EX16A", "--profile", "demo"), "Missing argument"),
        (("diagnose", "--profile"), "requires an argument"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_the_next_step(call: Call, words: tuple[str, ...], said: str) -> None:
    """Which profiles there are, or what is missing."""
    found = call(*words)

    assert (found.code, found.out) == (3, "")
    assert said in found.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[profile.x]\npassword = 'Secret-7'", "password_env"),
        ("[profile.y]\nsource='a'\n[profile.x]\nPassword = 'Secret-7'", "contains a password"),
        ("[profile.x]\npaswordenv = 'A'", "Did you mean 'password_env'?"),
        ("[profile.x]\nuser = 3", "user of profile x is not text"),
        ("[profile.x]\ntrust = [3]", "trust of profile x is not text"),
        ('[profile.x]\nuser = "CONTOSO\\anna"', "single quotes"),
        ('[profile.x]\nuser = "CONTOSO\\berta"', "single quotes"),
        ("[profile.x", "no TOML"),
        ("[profiles.x]\n", "unknown key 'profiles'"),
        ("profile = 3", "expected [profile.NAME]"),
        ("[profile]\nx = 3", "expected [profile.NAME]"),
        ("[profile.x]\nsource = '--json'", "begins with a dash"),
        ("", "Write [profile.x] with source"),
    ],
)
def test_a_wrong_file_is_refused(config: Path, call: Call, text: str, said: str) -> None:
    """Exit code 3, one line that names the file; a password is never repeated."""
    config.write_text(text, "utf-8")
    found = call("diagnose", "demo:article", "--profile", "x")

    assert (found.code, found.out) == (3, "")
    assert said in found.err
    assert str(config) in found.err
    assert "Secret-7" not in found.err


def test_no_file_is_no_profile(config: Path, call: Call) -> None:
    """It says what to write, and where."""
    config.unlink()
    found = call("diagnose", "--profile", "x")

    assert found.code == 3
    assert f"no profile 'x' in {config}. Write [profile.x] with source" in found.err


def test_a_password_in_another_profile_is_refused_too(config: Path) -> None:
    """Nobody is to find it there a year later."""
    config.write_text("[profile.y]\npassword='a'\n[profile.x]\nsource='demo:article'\n")

    with pytest.raises(InputError, match="profile y contains a password"):
        read_profile("x")


def test_names_are_completed(config: Path) -> None:
    """Those that can be shown; a broken file offers none."""
    assert offered("diagnose", "--profile", "con") == ["contoso"]
    assert offered("twin", "--profile", "") == ["demo", "contoso", "sign-in"]

    config.write_text('[profile."a\\u202e"]\n[profile.b]\n', "utf-8")
    assert offered("diagnose", "--profile", "") == ["b"]
    config.write_text("[", "utf-8")
    assert offered("diagnose", "--profile", "") == []
