"""Replies become files of the task: whole ones, definitions in their place, code below its comment; and no others."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.source import SourceFile
from codeteam.domain.task import Intent, Task
from codeteam.team import splice
from codeteam.team.python_code import definitions
from codeteam.team.replies import Fence, MalformedReply
from codeteam.team.splice import OutOfScope, drafted_files, enclosing_names
from codeteam.team.visible import is_large
from tests.team.tasks import fence, plan_of, task_of

STUB = '''\
"""Money."""

import math

RATE = 0.25


def tax(price: float) -> float:
    """Tax of a price."""
    raise NotImplementedError


def gross(price: float) -> float:
    """With tax."""
    return price + tax(price)
'''
DONE = '''\
def tax(price: float) -> float:
    """Tax of a price."""
    return price * RATE
'''
RIGHT = STUB.replace("raise NotImplementedError", "return price * RATE")


def draft(task: Task, *blocks: Fence, plan: tuple[str, ...] = ("app.py",)) -> dict[str, str]:
    return {file.path: file.text for file in drafted_files(task, plan_of(*plan), blocks)}


def one(task: Task, text: str) -> str:
    (result,) = draft(task, fence("app.py", text)).values()
    return result


@pytest.mark.parametrize(
    "block", [RIGHT, DONE, "import math\n\n\n" + DONE, "RATE = 0.25\n\n\n" + DONE, RIGHT.rstrip("\n"), "\n\n" + DONE]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_whole_file_or_only_the_definition(block: str, end: str, mark: str) -> None:
    before = mark + STUB.replace("\n", end)
    assert one(task_of(before, at="raise"), block) == mark + RIGHT.replace("\n", end)


def test_a_definition_alone_does_not_become_the_file() -> None:
    text = "import os\n\nCONST = 1\n\n\ndef f():\n    ...\n"
    assert one(task_of(text, at="..."), "def f():\n    return CONST\n") == text.replace("...", "return CONST")
    text = "import os\n\n\ndef f():\n    ...\n"
    assert one(task_of(text, at="..."), "def f():\n    return os\n") == text.replace("...", "return os")
    text = "# Copyright\n\ndef f():\n    ...\n"
    assert one(task_of(text, at="..."), "def f():\n    return 1\n") == text.replace("...", "return 1")


def test_new_helpers_beside_a_whole_file_are_kept() -> None:
    whole = RIGHT.replace("def tax", "def helper() -> int:\n    return 1\n\n\ndef tax")
    assert one(task_of(STUB, at="raise"), whole) == whole


def test_unchanged_lines_keep_their_bytes() -> None:
    text = "a = 1  \r\nb = 2\n\x0c\ndef f():\r\n\treturn 1\r\n\ns = 'x\u2028y'"
    reply = "a = 1\nb = 2\n\ndef f():\n\treturn 2\n\ns = 'x\u2028y'\n"
    assert one(task_of(text), reply) == text.replace("return 1", "return 2")


def test_indentation_stays_tabs() -> None:
    text = "def f():\n\tif x:\n\t\treturn 1\n\n\ndef g():\n\treturn '''\n    x'''\n"
    reply = text.replace("\t", "    ").replace("return 1", "return 2")
    assert one(task_of(text), reply) == text.replace("return 1", "return 2")
    assert one(task_of(text, at="return 1"), "def f():\n    if x:\n        return 2\n") == text.replace(
        "return 1", "return 2"
    )


def test_trailing_blanks_go_when_that_is_asked() -> None:
    task = task_of("x = 1  \ny = 2\n", intent=Intent.FIX, complaints=("W291 Trailing whitespace",))
    assert one(task, "x = 1\ny = 2\n") == "x = 1\ny = 2\n"


def test_a_first_line_that_names_the_file_stays() -> None:
    text = "# app.py\nx = 1\n"
    assert one(task_of(text), "x = 2\nx = 1\n") == "# app.py\nx = 2\nx = 1\n"
    assert one(task_of(text), "# app.py\nx = 1\ny = 1\n") == "# app.py\nx = 1\ny = 1\n"


COMMENT = '''\
"""Numbers."""

VALUES = [1, 2, 3]

# TODO: a function that adds them


def other() -> int:
    return 1
'''


@pytest.mark.parametrize(
    "reply",
    ["def add() -> int:\n    return sum(VALUES)\n", "import math\n\n\ndef add() -> int:\n    return sum(VALUES)\n"],
)
def test_a_comment_gets_its_code_below_it(reply: str) -> None:
    result = one(task_of(COMMENT, at="TODO"), reply)
    assert "# TODO: a function that adds them\ndef add() -> int:\n    return sum(VALUES)\n" in result
    assert (
        result.replace("def add() -> int:\n    return sum(VALUES)\n", "").replace("import math\n", "").split()
        == COMMENT.split()
    )


def test_a_comment_that_is_all_there_is() -> None:
    assert (
        one(task_of("# TODO: fizz\n", at="TODO"), "def fizz():\n    return 1\n")
        == "# TODO: fizz\ndef fizz():\n    return 1\n"
    )
    whole = "# TODO: fizz\n\n\ndef fizz():\n    return 1\n"
    assert one(task_of("# TODO: fizz\n", at="TODO"), whole) == whole


def test_new_code_without_a_place_goes_to_the_end() -> None:
    assert (
        one(task_of(COMMENT), "def add() -> int:\n    return 1\n") == COMMENT + "\n\ndef add() -> int:\n    return 1\n"
    )


def large(kind: str) -> str:
    parts = [
        f"class C{n}:\n    def m(self, x: int) -> int:\n        return x + {n}\n\n    # TODO: double m{n}.\n"
        for n in range(2_000)
    ]
    text = "import os\n\n\n" + "\n\n".join(parts)
    return text.replace("\n", kind)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ten_thousand_lines(end: str) -> None:
    text = large(end)
    start = time.process_time()
    result = one(task_of(text, at="x + 1234"), "import re\n\n\ndef m(self, x: int) -> int:\n    return x * 2\n")
    assert result == text.replace("return x + 1234", "return x * 2").replace("import os", f"import os{end}import re")
    below = one(task_of(text, at="double m777."), "def doubled(self) -> int:\n    return 2\n")
    assert below == text.replace("m777.", f"m777.{end}    def doubled(self) -> int:{end}        return 2")
    assert time.process_time() - start < 30


def test_below_a_comment_in_a_long_file() -> None:
    text = (
        "".join(f"x{n} = {n}\n" for n in range(500))
        + "\n# TODO: sum\n\n"
        + "".join(f"y{n} = {n}\n" for n in range(500))
    )
    assert one(task_of(text, at="TODO"), "def total():\n    return x1 + x2\n") == text.replace(
        "# TODO: sum\n", "# TODO: sum\ndef total():\n    return x1 + x2\n"
    )
    inside = text.replace("# TODO", "if x1:\n    # TODO").replace("sum\n", "sum\n    pass\n")
    task = task_of(inside, at="TODO")
    assert one(task, "z = x1 + x2\n") == inside.replace("sum\n", "sum\n    z = x1 + x2\n")
    assert one(task, inside.replace("x477 = 477", "x477 = 8")) == inside.replace("x477 = 477", "x477 = 8")
    with pytest.raises(OutOfScope, match="line 8, which was not shown"):
        one(task, inside.replace("x7 = 7", "x7 = 8"))


def test_large_by_length_of_lines() -> None:
    assert is_large(task_of("x = '" + "a" * 50_000 + "'\n"))
    assert not is_large(task_of("x = 1\n" * 300))
    assert is_large(task_of("x = 1\n" * 301))
    assert not is_large(task_of())


@pytest.mark.parametrize(
    "block",
    ["def tax(price):\n    return 1\n\n\ndef gross(price):\n    return 1\n", RIGHT.replace("def gross", "def net")],
)
def test_what_is_lost_is_noticed(block: str) -> None:
    with pytest.raises(OutOfScope, match="no longer has"):
        one(task_of(STUB), block)


def test_what_may_go_may_go() -> None:
    whole = RIGHT.replace("RATE = 0.25\n\n\n", "").replace("RATE", "0.25")
    with pytest.raises(OutOfScope, match="no longer has RATE"):
        one(task_of(STUB), whole)
    assert one(task_of(STUB, requirement="Inline RATE."), whole) == whole
    assert one(task_of(STUB, intent=Intent.FIX, complaints=("RATE is never used",)), whole) == whole
    assert one(task_of(STUB, intent=Intent.REFACTOR, requirement="Simplify."), whole) == whole
    with pytest.raises(OutOfScope):
        one(task_of(STUB, requirement="Remove gross."), whole)


def test_names_that_the_enclosing_definition_defines() -> None:
    text = "class A:\n    @x\n    def f(self):\n        pass\n"
    assert enclosing_names(task_of(text, at="pass")) == {"f"}
    assert enclosing_names(task_of(text, at="class")) == {"A", "A.f"}
    assert enclosing_names(task_of(text)) == frozenset()


def test_code_left_out_is_malformed() -> None:
    with pytest.raises(MalformedReply, match="leaves code out"):
        one(task_of(STUB), STUB.replace("    raise NotImplementedError", "    # ... existing code ..."))
    own = STUB + "# ... existing code ...\n"
    assert one(task_of(own), own.replace("0.25", "0.3")) == own.replace("0.25", "0.3")
    assert draft(task_of(), fence("README.md", "... existing code ...\n"), plan=("README.md",))


def test_blocks_without_a_path() -> None:
    task = task_of()
    blocks = (fence("", "pip install x\n", "bash"), fence("", "x = 1\n"), fence("", "def f():\n    return 1\n"))
    assert draft(task, *blocks) == {"app.py": "def f():\n    return 1\n"}
    with pytest.raises(MalformedReply, match="needs its path"):
        draft(task, *blocks, plan=("a.py", "b.py"))
    assert draft(task_of(STUB, at="raise"), fence("", DONE), plan=("app.py", "b.py")) == {"app.py": RIGHT}
    with pytest.raises(MalformedReply, match="no fenced code block"):
        draft(task, fence("", "ls\n", "sh"))
    assert draft(task, fence("app.py", DONE), fence("", "print(tax(1))\n")) == {"app.py": DONE}


def test_files_that_are_not_python() -> None:
    plan = ("app.py", "data.json", "requirements.txt")
    files = draft(
        task_of(),
        fence("app.py", DONE),
        fence("data.json", "{}\n", "json"),
        fence("requirements.txt", "x\n", "text"),
        plan=plan,
    )
    assert set(files) == set(plan)
    assert set(draft(task_of(), fence("app.py", DONE), fence("app.py", "python app.py\n", "bash"))) == {"app.py"}
    assert draft(task_of(), fence("pkg/__init__.py", ""), fence("pkg/a.py", ""), fence("app.py", DONE)) == {
        "pkg/__init__.py": "", "app.py": DONE,
    }  # fmt: skip
    with pytest.raises(MalformedReply, match="patch"):
        draft(task_of(), fence("app.py", "-a\n+b\n", "diff"))


def test_several_blocks_for_one_path() -> None:
    again = DONE.replace("RATE", "2")
    usage = "from app import tax\n\nprint(tax(1))\n"
    more = DONE + "\n\ndef more():\n    return 1\n"
    assert draft(task_of(), fence("app.py", DONE), fence("app.py", DONE)) == {"app.py": DONE}
    assert draft(task_of(), fence("app.py", DONE), fence("./app.py", again)) == {"app.py": again}
    assert draft(task_of(), fence("app.py", DONE), fence("app.py", usage)) == {"app.py": DONE}
    assert draft(task_of(), fence("app.py", more), fence("app.py", again)) == {"app.py": more}
    with pytest.raises(MalformedReply, match="several different blocks"):
        draft(task_of(), fence("app.py", "def a(): ...\n"), fence("app.py", "def b(): ...\n"))
    with pytest.raises(MalformedReply, match="several different blocks"):
        draft(task_of(), fence("a.txt", "a\n"), fence("a.txt", "b\n"))


@pytest.mark.parametrize(
    "path",
    ["../x.py", "/etc/x.py", ".git/hooks/x", "old.py", "OLD.py", "pkg/Old.py", "pkg", "old.py/x.py", "test_new.py",
     "tests/conftest.py", "-x.py", "C:/x.py"],
)  # fmt: skip
def test_what_may_not_be_written(path: str) -> None:
    task = task_of(STUB, listing=("old.py", "pkg/old.py", "app.py"))
    with pytest.raises(OutOfScope):
        draft(task, fence(path, DONE))


def test_what_may_be_written() -> None:
    near = SourceFile("near.py", "def g(): ...\n")
    test = SourceFile("tests/test_old.py", "def test_g(): ...\n")
    task = task_of(STUB, neighbours=(near, test), listing=("near.py", "app.py", "tests/test_old.py"))
    blocks = [
        fence("near.py", "def g():\n    return 1\n"),
        fence("new/a.py", DONE),
    ]
    assert len(draft(task, *blocks)) == 2
    with pytest.raises(OutOfScope, match="the tester writes those"):
        draft(task, fence("tests/test_old.py", "def test_g():\n    assert 1\n"))
    with pytest.raises(OutOfScope, match="no longer has g"):
        draft(task, fence("near.py", "def h(): ...\n"))


def test_a_document_job_changes_its_document_alone() -> None:
    task = task_of(STUB, intent=Intent.DOCUMENT)
    with pytest.raises(OutOfScope, match="Only app"):
        draft(task, fence("new.py", DONE))


def test_a_requirement_in_markdown_stays() -> None:
    task = task_of("# A queue\n\nWrite it.\n", path="docs/queue.md")
    with pytest.raises(OutOfScope, match="is the requirement"):
        draft(task, fence("docs/queue.md", "x\n", "markdown"), plan=("queue.py",))
    assert draft(task, fence("queue.py", DONE), plan=("queue.py",)) == {"queue.py": DONE}


@given(st.text(alphabet="./\\ abAB~:-_\u202e\uff0e\n", max_size=12))
def test_no_path_leads_out(path: str) -> None:
    try:
        files = draft(task_of(), fence(path, DONE))
    except (OutOfScope, MalformedReply):
        return
    assert all(".." not in name.split("/") and not name.startswith(("/", ".", "~")) for name in files)


def written(task: Task, *blocks: Fence) -> dict[str, str]:
    return {file.path: file.text for file in splice.tester_files(task, plan_of("slug.py"), blocks)}


TEST = "def test_tax():\n    assert tax(1) == 0.25\n"


@pytest.mark.parametrize(
    ("path", "folder", "listing", "there"),
    [
        ("tests/test_tax.py", "tests", (), "tests/test_tax.py"),
        ("test_tax.py", "tests", (), "tests/test_tax.py"),
        ("tests/unit/test_tax.py", "tests", (), "tests/unit/test_tax.py"),
        ("src/pkg/test_tax.py", "tests", (), "tests/test_tax.py"),
        ("tests/tax.py", "tests", (), "tests/test_tax.py"),
        ("tests/tax_test.py", "tests", (), "tests/tax_test.py"),
        ("", "tests", (), "tests/test_generated.py"),
        ("tests/test_tax.py", "tests", ("tests/test_tax.py",), "tests/test_tax_2.py"),
        ("tests/test_tax.py", "tests", ("tests/TEST_tax.py", "tests/test_tax_2.py"), "tests/test_tax_3.py"),
        ("tests/test_tax.py", "tests", ("tests/old/test_tax.py",), "tests/test_tax_2.py"),
        ("test_tax.py", "", (), "test_tax.py"),
        ("tests/test_tax.py", "src/pkg/tests", (), "src/pkg/tests/test_tax.py"),
        ("tests\\test_tax.py", "tests", (), "tests/test_tax.py"),
    ],
)
def test_tests_go_where_the_project_keeps_them(path: str, folder: str, listing: tuple[str, ...], there: str) -> None:
    assert written(task_of(tests_folder=folder, listing=listing), fence(path, TEST)) == {there: TEST}


def test_beside_the_code() -> None:
    assert set(written(task_of(STUB, path="src/app.py", tests_folder=""), fence("x/test_app.py", TEST))) == {
        "src/test_app.py"
    }


def test_only_tests_are_taken_from_the_tester() -> None:
    files = written(
        task_of(),
        fence("", "pytest -q\n", "bash"),
        fence("app.py", DONE),
        fence("tests/conftest.py", "import pytest\n"),
        fence("tests/test_a.py", TEST),
        fence("", "x = 1\n"),
        fence("tests/data.csv", "a,b\n", "csv"),
    )
    assert set(files) == {"tests/conftest.py", "tests/test_a.py"}


def test_several_blocks_of_tests() -> None:
    other = TEST.replace("test_tax", "test_more")
    better = TEST.replace("0.25", "0.3")
    assert written(task_of(), fence("tests/test_a.py", TEST), fence("tests/test_a.py", better)) == {
        "tests/test_a.py": better
    }
    assert written(task_of(), fence("tests/test_a.py", TEST), fence("x/test_a.py", other)) == {
        "tests/test_a.py": TEST, "tests/test_a_2.py": other,
    }  # fmt: skip


def test_replies_of_the_tester_that_are_refused() -> None:
    for blocks, said in (
        ((), "no test function"),
        ((fence("tests/test_a.py", "x = 1\n"),), "no test function"),
        ((fence("tests/test_a.py", "def test_(:\n"),), "does not parse"),
        ((fence("tests/conftest.py", "import pytest\n"),), "no test function"),
    ):
        with pytest.raises(MalformedReply, match=said):
            written(task_of(), *blocks)
    with pytest.raises(MalformedReply, match="exists"):
        written(task_of(listing=("tests/conftest.py",)), fence("tests/conftest.py", "x = 1\n"), fence("t.py", TEST))
    with pytest.raises(OutOfScope):
        written(task_of(), fence("../test_a.py", TEST))


_BODIES = st.sampled_from(
    ["return 1", "x = '''\n  a\n'''\n    return x", "if 1:\n        return 2", "pass", '"""D."""']
)


@given(
    st.lists(_BODIES, min_size=1, max_size=5),
    st.integers(0, 4),
    _BODIES,
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_only_the_definition_that_was_asked_for_changes(
    bodies: list[str], which: int, new: str, klass: bool, end: str
) -> None:
    which %= len(bodies)
    functions = [f"def f{n}(self):  # {n}\n    {body}\n" for n, body in enumerate(bodies)]
    done = [f"def f{n}(self):  # {n}\n    {new if n == which else body}\n" for n, body in enumerate(bodies)]

    def built(parts: list[str]) -> str:
        if not klass:
            return "import os\nX = 1\n\n" + "\n\n".join(parts)
        lines = "\n\n".join(parts).replace("\n    ", "\n        ").replace("\ndef", "\n    def")
        return "import os\nX = 1\n\nclass A:\n    " + lines

    before, after = built(functions).replace("\n", end), built(done).replace("\n", end)
    task = task_of(before, at=f"# {which}")
    block = done[which] if not klass else built([done[which]]).partition("class A:\n")[2]
    result = one(task, block)
    assert result == after
    assert definitions(result) == definitions(before)
