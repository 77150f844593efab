"""Lines of a long text, without a list of all of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.exports import lines
from mailflow.sources.exports.lines import each_line


@given(st.text(st.sampled_from("ab\n\r\x0b"), max_size=60), st.integers(1, 9))
def test_like_split(text: str, piece: int) -> None:
    """Whatever the size of a piece: line feeds alone part lines, and empty ones count."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_PIECE", piece)

        assert list(each_line(text)) == text.split("\n")
