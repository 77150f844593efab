"""What Exchange does: the rules, pure. No files, no network, no pandas.

Every rule names the fact it rests on (`S1.13`); `docs/facts.md` says what that fact is, how sure it
is and where it comes from.

    which connector accepts
      ranges, connectors, servers   what they are, and how setup makes them
      selection      one connection: who accepts it, who loses, why
      answers        every address at once: answer_map with numpy, plain_map without; both take
                     taking_part, range_columns, ties
      conflicts, refusals   what Set-ReceiveConnector refuses
      range_words    ranges as prose
    where mail goes
      queues, routing, send_connectors, accepted_domains
      certificates, ehlo   what a server offers, and what it needs for that
    what a text means
      pasted         what kind of text it is: shapes, texts, cut_lines, mime, windows_texts
      last_error     the grammar of an error
      causes         which causes it points at: catalogue
    PowerShell
      cmdlets        each cmdlet that is read, declared once
      commands       what an administrator can paste, quoted
"""
