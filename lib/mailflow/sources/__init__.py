"""How an organization comes in: every way ends in the same rows (`row.py`)."""
