"""mailflow: from stuck Exchange queues to the cause, with evidence."""

__version__ = "0.1.0"
