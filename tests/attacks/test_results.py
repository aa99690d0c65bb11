"""What a program leaves in its work folder for whoever brings results back: floods, depths, names that collide."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command, Session
from tests.attacks.attack import PROGRAMS
from tests.attacks.test_command import GROWTH
from tests.sandbox.conftest import SMALL
from tests.sandbox.running import python

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("results")


@pytest.fixture
async def sandbox(cache: Path) -> AsyncIterator[DockerSandbox]:
    """One that keeps a container in stock."""
    made = DockerSandbox(cache=cache, environ=os.environ, limits=SMALL, spares=1, rest=0)
    yield made
    await made.aclose()


@pytest.fixture
async def session(sandbox: DockerSandbox) -> AsyncIterator[Session]:
    async with sandbox.open() as opened:
        yield opened


async def test_a_flood_of_names_that_are_not_brought_back(session: Session) -> None:
    program = """
        import os
        path = "."
        for _ in range(8):
            path += "/" + "d" * 250
            os.mkdir(path)
        try:
            for number in range(30_000):
                os.symlink("x", f"{path}/{number:0250}")
        except OSError:
            print("full")
    """
    before = psutil.Process().memory_info().rss
    outcome = await python(session, program, collect=("**",), timeout=60)
    assert outcome.files == {}
    assert 0 < len(outcome.dropped) <= 100
    assert outcome.notice == ""
    assert psutil.Process().memory_info().rss - before < GROWTH
    assert (await python(session, "print('next')", remove=(".",))).run.stdout == "next\n"


async def test_a_flood_of_content(session: Session) -> None:
    program = """
        for number in range(1500):
            with open(f"f{number:04}", "wb") as file:
                file.write(bytes(4000))
    """
    began = time.monotonic()
    outcome = await python(session, program, collect=("*",))
    assert sum(map(len, outcome.files.values())) <= SMALL.results
    assert len(outcome.files) == SMALL.results // 4000
    assert len(outcome.dropped) == 100
    assert {reason for _, reason in outcome.dropped} == {"too large"}
    assert time.monotonic() - began < 60


async def test_five_thousand_levels(session: Session) -> None:
    program = """
        import os
        open("top", "w").close()
        for _ in range(5000):
            os.mkdir("d")
            os.chdir("d")
        open("bottom", "w").close()
    """
    outcome = await python(session, program, collect=("**",))
    assert outcome.files == {"top": b""}
    assert [reason for _, reason in outcome.dropped] == ["too deep"]


async def test_names_that_collide_elsewhere_are_kept_apart(session: Session) -> None:
    names = (
        "a.txt",
        "A.txt",
        "caf\u00e9",
        "cafe\u0301",
        "Stra\u00dfe",
        "STRASSE",
        "con",
        "nul.txt",
        "a.txt.",
        " a",
        "-rf",
        "~",
        "%2e%2e",
    )
    outcome = await python(session, f"for name in {names!r}: open(name, 'w').write(name)", collect=("*",))
    assert outcome.files == {name: name.encode() for name in names}


async def test_names_that_mean_something_elsewhere_stay_behind(session: Session) -> None:
    program = """
        import os
        odd = [b"line\\nfeed", b"back\\\\slash", b"C:drive", b"bell\\x07", b"\\x1b[31m", b"\\xff", b"del\\x7f"]
        odd.append(b"\\xed\\xa0\\x80")  # half of a surrogate pair
        for name in odd:
            open(name, "w").close()
    """
    outcome = await python(session, program, collect=("*",))
    assert outcome.files == {}
    assert len(outcome.dropped) == 8
    assert all(shown.isascii() and shown.isprintable() for shown, _ in outcome.dropped)


async def test_a_file_that_is_asked_for_by_name_is_a_file_or_nothing(session: Session) -> None:
    for act in (
        "os.symlink('/proc/self/environ', 'wanted')",
        "os.symlink('other', 'wanted')",
        "os.mkfifo('wanted')",
        "os.mkdir('wanted')",
        "os.symlink('/etc/passwd', 'wanted')",
        "os.symlink('wanted', 'wanted')",
    ):
        outcome = await python(
            session, f"import os; open('other', 'w').write('x'); {act}", remove=(".",), collect=("wanted",)
        )
        assert outcome.run.ok, (act, outcome.run.stderr)
        assert outcome.files == {}, act


async def test_no_job_meets_another_through_the_stock(sandbox: DockerSandbox) -> None:
    """Jobs one after the other and at once, as fast as they can: each finds a place that no one has been in."""
    program = (PROGRAMS / "planted_2_leftovers.py").read_bytes()
    where = "import socket; print(open('/proc/self/cgroup').read())"
    places = set()
    for _ in range(3):
        async with sandbox.open() as first, sandbox.open() as second:
            for session in (first, second):
                outcome = await session.run(Command(("python3", "attack.py"), files={"attack.py": program}))
                assert outcome.stdout == b"found []\n", outcome.run
                places.add((await python(session, where)).run.stdout)
    assert len(places) == 6
