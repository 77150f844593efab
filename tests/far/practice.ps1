# Plays Exchange for a real PowerShell that runs mailflow's script in the practice organisation.
#
# Dot-sourced in front of the script, in the second session behind it, and by a module of the name
# MailflowPractice for runspaces that the script makes. Whatever Exchange would do is asked of the
# Python side over loopback (MAILFLOW_PRACTICE_URL), which knows who logged on and what he may do.

function Send-Practice([string] $What, [hashtable] $Body)
{
    $client = [System.Net.Http.HttpClient]::new([System.Net.Http.HttpClientHandler]@{ UseProxy = $false })
    $client.Timeout = [System.Threading.Timeout]::InfiniteTimeSpan
    try {
        $json = ConvertTo-Json -InputObject $Body -Depth 6 -Compress
        $content = [System.Net.Http.StringContent]::new($json)
        $answer = $client.PostAsync("$env:MAILFLOW_PRACTICE_URL/$What", $content).GetAwaiter().GetResult()
        [void] $answer.EnsureSuccessStatusCode()
        return $answer.Content.ReadAsStringAsync().GetAwaiter().GetResult()
    } finally {
        $client.Dispose()
    }
}

# An error record whose FullyQualifiedErrorId is exactly this one, as Exchange's are.
function New-PracticeRecord([string] $Id, [string] $Text)
{
    $record = [System.Management.Automation.ErrorRecord]::new([Exception]::new($Text), $Id, 'NotSpecified', $null)
    $flags = [System.Reflection.BindingFlags] 'NonPublic, Instance'
    [System.Management.Automation.ErrorRecord].GetField('_serializedFullyQualifiedErrorId', $flags).SetValue($record, $Id)
    return $record
}

function Invoke-Practice($Caller, [string] $Session, [string] $Name, [object[]] $Rest)
{
    $parameters = @{}
    for ($at = 0; $at + 1 -lt $Rest.Length; $at += 2) {
        $parameters[([string] $Rest[$at]).Trim('-', ':')] = $Rest[$at + 1]
    }
    $call = @{ session = $Session; cmdlet = $Name; parameters = $parameters }
    $objects = @([System.Management.Automation.PSSerializer]::Deserialize((Send-Practice 'call' $call)))
    $head = $objects[0]
    foreach ($text in @($head.Warnings)) { $Caller.WriteWarning($text) }
    for ($at = 0; $at -lt @($head.Errors).Length; $at++) {
        $Caller.WriteError((New-PracticeRecord @($head.ErrorIds)[$at] @($head.Errors)[$at]))
    }
    for ($at = 1; $at -lt $objects.Length; $at++) { $Caller.WriteObject($objects[$at]) }
    if ($head.FaultKind) { $Caller.ThrowTerminatingError((New-PracticeRecord $head.FaultId $head.Fault)) }
}

# What an account may not run does not exist for it.
function Add-PracticeCmdlet([string] $Session, [string[]] $Names)
{
    foreach ($name in $Names) {
        Set-Item "function:global:$name" ([scriptblock]::Create(@"
[CmdletBinding()] param([Parameter(ValueFromRemainingArguments = `$true)] [object[]] `$Rest = @())
Invoke-Practice `$PSCmdlet '$Session' '$name' `$Rest
"@))
    }
}

# Exchange's endpoint: a second, real session, as strict as the one of Exchange.
function New-PSSession
{
    [CmdletBinding()]
    param($ConfigurationName, $ConnectionUri, $Authentication, $Credential, $SessionOption)

    $request = @{ way = 'session'; user = ''; password = '' }
    if ($Credential) {
        $request.user = $Credential.UserName
        $request.password = $Credential.GetNetworkCredential().Password
    }
    $open = Send-Practice 'open' $request | ConvertFrom-Json
    if ($open.fault) {
        $PSCmdlet.WriteError((New-PracticeRecord $open.id $open.fault))
        return
    }
    $session = Microsoft.PowerShell.Core\New-PSSession -HostName $env:MAILFLOW_PRACTICE_SERVER
    Invoke-Command -Session $session -ArgumentList $open.session, $open.cmdlets -ScriptBlock {
        param($Session, $Names)
        . $env:MAILFLOW_PRACTICE_SCRIPT
        Add-PracticeCmdlet $Session $Names
        $ExecutionContext.SessionState.LanguageMode = 'NoLanguage'
    }
    return $session
}

# The snap-in: Exchange's cmdlets in the runspace itself, past all roles.
function Add-PSSnapin
{
    [CmdletBinding()]
    param([string] $Name)

    $open = Send-Practice 'open' @{ way = 'snapin'; name = $Name } | ConvertFrom-Json
    if ($open.fault) {
        $PSCmdlet.ThrowTerminatingError((New-PracticeRecord $open.id $open.fault))
    }
    Add-PracticeCmdlet $open.session $open.cmdlets
}
