"""The columns of the tables: what stands over each, and what it says."""

from __future__ import annotations

COVERED = {
    "connector": ("Connector", "of a server that wrote these logs"),
    "level": ("Logging", "ProtocolLoggingLevel now"),
    "whole": ("Covered", "whether absence means something"),
    "since": ("From", "first day with a row of its service"),
    "until": ("Until", "last day with one"),
    "trusted": ("Trust from", "the day from which the answer can be trusted, at the earliest"),
}
LOGGING = {
    "connector": ("Connector", "that does not log yet, or whose logs are not kept long enough"),
    "command": ("Command", "PowerShell for the Exchange Management Shell"),
    "rollback": ("Rollback", "what takes it back"),
    "trusted": ("Trust from", "the day from which the answer can be trusted, if run now"),
}
NARROWED = {
    "element": ("Element", "of the proposed list"),
    "clients": ("Clients", "that were seen and come from it"),
    "who": ("Who", "these are"),
}
COMMANDS = {
    "step": ("Step", "what it is for"),
    "command": ("Command", "PowerShell for the Exchange Management Shell"),
}
CLIENTS = {
    "connector": ("Connector", "that accepted it"),
    "client": ("Client", "its address"),
    "name": ("Name", "by hosts file or DNS, else as it called itself in EHLO"),
    "first": ("First seen", "first row"),
    "last": ("Last seen", "last row"),
    "sessions": ("Sessions", "each once, also where the Front End proxied it"),
    "messages": ("Messages", "250 after data"),
    "anonymous": ("Anonymous", "sessions without authentication"),
    "outside": ("Outside", "accepted recipients outside the accepted domains"),
}
ELEMENTS = {
    "connector": ("Connector", "whose list it is"),
    "element": ("Element", "as it is listed"),
    "state": ("Use", "unused only where the time is covered"),
    "addresses": ("Addresses", "that it holds"),
    "clients": ("Clients", "that came from it"),
    "messages": ("Messages", "of these"),
    "who": ("Who", "came from it"),
}
DIFFERING = {
    "client": ("Client", "its address"),
    "seen": ("Seen at", "the connector that accepted it"),
    "predicted": ("Predicted", "the one that accepts it now"),
    "last": ("Last seen", "last row"),
    "why": ("Why", "what may explain it"),
}
