"""What a remote session hands over of one organization, in each form that people save it in.

A real PowerShell reads the simulated organization's objects back, as `Deserialized.` ones, and
writes them: the same happens in a session to an Exchange server.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import capture_forms
from mailflow.opening import open_source
from mailflow.views.findings import findings
from organisations import Organisation, article, healthy
from support import needs_powershell

WRITE = {
    "xml": "$objects | Export-Clixml -Depth 3 -Path",
    "json": "$objects | ConvertTo-Json -Depth 3 | Set-Content -Encoding utf8 -Path",
    "csv": "$objects | Export-Csv -Encoding utf8 -Path",
    "txt": "$objects | Format-List * | Out-File -Encoding utf8 -Width 4096 -FilePath",
}
"""Form: how it is written; a path follows."""

SCRIPT = """
$ErrorActionPreference = 'Stop'
$FormatEnumerationLimit = -1
foreach ($file in Get-ChildItem -Path '{source}' -Filter *.xml) {{
    $objects = Import-Clixml -Path $file.FullName
    {write} (Join-Path '{target}' ($file.BaseName + '.{form}'))
}}
"""


def saved(org: Organisation, form: str, folder: Path) -> Path:
    """The organization as a remote session saves it in a form."""
    source = capture_forms.write(org.reading(), folder / "source", "clixml")
    target = folder / form
    target.mkdir()
    script = SCRIPT.format(source=source, target=target, write=WRITE[form], form=form)
    subprocess.run(
        [needs_powershell(), "-NoProfile", "-NonInteractive", "-Command", script],
        check=True,
        capture_output=True,
        timeout=120,
    )
    shutil.copy(source / "addresses.csv", target)
    return target


@pytest.mark.parametrize("form", WRITE)
def test_a_healthy_organization_is_so_in_each_form(form: str, tmp_path: Path) -> None:
    """What a form does not hold, such as the number of a queue, is not needed here."""
    org = healthy().add_queue("EX10A", 3).add_queue("EX16A", 2)
    read = open_source(str(saved(org, form, tmp_path)))

    assert (findings(read).verdict, read.unread) == ("clear", ())
    assert len(read.queues) == len(org.queues)


@pytest.mark.parametrize("form", WRITE)
def test_a_faulty_one_is_found_in_each_form(form: str, tmp_path: Path) -> None:
    """The founding fault, and its queues with their numbers of messages."""
    found = findings(open_source(str(saved(article(), form, tmp_path))))

    assert found.verdict == "found"
    assert found.repair
