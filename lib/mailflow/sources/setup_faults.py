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
    "On the server, `winrm enumerate winrm/config/listener` shows what listens; `winrm "
    "quickconfig` makes the listener for HTTP, `winrm quickconfig -transport:https` for HTTPS."
)

_ROOT_SDDL = (
    "Make the account a local administrator of the server, or give it Read and Execute with `winrm "
    "configSDDL default` there (RootSDDL). The group Remote Management Users does not open WinRS."
)

_INSTALL_LIVE = f"Install it: {extras.install('live')} (in a clone: python3 run.py setup)."

CAUSES: Mapping[str, SetupCause] = MappingProxyType(
    {
        # -- the way -------------------------------------------------------------------------------
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
            "The server is there, and nothing listens on this port.",
            _LISTENER,
        ),
        "port-silent": SetupCause(
            "unreachable",
            "Nothing answers on this port: a firewall drops the packets, or the server is down.",
            "Check that the server is up, and open 5986 (HTTPS) or 5985 (HTTP) on the way to it.",
        ),
        "network": SetupCause(
            "unreachable",
            "The connection failed.",
            "Try again; if it stays so, look at the network between here and the server.",
        ),
        "server-busy": SetupCause(
            "unreachable",
            "The server's web service answers that WinRM is not available.",
            "On the server, check that the service WinRM runs (`Get-Service WinRM`).",
        ),
        "dropped": SetupCause(
            "protocol",
            "The connection was cut in the middle of an answer.",
            "Try again; if it stays so, look for a firewall or load balancer on the way.",
        ),
        "silent": SetupCause(
            "timed-out",
            "The server took the request and stayed silent.",
            "Check the load of the server and its WinRM service; a restart of WinRM may be needed.",
        ),
        "deadline": SetupCause(
            "timed-out",
            "The time was over before the whole answer was there.",
            "Give it more time, or find out what keeps the server from answering.",
        ),
        "endless": SetupCause(
            "protocol",
            "The server sent more than any answer can hold; the rest was not read.",
            "Check what answers there. If this server really has so many objects, run "
            "Collect-MailFlow.ps1 on it and read its folder.",
        ),
        "not-winrm": SetupCause(
            "protocol",
            "A web server answers there, and it is not WinRM.",
            "Check name and port: 5986 for HTTPS, 5985 for HTTP. " + _LISTENER,
        ),
        "garbage": SetupCause(
            "protocol",
            "The answer cannot be understood.",
            "Check that no proxy or load balancer stands between here and the server.",
        ),
        "packed-answer": SetupCause(
            "protocol",
            "The answer came compressed, which WinRM never does; none of it was read.",
            "Check that no proxy or load balancer stands between here and the server, and what "
            "answers there.",
        ),
        "cut-answer": SetupCause(
            "protocol",
            "The answer came damaged or incomplete.",
            "Try again; if it stays so, look at what stands between here and the server.",
        ),
        "shell-gone": SetupCause(
            "protocol",
            "The server closed the shell before the answer was complete.",
            "Check whether WinRM was restarted, or the memory of a shell is too small: `winrm get "
            "winrm/config/winrs` shows MaxMemoryPerShellMB, which should be 1024.",
        ),
        # -- whom the credentials are for ----------------------------------------------------------
        "host-not-trusted": SetupCause(
            "refused",
            "This host is outside the domain of the server to enter at, so it gets no credentials.",
            "`--trust SUFFIX` takes a domain, the full name of a host, or an address.",
        ),
        "no-host-name": SetupCause(
            "refused",
            "The list of servers gives a name that no host can have; nothing connects to it.",
            "Check what the server to enter at answers (`Get-ExchangeServer | Format-List Fqdn`).",
        ),
        # -- TLS -----------------------------------------------------------------------------------
        "not-tls": SetupCause(
            "tls",
            "What listens on this port speaks no TLS.",
            "Use the port for HTTPS (5986), or winrm+http:// for a listener without TLS.",
        ),
        "tls-too-old": SetupCause(
            "tls",
            "The server knows only versions of TLS older than 1.2.",
            "Enable TLS 1.2 on the server, or use winrm+http:// with Kerberos or NTLM, which "
            "encrypt the messages themselves.",
        ),
        "tls-unknown-issuer": SetupCause(
            "tls",
            "The server's certificate comes from an issuer that this machine does not trust.",
            "Export the root certificate of your company's authority as PEM and name it with --ca.",
        ),
        "tls-wrong-name": SetupCause(
            "tls",
            "The server's certificate is for another name.",
            "Use a name that stands in the certificate, or give the listener a certificate for "
            "this name. With --resolve that name can point to any address.",
        ),
        "tls-expired": SetupCause(
            "tls",
            "The server's certificate has expired.",
            "Renew the certificate and give it to the WinRM listener.",
        ),
        "tls-not-yet-valid": SetupCause(
            "tls",
            "The server's certificate is not valid yet.",
            "Check the clock of this machine and the certificate's first day.",
        ),
        "tls-client-certificate": SetupCause(
            "tls",
            "The server refused the client certificate.",
            "Check that the server trusts its issuer and that it has not expired.",
        ),
        "client-key": SetupCause(
            "tls",
            "Client certificate and key cannot be used: they do not belong together, are no PEM, "
            "or the key is encrypted with another password.",
            "Check with `openssl x509 -in CERT -noout -pubkey` and `openssl pkey -in KEY -pubout`.",
        ),
        "tls-failed": SetupCause(
            "tls",
            "No TLS connection came about.",
            "Check the certificate of the WinRM listener and the versions of TLS on both sides.",
        ),
        # -- log-on --------------------------------------------------------------------------------
        "clock-skew": SetupCause(
            "log-on",
            "The clocks differ by more than the five minutes that Kerberos allows.",
            "Set the clock of this machine, of the server and of the domain controller.",
        ),
        "wrong-password": SetupCause(
            "log-on",
            "The server refused user name and password.",
            "Check both. Write the user as DOMAIN\\user or user@domain.",
        ),
        "password-expired": SetupCause(
            "log-on",
            "The password of this account has expired, or must be changed first.",
            "Log on to a Windows machine and change it.",
        ),
        "account-locked": SetupCause(
            "log-on",
            "This account is locked or disabled.",
            "Ask the administrators of the domain.",
        ),
        "no-ticket": SetupCause(
            "log-on",
            "There is no Kerberos ticket.",
            "Get one with `kinit -f user@DOMAIN`, or log on with --auth ntlm and --user.",
        ),
        "ticket-expired": SetupCause(
            "log-on",
            "The Kerberos ticket has expired.",
            "Get a new one with `kinit -f user@DOMAIN`.",
        ),
        "unknown-spn": SetupCause(
            "log-on",
            "Kerberos knows no server of this name.",
            "Use the server's own full name, not an alias, a load balancer's or an address; "
            "`setspn -L SERVER` shows the names that are registered.",
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
            "Try `kinit` and `kvno HTTP/SERVER`, which say more.",
        ),
        "kerberos-missing": SetupCause(
            "log-on",
            "The library for Kerberos is not installed here.",
            f"Install it: {extras.install('kerberos')} (in a clone: python3 run.py setup "
            "--kerberos), or sign in with --auth ntlm.",
        ),
        "certificate-refused": SetupCause(
            "log-on",
            "The server does not know whose certificate this is.",
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
            "An encrypted request got an answer in the clear; none of it was read, because anybody "
            "on the way can have given it.",
            "Use HTTPS. Over HTTP, find what answers in the server's place (proxy, load balancer, "
            "another host at this address), or try again if the service has just restarted.",
        ),
        "log-on-lost": SetupCause(
            "log-on",
            "The server stopped accepting the authentication while data was being read.",
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
            "The server forbids access, whoever asks.",
            "Check on the server which addresses WinRM answers (`winrm get winrm/config/service`: "
            "IPv4Filter, IPv6Filter), and that no proxy stands before it.",
        ),
        "ntlm-refused": SetupCause(
            "log-on",
            "The server offers Negotiate and refuses NTLM.",
            "Log on with --auth kerberos, or ask whether policy restricts NTLM.",
        ),
        # -- beyond the log-on ---------------------------------------------------------------------
        "shell-quota": SetupCause(
            "quota",
            "This user has as many shells open on the server as are allowed.",
            "Wait until the others end, or close them: restarting WinRM on the server closes all.",
        ),
        "no-powershell": SetupCause(
            "failed",
            "The server did not start powershell.exe.",
            "Check on the server that powershell.exe is on the PATH and that policy allows it.",
        ),
        "script-blocked": SetupCause(
            "failed",
            "PowerShell runs there, and a policy keeps our script from running.",
            "Have Invoke-MailFlow.ps1 allowed (AppLocker, WDAC, antivirus), or run "
            "Collect-MailFlow.ps1 in the Exchange Management Shell and read its folder.",
        ),
        "exchange-not-found": SetupCause(
            "no-exchange",
            "Neither Exchange's endpoint nor its snap-in is there.",
            "Name an Exchange server; on Edge and 2007 use the snap-in.",
        ),
        "exchange-refused": SetupCause(
            "log-on",
            "Exchange's own endpoint refused this account.",
            "Give the account a role group in Exchange (View-Only Organization Management, S8.02) "
            "and remote PowerShell (Set-User -RemotePowerShellEnabled), and check the password.",
        ),
        "double-hop": SetupCause(
            "double-hop",
            "The credentials cannot be passed on from the server to Exchange's endpoint (S8.23).",
            "Give user and password (--auth ntlm or credssp), get a ticket that may be forwarded "
            "(`kinit -f`), or run Collect-MailFlow.ps1 on the server and read its folder.",
        ),
        "rights-missing": SetupCause(
            "denied",
            "The account's roles in Exchange do not hold all cmdlets that are needed.",
            "Put the account into the role group View-Only Organization Management.",
        ),
        "winrm-missing": SetupCause(
            "failed", "The library for WinRM, pywinrm, is not installed here.", _INSTALL_LIVE
        ),
        # -- the management shell's own endpoint, exchange:// --------------------------------------
        "psrp-missing": SetupCause(
            "failed",
            "The library for this road, pypsrp, is not installed here.",
            _INSTALL_LIVE,
        ),
        "web-closed": SetupCause(
            "unreachable",
            "The server is there, and no web server listens on this port.",
            "Name an Exchange server. Its own web server (IIS) has to run: 80 for exchange://, 443 "
            "for exchange+https://.",
        ),
        "web-silent": SetupCause(
            "unreachable",
            "Nothing answers on the web server's port: a firewall drops the packets, or the server "
            "is down.",
            "Check that the server is up, and open 80 (exchange://) or 443 (exchange+https://) on "
            "the way to it.",
        ),
        "web-not-tls": SetupCause(
            "tls",
            "What listens on the web server's port speaks no TLS.",
            "Use exchange+https:// with the port for HTTPS (443), or exchange:// without TLS.",
        ),
        "no-endpoint": SetupCause(
            "no-exchange",
            "The management shell's endpoint is not there: no /PowerShell/ that can be used.",
            "Name an Exchange server of 2010 or later; Edge and 2007 have none (run "
            "Collect-MailFlow.ps1 there and read its folder, or use winrm:// with --snapin).",
        ),
        "endpoint-busy": SetupCause(
            "unreachable",
            "The web server answers that Exchange's endpoint is not available.",
            "On the server, check that the application pools of IIS for PowerShell run.",
        ),
        "endpoint-silent": SetupCause(
            "timed-out",
            "Exchange's endpoint took the request and stayed silent.",
            "Check the load of the server; a restart of its PowerShell application pools in IIS "
            "may be needed.",
        ),
        "endpoint-forbids": SetupCause(
            "denied",
            "The web server forbids access to Exchange's endpoint.",
            "Check remote PowerShell of the account (Set-User -RemotePowerShellEnabled), and "
            "whether the virtual directory demands TLS (then exchange+https://HOST).",
        ),
        "endpoint-account": SetupCause(
            "denied",
            "Exchange's endpoint lets in whoever has a role and remote PowerShell (S8.02).",
            "Put the account into View-Only Organization Management; Get-User ACCOUNT shows "
            "RemotePowerShellEnabled.",
        ),
        "redirected": SetupCause(
            "protocol",
            "The server sends us to another address; nothing was sent there.",
            "Name the Exchange server itself, and no load balancer or portal before it.",
        ),
        "session-limit": SetupCause(
            "quota",
            "This user has as many sessions open as Exchange allows (18 unless it was changed, "
            "S8.16).",
            "Close sessions that are not needed, or wait: those that nobody uses end by "
            "themselves.",
        ),
        "session-gone": SetupCause(
            "protocol",
            "The session came to its end on the server's side before the answer was complete.",
            "Try again; if it stays so, look at the server's application log.",
        ),
        "other-host": SetupCause(
            "failed",
            "The front end passed the session on to another server (S8.81), and no parameter of "
            "this cmdlet names the server it is asked about.",
            "Run the cmdlet in a shell on the server itself and bring its output.",
        ),
        # -- notes: nothing is wrong, and it is well to know ---------------------------------------
        "root-sddl": SetupCause(
            "denied",
            "WinRS, which carries the reading, is open to administrators alone unless the WinRM "
            "listener's RootSDDL says otherwise (S8.79).",
            _ROOT_SDDL,
        ),
        "small-memory": SetupCause(
            "quota",
            "So old a WinRM may give a shell no more than 150 MB, too little for long lists.",
            "`winrm get winrm/config/winrs` there shows MaxMemoryPerShellMB; 1024 is enough "
            "(Set-Item WSMan:\\localhost\\Shell\\MaxMemoryPerShellMB 1024, then restart WinRM).",
        ),
        "older-than-others": SetupCause(
            "refused",
            "Other servers are newer, and the shell of this one cannot show them fully (S8.43).",
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
