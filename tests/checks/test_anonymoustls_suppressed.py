"""C10: X-ANONYMOUSTLS is suppressed on the target, and the sender is not set for that."""

from __future__ import annotations

from check_cases import FRONT, commands, found
from organisations import Organisation, healthy

ID = "anonymoustls-suppressed"


def suppressed(*, senders: bool | None) -> Organisation:
    """EX16A hides X-ANONYMOUSTLS; the 2010 servers are set for that, not set, or unread."""
    org = healthy().change(FRONT, suppress_x_anonymous_tls=True)
    for name in ("EX10A", "EX10B"):
        org.set_downgraded_auth(name, value=senders)
    return org


def test_a_sender_that_is_not_set_for_it_is_found() -> None:
    """C10, S5.03: X-ANONYMOUSTLS is offered again."""
    assert found(suppressed(senders=False), ID) == [("found", "EX16A", FRONT)]
    assert commands(suppressed(senders=False)) == (
        f'Set-ReceiveConnector "{FRONT}" -SuppressXAnonymousTls $false',
    )


def test_a_sender_that_is_set_for_it_is_by_design() -> None:
    """S3.42: WAN optimizers need it."""
    assert found(suppressed(senders=True), ID) == []


def test_unread_and_nothing_stuck_is_unknown() -> None:
    """Contract 7: without a stuck queue it is not decided, and no command is given."""
    assert found(suppressed(senders=None), ID) == [("unknown", "EX16A", FRONT)]
    assert commands(suppressed(senders=None)) == ()
