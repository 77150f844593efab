"""A proven repair carried out on a live organization, and told truly wherever it stops.

live.py         the organization within reach: read it, its clock, how to wait
values.py       one connector's values: read them, set them, read them back
draining.py     the stuck queues: retry each, watch them until they are empty
journal.py      what has been done so far, written before and after each step
entry.py        what it holds of one connector or queue, and how that stands in the file
seal.py         who wrote a journal
witness.py      whether the snapshot beside a journal says the same
standing.py     where each connector stands, by the journal and by the server
verification.py whether the organization is now the one that was proven
work.py         all of it, in order; and the way back
unfinished.py   repairs that stopped before their end, told at the next start
outcome.py      what came of it: words, tables, exit code
"""
