# Runs in front of a script under test: what Linux cannot do is played here. A session goes to a
# second PowerShell through a stand-in for ssh; inside it is as strict as Exchange (no language).

function New-PSSession {
    [CmdletBinding()]
    param(
        [string] $ConfigurationName, [Uri] $ConnectionUri, [string] $Authentication,
        [Management.Automation.PSCredential] $Credential,
        [Management.Automation.Remoting.PSSessionOption] $SessionOption
    )
    $user = ''
    $secret = ''
    if ($Credential) {
        $user = $Credential.UserName
        $clear = [Text.Encoding]::UTF8.GetBytes($Credential.GetNetworkCredential().Password)
        $secret = [BitConverter]::ToString([Security.Cryptography.SHA256]::Create().ComputeHash($clear))
    }
    $asked = @($ConfigurationName, $ConnectionUri, $Authentication, $user, $secret,
        $SessionOption.OpenTimeout.TotalSeconds)
    [IO.File]::WriteAllLines($env:PRACTICE_LOG, [string[]] $asked)
    if ($env:PRACTICE_OPENING -match '^code (.*)$') { # as PowerShell 2.0: no name, a number inside
        $fault = New-Object Management.Automation.Remoting.PSRemotingTransportException 'no session'
        $fault.ErrorCode = [int] $Matches[1]
        Write-Error -Exception $fault -ErrorId 'PSSessionOpenFailed'
    } elseif ($env:PRACTICE_OPENING) {
        Write-Error -Message 'no session' -ErrorId "$env:PRACTICE_OPENING,PSSessionOpenFailed"
    } else {
        Open-PracticeSession
    }
}

function Open-PracticeSession {
    $session = Microsoft.PowerShell.Core\New-PSSession -HostName practice
    Invoke-Command -Session $session {
        Import-Module Practice
        $ExecutionContext.SessionState.LanguageMode = 'NoLanguage'
    }
    $session
}

# What a management shell holds: a session with Exchange, and proxies that must not be called.
function Get-PSSession {
    if ($env:PRACTICE_SHELL -ne 'with a session') { return }
    New-Object PSObject -Property @{ ConfigurationName = 'DefaultShell'; State = 'Opened' }
    New-Object PSObject -Property @{ ConfigurationName = 'Microsoft.Exchange'; State = 'Broken' }
    New-Object PSObject -Property @{
        ConfigurationName = 'Microsoft.Exchange'
        State = [Management.Automation.Runspaces.RunspaceState]::Opened
        ComputerName = $env:PRACTICE_ENTRY
        Runspace = (Open-PracticeSession).Runspace
    }
}

function Get-ExchangeServer { Write-Host 'A PROXY WAS CALLED' }
function Get-Queue { Write-Host 'A PROXY WAS CALLED' }
