"""How results meet the eye: charts, the verdict, the terminal screen, the ticket's template.

Nothing is computed here that a verdict rests on; with `table.py` this is the only place that makes
HTML, and every text in it is escaped by its template.
"""
