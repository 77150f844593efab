"""A Kerberos realm for the clients of both roads."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from far import kdc
from far.side import NAME, PASSWORD
from support import needs_kerberos, needs_kerberos_server


@pytest.fixture(scope="module")
def realm() -> Iterator[kdc.Kdc]:
    """A real KDC that knows the server and the user."""
    needs_kerberos()
    needs_kerberos_server()
    with kdc.Kdc([NAME], {"anna": PASSWORD}) as found:
        yield found


@pytest.fixture
def kerberos(realm: kdc.Kdc, monkeypatch: pytest.MonkeyPatch) -> kdc.Kdc:
    """The realm, in this process's environment, without a ticket."""
    for name, value in realm.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{realm.folder / 'none'}")
    return realm
