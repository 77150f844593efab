"""`mailflow which`: the keys of the contract, section 3, and what makes an answer unknown."""

from __future__ import annotations

from typing import Any

import pytest

from mailflow.errors import UsageError
from mailflow.views.which import probe, probes_from, which
from organisations import Organisation, article, healthy


def ask(org: Organisation, server: str, source: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """One question, one answer."""
    return which(org.snapshot(), probe(server, source, **more))


def test_article() -> None:
    """The relay answers the 2010 server, by a range of one address (S1.13)."""
    actual = ask(article(), "ex16a", "10.0.0.11")

    assert actual["connector"] == r"EX16A\Relay"
    assert (actual["range"], actual["size"]) == ("10.0.0.11", 1)
    assert actual["process"] == "FrontendTransport"
    assert (actual["server"], actual["port"], actual["local"]) == ("EX16A", 25, "10.0.0.21")
    assert actual["reply"] is None
    assert actual["unknown"] is None
    others = {one["connector"]: one for one in actual["others"]}
    assert r"EX16A\Default Frontend EX16A" in others
    assert all(one["reason"] for one in others.values())


def test_nobody_answers() -> None:
    """Nothing matches: no connector, and what the client reads (S1.18)."""
    org = healthy()
    org.change(r"EX16A\Default Frontend EX16A", enabled=False)

    actual = ask(org, "EX16A", "10.0.0.11")

    assert actual["connector"] is None
    assert actual["reply"] == "421 4.3.2 Service not available"
    assert actual["unknown"] is None


def test_without_local_address_only_wildcards_count() -> None:
    """No address of the server is known: wildcard bindings decide, local is null (contract 3)."""
    org = article().set_addresses("EX16A")
    org.change(r"EX16A\Relay", bindings="10.0.0.21:25")

    actual = ask(org, "EX16A", "10.0.0.11")

    assert actual["local"] is None
    assert actual["connector"] == r"EX16A\Default Frontend EX16A"


def test_differs_by_local_address() -> None:
    """Where local addresses disagree each is listed and the answer is unknown (contract 3)."""
    org = article().set_addresses("EX16A", "10.0.0.21", "10.0.0.25")
    org.change(r"EX16A\Relay", bindings="10.0.0.25:25")

    actual = ask(org, "EX16A", "10.0.0.11")

    assert actual["connector"] is None
    assert actual["unknown"]
    assert actual["differs"] == [
        {"local": "10.0.0.21", "connector": r"EX16A\Default Frontend EX16A"},
        {"local": "10.0.0.25", "connector": r"EX16A\Relay"},
    ]
    assert ask(org, "EX16A", "10.0.0.11", local="10.0.0.25")["connector"] == r"EX16A\Relay"


def test_cut_list_is_unknown() -> None:
    """A list that was cut may hide the address (contract 8.8)."""
    org = healthy().change(r"EX16A\Relay", ranges_complete=False)

    actual = ask(org, "EX16A", "10.0.0.11")

    assert actual["connector"] is None
    assert actual["reply"] is None
    assert r"EX16A\Relay" in actual["unknown"]


def test_server_without_connectors_is_unknown() -> None:
    """No receive connector of a server was read: unknown, not "nobody"."""
    org = healthy().without("connectors")

    actual = ask(org, "EX16A", "10.0.0.11")

    assert actual["connector"] is None
    assert actual["reply"] is None
    assert actual["unknown"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("EX16A", "10.0.0.300"), "10.0.0.300"),
        (("EX16A", "10.0.0.1", "10.0.0.2", "99999"), "99999"),
        (("EX16A", "10.0.0.1", "::1"), "families"),
        (("EX16A", "10.0.0.1", "", "x"), "port x"),
        (("", "10.0.0.1"), "server"),
    ],
)
def test_bad_questions(values: tuple[str, ...], words: str) -> None:
    """A question that cannot be asked says why in one line."""
    with pytest.raises(UsageError, match=words):
        probe(*values)


def test_unknown_server_names_the_known() -> None:
    """A server that was not read is unknown, and the answer names those that were."""
    actual = ask(healthy(), "EX99", "10.0.0.1")

    assert (actual["connector"], actual["reply"]) == (None, None)
    assert "EX10A, EX10B, EX16A, EX16B" in actual["unknown"]


def test_probes() -> None:
    """Many questions in one file, empty fields taking their defaults, in the same order."""
    text = "server,local,port,source\nEX16A,,,10.0.0.11\n\nEX16B,10.0.0.22,2525,10.0.0.21\n"

    actual = probes_from(text, "p.csv")

    assert [(one.server, str(one.local), one.port) for one in actual] == [
        ("EX16A", "None", 25),
        ("EX16B", "10.0.0.22", 2525),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("server,source\n", "line 1"),
        ("", "line 1"),
        ("server,local,port,source\nEX16A,,,10.0.0.1\nEX16A,,99999,10.0.0.1\n", "line 3"),
        ("server,local,port,source\nEX16A,,25\n", "line 2"),
    ],
)
def test_bad_probes_name_their_line(text: str, line: str) -> None:
    """A bad line is named, with its file."""
    with pytest.raises(UsageError, match=f"p.csv, {line}"):
        probes_from(text, "p.csv")
