"""Lines of PowerShell as people type them, taken apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange import commands
from mailflow.simulated import scenarios
from mailflow.sources.shell import Call
from mailflow.training.typed import NotTypedError, TypedLine, lines_of, what_can_be_typed


def call(text: str) -> Call:
    """The one call of a text."""
    (line,) = lines_of(text)
    return line.call


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ('-RemoteIPRanges "10.0.5.0/24"', {"RemoteIPRanges": "10.0.5.0/24"}),
        ('-RemoteIPRanges "10.0.0.1","10.0.0.3"', {"RemoteIPRanges": ("10.0.0.1", "10.0.0.3")}),
        ("-RemoteIPRanges 10.0.0.1, 10.0.0.3", {"RemoteIPRanges": ("10.0.0.1", "10.0.0.3")}),
        (
            '-RemoteIPRanges @("10.0.0.1",\n"10.0.0.3")',
            {"RemoteIPRanges": ("10.0.0.1", "10.0.0.3")},
        ),
        ("-RemoteIPRanges 10.0.0.1,\n  10.0.0.3", {"RemoteIPRanges": ("10.0.0.1", "10.0.0.3")}),
        ("-RemoteIPRanges `\n 10.0.0.1", {"RemoteIPRanges": "10.0.0.1"}),
        ("-RemoteIPRanges @()", {"RemoteIPRanges": ()}),
        ('-RemoteIPRanges @{Add="a"}', {"RemoteIPRanges": {"Add": ("a",)}}),
        (
            '-RemoteIPRanges @{Add="a","b"; Remove=\'c\'}',
            {"RemoteIPRanges": {"Add": ("a", "b"), "Remove": ("c",)}},
        ),
        ("-AuthMechanism Tls,Integrated", {"AuthMechanism": ("Tls", "Integrated")}),
        ("-Enabled $true", {"Enabled": True}),
        ("-Enabled:$FALSE", {"Enabled": False}),
        ("-WhatIf -Enabled $false", {"WhatIf": True, "Enabled": False}),
        ("-Confirm:$false", {"Confirm": False}),
        ("\u2013Confirm:$false", {"Confirm": False}),
        ("-Banner $null", {"Banner": ""}),
        ("-Comment 'it''s'", {"Comment": "it's"}),
        ('-Comment "a ""b"" `$c"', {"Comment": 'a "b" $c'}),
        ("-Comment \u201ca b\u201d", {"Comment": "a b"}),
        ("-Comment 'a;b|c#d'", {"Comment": "a;b|c#d"}),
    ],
)
def test_values(text: str, parameters: dict[str, object]) -> None:
    """Each way of writing a value that PowerShell knows for these parameters."""
    expected = Call("Set-ReceiveConnector", {"Identity": r"EX16A\Relay", **parameters})

    assert call(rf"Set-ReceiveConnector EX16A\Relay {text}") == expected
    assert call(rf'Set-ReceiveConnector {text} -Identity "EX16A\Relay"') == expected


def test_several_lines() -> None:
    """Line ends and semicolons part calls; prompts, blank lines and comments are none."""
    text = "[PS] C:\\>Get-Queue; Get-Queue -Server A\n\n# that was it\nPS C:\\> Get-Message\n"

    assert [one.call.cmdlet for one in lines_of(text)] == ["Get-Queue", "Get-Queue", "Get-Message"]
    assert [one.text for one in lines_of("Get-Queue ;  Get-Message")] == [
        "Get-Queue",
        "Get-Message",
    ]
    assert call("Get-Queue -Server A # to be sure").parameters == {"Server": "A"}
    assert lines_of(" \n# nothing\n;;") == []


@pytest.mark.parametrize("shown", ["Format-List", "fl", "ft", "Format-Table -AutoSize", "select"])
def test_properties(shown: str) -> None:
    """What stands behind a bar chooses properties; a star is the usual."""
    assert lines_of(f"Get-Queue | {shown} Identity, LastError")[0].properties == (
        "Identity",
        "LastError",
    )
    assert lines_of(f"Get-Queue | {shown}")[0].properties == ()
    assert lines_of("Get-Queue | fl *")[0].properties == ()


def test_another_machine() -> None:
    """Invoke-Command takes a server and one command in braces."""
    for text in (
        "Invoke-Command -ComputerName EX16A { Start-Service X }",
        "Invoke-Command -ScriptBlock {Start-Service 'X'} -ComputerName 'EX16A'",
    ):
        (line,) = lines_of(text)

        assert (line.server, line.call) == ("EX16A", Call("Start-Service", {"Name": "X"}))


def test_a_filter_may_stand_in_braces() -> None:
    """As Exchange's own examples write it."""
    assert call('Get-Queue -Filter {Status -eq "Retry"}').parameters == {
        "Filter": 'Status -eq "Retry"'
    }


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "$x = 1",
        "Get-Queue | Retry-Queue",
        "Get-Queue |",
        "if ($true) { Get-Queue }",
        "Get-Queue -Server",
        "Get-Queue -Server $name",
        'Get-Queue -Server "$name"',
        'Get-Queue -Server "EX',
        "Get-Queue -Server ('EX'",
        "Get-Queue EX16A EX16B",
        "Get-Queue -Server A -server B",
        "Set-ReceiveConnector x -RemoteIPRanges @{Add}",
        "Set-ReceiveConnector x -RemoteIPRanges @{Add=",
        "Set-ReceiveConnector x -RemoteIPRanges a,",
        "Get-Queue }",
        "Get-Queue {",
        "Invoke-Command { Start-Service X }",
        "Invoke-Command -ComputerName A",
        "Invoke-Command -ComputerName A { Get-Service; Get-Service }",
        "mailflow diagnose demo:article",
        ",",
        "&",
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    """It says what can be typed, and keeps the line."""
    with pytest.raises(NotTypedError) as refused:
        lines_of(text)

    assert what_can_be_typed() in str(refused.value)
    assert refused.value.line


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    """Whatever is typed: lines, or the sentence; never another exception."""
    try:
        lines: object = lines_of(text)
    except NotTypedError as error:
        lines = [str(error)]

    assert isinstance(lines, list)
    assert all(isinstance(one, TypedLine | str) for one in lines)


@given(st.text(alphabet="`$\"'\u201c\u201d\u201e;|#{}()@= aB\\,", max_size=30))
def test_what_the_remedy_quotes_is_read_back(name: str) -> None:
    """Names as `commands.quoted` writes them come back as they are."""
    text = f"Set-ReceiveConnector {commands.quoted(name)} -Enabled $true"

    assert call(text).parameters == {"Identity": name, "Enabled": True}


@pytest.mark.parametrize("name", scenarios.difficulties())
def test_every_remedy_can_be_typed(name: str) -> None:
    """The very lines that the findings print."""
    from mailflow.opening import practice_snapshot
    from mailflow.simulated.practice import Practice
    from mailflow.views.findings import findings

    found = findings(practice_snapshot(Practice.begin(name), name))
    typed = "\n".join([*found.repair, *found.undo])

    assert [one.text for one in lines_of(typed)] == typed.splitlines()
