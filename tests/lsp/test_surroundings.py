"""What the menu takes the text at the cursor for."""

from __future__ import annotations

import pytest

from codeteam.domain.diff import split_lines
from codeteam.domain.source import Span
from codeteam.lsp.outline import definition_at
from codeteam.lsp.surroundings import Surroundings, look

CODE = '''\
import re


@decorated
@twice(
    1)
def stub(text: str,
         other: int) -> str:
    """What it does.

    More of it.
    """
    ...


class Shelf:
    """Holds things."""

    def real(self) -> int:
        """One more."""
        total = 1

        # TODO: count the rest

        return total

    async def later(self) -> None: ...

    def raises(self) -> None:
        raise NotImplementedError("soon")


VALUE = 3  # the number
'''
LINES = split_lines(CODE)


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(LINES, 1) if text in line)


def seen(first: str | int, last: str | int | None = None, *, cursor: bool = False) -> Surroundings:
    start = first if isinstance(first, int) else line_of(first)
    end = start if last is None else last if isinstance(last, int) else line_of(last)
    return look(LINES, language="python", selected=None if cursor else Span(start, end), cursor=start)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("import re", None),
        ("def stub", "stub"),
        ("other: int", "stub"),
        ("More of it", "stub"),
        ("class Shelf", "Shelf"),
        ("total = 1", "real"),
        ("# TODO", "real"),
        ("later", "later"),
        ("raise Not", "raises"),
        ("VALUE", None),
    ],
)
def test_the_definition_around_a_line(line: str, name: str | None) -> None:
    found = definition_at(LINES, line_of(line))
    assert (found.name if found else None) == name


def test_blank_lines_belong_to_what_is_around_them() -> None:
    inner = definition_at(LINES, line_of("total = 1") + 1)
    between = definition_at(LINES, line_of("return total") + 1)
    outside = definition_at(LINES, line_of("class Shelf") - 1)
    assert (inner and inner.name, between and between.name, outside) == ("real", "Shelf", None)


def test_a_definition_reaches_to_its_last_line() -> None:
    found = definition_at(LINES, line_of("total = 1"))
    assert found is not None
    assert found.span == Span(line_of("def real"), line_of("return total"))


@pytest.mark.parametrize(("line", "stub"), [("def stub", True), ("later", True), ("raises", True), ("def real", False)])
def test_a_stub_has_no_body_to_speak_of(line: str, stub: bool) -> None:
    found = definition_at(LINES, line_of(line))
    assert found is not None
    assert found.stub is stub


def test_stubs_docstrings_and_todos_under_the_cursor_ask_for_an_implementation() -> None:
    assert seen("def stub", cursor=True).requirement
    assert seen("More of it", cursor=True).requirement
    assert seen("# TODO", cursor=True).requirement
    assert not seen("total = 1", cursor=True).requirement
    assert not seen("VALUE", cursor=True).requirement


def test_a_selected_comment_is_a_requirement_and_selected_code_is_not() -> None:
    comment, code = seen("# TODO"), seen("total = 1", "return total")
    assert (comment.requirement, comment.code) == (True, False)
    assert (code.requirement, code.code) == (True, True)  # there is a TODO in it
    assert (seen("total = 1").requirement, seen("total = 1").code) == (False, True)


def test_a_selected_stub_is_a_requirement_by_its_name() -> None:
    place = seen("def stub", line_of('    """\n') + 1)
    assert (place.requirement, place.code, place.name) == (True, False, "stub")


def test_a_selection_of_white_space_is_none() -> None:
    assert seen(2, 3).selected is None


def test_prose_is_a_requirement_whatever_it_says() -> None:
    lines = ["# Title\n", "\n", "Write a parser.\n", ""]
    assert look(lines, language="markdown", selected=Span(3, 3), cursor=3).requirement
    assert look(lines, language="markdown", selected=None, cursor=1).requirement
    assert look(["\n", ""], language="markdown", selected=None, cursor=1).blank


def test_other_languages_have_comments_and_todos_too() -> None:
    lines = ["// sum two numbers\n", "int sum(int a, int b);\n", "int x; // TODO: y\n", ""]
    assert look(lines, language="c", selected=Span(1, 1), cursor=1).requirement
    assert not look(lines, language="c", selected=Span(2, 2), cursor=2).requirement
    assert look(lines, language="c", selected=None, cursor=3).todo
    assert not look(["#include <stdio.h>\n", ""], language="c", selected=None, cursor=1).comment


@pytest.mark.parametrize(
    "text", ["def f(\n", "@\n", "class\n", 'def f():\n    """never closed\n', "\tdef f():\n\t...\n", ")\n"]
)
def test_half_typed_code_is_no_trouble(text: str) -> None:
    lines = [*split_lines(text), ""]
    for cursor in range(1, len(lines) + 1):
        look(lines, language="python", selected=None, cursor=cursor)
        look(lines, language="python", selected=Span(1, cursor), cursor=1)
