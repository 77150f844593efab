"""The message that runs a cmdlet, as another implementation of the protocol reads it."""

from __future__ import annotations

import uuid

import psrpcore
from hypothesis import given
from hypothesis import strategies as st
from psrpcore.types import PSInvocationState

from mailflow.sources.psrp import commands
from mailflow.sources.psrp.messages import Fragments
from mailflow.sources.shell import Argument, Call

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ARGUMENTS = st.one_of(
    TEXTS,
    st.booleans(),
    st.none(),
    st.integers(-(2**31), 2**31 - 1),
    st.lists(TEXTS, max_size=4).map(tuple),
    st.dictionaries(st.sampled_from(["Add", "Remove"]), st.lists(TEXTS, max_size=3).map(tuple)),
)


def served() -> psrpcore.ServerRunspacePool:
    """The far side of a session that psrpcore's client has opened."""
    client, server = psrpcore.ClientRunspacePool(), psrpcore.ServerRunspacePool()
    client.open()
    opening = client.data_to_send()
    assert opening is not None
    server.receive_data(psrpcore.PSRPPayload(opening.data, psrpcore.StreamType.default, None))
    while server.next_event() is not None:
        pass
    return server


def plain(value: object) -> object:
    """A value of psrpcore in the types that went in."""
    if isinstance(value, list):
        return tuple(map(str, value))
    if isinstance(value, dict):
        return {str(name): plain(texts) for name, texts in value.items()}
    if value is None or isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else str(value)


@given(st.dictionaries(st.text("abcXYZ", min_size=1), ARGUMENTS), st.integers(1, 3000))
def test_what_a_server_reads(parameters: dict[str, Argument], size: int) -> None:
    """S8.06, S8.07: one command, no script, each value in its type, in fragments of any size."""
    server, pipeline_id = served(), uuid.uuid4()
    pipeline = psrpcore.ServerPipeline(server, pipeline_id)
    call = Call("Set-ReceiveConnector", parameters)
    for piece in commands.fragments(
        call, server.runspace_pool_id, pipeline_id, number=1000, size=size
    ):
        data = psrpcore.PSRPPayload(piece, psrpcore.StreamType.default, pipeline_id)
        server.receive_data(data)
    while server.next_event() is not None:
        pass
    (command,) = pipeline.metadata.commands

    assert (command.command_text, command.is_script) == ("Set-ReceiveConnector", False)
    assert {name: plain(value) for name, value in command.parameters} == parameters
    assert (pipeline.metadata.no_input, pipeline.state) == (True, PSInvocationState.NotStarted)


def test_a_long_message_is_cut_in_order() -> None:
    """Each piece holds no more than it may, and joined they are the message."""
    call = Call("Set-ReceiveConnector", {"RemoteIPRanges": ("10.0.0.1",) * 5000})
    pieces = commands.fragments(call, uuid.uuid4(), uuid.uuid4(), number=7, size=1000)
    read = Fragments()
    (message,) = [message for piece in pieces for message in read.feed(piece)]

    assert len(pieces) > 50
    assert max(map(len, pieces)) <= 1000 + 21
    assert message.kind == commands.CREATE_PIPELINE
    assert message.xml.decode() == commands.create_pipeline(call)


def test_true_is_spelled_as_xml_has_it() -> None:
    """PowerShell refuses `True`, which psrpcore reads as well."""
    written = commands.create_pipeline(Call("Retry-Queue", {"Confirm": False, "Resubmit": True}))

    assert '<S N="N">Confirm</S><B N="V">false</B>' in written
    assert '<S N="N">Resubmit</S><B N="V">true</B>' in written
