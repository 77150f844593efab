"""The command that sets up tab completion: completion."""

from __future__ import annotations

import os
from typing import ClassVar

import click
from click.shell_completion import CompletionItem, ShellComplete, add_completion_class

from mailflow.cli.helping import COMPLETING, helpful_command

_POWERSHELL = r"""
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    function quoted([string]$text) {
        if ($text -match "[\s'\\]") { "'" + $text.Replace("'", "''") + "'" } else { $text }
    }
    $words = @(foreach ($element in $commandAst.CommandElements) {
        if ($element.Extent.EndOffset -gt $cursorPosition) { continue }
        if ($element -is [System.Management.Automation.Language.StringConstantExpressionAst]) {
            $element.Value
        } else {
            $element.Extent.Text
        }
    })
    if ($wordToComplete -and $words.Count -and $words[-1] -eq $wordToComplete) {
        $words = @($words | Select-Object -SkipLast 1)
    }
    $env:%(complete_var)s = 'powershell_complete'
    $env:MAILFLOW_WORDS = ConvertTo-Json @($words) -Compress
    $env:MAILFLOW_WORD = $wordToComplete
    try {
        $found = & %(prog_name)s
    } finally {
        Remove-Item Env:%(complete_var)s, Env:MAILFLOW_WORDS, Env:MAILFLOW_WORD
    }
    $result = [System.Management.Automation.CompletionResult]
    foreach ($line in $found) {
        $kind, $value, $help = $line -split "`t", 3
        if ($kind -eq 'file') {
            foreach ($file in Get-ChildItem "$wordToComplete*" -ErrorAction SilentlyContinue) {
                $path = Resolve-Path -Relative $file.FullName
                $result::new((quoted $path), $file.Name, 'ProviderItem', $file.Name)
            }
        } else {
            if (-not $help) { $help = $value }
            $result::new((quoted $value), $value, 'ParameterValue', $help)
        }
    }
}
"""


class PowerShellComplete(ShellComplete):
    """Completion for PowerShell, which click does not know."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, and that one."""
        import json

        words = json.loads(os.environ.get("MAILFLOW_WORDS") or "[]")
        return [str(word) for word in words[1:]], os.environ.get("MAILFLOW_WORD", "")

    def format_completion(self, item: CompletionItem) -> str:
        """Kind, value and help, with tabs between."""
        return "\t".join((item.type, str(item.value), (item.help or "").replace("\n", " ")))


add_completion_class(PowerShellComplete)
SHELLS = ("bash", "zsh", "fish", "powershell")


@helpful_command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def print_completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    \b
    bash        eval "$(mailflow completion bash)"     in ~/.bashrc
    zsh         eval "$(mailflow completion zsh)"      in ~/.zshrc
    fish        mailflow completion fish | source      in config.fish
    powershell  mailflow completion powershell | Out-String | Invoke-Expression
                                                       in $PROFILE
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    if found is None:  # click knows all of SHELLS
        raise click.BadParameter(f"no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "mailflow", COMPLETING).source())
