"""Three-way merge: both sides' changes, or an honest conflict; never a lost line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.diff import split_lines
from codeteam.domain.merge import Conflict, Merged, merge
from codeteam.domain.source import Span

TEXT = st.lists(st.sampled_from(["a", "b", "c", "d", "é"]), max_size=10).map(
    lambda lines: "".join(f"{line}\n" for line in lines)
)
BASE = "one\ntwo\nthree\nfour\nfive\n"


def test_changes_in_different_places_come_together() -> None:
    ours, theirs = BASE.replace("one", "ONE"), BASE.replace("five", "FIVE") + "six\n"
    assert merge(BASE, ours, theirs) == Merged("ONE\ntwo\nthree\nfour\nFIVE\nsix\n")


def test_the_same_change_on_both_sides_is_made_once() -> None:
    both = BASE.replace("three", "3")
    assert merge(BASE, both + "six\n", both.replace("one", "1")) == Merged("1\ntwo\n3\nfour\nfive\nsix\n")


def test_different_changes_of_a_line_conflict_and_say_where() -> None:
    result = merge(BASE, "zero\n" + BASE.replace("three", "mine"), BASE.replace("three", "theirs"))
    assert result == Conflict((Span(4, 4),))


def test_changes_beside_each_other_conflict() -> None:
    assert isinstance(merge(BASE, BASE.replace("two", "2"), BASE.replace("three", "3")), Conflict)


def test_different_insertions_at_one_place_conflict() -> None:
    assert isinstance(merge(BASE, BASE + "mine\n", BASE + "theirs\n"), Conflict)


def test_line_ends_survive_on_both_sides() -> None:
    base = "a\r\nb\r\nc\r\nd\r\n"
    assert merge(base, base.replace("a", "A"), base.replace("d", "D")) == Merged("A\r\nb\r\nc\r\nD\r\n")


@given(TEXT, TEXT)
def test_one_side_alone_wins_whole(base: str, changed: str) -> None:
    assert merge(base, changed, base) == Merged(changed)
    assert merge(base, base, changed) == Merged(changed)


@given(TEXT, TEXT, TEXT)
def test_sides_are_equal_before_the_merge(base: str, ours: str, theirs: str) -> None:
    left, right = merge(base, ours, theirs), merge(base, theirs, ours)
    assert isinstance(left, Conflict) == isinstance(right, Conflict)
    if isinstance(left, Merged):
        assert left == right


@given(TEXT, TEXT, TEXT)
def test_a_conflict_lies_in_our_text(base: str, ours: str, theirs: str) -> None:
    result = merge(base, ours, theirs)
    if isinstance(result, Conflict):
        lines = len(split_lines(ours))
        assert result.spans
        assert all(1 <= span.start_line <= span.end_line <= lines + 1 for span in result.spans)
