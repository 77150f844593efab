"""The mail-flow picture in words: its title, a description, and lines for terminal and ticket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailflow.phrases import counted, joined
from mailflow.picture import FlowRoute, FlowWait, MailFlow
from mailflow.plain import one_line, width, wrap
from mailflow.show.blocks import hang

MOST_ROUTES = 6
MOST_NAMES = 3
"""How many arrows, and how many names of a group, are shown; the rest is counted."""


def title(flow: MailFlow) -> str:
    """`Mail flow between 4 servers: 4 of 14 mail paths fail`."""
    if flow.is_past and flow.after:
        return f"Mail flow between {counted(flow.servers, 'server')}: {_numbers(flow.after)}"
    said = f"Mail flow between {counted(flow.servers, 'server')}: {_numbers(flow)}"
    return f"{said}. {flow.after.caption}: {_numbers(flow.after)}" if flow.after else said


def _numbers(flow: MailFlow) -> str:
    bad, unknown, all_of = flow.paths("bad"), flow.paths("unknown"), flow.paths()
    if not all_of:
        return "no mail path is known"
    if not bad and not unknown:
        return f"{counted(all_of, 'mail path')} {'works' if all_of == 1 else 'work'}"
    of = f"of {counted(all_of, 'mail path')}"
    if not bad:
        return f"{unknown:,} {of} undetermined"
    fail = f"{bad:,} {of} {'fails' if bad == 1 else 'fail'}"
    return f"{fail}, {unknown:,} undetermined" if unknown else fail


def described(flow: MailFlow) -> list[str]:
    """The picture in sentences, for those who do not see it."""
    if flow.is_past and flow.after:
        return [f"{flow.after.caption}:", *described(flow.after)]
    sentences = [_sentence(route) for route in shown_routes(flow)]
    rest = not_drawn(flow)
    sentences += [f"{rest}."] if rest else []
    if flow.after:
        sentences += [f"{flow.after.caption}:", *described(flow.after)]
    return [one_line(each) for each in sentences]


def _sentence(route: FlowRoute) -> str:
    who = joined(
        [_with_messages(name, route.waits) for name in route.senders[:_MOST_SAID]]
        + [f"{len(route.senders) - _MOST_SAID} more"][: len(route.senders) > _MOST_SAID],
        most=_MOST_SAID + 1,
    )
    port = f" on port {route.port}" if route.port else ""
    if not route.targets:
        return f"On {who}: {route.why}."
    whom = joined(route.targets, most=_MOST_SAID)
    if route.state == "good" and route.door is None:
        work = counted(route.paths, "path works", "paths work")
        return f"{who} to {whom}{port}: {work}."
    parts = [f"{who} to {whom}{port}"]
    if route.door:
        parts.append(f"receive connector {route.door.connector} accepts the connection")
        parts.append(f"it {route.door.says}" if route.door.says else "")
    parts.append(route.why)
    if route.should:
        parts.append(f"{route.should.connector} should accept it")
    return f"{parts[0]}: {'; '.join(filter(None, parts[1:]))}."


_MOST_SAID = 6


def _with_messages(name: str, waits: Sequence[FlowWait]) -> str:
    for each in waits:
        if each.server == name:
            return f"{name} ({counted(each.messages, 'message')} waiting)"
    return name


def flow_lines(flow: MailFlow, room: int) -> list[str]:
    """The picture as text of `room` columns in plain ASCII: for a terminal, and for a ticket."""
    if flow.is_past and flow.after:
        return flow_lines(flow.after, room)
    lines: list[str] = []
    quiet = [route for route in flow.routes if route.state == "good" and route.door is None]
    for route in shown_routes(flow):
        if route not in quiet:
            lines += _route_lines(route, room)
    works = sum(route.paths for route in quiet)
    if works:
        other = "other " if lines else ""
        lines += wrap(counted(works, f"{other}mail path works", f"{other}mail paths work"), room)
    rest = not_drawn(flow)
    if rest:
        lines += wrap(rest, room)
    if flow.after:
        lines += [
            f"{flow.after.caption}:",
            *(f"  {each}" for each in flow_lines(flow.after, room - 2)),
        ]
    return lines


def _route_lines(route: FlowRoute, room: int) -> list[str]:
    """An arrow in words; long names of senders have a line of their own."""
    who, whom = names(route.senders), names(route.targets)
    if width(who) > room // 3 and route.senders:
        return [*wrap(who, room), *_route_lines(replace(route, senders=()), room)]
    port = f"{route.port}" if route.port else ""
    who = who or " "
    if not route.targets:
        return hang(f"{who}  ", f"x {route.why}", room)
    if route.state == "good":
        door = f"{route.door.connector} on " if route.door else ""
        works = counted(route.paths, "path works", "paths work")
        return hang(f"{who} --{port}--> ", f"{door}{whom} ({works})", room)
    if route.state == "unknown":
        return hang(f"{who} ..{port}..? ", f"{whom} ({route.why})", room)
    head = f"{who} --{port}--x "
    if route.door:
        lines = hang(head, f"{route.door.connector} on {whom}", room)
        says = route.door.says
    else:
        lines, says = hang(head, whom, room), route.why
    indent = " " * (width(who) + 1)
    if says:
        lines += hang(" " * width(head), f"({says})", room)
    if route.should:
        dots = "." * (4 + len(port))
        lines += hang(f"{indent}{dots}> ", f"{route.should.connector} (should accept it)", room)
    return lines


def names(servers: Sequence[str], most: int = MOST_NAMES) -> str:
    """`EX16A, EX16B`; past `most`: `EX16A, EX16B and 12 more`."""
    shown = [one_line(name) for name in servers]
    if len(shown) > most + 1:
        return f"{', '.join(shown[:most])} and {len(shown) - most} more"
    return ", ".join(shown)


def shown_routes(flow: MailFlow) -> Sequence[FlowRoute]:
    """What is drawn: of what fails or is not known the first; all that works."""
    open_ones = [route for route in flow.routes if route.state != "good"]
    return [*open_ones[:MOST_ROUTES], *(each for each in flow.routes if each.state == "good")]


def not_drawn(flow: MailFlow) -> str:
    """What is not drawn, counted."""
    hidden = [route for route in flow.routes if route.state != "good"][MOST_ROUTES:]
    bad = sum(route.paths for route in hidden if route.state == "bad")
    unknown = sum(route.paths for route in hidden if route.state == "unknown")
    parts = [
        f"{counted(bad, 'path fails', 'paths fail')}" if bad else "",
        f"{counted(unknown, 'path')} undetermined" if unknown else "",
    ]
    said = " and ".join(filter(None, parts))
    return f"and {said}, not drawn" if said else ""
