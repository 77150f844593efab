# Runs commands of `mailflow twin` with functions in place of Exchange's cmdlets: they keep connectors
# and access lists as objects, and are strict about parameters as the real ones are.
param([string] $State, [string] $Commands, [string] $Folder)
$ErrorActionPreference = 'Stop'

$script:connectors = @{}
$script:entries = New-Object Collections.ArrayList

function ConvertTo-Size([string] $Value) {
    if ($Value -eq 'Unlimited') { return $Value }
    '{0} MB ({1:N0} bytes)' -f ([long] $Value / 1MB), [long] $Value
}

function Set-Values($Connector, $Given) {
    foreach ($name in $Given.Keys) {
        if ($name -in 'Identity', 'Name', 'Server', 'Custom', 'DomainController') { continue }
        $value = $Given[$name]
        if ($value -is [Management.Automation.SwitchParameter]) { $value = [bool] $value }
        if ($value -is [timespan]) { $value = $value.ToString() }
        if ($name -eq 'MaxMessageSize') { $value = ConvertTo-Size $value }
        if ($name -in 'AuthMechanism', 'PermissionGroups') { $value = $value -join ', ' }
        $Connector.$name = $value
    }
}

function New-ReceiveConnector {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory)] [string] $Name, [string] $Server, [switch] $Custom,
        [ValidateSet('FrontendTransport', 'HubTransport')] [string] $TransportRole,
        [Parameter(Mandatory)] [string[]] $Bindings,
        [Parameter(Mandatory)] [string[]] $RemoteIPRanges,
        [string[]] $AuthMechanism = @('Tls'), [string[]] $PermissionGroups = @('None'),
        [bool] $RequireTLS = $false, [bool] $SuppressXAnonymousTls = $false, [string] $Fqdn,
        [bool] $Enabled = $true,
        [ValidateSet('None', 'Verbose')] [string] $ProtocolLoggingLevel = 'None',
        [string] $MaxMessageSize, [int] $MaxRecipientsPerMessage, [string] $MessageRateLimit,
        [ValidateSet('None', 'IPAddress', 'User', 'All')] [string] $MessageRateSource,
        [string] $MaxInboundConnection, [string] $MaxInboundConnectionPerSource,
        [int] $MaxInboundConnectionPercentagePerSource,
        [timespan] $ConnectionTimeout, [timespan] $ConnectionInactivityTimeout,
        [timespan] $TarpitInterval
    )
    $identity = "$Server\$Name"
    if ($script:connectors.ContainsKey($identity)) { throw "$identity is there already" }
    $made = New-Object PSObject -Property @{
        Identity = $identity; Name = $Name; Server = $Server; TransportRole = ''; Bindings = @()
        RemoteIPRanges = @(); AuthMechanism = $AuthMechanism -join ', '
        PermissionGroups = $PermissionGroups -join ', '; RequireTLS = $RequireTLS
        SuppressXAnonymousTls = $SuppressXAnonymousTls; Fqdn = $Fqdn; Enabled = $Enabled
        ProtocolLoggingLevel = $ProtocolLoggingLevel; MaxMessageSize = ''
        MaxRecipientsPerMessage = 0; MessageRateLimit = ''; MessageRateSource = ''
        MaxInboundConnection = ''; MaxInboundConnectionPerSource = ''
        MaxInboundConnectionPercentagePerSource = 0; ConnectionTimeout = ''
        ConnectionInactivityTimeout = ''; TarpitInterval = ''
    }
    $script:connectors[$identity] = $made
    Set-Values $made $PSBoundParameters
    if ($PermissionGroups -contains 'AnonymousUsers') {
        foreach ($right in 'Submit', 'Accept-Any-Sender', 'Accept-Authoritative-Domain-Sender') {
            Add-Entry $identity 'NT AUTHORITY\ANONYMOUS LOGON' "ms-Exch-SMTP-$right" $false
        }
        Add-Entry $identity 'NT AUTHORITY\ANONYMOUS LOGON' 'ms-Exch-Accept-Headers-Routing' $false
    }
}

function Set-ReceiveConnector {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Identity,
        [ValidateSet('FrontendTransport', 'HubTransport')] [string] $TransportRole,
        [string[]] $Bindings, [string[]] $RemoteIPRanges,
        [string[]] $AuthMechanism, [string[]] $PermissionGroups,
        [bool] $RequireTLS, [bool] $SuppressXAnonymousTls, [string] $Fqdn, [bool] $Enabled,
        [ValidateSet('None', 'Verbose')] [string] $ProtocolLoggingLevel,
        [string] $MaxMessageSize, [int] $MaxRecipientsPerMessage, [string] $MessageRateLimit,
        [ValidateSet('None', 'IPAddress', 'User', 'All')] [string] $MessageRateSource,
        [string] $MaxInboundConnection, [string] $MaxInboundConnectionPerSource,
        [int] $MaxInboundConnectionPercentagePerSource,
        [timespan] $ConnectionTimeout, [timespan] $ConnectionInactivityTimeout,
        [timespan] $TarpitInterval
    )
    Set-Values (Find-Connector $Identity) $PSBoundParameters
}

function Remove-ReceiveConnector {
    [CmdletBinding()]
    param([Parameter(Mandatory, Position = 0)] [string] $Identity)
    $null = Find-Connector $Identity
    $script:connectors.Remove($Identity)
}

function Find-Connector([string] $Identity) {
    if (-not $script:connectors.ContainsKey($Identity)) { throw "$Identity wasn't found" }
    $script:connectors[$Identity]
}

function Add-Entry($Identity, $User, $Right, $Deny) {
    $null = $script:entries.Add((New-Object PSObject -Property @{
        Identity = $Identity; User = $User; Deny = $Deny; ExtendedRights = @($Right)
        IsInherited = $false
    }))
}

function Add-ADPermission {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Identity, [Parameter(Mandatory)] [string] $User,
        [Parameter(Mandatory)] [string[]] $ExtendedRights, [switch] $Deny
    )
    $connector = Find-Connector $Identity
    foreach ($right in $ExtendedRights) { Add-Entry $Identity $User $right ([bool] $Deny) }
    if ($connector.PermissionGroups -notmatch 'Custom') { $connector.PermissionGroups += ', Custom' }
}

function Remove-ADPermission {
    [CmdletBinding()]
    param(
        [Parameter(Mandatory, Position = 0)] [string] $Identity, [Parameter(Mandatory)] [string] $User,
        [Parameter(Mandatory)] [string[]] $ExtendedRights, [switch] $Deny
    )
    $found = @($script:entries | Where-Object {
        $_.Identity -eq $Identity -and $_.User -eq $User -and $_.Deny -eq [bool] $Deny -and
        $ExtendedRights -contains $_.ExtendedRights[0]
    })
    if (-not $found) { throw "no such entry on $Identity" }
    foreach ($entry in $found) { $script:entries.Remove($entry) }
}

$held = Get-Content -Raw -Encoding UTF8 $State | ConvertFrom-Json
foreach ($connector in $held.connectors) { $script:connectors[$connector.Identity] = $connector }
foreach ($entry in $held.entries) { $null = $script:entries.Add($entry) }
. ([scriptblock]::Create((Get-Content -Raw -Encoding UTF8 $Commands)))

$type = 'Microsoft.Exchange.Data.Directory.SystemConfiguration.ReceiveConnector'
$all = @($script:connectors.Values)
foreach ($connector in $all) { $connector.PSObject.TypeNames.Insert(0, "Deserialized.$type") }
$all | Export-Clixml (Join-Path $Folder 'connectors.xml')
$type = 'Microsoft.Exchange.Management.RecipientTasks.ADAcePresentationObject'
foreach ($entry in $script:entries) { $entry.PSObject.TypeNames.Insert(0, "Deserialized.$type") }
$script:entries | Export-Clixml (Join-Path $Folder 'permissions.xml')
