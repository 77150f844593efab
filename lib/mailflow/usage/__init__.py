"""Who uses a receive connector: receive logs summed up, and what may be concluded from them.

    report         the answer for people; document: for programs; pictured: by day; columns
      │
    narrow         the smallest list that keeps everyone who was seen, proven
    lists          use beside configuration, element by element
    coverage       the time of which the logs speak; accepted: who is inside
      │
    engine         many logs, each summed up into its part, and added to what was read before
      │              spread, cluster   side by side on this machine; on many
      │
      ├─ parts     one log summed up: part_sql, clean (a file that the quick reader does not take)
      ├─ combine   parts put together: whole_sql
      └─ places    where logs lie; found: what lies there

Whoever was not seen has only not been seen: nothing is concluded where the time is not covered.
"""
