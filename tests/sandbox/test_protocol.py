"""What comes out of a sandbox is checked, whatever it is."""

from __future__ import annotations

import contextlib
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeteam.sandbox.interface import Command, Limits
from codeteam.sandbox.protocol import LARGEST_FRAME, Frames, Greeting, ProtocolError, Reading, WorkFolderWrecked

END = {"code": 0, "seconds": 0.1, "timed_out": False, "truncated": False, "oom": False, "full": False}


def reading(results: int = 100, output: int = 100) -> Reading:
    return Reading(Command(("x",)), Limits(results=results, output=output), None)


@given(st.lists(st.tuples(st.sampled_from([b"O", b"E", b"X", b"C"]), st.binary(max_size=200))), st.integers(1, 50))
def test_frames_come_out_as_they_went_in(frames: list[tuple[bytes, bytes]], step: int) -> None:
    stream = b"".join(struct.pack(">cI", kind, len(payload)) + payload for kind, payload in frames)
    cutter = Frames()
    found = [frame for start in range(0, len(stream), step) for frame in cutter.feed(stream[start : start + step])]
    assert found == frames


def test_a_frame_without_end_is_refused() -> None:
    with pytest.raises(ProtocolError):
        list(Frames().feed(struct.pack(">cI", b"O", LARGEST_FRAME + 1)))


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from([b"O", b"E", b"X", b"C", b"D", b"L", b"P", b"Z", b"?"]), st.binary(max_size=60)))
)
def test_nonsense_is_an_error_of_ours(frames: list[tuple[bytes, bytes]]) -> None:
    outcome = reading()
    with contextlib.suppress(ProtocolError, WorkFolderWrecked):
        for kind, payload in frames:
            outcome.take(kind, payload)
        outcome.outcome()


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../x", b"a/../../x", b"", b"a\0b", b"\xff", b"a//b", b"./a"])
def test_paths_that_would_escape_are_refused(path: bytes) -> None:
    with pytest.raises(ProtocolError):
        reading().take(b"C", path)


def test_more_than_was_asked_for_is_refused() -> None:
    for kind in (b"O", b"E"):
        with pytest.raises(ProtocolError):
            reading(output=10).take(kind, b"x" * 11)
    large = reading(results=10)
    large.take(b"C", b"a")
    with pytest.raises(ProtocolError):
        large.take(b"D", b"x" * 11)
    twice = reading()
    twice.take(b"C", b"a")
    with pytest.raises(ProtocolError):
        twice.take(b"C", b"a")
    with pytest.raises(ProtocolError):
        reading().take(b"D", b"content of no file")


@pytest.mark.parametrize(
    "payload", [b"", b"{}", b"[]", b"null", b'{"code": "0"}', json.dumps(END | {"more": 1}).encode(), b'{"code": true']
)
def test_an_end_must_be_whole(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        reading().take(b"X", payload)


def test_nothing_comes_after_the_end() -> None:
    whole = reading()
    whole.take(b"X", json.dumps(END).encode())
    whole.take(b"Z", b"")
    assert whole.outcome().run.ok
    with pytest.raises(ProtocolError):
        whole.take(b"O", b"x")


def test_a_greeting_must_be_one() -> None:
    for payload in (b"", b"{}", b"[1]", b'{"python": 1}'):
        with pytest.raises(ProtocolError):
            Greeting.parse(payload)
