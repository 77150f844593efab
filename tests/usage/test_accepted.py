"""Inside and outside: told by the accepted domains of SOURCE, or by those that were named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capture_forms import FORMS, Form, write
from mailflow.errors import UsageError
from mailflow.exchange.accepted_domains import AcceptedDomains
from mailflow.opening import open_source
from mailflow.sources.exports.files import read_source
from mailflow.sources.row import Reading, Row
from mailflow.sources.tables import assemble
from mailflow.usage.accepted import accepted_of, named
from mailflow.usage.document import usage_json
from mailflow.usage.parts import PartSettings, connect
from mailflow.usage.parts import _inside as in_sql
from mailflow.using import usage
from organisations import healthy

pytest.importorskip("duckdb")

DEMO = "demo:month-of-logs"
LABELS = st.sampled_from(["a", "b", "contoso", "c'", ""])
DOMAINS = st.lists(LABELS, min_size=1, max_size=3).map(".".join)
PATTERNS = st.lists(
    st.builds(str.__add__, st.sampled_from(["", "*."]), DOMAINS) | st.just("*"), max_size=3
).map(tuple)


@given(
    accepted=st.builds(AcceptedDomains, PATTERNS, PATTERNS, PATTERNS, st.booleans()),
    domains=st.lists(DOMAINS.filter(bool), max_size=8),
)
def test_the_database_asks_as_the_rule_does(accepted: AcceptedDomains, domains: list[str]) -> None:
    """S9.30 to S9.32: the same answer in SQL; a recipient without a domain has none."""
    question = f"SELECT {in_sql(accepted)} FROM (SELECT ? AS domain)"  # noqa: S608 - what is tried
    with connect() as database:
        answers = [database.execute(question, [each]).fetchall() for each in [*domains, ""]]

    found = [answer[0][0] for answer in answers]
    assert found == [*map(accepted.is_inside, domains), None]


def test_a_simulated_organization_has_them() -> None:
    """Its recipients are inside, the partner's outside, without an option."""
    found = usage(DEMO, open_source(DEMO), days=30)
    erp = next(each for each in found.clients if each.address == "10.0.5.40")

    assert (erp.outside, erp.untold, found.not_told) == (erp.sessions, 0, "")
    assert erp.inside == erp.messages - erp.outside


@pytest.mark.parametrize("form", FORMS)
def test_they_are_read_from_each_form_of_an_export(form: Form, tmp_path: Path) -> None:
    """DomainName and DomainType are enough; a type of its own is not."""
    said = {"DomainName": "*.contoso.example", "DomainType": "InternalRelay", "Default": True}
    reading = Reading(rows=[Row("Get-AcceptedDomain", said, "x")], cmdlets={"Get-AcceptedDomain"})
    org = assemble(read_source(write(reading, tmp_path, form)).reading, origin="x")

    accepted = accepted_of(org)
    assert accepted == AcceptedDomains(either=("*.contoso.example",))


def test_a_filtered_export_calls_nobody_outside() -> None:
    """S1.38: the filter may have taken accepted domains away."""
    command = 'Get-AcceptedDomain | where {$_.Name -like "C*"}'
    said = {"DomainName": "contoso.example", "DomainType": "Authoritative"}
    row = Row("Get-AcceptedDomain", said, "x", command=command)
    org = assemble(Reading(rows=[row], commands=[(command, "x")]), origin="x")

    accepted = accepted_of(org)
    assert accepted is not None
    assert accepted.is_inside("elsewhere.example") is None


def test_missing_domains_are_said_and_nothing_is_told() -> None:
    """Nobody is outside because the list is not there; named ones count before those of SOURCE."""
    org = healthy().snapshot()
    unknown = usage(DEMO, org)
    told = usage(DEMO, org, accepted_domains=["*.example"])

    assert accepted_of(org) is None
    assert not any(each.outside or each.inside for each in unknown.clients)
    assert "Get-AcceptedDomain | Export-Clixml" in unknown.clients_table().reading
    assert json.dumps(unknown.not_told) in json.dumps(usage_json(unknown))
    assert told.not_told == ""
    assert any(each.inside for each in told.clients)
    assert not any(each.outside for each in told.clients)


def test_a_text_that_is_no_domain_is_refused() -> None:
    """Nothing goes into the question unlooked at."""
    assert named(["", " Contoso.example "]) == AcceptedDomains(("contoso.example",))
    with pytest.raises(UsageError, match="not a domain"):
        named(["a'; DROP TABLE rows"])
    assert PartSettings(named([])).accepted is None
