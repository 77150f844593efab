"""Both scripts keep to what Windows PowerShell 2.0 has (S8.30), told by PowerShell's own parser."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mailflow import powershell
from mailflow.cli.probe_lines import probe_lines
from mailflow.exchange.ehlo import EhloObservation
from mailflow.sources.shell import ALLOWED, FORMS, PROBE_FORMS, WORDS, WRITES
from powershell.rig import HERE, Rig
from support import needs_shared

SCRIPTS = (powershell.INVOKE, powershell.COLLECT)
MOST_LINES = 410
"""Of a script that somebody still reads before he lets it run."""
FOLDER = Path(powershell.__file__).parent

PASTED = "the lines of mailflow probe"
ASKED = EhloObservation(
    sender="EX10A", target="EX16A", address="10.0.0.21", port=25, hello="ex10a.contoso.example"
)

PLANTED: Mapping[str, str] = {
    "-in": "if (1 -in 1, 2) { }",
    "-notin": "if (1 -notin 1, 2) { }",
    "-shl": "1 -shl 2",
    "[ordered]": "$a = [ordered] @{ b = 1 }",
    "[pscustomobject]": "$a = [pscustomobject] @{ b = 1 }",
    "[management.automation.psserializer]": "[Management.Automation.PSSerializer]::Serialize(1)",
    "::new": "[IO.MemoryStream]::new()",
    "$using:": "Invoke-Command -ScriptBlock { $using:a }",
    "$PSItem": "1 | ForEach-Object { $PSItem }",
    "$PSScriptRoot": "$a = $PSScriptRoot",
    "class": "class A { }",
    "enum": "enum A { B }",
    "ternary": "$a = $true ? 1 : 2",
    "??": "$a = $null ?? 1",
    "?.": "$a = ${a}?.b",
    "&&": "Get-Date && Get-Date",
    "using": "using namespace System.IO",
    "a filter without a script block": "1 | Where-Object Length -eq 1",
    ".ForEach": "(1, 2).ForEach({ $_ })",
    ".Where": "(1, 2).Where({ $_ })",
    ".IsNullOrWhiteSpace": "[string]::IsNullOrWhiteSpace('')",
    ".CopyTo": "$a.CopyTo($b)",
    "redirection of a newer stream": "Get-Date 3>&1",
    "a command whose name is not in the text": "& $name",
    "a member whose name is not in the text": "$a.$b()",
    "error": "if (",
    "no such command: ConvertTo-Json": "1 | ConvertTo-Json",
    "no such command: gps": "gps",
    "no such parameter: Export-Clixml -LiteralPath": "1 | Export-Clixml -LiteralPath x",
    "no such parameter: Export-Clixml -Enc": "1 | Export-Clixml -Path x -Enc UTF8",
    "no such parameter: Get-ChildItem -File": "$a = @{ }\n$a.File = $true\nGet-ChildItem @a",
    "no such parameter: Get-Item -Stream": "$a = @{ Stream = 'x' }\nGet-Item @a",
}
"""What is said of a script, to a script of which it is said."""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What PowerShell's parser sees in both scripts and in the planted ones, by one start."""
    root = tmp_path_factory.mktemp("language")
    rig = Rig(root)
    paths = {name: FOLDER / name for name in SCRIPTS}
    paths[PASTED] = root / "pasted.ps1"
    paths[PASTED].write_text("\n".join(probe_lines([ASKED], [""])), "ascii")
    for number, (what, text) in enumerate(PLANTED.items()):
        paths[what] = root / f"planted{number}.ps1"
        paths[what].write_text(text, "utf-8")
    listed = root / "paths"
    listed.write_text("\n".join(map(str, paths.values())), "utf-8")
    run = rig.run_file(HERE / "language.ps1", str(listed))
    assert not run.errors
    return dict(zip(paths, json.loads(run.output), strict=True))


@cache
def known_to_2() -> dict[str, set[str]]:
    """Each command of PowerShell 2.0 with its parameters, all names folded."""
    path = needs_shared("tools/powershell/windows-powershell-2.0-commands.json")
    return {
        command["Name"].casefold(): {
            name.casefold() for name in re.findall(r"-(\w+)", command.get("ParameterSets") or "")
        }
        for module in json.loads(path.read_text("utf-8-sig"))["Modules"]
        for command in module["ExportedCommands"]
    }


def violations(script: Mapping[str, Any]) -> list[str]:
    """What 2.0 would not understand in a script."""
    own = {name.casefold() for name in script["functions"]}
    found = [one["what"] for one in script["findings"]]
    for command in script["commands"]:
        name = command["name"]
        if name is None or name.casefold() in own:
            continue
        parameters = known_to_2().get(name.casefold())
        if parameters is None:
            found.append(f"no such command: {name}")
            continue
        found += [
            f"no such parameter: {name} -{one}"
            for one in command["parameters"]
            if one.casefold() not in parameters
        ]
    return found


@pytest.mark.parametrize("name", [*SCRIPTS, PASTED])
def test_a_script_needs_no_more_than_2(parsed: Mapping[str, Any], name: str) -> None:
    """Every command and parameter is one of 2.0, and so is all syntax (S8.30)."""
    assert violations(parsed[name]) == []


@pytest.mark.parametrize("what", PLANTED)
def test_what_2_lacks_is_seen(parsed: Mapping[str, Any], what: str) -> None:
    """Each kind of violation is found where one was planted."""
    assert what in violations(parsed[what])


def test_the_lists_of_what_is_allowed_are_equal(parsed: Mapping[str, Any]) -> None:
    """What may leave this side is what the script runs: the same cmdlets, the same parameters."""
    script = parsed[powershell.INVOKE]
    reading, writing, words = (
        {name: set(ones) for name, ones in script[which].items()}
        for which in ("allowed", "writes", "words")
    )

    assert {name: set(ones) for name, ones in ALLOWED.items()} == reading
    assert {name: set(ones) for name, ones in WRITES.items()} == writing
    assert {name: set(ones) for name, ones in WORDS.items()} == words
    assert dict(FORMS) == script["forms"]
    assert dict(PROBE_FORMS) == script["probe"]


def test_the_collection_asks_for_nothing_else(parsed: Mapping[str, Any]) -> None:
    """Every cmdlet that Collect-MailFlow.ps1 names is on the list of those that read.

    Get-WmiObject is asked for one class alone, on the computer where the script was started.
    """
    collect = parsed[powershell.COLLECT]
    used = {one["name"] for one in collect["commands"]}
    named = {one for one in collect["texts"] if re.fullmatch(r"[A-Z][a-z]+-[A-Z]\w+", one)} - used

    assert set() == named - set(ALLOWED) - {"Add-PSSnapin", "Get-WmiObject"}
    assert {"Get-Queue", "Get-ExchangeServer", "Get-ADPermission"} <= named
    assert [one for one in collect["texts"] if one.startswith("Win32_")] == [
        "Win32_NetworkAdapterConfiguration"
    ]


def test_both_call_in_the_same_way(parsed: Mapping[str, Any]) -> None:
    """The functions that stand in both scripts are the same, word for word."""
    invoke, collect = (
        dict(zip(parsed[name]["functions"], parsed[name]["bodies"], strict=True))
        for name in SCRIPTS
    )
    shared = invoke.keys() & collect.keys()

    assert {"Invoke-Call", "New-Answer"} == shared
    assert {name: invoke[name] for name in shared} == {name: collect[name] for name in shared}


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_form_of_a_script(name: str) -> None:
    """ASCII with line feeds, as the wire carries it, in lines that fit a page; strict as tested."""
    text = powershell.script(name)
    lines = text.split("\n")

    assert text.isascii()
    assert set(re.findall(r"[\x00-\x1f\x7f]", text)) == {"\n"}
    assert max(map(len, lines)) <= 100
    assert lines[-1] == ""
    assert "\nSet-StrictMode -Version 2.0\n" in text
    assert len(lines) < MOST_LINES


@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_is_stopped_by_waiting(name: str) -> None:
    """Stop() waits for a blocked call for ever: only BeginStop is used (S10.31).

    A zip and a socket are closed at once.
    """
    text = re.sub(r"#.*", "", powershell.script(name))

    assert not re.search(
        r"\.Stop\(|Remove-PSSession|\.Invoke\(|\.Close\(\)(?<!zip\.Close\(\)|ent\.Close\(\))",
        text,
    )
    assert "BeginStop" in text


def test_no_other_script() -> None:
    """A name that is none is told."""
    with pytest.raises(FileNotFoundError):
        powershell.script("Remove-Everything.ps1")
