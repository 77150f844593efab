"""Two organizations in one folder (contract, section 9)."""

from __future__ import annotations

from pathlib import Path

import pytest

import capture_forms
from mailflow.errors import InputError
from mailflow.opening import open_source
from mailflow.sources.forests import ORGANIZATION, may_be_two, refuse_two_organizations
from mailflow.sources.row import Row
from mailflow.views.findings import findings
from organisations import E2010, E2013, E2016, E2019, Organisation

SERVERS = "CN=Servers,CN=Exchange Administrative Group,CN=Administrative Groups,CN=Org"
HERE = f"CN=EX16A,{SERVERS},CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=com"
THERE = HERE.replace("EX16A", "EX19Z").replace("contoso", "fabrikam")


def server(**values: str) -> Row:
    """A row of Get-ExchangeServer."""
    return Row("Get-ExchangeServer", values, "servers.xml")


def test_two_forests_are_refused_with_the_advice_to_separate_them() -> None:
    """The DC part behind CN=Configuration of a distinguished name differs."""
    rows = [server(DistinguishedName=HERE), server(DistinguishedName=THERE)]

    with pytest.raises(InputError, match=r"contoso\.com .* and fabrikam\.com .*separate folder"):
        refuse_two_organizations(rows)


def test_a_site_names_the_forest_root_as_well() -> None:
    """Site prints as `contoso.com/Configuration/Sites/Head-Office`."""
    rows = [
        server(Site="contoso.com/Configuration/Sites/Head-Office"),
        server(Site="fabrikam.com/Configuration/Sites/Head-Office"),
    ]

    with pytest.raises(InputError, match="two organizations"):
        refuse_two_organizations(rows)


@pytest.mark.parametrize(
    "rows",
    [
        [server(DistinguishedName=HERE), server(DistinguishedName=HERE.replace("EX16A", "EX16B"))],
        [server(DistinguishedName=HERE), server(DistinguishedName=HERE.replace("DC=", "dc="))],
        [server(DistinguishedName=HERE), server(Site="CONTOSO.com/Configuration/Sites/Lab")],
        # Servers of a child domain: their own names differ, their configuration does not.
        [server(Fqdn="ex16a.emea.contoso.com"), server(Fqdn="ex16b.fabrikam.com")],
        [server(Site="Head-Office"), server(Site="Branch")],
        [server(Identity="EX16A"), server()],
    ],
)
def test_several_domains_are_one_organization(rows: list[Row]) -> None:
    """Refused only where the forest differs for certain."""
    refuse_two_organizations(rows)


SE = "Version 15.2 (Build 2562.17)"


@pytest.mark.parametrize(
    ("one", "other", "asked"),
    [
        (E2010, E2019, True),
        (E2010, SE, True),
        (E2013, SE, True),
        (E2013, E2019, False),
        (E2010, E2016, False),
        (E2010, E2013, False),
        (E2016, SE, False),
    ],
)
def test_servers_that_setup_keeps_apart_are_a_question(
    tmp_path: Path, one: str, other: str, *, asked: bool
) -> None:
    """S4.67: were two organizations mixed? It is missing data, and never an end."""
    org = Organisation().add_server("EXA", one, "10.0.0.1").add_server("EXB", other, "10.0.0.2")
    org.add_queue("EXA", 1).add_queue("EXB", 1)
    read = open_source(str(capture_forms.write(org.reading(), tmp_path / "x", "clixml")))

    assert [row.what for row in read.unread] == [ORGANIZATION] * asked
    assert findings(read).verdict == ("unknown" if asked else "clear")


def test_an_edge_server_stands_in_no_organization() -> None:
    """It may be newer or older than setup of the others would take."""
    org = Organisation().add_server("EXA", E2010).add_server("EDGE", SE, roles="Edge")

    assert list(may_be_two(org.servers)) == []
