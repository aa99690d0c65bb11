"""Definitions come into their place in every shape that models return them in, and nothing else moves."""

from __future__ import annotations

import ast

import pytest

from codeteam.domain.source import Span
from codeteam.team.placing import put_below, put_over
from codeteam.team.python_code import definitions
from codeteam.workspace.definitions import enclosing

DOCUMENT = '''\
#!/usr/bin/env python3
"""A module."""

from __future__ import annotations

import os
from typing import (
    Any,
)

LIMIT = 3


# About stacks.
class Stack:
    """A stack."""

    size = 0

    def push(self, item: Any) -> None:
        """Add."""
        raise NotImplementedError

    @property
    def top(self) -> Any:
        ...

    def other(self) -> int:
        return LIMIT


def outer():
    def inner():
        pass

    return inner


@decorated(
    1
)
async def last() -> None:
    pass


if __name__ == "__main__":
    print(os.name)
'''


def place_of(document: str, at: str) -> Span:
    line = next(number for number, line in enumerate(document.split("\n"), 1) if at in line)
    found = enclosing("x.py", document, Span(line, line))
    assert found
    return found


def over(at: str, block: str, document: str = DOCUMENT) -> str:
    result = put_over(document, place_of(document, at), block)
    ast.parse(result)
    return result


def expected(old: str, new: str, document: str = DOCUMENT) -> str:
    assert document.count(old) == 1
    return document.replace(old, new)


PUSH_OLD = '''\
    def push(self, item: Any) -> None:
        """Add."""
        raise NotImplementedError
'''
PUSH_NEW = '''\
    def push(self, item: Any) -> None:
        """Add.

        At the end.
        """
        self.items.append(item)

        self.size += 1
'''


@pytest.mark.parametrize(
    "block",
    [
        PUSH_NEW,
        "\n\n" + PUSH_NEW + "\n\n\n",
        PUSH_NEW.rstrip("\n"),
        "".join(line[4:] or "\n" for line in PUSH_NEW.splitlines(keepends=True)),
        "".join(line and "    " + line if line.strip() else line for line in PUSH_NEW.splitlines(keepends=True)),
        PUSH_NEW.replace("    ", "\t"),
        PUSH_NEW.replace("    ", "  "),
        "class Stack:\n" + PUSH_NEW,
        'class Stack:\n    """A stack."""\n\n    size = 0\n\n' + PUSH_NEW,
        "class Stack:\n"
        + PUSH_NEW
        + "\n    def other(self) -> int:\n        ...\n\n    @property\n    def top(self): pass\n",
        "import os\nfrom typing import Any\n\nLIMIT = 3\n\n\nclass Stack:\n" + PUSH_NEW,
        '"""A module."""\n\nimport os\n\n\nclass Stack:\n'
        + PUSH_NEW
        + '\n\nif __name__ == "__main__":\n    print(1)\n',
    ],
    ids=range(12),
)
def test_a_method_in_every_shape(block: str) -> None:
    assert over("raise NotImpl", block) == expected(PUSH_OLD, PUSH_NEW)


def test_helpers_of_a_method_go_where_they_can_be_called() -> None:
    block = (
        "import re\nfrom typing import Any, Iterable\n\n_WORD = re.compile('x')\n\n\n"
        "def clean(item):\n    return item\n\n\nclass Stack:\n"
        + PUSH_NEW
        + "\n    def _grow(self):\n        return 1\n\n    @staticmethod\n    def _none():\n        return None\n"
    )
    result = over("raise NotImpl", block)
    assert definitions(result) == definitions(DOCUMENT) | {"clean", "Stack._grow", "Stack._none"}
    assert result == expected(
        "# About stacks.\n", "_WORD = re.compile('x')\n\n\ndef clean(item):\n    return item\n\n\n# About stacks.\n"
    ).replace(
        PUSH_OLD,
        PUSH_NEW
        + "\n    def _grow(self):\n        return 1\n\n    @staticmethod\n    def _none():\n        return None\n",
    ).replace("    Any,\n)\n", "    Any,\n)\nimport re\nfrom typing import Iterable\n")


def test_a_bare_method_with_its_helpers() -> None:
    block = "def push(self, item):\n    self._grow()\n\n\ndef _grow(self):\n    clean()\n\n\ndef clean():\n    pass\n"
    assert definitions(over("raise NotImpl", block)) == definitions(DOCUMENT) | {"clean", "Stack._grow"}


def test_another_method_that_was_changed_is_changed_too() -> None:
    block = "class Stack:\n" + PUSH_NEW + "\n    def other(self) -> int:\n        return self.size\n"
    assert over("raise NotImpl", block) == expected(PUSH_OLD, PUSH_NEW).replace("return LIMIT", "return self.size")


def test_decorators_that_a_reply_forgets_stay() -> None:
    assert over("def top", "def top(self) -> Any:\n    return 1\n") == expected("        ...\n", "        return 1\n")
    assert over("def top", "@cached\ndef top(self) -> Any:\n    return 1\n") == expected(
        "    @property\n    def top(self) -> Any:\n        ...\n",
        "    @cached\n    def top(self) -> Any:\n        return 1\n",
    )
    assert over("def last", "# Why.\nasync def last() -> None:\n    return\n") == expected(
        "@decorated(\n    1\n)\nasync def last() -> None:\n    pass\n",
        "# Why.\n@decorated(\n    1\n)\nasync def last() -> None:\n    return\n",
    )
    bare = put_over(DOCUMENT, place_of(DOCUMENT, "def top"), "def top(self): ...\n", decorators=False)
    assert "@property" not in bare


def test_a_function_inside_of_a_function() -> None:
    new = expected("        pass\n\n    return inner\n", "        return 1\n\n    return inner\n")
    assert over("def inner", "def inner():\n    return 1\n") == new
    assert over("def inner", "def outer():\n    def inner():\n        return 1\n\n    return inner\n") == new


def test_a_function_at_the_top_with_what_it_needs() -> None:
    block = (
        "from __future__ import annotations\n\nimport asyncio\nimport os\n\nWAIT = 1\nLIMIT = 3\n\n\n"
        "async def last() -> None:\n    await asyncio.sleep(WAIT)\n    late()\n\n\n"
        "def late():\n    pass\n\n\nprint(1)\n"
    )
    result = over("def last", block)
    assert result == expected("    Any,\n)\n", "    Any,\n)\nimport asyncio\n").replace(
        "@decorated(", "WAIT = 1\n\n\n@decorated("
    ).replace(
        "async def last() -> None:\n    pass\n",
        "async def last() -> None:\n    await asyncio.sleep(WAIT)\n    late()\n\n\ndef late():\n    pass\n",
    ) + "\n\nprint(1)\n"  # fmt: skip


def test_a_class_in_its_place() -> None:
    result = over("size = 0", "class Stack:\n    size = 1\n")
    assert result.count("class Stack") == 1
    assert '"""A stack."""' not in result


@pytest.mark.parametrize(
    ("document", "block", "result"),
    [
        ("def f(): ...\n", "import re\n\ndef f():\n    return re\n", "import re\n\n\ndef f():\n    return re\n"),
        ("# c\ndef f(): ...\n", "import re\n\ndef f(): pass\n", "import re\n\n\n# c\ndef f(): pass\n"),
        ("# c\n\ndef f(): ...\n", "import re\n\ndef f(): pass\n", "# c\n\nimport re\n\ndef f(): pass\n"),
        ('"""D."""\n\n\ndef f(): ...\n', "import re\ndef f(): pass\n", '"""D."""\n\nimport re\n\n\ndef f(): pass\n'),
        ("#!x\nimport a\ndef f(): ...\n", "import re\ndef f(): pass\n", "#!x\nimport a\nimport re\ndef f(): pass\n"),
        ('"""D."""\nimport a\ndef f(): ...\n', "from __future__ import annotations\ndef f(): pass\n",
         '"""D."""\nfrom __future__ import annotations\nimport a\ndef f(): pass\n'),
        ("import a\ndef f(): ...", "import a\ndef f(): pass", "import a\ndef f(): pass\n"),
        ("from a import b\ndef f(): ...\n", "from a import b, c\ndef f(): pass\n",
         "from a import b\nfrom a import c\ndef f(): pass\n"),
        ("import a\ndef f(): ...\n", "import a as b\ndef f(): pass\n", "import a\nimport a as b\ndef f(): pass\n"),
        ("def f(): ...\ndef g():\n    import a\n", "import a\ndef f(): pass\n",
         "import a\n\n\ndef f(): pass\ndef g():\n    import a\n"),
    ],
    ids=range(10),
)  # fmt: skip
def test_imports_go_to_the_others(document: str, block: str, result: str) -> None:
    assert over("def f", block, document) == result


def test_a_document_that_does_not_parse() -> None:
    document = "import os\nx = (\nclass A:\n    def f(self):\n        pass\n"
    assert put_over(document, Span(4, 5), "import re\n\ndef f(self):\n    return re\n") == (
        "import re\nimport os\nx = (\nclass A:\n    def f(self):\n        return re\n"
    )


def test_a_block_that_does_not_parse_stays_whole() -> None:
    result = put_over("def f():\n    pass\nx = 1\n", Span(1, 2), "def f(:\n    retur\n")
    assert result == "def f(:\n    retur\nx = 1\n"


def test_a_tab_file_stays_one() -> None:
    document = "class A:\n\tdef f(self):\n\t\tpass\n\n\tdef g(self):\n\t\treturn 1\n"
    block = "def f(self):\n    if 1:\n        return '''\n    x'''\n"
    assert over("def f", block, document) == document.replace("\t\tpass\n", "\t\tif 1:\n\t\t\treturn '''\n    x'''\n")


BELOW = """\
import os


def f():
    x = 1
    # TODO: double it

    return x


# TODO: a function g
# that adds

class A:
    # TODO: a method
    y = 1
    if y:
"""


@pytest.mark.parametrize(
    ("line", "block", "result"),
    [
        (6, "x = 2 * x\n", BELOW.replace("double it\n", "double it\n    x = 2 * x\n")),
        (7, "x = 2 * x\n", BELOW.replace("double it\n\n", "double it\n\n    x = 2 * x\n")),
        (12, "def g():\n    return 1\n", BELOW.replace("that adds\n", "that adds\ndef g():\n    return 1\n")),
        (12, "import re\n\n\ndef g():\n    return re\n",
         BELOW.replace("adds\n", "adds\ndef g():\n    return re\n").replace("import os\n", "import os\nimport re\n")),
        (15, "def m(self):\n    return 1\n",
         BELOW.replace("a method\n", "a method\n    def m(self):\n        return 1\n\n")),
        (15, "    def m(self):\n        return 1\n",
         BELOW.replace("a method\n", "a method\n    def m(self):\n        return 1\n\n")),
        (17, "z = 1\n", BELOW + "        z = 1\n"),
        (0, "def z():\n    return\n", BELOW + "\n\ndef z():\n    return\n"),
    ],
    ids=range(8),
)  # fmt: skip
def test_code_goes_below_a_comment_and_the_comment_stays(line: int, block: str, result: str) -> None:
    document = f"{BELOW}        pass\n" if line != 17 else BELOW
    assert put_below(document, line, block).replace("        pass\n", "") == result.replace("        pass\n", "")


def test_below_a_comment_that_is_all_there_is() -> None:
    assert put_below("# TODO: f\n", 1, "import re\n\n\ndef f():\n    return re\n") == (
        "import re\n\n\n# TODO: f\ndef f():\n    return re\n"
    )
    assert put_below("# TODO: f", 1, "def f(): ...") == "# TODO: f\ndef f(): ...\n"
