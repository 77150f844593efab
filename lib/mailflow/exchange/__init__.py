"""What Exchange does: the rules, pure. No files, no network, no pandas.

Every rule names the fact it rests on (`S1.13`); `docs/facts.md` says what that fact is, how sure it
is and where it comes from.
"""
