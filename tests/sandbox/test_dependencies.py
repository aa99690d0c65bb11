"""Packages of generated code, from a real index on loopback."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.domain.questions import Answer, Ask, Consent, Install, Question
from codeteam.domain.settings import NewPackages
from codeteam.sandbox import known
from codeteam.sandbox.consents import Consents
from codeteam.sandbox.dependencies import Lock, Resolver, Target, check, without_places
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.indexes import package_name
from codeteam.sandbox.interface import Command, DependencyProblem, DependencySet
from codeteam.sandbox.languages import ruff
from codeteam.sandbox.local import LocalSandbox
from codeteam.sandbox.type_check import mypy
from codeteam.team.newcomers import admitted
from tests.sandbox.conftest import CACHE, SMALL
from tests.sandbox.index import environment, index, packages
from tests.sandbox.running import python


@pytest.fixture
async def offline_sandbox(kind: str, places: Path, tmp_path: Path) -> AsyncIterator[DockerSandbox | LocalSandbox]:
    """Each sandbox, with nothing but the loopback index to ask."""
    with index(packages(tmp_path / "trap")) as address:
        environ = environment(address, tmp_path)
        cache = places / CACHE
        made: DockerSandbox | LocalSandbox
        if kind == "docker":
            made = DockerSandbox(cache=cache, environ=environ, limits=SMALL)
        else:
            made = LocalSandbox(home=places / "home", cache=cache, environ=environ, limits=SMALL)
        yield made
        if isinstance(made, DockerSandbox):
            for key in made._locks:
                await _remove_volume(made, f"codeteam-deps-{key}")
        await made.aclose()
    assert not (tmp_path / "trap").exists(), "build code ran"


async def _remove_volume(sandbox: DockerSandbox, name: str) -> None:
    with contextlib.suppress(SandboxUnavailable):
        await sandbox._engine.call(lambda api: api.remove_volume(name))


async def test_a_package_does_not_check_its_own_code(offline_sandbox: DockerSandbox | LocalSandbox) -> None:
    ready = await offline_sandbox.prepare(("flattering",))
    assert isinstance(ready, DependencySet)
    code = b"import flattering\n\nx: int = 'one'\nprint(y, flattering.nothing)\n"
    async with offline_sandbox.open(ready) as session:
        by_ruff = await session.run(Command(ruff(("bad.py",)), files={"bad.py": code}))
        by_mypy = await session.run(Command(mypy(("bad.py",))))
    assert "F821" in by_ruff.run.stdout, by_ruff
    assert "assignment" in by_mypy.run.stdout, by_mypy
    assert 'Module has no attribute \\"nothing\\"' in by_mypy.run.stdout, "what a package is, mypy reads all the same"


async def test_packages_can_be_imported_and_their_scripts_run(offline_sandbox: DockerSandbox | LocalSandbox) -> None:
    ready = await offline_sandbox.prepare(("leaning", "plain>=1.0"))
    assert isinstance(ready, DependencySet)
    assert sorted(ready.locked) == ["leaning==2.0", "plain==1.0"]
    assert ready.requirements == ("leaning", "plain>=1.0")
    again = await offline_sandbox.prepare(("plain>=1.0", "leaning"))
    assert again == ready
    program = """
        import importlib.metadata, leaning, plain
        leaning.hello(); plain.hello()
        print(importlib.metadata.version("leaning"))
        try:
            open(leaning.__file__, "a")
            print("writable")
        except OSError:
            pass
    """
    async with offline_sandbox.open(ready) as session:
        outcome = await python(session, program)
        expected = "hello from leaning\nhello from plain\n2.0\n"
        if isinstance(offline_sandbox, DockerSandbox):
            script = await session.run(Command(("leaning-hello",)))
            assert script.run.stdout == "hello from leaning\n", script
        else:
            expected += "writable\n"
        assert outcome.run.stdout == expected, outcome
    async with offline_sandbox.open() as session:
        assert "ModuleNotFoundError" in (await python(session, "import leaning")).run.stderr


async def test_a_jobs_own_version_wins_over_the_tools(offline_sandbox: DockerSandbox | LocalSandbox) -> None:
    ready = await offline_sandbox.prepare(("pytest==9.9.9",))
    assert isinstance(ready, DependencySet)
    async with offline_sandbox.open(ready) as session:
        assert (await python(session, "import pytest; print(pytest.OWN)")).run.stdout == "True\n"


@pytest.mark.parametrize(
    ("asked", "requirement", "words"),
    [
        (("surely-invented-package",), "surely-invented-package", "no package of this name"),
        (("plain==7.0",), "plain==7.0", "no such version"),
        (("sourceonly",), "sourceonly", "no wheel"),
        (("elsewhere",), "elsewhere", "no wheel"),
        (("leaning", "plain>=1.1"), "plain>=1.1", "Cannot be met together"),
        (("plain", "surely-invented-package"), "surely-invented-package", "no package of this name"),
    ],
)
async def test_what_cannot_be_had_is_a_finding(
    offline_sandbox: DockerSandbox | LocalSandbox, asked: tuple[str, ...], requirement: str, words: str
) -> None:
    problems = await offline_sandbox.prepare(asked)
    assert isinstance(problems, tuple)
    assert requirement in [problem.requirement for problem in problems]
    assert all(isinstance(problem, DependencyProblem) and words in problem.message for problem in problems)
    assert "127.0.0.1" not in str(problems)


async def test_no_packages(offline_sandbox: DockerSandbox | LocalSandbox) -> None:
    assert await offline_sandbox.prepare(()) == DependencySet(key="")


HOSTILE = (
    "-r /etc/passwd",
    "--index-url http://127.0.0.1:1/simple",
    "--extra-index-url=http://127.0.0.1:1",
    "-e .",
    "-c constraints.txt",
    "./local",
    "/etc/passwd",
    "file:///etc/passwd",
    "plain @ file:///tmp/x.whl",
    "plain @ https://127.0.0.1/x.whl",
    "git+https://127.0.0.1/x.git",
    "https://127.0.0.1/x.whl",
    "plain --hash=sha256:00",
    "plain\n-r /etc/passwd",
    "plain; import os",
    "plain $(id)",
    "plain===1.0",
    "plain===1.0#x",
    "plain; os_name === 'x'",
    "x" * 500,
    "",
    "   ",
    "sqlite3",
    "asyncio",
    "JSON",
)


def test_hostile_lines_never_reach_the_installer() -> None:
    for line in HOSTILE:
        good, problems = check([line])
        assert (good == ()) == (line != "JSON"), line
        assert len(problems) == (0 if line == "JSON" else 1)
    good, problems = check(["Plain_Package[extra] >=1,<2", "plain-package[extra]<2,>=1", "b; python_version > '3'"])
    assert problems == ()
    assert good == ("b; python_version > '3'".replace("'", '"'), "plain-package[extra]<2,>=1")
    assert len(check([f"p{n}" for n in range(150)])[1]) == 1


async def test_a_line_that_uv_cannot_read_is_a_finding(tmp_path: Path) -> None:
    with index(packages(tmp_path / "trap")) as address:
        resolver = Resolver(cache=tmp_path / "cache", environ=environment(address, tmp_path))
        problems = await resolver.lock(("plain", "plain===1.0#x"), Target("3.11.7"))
    assert isinstance(problems, tuple)
    assert "plain===1.0#x" in [problem.requirement for problem in problems]
    assert "uv can read" in problems[0].message


def test_words_of_tools_are_told_without_places() -> None:
    said = "reading /tmp/x-1/lock.txt and `C:\\Users\\x\\a` of https://user:key@host/simple failed: and/or 1/2"
    assert without_places(said) == "reading a file and `a file` of the index failed: and/or 1/2"


async def test_an_index_that_cannot_be_reached(tmp_path: Path) -> None:
    target = Target("3.11.7", "x86_64-manylinux_2_28")
    with index(packages(tmp_path / "trap")) as address:
        resolver = Resolver(cache=tmp_path / "cache", environ=environment(address, tmp_path))
        known = await resolver.lock(("plain",), target)
    assert isinstance(known, Lock)
    assert await resolver.lock(("plain",), target) == known
    with pytest.raises(SandboxUnavailable) as caught:
        await resolver.lock(("leaning",), target)
    assert caught.value.hint
    assert "127.0.0.1" not in str(caught.value)


async def test_an_old_resolution_is_used_when_the_index_is_away(tmp_path: Path) -> None:
    target = Target("3.11.7", "x86_64-manylinux_2_28")
    with index(packages(tmp_path / "trap")) as address:
        resolver = Resolver(cache=tmp_path / "cache", environ=environment(address, tmp_path))
        known = await resolver.lock(("plain",), target)
    for path in (tmp_path / "cache" / "locks").iterdir():
        os.utime(path, (0, 0))
    assert await resolver.lock(("plain",), target) == known


async def test_a_workspaces_configuration_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A uv.toml beside the code must not choose where packages come from."""
    (tmp_path / "uv.toml").write_text('[[index]]\nurl = "http://127.0.0.1:9/simple"\ndefault = true\n')
    monkeypatch.chdir(tmp_path)
    with index(packages(tmp_path / "trap")) as address:
        environ = environment(address, tmp_path)
        del environ["UV_NO_CONFIG"], environ["UV_DEFAULT_INDEX"]
        environ["UV_INDEX_URL"] = address
        environ["XDG_CONFIG_HOME"] = str(tmp_path / "none")
        resolver = Resolver(cache=tmp_path / "cache", environ=environ)
        assert isinstance(await resolver.lock(("plain",), Target("3.11.7")), Lock)


def test_targets() -> None:
    glibc = Target.of(python="3.12.1", machine="x86_64", libc="glibc", libc_version="2.36")
    assert glibc.platform == "x86_64-manylinux_2_36"
    assert Target.of(python="3.12.1", machine="aarch64", libc="glibc", libc_version="2.30").platform == (
        "aarch64-manylinux_2_28"
    )
    assert Target.of(python="3.12.1", machine="x86_64", libc="glibc", libc_version="2.99").platform == (
        "x86_64-manylinux_2_40"
    )
    assert Target.of(python="3.12.1", machine="x86_64", libc="", libc_version="").platform == (
        "x86_64-unknown-linux-musl"
    )
    assert Lock.of("a==1\n", glibc).key != Lock.of("a==1\n", Target("3.12.1")).key
    assert Lock.of("a==1\n", glibc).key == Lock.of("a==1\n", Target("3.12.9", glibc.platform)).key


DATES = {
    "plain-1.0": "2020-01-01T00:00:00Z",
    "plain-1.1": "2026-11-01T00:00:00Z",
    "leaning-2.0": "2026-11-01T00:00:00Z",
}


async def test_what_is_too_young_is_not_taken_unasked(tmp_path: Path) -> None:
    target = Target("3.11.7", "x86_64-manylinux_2_28")
    some = {name: files for name, files in packages(tmp_path / "trap").items() if name in ("plain", "leaning")}
    with index(some, DATES) as address:
        environ = environment(address, tmp_path)
        resolver = Resolver(cache=tmp_path / "cache", environ=environ, exclude_newer="2026-10-01")
        older = await resolver.lock(("plain",), target)
        assert isinstance(older, Lock)
        assert older.packages == ("plain==1.0",)
        for line in ("leaning", "plain>=1.1"):
            [problem] = await resolver.lock((line,), target)  # type: ignore[misc]
            assert isinstance(problem, DependencyProblem)
            assert (problem.requirement, problem.kind) == (line, "young")
        trusted = await resolver.lock(("leaning",), target, frozenset({"Leaning"}))
        assert isinstance(trusted, Lock)
        assert trusted.packages == ("leaning==2.0", "plain==1.0")


async def test_locked_versions_are_taken_where_they_fit(tmp_path: Path) -> None:
    """Of what is asked for and of what that needs; what does not fit, is not there or is not needed does no harm."""
    target = Target("3.11.7", "x86_64-manylinux_2_28")
    with index(packages(tmp_path / "trap"), DATES) as address:
        resolver = Resolver(cache=tmp_path / "cache", environ=environment(address, tmp_path))
        for lines, preferred, expected in (
            (("plain",), (), ("plain==1.1",)),
            (("plain",), ("plain==1.0", "leaning==2.0"), ("plain==1.0",)),
            (("plain>1.0",), ("plain==1.0",), ("plain==1.1",)),
            (("plain",), ("plain==0.1",), ("plain==1.1",)),
            (("plain",), ("plain==1.0 ; (python_full_version < '3.11')",), ("plain==1.1",)),
            (("plain",), ("plain==1.0 ; (python_full_version >= '3.11')", "plain==1.1 ; (sys_platform == 'win32')"),
             ("plain==1.0",)),
            (("leaning",), ("plain==1.0",), ("leaning==2.0", "plain==1.0")),
        ):  # fmt: skip
            lock = await resolver.lock(lines, target, preferred=preferred)
            assert isinstance(lock, Lock)
            assert lock.packages == expected, (lines, preferred)
        careful = Resolver(cache=tmp_path / "cache", environ=environment(address, tmp_path), exclude_newer="2026-10-01")
        aged = await careful.lock(("plain",), target, preferred=("plain==1.1",))
        assert isinstance(aged, Lock)
        assert aged.packages == ("plain==1.0",)


async def test_an_index_without_dates_has_no_age(tmp_path: Path) -> None:
    with index(packages(tmp_path / "trap")) as address:
        environ = environment(address, tmp_path)
        resolver = Resolver(cache=tmp_path / "cache", environ=environ, exclude_newer="2026-10-01")
        lock = await resolver.lock(("leaning",), Target("3.11.7", "x86_64-manylinux_2_28"))
    assert isinstance(lock, Lock)
    assert lock.packages == ("leaning==2.0", "plain==1.0")


@pytest.mark.parametrize(
    ("name", "place", "other"),
    [
        ("reqeusts", "pypi", "requests"),
        ("requestss", "pypi", "requests"),
        ("Typing_Extension", "pypi", "typing-extensions"),
        ("sklearn", "pypi", "scikit-learn"),
        ("requests", "pypi", ""),
        ("numpy", "pypi", ""),
        ("httpx2", "pypi", ""),
        ("httpx3", "pypi", "httpx"),
        ("six", "pypi", ""),
        ("sixx", "pypi", ""),
        ("surely-invented-package", "pypi", ""),
        ("lodahs", "npm", "lodash"),
        ("expresss", "npm", "express"),
        ("react", "npm", ""),
        ("@types/nodes", "npm", "@types/node"),
    ],
)
def test_names_that_look_like_a_known_one(name: str, place: str, other: str) -> None:
    assert known.mistaken(name, place) == other


@pytest.mark.parametrize(
    ("name", "place", "other"),
    [
        ("beautiful-soup4", "pypi", "beautifulsoup4"),
        ("python-requests", "pypi", ""),
        ("cv2", "pypi", "opencv-python"),
        ("fast-api", "pypi", "fastapi"),
        ("lodahs", "npm", "lodash"),
        ("quite-something-else-altogether", "npm", ""),
    ],
)
def test_what_an_unknown_name_may_mean(name: str, place: str, other: str) -> None:
    assert known.meant(name, place) == other


async def test_what_is_easily_mistaken_is_told_and_can_be_had(offline_sandbox: DockerSandbox | LocalSandbox) -> None:
    [problem] = await offline_sandbox.look_up(("requestz>=1", "plain"))
    assert (problem.requirement, problem.kind) == ("requestz>=1", "mistaken")
    assert "Did you mean requests?" in problem.message
    assert await offline_sandbox.look_up(("requestz",), trusted=frozenset({"requestz"})) == ()
    ready = await offline_sandbox.prepare(("requestz",))
    assert isinstance(ready, DependencySet)
    [missing] = await offline_sandbox.look_up(("reqeusts",))
    assert missing.kind == ""
    assert "no package of this name on the index. Did you mean requests?" in missing.message


@pytest.mark.parametrize(
    "line", ["requestz", "requestz ~= 1.0", "requestz <3", "requestz [socks]", "Requestz ; python_version > '3'"]
)
async def test_a_doubt_is_told_however_the_line_is_spelt(
    offline_sandbox: DockerSandbox | LocalSandbox, tmp_path: Path, line: str
) -> None:
    asked: list[str] = []

    async def ask(question: Question, _: object) -> Answer:
        assert isinstance(question, Install)
        asked.append(question.text)
        return Consent(True)

    for number, asking in enumerate(((), (ask,))):
        looked_at = await admitted(
            {package_name(line, "pypi"): line},
            declared=frozenset(),
            policy=NewPackages.ASK,
            consents=Consents(tmp_path / f"{number}.json", *asking),
            sandbox=offline_sandbox,
            language="python",
            index="pypi",
        )
        assert [doubt.kind for doubt in looked_at.doubts] == ([] if asking else ["mistaken"])
    assert "Did you mean requests?" in asked[0]


async def test_a_yes_is_remembered_and_a_no_holds_for_the_job(tmp_path: Path) -> None:
    asked: list[str] = []

    def answering(granted: bool) -> Ask:
        async def ask(question: Question, _: object) -> Answer:
            assert isinstance(question, Install)
            asked.append(question.text)
            return Consent(granted)

        return ask

    path = tmp_path / "packages.json"
    first = Consents(path, answering(True))
    assert await first.ask("six", "pypi", "It is old.") is True
    assert "six of PyPI" in asked[0]
    assert asked[0].endswith("It is old.")
    second = Consents(path, answering(False))
    assert second.granted("pypi") == {"six"}
    assert second.granted("npm") == frozenset()
    assert [await second.ask("left-pad", "npm", "") for _ in range(2)] == [False, False]
    assert len(asked) == 2
    assert Consents(path).granted("npm") == frozenset()
    assert await Consents(path).ask("left-pad", "npm", "") is None
    path.write_text("[1, {", "utf-8")
    assert Consents(path).granted("pypi") == frozenset()
