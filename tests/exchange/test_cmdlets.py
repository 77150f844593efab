"""Each cmdlet is declared once, and what is made of its declaration fits together."""

from __future__ import annotations

import pytest

from mailflow.exchange.cmdlets import ALLOWED, SPECS, TABLES, CmdletScope, CmdletSpec, Kind, Signs
from mailflow.exchange.servers import Server
from mailflow.simulated.cmdlets import CMDLETS
from mailflow.snapshot.schema import DECLARED

EACH = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
KEPT = pytest.mark.parametrize("spec", TABLES.values(), ids=TABLES)
E2010 = Server("S", version=(14, 3), has_hub=True)
E2016 = Server("S", version=(15, 1), has_hub=True)


@EACH
def test_a_call_may_leave_with_what_it_is_given(spec: CmdletSpec) -> None:
    """The parameter that names the server is on the list, and what each call is given besides."""
    if not spec.parameters:
        return
    assert spec.name.startswith("Get-")
    assert {*([spec.by] if spec.scope is not CmdletScope.ORGANIZATION and spec.by else ())} | {
        *spec.given
    } <= ALLOWED[spec.name]


@EACH
def test_the_simulated_organization_answers_it(spec: CmdletSpec) -> None:
    """Under each of its names, with each parameter that may be given."""
    for name in (spec.name, spec.older) if spec.older else (spec.name,):
        if spec.parameters:
            assert ALLOWED[name] <= {*CMDLETS[name].parameters}


@EACH
def test_signs_are_its_own(spec: CmdletSpec) -> None:
    """What tells an object of it tells none of another one by all of its properties."""
    others = [one for one in SPECS.values() if one is not spec and one.properties]
    for other in others:
        names = frozenset(name.casefold() for name in other.properties)
        assert not spec.signs.fit(names), other.name


@KEPT
def test_a_kept_table_holds_what_is_read(spec: CmdletSpec) -> None:
    """Its columns are properties that are read, and the first one tells its rows apart."""
    columns = spec.table.columns
    declared = DECLARED[spec.table.name].columns

    assert {*columns.values()} <= {*spec.properties}
    assert spec.properties[next(iter(columns.values()))] is Kind.TEXT
    assert list(declared)[-len(columns) :] == list(columns)
    assert ("server" in declared) == (spec.scope is not CmdletScope.ORGANIZATION)
    assert spec.export.endswith(f"| Export-Clixml {spec.file}")
    assert spec.file


def test_a_name_by_version() -> None:
    """Before 2013 some have another one, and some are not there (S8.44)."""
    assert SPECS["Get-TransportService"].name_on(E2010) == "Get-TransportServer"
    assert SPECS["Get-TransportService"].name_on(E2016) == "Get-TransportService"
    assert not SPECS["Get-ServerComponentState"].is_known_to(E2010)
    assert SPECS["Get-ServerComponentState"].is_known_to(Server("S"))
    assert not SPECS["Get-Queue"].is_known_to(Server("S", version=(15, 0), has_hub=False))


def test_signs() -> None:
    """One alone, or all of a set; and nothing where another sign speaks against it."""
    signs = Signs(frozenset({"a"}), (frozenset({"b", "c"}),), frozenset({"x"}))

    assert signs.fit(frozenset({"a", "z"}))
    assert signs.fit(frozenset({"b", "c"}))
    assert not signs.fit(frozenset({"b", "z"}))
    assert not signs.fit(frozenset({"a", "x"}))
