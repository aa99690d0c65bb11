"""Each attack by the command line: what must happen happens, and nothing of it is left."""

from __future__ import annotations

import pytest

from tests.attacks.aftermath import Watched
from tests.attacks.attack import Attack, read_attacks
from tests.attacks.commanded import CANARY, Commanded, Ground
from tests.attacks.conftest import Ahead

pytestmark = pytest.mark.docker
CODES = {"deadline": 124, "memory": 137}
GROWTH = 16 * 1024 * 1024


@pytest.mark.parametrize("attack", read_attacks(), ids=lambda attack: attack.name)
def test_attack(attack: Attack, commanded: Ahead, watched: Watched, ground: Ground) -> None:
    done = commanded(attack)
    said = f"exit {done.code}\n{done.stdout[:2000]!r}\n{done.stderr[-2000:]}"
    assert done.code in {_code(end) for end in attack.ends}, said
    if "deadline" in attack.ends:
        assert "killed after" in done.stderr, said
    if "memory" in attack.ends and done.code == CODES["memory"]:
        assert "memory ran out" in done.stderr, said
    if attack.stdout is not None:
        assert done.stdout == attack.stdout, said
    for part in (*attack.lacks, CANARY):
        assert part.encode() not in done.stdout, part
        assert part not in done.stderr, part
    if attack.truncated:
        assert "was dropped" in done.stderr, said
    assert "Traceback" not in done.stderr or attack.name == "terminal", said
    assert "replaced" not in done.stderr, said
    assert done.memory - ground.usual < GROWTH, f"{(done.memory - ground.usual) >> 20} MiB more than a harmless run"
    assert not done.left
    assert not watched.left_of({done.pid})


def test_the_next_run_works(ground: Ground, commanded: Ahead, watched: Watched) -> None:
    """After all of them, as after each: other attacks began when one ended."""
    del commanded
    done: Commanded = ground.play(Attack("next", "print('fine')", "", "", ()))
    assert (done.code, done.stdout, done.left) == (0, b"fine\n", {})
    assert done.memory - ground.usual < GROWTH
    assert not ground.cached_since()
    assert not watched.left_of({done.pid})


def _code(end: str) -> int:
    word, _, number = end.partition(" ")
    if word == "signal":
        return 128 + int(number)
    return CODES[word] if word in CODES else int(number)
