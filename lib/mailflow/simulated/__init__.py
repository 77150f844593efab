"""A simulated organization that behaves like Exchange: for tests, `demo:` sources and training.

    endpoints    one listener per server, for an unmodified pywinrm or pypsrp; smtp answers EHLO
      │   │        (running: for as long as a `with` block lasts)
      │   │
      │   endpoint, wsman, shell_host, soap, authentication, tls   WS-Management, sign-in by NTLM
      │
    runner, shell_endpoint, runspace     what executes a command line that came; what speaks PSRP
      │
    doors        the way in without a network: sessions that run cmdlets
      │
    cmdlets, queue_cmdlets, changes     what they are called, take, do and refuse
      │   │
      │   invocation, filters           a call under way
      │
    objects, queue_objects, connector_objects, shapes, writer     what they print

    practice     a scenario under way: an organization, its clock, its transport
      │
    scenarios    an organization as a small file in cases/: what is built, broken, and sent
      │
    transport    brings mail on its way, tries, and tries again, while the clock moves
      │
    routes, delivery, wording     which queue; who answers there; how a version puts it in LastError
    protocol_logs, relay_use      what both ends log of it; a month of receive logs
      │
    organisation, clock           servers, connectors, queues, messages; the hands of the clock

The upper half shows and changes what the lower half simulates; it is handed a practice and makes
none. Nobody types an error text in: a scenario breaks something, and the transport runs into it.
"""
