"""mailflow in one file, for any Python 3.11 or later, without installing anything.

    python3 run.py pyz [--output FILE]          left out: dist/mailflow.pyz

It holds the package, click and platformdirs (where profiles and the training are kept), with their
licenses; a command that needs more says so. The same
input gives the same bytes.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "lib" / "mailflow"
VENDORED = ("click", "platformdirs")
"""Small, and Python alone."""
SHEBANG = b"#!/usr/bin/env python3\n"
WHEN = (2020, 2, 2, 0, 0, 0)
"""The time of every file in it: none."""

# Python 3.6 must get as far as the sentence.
START = """\
import sys

if sys.version_info < (3, 11):
    sys.stderr.write(
        "mailflow needs Python 3.11 or later; this is {}.{}\\n".format(*sys.version_info[:2])
    )
    sys.exit(3)

from mailflow.cli import main

main()
"""


def members() -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, in order.

    Raises:
        ValueError: a library that is installed here cannot be taken along.
    """
    yield "__main__.py", START.encode("ascii")
    yield "LICENSE", (ROOT / "LICENSE").read_bytes()
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield f"mailflow/{path.relative_to(PACKAGE).as_posix()}", path.read_bytes()
    for library in VENDORED:
        yield from vendored(library)


def vendored(library: str) -> Iterator[tuple[str, bytes]]:
    """The modules of a library as they are installed, what it says of itself, and its license.

    Raises:
        ValueError: it is not there, has no license beside it, or needs a package in turn.
    """
    files = sorted(metadata.files(library) or (), key=str)
    if not any(re.search(r"\.dist-info/.*LICENSE", str(file)) for file in files):
        raise ValueError(f"the installed {library} brings no license")
    for file in files:
        name = file.as_posix()
        of_package = name.startswith(f"{library}/") and file.suffix in (".py", ".typed")
        if of_package or re.search(r"\.dist-info/(?:METADATA$|.*LICENSE)", name):
            content = file.read_binary()
            if of_package and re.search(rb"^\s*(?:import|from) colorama", content, re.MULTILINE):
                raise ValueError(f"{name} needs colorama: take a newer {library}")
            yield name, content


def archive() -> bytes:
    """The whole file."""
    made = io.BytesIO()
    made.write(SHEBANG)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, content in members():
            entry = zipfile.ZipInfo(name, WHEN)
            entry.create_system = 3  # whatever the system it is made on
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
    return made.getvalue()


def write(content: bytes, output: Path) -> None:
    """Write it whole, or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    beside = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.chmod(0o755)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Wrong usage is 3 here."""
        raise ValueError(message)


def main(arguments: list[str]) -> int:
    """Make it; say on standard output where it is, and on the other one how large."""
    parser = _Parser(prog="run.py pyz", description="mailflow in one file.")
    parser.add_argument("--output", type=Path, help="left out: dist/mailflow.pyz")
    try:
        output: Path = parser.parse_args(arguments).output or ROOT / "dist" / "mailflow.pyz"
        content = archive()
        write(content, output)
    except (OSError, ValueError, metadata.PackageNotFoundError) as error:
        sys.stderr.write(f"run.py pyz: {error}\n")
        return 3
    sys.stderr.write(f"{len(content) / 1e6:.1f} MB; try: python3 {output} diagnose demo:article\n")
    sys.stdout.write(f"{output}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
