"""Every error a user may meet, and what it asks of them.

    MailflowError                 something a user can act on; never a traceback
    ├── UsageError                the question itself is wrong: option, name, address      exit 3
    ├── InputError                a source cannot be read: names file and place            exit 3
    ├── RunError                  an unattended run stopped before its end                    exit 2
    └── OutputError               an answer could not be written to standard output        exit 2

A fault of a single export or server among good ones is no error: it is a row of *unread* in the
snapshot (contract, section 2: a thing not read makes a verdict unknown, and is shown).
Anything else that reaches the command line is a bug of ours: exit 4.
"""

from __future__ import annotations


class MailflowError(Exception):
    """Base of all errors with a next action for the user; `str()` is one line that names it.

    Attributes:
        exit_code: by the contract, section 4.
        further: what a person needs besides, a line each: commands that can be pasted.
    """

    exit_code = 3
    further: tuple[str, ...] = ()

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows below the cell: the same lines as the command line, no traceback.

        Text of strangers may stand in them, and a terminal may show them: nothing that steers it.
        """
        lines = [f"{type(self).__name__}: {self}", *self.further]
        return ["".join(c if c.isprintable() else "?" for c in line) for line in lines]


class UsageError(MailflowError):
    """The question cannot be asked like this: an unknown name, a bad address, port 99999."""


class InputError(MailflowError):
    """A source cannot be read at all; the message names the file and the place in it."""


class RunError(MailflowError):
    """An unattended run stopped before its end; what it had done is kept in the run folder."""

    exit_code = 2


class OutputError(MailflowError):
    """Standard output takes no more (a full disk): what was to be said is not all there."""

    exit_code = 2
