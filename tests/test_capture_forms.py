"""The writers of made-up captures write what a real PowerShell would."""

from __future__ import annotations

from pathlib import Path

import pytest

import capture_forms
from mailflow.sources.row import Items, Reading, Row
from organisations import article
from support import needs_powershell, run_powershell

SCRIPT = """param($Folder, $Width)
# The invariant culture would cut anywhere; English cuts at blanks.
[Threading.Thread]::CurrentThread.CurrentCulture = 'en-US'
[Threading.Thread]::CurrentThread.CurrentUICulture = 'en-US'
$FormatEnumerationLimit = 16
foreach ($file in Get-ChildItem $Folder -Filter *.xml) {
    $objects = Import-Clixml $file.FullName
    $text = $objects | Format-List * | Out-String -Width $Width
    [IO.File]::WriteAllText("$($file.FullName).txt", $text)
}
"""


def reading() -> Reading:
    """The article's organisation, with a list that is cut and a word wider than a line."""
    org = article()
    many = ",".join(f"10.9.{n}.0/24" for n in range(20))
    org.add_relay("EX16A", *many.split(","), name="Scanners")
    found = org.reading()
    found.rows = [
        Row(one.cmdlet, {k: v for k, v in one.values.items() if not k.endswith("Time")}, one.place)
        for one in found.rows
    ]  # times print in the reader's own zone and culture
    return found


@pytest.mark.parametrize("width", [60, 80, 137])
def test_lists_are_what_powershell_makes_of_the_clixml(tmp_path: Path, width: int) -> None:
    """One PowerShell reads our CLIXML without a fault and prints our Format-List (section 10.1)."""
    needs_powershell()
    found = reading()
    capture_forms.write(found, tmp_path, "clixml")
    script = tmp_path / "print.ps1"
    script.write_text(SCRIPT, encoding="utf-8")

    run_powershell(script, str(tmp_path), str(width))

    for cmdlet in found.cmdlets:
        printed = (tmp_path / f"{capture_forms.NAMES[cmdlet]}.xml.txt").read_text(encoding="utf-8")
        rows = list(found.of(cmdlet))
        expected = capture_forms.format_list(rows, width=width, mark="\u2026")
        assert printed.strip("\n") == expected.strip("\n")


def test_a_word_brings_its_blank_along() -> None:
    """The cut of S10.02: at blanks, and hard inside a word wider than a line."""
    assert capture_forms.wrap("one two three", 8) == ["one two ", "three"]
    assert capture_forms.wrap("one abcdefghijkl m", 8) == ["one abcd", "efghijkl", " m"]


def test_cut_lists_end_in_their_mark() -> None:
    """$FormatEnumerationLimit leaves out the end of a list (section 1.4)."""
    row = Row("Get-ReceiveConnector", {"RemoteIPRanges": Items(("a", "b", "c"))}, "")

    assert "{a, b...}" in capture_forms.format_list([row], limit=2)
    assert "{a, b, c}" in capture_forms.format_list([row], limit=-1)
