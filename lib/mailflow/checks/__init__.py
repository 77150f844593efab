"""What can be wrong: one file a check, with its texts, what it looks for and how it is repaired.

`registry` lists them in order of likelihood; `diagnose` and `audit` are loops over it. To add one,
write its file beside the others, add a line to the registry, and a test file of the same name.

Besides the checks there are: `check`, what a check is and finds; `errors`, the causes that only an
error text tells; and what several checks need:

    ways           paths in use, not in use yet, or planned
    observed       what logs and EHLO replies decide
    sending        certificates and send connectors on the way of a stuck queue
    waits          queues and servers that wait without an error
    waiting        how the checks of such queues tell it
    relaying       why a connector relays, and what ends it
    release        lists of ranges that free addresses from custom connectors
"""
