"""Starts the scripts for Windows in a real PowerShell, with what Linux lacks played beside them."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

from mailflow import powershell
from mailflow.sources import wire
from mailflow.sources.shell import Call, Reply
from support import needs_powershell

HERE = Path(__file__).parent
STAND_INS = HERE / "stand_ins.ps1"


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a process.

    Attributes:
        output: everything on standard output.
        errors: everything on standard error.
        code: what it ended with.
        arrived: after how many seconds how many bytes of the output were there.
    """

    output: bytes
    errors: str
    code: int
    arrived: tuple[tuple[float, int], ...]

    def when(self, text: str) -> float:
        """Seconds after which the first such text was there, whole."""
        end = self.output.index(text.encode()) + len(text)
        return next(seconds for seconds, size in self.arrived if size >= end)


class Rig:
    """A folder in which PowerShell finds the practice cmdlets, and nothing of this machine.

    Attributes:
        root: all that a run may write lies below it.
        temporary: for temporary files.
        work: the folder that scripts are started in.
        log: what the stand-in for New-PSSession was asked for, a line each.
    """

    def __init__(self, root: Path) -> None:
        """Make the folder."""
        self.pwsh = needs_powershell()
        self.root = root
        self.temporary, self.work, self.home = (root / name for name in ("tmp [1]", "work", "home"))
        self.log = root / "asked"
        programs = root / "bin"
        for folder in (self.temporary, self.work, self.home, programs):
            folder.mkdir()
        ssh = programs / "ssh"
        ssh.write_text(f'#!/bin/sh\nexec "{self.pwsh}" -NoLogo -NoProfile -s\n', "utf-8")
        ssh.chmod(0o755)
        self.environment = os.environ | {
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "PSModulePath": str(HERE / "modules"),
            "PSModuleAnalysisCachePath": str(self.home / "modules"),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "TERM": "dumb",
            "NO_COLOR": "1",
            "DOTNET_EnableDiagnostics": "0",
            "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "PRACTICE_LOG": str(self.log),
            # Milliseconds for which nothing stops what blocks; what it runs in ends only then.
            "PRACTICE_BLOCK": "8000",
        }

    def ask(
        self, calls: Sequence[Call], settings: wire.CallSettings | None = None, **environment: str
    ) -> Run:
        """Run Invoke-MailFlow.ps1 as a client starts it, with the stand-ins in front."""
        script = powershell.script(powershell.INVOKE)
        return self.feed(
            wire.request(script, settings or wire.CallSettings(), calls), **environment
        )

    def feed(self, data: bytes, **environment: str) -> Run:
        """Run the command line of a client with this standard input."""
        program, arguments = wire.command_line()
        assert program == "powershell.exe"
        text = base64.b64decode(arguments[-1]).decode("utf-16-le")
        text = f". '{STAND_INS}'\n{text}"
        arguments[-1] = base64.b64encode(text.encode("utf-16-le")).decode("ascii")
        return self.start(arguments, data, environment)

    def collect(self, arguments: str = "", **environment: str) -> Run:
        """Run Collect-MailFlow.ps1 as an administrator does, in a shell with the stand-ins."""
        script = Path(powershell.__file__).parent / powershell.COLLECT
        text = f". '{STAND_INS}'; & '{script}' {arguments}"
        options = ("-NoLogo", "-NoProfile", "-NonInteractive", "-Command", text)
        return self.start(options, b"", environment)

    def run_file(self, script: Path, *arguments: str) -> Run:
        """Run a script file."""
        options = ("-NoLogo", "-NoProfile", "-NonInteractive", "-File", str(script))
        return self.start([*options, *arguments], b"", {})

    def start(self, arguments: Sequence[str], data: bytes, environment: Mapping[str, str]) -> Run:
        """Run PowerShell to its end, at most two minutes."""
        begun = time.monotonic()
        errors = self.root / f"errors{len(list(self.root.glob('errors*')))}"
        arrived: list[tuple[float, int]] = []
        output = bytearray()
        with (
            errors.open("wb") as stream,
            subprocess.Popen(
                [str(self.pwsh), *arguments],
                env=self.environment | environment,
                cwd=self.work,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
            ) as process,
        ):
            watch = Timer(120, process.kill)
            watch.start()
            assert process.stdin
            assert process.stdout
            process.stdin.write(data)
            process.stdin.close()
            while chunk := os.read(process.stdout.fileno(), 2**16):
                output += chunk
                arrived.append((time.monotonic() - begun, len(output)))
            process.wait()
            watch.cancel()
        text = errors.read_text("utf-8", "replace")
        errors.unlink()
        return Run(bytes(output), text, process.returncode, tuple(arrived))

    def written(self) -> dict[str, bytes]:
        """Each file that lies below the folder, without the rig's own: path to content."""
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.parent.name != "bin"
        }


def replies(run: Run, calls: Sequence[Call]) -> list[Reply | None]:
    """The reply to each call, as a client reads it; None where no whole frame came."""
    found = wire.read_answers(run.output)
    return [
        wire.reply(call, found.documents[number], call.cmdlet)
        if number in found.documents
        else None
        for number, call in enumerate(calls, 1)
    ]
