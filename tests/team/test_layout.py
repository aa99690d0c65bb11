"""A file keeps its layout: line ends, byte order mark, final newline, blanks, indentation; and strings their text."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.diff import split_lines
from codeteam.team.layout import fitted, keep_layout, same_code, unit_of


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ("a\r\nb\r\n", "a\nc\n", "a\r\nc\r\n"),
        ("a\rb\r", "a\nc\n", "a\rc\r"),
        ("a\nb\n", "a\r\nc\r\n", "a\nc\n"),
        ("a\nb", "a\nc\n", "a\nc"),
        ("a\nb\n", "a\nc", "a\nc\n"),
        ("a\nb", "a\nb\n", "a\nb"),
        ("\ufeffa\r\nb\r\n", "a\nb\nc\n", "\ufeffa\r\nb\r\nc\r\n"),
        ("\ufeffa\n", "\ufeffb\n", "\ufeffb\n"),
        ("a\n", "\ufeffb\n", "b\n"),
        ("a\r\nb\nc\r\n", "a\nx\nb\nc\n", "a\r\nx\r\nb\nc\r\n"),
        ("a\nb\nc\r\n", "x\na\nb\nc\n", "x\na\nb\nc\r\n"),
        ("a  \n\x0c\nb\n", "a\n\nc\n", "a  \n\x0c\nc\n"),
        ("s = 'a\u2028b\x0cc'\r\nx\r\n", "s = 'a\u2028b\x0cc'\ny\n", "s = 'a\u2028b\x0cc'\r\ny\r\n"),
        ("", "a\r\n", "a\n"),
        ("a\n", "", ""),
        ("é\r\n日本\r\n", "é\n日本語\n", "é\r\n日本語\r\n"),
        ("a\r\n\r\n\r\nb\r\n", "a\n\nb\n", "a\r\n\r\nb\r\n"),
    ],
)
def test_keep_layout(before: str, after: str, kept: str) -> None:
    assert keep_layout(before, after) == kept


def test_blanks_go_where_that_is_what_was_asked() -> None:
    assert keep_layout("a  \nb\n", "a\nb\n") == "a  \nb\n"
    assert keep_layout("a  \nb\n", "a\nb\n", blanks=False) == "a\nb\n"


_TEXTS = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "  c", "é ", "\x0c", "x\u2028y"]), st.sampled_from(["\n", "\r\n"])),
    max_size=12,
).map(lambda lines: "".join(line + end for line, end in lines))


@given(_TEXTS, st.booleans())
def test_an_unchanged_file_stays_to_the_byte(text: str, mark: bool) -> None:
    before = ("\ufeff" if mark else "") + text
    shown = text.replace("\r\n", "\n")
    assert keep_layout(before, shown) == before
    assert keep_layout(before, "\n".join(line.rstrip() for line in shown.split("\n"))) == before
    cut = before.removesuffix("\n").removesuffix("\r")
    if cut and not cut.endswith(("\n", "\r", "\ufeff")):
        assert keep_layout(cut, shown) == cut


@given(_TEXTS, _TEXTS)
def test_the_new_words_are_all_there(before: str, after: str) -> None:
    kept = keep_layout(before, after)
    assert [line.strip() for line in split_lines(kept)] == [line.strip() for line in split_lines(after)]
    assert keep_layout(before, kept) == kept


@pytest.mark.parametrize("ends", ["\n", "\r\n", "mixed"])
@pytest.mark.parametrize("change", ["one line", "everything", "every tenth line"])
def test_ten_thousand_lines_are_quick(ends: str, change: str) -> None:
    lines = [f"x{number} = 1" if number % 3 else "" for number in range(10_000)]
    before = "".join(
        line + (("\n", "\r\n")[number % 2] if ends == "mixed" else ends) for number, line in enumerate(lines)
    )
    step = {"one line": 5_000, "everything": 1, "every tenth line": 10}[change]
    new = [f"{line} + 2" if number % step == 1 or step == 1 else line for number, line in enumerate(lines)]
    start = time.process_time()
    kept = keep_layout(before, "\n".join(new) + "\n")
    assert time.process_time() - start < 10
    assert split_lines(kept)[0].rstrip() == new[0].rstrip()


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("def f():\n    return 1\n", "    "),
        ("def f():\n\treturn 1\n", "\t"),
        ("def f():\n  if x:\n    return 1\n", "  "),
        ("class A:\n    def f(self):\n        return (1,\n                2)\n", "    "),
        ("x = 1\n", ""),
        ("def f():\r\n\treturn 1\r\n", "\t"),
    ],
)
def test_units_of_indentation(text: str, unit: str) -> None:
    assert unit_of(text) == unit


METHOD = '''\
@property
def f(self):
    """Doc.

    More.
    """
    # why

    s = """
  text
        deep
"""
    if s:
        t = f"""
{s}
    x"""
    return (s,
            t)
'''


def moved(code: str, by: str) -> str:
    """By hand: every line but those of the strings."""
    inside, out = False, []
    for line in code.split("\n"):
        out.append(line if inside or not line else by + line)
        if (line.count('"""') % 2 and "Doc." not in line and line.strip() != '"""') or line in ('"""', '    x"""'):
            inside = not inside
    return "\n".join(out)


@pytest.mark.parametrize("indent", ["    ", "\t", "        "])
def test_code_moves_and_its_strings_do_not(indent: str) -> None:
    there = fitted(METHOD, indent, "")
    assert there == moved(METHOD, indent)
    assert fitted(there, "", "") == METHOD
    assert fitted(there, indent, "") == there


def test_the_value_of_a_string_is_what_the_reply_says() -> None:
    before = ast.parse(METHOD).body[0].body[1].value.value  # type: ignore[attr-defined]
    assert ast.parse("class A:\n" + fitted(METHOD, "    ", "")).body[0].body[0].body[1].value.value == before  # type: ignore[attr-defined]


def test_blanks_become_tabs_in_a_file_of_tabs() -> None:
    assert fitted("def f():\n    if x:\n        return (1,\n                2)\n", "\t", "\t") == (
        "\tdef f():\n\t\tif x:\n\t\t\treturn (1,\n\t\t\t\t\t2)\n"
    )
    assert fitted("def f():\n\tif x:\n\t\treturn 1\n", "  ", "  ") == "  def f():\n    if x:\n      return 1\n"
    text = 's = """\n    a\n"""\ndef f():\n    return """\n    b"""\n'
    assert fitted(text, "", "\t") == 's = """\n    a\n"""\ndef f():\n\treturn """\n    b"""\n'


@pytest.mark.parametrize("code", ["def f(:\n    x\n", "    '''open\n  x\n", "", "\n\n", "  x\n y\nz\n", "\x0cx = 1\n"])
def test_what_does_not_parse_is_moved_by_its_look(code: str) -> None:
    there = fitted(code, "  ", "\t")
    assert [line.strip() for line in there.split("\n")] == [line.strip() for line in code.split("\n")]


def test_same_code() -> None:
    assert same_code("def f():\n    return 1", "def f():\n\treturn 1\n")
    assert not same_code("s = '''\n a'''", "s = '''\na'''")
    assert not same_code("def f(", "def f(")
