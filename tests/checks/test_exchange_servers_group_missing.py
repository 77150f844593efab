"""L2: authentication would work, and the ExchangeServers permission group is missing."""

from __future__ import annotations

from dataclasses import replace

from check_cases import FRONT, commands, found, said, why_none
from mailflow.snapshot import Right
from mailflow.views.findings import findings
from organisations import healthy

ID = "exchange-servers-group-missing"


def test_the_group_is_added_to_those_there_are() -> None:
    """L2, S3.23, S3.30: all wanted groups are named."""
    org = healthy().change(FRONT, groups="AnonymousUsers, ExchangeLegacyServers")

    assert found(org, ID) == [("found", "EX16A", FRONT)]
    assert commands(org) == (
        (
            f'Set-ReceiveConnector "{FRONT}" -PermissionGroups '
            "AnonymousUsers,ExchangeServers,ExchangeLegacyServers"
        ),
    )
    assert "(454 4.7.0)" in said(org, ID)


def test_custom_is_not_written() -> None:
    """S3.20, S3.22: nobody can set Custom; what it stands for stays and has to be read (S3.43)."""
    org = healthy().change(FRONT, groups="AnonymousUsers, Custom")
    name = FRONT.partition("\\")[2]
    entry = Right("EX16A", name, r"NT AUTHORITY\ANONYMOUS LOGON", "ms-Exch-SMTP-Submit", deny=False)
    plan = findings(replace(org.snapshot(), rights=(entry,))).plan

    assert plan is not None
    assert plan.commands == (
        f'Set-ReceiveConnector "{FRONT}" -PermissionGroups AnonymousUsers,ExchangeServers',
    )
    assert commands(org) == ()
    assert "access list was not read" in why_none(org)


def test_unread_groups_are_unknown_and_never_written() -> None:
    """The export without this column: no command writes PermissionGroups."""
    org = healthy().change(FRONT, groups=None)

    assert found(org, ID) == [("unknown", "EX16A", FRONT)]
    assert commands(org) == ()
