"""The recorded service of the examples, played once for all of pytest's processes: it takes most of a minute."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.cli.command import Place

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True, slots=True)
class Service:
    """The job that was played; it is only to be read."""

    place: Place
    code: int
    result: dict[str, Any]


def recorded_service(factory: pytest.TempPathFactory) -> Service:
    """`codeteam run --json` of the example that ships; whoever comes while it is played waits for it."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "recorded-service"
    with FileLock(shared / "recorded-service.lock"):
        folder.mkdir(exist_ok=True)
        place, told = Place(folder), folder / "told.json"
        if not told.exists():
            replies = EXAMPLES / "rest-api.replies.md"
            asked = ("--requirements", str(EXAMPLES / "rest-api.md"), "--framework", "FastAPI")
            done = place.run("run", "--json", *asked, "--model", f"script/{replies}", timeout=1500)
            assert done.out, done.err
            told.write_text(json.dumps([done.code, json.loads(done.out)]), "utf-8")
        code, result = json.loads(told.read_text("utf-8"))
    return Service(place, code, result)
