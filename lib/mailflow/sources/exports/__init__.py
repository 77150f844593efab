"""Readers of exports made by hand: text or bytes in, rows out; none opens a file."""
