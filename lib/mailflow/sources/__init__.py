"""How an organization comes in: every way ends in the same rows (`row.py`).

    tables         rows become the typed snapshot; every way in ends here
      │              drafts, values, names, foreign   an object half read; its values; whose it is
      │              addresses, side_tables, kept, forests   what stands in tables of its own
      │              completeness, asked   what the exports lack
      │
      ├─ exports/    files, folders, zips: recognised by content, a reader a form
      ├─ logs/       protocol and connectivity logs
      ├─ ehlo_replies   what people pasted of a target's reply
      │
      └─ collect     a live organization: which calls, and of whom each is asked
           │           doctor, probing   each step of the way there; EHLO from one server to others
           │
         shell       the seam: calls in; rows, warnings and faults out
           │           rounds, at_once   asked once more where an answer was lost; deadlines
           │
           ├─ winrm/   by WinRM; wire: what goes to the script there, and what comes back
           └─ psrp/    by Exchange's own endpoint
         credentials, remote, trust   who signs in, where to, and which hosts may get that
         bounded_http   how requests travel: verified, encrypted, bounded in time and size
         setup_faults, exception_faults   what can be wrong on the way; which exception is which

Rules of Exchange stand in `exchange`: here a value only gets its type.
"""
