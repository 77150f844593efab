# Cmdlets that play Exchange for the tests of the Windows scripts: the name of the server says what
# happens, or PRACTICE_TROUBLE ("EX10B=FAILS EX16B=BLOCKS"). Other servers answer from the captures in
# the folder PRACTICE_DATA. In a module, since only that is seen in every runspace.

function Get-Queue {
    [CmdletBinding()]
    param([string] $Server, [object] $Filter, [object] $ResultSize, [string] $Identity)
    $trouble = $Server
    if (" $env:PRACTICE_TROUBLE " -match " $Server=(\S+) ") { $trouble = $Matches[1] }
    switch ($trouble) {
        'NONE' { }
        'TWO' { New-Row 'TWO\1'; New-Row 'TWO\2' }
        'WARNS' { Write-Warning "careful, M$([char]0xFC)nchen"; New-Row 'WARNS\1' }
        'FAILS' {
            if (-not $env:PRACTICE_DATA) { New-Row 'FAILS\1' }
            Write-Error -Message 'RPC server on computer "FAILS", not reached' -ErrorId 'RpcFailed'
            Write-Error -Message 'and another' -ErrorId 'Another'
        }
        'THROWS' { Stop-Here "it broke,`r`non two lines, M$([char]0xFC)nchen" 'ThrownHere' }
        'DENIES' { Stop-Here 'Zugriff verweigert' 'AccessDenied' }
        'FORBIDS' { Stop-Here 'kein Zugriff' 'ReadUnauthorizedAccessError' }
        'SLEEPS' { Start-Sleep -Seconds 60 }
        'BLOCKS' { [Threading.Thread]::Sleep([int] $env:PRACTICE_BLOCK) }
        'TALKS' { Write-Host '#mailflow end 3# noise' ; New-Row 'TALKS\1' }
        'ECHOES' { New-Row 'ECHOES\1' "$(Get-Kind $Filter)|$(Get-Kind $ResultSize)" }
        default {
            if ($env:PRACTICE_DATA) { Get-Captured 'queues' $Server "$ResultSize" }
            else { New-Row "$Server\$([char]0x6F22)" $Filter }
        }
    }
}

function Get-Message { [CmdletBinding()] param([string] $Server) }

function Get-ReceiveConnector {
    [CmdletBinding()]
    param([string] $Server, [string] $Identity, [string] $DomainController)
    if ($env:PRACTICE_DATA) { return Get-Captured 'connectors' $Server 'Unlimited' }
    $ranges = New-Object Collections.ArrayList
    foreach ($text in '10.0.0.1', '10.0.0.7-10.0.0.9') {
        $range = New-Object PSObject -Property @{ LowerBound = $text }
        Add-Member -InputObject $range -MemberType ScriptMethod -Name ToString -Force `
            -Value ([scriptblock]::Create("'$text'"))
        [void] $ranges.Add($range)
    }
    New-Object PSObject -Property @{ Identity = "$Server\Relay"; RemoteIPRanges = $ranges
        Day = [DayOfWeek]::Friday; Nothing = $null; Enabled = $true }
}

# Both say as a warning what they were given, and what they would do only if they may do it.
function Set-ReceiveConnector {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string] $Identity, [string[]] $RemoteIPRanges, [string] $DomainController,
        [bool] $Enabled, [object] $AuthMechanism, [object] $Bindings, [object] $Fqdn,
        [object] $PermissionGroups, [object] $SuppressXAnonymousTls, [object] $TransportRole)
    Write-Warning (Get-Given $PSBoundParameters)
    if ($Identity -like '*\Taken') { Write-Error -Message 'it conflicts' -ErrorId 'Conflict'; return }
    if ($PSCmdlet.ShouldProcess($Identity)) { Write-Warning "set $($RemoteIPRanges -join '+')" }
}

function Retry-Queue {
    [CmdletBinding(SupportsShouldProcess = $true)]
    param([string] $Identity, [string] $Filter, [bool] $Resubmit)
    Write-Warning (Get-Given $PSBoundParameters)
    if ($PSCmdlet.ShouldProcess($Identity)) { Write-Warning 'retried' }
}

function Get-Given([Collections.IDictionary] $Bound) {
    [string]::Join(' ', @($Bound.Keys | Sort-Object | ForEach-Object { "$_=$(Get-Kind $Bound[$_])" }))
}

function Get-ExchangeServer {
    [CmdletBinding()]
    param([string] $Identity)
    Import-Clixml -Path (Join-Path $env:PRACTICE_DATA 'servers.xml')
}

# As on 2010, where Get-TransportService is not known.
function Get-TransportServer {
    [CmdletBinding()]
    param([string] $Identity)
    Import-Clixml -Path (Join-Path $env:PRACTICE_DATA 'settings.xml')
}

function Get-NetworkConnectionInfo {
    [CmdletBinding()]
    param([string] $Identity)
    $own = @(Import-Csv (Join-Path $env:PRACTICE_DATA 'addresses.csv') | Where-Object {
            $_.server -eq $Identity } | ForEach-Object { [Net.IPAddress] $_.address })
    $servers = @([Net.IPAddress] '10.0.0.1')
    New-Object PSObject -Property @{ Name = 'vmxnet3'; IPAddresses = $own; DnsServers = $servers }
    $own = @()
    if ($Identity -eq 'EX16B') { $own = @([Net.IPAddress] '10.9.0.22') }
    New-Object PSObject -Property @{ Name = 'heartbeat'; IPAddresses = $own; DnsServers = @() }
}

function Get-WmiObject {
    [CmdletBinding()]
    param([string] $Class, [string] $Filter, [string] $ComputerName)
    if ($env:PRACTICE_TROUBLE) { throw 'The RPC server is unavailable.' }
    if ("$Class $Filter" -ne 'Win32_NetworkAdapterConfiguration IPEnabled=TRUE') { return }
    if ($ComputerName -ne 'ex16b.contoso.com') { return }
    New-Object PSObject -Property @{ IPAddress = @('10.0.0.22', 'fe80::1')
        DefaultIPGateway = @('10.0.0.254'); FullDNSRegistrationEnabled = $true }
    New-Object PSObject -Property @{ IPAddress = @('10.9.0.22')
        DefaultIPGateway = $null; FullDNSRegistrationEnabled = $false }
}

function Get-ServerComponentState {
    [CmdletBinding()]
    param([string] $Identity)
    New-Object PSObject -Property @{
        ServerFqdn = "$Identity.contoso.com"; Component = 'HubTransport'; State = 'Active'
    }
}

function Get-SendConnector {
    [CmdletBinding()]
    param([string] $Identity)
    New-Object PSObject -Property @{
        Name = 'Internet'; Identity = 'Internet'; AddressSpaces = @('SMTP:*;1'); Enabled = $true
    }
}

function Get-AcceptedDomain {
    [CmdletBinding()]
    param([string] $Identity)
    New-Object PSObject -Property @{
        Name = 'Contoso'; DomainName = 'contoso.com'; DomainType = 'Authoritative'
    }
}

function Get-ExchangeCertificate {
    [CmdletBinding()]
    param([string] $Server)
    New-Object PSObject -Property @{
        Thumbprint = "AA$Server"; Services = 'SMTP'; CertificateDomains = @($Server)
    }
}

function Get-TransportAgent {
    [CmdletBinding()]
    param([string] $Identity)
    New-Object PSObject -Property @{
        Identity = 'Transport Rule Agent'; Enabled = $true; Priority = 1
    }
}

function Get-ADPermission {
    [CmdletBinding()]
    param([string] $Identity)
    New-Object PSObject -Property @{
        Identity = $Identity; User = 'NT AUTHORITY\ANONYMOUS LOGON'; Deny = $false
        ExtendedRights = @('ms-Exch-SMTP-Accept-Any-Recipient')
    }
}

function Get-Captured([string] $Name, [string] $Server, [string] $ResultSize) {
    if ($ResultSize -ne 'Unlimited') { throw 'a thousand at most' }
    Import-Clixml -Path (Join-Path $env:PRACTICE_DATA "$Name.xml") |
        Where-Object { "$($_.Identity)" -like "$Server\*" }
}

function Add-PSSnapin {
    [CmdletBinding()]
    param([string] $Name)
    if ($env:PRACTICE_SNAPIN -eq 'blocks') { [Threading.Thread]::Sleep([int] $env:PRACTICE_BLOCK) }
    if ($Name -notlike "*.$env:PRACTICE_SNAPIN") {
        Write-Error -Message "no snap-in $Name" -ErrorId 'AddPSSnapInRead'
    }
}

function New-Row([string] $Identity, [string] $LastError) {
    $row = New-Object PSObject -Property @{ Identity = $Identity; LastError = $LastError }
    $row.PSObject.TypeNames.Insert(0, 'Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo')
    $row
}

function Get-Kind($Value) {
    if ($Value -is [Collections.IDictionary]) {
        $lists = foreach ($key in $Value.Keys | Sort-Object) { "$key=$($Value[$key] -join '+')" }
        return "table $($lists -join ' ')"
    }
    if ($Value -is [Collections.IList]) { return "list $($Value -join '+')" }
    if ($null -eq $Value) { return 'nothing' }
    "$($Value.GetType().Name) $Value"
}

# Ends the cmdlet that calls it, as cmdlets do it.
function Stop-Here([string] $Message, [string] $Id) {
    $caller = (Get-Variable -Name PSCmdlet -Scope 1).Value
    $caller.ThrowTerminatingError((New-Object Management.Automation.ErrorRecord `
                (New-Object Exception $Message), $Id, 'NotSpecified', $null))
}

Export-ModuleMember -Function Add-PSSnapin, Get-AcceptedDomain, Get-ADPermission, Get-ExchangeCertificate,
    Get-ExchangeServer, Get-Message, Get-NetworkConnectionInfo, Get-Queue, Get-ReceiveConnector,
    Get-SendConnector, Get-ServerComponentState, Get-TransportAgent, Get-TransportServer, Get-WmiObject, Retry-Queue, Set-ReceiveConnector
