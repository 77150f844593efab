"""Every command that mailflow advises to export or to look prints what mailflow reads."""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from capture_forms import clixml
from mailflow.analysis import missing
from mailflow.analysis.missing import Missing
from mailflow.exchange.cmdlets import PROPERTIES, SPECS, TABLES, CmdletScope
from mailflow.snapshot import Snapshot
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.exports.console import read_console
from mailflow.sources.row import Items, Lost, Reading, Row
from mailflow.sources.tables import assemble
from practice_bench import Bench
from support import ROOT, run_powershell

PACKAGE = ROOT / "lib" / "mailflow"
CMDLETS = (*PROPERTIES, "Get-TransportServer")
ASKED = {
    "Get-ExchangeServer": {},
    "Get-TransportService": {},
    "Get-Queue": {"Server": "EX10A"},
    "Get-ReceiveConnector": {"Server": "EX16A"},
    "Get-NetworkConnectionInfo": {"Identity": "EX16A"},
    "Get-ServerComponentState": {"Identity": "EX16A"},
    "Get-ADPermission": {"Identity": "EX16A\\Default Frontend EX16A"},
    **{
        spec.name: {spec.by: "EX16A"} if spec.scope is CmdletScope.SERVER else {}
        for spec in TABLES.values()
    },
}
"""What plays the answer of each cmdlet."""

_ADVISED = re.compile(
    rf"(?:\$FormatEnumerationLimit = -1; )?(?:{'|'.join(CMDLETS)})\b[^`\n]{{0,200}}?"
    r"\| ?(?:Format-(?:List|Table)|Export-Clixml)[^`\n(]*"
)
_PLACES = {
    "{connector}": "EX16A\\Default Frontend EX16A",
    "{queue}": "EX10A\\Submission",
    "{target}": "EX16A",
    "{sender}": "EX10A",
    "{server}": "EX16A",
    "<server>": "EX16A",
}
_NAMES = {"identity", "name", "server", "serverfqdn", "user", "component"}
"""Properties that say whose an object is, and nothing else."""


def _texts(path: Path) -> Iterator[str]:
    """The texts in a module, with the constants that stand in them."""
    name = "mailflow." + ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    tree = ast.parse(path.read_text("utf-8"))
    inside = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(_part(part, name) for part in node.values)
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield node.value


def _part(part: ast.expr, module: str) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
        found = getattr(importlib.import_module(module), part.value.id, None)
        if isinstance(found, str):
            return found
        return {"name": '"EX16A\\Default Frontend EX16A"'}.get(part.value.id, "EX16A")
    return "EX16A"


@cache
def advised() -> tuple[str, ...]:
    """Every command of a cmdlet of ours in the package, as a person would type it."""
    found: set[str] = set()
    folders = (
        "analysis",
        "checks",
        "exchange",
        "repair",
        "show",
        "sources",
        "views",
        "apply",
        "cli",
    )
    for path in sorted(one for folder in folders for one in (PACKAGE / folder).rglob("*.py")):
        found |= {match for text in _texts(path) for match in _ADVISED.findall(text)}
    for cmdlet in CMDLETS:
        for server in ("", "EX16A"):
            found |= {Missing(server, cmdlet).command, Missing(server, cmdlet).shows}
    found |= {SPECS[cmdlet].shows_all for cmdlet in PROPERTIES} - {""}
    # The templates of missing data are filled in by Missing itself.
    return tuple(sorted({_filled(one) for one in found if one and "{}" not in one}))


def _filled(command: str) -> str:
    for place, name in _PLACES.items():
        command = command.replace(place, name)
    return command.strip().rstrip(".")


def test_commands_are_found() -> None:
    """The search sees what cards, missing data and messages say."""
    commands = advised()

    assert len(commands) > 20
    assert "Get-ServerComponentState EX16A | Format-List ServerFqdn, Component, State" in commands
    assert any(one.startswith("$FormatEnumerationLimit") for one in commands)
    assert any(
        "Where-Object {$_.Deny}" in one and one.endswith("IsInherited") for one in commands
    ), commands
    assert {Missing("EX16A", one).command for one in (missing.RIGHTS, missing.QUEUES)} < {*commands}


SCRIPT = r"""
param($Folder)
foreach ($file in Get-ChildItem $Folder -Filter 'Get-*.xml') {
  $path = $file.FullName
  Set-Item "function:global:$($file.BaseName)" ([scriptblock]::Create("Import-Clixml '$path'"))
}
Set-Location $Folder
$number = 0
foreach ($command in Get-Content -Raw "$Folder/commands.json" | ConvertFrom-Json) {
  $FormatEnumerationLimit = 4
  Remove-Item "$Folder/*-exported.xml"
  $typed = $command -replace 'Export-Clixml \S+', 'Export-Clixml x-exported.xml'
  $text = Invoke-Expression $typed | Out-String -Width 120
  if (Test-Path x-exported.xml) { Copy-Item x-exported.xml "answer$number.xml" }
  else { [IO.File]::WriteAllText("$Folder/answer$number.txt", $text) }
  $number++
}
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What a real PowerShell prints or exports for each command."""
    folder = tmp_path_factory.mktemp("advice")
    bench = Bench()
    for cmdlet, asked in ASKED.items():
        reply = bench.run(cmdlet, **asked)
        assert reply.rows, cmdlet
        (folder / f"{cmdlet}.xml").write_text(clixml(list(reply.rows)), "utf-8")
    service = (folder / "Get-TransportService.xml").read_bytes()
    (folder / "Get-TransportServer.xml").write_bytes(service)
    (folder / "commands.json").write_text(json.dumps(advised()), "utf-8")
    (folder / "print.ps1").write_text(SCRIPT, "utf-8")
    run_powershell(folder / "print.ps1", str(folder), seconds=120)
    paths = {one: folder / f"answer{number}" for number, one in enumerate(advised())}
    return {
        command: path.with_suffix(".xml" if "Export-Clixml" in command else ".txt")
        for command, path in paths.items()
    }


def _read(path: Path, prompt: str) -> Reading:
    if path.suffix == ".xml":
        return read_clixml([path.read_bytes()], path.name)
    return read_console(prompt + path.read_text("utf-8"), path.name)


@pytest.mark.parametrize("pasted", ["alone", "below its prompt"])
def test_what_is_advised_is_read(answers: dict[str, Path], pasted: str) -> None:
    """Each object is of a cmdlet that mailflow reads, nothing of it is lost, and whose it is shows.

    A command that shows none of the properties mailflow reads is for people alone. Adapters do not
    say whose they are; the prompt does.
    """
    read = []
    for command, path in answers.items():
        if pasted == "alone" and command.startswith("Get-NetworkConnectionInfo"):
            continue
        reading = _read(path, "" if pasted == "alone" else f"[PS] C:\\>{command}\n")
        org = assemble(reading, origin="x")
        named = {name.casefold() for row in reading.rows for name in row.values} - _NAMES
        if not named and not command.startswith("Get-ADPermission"):
            assert "Format-List" in command, command  # a person looks at something else
            continue
        read.append(command)
        assert not reading.unread, command
        assert not reading.ignored, command
        assert not [name for row in reading.rows for name in row.values if _is_lost(row, name)]
        assert not [row for row in org.unread if "does not say" in row.why], command
        assert _objects(org, reading), command
    assert len(read) > 20


def _is_lost(row: Row, name: str) -> bool:
    """Long names that a console cuts stand in other properties too."""
    value = row.values[name]
    cut = isinstance(value, Items) and value.cut
    return name != "DistinguishedName" and (cut or isinstance(value, Lost))


def _objects(org: Snapshot, reading: Reading) -> int:
    """How many objects of the answer stand in the snapshot."""
    [cmdlet] = reading.cmdlets
    tables = {
        "Get-ExchangeServer": org.servers,
        "Get-TransportService": org.settings,
        "Get-Queue": org.queues,
        "Get-ReceiveConnector": org.connectors,
        "Get-NetworkConnectionInfo": org.addresses,
        "Get-ServerComponentState": org.components,
        "Get-ADPermission": org.rights,
    }
    kept = SPECS[cmdlet].table
    return len(org.objects(kept.name) if kept else tables[cmdlet])
