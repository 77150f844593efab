"""Commands that people paste: a real PowerShell must read back exactly what was meant."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest

from mailflow.exchange import commands
from support import needs_powershell

NAMES = [
    r"EX16A\Relay",
    r"EX16A\a b",
    'quote " inside',
    "typographic \u201cquotes\u201d \u201e",
    "dollar $HOME $(Get-Date)",
    "back`tick `n",
    "apostrophe ' \u2019",
    "semi;colon | pipe # hash",
    "\u00c4 \u6f22 \U0001f600",
]


def test_powershell_reads_back_each_name() -> None:
    """Whatever a name holds, the pasted text means that name and runs nothing."""
    script = f"ConvertTo-Json -Compress @({','.join(commands.quoted(name) for name in NAMES)})"
    encoded = base64.b64encode(script.encode("utf-16-le")).decode()

    done = subprocess.run(
        [needs_powershell(), "-NoProfile", "-NonInteractive", "-EncodedCommand", encoded],
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert json.loads(done.stdout.decode("utf-8")) == NAMES


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "a\u202eb", "a\u2028b", "a\x00b"])
def test_names_that_cannot_be_seen_get_no_command(name: str) -> None:
    """Control, bidi and line characters would make a command lie about itself."""
    with pytest.raises(commands.Unquotable):
        commands.quoted(name)


def test_commands_name_the_whole_value() -> None:
    """A list or set of flags replaces the value, so all of it is named (S3.23, S8.60)."""
    texts = ["10.0.0.30", "10.0.0.32-10.0.0.40"]

    assert commands.set_connector(r"EX16A\Relay", {"RemoteIPRanges": commands.argument(texts)}) == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.0.30","10.0.0.32-10.0.0.40"'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["0.0.0.0:25", "[::]:25"], '"0.0.0.0:25","[::]:25"'),
        ([], ""),
        ("Tls, ExchangeServer", "Tls,ExchangeServer"),
        ("None", "None"),
        (True, "$true"),
        (False, "$false"),
    ],
)
def test_each_kind_of_value(value: list[str] | str | bool, text: str) -> None:
    """Lists are quoted one by one, flags stand bare (S3.23), truths as PowerShell writes them."""
    assert commands.argument(value) == text


def test_free_text_is_quoted_and_may_be_taken_away() -> None:
    """An Fqdn is text, which may hold anything; without one it is $null."""
    assert commands.argument("ex16a.contoso.com", is_text=True) == '"ex16a.contoso.com"'
    assert commands.argument("a, b", is_text=True) == '"a, b"'
    assert commands.argument("", is_text=True) == "$null"
    with pytest.raises(commands.Unquotable):
        commands.argument("a\nb", is_text=True)


def test_one_command_sets_several_parameters() -> None:
    """S8.65: each Set looks at the whole object, so what belongs together goes in one."""
    given = {"Enabled": "$true", "AuthMechanism": "Tls,ExchangeServer"}

    assert commands.set_connector(r"EX16A\R", given) == (
        r'Set-ReceiveConnector "EX16A\R" -Enabled $true -AuthMechanism Tls,ExchangeServer'
    )
    with pytest.raises(commands.Unquotable):
        commands.set_connector("EX16A\\a\nb", given)


def test_rehearsed_and_retried() -> None:
    """S8.66: -WhatIf at the end; S8.77: the queue with its server."""
    assert commands.rehearsed("Set-ReceiveConnector x") == "Set-ReceiveConnector x -WhatIf"
    assert commands.retry(r"EX10A\1234") == r'Retry-Queue -Identity "EX10A\1234"'


@pytest.mark.parametrize(
    ("line", "known", "filled"),
    [
        ("telnet {target} 25", {"target": "EX16A"}, "telnet EX16A 25"),
        ("telnet {target} 25", {"target": "2001:db8::21"}, "telnet 2001:db8::21 25"),
        ("telnet {target} 25", {}, "telnet <target> 25"),
        ("telnet {target} 25", {"target": ""}, "telnet <target> 25"),
        ("telnet {target} 25", {"target": "-Force"}, 'telnet "-Force" 25'),
        ("telnet {target} 25", {"target": "$(calc)"}, 'telnet "`$(calc)" 25'),
        ("telnet {target} 25", {"target": "a\nb"}, "telnet <target> 25"),
        ('Q "{queue}"', {"queue": r"EX10A\5"}, r'Q "EX10A\5"'),
        ('Q "{queue}"', {"queue": '"; calc; "'}, 'Q "`"; calc; `""'),
        ('Q "{queue}"', {}, 'Q "<queue>"'),
    ],
)
def test_braces_are_filled_with_whole_arguments(
    line: str, known: dict[str, str], filled: str
) -> None:
    """Contract, section 9: what is known as one argument, what is not as `<name>`."""
    assert commands.filled(line, known) == filled


@pytest.mark.parametrize(
    ("line", "words", "command"),
    [
        ("Get-Queue -Server EX10A", "", "Get-Queue -Server EX10A"),
        ("Get-TransportAgent", "", "Get-TransportAgent"),
        ("On both servers: w32tm /query /status", "On both servers:", "w32tm /query /status"),
        ("$Limit = -1; Get-Queue", "", "$Limit = -1; Get-Queue"),
        ("mailflow which SOURCE", "", "mailflow which SOURCE"),
        ("Get-Queue shows it.", "Get-Queue shows it.", ""),
        ('Resume-Queue -Identity "EX10A\\7"', 'Resume-Queue -Identity "EX10A\\7"', ""),
        ("Read the log: it tells.", "Read the log: it tells.", ""),
        ("", "", ""),
    ],
)
def test_a_command_stands_on_a_line_of_its_own(line: str, words: str, command: str) -> None:
    """What only reads can be pasted; a sentence, and what changes something, is words."""
    assert commands.split(line) == (words, command)
