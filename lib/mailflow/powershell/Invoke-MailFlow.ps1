# Invoke-MailFlow.ps1 asks Exchange what mailflow wants to know, and answers on standard output.
#
# It only reads: whatever is sent, no cmdlet and no parameter runs that does not stand in $Allowed.
# The one exception is a repair that a person has confirmed. Then the settings say Writing, and only
# then two more cmdlets run, with the parameters in $Writes and no others, in the forms that stand
# there: they set one receive connector, and try one queue again. Where the settings say Probing, no
# cmdlet runs at all: this computer connects to port 25 or 2525 of an address, reads the banner,
# sends EHLO, reads the reply, and sends QUIT. It leaves nothing on this computer: each answer
# passes through one temporary file that is deleted at once. Nobody has to install it: mailflow
# sends it over standard input with each log-on. For Windows PowerShell 2.0 (Exchange 2010) and all
# that came after it.
#
# $Lines holds the settings, then a line for each call: fields with a tab between them, a name, then
# name and value of each parameter. Names are base64 of UTF-8. A value is a letter, and behind it
# s text, i whole number, b True or False, l list (commas between), h hashtable of lists (name:list,
# semicolons between), n $null. A password comes here as data and never stands in a command.
param([string[]] $Lines)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

# Made by docs/generate.py from lib/mailflow/exchange/cmdlets.py: change it there.
$Allowed = @{
    'Get-ADPermission'          = @('DomainController', 'Identity')
    'Get-AcceptedDomain'        = @('DomainController', 'Identity')
    'Get-ExchangeCertificate'   = @('DomainController', 'Server')
    'Get-ExchangeServer'        = @('DomainController', 'Identity')
    'Get-Message'               = @('Filter', 'Identity', 'Queue', 'ResultSize', 'Server')
    'Get-NetworkConnectionInfo' = @('DomainController', 'Identity')
    'Get-Queue'                 = @('Filter', 'Identity', 'ResultSize', 'Server')
    'Get-ReceiveConnector'      = @('DomainController', 'Identity', 'Server')
    'Get-SendConnector'         = @('DomainController', 'Identity')
    'Get-ServerComponentState'  = @('Component', 'DomainController', 'Identity')
    'Get-TransportAgent'        = @('DomainController', 'Identity')
    'Get-TransportServer'       = @('DomainController', 'Identity')
    'Get-TransportService'      = @('DomainController', 'Identity')
}
# End of what is made.
$Writes = @{
    'Retry-Queue'          = @('Confirm', 'Identity', 'WhatIf')
    'Set-ReceiveConnector' = @('AuthMechanism', 'Bindings', 'Confirm', 'DomainController',
        'Enabled', 'Fqdn', 'Identity', 'PermissionGroups', 'RemoteIPRanges',
        'SuppressXAnonymousTls', 'TransportRole', 'WhatIf')
}
$Beside = 'Confirm', 'DomainController', 'Identity', 'WhatIf' # these alone would set nothing
$Nothing = @('Fqdn') # may be $null
$Types = @{ # of the values of a change; the others are text
    Bindings = [string[]]; Confirm = [bool]; Enabled = [bool]; RemoteIPRanges = [string[]]
    SuppressXAnonymousTls = [bool]; WhatIf = [bool]
}
$Forms = @{ # what a text, or each element of a list, has to look like as a whole
    Bindings       = '([0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}'
    Fqdn           = '[0-9A-Za-z]([0-9A-Za-z._-]{0,253}[0-9A-Za-z])?'
    RemoteIPRanges =
        '[0-9A-Fa-f:.%]{2,60}( ?- ?[0-9A-Fa-f:.%]{2,60}|/[0-9.]{1,15}| ?\([0-9.]{7,15}\))?'
    TransportRole  = 'FrontendTransport|HubTransport'
}
$Words = @{ # what these are made of, with ', ' between; None stands alone
    AuthMechanism    = @('Tls', 'Integrated', 'BasicAuth', 'BasicAuthRequireTLS', 'ExchangeServer',
        'ExternalAuthoritative')
    PermissionGroups = @('AnonymousUsers', 'ExchangeUsers', 'ExchangeServers',
        'ExchangeLegacyServers', 'Partners')
}

$Probe = @{ # what each value of a probe has to look like as a whole: one address, one port
    Address = '[0-9]{1,3}(\.[0-9]{1,3}){3}|(?=[^:]*:)[0-9A-Fa-f:.]{2,45}'
    Hello   = '[0-9A-Za-z]([0-9A-Za-z._-]{0,253}[0-9A-Za-z])?'
    Port    = '25|2525'
    Seconds = '[1-9]|[1-5][0-9]|60'
}

# Failures are told apart by their ids, for texts are translated. Where PowerShell 2.0 gives no name
# it gives a number: 5 access denied, 1326 wrong password, -2144108387 Kerberos, 53 no such name ...
$NoLogOn = '^(AccessDenied|LogonFailure|AuthenticationFailed|InvalidAuthentication|TargetUnknown|' +
    'ClientKerberosDisabled|WorkgroupCannotUseKerberos|5|1311|1312|1326|-2144108387|-2146893053)$'
$NoEndpoint = '^(CannotConnect|URLNotAvailable|NetworkPathNotFound|ComputerNotFound|' +
    'InvalidResourceUri|53|-2144108(103|269|270|485|526|542))$'

function ConvertFrom-Base64([string] $Text) {
    [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($Text))
}

function ConvertFrom-List([string] $Text) {
    $items = @()
    if ($Text) { $items = @($Text.Split(',') | ForEach-Object { ConvertFrom-Base64 $_ }) }
    return , [string[]] $items
}

function ConvertFrom-Field([string] $Field) {
    $body = $Field.Substring(1)
    switch -CaseSensitive ($Field.Substring(0, 1)) {
        's' { return ConvertFrom-Base64 $body }
        'i' { return [int] (ConvertFrom-Base64 $body) }
        'b' { return (ConvertFrom-Base64 $body) -eq 'True' }
        'n' { if (-not $body) { return $null } }
        'l' { return , (ConvertFrom-List $body) }
        'h' {
            $table = @{}
            foreach ($entry in $body.Split(';')) {
                $name, $list = $entry.Split(':')
                $table[(ConvertFrom-Base64 $name)] = ConvertFrom-List $list
            }
            return $table
        }
    }
    throw 'a value with an unknown mark'
}

function ConvertFrom-Line([string] $Line) {
    $fields = $Line.Split("`t")
    $call = @{ Name = ConvertFrom-Base64 $fields[0]; Parameters = @{} }
    for ($at = 1; $at -lt $fields.Length; $at += 2) {
        $call.Parameters[(ConvertFrom-Base64 $fields[$at])] = ConvertFrom-Field $fields[$at + 1]
    }
    return $call
}

function Test-Form([string] $Key, $Value) {
    if ($null -eq $Value) { return $Nothing -contains $Key }
    $type = [string]
    if ($Types.ContainsKey($Key)) { $type = $Types[$Key] }
    if ($Value -isnot $type) { return $false }
    if ($Words.ContainsKey($Key)) {
        $known = $Words[$Key]
        $wrong = @([regex]::Split($Value, ', ') | Where-Object { $known -cnotcontains $_ })
        return ($Value -ceq 'None') -or $wrong.Length -eq 0
    }
    if (-not $Forms.ContainsKey($Key)) { return $true }
    $wrong = @($Value | Where-Object { $_ -cnotmatch ('^(?:' + $Forms[$Key] + ')\z') })
    return $wrong.Length -eq 0
}

function Get-Refusal([string] $Name, [hashtable] $Parameters, [bool] $Writing) {
    $known = $Allowed[$Name]
    $changes = $Writing -and $Writes.ContainsKey($Name)
    if ($changes) { $known = $Writes[$Name] }
    if (-not $known) { return "${Name}: not on the list of allowed cmdlets" }
    foreach ($key in $Parameters.get_Keys()) {
        if ($known -notcontains $key) {
            return "$Name -${key}: not on the list of allowed parameters"
        }
        $value = $Parameters[$key]
        if ($null -eq $value -and $Nothing -contains $key) { continue }
        if ($value -is [hashtable]) { $value = $value.get_Values() }
        $parts = @($value | ForEach-Object { "$_".Trim() })
        # Where an identity is empty, Get cmdlets return every object there is.
        if ($parts.Length -eq 0 -or $parts -contains '') { return "$Name -${key}: empty" }
    }
    if (-not $changes) { return }
    foreach ($key in @($Parameters.get_Keys()) + 'Identity') {
        if (-not (Test-Form $key $Parameters[$key])) {
            return "$Name -${key}: not in the form that a change needs"
        }
    }
    # With no server it would be one of this computer, and with * all queues of a server.
    if ($Parameters['Identity'] -notmatch '^[^\\*\s][^\\*]*\\[^*\s][^*]*\z') {
        return "$Name -Identity: not one object of one server"
    }
    $set = @($Parameters.get_Keys() | Where-Object { $Beside -notcontains $_ })
    if ($Name -eq 'Set-ReceiveConnector' -and $set.Length -eq 0) {
        return "${Name}: nothing to set"
    }
}

# Why this is no probe; nothing where it is one. All four values, each in its form.
function Get-ProbeRefusal([string] $Name, [hashtable] $Parameters) {
    if ($Name -cne 'Send-Ehlo') { return "${Name}: not a probe, and nothing else runs beside one" }
    foreach ($key in @($Parameters.get_Keys()) + 'Address', 'Hello', 'Port', 'Seconds') {
        if (-not $Probe.ContainsKey($key)) { return "$Name -${key}: no parameter of a probe" }
        if ("$($Parameters[$key])" -cnotmatch ('^(?:' + $Probe[$key] + ')\z')) {
            return "$Name -${key}: not in the form that a probe needs"
        }
    }
}

# This part is also what people paste where mailflow cannot log on; so its lines are short.
function Read-SmtpReply($Stream, [DateTime] $Until, $Text) {
    # Until a line whose code has no hyphen behind it: the last one of a reply.
    $bytes = New-Object byte[] 1024
    while ($Text.ToString() -notmatch '(?m)^[0-9]{3}(?!-)[^\n]*\n') {
        if ($Text.Length -gt 16384) { return 'too-long' }
        $left = ($Until - (Get-Date)).TotalMilliseconds
        if ($left -lt 1) { return 'timed-out' }
        $Stream.ReadTimeout = [int] [Math]::Ceiling($left)
        $count = $Stream.Read($bytes, 0, $bytes.Length)
        if ($count -eq 0) { return 'closed' }
        $latin = [Text.Encoding]::GetEncoding(28591)
        [void] $Text.Append($latin.GetString($bytes, 0, $count))
    }
    return ''
}
function Send-Ehlo([string] $Address, [int] $Port, [string] $Hello, [int] $Seconds) {
    $until = (Get-Date).AddSeconds($Seconds)
    $banner, $reply = (New-Object Text.StringBuilder), (New-Object Text.StringBuilder)
    $code, $why, $stage, $client = 0, '', 'connect', $null
    try {
        $ip = [Net.IPAddress]::Parse($Address)
        $client = New-Object Net.Sockets.TcpClient($ip.AddressFamily)
        $way = $client.BeginConnect($ip, $Port, $null, $null)
        if ($way.AsyncWaitHandle.WaitOne($Seconds * 1000, $false)) {
            $client.EndConnect($way)
            $stage, $stream = 'banner', $client.GetStream()
            $stream.WriteTimeout = $Seconds * 1000
            $why = Read-SmtpReply $stream $until $banner
            if (-not $why -and $banner.ToString() -notmatch '^2') { $why = 'refused' }
            if (-not $why) {
                $stage, $line = 'reply', [Text.Encoding]::ASCII.GetBytes("EHLO $Hello`r`n")
                $stream.Write($line, 0, $line.Length)
                $why = Read-SmtpReply $stream $until $reply
                if (-not $why) { $stage = 'done' }
            }
        } else { $why = 'timed-out' }
    } catch {
        $inner = $_.Exception.GetBaseException()
        $why = 'failed'
        if ($inner -is [Net.Sockets.SocketException]) { $code = [int] $inner.SocketErrorCode }
        if ($code -eq 10060) { $why = 'timed-out' }
    }
    try {
        if ('', 'refused' -contains $why) {
            $line = [Text.Encoding]::ASCII.GetBytes("QUIT`r`n")
            $stream.Write($line, 0, $line.Length)
            $soon = (Get-Date).AddSeconds(1)
            [void] (Read-SmtpReply $stream $soon (New-Object Text.StringBuilder))
        }
    } catch { $null = $_ } # whoever closed the connection first needs no QUIT
    if ($client) { $client.Close() }
    return New-Object PSObject -Property @{
        Stage = $stage; Why = $why; Code = $code
        Banner = $banner.ToString(); Reply = $reply.ToString()
    }
}
# End of that part.

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

# The way 'session': this server's own Exchange endpoint, where Exchange decides who may ask what.
function Open-Session([hashtable] $Settings) {
    $self = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
    $uri = "http://$(($self.HostName + '.' + $self.DomainName).TrimEnd('.'))/PowerShell/"
    $as = @{} # without a user: as whoever logged on here
    if ($Settings['User']) {
        $secret = New-Object Security.SecureString
        foreach ($letter in $Settings['Password'].ToCharArray()) { $secret.AppendChar($letter) }
        $as.Credential = New-Object Management.Automation.PSCredential($Settings['User'], $secret)
    }
    $answer = New-Answer '' '' ''
    try {
        $option = New-Object Management.Automation.Remoting.PSSessionOption
        $option.OpenTimeout = [TimeSpan]::FromSeconds($Settings['Seconds'])
        $session = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri $uri `
            -Authentication Kerberos -SessionOption $option -ErrorAction Stop @as
        $answer.Runspace = $session.Runspace
    } catch {
        $id = [string] $_.FullyQualifiedErrorId
        $signs = @($id.Split(',')[0])
        if ($_.Exception -is [Management.Automation.Remoting.PSRemotingTransportException]) {
            $signs += [string] $_.Exception.ErrorCode
        }
        $kind = 'failed'
        if ($signs -match $NoEndpoint) { $kind = 'no-exchange' }
        if ($signs -match $NoLogOn) { $kind = 'log-on' }
        $answer = New-Answer $kind $id ([string] $_)
    }
    $answer.Head.Way = "session $uri"
    return $answer
}

# The way 'snapin', for Edge servers and Exchange 2007, which have no such endpoint.
function Open-SnapIn([hashtable] $Settings) {
    $runspace = [runspacefactory]::CreateRunspace()
    $runspace.Open()
    $why = @()
    foreach ($last in 'SnapIn', 'E2010', 'Admin') { # Exchange 2013 and later, 2010, 2007
        $name = "Microsoft.Exchange.Management.PowerShell.$last"
        $answer = Invoke-Call $runspace 'Add-PSSnapin' @{ Name = $name; ErrorAction = 'Stop' } `
            $Settings['Seconds']
        if ('', 'timed-out' -contains $answer.Head.FaultKind) { break }
        $why += $answer.Head.Fault
        $answer.Head.Fault = [string]::Join("`n", $why)
        $answer.Head.FaultKind = 'no-exchange'
    }
    $answer.Runspace = $runspace
    $answer.Head.Way = "snap-in $name"
    return $answer
}

# A frame: base64 of gzip of CLIXML, with its length and hash, so that a cut one is noticed.
function Write-Answer([int] $Number, [hashtable] $Answer) {
    $file = [IO.Path]::GetTempFileName()
    $escaped = [Management.Automation.WildcardPattern]::Escape($file) # a folder may be called [1]
    try {
        & { New-Object PSObject -Property $Answer.Head; $Answer.Rows } |
            Export-Clixml -Path $escaped -Encoding UTF8
        $bytes = [IO.File]::ReadAllBytes($file)
    } finally {
        [IO.File]::Delete($file)
    }
    $packed = New-Object IO.MemoryStream
    $zip = New-Object IO.Compression.GZipStream($packed, [IO.Compression.CompressionMode]::Compress)
    $zip.Write($bytes, 0, $bytes.Length)
    $zip.Close()
    $body = [Convert]::ToBase64String($packed.ToArray())
    $hash = [Security.Cryptography.SHA256]::Create()
    $digest = [BitConverter]::ToString($hash.ComputeHash([Text.Encoding]::ASCII.GetBytes($body)))
    $begin = "#mailflow begin $Number $($body.Length) $($digest.Replace('-', ''))#"
    [Console]::Out.Write("$begin`n$body`n#mailflow end $Number#`n")
    [Console]::Out.Flush()
}

$settings = (ConvertFrom-Line $Lines[0]).Parameters
$Lines[0] = ''
$probing = $settings['Probing'] -eq $true
if ($probing) {
    $exchange = New-Answer '' '' ''
    $exchange.Head.Way = 'no Exchange: EHLO alone'
} elseif ($settings['Way'] -eq 'snapin') { $exchange = Open-SnapIn $settings }
else { $exchange = Open-Session $settings }
$exchange.Head.PowerShell = [string] $PSVersionTable.PSVersion
$exchange.Head.Computer = [Environment]::MachineName
$hangs = $exchange.Stuck
$count = 0
if (-not $exchange.Head.FaultKind) { $count = $Lines.Length - 1 }
try {
    Write-Answer 0 $exchange
    for ($number = 1; $number -le $count; $number++) {
        try {
            $call = ConvertFrom-Line $Lines[$number]
            if ($probing) { $refusal = Get-ProbeRefusal $call.Name $call.Parameters }
            else {
                $refusal = Get-Refusal $call.Name $call.Parameters ($settings['Writing'] -eq $true)
            }
        } catch { $refusal = 'this call cannot be read' }
        if ($refusal) { $answer = New-Answer 'refused' '' $refusal }
        elseif ($probing) {
            $values = $call.Parameters
            $answer = New-Answer '' '' ''
            $answer.Rows = @(Send-Ehlo @values)
        }
        elseif ($hangs) { $answer = New-Answer 'timed-out' '' 'not asked: a call before it hangs' }
        else {
            $way = $exchange.Runspace
            $answer = Invoke-Call $way $call.Name $call.Parameters $settings['Seconds']
            $hangs = $answer.Stuck
        }
        Write-Answer $number $answer
    }
    [Console]::Out.Write("#mailflow done $count#`n")
    [Console]::Out.Flush()
} finally {
    # Sessions count against the account until they are closed; behind a blocked call none closes.
    if ($exchange.Runspace) { $exchange.Runspace.CloseAsync() }
    for ($wait = 0; $exchange.Runspace -and $wait -lt 20; $wait++) {
        if ('Closed', 'Broken' -contains $exchange.Runspace.RunspaceStateInfo.State) { break }
        if ($hangs -and $wait -eq 3) { break }
        Start-Sleep -Milliseconds 100
    }
    if ($hangs -or $wait -eq 20) { [Environment]::Exit(0) }
}
