"""A key in the environment of whoever starts a job is in no prompt, though the code that is written hunts for it."""

from __future__ import annotations

import json

import pytest

from tests.attacks.attack import PROGRAMS
from tests.attacks.commanded import CANARY, secret_environ
from tests.cli.command import Place, fence, slug_replies
from tests.cli.served import run_served

HUNT = (PROGRAMS / "secrets.py").read_text("utf-8") + "raise RuntimeError('\\n'.join(seen)[:2000])\n"


@pytest.mark.docker
async def test_no_secret_is_in_a_prompt(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first draft prints all that it could read, and its developer is shown what it printed."""
    folder = tmp_path_factory.mktemp("prompts")
    place = Place(folder, {**secret_environ(folder), "CODETEAM_API_KEY": f"{CANARY}-own-key"})
    replies = slug_replies()
    replies["developer"] = [fence("slug.py", HUNT), *replies["developer"]]
    served = await run_served(place, replies, "run", "Slugs", "--json", "--require", "draft")
    done = served.done
    assert done.code == 0, done.err
    assert len(served.requests) == 3
    assert CANARY in served.requests[0].headers["authorization"]  # where it belongs
    prompts = [json.dumps(request.body) for request in served.requests]
    assert "PYTHONPATH" in prompts[2], done.err  # what was found did come back
    remembered = [path.read_bytes() for path in place.home.rglob("*") if path.is_file()]
    for text in (*prompts, done.out, done.err, *(content.decode("utf-8", "replace") for content in remembered)):
        assert CANARY not in text
