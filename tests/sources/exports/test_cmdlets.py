"""The maker of an object is told by type or properties, and never guessed."""

from __future__ import annotations

import pytest

from mailflow.exchange.cmdlets import PROPERTIES
from mailflow.sources.exports.cmdlets import cmdlet_of, describe


@pytest.mark.parametrize(
    ("type_name", "cmdlet"),
    [
        ("Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo", "Get-Queue"),
        ("Deserialized.Microsoft.Exchange.Data.QueueViewer.PropertyBagBasedQueueInfo", "Get-Queue"),
        ("Microsoft.Exchange.Data.QueueViewer.QueueInfo", "Get-Queue"),
        (
            "Selected.Microsoft.Exchange.Data.Directory.SystemConfiguration.ReceiveConnector",
            "Get-ReceiveConnector",
        ),
        ("Microsoft.Exchange.Data.Directory.Management.ExchangeServer", "Get-ExchangeServer"),
        (
            "Deserialized.Microsoft.Exchange.Data.Directory.Management.TransportServer",
            "Get-TransportService",
        ),
        ("X.NetworkConnectionInfo", "Get-NetworkConnectionInfo"),
        (
            "Microsoft.Exchange.Data.Directory.SystemConfiguration.SmtpSendConnectorConfig",
            "Get-SendConnector",
        ),
        ("System.Security.Cryptography.X509Certificates.X509Certificate2", None),
        ("Microsoft.Exchange.Data.Directory.Management.FrontendTransportServer", None),
        ("NetIPConfiguration", None),
        ("Microsoft.Exchange.Data.QueueViewer.ExtensibleMessageInfo", None),
    ],
)
def test_type_decides(type_name: str, cmdlet: str | None) -> None:
    """A known type decides whatever the properties are; another type is none of ours."""
    misleading = ["Identity", "RemoteIPRanges", "NextHopDomain"]

    assert cmdlet_of([type_name, "System.Object"], misleading) == cmdlet


@pytest.mark.parametrize(
    ("columns", "cmdlet"),
    [
        ("Identity Bindings RemoteIPRanges", "Get-ReceiveConnector"),
        ("Identity Bindings", "Get-ReceiveConnector"),
        ("identity authmechanism", "Get-ReceiveConnector"),
        ("Identity Status MessageCount LastError", "Get-Queue"),
        ("IDENTITY STATUS MESSAGECOUNT", "Get-Queue"),
        ("Identity NextHopDomain", "Get-Queue"),
        ("Name AdminDisplayVersion", "Get-ExchangeServer"),
        ("Name Fqdn ServerRole", "Get-ExchangeServer"),
        ("Name UseDowngradedExchangeServerAuth", "Get-TransportService"),
        ("Name DnsServers IPAddresses AdapterGuid MacAddress", "Get-NetworkConnectionInfo"),
        ("Name IPAddresses", "Get-NetworkConnectionInfo"),
        ("DNSHostName IPAddress DefaultIPGateway", "Win32_NetworkAdapterConfiguration"),
        ("DNSHostName IPAddress", None),
        ("Identity AddressSpaces Enabled Fqdn", "Get-SendConnector"),
        ("Identity SmartHosts SourceTransportServers", "Get-SendConnector"),
        ("Name AddressSpaces", "Get-SendConnector"),
        ("Thumbprint Services NotAfter", "Get-ExchangeCertificate"),
        ("Thumbprint Subject NotAfter", None),  # any store of certificates
        ("Identity Enabled Priority", "Get-TransportAgent"),
        # other cmdlets, in full and with few columns
        ("Name Identity Enabled Priority", None),  # rules of every kind
        ("Identity Fqdn Enabled", None),
        ("Identity Status LastError", None),  # messages print these as well
        ("Identity Subject Status LastError FromAddress RetryCount", None),
        ("Timestamp Sender To Status MessageSubject MessageId", None),
        ("Timestamp EventId Source ConnectorId", None),
        ("Identity ServerFqdn Component State", "Get-ServerComponentState"),
        ("Component State", "Get-ServerComponentState"),
        ("Identity User Deny ExtendedRights", "Get-ADPermission"),
        ("Identity User Deny AccessRights", None),
        ("InterfaceAlias InterfaceIndex IPv4Address IPv4DefaultGateway DNSServer", None),
        ("InterfaceAlias IPv4Address", None),
        ("Name Server AdminDisplayVersion InternalUrl", None),
        ("Name Server AdminDisplayVersion", None),
        ("Name Id State Bindings PhysicalPath", None),
        ("VMName SwitchName MacAddress IPAddresses", None),
        ("GroupByValue MessageCount Details", None),
        ("NextHopDomain RemoteIPRanges", None),  # a report joined by hand: two makers
        ("", None),
    ],
)
def test_properties_decide(columns: str, cmdlet: str | None) -> None:
    """Without a type that says anything, properties decide, in any case; or nothing does."""
    names = columns.split()

    assert cmdlet_of([], names) == cmdlet
    assert cmdlet_of(["System.Management.Automation.PSCustomObject"], names) == cmdlet


def test_every_full_set_is_its_own() -> None:
    """All properties that mailflow reads of a cmdlet point at that cmdlet alone."""
    for cmdlet, properties in PROPERTIES.items():
        assert cmdlet_of([], list(properties)) == cmdlet


@pytest.mark.parametrize(
    ("type_names", "columns", "words"),
    [
        (["Deserialized.X.ExtensibleMessageInfo"], "Name", "Get-Message"),
        ([], "Identity Subject", "Get-Message"),
        ([], "Timestamp EventId", "Get-MessageTrackingLog"),
        (["Deserialized.System.Diagnostics.Process"], "Id", "Process"),
        (["Microsoft.Management.Infrastructure.CimInstance#root/x"], "Id", "CimInstance"),
        ([], "A B C D E", "an object with A, B, C, D, …"),
        ([], "", "an object without properties"),
    ],
)
def test_description(type_names: list[str], columns: str, words: str) -> None:
    """What is passed over has a name that people understand."""
    assert describe(type_names, columns.split()) == words


@pytest.mark.parametrize(
    "type_name",
    [
        r"Deserialized.System.Management.ManagementObject#root\cimv2\Win32_NetworkAdapterConfiguration",
        "Microsoft.Management.Infrastructure.CimInstance#root/cimv2/Win32_NetworkAdapterConfiguration",
        "Selected.System.Management.ManagementObject",
    ],
)
def test_objects_of_windows_are_told_by_their_properties(type_name: str) -> None:
    """WMI and CIM have one type for all classes, and Select-Object keeps no more of it."""
    adapter = ["DNSHostName", "IPAddress", "DNSServerSearchOrder"]

    assert cmdlet_of([type_name], adapter) == "Win32_NetworkAdapterConfiguration"
    assert cmdlet_of([type_name], ["Component", "State"]) is None
