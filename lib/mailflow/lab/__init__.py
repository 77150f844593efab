"""A practice organisation that behaves like Exchange: for tests, `demo:` sources and training.

    scenarios   an organisation as a small data file: what is built, what is broken, who sends mail
        │
    practice    a scenario under way: an organisation, its clock, its transport
        │
    doors       the way in, as to a live organisation: sessions that run cmdlets
        │
    cmdlets     Get-Queue, Set-ReceiveConnector ... with their parameters, limits and refusals
      │   │
      │  objects, writer    what they print: as rows, CLIXML, Format-List
      │
    transport   tries delivery, and tries again; errors and times follow from causes
        │
    organisation, clock    servers, connectors, queues, messages; the hands of the clock

Nobody types an error text in: a scenario breaks something, and the transport runs into it.
"""
