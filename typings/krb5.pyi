# The part of the library krb5 that mailflow uses, so that mypy needs no Kerberos on the machine.
# The tests with a real ticket hold it to the library, where that is installed.

from collections.abc import Iterator

class Krb5Error(Exception): ...
class Context: ...

class Principal:
    name: bytes | None

class TicketTimes:
    endtime: int

class Creds:
    client: Principal
    server: Principal
    ticket_flags_raw: int
    times: TicketTimes

class CCache:
    def __iter__(self) -> Iterator[Creds]: ...

def init_context() -> Context: ...
def cc_default(context: Context) -> CCache: ...
