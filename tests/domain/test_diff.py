"""Line edits and patches: applied, they give the new text again, and they touch no more than they must."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.diff import Change, apply, changes, few_changes, keep_line_ends, shift, split_lines, unified
from codeteam.domain.source import Span

TEXT = st.lists(st.sampled_from(["", "a", "b", "é", "x\x0c", "\u2028"]), max_size=12).flatmap(
    lambda lines: st.sampled_from(["\n", "\r\n", "\r"]).map(lambda end: end.join(lines))
)
LF_TEXT = st.lists(st.sampled_from(["", "a", "b", "c d", "é\r"]), max_size=40).map("\n".join)


@given(TEXT)
def test_split_lines_lose_nothing(text: str) -> None:
    assert "".join(split_lines(text)) == text


def test_only_the_line_ends_of_the_protocol_end_a_line() -> None:
    assert split_lines("a\r\nb\rc\nd\x0c\u2028e\x85f") == ["a\r\n", "b\r", "c\n", "d\x0c\u2028e\x85f"]


@given(TEXT, TEXT)
def test_changes_turn_old_into_new(old: str, new: str) -> None:
    before, after = split_lines(old), split_lines(new)
    edits = changes(before, after)
    assert apply(before, edits) == after
    assert all(left.end < right.start for left, right in pairwise(edits))


@given(TEXT, TEXT, st.integers(0, 8))
def test_a_bounded_comparison_is_right_too_and_coarse_beyond_its_bound(old: str, new: str, most: int) -> None:
    before, after = split_lines(old), split_lines(new)
    edits = few_changes(before, after, most)
    assert apply(before, edits) == after
    shortest = sum(edit.end - edit.start + len(edit.lines) for edit in changes(before, after))
    assert edits == changes(before, after) if shortest <= most else len(edits) == 1


def test_two_far_places_of_ten_thousand_lines_are_two_small_edits() -> None:
    old = [f"line {number % 7}\n" for number in range(10_000)]
    new = [*old[:3], "here\n", *old[4:9_000], *old[9_001:]]
    edits = changes(old, new)
    assert apply(old, edits) == new
    assert sum(edit.end - edit.start + len(edit.lines) for edit in edits) <= 40


def test_equal_texts_have_no_changes() -> None:
    assert changes(["a\n"], ["a\n"]) == ()


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(1, 1), Span(1, 1)),
        (Span(3, 4), Span(5, 6)),
        (Span(5, 6), Span(7, 7)),
        (Span(7, 9), Span(8, 10)),
    ],
)
def test_a_span_moves_with_the_lines_it_covers(span: Span, expected: Span) -> None:
    edits = (Change(1, 1, ("new\n", "new\n")), Change(5, 6, ()))
    assert shift(span, edits) == expected


def test_an_edited_span_covers_what_replaced_it() -> None:
    assert shift(Span(2, 3), (Change(1, 3, ("a\n", "b\n", "c\n", "d\n")),)) == Span(2, 5)


def test_crlf_is_kept_only_where_it_ruled_alone() -> None:
    assert keep_line_ends("a\r\nb\r\n", "x\ny\r\n") == "x\r\ny\r\n"
    assert keep_line_ends("a\r\nb\n", "x\ny\n") == "x\ny\n"
    assert keep_line_ends("", "x\n") == "x\n"


@pytest.mark.parametrize("number", range(4))
def test_git_applies_patches_of_many_shapes(number: int, tmp_path: Path) -> None:
    old = "".join(f"{line}\n" for line in range(60))
    new = {
        0: old.replace("5\n", "five\n"),
        1: "first\n" + old.removesuffix("59\n") + "last",
        2: old.replace("30\n31\n32\n", "").replace("50\n", "50\r\n"),
        3: "",
    }[number]
    assert _applied(tmp_path, "some file é.py", old, new) == new


@given(LF_TEXT, LF_TEXT)
def test_a_patch_says_the_change_again(old: str, new: str) -> None:
    assert _read_back(old, unified("f", old, new)) == new


def test_git_takes_a_new_file_even_an_empty_one(tmp_path: Path) -> None:
    assert _applied(tmp_path, "pkg/new.py", None, "x = 1\n") == "x = 1\n"
    assert _applied(tmp_path, "pkg/empty.py", None, "") == ""


def test_no_change_is_no_patch() -> None:
    assert unified("a.py", "x\n", "x\n") == ""


def _applied(root: Path, path: str, old: str | None, new: str) -> str:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    target = root / path
    if old is not None:
        target.write_bytes(old.encode())
    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(command, cwd=root, input=unified(path, old, new).encode(), check=True)
    return target.read_bytes().decode()


def _read_back(old: str, patch: str) -> str:
    """A second reader of patches, that checks each hunk's numbers as it goes."""
    if not patch:
        return old
    lines = [line + "\n" for line in old.split("\n")[:-1]] + ([old.rpartition("\n")[2]] if old[-1:] != "\n" else [])
    lines = [line for line in lines if line]
    result: list[str] = []
    at = 0
    pieces = patch.split("\n")
    for index, piece in enumerate(pieces):
        if piece.startswith("@@"):
            removed, added = (part[1:].split(",") for part in piece.split()[1:3])
            start = int(removed[0]) - (1 if int(removed[1]) else 0)
            result += lines[at:start]
            at = start
            assert len(result) == int(added[0]) - (1 if int(added[1]) else 0)
        elif piece[:1] in {" ", "+", "-"} and not piece.startswith(("---", "+++")):
            bare = index + 1 < len(pieces) and pieces[index + 1].startswith("\\")
            text = piece[1:] + ("" if bare else "\n")
            if piece[0] != "+":
                assert lines[at] == text
                at += 1
            if piece[0] != "-":
                result.append(text)
    return "".join(result + lines[at:])
