"""Texts in a CLIXML document."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clixml_model import hidden
from mailflow.sources.exports.clixml_texts import unescape


@given(st.text(max_size=20))
def test_unescape(text: str) -> None:
    """What .NET hides comes back."""
    assert unescape(hidden(text.encode("utf-16", "replace").decode("utf-16"))) == text
