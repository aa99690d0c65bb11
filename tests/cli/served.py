"""The command line with a team that a real model server on loopback plays, which hears what is sent."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.cli.command import PROGRAM, Done, Place
from tests.models.endpoint import Endpoint, Request, reply


@dataclass(frozen=True, slots=True)
class Served:
    done: Done
    requests: Sequence[Request]
    told: Mapping[str, list[Any]] = field(default_factory=dict)
    """By role, the messages of each request in turn."""


async def run_served(
    place: Place, replies: Mapping[str, Sequence[str]], *args: str, together: Sequence[str] = ()
) -> Served:
    """Run a command of `codeteam`; each role's requests are answered by its replies, one after the other.

    None of those `together` is answered before all of them were asked.
    """
    told: dict[str, list[Any]] = {role: [] for role in replies}
    numbers = itertools.count()
    all_asked = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = server.requests[next(numbers)].body["messages"]  # answers begin in the order of the requests
        named = (role for role in replies if f"You are the {role} " in messages[0]["content"])
        role = next(named, "selector")  # in a conversation, who chooses the next speaker is no role
        told[role].append(messages)
        if all(told[one] for one in together):
            all_asked.set()
        if role in together:
            await asyncio.wait_for(all_asked.wait(), 60)
        await reply(replies[role][len(told[role]) - 1])(reader, writer)

    async with Endpoint([answer]) as server:
        process = await asyncio.create_subprocess_exec(
            *(*PROGRAM, *args, "--model", "compatible/any", "--base-url", server.url),
            cwd=place.workspace,
            env=place.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode is not None
    return Served(Done(process.returncode, out.decode(), err.decode()), server.requests, told)
