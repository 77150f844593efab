"""Receive logs counted: against a slow reader, on logs as strangers leave them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mailflow.exchange.accepted_domains import AcceptedDomains
from mailflow.usage import parts
from mailflow.usage.combine import Client
from mailflow.usage.engine import read_logs
from mailflow.usage.parts import PartSettings
from usage_model import ACCEPTED, Counted, random_logs, slow_count

pytest.importorskip("duckdb")


def as_counted(client: Client) -> Counted:
    """A client in the words of the slow reader."""
    same = set(Counted.__dataclass_fields__) - {"names", "ended", "hours"}
    found = Counted(**{name: getattr(client, name) for name in same})
    found.names, found.ended = set(client.names), Counter(dict(client.ended))
    found.hours = {each.hour: [each.sessions, each.messages] for each in client.hours}
    return found


def check(folder: Path, seed: int) -> None:
    """Count one random corpus in both ways."""
    files = random_logs(folder / str(seed), seed)

    quick = read_logs([folder / str(seed)], PartSettings(AcceptedDomains(ACCEPTED)))

    assert quick.missing == ()
    told = {(each.connector, each.address, each.proxied): each for each in quick.told.clients}
    assert {key: as_counted(each) for key, each in told.items()} == slow_count(files), seed


@pytest.mark.parametrize("seed", range(16, 20))
def test_counts_of_files_in_pieces(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are too long to be summed up at once are counted the same."""
    monkeypatch.setattr(parts, "AT_ONCE", 2000)
    check(tmp_path, seed)


@pytest.mark.parametrize("seed", range(16))
def test_counts_of_hostile_logs(tmp_path: Path, seed: int) -> None:
    """Rows cut, headers anywhere, two files with one session: a slow reader counts the same."""
    check(tmp_path, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1060))
def test_counts_of_many_hostile_logs(tmp_path: Path, seed: int) -> None:
    """The same, with other logs."""
    check(tmp_path, seed)


@pytest.mark.long
@pytest.mark.hours
@pytest.mark.parametrize("seed", range(1060, 1400))
def test_counts_of_hundreds_of_hostile_logs(tmp_path: Path, seed: int) -> None:
    """The same, hundreds of times."""
    check(tmp_path, seed)
