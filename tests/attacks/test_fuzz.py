"""Whatever comes out of a sandbox, and whatever lies in its work folder: made up without end, for as long as asked.

`CODETEAM_FUZZ` is how many examples each of these makes (200); a night's worth is a million.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeteam.sandbox.frames import Forged, Frames, ProtocolError, prove
from codeteam.sandbox.frames import make as frame
from codeteam.sandbox.interface import Command, Limits, Outcome
from codeteam.sandbox.protocol import MOST_FILES, Greeting, Reading, WorkFolderWrecked, check_path
from tests.sandbox.conftest import make

EXAMPLES = int(os.environ.get("CODETEAM_FUZZ", "200"))
LIMITS = Limits(output=300, results=300)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
END = st.fixed_dictionaries(
    {"code": st.integers(-130, 260) | JSON, "seconds": st.floats(0, 9) | JSON},
    optional={name: st.booleans() | JSON for name in ("timed_out", "truncated", "oom", "full", "more")},
)
PAYLOAD = st.one_of(
    st.binary(max_size=120),
    st.sampled_from([b"a", b"a/b", b"../a", b"/a", b"a\n", b"\xff", b".", b"a/../b", b"A", b"x" * 255]),
    st.builds(lambda value: json.dumps(value).encode(), END | JSON | st.lists(st.text(max_size=30), max_size=3)),
)
FRAMES = st.lists(st.tuples(st.sampled_from([b"O", b"E", b"X", b"C", b"D", b"L", b"P", b"Z", b"H", b"?"]), PAYLOAD))
fuzz = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


def is_path(name: str) -> bool:
    try:
        check_path(name)
    except ValueError:
        return False
    return True


@fuzz
@given(
    st.binary(max_size=2000) | FRAMES.map(lambda frames: b"".join(frame(*item) for item in frames)), st.integers(1, 700)
)
def test_any_bytes_are_an_outcome_or_an_error_of_ours(stream: bytes, step: int) -> None:
    reading = Reading(Command(("x",)), LIMITS, None)
    frames = Frames()
    with contextlib.suppress(ProtocolError, WorkFolderWrecked):
        for start in range(0, len(stream), step):
            for kind, payload in frames.feed(stream[start : start + step]):
                reading.take(kind, payload)
        check(reading.outcome())
    check(reading.cut_short(seconds=1.0, timed_out=False, out_of_memory=False, notice="it ended"))


@fuzz
@given(FRAMES, st.binary(min_size=1, max_size=60), st.integers(0, 3000), st.booleans(), st.integers(1, 700))
def test_what_is_written_among_the_frames_is_never_one(
    said: list[tuple[bytes, bytes]], written: bytes, place: int, over: bool, step: int
) -> None:
    """Bytes between the supervisor's, or in their place: what was said before is heard, and nothing that was not."""
    cutter = Frames()
    key = cutter.demand_proof() or b""
    whole = [frame(*item) for item in said]
    honest = b"".join(raw + prove(key, number, raw) for number, raw in enumerate(whole))
    place = min(place, len(honest))
    stream = honest[:place] + written + honest[place + (len(written) if over else 0) :]
    heard: list[tuple[bytes, bytes]] = []
    with contextlib.suppress(Forged):
        for start in range(0, len(stream), step):
            heard += cutter.feed(stream[start : start + step])
    assert heard == said[: len(heard)]
    assert len(heard) < len(said) or stream[: len(honest)] == honest


def check(outcome: Outcome) -> None:
    """What everyone downstream relies on."""
    assert max(len(outcome.stdout), len(outcome.stderr)) <= LIMITS.output
    assert sum(map(len, outcome.files.values())) <= LIMITS.results
    assert len(outcome.files) <= MOST_FILES
    for path in outcome.files:
        check_path(path)
    run = outcome.run
    assert type(run.exit_code) is int
    assert run.seconds >= 0
    assert {type(flag) for flag in (run.timed_out, run.out_of_memory, run.truncated)} == {bool}
    assert all(type(text) is str for drop in outcome.dropped for text in drop)


@fuzz
@given(
    st.lists(st.tuples(st.sampled_from([b"O", b"E"]), st.binary(max_size=9)), max_size=20),
    st.dictionaries(
        st.text("abcé/._- ", min_size=1, max_size=9).filter(is_path),
        st.binary(max_size=9),
        max_size=9,
    ),
    st.integers(-64, 255),
)
def test_what_the_supervisor_says_is_what_comes_of_it(
    output: list[tuple[bytes, bytes]], files: dict[str, bytes], code: int
) -> None:
    end = {"code": code, "seconds": 0.5, "timed_out": False, "truncated": False, "oom": False, "full": False}
    said = [*output, (b"X", json.dumps(end).encode())]
    for path, content in files.items():
        said += [(b"C", path.encode()), (b"D", content)]
    reading = Reading(Command(("x",)), LIMITS, None)
    for item in Frames().feed(b"".join(frame(*item) for item in [*said, (b"Z", b"")])):
        reading.take(*item)
    outcome = reading.outcome()
    assert outcome.files == files
    assert outcome.run.exit_code == code
    for kind, stream in ((b"O", outcome.stdout), (b"E", outcome.stderr)):
        assert stream == b"".join(chunk for told, chunk in output if told == kind)


@fuzz
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_greeting_is_one_or_an_error_of_ours(payload: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        Greeting.parse(payload)


@dataclass(frozen=True)
class Thing:
    """What a hostile program puts into its work folder under a name; a folder has things in it."""

    kind: str
    name: bytes
    content: bytes = b""
    inside: list[Thing] = field(default_factory=list)

    def plain(self) -> list[Any]:
        return [self.kind, self.name.hex(), self.content.hex(), [thing.plain() for thing in self.inside]]


MAKE = """
import json, os, socket, sys
def put(things):
    for kind, name, content, inside in things:
        name, content = bytes.fromhex(name), bytes.fromhex(content)
        try:
            if kind == "folder":
                os.mkdir(name); os.chdir(name); put(inside); os.chdir(b"..")
            elif kind == "file":
                open(name, "xb").write(content)
            elif kind == "link":
                os.symlink(content or b"/etc/passwd", name)
            elif kind == "pipe":
                os.mkfifo(name)
            elif kind == "hard":
                os.link(next(e.path for e in os.scandir(b".") if e.is_file(follow_symlinks=False)), name)
            elif kind == "sparse":
                os.close(os.open(name, os.O_CREAT | os.O_EXCL)); os.truncate(name, 1 << 30)
            elif kind == "closed":
                os.close(os.open(name, os.O_CREAT | os.O_EXCL)); os.chmod(name, 0)
        except (OSError, StopIteration, ValueError):
            pass
put(json.load(sys.stdin))
honest = {}
for place, folders, names in os.walk(b"."):
    for name in names:
        path = os.path.join(place, name)
        if os.path.isfile(path) and not os.path.islink(path) and os.stat(path).st_size < 1 << 20:
            os.chmod(path, 0o644)
            honest[path[2:].hex()] = open(path, "rb").read().hex()
print(json.dumps(honest))
"""
NAME = st.one_of(
    st.sampled_from(
        [b"a", b"A", b"b.txt", b"..a", b"a\nb", b"\xff\xfe", b"-rf", b"a:b", b"a\\b", b" ", b"con", b"\xe2\x80\xae"]
    ),
    st.sampled_from(["é".encode(), "e\u0301".encode(), b"x" * 255, b"\x1b[31m", b"~", b"$HOME", b"%2e%2e", b"...."]),
    st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & {0, 47} and name not in (b".", b"..")),
)
CONTENT = st.binary(max_size=40) | st.sampled_from([b"..", b"/", b"/proc/self/environ", b"a"])
LEAF = st.builds(Thing, st.sampled_from(["file", "file", "link", "pipe", "hard", "sparse", "closed"]), NAME, CONTENT)
TREE = st.lists(
    st.recursive(
        LEAF, lambda inner: st.builds(Thing, st.just("folder"), NAME, st.just(b""), st.lists(inner, max_size=4))
    ),
    max_size=6,
)
Run = Callable[[Command], Outcome]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs commands in one session of a real sandbox."""
    with asyncio.Runner() as loop:
        sandbox = make("docker", tmp_path_factory.mktemp("fuzz"))
        opened = sandbox.open()
        session = loop.run(opened.__aenter__())
        yield lambda command: loop.run(session.run(command))
        loop.run(opened.__aexit__(None, None, None))
        loop.run(sandbox.aclose())


@pytest.mark.docker
@settings(fuzz, max_examples=max(EXAMPLES // 4, 1))
@given(tree=TREE)
def test_results_are_the_regular_files_of_honest_names_and_nothing_else(run: Run, tree: list[Thing]) -> None:
    told = json.dumps([thing.plain() for thing in tree]).encode()
    outcome = run(Command(("python3", "-c", MAKE), stdin=told, remove=(".",), collect=("**",)))
    assert outcome.run.ok, outcome.run.stderr
    assert outcome.notice == ""
    there = {bytes.fromhex(path): bytes.fromhex(text) for path, text in json.loads(outcome.run.stdout).items()}
    dropped = dict(outcome.dropped)
    for path, content in outcome.files.items():
        check_path(path)
        assert there[path.encode()] == content
    for raw in there:
        shown = os.fsdecode(raw)
        assert shown in outcome.files or ascii(shown)[1:-1] in dropped, (raw, dropped)
    assert not set(outcome.files) & set(dropped)
