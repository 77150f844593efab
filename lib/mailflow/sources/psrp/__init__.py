"""PSRP to the Exchange management shell's own endpoint, `http://SERVER/PowerShell/` (S8.81).

    options    how servers are reached and signed in to
    messages   what comes back: bytes of the protocol to rows, by our own CLIXML reader; pure
    commands   what goes out: one cmdlet as a message; pure
    faults     what exceptions of pypsrp mean there; pure
    line       one connection, by pypsrp's WS-Management and our bounded HTTP
    shell      the seam: doors to all servers, a session with each

It needs no local administrator, no WinRM listener and no second hop, and roles (RBAC) hold.
"""
