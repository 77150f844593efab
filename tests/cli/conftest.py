"""The command line, called in this process."""

from __future__ import annotations

import pytest

from command_line import Call, Screen
from mailflow import cli


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the command line on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> Screen:
        with pytest.raises(SystemExit) as left:
            cli.main([str(one) for one in arguments])
        out, err = capsys.readouterr()
        code = left.value.code
        assert isinstance(code, int)
        return Screen(code, out, err)

    return run
