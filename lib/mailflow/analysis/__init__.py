"""What a snapshot shows, worked out once and passed along: servers, mail paths, stuck queues.

Nothing here says what is wrong with an organization (`checks` do) or what to change (`repair`
does). Nothing here fetches: a snapshot is the only input.

    analysis       all of it for one snapshot, each part when it is asked for
      │
      ├─ paths       every mail path between two servers
      │    │           assessment, acceptance   what a server meets; which connector accepts it
      │    │           observed, evidence   what logs and stuck queues say of a path
      ├─ reach       whom each connector accepts, over all addresses: places, tidy, fewest
      ├─ queues      which are stuck, and where they lead
      ├─ outbound, certificates, removal   send connectors; TLS; a server taken down
      │
    twins          two servers compared: twin_server, twin_blocks, treatment
    servers        what is known of each server: addresses, planned, missing
    capabilities   what a host may do at a connector
    change         a change of a connector, and the command that makes it
"""
