"""Code that a prompt has no room for is never replaced: the developer is told so, and goes on without."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import Place, fence
from tests.cli.served import run_served

PLAN = """Use the table.

```json
{{"files": [{{"path": "{path}", "purpose": "prices"}}], "dependencies": [], "criteria": []}}
```
"""
PRICES = '''"""Prices."""

import wide


def price(name: str) -> float:
    """The price of an article."""
    {body}
'''
DONE = PRICES.format(body="return wide.rate_1(len(name))")


def rates(body: str) -> str:
    """A module of 39 functions; with a real body each has 800 characters."""
    return '"""Rates."""\n' + "".join(
        f'\n\ndef rate_{number}(value: float) -> float:\n    """Rate {number} of a value."""\n    {body}\n'
        for number in range(1, 40)
    )


REAL = rates(f"weights = {list(range(100, 250))}\n    return value * sum(weights)  # the-real-rate")
INVENTED = rates("return value")


@pytest.mark.docker
async def test_a_neighbour_shown_by_its_signatures_is_not_replaced(tmp_path: Path) -> None:
    place = Place(tmp_path)
    assert len(REAL) > 30_000
    place.write("wide.py", REAL)
    place.write("prices.py", PRICES.format(body="..."))
    replies = {
        "architect": [PLAN.format(path="prices.py")],
        "developer": [fence("prices.py", DONE) + fence("wide.py", INVENTED), fence("prices.py", DONE)],
    }
    served = await run_served(place, replies, "run", "--file", "prices.py:6-8", "--require", "draft", "--json")
    assert served.done.code == 0, served.done.err
    assert [file["path"] for file in served.done.json["files"]] == ["prices.py"]
    first, second = (json.dumps(messages) for messages in served.told["developer"])
    assert "def rate_39(value: float)" in first
    assert "the-real-rate" not in first
    assert "wide.py exists in the workspace and was not shown to you" in second


@pytest.mark.docker
async def test_a_neighbour_that_the_plan_changes_is_shown_whole(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.write("near.py", REAL.replace("Rates", "Nearer rates"))
    place.write("wide.py", REAL)
    place.write("prices.py", PRICES.format(body="...").replace("import wide", "import near\nimport wide"))
    changed = REAL.replace("def rate_1(value: float) -> float:", "def rate_1(value: float, /) -> float:")
    replies = {"architect": [PLAN.format(path="wide.py")], "developer": [fence("wide.py", changed)]}
    served = await run_served(place, replies, "run", "Rate 1.", "--file", "prices.py", "--require", "draft", "--json")
    assert served.done.code == 0, served.done.err
    assert [(file["path"], file["text"]) for file in served.done.json["files"]] == [("wide.py", changed)]
    [told] = (json.dumps(messages) for messages in served.told["developer"])
    assert told.count("the-real-rate") == 39


@pytest.mark.docker
async def test_of_a_long_document_only_what_was_shown_changes(tmp_path: Path) -> None:
    place = Place(tmp_path)
    text = "".join(f"def f{number}() -> int:\n    return {number}  # real-{number}\n\n\n" for number in range(200))
    place.write("long.py", text.replace("return 190  # real-190", "..."))
    whole = text.replace("return 10  # real-10", "return 11")
    replies = {
        "architect": [PLAN.format(path="long.py")],
        "developer": [fence("long.py", whole), fence("long.py", "def f190() -> int:\n    return 190  # real-190\n")],
    }
    served = await run_served(
        place, replies, "run", "Return 190.", "--file", "long.py:761", "--require", "draft", "--json"
    )
    assert served.done.code == 0, served.done.err
    assert [file["text"] for file in served.done.json["files"]] == [text]
    first, second = (json.dumps(messages) for messages in served.told["developer"])
    assert "real-10 " not in first
    assert "changes line 42, which was not shown to you" in second
