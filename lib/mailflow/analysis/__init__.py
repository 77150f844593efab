"""What a snapshot shows, worked out once and passed along: servers, mail paths, stuck queues.

Nothing here says what is wrong with an organization (`checks` do) or what to change (`repair`
does). Nothing here fetches: a snapshot is the only input.
"""
