"""A proven repair carried out on a live organisation, and told truly wherever it stops.

live.py         the organisation within reach: read it, its clock, how to wait
lists.py        one connector's list: read it, set it, read it back
draining.py     the stuck queues: retry each, watch them until they are empty
journal.py      what has been done so far, written before and after each step
standing.py     where each connector stands, by the journal and by the server
verification.py whether the organisation is now the one that was proven
work.py         all of it, in order; and the way back
unfinished.py   repairs that stopped before their end, told at the next start
outcome.py      what came of it: words, tables, exit code
"""
