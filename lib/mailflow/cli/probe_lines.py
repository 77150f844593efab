"""Lines of PowerShell to paste on a sender: they ask each target for EHLO and write its reply.

What they run is the part of `Invoke-MailFlow.ps1` that a live probe runs. Every line is short, and
none is empty: a console of any version then takes them as one block.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailflow.exchange.commands import is_quotable, quoted
from mailflow.exchange.ehlo import EhloObservation
from mailflow.plain import one_line, wrap
from mailflow.powershell import INVOKE, script
from mailflow.sources.ehlo_replies import MARK
from mailflow.sources.probing import SECONDS

_BEGIN, _END = "function Read-SmtpReply", "# End of that part."

_SAVE = f"""\
function Save-Ehlo([string] $Target, [string] $Place, [int] $Port, [string] $File) {{
    $culture = [Globalization.CultureInfo]::InvariantCulture
    $when = (Get-Date).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', $culture)
    $hex = {{ '\\x{{0:x2}}' -f [int] [char] $args[0].Value }}
    $ended, $address, $said = 'no address', '', @()
    try {{
        $address = [Net.Dns]::GetHostAddresses($Place)[0].ToString()
        $got = Send-Ehlo $address $Port $hello {SECONDS}
        $ended = "$($got.Stage) $($got.Why) $($got.Code)"
        if ($got.Stage -eq 'done') {{ $ended = 'done' }}
        $sent = "C: EHLO $hello"
        foreach ($pair in @('', $got.Banner), @($sent, $got.Reply)) {{
            if ($pair[0] -and $pair[1]) {{ $said += $pair[0] }}
            foreach ($line in $pair[1].Split("`n")) {{
                $line = [regex]::Replace($line.TrimEnd("`r"), '[^ -~]', $hex)
                if ($line) {{ $said += "S: $line" }}
            }}
        }}
    }} catch {{ $null = $_ }}
    $lines = @('{MARK}', "# sender: $sender", "# target: $Target")
    $lines += "# address: $address", "# port: $Port", "# written: $when", "# ended: $ended"
    $path = Join-Path $HOME $File
    [IO.File]::WriteAllLines($path, [string[]] ($lines + $said))
    "$path ($ended)"
}}
"""


def probe_lines(questions: Sequence[EhloObservation], hosts: Sequence[str]) -> list[str]:
    """The lines, words as comments among them; a target whose name cannot be quoted is left out.

    Args:
        questions: whom to ask, all from one sender.
        hosts: full name of each target, for those of which no address is known.
    """
    sender, hello = questions[0].sender, questions[0].hello
    words = [
        f"What servers of this organization offer {sender}: EHLO and QUIT are sent, no mail.",
        f"1. On {sender}, in PowerShell, paste all of these lines. Nothing is installed.",
        "2. Each reply is written to a file in your home folder there: ehlo-*.txt.",
        "3. Put these files into the folder with the exports, or name each with --evidence.",
    ]
    asked = [
        line
        for number, (question, host) in enumerate(zip(questions, hosts, strict=True), 1)
        for line in _asked(question, host, number)
    ]
    return [
        *(f"# {line}" for text in words for line in wrap(one_line(text), 76)),
        "& {",
        *_shared().splitlines(),
        *_SAVE.splitlines(),
        f"$sender, $hello = {quoted(sender)}, {quoted(hello)}",
        *asked,
        "}",
    ]


def _shared() -> str:
    """The functions that a live probe runs on the sender."""
    text = script(INVOKE)
    return text[text.index(_BEGIN) : text.index(_END)]


def _asked(question: EhloObservation, host: str, number: int) -> list[str]:
    place = question.address or host or question.target
    if not (is_quotable(question.target) and is_quotable(place)):
        return [
            f"# left out, its name cannot be quoted in a command: {one_line(question.target, 40)}"
        ]
    names = (re.sub(r"[^A-Za-z0-9-]", "_", name) for name in (question.sender, question.target))
    file = "-".join(["ehlo", *names, str(number)]) + ".txt"
    given = f"{quoted(question.target)} {quoted(place)}"
    return [f"Save-Ehlo {given} {question.port} {quoted(file)}"]
