"""The hosts that use a receive connector: receive logs summed up, and what they prove.

    report         the result for people; document: for programs; pictured: by day; columns
      │
    narrow         the smallest RemoteIPRanges that keep every client seen, proven
    lists          use compared with configuration, entry by entry
    coverage       the time that the logs cover; accepted: which recipients are inside
      │
    engine         many logs, each summed up into its part, and added to what was read before
      │              spread, cluster   side by side on this machine; on many
      │
      ├─ parts     one log summed up: part_sql, clean (a file that the quick reader does not take)
      ├─ combine   parts put together: whole_sql
      └─ places    where logs are; found: the logs there

A client that was not seen proves nothing unless the logs cover the time.
"""
