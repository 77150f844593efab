"""The article's case with many servers: what a report of it needs in pages and bytes."""

from __future__ import annotations

from organisations import E2010, E2016, STUCK, Organisation, at


def large(servers: int, catching: int | None = None) -> Organisation:
    """So many servers, half of each version, all old queues stuck.

    Args:
        servers: how many.
        catching: on how many of the new ones the relay catches the old ones; None: on all.
    """
    org = Organisation()
    half = servers // 2
    old = {f"EX10-{n:03}": f"10.1.{n // 200}.{n % 200 + 1}" for n in range(half)}
    new = {f"EX16-{n:03}": f"10.2.{n // 200}.{n % 200 + 1}" for n in range(servers - half)}
    for name, address in old.items():
        org.add_server(name, E2010, address)
    for name, address in new.items():
        org.add_server(name, E2016, address)
    for place, name in enumerate(new):
        catches = catching is None or place < catching
        org.add_relay(name, "10.1.0.0/16" if catches else "10.9.5.0/24")
    for place, name in enumerate(old):
        org.add_queue(
            name, 100 + place, name=str(place + 1), error=STUCK, retry_count=20,
            first_retry=at("11:48:00"), last_retry=at("13:59:17"), next_retry=at("14:09:17"),
        )  # fmt: skip
    return org
