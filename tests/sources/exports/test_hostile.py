"""Input made to hurt: 200 MB and ten times its size are enough for whatever a file holds.

Each is read in a process of its own that may not have more memory. What is not read of it is told.
"""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mailflow.sources import wire
from support import ROOT as PROJECT

ROOT = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
QUEUE = "Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo"
FIRST = f'<Obj RefId="0"><TN RefId="0"><T>{QUEUE}</T></TN></Obj>'
ROW = '<Obj><TNRef RefId="0"/></Obj>'
HEAD = "Identity,NextHopDomain,Status\n"
LIST = "Identity : EX1\\1\nNextHopDomain : x\nStatus : Retry\n\n"
HOST = "Windows IP\n\n   Host Name . . . : EX1\n   Primary . . . : x\n\nEthernet adapter x:\n\n"
PROPERTIES = ("Identity", "NextHopDomain", "Status", "MessageCount", "LastError", "Velocity", "P")


def noise(size: int) -> str:
    """Text that does not pack to less than half."""
    return random.Random(1).randbytes(size // 2).hex()  # noqa: S311 - no secret


def shapes() -> str:
    """Objects of which each has its properties in an order of its own."""
    orders = itertools.islice(itertools.permutations(PROPERTIES), 5000)
    objects = ("{" + ",".join(f'"{name}":null' for name in one) + "}" for one in orders)
    return f"[{','.join(objects)}]"


PACKED: dict[str, Callable[[], str]] = {
    "rows.csv": lambda: HEAD + "E\\1,x,1\n" * 2_000_000 + noise(120_000),
    "unread.csv": lambda: "server,what,why\n" + "E,q,n\n" * 2_000_000 + noise(120_000),
    "rows.xml": lambda: ROOT + FIRST + ROW * 1_500_000 + f"<S>{noise(400_000)}</S></Objs>",
    "references.xml": lambda: (
        ROOT
        + "".join(f'<Obj RefId="{n}"><S>{"a" * 90_000}</S></Obj>' for n in range(4000))
        + f"<S>{noise(3_000_000)}</S></Objs>"
    ),
    "one-object.xml": lambda: (
        f"{ROOT}<Obj><Props>"
        + "".join(f'<S N="{n}">{"a" * 90_000}</S>' for n in range(3000))
        + f"</Props></Obj><S>{noise(3_000_000)}</S></Objs>"
    ),
    "properties.txt": lambda: "ab : cd\n" * 4_000_000 + noise(400_000),
    "snapshot": lambda: (
        '{"schema":"mailflow.snapshot/1","tables":[' + "[]," * 9_000_000 + f'"{noise(300_000)}"]}}'
    ),
    "lists.json": lambda: '[{"Identity":[' + "[]," * 9_000_000 + f'"{noise(300_000)}"]}}]',
}
PLAIN: dict[str, Callable[[], str]] = {
    "rows.xml": lambda: ROOT + FIRST + ROW * 400_000 + "</Objs>",
    "errors.xml": lambda: ROOT + '<S S="Error">x</S>' * 600_000 + "</Objs>",
    "types.xml": lambda: (
        ROOT + "".join(f"<Obj><TN><T>T{n}</T></TN></Obj>" for n in range(90_000)) + "</Objs>"
    ),
    "quotes.json": lambda: '["' + '\\"' * 60_000,
    "shapes.json": shapes,
    "names.json": lambda: "[{" + ",".join(f'"k{n}":1' for n in range(900_000)) + "}]",
    "schema.json": lambda: '[{"a":"mailflow.snapshot"}' + ",[]" * 3_000_000 + "]",
    "open.csv": lambda: HEAD + '"' + "a" * 10_000_000,
    "bad-rows.csv": lambda: HEAD + "x,\n" * 2_000_000,
    "columns.csv": lambda: ",".join(f"c{n}" for n in range(900_000)) + "\n",
    "rule.txt": lambda: "Identity Status\n" + "- " * 3_000_000 + "x\n",
    "properties.txt": lambda: "ab : c\n" * 1_000_000,
    "objects.txt": lambda: LIST * 150_000,
    "layouts.txt": lambda: "".join(f"{LIST[:-1]}c{n} : 1\n\n" for n in range(5000)),
    "more.txt": lambda: "PS> Get-Queue\n" + ">> x\n" * 500_000,
    "adapter.txt": lambda: HOST + "   IPv6 Address. . . : fe80::1(Preferred)\n" * 4000,
}

UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
from mailflow.errors import InputError
from mailflow.sources.exports.files import read_source
path = Path(sys.argv[1])
own = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = own + 200 * 10**6 + 10 * path.stat().st_size
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    found = read_source(path).reading
    print("told:", bool(found.rows or found.unread or found.ignored))
except InputError as error:
    print("refused:", error)
"""


def read(path: Path) -> str:
    """What a process says that may use as much memory as the file's size allows."""
    seconds = 30 + 3 * path.stat().st_size / 10**6
    done = subprocess.run(
        [sys.executable, "-c", UNDER_A_LIMIT, str(path)],
        env={"PYTHONPATH": str(PROJECT / "lib")},
        capture_output=True,
        text=True,
        timeout=4 * seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-800:]
    return done.stdout


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("name", PLAIN)
def test_a_hostile_file(tmp_path: Path, name: str) -> None:
    """Its memory and time are bounded by its size, and it is never read as if it were nothing."""
    path = tmp_path / name
    path.write_text(PLAIN[name](), encoding="utf-8")

    assert read(path).startswith(("told: True", "refused: "))


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("name", PACKED)
def test_a_hostile_zip(tmp_path: Path, name: str) -> None:
    """The size is that of the zip, whatever it unfolds to; what is left out is told."""
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(name, PACKED[name]())
    assert all(one.file_size < 290 * one.compress_size for one in archive.infolist())

    assert read(path).startswith(("told: True", "refused: "))


ANSWER_UNDER_A_LIMIT = """
import resource, sys
from pathlib import Path
from mailflow.sources import wire
from mailflow.sources.shell import Call
frame = Path(sys.argv[1]).read_bytes()
own = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = own + 200 * 10**6 + min(130 * len(frame), 2**31)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
budget = wire.budget_of(frame)
reply = wire.reply(Call("Get-Queue"), wire.read_answers(frame, budget).documents[1], "x", budget)
print("told:" if reply.rows else f"refused: {reply.fault.message}")
"""


@pytest.mark.long
@pytest.mark.alone
@pytest.mark.parametrize("name", [name for name in PACKED if name.endswith(".xml")])
def test_a_hostile_answer(tmp_path: Path, name: str) -> None:
    """A frame from a server: its memory is bounded by its size, whatever it unfolds to."""
    path = tmp_path / "frame"
    path.write_bytes(wire.frame(1, PACKED[name]().encode()))

    done = subprocess.run(
        [sys.executable, "-c", ANSWER_UNDER_A_LIMIT, str(path)],
        env={"PYTHONPATH": str(PROJECT / "lib")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-800:]
    assert done.stdout.startswith("refused: ")
