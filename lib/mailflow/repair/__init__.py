"""From findings to one repair: the changes, their order, the proof, the rollback."""
