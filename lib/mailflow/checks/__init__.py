"""What can be wrong: one file a check, with its texts, what it looks for and how it is repaired.

`registry` lists them in order of likelihood; `diagnose` and `audit` are loops over it. To add one,
write its file beside the others, add a line to the registry, and a test file of the same name.
"""
