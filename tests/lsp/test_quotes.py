"""Quotes are found again after any edit that leaves them in the text."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from codeteam.lsp.document import Replacement
from codeteam.lsp.quotes import Moves, near

PLAIN = st.lists(st.sampled_from(["a", "b", "", "return x", "}"]), max_size=12)
"""Lines of which many read the same."""
INDENT = st.sampled_from(["", "  ", "\t"])


def after(old: Sequence[str], new: Sequence[str], quote: str, start: int) -> int | None:
    """Where the quote is shown once the whole text was replaced."""
    return near([quote], new, Moves(Replacement(0, old, new)).moved([quote], start))


@settings(max_examples=500)
@given(st.lists(st.tuples(PLAIN, PLAIN, INDENT), min_size=1, max_size=8), PLAIN, PLAIN)
def test_a_line_that_stands_alone_is_found_however_much_changes_around_it(
    parts: list[tuple[list[str], list[str], str]], old_end: list[str], new_end: list[str]
) -> None:
    old: list[str] = []
    new: list[str] = []
    places: list[tuple[int, int]] = []
    for number, (before, now, indent) in enumerate(parts):
        old += before
        new += now
        places.append((len(old), len(new)))
        old.append(f"finding {number};")
        new.append(f"{indent}finding {number};")
    old += old_end
    new += new_end
    assert [after(old, new, f"finding {n};", start) for n, (start, _) in enumerate(places)] == [n for _, n in places]


@given(PLAIN.filter(lambda lines: "return x" in lines), PLAIN.filter(lambda lines: "return x" not in lines), st.data())
def test_of_lines_that_read_the_same_it_stays_with_its_own(
    text: list[str], pasted: list[str], data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from([number for number, line in enumerate(text) if line == "return x"]))
    at = data.draw(st.integers(0, len(text)))
    new = [*text[:at], *pasted, *text[at:]]
    assert after(text, new, "return x", start) == start + (len(pasted) if at <= start else 0)


def test_where_everything_changed_it_is_the_same_one_of_as_many() -> None:
    old = [line for number in range(400) for line in (f"old {number}", "return x")]
    new = [line for number in range(400) for line in (f"new {number}", "", "more", "return x")]
    assert after(old, new, "return x", 2 * 300 + 1) == 4 * 300 + 3


def test_a_line_that_was_moved_is_found_and_one_of_several_is_not() -> None:
    text = [f"line {number}" for number in range(30)]
    assert after(["fault", *text], [*text, "fault"], "fault", 0) == 30
    assert after(["fault", *text], [*text, "fault", "and", "fault"], "fault", 0) is None
    assert after(["fault", *text], text, "fault", 0) is None
