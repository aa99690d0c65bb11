"""Definitions find their places in a long file by their names; everything else stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.source import SourceFile
from codeteam.team.by_name import put_by_name
from codeteam.team.replies import fences
from codeteam.team.splice import drafted_files
from tests.team.tasks import fence, plan_of, task_of

DOCUMENT = '''\
"""Shop."""

import math

RATE: float = 0.25
NAMES = ["a",
         "b"]


# What is paid.
def tax(price: float) -> float:
    return price * RATE


class Till:
    """Keeps money."""

    limit = 10

    @property
    def total(self) -> float:
        return 1.0

    @total.setter
    def total(self, value: float) -> None:
        pass

    # Puts it in.
    def add(self, amount: float) -> None:
        self.amount = amount


async def later() -> None:
    pass


if __name__ == "__main__":
    print(tax(1))
'''


@pytest.mark.parametrize(
    ("block", "old", "new"),
    [
        ("def tax(price: float) -> float:\n    return 0\n", "price * RATE", "0"),
        ("# What is paid.\ndef tax(price: float) -> float:\n    return 0\n", "price * RATE", "0"),
        ('"""Shop."""\n\nimport math\n\nRATE: float = 0.5\n', "0.25", "0.5"),
        ("RATE: float = 0.25\nNAMES = []\n", 'NAMES = ["a",\n         "b"]', "NAMES = []"),
        ("class Till:\n    def add(self, amount: float) -> None:\n        self.amount = 0\n", "= amount", "= 0"),
        ('class Till:\n    """Other."""\n\n    limit = 11\n', "limit = 10", "limit = 11"),
        ("class Till:\n    def total(self) -> float:\n        return 2.0\n", "return 1.0", "return 2.0"),
        (
            "class Till:\n    @total.setter\n    def total(self, value: float) -> None:\n        raise ValueError\n",
            "None:\n        pass",
            "None:\n        raise ValueError",
        ),
        (
            "def tax(price: float) -> float: ...\n\n\nasync def later() -> None:\n    return\n",
            "\n    pass",
            "\n    return",
        ),
        ("import os\n\n\nasync def later() -> None:\n    pass\n", "import math\n", "import math\nimport os\n"),
        (
            "def new() -> int:\n    return 1\n",
            "\n\nif __name__",
            "\n\ndef new() -> int:\n    return 1\n\n\nif __name__",
        ),
        ("MORE = 1\n", "# What is paid.", "MORE = 1\n\n\n# What is paid."),
        (
            "class Till:\n    def take(self) -> None:\n        pass\n",
            "self.amount = amount\n",
            "self.amount = amount\n\n    def take(self) -> None:\n        pass\n",
        ),
        ('if __name__ == "__main__":\n    print(2)\n', "print(tax(1))", "print(2)"),
    ],
    ids=range(14),
)
def test_a_part_of_a_file_goes_to_its_place(block: str, old: str, new: str) -> None:
    assert DOCUMENT.count(old) == 1
    assert put_by_name(DOCUMENT, block) == DOCUMENT.replace(old, new)


def test_what_does_not_parse_is_not_put_anywhere() -> None:
    assert put_by_name(DOCUMENT, "def tax(:\n") is None
    assert put_by_name("def tax(:\n", "def tax(): ...\n") is None


@given(st.sets(st.integers(0, 19), min_size=1), st.sets(st.tuples(st.integers(0, 19), st.integers(0, 4)), max_size=9))
def test_any_choice_of_definitions_changes_just_these(functions: set[int], methods: set[tuple[int, int]]) -> None:
    changed, block = module(), ""
    for number in sorted(functions):
        changed = changed.replace(f"return {number}\n", f"return -{number} - 1\n")
        block += f"def f{number}() -> int:\n    return -{number} - 1\n\n\n"
    for owner in sorted({owner for owner, _ in methods}):
        block += f"class C{owner}:\n"
        for method in sorted(name for one, name in methods if one == owner):
            changed = changed.replace(f"return {owner}, {method}\n", "return None\n")
            block += f"    def m{method}(self) -> object:\n        return None\n\n"
        block += "\n"
    assert put_by_name(module(), block) == changed


def module() -> str:
    return "\n\n".join(
        f"def f{number}() -> int:\n    return {number}\n\n\nclass C{number}:\n"
        + "\n".join(f"    def m{name}(self) -> object:\n        return {number}, {name}\n" for name in range(5))
        for number in range(20)
    )


def test_a_long_neighbour_is_spliced_and_keeps_its_line_ends() -> None:
    text = "".join(f"def f{number}():\r\n    return {number}\r\n\r\n\r\n" for number in range(150))
    task = task_of("import near\n", neighbours=(SourceFile("near.py", text),))
    [done] = drafted_files(task, plan_of("near.py"), (fence("near.py", "def f7():\n    return 70\n"),))
    assert done.text == text.replace("return 7\r", "return 70\r")
    whole = text.replace("\r", "").replace("return 7\n", "return 70\n")
    [done] = drafted_files(task, plan_of("near.py"), fences(f"```python path=near.py\n{whole}```\n"))
    assert done.text == text.replace("return 7\r", "return 70\r")
