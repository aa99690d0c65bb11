"""The demo: what it runs, and that recorded replies are never taken for a model's."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import APPROVED, Place, fence

ROMAN = '''"""Roman numerals."""

_PARTS = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
    (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip
_LARGEST = 3999


def to_roman(number: int) -> str:
    """Return a whole number from 1 to 3999 as a Roman numeral.

    Raises:
        ValueError: the number is outside of that range.
    """
    if not 1 <= number <= _LARGEST:
        raise ValueError(f"{number} is not between 1 and {_LARGEST}")
    parts = []
    for value, letters in _PARTS:
        count, number = divmod(number, value)
        parts.append(letters * count)
    return "".join(parts)
'''
ROMAN_TESTS = '''"""Tests of Roman numerals."""

import pytest

from roman import to_roman


def test_fourteen() -> None:
    assert to_roman(14) == "XIV"


@pytest.mark.parametrize("number", [0, -1, 4000])
def test_out_of_range(number: int) -> None:
    with pytest.raises(ValueError):
        to_roman(number)
'''
PLAN = """One function.

```json
{"files": [{"path": "roman.py", "purpose": "Roman numerals"}], "dependencies": [], "criteria": []}
```

```python path=roman.py
def to_roman(number: int) -> str: ...
```
"""


@pytest.mark.docker
def test_the_small_example_from_recorded_replies_of_ones_own(place: Place) -> None:
    spec = place.script(
        {
            "architect": [PLAN],
            "developer": [fence("roman.py", ROMAN)],
            "tester": [fence("tests/test_roman.py", ROMAN_TESTS)],
            "reviewer": [APPROVED],
        }
    )
    done = place.with_environ(CODETEAM_MODEL=spec).run("demo", "small")
    assert done.code == 0, done.out + done.err
    for words in (
        "=== small: RECORDED REPLIES",
        "# Roman numerals",
        "diff --git a/roman.py",
        "accepted: production",
    ):
        assert words in done.out
    assert list(place.workspace.iterdir()) == []


def test_recorded_replies_are_labelled(place: Place) -> None:
    there = place.with_environ(DOCKER_HOST="unix:///nothing.sock")
    done = there.run("demo", "rest-api")
    assert done.code == 3
    assert done.out.startswith("=== rest-api: RECORDED REPLIES, no model is asked")
    assert "rest-api (recorded replies; the sandbox, the packages and the tests are real): failed" in done.out
    [line] = json.loads(there.run("jobs", "--json").out)["jobs"]
    assert line["state"] == "failed"


def test_both_ask_the_model_that_is_set(place: Place) -> None:
    done = place.with_environ(CODETEAM_MODEL="absurd/model").run("demo")
    assert done.code == 2
    assert "RECORDED" not in done.out
    assert done.out.count("a real model, absurd/model") == 2
