"""What a real PowerShell cut joins as it was, or is lost; nothing else (section 10.1)."""

from __future__ import annotations

import json
import random
from itertools import product
from pathlib import Path

import pytest

from mailflow.sources.exports.console import read_console
from mailflow.sources.exports.pieces import ConsoleSigns, join
from mailflow.sources.row import Items, Lost, Value
from support import needs_powershell, run_powershell

WIDTHS = (40, 79, 80, 119, 200)
CULTURES = ("en-US", "de-DE", "el-GR", "ja-JP")

SCRIPT = """
param($Source, $Target)
$FormatEnumerationLimit = -1
$objects = Get-Content -Raw -Encoding utf8 $Source | ConvertFrom-Json
foreach ($culture in '{cultures}'.Split(' ')) {{
    [cultureinfo]::CurrentCulture = $culture
    [cultureinfo]::CurrentUICulture = $culture
    foreach ($width in '{widths}'.Split(' ')) {{
        $text = $objects | Format-List | Out-String -Width $width
        [IO.File]::WriteAllText("$Target/$culture-$width.txt", $text)
    }}
}}
"""


def _words(rng: random.Random) -> str:
    """A value with blanks, commas, long words and wide characters."""
    kinds = ("ab", "abc,", "x", "451", "host.contoso.example", "y" * 90, "日本語", "(z)", '"5.7.3')
    count = rng.choice((1, 2, 5, 20, 60))
    return " ".join(rng.choice(kinds) * (1 if rng.random() < 0.9 else 2) for _ in range(count))


def _spaced(rng: random.Random) -> str:
    """A value with several blanks in a row, which only a file keeps."""
    return "".join(rng.choice(("a", "bc", " ", "  ", "word", "z" * 30)) for _ in range(80)).strip()


def _ranges(rng: random.Random) -> list[str]:
    return [
        f"10.{rng.randrange(256)}.0.{low}-10.255.0.{low}"
        for low in (rng.randrange(256) for _ in range(rng.choice((1, 2, 30))))
    ]


def _objects() -> list[dict[str, object]]:
    rng = random.Random(17)  # noqa: S311 - no secrets, the same values each time
    queues: list[dict[str, object]] = [
        {
            "Identity": f"EX\\{number}",
            "Status": "Retry",
            "MessageCount": number,
            "LastError": _words(rng) if number % 3 else _spaced(rng),
        }
        for number in range(60)
    ]
    connectors: list[dict[str, object]] = [
        {
            "Identity": f"EX\\{_words(rng)[:60].strip()}",
            "Bindings": ["0.0.0.0:25", "[::]:25"],
            "RemoteIPRanges": _ranges(rng),
            "AuthMechanism": "Tls, Integrated, BasicAuth, BasicAuthRequireTLS, ExchangeServer",
        }
        for _ in range(30)
    ]
    return queues + connectors


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, object]], Path]:
    """The objects, and the folder with their lists in every culture and width."""
    needs_powershell()
    folder = tmp_path_factory.mktemp("lists")
    objects = _objects()
    (folder / "objects.json").write_text(json.dumps(objects), encoding="utf-8")
    (folder / "print.ps1").write_text(
        SCRIPT.format(cultures=" ".join(CULTURES), widths=" ".join(map(str, WIDTHS))),
        encoding="utf-8",
    )
    run_powershell(folder / "print.ps1", str(folder / "objects.json"), str(folder))
    return objects, folder


def _plain(value: Value) -> object:
    """A read value as the object it was printed from."""
    if isinstance(value, Items):
        assert not value.cut
        return list(value.values)
    return getattr(value, "text", value)


@pytest.mark.parametrize(("culture", "width"), list(product(CULTURES, WIDTHS)))
@pytest.mark.parametrize("screen", [False, True], ids=["file", "screen"])
def test_powershell_lists(
    printed: tuple[list[dict[str, object]], Path],
    culture: str,
    width: int,
    screen: bool,
) -> None:
    """Each value comes back equal, or is lost; lists and flags always come back (section 10.1)."""
    objects, folder = printed
    text = (folder / f"{culture}-{width}.txt").read_text(encoding="utf-8")
    if screen:  # the screen and a transcript lose the blank at a line's end
        text = "\n".join(line.rstrip() for line in text.split("\n"))

    reading = read_console(text, "list")

    assert not reading.unread
    assert len(reading.rows) == len(objects)
    lost = 0
    for row, expected in zip(reading.rows, objects, strict=True):
        assert set(row.values) == set(expected)
        for name, value in row.values.items():
            if isinstance(value, Lost):
                assert name in ("LastError", "Identity"), (name, value)
                lost += 1
            elif screen and isinstance(value, str):
                assert value.split() == str(expected[name]).split(), name
            else:
                assert _plain(value) == expected[name], name
    # A file keeps everything; a screen in a language that cuts at blanks loses little.
    assert lost <= (0 if not screen else len(objects))


def _joined(*values: list[str], number: int = 0) -> str | None:
    return join(values[number], ConsoleSigns.of(values))


def test_file_keeps_the_blank() -> None:
    """Pieces of a file join with nothing between, also where a word was cut."""
    assert _joined(["one two ", "three fourfiv", "e"]) == "one two three fourfive"


def test_screen_loses_the_blank() -> None:
    """A piece shorter than the line gets its blank back."""
    assert (
        _joined(["the first line of it", "is short, and then", "comes more"])
        == "the first line of it is short, and then comes more"
    )


def test_full_piece_of_a_cut_word() -> None:
    """Where all pieces are full and a word stands whole elsewhere, the cut went through it."""
    pieces = [
        "no alternate hosts or all alternate ho",
        "sts and then no alternate host did suc",
        "ceed",
    ]

    assert _joined(pieces) == "".join(pieces)


def test_comma_gets_its_blank() -> None:
    """A piece that ends in a comma lost a blank, unless commas stand without blanks elsewhere."""
    assert _joined(["qqqq, wwww,", "eeee"]) == "qqqq, wwww, eeee"
    assert _joined(["qqqq,wwww,", "eeee"]) is None


def test_one_cut_word_is_no_proof_among_short_pieces() -> None:
    """A part that happens to make a word does not turn short pieces into full ones."""
    pieces = ["the wideness of a line that is full", "short fail", "over again"]

    assert _joined([*pieces], ["failover"]) != "".join(pieces)


def test_several_blanks_on_a_screen_are_lost() -> None:
    """How many blanks a cut took away can't be told where several stand together."""
    assert _joined(["the first line  of it", "is short, and then", "comes more"]) is None


def test_undecided_is_lost() -> None:
    """One cut at the widest place, between parts that no other word explains: not told."""
    assert _joined(["qqqq wwww", "eeee"]) is None


def test_half_a_character_is_lost() -> None:
    """A cut through a surrogate pair leaves two halves that no file can hold."""
    assert _joined(["abc \ufffd", "\ufffd def"]) is None


def test_new_line_inside_a_value() -> None:
    """A piece shorter than a cut would have left it ends in a line break of the value."""
    assert _joined(["one", "two"], ["a long line that shows the width"]) == "one\ntwo"


def test_wide_characters_take_two_cells() -> None:
    """A wide character that has no room for its second cell leaves a full line one cell short."""
    assert _joined(["日本語日本 ", "x日本語日本", "語日本語"]) == "日本語日本 x日本語日本語日本語"
