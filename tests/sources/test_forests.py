"""Two organizations in one folder (contract, 9)."""

from __future__ import annotations

import pytest

from mailflow.errors import InputError
from mailflow.sources.forests import refuse_two_organizations
from mailflow.sources.row import Row

SERVERS = "CN=Servers,CN=Exchange Administrative Group,CN=Administrative Groups,CN=Org"
HERE = f"CN=EX16A,{SERVERS},CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=contoso,DC=com"
THERE = HERE.replace("EX16A", "EX19Z").replace("contoso", "fabrikam")


def server(**values: str) -> Row:
    """A row of Get-ExchangeServer."""
    return Row("Get-ExchangeServer", values, "servers.xml")


def test_two_forests_are_refused_with_the_advice_to_separate_them() -> None:
    """The DC part behind CN=Configuration of a distinguished name differs."""
    rows = [server(DistinguishedName=HERE), server(DistinguishedName=THERE)]

    with pytest.raises(
        InputError, match=r"contoso\.com .* and fabrikam\.com .*folder of their own"
    ):
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
