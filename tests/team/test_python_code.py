"""What is known of Python without running it: interfaces, stubs, definitions, tests, import roots."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.team import python_code

MODULE = '''\
"""Queues."""

from __future__ import annotations

import enum
from dataclasses import dataclass

LIMIT = 10
TABLE = {key: SECRET for key in range(3)}
compute = lambda x: x + SECRET
if LIMIT:
    import json
    def chosen(): return SECRET
else:
    def chosen(): return 1
for number in range(3):
    SECRET = number


@dataclass(frozen=True)
class Item:
    """An item."""

    name: str
    size: int = 1
    kind = SECRET if LIMIT else 2

    @property
    def label(self) -> str:
        """For people."""
        # SECRET
        return SECRET

    class Inner:
        def deep(self, x=lambda: SECRET, *, y=[SECRET for _ in ()]) -> None:
            SECRET


@wraps(lambda: SECRET)
async def put(item: Item, *, wait: float = 0.5) -> bool:
    """Add an item."""
    def inner():
        """SECRET"""
    return SECRET


def bare(x): return SECRET


if __name__ == "__main__":
    print(SECRET)
'''


def test_signatures_show_the_interface_and_no_body() -> None:
    shown = python_code.signatures(MODULE)
    ast.parse(shown)
    assert "SECRET" not in shown
    for line in (
        '"""Queues."""',
        "LIMIT = 10",
        "from dataclasses import dataclass",
        "@dataclass(frozen=True)",
        '"""For people."""',
        "size: int = 1",
        "async def put(item: Item, *, wait: float=0.5) -> bool:",
        "def deep(self, x=..., *, y=...) -> None:",
    ):
        assert line in shown


_PIECES = [
    "def f(x):", "class A:", "async def g():", "if x:", "for i in x:", "with x as y:", "try:", "else:", "except E:",
    "while x:", "match x:", "lambda: SECRET", "SECRET", "return SECRET", "@d", "x = SECRET()", "'''doc'''", "pass",
]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=14), st.data())
def test_no_body_shows_whatever_the_code(lines: list[str], data: st.DataObject) -> None:
    depths = [data.draw(st.integers(0, 3)) for _ in lines]
    text = "".join(f"{'    ' * depth}{line}\n" for depth, line in zip(depths, lines, strict=True))
    wrapped = f"def outer():\n    SECRET\n{''.join(f'    {line}' for line in text.splitlines(keepends=True))}"
    assert "SECRET" not in python_code.signatures(wrapped)
    assert "SECRET" not in python_code.rough_signatures(f"def h(a, b=1) -> int: return SECRET\n{text}(((")


def test_rough_signatures_of_what_does_not_parse() -> None:
    rough = python_code.rough_signatures(
        "class A(B):\n    def f(self,\n          x: int) -> int\n"
        "    def g(self): return SECRET\nasync def h() -> None\n"
    )
    assert rough == (
        "class A(B): ...\n    def f(self,\n          x: int) -> int: ...\n"
        "    def g(self): ...\nasync def h() -> None: ...\n"
    )
    assert python_code.rough_signatures("def f(x): return SECRET") == "def f(x):\n    ...\n"


def run(folder: Path, script: str, **modules: str) -> subprocess.CompletedProcess[str]:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


STUBBED = '''\
"""Everything that may run while a module loads."""
import enum, functools
from dataclasses import dataclass, field
from typing import NamedTuple

def decorate(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner

@decorate
def double(x):
    """Twice."""
    return 2 * x

def table():
    return {n: double(n) for n in sorted(range(3), key=lambda n: -n)}

class Meta(type):
    def __new__(cls, *args):
        return super().__new__(cls, *args)

class Base(metaclass=Meta):
    def __init_subclass__(cls):
        cls.seen = True
    @classmethod
    def make(cls):
        return cls()
    async def wait(self):
        return 1
    def each(self):
        yield 1

class Child(Base):
    pass

@dataclass(frozen=True, slots=True)
class Point:
    x: int
    tags: list[str] = field(default_factory=list)

class Pair(NamedTuple):
    left: int
    right: int

class Colour(enum.Enum):
    RED = 1

class Wrong(ValueError):
    pass

TABLE = table()
ORIGIN = Point(0)
CHILD = Child()
triple = lambda x: 3 * x
'''


@pytest.mark.parametrize(
    "call",
    ["double(2)", "table()", "Point(1)", "Pair(1, 2)", "Child()", "Base.make()", "triple(1)", "list(CHILD.each())",
     "asyncio.run(CHILD.wait())", "decorate(print)"],
)  # fmt: skip
def test_everything_of_a_stub_refuses(tmp_path: Path, call: str) -> None:
    original = run(tmp_path, f"import asyncio\nfrom m import *\n{call}", m=STUBBED)
    assert original.returncode == 0, original.stderr
    refused = run(tmp_path, f"import asyncio\nfrom m import *\n{call}", m=python_code.stub(STUBBED))
    assert refused.stderr.strip().endswith("NotImplementedError")


@pytest.mark.parametrize(
    "module",
    [
        "def f(): return 'ä'; return 1\n",
        'def f(): "documented"\n',
        'def f():\n    """documented"""\n    # and no more',
        'def f():\n    """documented"""\n    for n in range(3):\n        return n\n',
        "def f():\n\tif True: return 1\n",
        "def f():\r\n    with open(__file__):\r\n        return 1\r\n",
        "def f():\n    @staticmethod\n    def g(): return 1\n    return g\n",
        "def f():\n    match 1:\n        case _: return 1\n",
        "def f(): \\\n    return 1\n",
        "def f(): ä = (lambda: lambda: 1); return ä\n",
        "def g(): ...\nä, f = 1, (lambda: (yield))\nf = lambda: (1, 2)\n",
        "class A: ...\nf = lambda x=lambda: 1: x if x else 2\n",
        'def f(): return f"{(lambda n: n)(1)}"\n',
        "\ufeff'A module.'\nfrom __future__ import annotations\nasync def g(): await g()\nf = lambda: g\n",
    ],
)
def test_a_stub_is_of_any_layout(tmp_path: Path, module: str) -> None:
    assert run(tmp_path, "import m\nm.f()", m=module).returncode == 0
    assert run(tmp_path, "import m", m=python_code.stub(module)).returncode == 0
    refused = run(tmp_path, "import m\nm.f()", m=python_code.stub(module))
    assert refused.stderr.strip().endswith("NotImplementedError")


def test_a_stub_loads_as_the_module_does(tmp_path: Path) -> None:
    loaded = run(
        tmp_path,
        "import m\nassert m.TABLE == {0: 0, 1: 2, 2: 4} and m.Colour.RED.value == 1\nassert str(m.Wrong('x')) == 'x'",
        m=python_code.stub(STUBBED),
    )
    assert loaded.returncode == 0, loaded.stderr


@pytest.mark.parametrize(
    ("module", "check"),
    [
        ("LIMIT = 5\n", "assert m.LIMIT == 5"),
        ("A, (B, *C) = 1, (2, 3)\n", "assert m.C == [3]"),
        ("import enum\nclass Colour(enum.Enum):\n    RED = 1\n", "assert m.Colour.RED.value == 1"),
        ("class Wrong(ValueError):\n    code = 4\n", "assert m.Wrong.code == 4"),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int = 3\n", "assert m.P().x == 3"),
    ],
)
def test_a_module_without_functions_can_fail_too(tmp_path: Path, module: str, check: str) -> None:
    assert run(tmp_path, f"import m\n{check}", m=module).returncode == 0
    assert run(tmp_path, "import m", m=python_code.stub(module)).returncode == 0
    assert run(tmp_path, f"import m\n{check}", m=python_code.stub(module)).returncode != 0


def test_names_of_tests_are_those_that_pytest_collects(tmp_path: Path) -> None:
    text = (
        "import pytest, unittest\n"
        "def test_a(): pass\n"
        "async def test_b(): pass\n"
        "@pytest.fixture\ndef test_client(): return 1\n"
        "@pytest.fixture(scope='module')\ndef test_db(): return 1\n"
        "def helper():\n    def test_inner(): pass\n"
        "class TestC:\n    def test_d(self): pass\n    def setup_method(self): pass\n"
        "    class TestE:\n        def test_f(self): pass\n"
        "class Helper:\n    def test_g(self): pass\n"
        "class TestWithInit:\n    def __init__(self): pass\n    def test_h(self): pass\n"
        "class Case(unittest.TestCase):\n    def test_i(self): pass\n"
        "if True:\n    def test_j(): pass\n"
        "@pytest.mark.parametrize('x', ['a::b', '[c]'])\ndef test_k(x): pass\n"
    )
    (tmp_path / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "test_it.py"],
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    ids = [line.partition("::")[2] for line in done.stdout.splitlines() if line.startswith("test_it.py::")]
    assert python_code.names_of_tests(text) == {name.partition("[")[0].rpartition("::")[2] for name in ids}
    assert python_code.names_of_tests("def test_(") == frozenset()


def test_definitions_and_their_lines() -> None:
    text = (
        "class A:\n    class B:\n        def f(self): ...\n    def f(self): ...\n"
        "if x:\n    def g(): ...\ntry:\n    pass\nexcept E:\n    def h(): ...\n"
    )
    assert python_code.definition_lines(text) == {"A": 1, "A.B": 2, "A.B.f": 3, "A.f": 4, "g": 6, "h": 10}
    assert python_code.definitions("def (") == frozenset()


def test_top_level_names() -> None:
    assert python_code.top_level_names("a = b = 1\nc, (d, *e) = x\nf: int = 1\nclass G: h = 1\nif x:\n    i = 1\n") == {
        "a", "b", "c", "d", "e", "f", "G", "i",
    }  # fmt: skip


def test_undocumented() -> None:
    text = (
        "def f(): ...\ndef _g(): ...\nclass A:\n    def m(self): ...\n    def __init__(self): ...\n    class _B:\n"
        "        def n(self): ...\n    @m.setter\n    def m(self, x): ...\n    @typing.overload\n    def o(self): ...\n"
    )
    assert python_code.undocumented(text) == ("the module", "f", "A", "A.m")
    assert python_code.undocumented(text, before="def f(): ...") == ("A", "A.m")
    assert python_code.undocumented("") == ()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def f(): pass", 'def f():\n    """Do."""', True),
        ("def f():\n    return 1 # x", 'def f():\n    """Do."""\n\n    return 1', True),
        ("class A:\n    x: int = 1", 'class A:\n    """A."""\n    x: int = 1\n    """An x."""', True),
        ("async def f(): return 1", 'async def f():\n    """X."""\n    return 1', True),
        ("def f(): return 1", "def f(): return 2", False),
        ("x = 'a'", "x = 'b'", False),
        ("def f(): return 1", "def f(:", False),
    ],
)
def test_same_but_docstrings(one: str, other: str, same: bool) -> None:
    assert python_code.same_but_docstrings(one, other) is same


def test_without_functions_leaves_source_that_parses() -> None:
    text = (
        "import pytest\n\nclass TestA:\n    @pytest.mark.x(\n        1)\n    def test_a(self):\n        pass\n"
        "\nclass TestB:\n    def test_a(self): pass\n    def test_b(self):\n        s = '''\nx'''\ndef test_a(): pass\n"
    ).replace("\n", "\r\n")
    left = python_code.without_functions(text, ["test_a"])
    assert python_code.names_of_tests(left) == {"test_b"}
    assert python_code.syntax_error(left) == ""
    assert "class TestA:\r\n    pass\n" in left
    assert python_code.without_functions("def test_(", ["test_"]) == "def test_("


@pytest.mark.parametrize(
    ("path", "roots", "name"),
    [
        ("a.py", (".",), "a"),
        ("pkg/a.py", (".",), "pkg.a"),
        ("pkg/__init__.py", (".",), "pkg"),
        ("src/pkg/a.py", (".", "src"), "pkg.a"),
        ("my-app/a.py", (".", "my-app"), "a"),
        ("my-app/a.py", (".",), ""),
        ("a-b.py", (".",), ""),
        ("Makefile", (".",), ""),
        ("data.json", (".",), ""),
    ],
)
def test_module_names(path: str, roots: tuple[str, ...], name: str) -> None:
    assert python_code.module_name(path, roots) == name


@pytest.mark.parametrize(
    ("paths", "roots"),
    [
        ((), (".",)),
        (("a.py",), (".",)),
        (("pkg/__init__.py", "pkg/a.py"), (".",)),
        (("src/pkg/__init__.py", "src/pkg/a.py"), (".", "src")),
        (("src/a.py",), (".", "src")),
        (("lib/pkg/__init__.py", "lib/pkg/sub/__init__.py", "lib/pkg/sub/a.py"), (".", "lib")),
        (("pkg/sub/a.py",), (".",)),
        (("my-app/a.py",), (".", "my-app")),
    ],
)
def test_import_roots(paths: tuple[str, ...], roots: tuple[str, ...]) -> None:
    assert python_code.import_roots(paths) == roots


HOSTILE = [
    "(" * 100_000,
    "x = " + "-" * 100_000 + "1",
    "x = " + "+".join(["1"] * 4_000),
    "x = a" + ".b" * 4_000,
    "x = a" + "()" * 4_000,
    "x = " + "[" * 90 + "]" * 90,
    "def f():\n    return " + "(" * 90 + "1" + ")" * 90,
    "".join(f"{' ' * depth}if x:\n" for depth in range(99)) + " " * 99 + "pass\n",
    "x = " + " if a else ".join(["1"] * 3_000),
    "@" + "f(" * 80 + ")" * 80 + "\ndef g(): ...",
    "def f(" + ", ".join(f"a{n}" for n in range(5_000)) + "): ...",
    "\0",
    "x = '\ud800'",
    "\ufeffx = 1",
    "x = 9" + "9" * 100_000,
    "match x:\n" + "    case 1: pass\n" * 5_000,
    "\x0c\ndef f():\n\x0c    pass\n",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_every_function_is_safe_on_hostile_source(text: str) -> None:
    start = time.process_time()
    python_code.parse(text)
    python_code.syntax_error(text)
    python_code.signatures(text)
    python_code.rough_signatures(text)
    python_code.stub(text)
    python_code.definitions(text)
    python_code.top_level_names(text)
    python_code.undocumented(text, before=text)
    python_code.same_but_docstrings(text, text)
    python_code.names_of_tests(text)
    python_code.without_functions(text, ["f"])
    assert time.process_time() - start < 20


def test_a_byte_order_mark_is_no_error() -> None:
    assert python_code.syntax_error("\ufeffx = 1\n") == ""
    assert python_code.top_level_names("\ufeffx = 1\n") == {"x"}


def test_a_long_module_is_quick() -> None:
    text = "".join(f"class C{n}:\n    def m(self, x):\n        return x + {n}\n\n\n" for n in range(2_000))
    start = time.process_time()
    assert len(python_code.undocumented(text, before=text.replace("C1", "D1"))) > 1_000
    assert len(python_code.definitions(text)) == 4_000
    assert python_code.signatures(text).count("...") == 2_000
    assert time.process_time() - start < 20


def test_a_forgotten_import_is_added_where_imports_stand() -> None:
    text = '"""Tests."""\n\nfrom a import b\n\n\ndef test_a():\n    with pytest.raises(ValueError):\n        b()\n'
    mended = python_code.with_import(text, "pytest")
    assert mended.startswith('"""Tests."""\n\nimport pytest\n\nfrom a import b\n')
    assert python_code.with_import(mended, "pytest") == mended
    future = "from __future__ import annotations\n\nX = pytest.mark.x\n"
    assert python_code.with_import(future, "pytest").startswith("from __future__ import annotations\n\nimport pytest\n")
    for same in ("x = 'pytest.raises'\n", "def f(:\n    pytest.x\n", "import pytest as p\nimport pytest\npytest.x\n"):
        assert python_code.with_import(same, "pytest") == same
