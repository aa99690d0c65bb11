"""The same failure is known again whatever its accidents, and another one is not taken for it."""

from __future__ import annotations

import time

import pytest

from codeteam.domain.artifacts import Draft, Feedback
from codeteam.domain.source import SourceFile
from codeteam.team.stall import Progress, draft_hash, signature

BLOCK = """\
tests.test_a::test_f failed:
x          = 5
seen       = {'b': 2, 'a': 1}

    def test_f():
>       assert f(2) == {'a': 1, 'b': {3, 4}}
E       AssertionError: assert {'a': 1} == {'a': 1, 'b': {3, 4}}
E         Left: <a.B object at 0x7f3a5c0d1e10>

tests/test_a.py:12: AssertionError"""

TRACE = 'Traceback (most recent call last):\n  File "/elsewhere/a.py", '


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<a.B object at 0x7f3a5c0d1e10>", "<a.B object at 0x7f3a5c0d1e55>"),
        ('File "a.py", line 3, in f', 'File "a.py", line 44, in f'),
        ("tests/test_a.py:12: AssertionError", "tests/test_a.py:99: AssertionError"),
        ("a.py:1:2: F401 unused", "a.py:3:14: F401 unused"),
        ("<string>:3: error", "<string>:4: error"),
        ("1 failed in 0.12s", "1 failed in 1.30s"),
        ("1 failed in 2 s", "1 failed in 3 s"),
        ("took 1.5 ms", "took 22.5 ms"),
        ("/tmp/job-1/a.py is wrong", "/tmp/job-22/a.py is wrong"),
        ("cannot open '/tmp/tmpab12cd34/x'", "cannot open '/tmp/tmpzz99yy88/y'"),
        ("/private/var/folders/x1/T/a.py", "/private/var/folders/y2/T/a.py"),
        ("C:\\Users\\a\\AppData\\Local\\Temp\\x1\\a.py", "C:\\Users\\b\\AppData\\Local\\Temp\\y2\\a.py"),
        ("in pytest-of-x/pytest-3/t", "in pytest-of-x/pytest-44/t"),
        ("2026-01-01 10:00:00,123 ERROR x", "2026-02-03 11:12:13,999 ERROR x"),
        ("at 2026-01-01T10:00:00.123456+00:00", "at 2026-01-01T10:00:09.999999+00:00"),
        ("id 3f2b8c1e-1234-4abc-8def-0123456789ab", "id 9f2b8c1e-9999-4abc-8def-0123456789ff"),
        ("<Thing id=140234567890123>", "<Thing id=140999999999999>"),
        ("connect 127.0.0.1:43211 refused", "connect 127.0.0.1:50000 refused"),
        ("on port 43211", "on port 50000"),
        ("<Task-3> failed", "<Task-17> failed"),
        ("pid 12 died", "pid 345 died"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("{'b': 1, 'a': {3, 2}} is wrong", "{'a': {2, 3}, 'b': 1} is wrong"),
        ("a  b\n\n c", "a b\nc"),
        (
            BLOCK,
            BLOCK.replace("0x7f3a5c0d1e10", "0x7f3a5c0d1eff")
            .replace(":12:", ":31:")
            .replace("x          = 5", "x          = 6"),
        ),
        (BLOCK, BLOCK.replace("    def test_f():\n", "    def test_f():\n        y = 1\n")),
        (
            f"{TRACE}line 3, in f\n    return g(x)\n           ^^^^\nValueError: bad",
            f"{TRACE}line 9, in f\n    y = g(x)  # now\nValueError: bad",
        ),
    ],
)
def test_the_same_failure(one: str, other: str) -> None:
    assert signature("tests", one) == signature("tests", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("assert 1 == 2", "assert 2 == 1"),
        ("assert 1 == 2", "assert 1 == 3"),
        ("assert '90s' == '5s'", "assert '90s' == '6s'"),
        ("assert '1.5s' == '2.5s'", "assert '1.5s' == '3.5s'"),
        ("assert '12:30' == '12:31'", "assert '12:30' == '12:32'"),
        ("assert '2026-01-01' == '2026-01-02'", "assert '2026-01-01' == '2026-01-03'"),
        ("assert '2026-01-01T00:00:00' == 1", "assert '2026-01-02T00:00:00' == 1"),
        ("assert {'a': 1} == {'a': 2}", "assert {'a': 1} == {'a': 3}"),
        ("assert {'a': 1} == {'b': 1}", "assert {'b': 1} == {'a': 1}"),
        ("KeyError: 'a'", "KeyError: 'b'"),
        ("KeyError: 'a'", "IndexError: 'a'"),
        ("status 404", "status 500"),
        ("got 0xff", "got 0xfe"),
        ("3 failed, 2 passed in 0.1s", "2 failed, 3 passed in 0.1s"),
        ("tests.test_a::test_f failed: E", "tests.test_a::test_g failed: E"),
        ("a.py: unused (F401)", "b.py: unused (F401)"),
        ("/tmp/x/a.py is wrong", "/tmp/x/b.py is wrong"),
        ("[1, 2]", "[2, 1]"),
        (BLOCK, BLOCK.replace("assert {'a': 1} ==", "assert {'a': 7} ==")),
        (BLOCK, BLOCK.replace("test_f", "test_g")),
        ("invalid literal for int() with base 10: 'x:5'", "invalid literal for int() with base 10: 'x:6'"),
    ],
)
def test_another_failure(one: str, other: str) -> None:
    assert signature("tests", one) != signature("tests", other)


def test_the_gate_counts() -> None:
    assert signature("run", "x") != signature("tests", "x")


@pytest.mark.parametrize(
    "text",
    [
        "{" * 100_000,
        "{}" * 50_000,
        "{" + "a, " * 50_000 + "}",
        "/tmp/" * 30_000,
        " " * 100_000,
        "0x" * 50_000,
        "1" * 100_000,
        "1.1" * 40_000,
        "E \n" * 40_000,
        "\x1b[" * 50_000,
        "a:1" * 40_000,
        "2026-01-01 10:00:00" * 6_000,
        "\ud800",
        "C:\\" * 30_000,
    ],
    ids=range(14),
)
def test_it_is_quick(text: str) -> None:
    start = time.process_time()
    signature("run", text)
    assert time.process_time() - start < 10


def draft(text: str, path: str = "a.py") -> Draft:
    return Draft(1, (SourceFile(path, text),))


def test_drafts_are_compared_by_what_they_write() -> None:
    assert draft_hash(draft("x = 1  \n\n")) == draft_hash(draft("x = 1"))
    assert draft_hash(draft("x = 1\r\ny = 2\r\n")) == draft_hash(draft("x = 1\ny = 2\n"))
    assert draft_hash(draft("x = 1")) != draft_hash(draft("x = 2"))
    assert draft_hash(draft("x = 1")) != draft_hash(draft("x = 1", "b.py"))
    both = (SourceFile("a.py", "1"), SourceFile("b.py", "2"))
    assert draft_hash(Draft(1, both)) == draft_hash(Draft(7, both[::-1], "other words"))


def back(text: str) -> Feedback:
    return Feedback("tests", text, signature("tests", text))


def test_the_same_failure_twice_in_a_row() -> None:
    progress = Progress()
    assert progress.stuck(draft("1"), back("a")) == ""
    assert "twice in a row" in progress.stuck(draft("2"), back("a"))
    assert progress.stalls == 1
    assert progress.stuck(draft("3"), back("b")) == ""
    assert progress.stuck(draft("4"), back("a")) == ""


def test_the_third_time_ends_it() -> None:
    progress = Progress()
    for number in range(3):
        reason = progress.stuck(draft(str(number)), back("a"))
    assert reason
    assert progress.stalls == 3
    progress = Progress()
    for number, text in enumerate("aabbcc"):
        progress.stuck(draft(str(number)), back(text))
    assert progress.stalls == 3


def test_drafts_that_go_in_circles() -> None:
    progress = Progress()
    assert [progress.stuck(draft(text), back(said)) for text, said in (("1", "a"), ("2", "b"))] == ["", ""]
    assert "circles" in progress.stuck(draft("1"), back("c"))
    progress = Progress()
    progress.stuck(draft("1"), back("a"))
    assert "same draft" in progress.stuck(draft("1"), back("b"))


def test_replies_out_of_scope_count_too() -> None:
    progress = Progress()
    assert progress.stuck(None, back("scope")) == ""
    assert progress.stuck(None, back("scope"))
