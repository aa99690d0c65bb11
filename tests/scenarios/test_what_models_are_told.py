"""What is sent to a model, role by role, seen by a real server on loopback."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import APPROVED, Place, fence
from tests.cli.served import run_served

ROLES = ("architect", "developer", "tester", "reviewer")
STUB = '''"""Prices."""

from shop.money import cents


def price(amount: float) -> str:
    """The amount with its currency, as in "1.50 EUR"."""
    ...
'''
WITHOUT = STUB.replace("    ...\n", '    return f"{cents(amount)} EUR"  # the-implementation\n')
BROKEN = WITHOUT.replace("from shop.money", "import text_tools\nfrom shop.money")
TESTS = '''"""Tests of prices."""

from shop.prices import price


def test_the_currency_stands_behind() -> None:
    assert price(1.5) == "1.50 EUR"
'''
PLAN = """{approach}

```json
{{"files": [{{"path": "shop/prices.py", "purpose": "prices"}}], "dependencies": [], "criteria": ["two decimals"]}}
```
"""


def shop(place: Place) -> Place:
    place.write("AGENTS.md", "House rule: never use regular expressions.\n")
    place.write(".env", "PASSWORD=hunter2\n")
    place.write("shop/__init__.py", "")
    place.write(
        "shop/money.py",
        '"""Money."""\n\n\ndef cents(amount: float) -> str:\n    """Two decimals."""\n    return f"{amount:.2f}"\n',
    )
    place.write("shop/prices.py", STUB)
    return place


@pytest.mark.docker
async def test_each_role_is_told_what_it_needs_and_no_more(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = shop(Place(tmp_path_factory.mktemp("told")))
    replies = {
        "architect": [PLAN.format(approach="Use text_tools."), PLAN.format(approach="Use what the shop has.")],
        "developer": [fence("shop/prices.py", text) for text in (BROKEN, BROKEN + "\n# again\n", WITHOUT)],
        "tester": [fence("tests/test_prices.py", TESTS)],
        "reviewer": [APPROVED],
    }
    served = await run_served(place, replies, "run", "--file", "shop/prices.py:6-8", "--json")
    done = served.done
    assert done.code == 0, done.err
    assert json.loads(done.out)["quality"] == "production"

    told = {
        role: [json.dumps(messages, ensure_ascii=False) for messages in asked] for role, asked in served.told.items()
    }
    everything = "".join(text for texts in told.values() for text in texts)
    assert "hunter2" not in everything
    assert "two decimals" in told["tester"][0]
    assert "The amount with its currency" in told["tester"][0]
    assert all("the-implementation" not in text for text in told["tester"])
    for role in ("developer", "reviewer"):
        assert all("never use regular expressions" in text for text in told[role]), role
    first, second, third = told["developer"]
    assert 'return f\\"{amount:.2f}\\"' in first  # the neighbour that it imports
    assert "No module named 'text_tools'" in second
    assert "import text_tools" in second
    assert "Use what the shop has." in third
    assert "text_tools" not in third  # another approach starts afresh
    assert "No module named 'text_tools'" in told["architect"][1]  # but its author knows the history
    assert "the-implementation" in told["reviewer"][0]
    assert [len(told[role]) for role in ("architect", "developer", "tester", "reviewer")] == [2, 3, 1, 1]


@pytest.mark.docker
async def test_in_a_conversation_the_same_roles_are_told_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = shop(Place(tmp_path_factory.mktemp("conversation")))
    replies = {
        "selector": ["architect", "developer", "executor", "reviewer", "tester", "executor"],
        "architect": [PLAN.format(approach="Use what the shop has.")],
        "developer": [fence("shop/prices.py", WITHOUT)],
        "tester": [fence("tests/test_prices.py", TESTS)],
        "reviewer": [APPROVED],
    }
    served = await run_served(
        place, replies, "run", "--file", "shop/prices.py:6-8", "--order", "conversation", "--json"
    )
    assert served.done.code == 0, served.done.err
    told = {role: json.dumps(served.told[role], ensure_ascii=False) for role in ROLES}
    assert 'return f\\"{amount:.2f}\\"' in told["developer"]
    assert not any("{amount:.2f}" in told[role] for role in ("architect", "tester", "reviewer"))
    assert {role for role in told if "never use regular expressions" in told[role]} == {"developer", "reviewer"}
    assert "hunter2" not in "".join(told.values())


@pytest.mark.docker
async def test_the_team_is_told_what_is_missing_where_its_code_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = shop(Place(tmp_path_factory.mktemp("missing")))
    place.write(".gitignore", "_version.py\n")
    place.write("shop/_version.py", "version = 'hidden'\n")
    place.write("shop/__init__.py", "from shop._version import version\n")
    replies = {"architect": [PLAN.format(approach="Go.")], "developer": [fence("shop/prices.py", WITHOUT)]}
    served = await run_served(place, replies, "run", "--file", "shop/prices.py:6-8", "--require", "draft", "--json")
    assert served.done.code == 1
    for role in replies:
        [told] = (json.dumps(messages) for messages in served.told[role])
        assert "shop/_version.py: a .gitignore leaves it out" in told, role
        assert "hidden" not in told


@pytest.mark.docker
async def test_every_role_is_told_the_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = shop(Place(tmp_path_factory.mktemp("settings")))
    wrong = TESTS.replace('"1.50 EUR"', '"1.5 EUR"')
    replies = {
        "architect": [PLAN.format(approach="Go.")],
        "developer": [fence("shop/prices.py", WITHOUT), fence("shop/prices.py", WITHOUT + "# again\n")],
        "tester": [
            fence("tests/test_prices.py", wrong),
            json.dumps({"fault": "test", "reason": "Two decimals."}) + "\n\n" + fence("tests/test_prices.py", TESTS),
        ],
        "reviewer": [APPROVED, APPROVED],
    }
    options = ("--framework", "FastAPI", "--style-guide", "Google", "--require-logging", "--json")
    served = await run_served(place, replies, "run", "--file", "shop/prices.py:6-8", *options)
    assert served.done.code == 0, served.done.err
    told = {role: [messages[0]["content"] for messages in asked] for role, asked in served.told.items()}
    systems = [text for texts in told.values() for text in texts]
    assert "Decide from the requirement alone" in told["tester"][1]  # the tester is the arbiter, too
    for system in systems:
        assert "works in Python." in system
        assert "Framework: FastAPI." in system
        assert "Style guide: Google." in system
        assert "log" in system
        assert "rror" in system
    for role in ("architect", "developer", "reviewer"):
        assert "what fails is logged" in told[role][0], role
    for role in ("architect", "developer"):
        assert "A docstring on every public module" in told[role][0], role


@pytest.mark.docker
async def test_a_job_that_is_right_first_time_has_three_calls_in_sequence(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    place = shop(Place(tmp_path_factory.mktemp("sequence")))
    replies = {
        "architect": [PLAN.format(approach="Go.")],
        "developer": [fence("shop/prices.py", WITHOUT)],
        "tester": [fence("tests/test_prices.py", TESTS)],
        "reviewer": [APPROVED],
    }
    arguments = ("run", "--file", "shop/prices.py:6-8", "--json")
    served = await run_served(place, replies, *arguments, together=("developer", "tester"))
    assert served.done.code == 0, served.done.err
    assert len(served.requests) == 4
