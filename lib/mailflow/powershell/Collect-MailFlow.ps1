# Collect-MailFlow.ps1 writes what mailflow has to know about Exchange into a folder, for networks
# that nobody may log on to from outside. Run it in the Exchange Management Shell of the newest
# server, and give the folder to mailflow:
#
#     .\Collect-MailFlow.ps1                                        all servers
#     .\Collect-MailFlow.ps1 -Path D:\case -Server EX10A, EX16A     these only
#
# It only reads, and writes nothing but that folder. What fails is noted in unread.csv, and the rest
# goes on. For Windows PowerShell 2.0 (Exchange 2010) and all that came after it.
#
# -Path     the folder to make; it must not be there yet
# -Server   names of servers, as Get-ExchangeServer prints them
# -Seconds  how long one call may take
param([string] $Path, [string[]] $Server, [int] $Seconds = 120)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

$state = @{ Runspace = $null; Own = $false; Stuck = $null; Lost = $false; Deaf = $false }
$unread = New-Object Collections.ArrayList # lines of unread.csv
$asked = New-Object Collections.ArrayList # lines of commands.txt: calls whose output is whole
$MostRights = 200 # connectors of one server; more no person has made
# Made by docs/generate.py from lib/mailflow/exchange/cmdlets.py: change it there.
# Cmdlet to file: what is kept as it is read.
$OfAll = @{
    'Get-SendConnector' = 'send-connectors.xml'
    'Get-AcceptedDomain' = 'accepted-domains.xml'
}
$OfServer = @{
    'Get-ExchangeCertificate' = 'certificates.xml'
}
$OfSession = @{
    'Get-TransportAgent' = 'transport-agents.xml'
}
# End of what is made.

# What setup calls its receive connectors, with the server's name behind.
$SetupMakes = 'Default Frontend', 'Outbound Proxy Frontend', 'Client Frontend', 'Default',
    'Client Proxy', 'Client', 'Default internal receive connector'

# These two stand in Invoke-MailFlow.ps1 as well, word for word.

function New-Answer([string] $Kind, [string] $Id, [string] $Text) {
    $head = @{ FaultKind = $Kind; FaultId = $Id; Fault = $Text }
    $head += @{ Warnings = @(); Errors = @(); ErrorIds = @() }
    return @{ Head = $head; Rows = @(); Stuck = $null; Runspace = $null }
}

# Runs one cmdlet in a runspace, and gives up after a time. It asks to stop (BeginStop) and never
# waits for it (Stop): a call that is blocked, as towards a dead server, cannot be stopped.
function Invoke-Call($Runspace, [string] $Name, [hashtable] $Parameters, [int] $Seconds) {
    $shell = [powershell]::Create()
    $shell.Runspace = $Runspace
    [void] $shell.AddCommand($Name)
    foreach ($key in $Parameters.get_Keys()) { [void] $shell.AddParameter($key, $Parameters[$key]) }
    try {
        $running = $shell.BeginInvoke()
        if (-not $running.AsyncWaitHandle.WaitOne($Seconds * 1000, $false)) {
            $answer = New-Answer 'timed-out' '' "$Name did not come back within $Seconds seconds"
            $stopping = $shell.BeginStop($null, $null)
            if ($stopping.AsyncWaitHandle.WaitOne(1000, $false)) { $shell.Dispose() }
            else { $answer.Stuck = $stopping.AsyncWaitHandle }
            return $answer
        }
        $rows = @($shell.EndInvoke($running))
        $answer = New-Answer '' '' ''
        $answer.Rows = $rows
    } catch {
        $record = $_
        $inner = $_.Exception.InnerException # what the cmdlet threw, within what EndInvoke threw
        if ($inner -is [Management.Automation.RuntimeException]) { $record = $inner.ErrorRecord }
        $id = [string] $record.FullyQualifiedErrorId
        $kind = 'failed'
        if ($id -eq 'CommandNotFoundException') { $kind = 'no-such-cmdlet' }
        if ($id -like 'NamedParameterNotFound*') { $kind = 'no-such-parameter' }
        if ($id -match 'UnauthorizedAccess|AccessDenied') { $kind = 'denied' }
        $answer = New-Answer $kind $id ([string] $record)
    }
    $records = $shell.Streams.Error.ReadAll()
    $answer.Head.Errors = @($records | ForEach-Object { [string] $_ })
    $answer.Head.ErrorIds = @($records | ForEach-Object { [string] $_.FullyQualifiedErrorId })
    $answer.Head.Warnings = @($shell.Streams.Warning.ReadAll() | ForEach-Object { [string] $_ })
    $shell.Dispose()
    return $answer
}

function Get-Line([string[]] $Fields) {
    return '"' + [string]::Join('","', @($Fields | ForEach-Object { $_.Replace('"', '""') })) + '"'
}

function Add-Unread([string] $Name, [string] $What, [string] $Why) {
    $clean = $Why -replace '[\x00-\x1f\x7f]+', ' '
    [void] $unread.Add((Get-Line $Name, $What, $clean))
    Write-Host "  ${Name}: ${What}: $clean"
}

# Which properties a server has depends on its version.
function Get-Property($Object, [string] $Name) {
    $property = $Object.PSObject.Properties[$Name]
    if ($property) { return $property.Value }
}

# The rows of a call about a server; of several names of a cmdlet, of the first that exists. A call
# that is stuck blocks the session: it gets as much time again, then all the others are given up.
function Get-Rows([string] $Name, [string[]] $Cmdlets, [hashtable] $Parameters) {
    if ($state.Stuck) {
        Write-Host '  waiting for the call that did not come back'
        $state.Lost = -not $state.Stuck.WaitOne($Seconds * 1000, $false)
        $state.Stuck = $null
    }
    foreach ($cmdlet in $Cmdlets) {
        if ($state.Lost) {
            Add-Unread $Name $Cmdlets[0] 'not asked: a call before it blocks the session'
            return
        }
        $answer = Invoke-Call $state.Runspace $cmdlet $Parameters $Seconds
        if ($answer.Head.FaultKind -ne 'no-such-cmdlet') { break }
    }
    $state.Stuck = $answer.Stuck
    if ($answer.Head.FaultKind) { Add-Unread $Name $Cmdlets[0] $answer.Head.Fault }
    foreach ($text in $answer.Head.Errors) { Add-Unread $Name $Cmdlets[0] $text }
    if (-not $answer.Head.FaultKind -and -not $answer.Head.Errors) {
        $typed = "[PS] C:\>$cmdlet"
        foreach ($key in $Parameters.get_Keys()) {
            $typed += " -$key '" + ([string] $Parameters[$key] -replace "'", "''") + "'"
        }
        [void] $asked.Add($typed)
    }
    if ($state.Own) { # the warnings of a session are on the screen already
        foreach ($text in $answer.Head.Warnings) { Write-Host "  ${Name}: warning: $text" }
    }
    $answer.Rows
}

# Of each address of a server its adapter, as Windows knows it: it tells a replication network, and
# Exchange shows too little of that. Where this fails, addresses count as they always did.
function Get-Adapters($One) {
    $found = @{}
    if ($state.Deaf) { return $found }
    $runspace = [runspacefactory]::CreateRunspace()
    $runspace.Open()
    $about = @{ Class = 'Win32_NetworkAdapterConfiguration'; Filter = 'IPEnabled=TRUE' }
    $about.ComputerName = [string] (@(Get-Names $One | Where-Object { $_ })[-1])
    $answer = Invoke-Call $runspace 'Get-WmiObject' $about $Seconds
    $state.Deaf = 'timed-out', 'no-such-cmdlet' -contains $answer.Head.FaultKind
    foreach ($adapter in $answer.Rows) {
        foreach ($address in @(Get-Property $adapter 'IPAddress')) {
            if ($address) { $found[[string] $address] = $adapter }
        }
    }
    $runspace.CloseAsync()
    return $found
}

# True where a property holds something, False where it holds nothing, '' where there is none.
function Get-Sign($Object, [string] $Name) {
    if (-not $Object -or -not $Object.PSObject.Properties[$Name]) { return '' }
    return [string] (@(@(Get-Property $Object $Name) | Where-Object { $_ }).Length -gt 0)
}

function Save-Rows([string] $Name, [object[]] $Rows) {
    if (-not $Rows) { return }
    $file = Join-Path $folder $Name
    [IO.File]::WriteAllText($file, '')
    $escaped = [Management.Automation.WildcardPattern]::Escape($file) # a folder may be called [1]
    $Rows | Export-Clixml -Path $escaped -Encoding UTF8
    Write-Host "  ${Name}: $($Rows.Length)"
}

function Save-Lines([string] $Name, [string[]] $Lines) {
    $encoding = New-Object Text.UTF8Encoding($true)
    [IO.File]::WriteAllLines((Join-Path $folder $Name), $Lines, $encoding)
    Write-Host "  ${Name}: $($Lines.Length - 1)"
}

# Objects that say nothing of their server, with its name.
function Add-Server([string] $Name, [object[]] $Rows) {
    foreach ($row in @($Rows | Where-Object { $_ })) {
        $row | Add-Member NoteProperty Server $Name -PassThru
    }
}

function Get-Names($One) { @((Get-Property $One 'Name'), (Get-Property $One 'Fqdn')) }

# A number to compare versions by: 1501 for 'Version 15.1 (Build 2375.7)'.
function Get-Version($Object) {
    if ([string] (Get-Property $Object 'AdminDisplayVersion') -match '(\d+)\.(\d+)') {
        return 100 * [int] $Matches[1] + [int] $Matches[2]
    }
    return 0
}

# The shell's own session, never its proxy functions, which hide errors. Edge servers and Exchange
# 2007 have none: there the snap-in does, in a runspace that ends with this script.
function Open-Exchange {
    $open = @(Get-PSSession | Where-Object {
            $_.ConfigurationName -eq 'Microsoft.Exchange' -and $_.State -eq 'Opened' })
    if ($open) {
        Write-Host "asking through this shell's session with $($open[0].ComputerName)"
        $state.Runspace = $open[0].Runspace
        return $open[0].ComputerName
    }
    $state.Own = $true
    $state.Runspace = [runspacefactory]::CreateRunspace()
    $state.Runspace.Open()
    foreach ($last in 'SnapIn', 'E2010', 'Admin') { # Exchange 2013 and later, 2010, 2007
        $name = "Microsoft.Exchange.Management.PowerShell.$last"
        $load = @{ Name = $name; ErrorAction = 'Stop' }
        $answer = Invoke-Call $state.Runspace 'Add-PSSnapin' $load $Seconds
        if (-not $answer.Head.FaultKind) {
            Write-Host "asking through the snap-in $name"
            return [Environment]::MachineName
        }
    }
    throw "no session with Exchange and no snap-in: run this in the Exchange Management Shell"
}

# Why a server is not asked; nothing where it is.
function Get-Obstacle($One, [bool] $IsEntry, [string] $Entry, [int] $EntryVersion) {
    if ($Server -and -not ($Server | Where-Object { (Get-Names $One) -contains $_ })) {
        return 'not asked: it is not among -Server'
    }
    if ((Get-Property $One 'IsEdgeServer') -and -not $IsEntry) {
        return 'not asked: an Edge server answers nobody else; run this script there as well'
    }
    if ($EntryVersion -and (Get-Version $One) -gt $EntryVersion) {
        return "not asked: $Entry is older and shows it wrongly; run this script there"
    }
}

if (-not $Path) {
    $time = [DateTime]::UtcNow.ToString('s', [Globalization.CultureInfo]::InvariantCulture)
    $Path = "mailflow-$([Environment]::MachineName)-$($time -replace '[-:]', '')Z"
}
$target = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Path)
if (Test-Path -LiteralPath $target) { throw "$target is there already" }
$folder = "$target.unfinished"
try {
    $entry = Open-Exchange
    $servers = @(Get-Rows '' 'Get-ExchangeServer' @{})
    if (-not $servers) { throw 'nothing was collected: no server is known' }
    $known = @($servers | ForEach-Object { Get-Names $_ })
    $strange = @($Server | Where-Object { $_ -and $known -notcontains $_ })
    if ($strange) { throw "no server is called $strange; there are $known" }
    $version = 0
    foreach ($one in $servers) {
        if ((Get-Names $one) -contains $entry) { $version = Get-Version $one }
    }

    $ask = @()
    foreach ($one in $servers) {
        $name = [string] (Get-Property $one 'Name')
        $roles = 'IsHubTransportServer', 'IsFrontendTransportServer', 'IsEdgeServer'
        if (-not ($roles | Where-Object { Get-Property $one $_ })) { continue } # moves no mail
        $obstacle = Get-Obstacle $one ((Get-Names $one) -contains $entry) $entry $version
        if (-not $obstacle) { $ask += $one; continue }
        Add-Unread $name 'Get-ReceiveConnector' $obstacle
        Add-Unread $name 'Get-Queue' $obstacle
    }

    # First what stands in Active Directory: that cannot block, other servers can.
    $settings = @(Get-Rows '' 'Get-TransportService', 'Get-TransportServer' @{})
    $kept = @{}
    foreach ($cmdlet in $OfAll.get_Keys()) { $kept[$cmdlet] = @(Get-Rows '' $cmdlet @{}) }
    $connectors = @()
    $rights = @()
    foreach ($one in $ask) {
        $name = [string] (Get-Property $one 'Name')
        $found = @(Get-Rows $name 'Get-ReceiveConnector' @{ Server = $name })
        $connectors += $found
        # Rights, first on the connectors that setup made. An empty identity would stand for all.
        $setup = @($SetupMakes | ForEach-Object { "$_ $name" })
        $own = @($found | Where-Object { $setup -contains (Get-Property $_ 'Name') })
        $custom = @($found | Where-Object { $setup -notcontains (Get-Property $_ 'Name') })
        $names = @(($own + $custom) | ForEach-Object { [string] (Get-Property $_ 'Identity') })
        $identities = @($names | Where-Object { $_ })
        if (Get-Property $one 'IsEdgeServer') { $identities = @() }
        if ($identities.Length -gt $MostRights) {
            Add-Unread $name 'Get-ADPermission' "asked of $MostRights connectors only"
        }
        foreach ($identity in @($identities | Select-Object -First $MostRights)) {
            $rights += @(Get-Rows $name 'Get-ADPermission' @{ Identity = $identity })
        }
        Write-Host "${name}: $($found.Length) receive connectors"
    }
    $queues = @()
    $states = @()
    $addresses = @('server,address,has_dns_servers,has_gateway,registers_in_dns')
    foreach ($one in $ask) {
        $name = [string] (Get-Property $one 'Name')
        $found = @()
        if ((Get-Property $one 'IsHubTransportServer') -or (Get-Property $one 'IsEdgeServer')) {
            $found = @(Get-Rows $name 'Get-Queue' @{ Server = $name; ResultSize = 'Unlimited' })
            $queues += $found
        }
        if (Get-Property $one 'IsE15OrLater') {
            $states += @(Get-Rows $name 'Get-ServerComponentState' @{ Identity = $name })
        }
        $known = @{}
        foreach ($adapter in @(Get-Rows $name 'Get-NetworkConnectionInfo' @{ Identity = $name })) {
            foreach ($address in @(Get-Property $adapter 'IPAddresses')) {
                if ($address) { $known[[string] $address] = Get-Sign $adapter 'DnsServers' }
            }
        }
        $adapters = @{}
        if ($known.Count -gt 1) { $adapters = Get-Adapters $one }
        foreach ($address in @($known.get_Keys() | Sort-Object)) {
            $own = $adapters[$address]
            $addresses += Get-Line $name, $address, $known[$address],
                (Get-Sign $own 'DefaultIPGateway'), (Get-Sign $own 'FullDNSRegistrationEnabled')
        }
        foreach ($cmdlet in $OfServer.get_Keys()) {
            if (-not (Get-Property $one 'IsHubTransportServer')) { continue }
            $kept[$cmdlet] += @(Add-Server $name @(Get-Rows $name $cmdlet @{ Server = $name }))
        }
        foreach ($cmdlet in $OfSession.get_Keys()) {
            if ((Get-Names $one) -notcontains $entry) { continue } # it would answer for $entry
            $kept[$cmdlet] += @(Add-Server $name @(Get-Rows $name $cmdlet @{}))
        }
        Write-Host "${name}: $($found.Length) queues"
    }

    [void] [IO.Directory]::CreateDirectory($folder)
    Save-Rows 'exchange-servers.xml' $servers
    Save-Rows 'transport-services.xml' $settings
    Save-Rows 'receive-connectors.xml' $connectors
    Save-Rows 'ad-permissions.xml' $rights
    Save-Rows 'queues.xml' $queues
    Save-Rows 'component-states.xml' $states
    foreach ($files in $OfAll, $OfServer, $OfSession) {
        foreach ($cmdlet in $files.get_Keys()) { Save-Rows $files[$cmdlet] $kept[$cmdlet] }
    }
    if ($addresses.Length -gt 1) { Save-Lines 'addresses.csv' $addresses }
    Save-Lines 'commands.txt' (@('Calls whose output is whole:') + $asked)
    Save-Lines 'unread.csv' (@('server,what,why') + $unread)
    [IO.Directory]::Move($folder, $target)
    Write-Host "Written: $target"
    Write-Host "Calls that failed or were not made: $($unread.Count) (see unread.csv)"
    $only = [string]::Join('', @($Server | Where-Object { $_ } | ForEach-Object { " --server $_" }))
    Write-Host "Next, where mailflow is: mailflow diagnose `"$target`"$only"
} finally {
    if ([IO.Directory]::Exists($folder)) { [IO.Directory]::Delete($folder, $true) }
    if ($state.Own -and $state.Runspace) { $state.Runspace.CloseAsync() }
    if ($state.Stuck -or $state.Lost) { Write-Host 'A call blocks this session: close the window.' }
}
