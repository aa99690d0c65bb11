"""The requirement's own examples: read with certainty or listed as left out, and run by a real pytest."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.source import SourceFile
from codeteam.team.examples import TEST_PATH, Examples, acceptance_test, called_names, read_examples


def said(text: str) -> list[tuple[str, str]]:
    """Call and what is expected of it."""
    return [(example.call, example.expected) for example in read_examples(text).run]


@pytest.mark.parametrize(
    ("text", "call", "expected"),
    [
        ("f(2) == 4", "f(2)", "4"),
        ("f(2)==4", "f(2)", "4"),
        ("f(2) -> 4", "f(2)", "4"),
        ("f(2) → 4", "f(2)", "4"),
        ("f(2) => 4", "f(2)", "4"),
        ("f(2) ==> 4", "f(2)", "4"),
        ("f(2) returns 4", "f(2)", "4"),
        ("- f(2) == 4", "f(2)", "4"),
        ("1. `f(2) == 4`", "f(2)", "4"),
        ("  * `f(2)` == `4`", "f(2)", "4"),
        ("- [x] `f(2)` returns `4`.", "f(2)", "4"),
        ("> f(2) == 4", "f(2)", "4"),
        ("assert f(2) == 4", "f(2)", "4"),
        ("`assert f(2) == 4`", "f(2)", "4"),
        ("For example, f(2) == 4.", "f(2)", "4"),
        ("E.g. `f(2) == 4`.", "f(2)", "4"),
        ("e.g. f(2) == 4", "f(2)", "4"),
        ("I.e. f(2) == 4.", "f(2)", "4"),
        ("Squares: `f(2) -> 4`. When the number is negative, return zero.", "f(2)", "4"),
        ("`f(2) == 4`. If the text is empty, raise an error, which callers should see.", "f(2)", "4"),
        ("Example 1: f(2) == 4", "f(2)", "4"),
        ("A sum of squares; `f(2) == 4` shows it.", "f(2)", "4"),
        ("``f(2) == 4``", "f(2)", "4"),
        ("| `f(2) == 4` | two |", "f(2)", "4"),
        ("| f(2) == 4 | two |", "f(2)", "4"),
        ("```python\nf(2) == 4\n```", "f(2)", "4"),
        ("```\nassert f(2) == 4  # two\n```", "f(2)", "4"),
        ("f(2) == 4  # the square", "f(2)", "4"),
        ("f(2) == 4 (the square)", "f(2)", "4"),
        ("f(2) == 4, because it is the square.", "f(2)", "4"),
        ("f(-1) == -1.5e-3", "f(-1)", "-1.5e-3"),
        ("f(2) == 4.5.", "f(2)", "4.5"),
        ("f(1_000) == 1_000", "f(1_000)", "1_000"),
        ("f() == None", "f()", "None"),
        ("f('x') -> None", "f('x')", "None"),
        ("f(x=1) -> 4", "f(x=1)", "4"),
        ('f("a -> b") == "c"', 'f("a -> b")', '"c"'),
        ('f("a == b") -> "c => d"', 'f("a == b")', '"c => d"'),
        ('f("x") == "4 because 5"', 'f("x")', '"4 because 5"'),
        ('f("it\'s") == "a, g(1)"', 'f("it\'s")', '"a, g(1)"'),
        ('f("(") == ")"', 'f("(")', '")"'),
        ("f([1, (2, 3)], {'a': {4}}) == [(1, 2), {'b': None}]", "f([1, (2, 3)], {'a': {4}})", "[(1, 2), {'b': None}]"),
        ("f(1) == (1, 2)", "f(1)", "(1, 2)"),
        ("f(1) == ()", "f(1)", "()"),
        ("f('é') == '日本'", "f('é')", "'日本'"),
        ("f(1) == b'\\x00'", "f(1)", "b'\\x00'"),
        ("sorted(f([2, 1])) == [1, 2]", "sorted(f([2, 1]))", "[1, 2]"),
        ("round(f(2), 2) == 1.41", "round(f(2), 2)", "1.41"),
        ("Stack().push(1).pop() == 1", "Stack().push(1).pop()", "1"),
        ("f(2)[0] == 4", "f(2)[0]", "4"),
        ("Stack().size == 0", "Stack().size", "0"),
        ("f(2) + f(3) == 13", "f(2) + f(3)", "13"),
        ("-f(2) == -4", "-f(2)", "-4"),
        ("f(0) raises ValueError", "f(0)", "ValueError"),
        ("`f(0)` raises `ValueError`.", "f(0)", "ValueError"),
        ("Calling `f(0)` raises a `ValueError`", "f(0)", "ValueError"),
        ("f(0) raises ValueError('bad')", "f(0)", "ValueError"),
        ("f(0) raises InsufficientFunds", "f(0)", "InsufficientFunds"),
        ("f(0) raises StopIteration (empty)", "f(0)", "StopIteration"),
    ],
)
def test_what_is_certain(text: str, call: str, expected: str) -> None:
    for whole in (text, text.replace("\n", "\r\n"), f"Write f.\n\n{text}\n\nThat is all."):
        assert said(whole) == [(call, expected)]
        assert read_examples(whole).left_out == ()


def test_several_on_a_line() -> None:
    both = [("f(2)", "4"), ("f(3)", "9")]
    for text in (
        "f(2) == 4, f(3) == 9",
        "e.g. f(2) == 4, f(3) == 9",
        "f(2) == 4 and f(3) == 9.",
        "`f(2) == 4` and `f(3) == 9`",
        "f(2) -> 4; f(3) -> 9",
    ):
        assert said(text) == both
    assert said("f(2) == 4 or f(3) == 9") == []
    assert said("f(2) == 4, f(3) == x") == []


@pytest.mark.parametrize(
    "text",
    [
        "f(x) -> y",
        "f(x) == y",
        "f(x) -> None",
        "f() -> None",
        'f() -> "Name"',
        "f(x=1) -> None",
        "`f(2) == 4`. When strict is on, this holds.",
        "`f(2) == 4`. Only when strict is on.",
        "`f(2) == 4`. If strict is off, it is 5.",
        "When strict is on: `f(2) == 4`. If the text is empty, return zero.",
        "f(2) == x",
        "f(2) => y where y is even",
        "f(2) = 4",
        "f(2) == ...",
        "f(2) == [1, ..., 9]",
        "f(...) == 4",
        "f(1, ...) -> 2",
        "f(2) == 1,000",
        "f(2) == 4, 5",
        "f(1) == (1, 2), (3, 4)",
        "f(2) == 4 == 4",
        "f(2) -> 4 -> 16",
        "f(2) == true",
        "f(2) == null",
        "f(“a”) == “b”",
        "f(2) == Decimal('4')",
        "f(2) == g(2)",
        "f(g(2)) == 4",
        "f(2) == 4 or 5",
        "f(2) == 4 - 1",
        "f(2) == 4 // 1",
        "not f(2) == 4",
        "await f(2) == 4",
        "math.sqrt(f(2)) == 1",
        "stack.pop() == 1",
        "Stack.pop() == 1",
        "print(f(2)) == 4",
        "f(2) == 4 if x else 5",
        "(f(2), f(3)) == (4, 9)",
        "f(2) == 4 for all",
        "f(0) raises an error",
        "f(0) raises Error in some cases",
        "f(0) raises ValueError when x",
        "f(2) == 4 when cached",
        "It is not so that f(2) == 5",
        "`f(2) == 5` is wrong",
        "Currently `f(2) == 5`, but it should be 4",
        "`f(2) == 4` if the cache is empty",
        "`f(2) != 5` but never `f(2) == 5`",
        "f(2) returns 4 or None",
        "`f(2) == 4` unless asked",
        "f(2) == 4 (if asked)",
        "`f(2) -> about 4`",
        "f(2) == ~4",
        "Wrong: f(2) == 5",
        "In Python 2: f(2) == 5",
        "x = 3; f(2) == 4",
        "f(*args) == 4",
        "f(lambda x: x) == 4",
        "f([x for x in (1, 2)]) == 4",
        "f(2)(3) raises the roof",
        "# Current behaviour\n\nf(2) == 5",
        "These are wrong:\n\n- f(2) == 5",
        "When the cache is full:\n- f(2) == 5",
        "## Known bugs\n* `f(2) == 5`",
    ],
)
def test_what_is_not_certain_is_left_out_and_listed(text: str) -> None:
    read = read_examples(text)
    assert read.run == ()
    assert read.left_out


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Write a function.",
        "f(2) never returns 5",
        "f(x: int) -> str",
        "def f(x) -> int:",
        "`def f(x: int, *, y: str = 'a') -> None`",
        "f() -> int",
        "`f(self, x: list[int]) -> dict[str, int]`",
        "async def f(x): ...",
        "f(2) != 4",
        "f(2) >= 4",
        "f(2) === 4",
        "f(2) in [4]",
        "a == b",
        "x -> y",
        "Map a => b.",
        "a == b and c(d)",
        "https://x.y/?a=b(c)",
        "==",
        "-> ()",
        "f(2)",
        "```python\nif f(2) == 4:\n    return f(2) == 4\nx = f(2) == 4\nwhile f(2) == 4: pass\n```",
        "| call | result |\n|---|---|\n| `f(2)` | `4` |",
    ],
)
def test_what_is_no_example(text: str) -> None:
    assert read_examples(text) == Examples((), ())


def test_a_heading_counts_until_the_next() -> None:
    assert said("These are wrong:\n\n- f(2) == 5\n\nBut these are right:\n\n- f(2) == 4\n") == [("f(2)", "4")]
    assert said("# Bugs\n\nf(1) == 5\n\n# Wanted\n\nf(2) == 4\n") == [("f(2)", "4")]


def test_contradictions_are_left_out() -> None:
    read = read_examples("f(2) == 4\nf(3) == 9\nf( 2 ) -> 5\nf(3) == 9.\nf(0) raises ValueError\nf(0) == None\n")
    assert [(example.call, example.expected) for example in read.run] == [("f(3)", "9")]
    assert len(read.left_out) == 4


def test_names_that_a_block_assigns_are_not_the_function() -> None:
    assert said("```python\nf = make()\nf(2) == 4\n```\n\nf(3) == 9") == [("f(3)", "9")]


@pytest.mark.parametrize(
    "text", ["async def f(x): ...\n\nf(2) == 4", "Write an async function.\n\n- f(2) == 4", "`await f(1)`: f(2) == 4"]
)
def test_asynchronous_functions_are_left_out(text: str) -> None:
    read = read_examples(text)
    assert read.run == ()
    assert read.left_out


SESSIONS = {
    "plain": (">>> f(2)\n4\n", 1, 0),
    "in a fence": ("```python\n>>> f(2)\n4\n```\n", 1, 0),
    "in a fence, right before text": ("Text:\n~~~\n>>> f(2)\n4\n~~~\nMore.\n", 1, 0),
    "in a docstring": ('def f(x):\n    """Square.\n\n    >>> f(2)\n    4\n    """\n', 1, 0),
    "before the quotes": ('def f(x):\n    """Square.\n\n    >>> f(2)\n    4"""\n', 1, 0),
    "several": (">>> f(2)\n4\n>>> f(3)\n9\n", 1, 0),
    "apart, one session": (">>> x = f(2)\n\n>>> x\n4\n", 1, 0),
    "text between": (">>> x = 2\n\nThen:\n\n>>> f(x)\n4\n", 1, 0),
    "setup": (">>> from os import sep\n>>> s = Stack()\n>>> s.push(1)\n>>> s.pop()\n1\n", 1, 0),
    "exception": (">>> f(0)\nTraceback (most recent call last):\n    ...\nValueError: bad\n", 1, 0),
    "several lines": (">>> f(\n...     2,\n... )\n4\n", 1, 0),
    "followed by text": (">>> f(2)\n4\nThat is the square.\n", 0, 1),
    "never defined": (">>> s.pop()\n1\n", 0, 1),
    "no call": (">>> 1 + 1\n2\n", 0, 1),
    "nothing expected": (">>> f(2)\n", 0, 1),
    "skipped": (">>> f(2)  # doctest: +SKIP\n4\n", 0, 1),
    "no python": (">>> f(2\n4\n", 0, 1),
    "no blank": (">>>f(2)\n4\n", 0, 1),
    "quoted mail": (">>> he said f(2) -> 4\n", 0, 1),
    "as it is now": ("Currently:\n\n>>> f(2)\n5\n\nIt should be:\n\n>>> f(2)\n4\n", 1, 1),
    "await": (">>> await f(2)\n4\n", 0, 1),
    "asyncio": ("async def f(x): ...\n\n>>> import asyncio\n>>> asyncio.run(f(2))\n4\n", 1, 0),
    "a coroutine": ("async def f(x): ...\n\n>>> f(2)\n4\n", 0, 1),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_doctests(name: str) -> None:
    text, run, left_out = SESSIONS[name]
    for whole in (text, text.replace("\n", "\r\n"), text.rstrip("\n")):
        read = read_examples(whole)
        assert (len(read.run), len(read.left_out)) == (run, left_out)
        assert all(example.kind == "doctest" for example in read.run)


def test_names_that_examples_call() -> None:
    examples = read_examples("g(2) == 4\n\n>>> s = Stack()\n>>> s.size()\n0\n\nf(1) raises OddError\n").run
    assert set(called_names(examples)) == {"g", "Stack", "f"}


def test_not_more_than_a_hundred() -> None:
    start = time.process_time()
    read = read_examples("".join(f"f({number}) == {number}\n" for number in range(20_000)))
    assert len(read.run) == 100
    assert read.left_out[-1].endswith("more")
    assert time.process_time() - start < 20


@pytest.mark.parametrize(
    "text",
    [
        "f(" * 300_000,
        "a(" * 400 + ") == 1\n" * 400,
        ("f(" * 200 + ") == " * 150 + "\n") * 300,
        "`" * 300_000,
        " " * 300_000 + "==",
        ">>> " * 70_000,
        ">>> f(1)\n" * 30_000,
        ("a" * 490 + "== " * 150 + "\n") * 300,
        ">>> " + "(" * 200_000,
        "f(2) == " + "[" * 900,
        "f(2) == 9" + "9" * 900,
        "f(2) == 4 (" * 90 + ")",
        "- " * 100_000,
        ">>> f(1)\n1\n\n" * 20_000,
        "f(2) == " + "-" * 900 + "1",
    ],
    ids=range(15),
)
def test_it_is_quick(text: str) -> None:
    start = time.process_time()
    read_examples(text)
    assert time.process_time() - start < 20


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)


@hypothesis.example({"`": None}, {"`": None}, " == ", "")
@given(_VALUES, _VALUES, st.sampled_from([" == ", "==", " → "]), st.sampled_from(["", "- ", "1. ", "> "]))
def test_any_literal_is_read_back(given_: object, expected: object, operator: str, bullet: str) -> None:
    (example,) = read_examples(f"{bullet}f({given_!a}){operator}{expected!a}").run
    assert ast.literal_eval(example.expected) == expected
    assert ast.unparse(ast.parse(example.call)) == ast.unparse(ast.parse(f"f({given_!a})"))


@given(st.text(alphabet="f(2) =->`'\"[],4x.#:|\n", max_size=60))
def test_whatever_the_text_what_is_run_is_code(text: str) -> None:
    for example in read_examples(text).run:
        if example.kind == "equal":
            ast.parse(example.call, mode="eval")
            ast.literal_eval(example.expected)


def outcomes(folder: Path, requirement: str, modules: dict[str, str], roots: tuple[str, ...] = (".",)) -> list[str]:
    """What a real pytest says of the acceptance tests, one word a test, in order."""
    files = tuple(SourceFile(path, text) for path, text in modules.items())
    for file in files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).write_text(file.text, "utf-8")
    text = acceptance_test(read_examples(requirement).run, files, roots)
    (folder / TEST_PATH).write_text(text, "utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--showlocals",
            "--junitxml=report.xml",
            TEST_PATH,
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PYTHONPATH": ":".join(str(folder / root) for root in roots),
            "PATH": "/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    cases = ElementTree.parse(folder / "report.xml").iter("testcase")
    return [next((child.tag for child in case if child.tag in ("failure", "error")), "passed") for case in cases]


REQUIREMENT = """\
# Numbers

`square(2) == 4`, and `square(-3)` -> `9`; `square("a")` raises `TypeError`. `halves(1) == [0.5, 0.25]`
- third(1) == 0.3333333333333333
- words("a -> b") == ["a", "->", "b"]
- withdraw(5) raises InsufficientFunds
- Stack().push(1).items == [1]
- sorted(unique([3, 1, 3])) == [1, 3]
- table() == {"x": (1.0, None), 'y': {2}}

>>> square(4)
16
>>> words("a  b")
["a", "b"]

```
>>> stack = Stack()
>>> _ = stack.push(2)

>>> stack.items
[2]
>>> withdraw(1)
Traceback (most recent call last):
    ...
InsufficientFunds: 1
>>> list(range(20))
[0, 1, ..., 19]
```
"""
NUMBERS = '''\
"""Numbers."""


class InsufficientFunds(Exception):
    """Too little."""


class Stack:
    def __init__(self):
        self.items = []

    def push(self, item):
        self.items.append(item)
        return self


def square(x):
    return x * x if not isinstance(x, str) else x + 1


def halves(x):
    return [x / 2, 0.1 * 2.5 * x]


def third(x):
    return x / 3


def words(text):
    return text.split()


def withdraw(amount):
    raise InsufficientFunds(amount)


def unique(items):
    return set(items)


def table():
    return {"x": (0.1 * 10, None), "y": {2}}
'''


def test_a_right_module_passes_under_real_pytest(tmp_path: Path) -> None:
    read = read_examples(REQUIREMENT)
    assert read.left_out == ()
    assert outcomes(tmp_path, REQUIREMENT, {"numbers_.py": NUMBERS}) == ["passed"] * len(read.run)
    assert len(read.run) == 12


def test_a_wrong_module_fails_under_real_pytest(tmp_path: Path) -> None:
    wrong = (
        NUMBERS.replace("x * x if", "x * x + 1 if")
        .replace("x + 1", "0")
        .replace("[x / 2", "[x / 3")
        .replace("/ 3\n", "/ 4\n")
    )
    wrong = (
        wrong.replace("text.split()", "[]")
        .replace("raise Insuff", "raise ValueError('') or Insuff")
        .replace("return self", "return None")
    )
    wrong = (
        wrong.replace("set(items)", "items")
        .replace("10, None", "11, None")
        .replace("self.items = []", "self.items = [0]")
    )
    assert set(outcomes(tmp_path, REQUIREMENT, {"numbers_.py": wrong})) == {"failure"}


def test_names_come_from_the_file_that_defines_them(tmp_path: Path) -> None:
    modules = {
        "src/pkg/__init__.py": "",
        "src/pkg/zeta.py": "def f(x):\n    return x + 1\n",
        "src/pkg/alpha.py": "from pkg.zeta import f as g\ndef f(x):\n    return 0\n",
        "broken.py": "import no_such_module_anywhere\nh = 1\n",
        "my-script.py": "def k():\n    return 7\n",
    }
    assert outcomes(tmp_path, "f(1) == 2\ng(1) == 2\nk() == 7\nh() == 1\nmissing(1) == 1", modules, (".", "src")) == [
        "passed", "passed", "passed", "failure", "failure",
    ]  # fmt: skip


def test_odd_values_do_not_break_the_report(tmp_path: Path) -> None:
    module = (
        "class Odd:\n    def __repr__(self): raise RuntimeError\n    def __eq__(self, other): raise RuntimeError\n"
        "def odd(): return Odd()\ndef big(): return 'x' * 10_000_000\ndef exits(): raise SystemExit(0)\n"
        "async def later(): return 4\n"
    )
    requirement = "odd() == 1\nbig() == 1\nlater() == 4\nexits() raises SystemExit"
    assert outcomes(tmp_path, requirement, {"m.py": module}) == ["failure"] * 3 + ["passed"]


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    requirement = 'f(\'\\n\\n    import os\\n"""\') == \'"""\\\'; assert 0\'\n- f("{x}") == "{y}"\n'
    module = "def f(x):\n    return '{y}' if x == '{x}' else '\"\"\"\\'; assert 0'\n"
    assert outcomes(tmp_path, requirement, {"m.py": module}) == ["passed", "passed"]
    assert json.dumps([example.text for example in read_examples(requirement).run])
