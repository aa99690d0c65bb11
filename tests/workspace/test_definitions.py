"""What stands around the cursor: definitions and words."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.source import Span
from codeteam.workspace.definitions import enclosing, words
from codeteam.workspace.reading import lines_of

CODE = '''\
"""Module."""
import os

# TODO: sort the list
# by name, then by age

@decorator
@other(
    1,
)
def stub(a, b):
    """Add two numbers.

    >>> stub(1, 2)
    3
    """
    raise NotImplementedError("later")


class Thing:
    """A thing."""

    def method(self):
        def inner():
            return 1

        # FIXME(ann): cache this
        # for a minute
        return inner()  # plain remark

    x = 1  # TODO round it
'''


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (2, 2, None),
        (7, 7, (7, 17)),
        (10, 10, (7, 17)),
        (13, 16, (7, 17)),
        (20, 20, (20, 31)),
        (24, 24, (24, 25)),
        (27, 27, (23, 29)),
        (24, 27, (23, 29)),
        (31, 31, (20, 31)),
        (17, 20, None),
    ],
)
@pytest.mark.parametrize("broken", [False, True])
def test_the_innermost_definition(first: int, last: int, expected: tuple[int, int] | None, broken: bool) -> None:
    text = CODE + ("\ndef half(:\n" if broken else "")
    assert enclosing("a.py", text, Span(first, last)) == (Span(*expected) if expected else None)


def test_other_languages_by_their_look() -> None:
    text = (
        "import x\n\nexport async function add(a, b) {\n  return a + b\n}\n\nclass A {\n  m() {\n    return 1\n  }\n}\n"
    )
    assert enclosing("a.ts", text, Span(4, 4)) == Span(3, 5)
    assert enclosing("a.ts", text, Span(9, 9)) == Span(8, 10)
    assert enclosing("a.ts", text, Span(1, 1)) is None


def test_line_ends_are_counted_as_editors_count_them() -> None:
    text = "x = '''\f\u2028'''\r\ndef f():\r\n    pass\r\n"
    assert enclosing("a.py", text, Span(3, 3)) == Span(2, 3)


@given(
    st.text(alphabet=st.sampled_from("def class@()[]:\n\r\t #'\"ax01"), max_size=120),
    st.integers(1, 30),
    st.integers(0, 5),
)
def test_whatever_the_text_the_definition_holds_the_place(text: str, first: int, more: int) -> None:
    place = Span(first, first + more)
    last = len(lines_of(text))
    place = Span(min(place.start_line, last), min(place.end_line, last))
    found = enclosing("a.py", text, place)
    if found is not None:
        assert 1 <= found.start_line <= place.start_line
        assert place.end_line <= found.end_line <= last


NAMES = st.sampled_from(["f", "g", "h"])


@st.composite
def programs(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Valid programs of nested definitions."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["def", "class", "line", "blank"]))
        if kind == "blank":
            lines.append("")
        elif kind == "line" or depth > 2:
            lines.append("x = 1")
        else:
            if draw(st.booleans()):
                lines.append("@deco")
            lines.append(f"def {draw(NAMES)}():" if kind == "def" else f"class {draw(NAMES)}:")
            lines += [f"    {line}" if line else line for line in [*draw(programs(depth + 1)), "x = 2"]]
    return lines


@given(programs(), st.data())
def test_the_look_and_the_tree_agree(lines: list[str], data: st.DataObject) -> None:
    """Indentation alone finds the same definition as the tree, on any line with code."""
    text = "\n".join(lines)
    ast.parse(text)
    line = data.draw(st.sampled_from([number for number, said in enumerate(lines, 1) if said.strip()] or [1]))
    broken = text + "\n$ $"
    assert enclosing("a.py", broken, Span(line, line)) == enclosing("a.py", text, Span(line, line))


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (4, 4, "sort the list\nby name, then by age"),
        (5, 5, "sort the list\nby name, then by age"),
        (13, 13, "Add two numbers.\n\n>>> stub(1, 2)\n3"),
        (17, 17, "Add two numbers.\n\n>>> stub(1, 2)\n3"),
        (11, 17, "Add two numbers.\n\n>>> stub(1, 2)\n3"),
        (27, 27, "cache this\nfor a minute"),
        (29, 29, "cache this\nfor a minute"),
        (31, 31, "round it"),
        (24, 24, ""),
        (2, 2, ""),
    ],
)
def test_the_words_around_the_cursor(first: int, last: int, expected: str) -> None:
    selection = Span(first, last) if first != last else None
    assert words("a.py", CODE, selection, first) == expected


RUST = """\
/// Words of s,
/// in order.
#[must_use]
fn words(s: &str) -> Vec<&str> {
    todo!()
}

impl Shop {
    /// Finished.
    pub fn open(&self) -> bool {
        self.open
    }

    /// Done, later.
    fn later(&self) -> u8 { unimplemented!("later") }
}
"""


def test_words_of_other_languages() -> None:
    assert words("a.ts", "/**\n * TODO: add them\n */\nfunction f() {}\n", None, 2) == "add them"
    assert words("a.go", "x := 1 // TODO: two\n", None, 1) == "two"
    assert words("a.rs", RUST, None, 3) == "Words of s,\nin order."
    assert words("a.rs", RUST, None, 5) == "Words of s,\nin order."
    assert words("a.rs", RUST, None, 11) == ""
    assert words("a.rs", RUST, None, 15) == "Done, later."
    assert enclosing("a.rs", RUST, Span(11, 11)) == Span(10, 12)
    assert words("a.sql", "-- count rows\nSELECT 1\n", None, 1) == "count rows"


MARKDOWN = """\
intro

# One
text one
```sh
# not a heading
```

## Sub
text sub

# Two
text two
"""


@pytest.mark.parametrize(
    ("cursor", "expected"),
    [
        (1, "intro"),
        (9, "## Sub\ntext sub"),
        (12, "# Two\ntext two"),
        (13, "# Two\ntext two"),
    ],
)
def test_a_cursor_in_markdown_takes_its_section(cursor: int, expected: str) -> None:
    assert words("a.md", MARKDOWN, None, cursor) == expected


def test_a_section_holds_its_sections_and_its_code() -> None:
    assert words("a.md", MARKDOWN, None, 4).splitlines()[0] == "# One"
    assert words("a.md", MARKDOWN, None, 4).splitlines()[-1] == "text sub"
    assert words("a.md", MARKDOWN, None, 6) == words("a.md", MARKDOWN, None, 4)


def test_a_selection_in_prose_is_taken_as_it_is() -> None:
    assert words("a.md", MARKDOWN, Span(4, 5), 4) == "text one\n```sh"
    assert words("notes.txt", "a\nb\n\nc\n", None, 2) == "a\nb"
    assert words("a.md", " all \n", None, None) == "all"
