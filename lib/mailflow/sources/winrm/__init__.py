"""WinRM to live servers: a shell on each, in which the script for Windows runs the calls.

    options    how servers are reached and signed in to
    shell      the seam: doors to all servers, a shell with each

What goes to the script and comes back is `sources/wire.py`, which the simulated servers use too.
"""
