"""The columns of the tables: what stands over each, and what it says."""

from __future__ import annotations

COVERED = {
    "connector": ("Connector", "of a server that wrote these logs"),
    "level": ("Logging", "ProtocolLoggingLevel now"),
    "whole": ("Covered", "yes: a client without a row did not use it"),
    "since": ("From", "first day with a row of its service"),
    "until": ("Until", "last day with a row of its service"),
    "trusted": ("Conclusive from", "first day on which the logs can cover the whole period"),
}
LOGGING = {
    "connector": ("Connector", "does not log yet, or its logs are not kept long enough"),
    "command": ("Command", "PowerShell for the Exchange Management Shell"),
    "rollback": ("Rollback", "restores the previous value"),
    "trusted": ("Conclusive from", "first day on which the logs cover the period, if run now"),
}
NARROWED = {
    "element": ("Range", "of the proposed RemoteIPRanges"),
    "clients": ("Clients", "clients seen in it"),
    "who": ("Addresses", "of these clients"),
}
COMMANDS = {
    "step": ("Step", "dry run, apply or rollback"),
    "command": ("Command", "PowerShell for the Exchange Management Shell"),
}
CLIENTS = {
    "connector": ("Connector", "that accepted it"),
    "client": ("Client", "its address"),
    "name": ("Name", "from the hosts file or DNS, else its EHLO name"),
    "first": ("First seen", "first row"),
    "last": ("Last seen", "last row"),
    "sessions": ("Sessions", "each once, also where the Front End proxied it"),
    "messages": ("Messages", "accepted with 250 after the data"),
    "anonymous": ("Anonymous", "sessions without authentication"),
    "outside": ("Outside", "accepted recipients outside the accepted domains"),
}
ELEMENTS = {
    "connector": ("Connector", "server and name"),
    "element": ("Range", "an entry of its RemoteIPRanges"),
    "state": ("Use", "unused: only where the logs cover the period"),
    "addresses": ("Addresses", "number of addresses in it"),
    "clients": ("Clients", "clients seen in it"),
    "messages": ("Messages", "from these clients"),
    "who": ("Who", "addresses of these clients"),
}
DIFFERING = {
    "client": ("Client", "its address"),
    "seen": ("Seen at", "the connector that accepted it"),
    "predicted": ("Predicted", "the connector that accepts it by the configuration"),
    "last": ("Last seen", "last row"),
    "why": ("Why", "possible reason"),
}
