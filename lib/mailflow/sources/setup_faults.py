"""What can be wrong on the way to a live server: each fault with an id, a cause, a next action.

Which exception is which of them, `exception_faults` tells.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mailflow import extras
from mailflow.plain import unbroken
from mailflow.sources.shell import Fault


@dataclass(frozen=True, slots=True)
class SetupCause:
    """One way in which the set-up can be wrong.

    Attributes:
        kind: the kind of `Fault` it becomes.
        cause: what is wrong, a sentence.
        action: what to do about it, a sentence or two.
    """

    kind: str
    cause: str
    action: str


_LISTENER = (
    "On the server, `winrm enumerate winrm/config/listener` shows the listeners; `winrm "
    "quickconfig` creates the one for HTTP, `winrm quickconfig -transport:https` the one for HTTPS."
)

_ROOT_SDDL = (
    "Make the account a local administrator of the server, or give it Read and Execute with `winrm "
    "configSDDL default` there (RootSDDL). The group Remote Management Users does not open WinRS."
)

_INSTALL_LIVE = f"Install it: {extras.install('live')} (in a clone: python3 run.py setup)."

CAUSES: Mapping[str, SetupCause] = MappingProxyType(
    {
        # -- the way ------------------------------------------------------------------------------
        "no-such-name": SetupCause(
            "unreachable",
            "No address is known for this name.",
            "Use the full name of the server, or say where it is with --resolve NAME=ADDRESS.",
        ),
        "no-route": SetupCause(
            "unreachable",
            "No route leads to this address.",
            "Check the address, the VPN and the routing of this machine.",
        ),
        "port-closed": SetupCause(
            "unreachable",
            "The server is reachable, but nothing listens on this port.",
            _LISTENER,
        ),
        "port-silent": SetupCause(
            "unreachable",
            "No response on this port: a firewall drops the packets, or the server is down.",
            "Check that the server is up, and open 5986 (HTTPS) or 5985 (HTTP) on the way to it.",
        ),
        "network": SetupCause(
            "unreachable",
            "The connection failed.",
            "Try again. If it fails again, check the network between this computer and the server.",
        ),
        "server-busy": SetupCause(
            "unreachable",
            "The server's web service replies that WinRM is not available.",
            "On the server, check that the service WinRM runs (`Get-Service WinRM`).",
        ),
        "dropped": SetupCause(
            "protocol",
            "The connection was closed in the middle of a response.",
            "Try again. If it fails again, look for a firewall or load balancer in between.",
        ),
        "silent": SetupCause(
            "timed-out",
            "The server accepted the request and did not respond.",
            "Check the load of the server and its WinRM service; a restart of WinRM may be needed.",
        ),
        "deadline": SetupCause(
            "timed-out",
            "The time limit was reached before the response was complete.",
            "Raise the time limit (--seconds-per-server), or check why the server responds slowly.",
        ),
        "endless": SetupCause(
            "protocol",
            "The response was too large; the rest was not read.",
            "Check which service listens there. If the server really has so many objects, run "
            "Collect-MailFlow.ps1 on it and read its folder.",
        ),
        "not-winrm": SetupCause(
            "protocol",
            "A web server listens there, but it is not WinRM.",
            "Check name and port: 5986 for HTTPS, 5985 for HTTP. " + _LISTENER,
        ),
        "garbage": SetupCause(
            "protocol",
            "The response cannot be parsed.",
            "Check that there is no proxy or load balancer between this computer and the server.",
        ),
        "packed-answer": SetupCause(
            "protocol",
            "The response is compressed, which WinRM never does; none of it was read.",
            "Check that there is no proxy or load balancer between this computer and the server, "
            "and which service listens there.",
        ),
        "cut-answer": SetupCause(
            "protocol",
            "The response is damaged or incomplete.",
            "Try again. If it fails again, check the devices between this computer and the server.",
        ),
        "shell-gone": SetupCause(
            "protocol",
            "The server closed the shell before the response was complete.",
            "Check whether WinRM was restarted, or the memory of a shell is too small: `winrm get "
            "winrm/config/winrs` shows MaxMemoryPerShellMB, which should be 1024.",
        ),
        # -- whom the credentials are for ---------------------------------------------------------
        "host-not-trusted": SetupCause(
            "refused",
            "This host is outside the domain of the server in SOURCE, so no credentials are sent "
            "to it.",
            "`--trust SUFFIX` takes a domain, the full name of a host, or an address.",
        ),
        "no-host-name": SetupCause(
            "refused",
            "The list of servers contains an invalid host name; no connection was made to it.",
            "Check the names on the server in SOURCE (`Get-ExchangeServer | Format-List Fqdn`).",
        ),
        # -- TLS ----------------------------------------------------------------------------------
        "not-tls": SetupCause(
            "tls",
            "The service on this port does not use TLS.",
            "Use the port for HTTPS (5986), or winrm+http:// for a listener without TLS.",
        ),
        "tls-too-old": SetupCause(
            "tls",
            "The server supports only TLS versions older than 1.2.",
            "Enable TLS 1.2 on the server, or use winrm+http:// with Kerberos or NTLM, which "
            "encrypt the messages themselves.",
        ),
        "tls-unknown-issuer": SetupCause(
            "tls",
            "The issuer of the server's certificate is not trusted on this computer.",
            "Export the root certificate of your company's CA as PEM and name it with --ca.",
        ),
        "tls-wrong-name": SetupCause(
            "tls",
            "The server's certificate is for another name.",
            "Use a name that is in the certificate, or give the listener a certificate for this "
            "name. With --resolve the name can point to any address.",
        ),
        "tls-expired": SetupCause(
            "tls",
            "The server's certificate has expired.",
            "Renew the certificate and give it to the WinRM listener.",
        ),
        "tls-not-yet-valid": SetupCause(
            "tls",
            "The server's certificate is not valid yet.",
            "Check the clock of this computer and the first day on which the certificate is valid.",
        ),
        "tls-client-certificate": SetupCause(
            "tls",
            "The server refused the client certificate.",
            "Check that the server trusts its issuer and that it has not expired.",
        ),
        "client-key": SetupCause(
            "tls",
            "Client certificate and key cannot be used: they do not match, are not PEM, or the key "
            "is encrypted with another password.",
            "Check with `openssl x509 -in CERT -noout -pubkey` and `openssl pkey -in KEY -pubout`.",
        ),
        "tls-failed": SetupCause(
            "tls",
            "The TLS connection failed.",
            "Check the certificate of the WinRM listener and the TLS versions on both sides.",
        ),
        # -- sign-in -------------------------------------------------------------------------------
        "clock-skew": SetupCause(
            "log-on",
            "The clocks differ by more than the five minutes that Kerberos allows.",
            "Set the clock of this machine, of the server and of the domain controller.",
        ),
        "wrong-password": SetupCause(
            "log-on",
            "The server rejected user name or password.",
            "Check both. Write the user as DOMAIN\\user or user@domain.",
        ),
        "password-expired": SetupCause(
            "log-on",
            "The password of this account has expired or must be changed.",
            "Sign in to a Windows computer and change it.",
        ),
        "account-locked": SetupCause(
            "log-on",
            "This account is locked or disabled.",
            "Ask the domain administrators to unlock or enable it.",
        ),
        "no-ticket": SetupCause(
            "log-on",
            "There is no Kerberos ticket.",
            "Get one with `kinit -f user@DOMAIN`, or sign in with --auth ntlm and --user.",
        ),
        "ticket-expired": SetupCause(
            "log-on",
            "The Kerberos ticket has expired.",
            "Get a new one with `kinit -f user@DOMAIN`.",
        ),
        "unknown-spn": SetupCause(
            "log-on",
            "Kerberos does not know this server name.",
            "Use the server's own FQDN, not an alias, the name of a load balancer or an address. "
            "`setspn -L SERVER` shows the registered names.",
        ),
        "no-kdc": SetupCause(
            "log-on",
            "No domain controller can be reached for Kerberos.",
            "Check the realm in krb5.conf and port 88 of the domain controllers.",
        ),
        "ticket-refused": SetupCause(
            "log-on",
            "The server refused the Kerberos ticket: it was made for another account or key.",
            "Check that the name HTTP/SERVER is registered once, and for the server's own account "
            "(`setspn -X`); destroy old tickets with `kdestroy`.",
        ),
        "kerberos-failed": SetupCause(
            "log-on",
            "Kerberos failed.",
            "Run `kinit` and `kvno HTTP/SERVER`, which show details.",
        ),
        "kerberos-missing": SetupCause(
            "log-on",
            "The library for Kerberos is not installed here.",
            f"Install it: {extras.install('kerberos')} (in a clone: python3 run.py setup "
            "--kerberos), or sign in with --auth ntlm.",
        ),
        "certificate-refused": SetupCause(
            "log-on",
            "The certificate is not mapped to an account on the server.",
            "On the server, map it to an account (New-Item WSMan:\\localhost\\ClientCertificate) "
            "and allow it in winrm/config/service/auth.",
        ),
        "auth-not-offered": SetupCause(
            "log-on",
            "The server does not offer this authentication method.",
            "Choose another with --auth, or allow it on the server "
            "(`winrm get winrm/config/service/auth` shows what is allowed).",
        ),
        "unencrypted-refused": SetupCause(
            "log-on",
            "The server refuses messages that are not encrypted.",
            "Use HTTPS, or over HTTP Kerberos, NTLM or CredSSP, which encrypt them.",
        ),
        "answer-in-the-clear": SetupCause(
            "protocol",
            "An encrypted request got an unencrypted response. None of it was read, because "
            "anybody in between can have sent it.",
            "Use HTTPS. Over HTTP, check whether a proxy, a load balancer or another host at this "
            "address responds instead of the server, or try again if the service has just "
            "restarted.",
        ),
        "log-on-lost": SetupCause(
            "log-on",
            "The server no longer accepted the authentication while data was being read.",
            "Try again; with Kerberos get a new ticket first.",
        ),
        "log-on-failed": SetupCause(
            "log-on",
            "Authentication failed.",
            "Check the user name and the authentication method (--auth).",
        ),
        "access-denied": SetupCause(
            "denied",
            "Authentication succeeded, but this account may not use WinRM on the server.",
            _ROOT_SDDL,
        ),
        "forbidden": SetupCause(
            "denied",
            "The server denies access to every account.",
            "Check on the server which addresses WinRM allows (`winrm get winrm/config/service`: "
            "IPv4Filter, IPv6Filter), and that there is no proxy in front of it.",
        ),
        "ntlm-refused": SetupCause(
            "log-on",
            "The server offers Negotiate and refuses NTLM.",
            "Sign in with --auth kerberos, or check whether policy restricts NTLM.",
        ),
        # -- beyond the sign-in --------------------------------------------------------------------
        "shell-quota": SetupCause(
            "quota",
            "This user has reached the limit of open shells on the server.",
            "Wait until the others end, or close them: restarting WinRM on the server closes all.",
        ),
        "no-powershell": SetupCause(
            "failed",
            "The server did not start powershell.exe.",
            "Check on the server that powershell.exe is on the PATH and that policy allows it.",
        ),
        "script-blocked": SetupCause(
            "failed",
            "PowerShell works, but a policy blocks mailflow's script.",
            "Have Invoke-MailFlow.ps1 allowed (AppLocker, WDAC, antivirus), or run "
            "Collect-MailFlow.ps1 in the Exchange Management Shell and read its folder.",
        ),
        "exchange-not-found": SetupCause(
            "no-exchange",
            "The server has neither the Exchange endpoint nor the Exchange snap-in.",
            "Name an Exchange server; on Edge and 2007 use the snap-in.",
        ),
        "exchange-refused": SetupCause(
            "log-on",
            "The Exchange Management Shell endpoint refused this account.",
            "Give the account a role group in Exchange (View-Only Organization Management) and "
            "remote PowerShell (Set-User -RemotePowerShellEnabled), and check the password.",
        ),
        "double-hop": SetupCause(
            "double-hop",
            "The credentials cannot be passed on from the server to the Exchange endpoint.",
            "Give user and password (--auth ntlm or credssp), get a ticket that may be forwarded "
            "(`kinit -f`), or run Collect-MailFlow.ps1 on the server and read its folder.",
        ),
        "rights-missing": SetupCause(
            "denied",
            "The account's roles in Exchange do not include all cmdlets that are needed.",
            "Add the account to the role group View-Only Organization Management.",
        ),
        "winrm-missing": SetupCause(
            "failed", "The library for WinRM, pywinrm, is not installed here.", _INSTALL_LIVE
        ),
        # -- the management shell's own endpoint, exchange:// -------------------------------------
        "psrp-missing": SetupCause(
            "failed",
            "The library for exchange://, pypsrp, is not installed here.",
            _INSTALL_LIVE,
        ),
        "web-closed": SetupCause(
            "unreachable",
            "The server is reachable, but no web server listens on this port.",
            "Name an Exchange server, and check that IIS runs on it (port 80 for exchange://, 443 "
            "for exchange+https://).",
        ),
        "web-silent": SetupCause(
            "unreachable",
            "No response on the port of the web server: a firewall drops the packets, or the "
            "server is down.",
            "Check that the server is up, and open 80 (exchange://) or 443 (exchange+https://) on "
            "the way to it.",
        ),
        "web-not-tls": SetupCause(
            "tls",
            "The service on the port of the web server does not use TLS.",
            "Use exchange+https:// with the port for HTTPS (443), or exchange:// without TLS.",
        ),
        "no-endpoint": SetupCause(
            "no-exchange",
            "The Exchange Management Shell endpoint (/PowerShell/) was not found.",
            "Name an Exchange server of 2010 or later; Edge and 2007 have none (run "
            "Collect-MailFlow.ps1 there and read its folder, or use winrm:// with --snapin).",
        ),
        "endpoint-busy": SetupCause(
            "unreachable",
            "The web server replies that the Exchange endpoint is not available.",
            "On the server, check that the PowerShell application pools of IIS run.",
        ),
        "endpoint-silent": SetupCause(
            "timed-out",
            "The Exchange endpoint accepted the request and did not respond.",
            "Check the load of the server; a restart of its PowerShell application pools in IIS "
            "may be needed.",
        ),
        "endpoint-forbids": SetupCause(
            "denied",
            "The web server denies access to the Exchange endpoint.",
            "Check remote PowerShell of the account (Set-User -RemotePowerShellEnabled), and "
            "whether the virtual directory demands TLS (then exchange+https://HOST).",
        ),
        "endpoint-account": SetupCause(
            "denied",
            "The Exchange endpoint accepts accounts that have an Exchange role and remote "
            "PowerShell.",
            "Add the account to View-Only Organization Management; Get-User ACCOUNT shows "
            "RemotePowerShellEnabled.",
        ),
        "redirected": SetupCause(
            "protocol",
            "The server redirects to another address; nothing was sent there.",
            "Name the Exchange server itself, not a load balancer or portal in front of it.",
        ),
        "session-limit": SetupCause(
            "quota",
            "This user has reached the limit of open sessions (default: 18).",
            "Close sessions that are not needed, or wait: unused sessions end by themselves.",
        ),
        "session-gone": SetupCause(
            "protocol",
            "The server ended the session before the response was complete.",
            "Try again. If it fails again, check the Application log of the server.",
        ),
        "other-host": SetupCause(
            "failed",
            "The front end passed the session on to another server, and this cmdlet has no "
            "parameter for the server.",
            "Run the cmdlet in a shell on the server itself and add its output to the exports.",
        ),
        # -- notes: nothing is wrong, and it is well to know --------------------------------------
        "root-sddl": SetupCause(
            "denied",
            "WinRS, which carries the reading, is open to administrators only, unless the RootSDDL "
            "of the WinRM listener says otherwise.",
            _ROOT_SDDL,
        ),
        "small-memory": SetupCause(
            "quota",
            "WinRM of this version may limit a shell to 150 MB, too little for long lists.",
            "`winrm get winrm/config/winrs` there shows MaxMemoryPerShellMB; 1024 is enough "
            "(Set-Item WSMan:\\localhost\\Shell\\MaxMemoryPerShellMB 1024, then restart WinRM).",
        ),
        "older-than-others": SetupCause(
            "refused",
            "Other servers are newer, and the shell of this one cannot show all of their "
            "properties.",
            "Connect to the organization through its newest server.",
        ),
    }
)
"""The id of each fault to what it means. Ids are never renamed."""


def fault(identity: str, detail: str = "") -> Fault:
    """The fault of this id; `detail`, where it says more, becomes part of the one-line message."""
    known = CAUSES[identity]
    shown = _shortened(detail)
    message = known.cause if not shown else f"{known.cause.rstrip('.')}: {shown}"
    return Fault(known.kind, identity, message)


def with_remedy(problem: Fault) -> str:
    """Its message, and the next action where the fault is one of the set-up."""
    known = CAUSES.get(problem.id)
    return f"{problem.message.rstrip('.')}. {known.action}" if known else problem.message


def is_lost(problem: Fault) -> bool:
    """Whether the answer was lost on its way, so that asking again in a new shell may help."""
    return problem.id in _LOST


_LOST = frozenset(
    {
        *("answer-in-the-clear", "cut-answer", "dropped", "endpoint-silent", "garbage"),
        *("log-on-lost", "session-gone", "shell-gone", "silent"),
    }
)
"""A server whose connection broke answers a request on a new one with 401, in the clear."""


def _shortened(text: str) -> str:
    shown = unbroken(text).rstrip(". ")
    return shown if len(shown) <= 300 else f"{shown[:297]}..."
