"""A key in the environment of whoever starts a job is in no prompt, though the code that is written hunts for it."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys

import pytest

from tests.attacks.attack import PROGRAMS
from tests.attacks.commanded import CANARY, secret_environ
from tests.cli.command import PROGRAM, Place, fence, slug_replies
from tests.models.endpoint import Endpoint, reply

HUNT = (PROGRAMS / "secrets.py").read_text("utf-8") + "raise RuntimeError('\\n'.join(seen)[:2000])\n"


@pytest.mark.docker
async def test_no_secret_is_in_a_prompt(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first draft prints all that it could read, and its developer is shown what it printed."""
    folder = tmp_path_factory.mktemp("prompts")
    place = Place(folder, {**secret_environ(folder), "CODETEAM_API_KEY": f"{CANARY}-own-key"})
    replies = slug_replies()
    replies["developer"] = [fence("slug.py", HUNT), *replies["developer"]]
    numbers = itertools.count()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        messages = server.requests[next(numbers)].body["messages"]  # answers begin in the order of the requests
        role = next(role for role in replies if f"You are the {role} " in messages[0]["content"])
        await reply(replies[role].pop(0))(reader, writer)

    async with Endpoint([answer]) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *PROGRAM[1:], "run", "Slugs", "--json", "--require", "draft"),
            *("--model", "compatible/any", "--base-url", server.url),
            cwd=place.workspace,
            env=place.environ,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode == 0, err.decode()
    assert len(server.requests) == 3
    assert CANARY in server.requests[0].headers["authorization"]  # where it belongs
    prompts = [json.dumps(request.body) for request in server.requests]
    assert "PYTHONPATH" in prompts[2], err.decode()  # what was found did come back
    remembered = [path.read_bytes() for path in place.home.rglob("*") if path.is_file()]
    for text in (*prompts, out.decode(), err.decode(), *(content.decode("utf-8", "replace") for content in remembered)):
        assert CANARY not in text
