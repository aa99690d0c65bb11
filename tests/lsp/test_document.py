"""Documents follow their editor exactly, whatever the text is made of."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from codeteam.lsp.document import Document, Encoding, key
from tests.lsp.client import Buffer

TEXT = st.text(st.sampled_from("ab \n\r\x0c\u2028é€😀"), max_size=25)
ENCODINGS = st.sampled_from(list(Encoding))


def position_of(text: str, offset: int, encoding: str) -> dict[str, int]:
    """The position of an offset; inside of a CRLF there is none, and its start is taken."""
    if text[offset - 1 : offset + 1] == "\r\n":
        offset -= 1
    starts = [0] + [match.end() for match in re.finditer(r"\r\n|\r|\n", text)]
    line = max(number for number, start in enumerate(starts) if start <= offset)
    before = text[starts[line] : offset]
    width = {"utf-8": len(before.encode()), "utf-16": len(before.encode("utf-16-le")) // 2, "utf-32": len(before)}
    return {"line": line, "character": width[encoding]}


def document(text: str, encoding: Encoding = Encoding.UTF16) -> Document:
    return Document(uri="file:///a.py", language="python", version=1, text=text, encoding=encoding)


def replace(*place: int, text: str) -> types.TextDocumentContentChangePartial:
    start, end = types.Position(place[0], place[1]), types.Position(place[2], place[3])
    return types.TextDocumentContentChangePartial(range=types.Range(start=start, end=end), text=text)


@settings(max_examples=300)
@given(TEXT, ENCODINGS, st.data())
def test_edits_have_the_same_effect_as_in_the_editor(text: str, encoding: Encoding, data: st.DataObject) -> None:
    ours = document(text, encoding)
    theirs = Buffer("file:///a.py", "python", text)
    for _ in range(data.draw(st.integers(1, 4))):
        ends = sorted(data.draw(st.tuples(*[st.integers(0, len(theirs.text))] * 2)))
        start, end = (position_of(theirs.text, offset, str(encoding)) for offset in ends)
        new = data.draw(TEXT)
        place: Any = {"start": start, "end": end}
        theirs.text = theirs.replaced([{"range": place, "newText": new}], str(encoding))
        ours.change(replace(start["line"], start["character"], end["line"], end["character"], text=new))
        assert ours.text == theirs.text
        assert "".join(ours.lines) == theirs.text
        assert ours.lines == document(theirs.text).lines


def naive(text: str, line: int, column: int, encoding: str) -> int:
    """Where any position lies, by encoding everything: drawn into its line, and down to a character's start."""
    starts = [0] + [match.end() for match in re.finditer(r"\r\n|\r|\n", text)]
    if line >= len(starts):
        return len(text)
    content = re.split(r"\r|\n", text[starts[line] :], maxsplit=1)[0]
    codec, unit = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}[encoding]
    fitting = [
        number
        for number in range(len(content) + 1)
        if len(content[:number].encode(codec, "surrogatepass")) <= column * unit
    ]
    return starts[line] + fitting[-1]


ANY_TEXT = st.text(st.sampled_from("ab \t\n\r\x0c\x0b\x85\u2028\u2029é€😀\ud800\udfff"), max_size=25)
ANY_PLACE = st.tuples(*[st.integers(0, 8)] * 4)


@settings(max_examples=500)
@given(ANY_TEXT, ENCODINGS, st.lists(st.tuples(ANY_PLACE, ANY_TEXT), min_size=1, max_size=4))
def test_any_range_is_drawn_into_the_text(
    text: str, encoding: Encoding, edits: list[tuple[tuple[int, int, int, int], str]]
) -> None:
    """Lines and columns beyond the end, inside of a character, inverted; half characters, as JSON can hold them."""
    ours, theirs = document(text, encoding), text
    for place, new in edits:
        first, last = (naive(theirs, *ends, str(encoding)) for ends in (place[:2], place[2:]))
        theirs = theirs[:first] + new + theirs[max(first, last) :]  # an end before its start selects nothing
        ours.change(replace(*place, text=new))
        assert ours.text == theirs
        assert ours.lines == document(theirs).lines


def test_a_column_past_the_end_means_the_end_of_the_line() -> None:
    ours = document("one\r\ntwo\n")
    ours.change(replace(0, 99, 0, 99, text="!"))
    ours.change(replace(1, 1, 1, 99, text="wo?"))
    assert ours.text == "one!\r\ntwo?\n"


def test_a_line_past_the_end_means_the_end_of_the_text() -> None:
    ours = document("one\n")
    ours.change(replace(7, 3, 9, 0, text="two"))
    assert ours.text == "one\ntwo"


def test_form_feeds_and_unicode_separators_end_no_line() -> None:
    ours = document("a\x0cb\u2028c\x85d\nsecond\n")
    ours.change(replace(1, 0, 1, 6, text="2nd"))
    assert ours.text == "a\x0cb\u2028c\x85d\n2nd\n"


def test_a_column_inside_a_character_means_its_start() -> None:
    ours = document("a😀b", Encoding.UTF16)
    ours.change(replace(0, 2, 0, 3, text="-"))
    assert ours.text == "a-b"


def test_the_whole_text_can_be_replaced() -> None:
    ours = document("a\nb")
    ours.change(types.TextDocumentContentChangeWholeDocument(text="c\r\nd"))
    assert (ours.text, ours.lines) == ("c\r\nd", ["c\r\n", "d"])


def test_snapshots_stay_as_they_were() -> None:
    ours = document("a\n")
    before = ours.snapshot()
    ours.change(replace(0, 0, 0, 1, text="b"))
    ours.version = 2
    assert (before.text, before.version, ours.snapshot().text) == ("a\n", 1, "b\n")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("file:///w/a%20b.py", "file:///w/a b.py"),
        ("file:///w/%C3%A9.py", "file:///w/é.py"),
        ("untitled:Untitled-1", "untitled:Untitled%2D1"),
    ],
)
def test_a_document_is_the_same_however_its_uri_is_spelled(one: str, other: str) -> None:
    assert key(one) == key(other)
