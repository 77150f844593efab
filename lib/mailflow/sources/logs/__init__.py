"""Logs of Exchange's transport: what they are, and what they show of who accepted whom."""
