"""What comes out of a sandbox is checked, whatever it is."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.sandbox.frames import LARGEST_FRAME, PROOF_SIZE, Forged, Frames, ProtocolError, make, prove
from codeteam.sandbox.interface import Command, Limits
from codeteam.sandbox.protocol import Greeting, Reading

END = {"code": 0, "seconds": 0.1, "timed_out": False, "truncated": False, "oom": False, "full": False}


def reading(results: int = 100, output: int = 100, *, ended: bool = False) -> Reading:
    made = Reading(Command(("x",)), Limits(results=results, output=output), None)
    if ended:
        made.take(b"X", json.dumps(END).encode())
    return made


@given(st.lists(st.tuples(st.sampled_from([b"O", b"E", b"X", b"C"]), st.binary(max_size=200))), st.integers(1, 50))
def test_frames_come_out_as_they_went_in(frames: list[tuple[bytes, bytes]], step: int) -> None:
    stream = b"".join(make(kind, payload) for kind, payload in frames)
    cutter = Frames()
    found = [frame for start in range(0, len(stream), step) for frame in cutter.feed(stream[start : start + step])]
    assert found == frames


def test_a_frame_without_end_is_refused() -> None:
    with pytest.raises(ProtocolError):
        list(Frames().feed(struct.pack(">cI", b"O", LARGEST_FRAME + 1)))


def test_a_frame_needs_the_proof_of_its_key_and_its_number() -> None:
    frame = make(b"O", b"text")

    def believed(*proven: bytes) -> list[tuple[bytes, bytes]]:
        cutter = Frames()
        assert list(cutter.feed(make(b"H", b"{}"))) == [(b"H", b"{}")]
        key = cutter.demand_proof()
        assert key is not None
        assert cutter.demand_proof() is None
        return list(
            cutter.feed(b"".join(frame + (proof or prove(key, place, frame)) for place, proof in enumerate(proven)))
        )

    assert believed(b"", b"") == [(b"O", b"text")] * 2
    for proven in ((bytes(PROOF_SIZE),), (b"", bytes(PROOF_SIZE)), (prove(b"x" * 32, 0, frame),)):
        with pytest.raises(Forged):
            believed(*proven)
    cutter = Frames()
    key = cutter.demand_proof() or b""
    again = frame + prove(key, 0, frame)
    assert list(cutter.feed(again)) == [(b"O", b"text")]
    with pytest.raises(Forged):
        list(cutter.feed(again))


@pytest.mark.parametrize("path", [b"/etc/passwd", b"../x", b"a/../../x", b"", b"a\0b", b"\xff", b"a//b", b"./a"])
def test_paths_that_would_escape_are_refused(path: bytes) -> None:
    with pytest.raises(ProtocolError):
        reading(ended=True).take(b"C", path)


def test_more_than_was_asked_for_is_refused() -> None:
    for kind in (b"O", b"E"):
        with pytest.raises(ProtocolError):
            reading(output=10).take(kind, b"x" * 11)
    large = reading(results=10, ended=True)
    large.take(b"C", b"a")
    with pytest.raises(ProtocolError):
        large.take(b"D", b"x" * 11)
    twice = reading(ended=True)
    twice.take(b"C", b"a")
    with pytest.raises(ProtocolError):
        twice.take(b"C", b"a")
    with pytest.raises(ProtocolError):
        reading(ended=True).take(b"D", b"content of no file")


@pytest.mark.parametrize("kind", [b"C", b"L", b"Z"])
def test_nothing_of_the_results_comes_before_the_end(kind: bytes) -> None:
    with pytest.raises(ProtocolError):
        reading().take(kind, b'["a", "b"]' if kind == b"L" else b"a")


@pytest.mark.parametrize("kind", [b"O", b"E", b"X", b"P"])
def test_an_end_comes_once_and_after_all_output(kind: bytes) -> None:
    with pytest.raises(ProtocolError):
        reading(ended=True).take(kind, json.dumps(END).encode())


def test_who_listens_need_not_keep() -> None:
    heard: list[tuple[str, bytes]] = []
    made = Reading(Command(("x",)), Limits(output=100, kept=4), lambda *chunk: heard.append(chunk))
    for chunk in (b"abc", b"def"):
        made.take(b"O", chunk)
    made.take(b"X", json.dumps(END).encode())
    made.take(b"Z", b"")
    assert made.outcome().stdout == b"abcd"
    assert heard == [("stdout", b"abc"), ("stdout", b"def")]


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"null", b'{"code": "0"}', b'{"code": true', b"[" * 200_000, b"\xff"]
    + [
        json.dumps(END | wrong).encode()
        for wrong in (
            {"more": 1},
            {"code": True},
            {"code": 10**9},
            {"seconds": "1"},
            {"seconds": -1},
            {"seconds": float("nan")},
            {"oom": 1},
        )
    ],
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
    honest: dict[str, object] = {
        "python": "3.12.1",
        "implementation": "CPython",
        "machine": "x86_64",
        "system": "linux",
    }
    honest |= {"libc": "", "libc_version": "", "uid": 1, "markers": {"a": "b"}}
    assert Greeting.parse(json.dumps(honest).encode()).markers == {"a": "b"}
    wrong: tuple[dict[str, object], ...] = (
        {"python": 3},
        {"uid": True},
        {"uid": "0"},
        {"markers": []},
        {"markers": {"a": 1}},
        {"more": ""},
    )
    odd = [json.dumps(honest | item).encode() for item in wrong]
    for payload in (b"", b"{}", b"[1]", b'{"python": 1}', b"[" * 200_000, *odd):
        with pytest.raises(ProtocolError):
            Greeting.parse(payload)
