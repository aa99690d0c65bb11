"""Modules of Go: which lines are taken, what a proxy of modules answers, and what is there in a sandbox."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.domain.questions import Answer, Consent, Install, Question
from codeteam.domain.settings import NewPackages
from codeteam.sandbox import go_modules
from codeteam.sandbox.consents import Consents
from codeteam.sandbox.dependencies import Resolver, Target
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.go_modules import GoLock, GoModules
from codeteam.sandbox.interface import Command, DependencyProblem, DependencySet
from codeteam.sandbox.languages import LANGUAGES
from codeteam.sandbox.local import LocalSandbox
from codeteam.team.newcomers import admitted
from tests.sandbox.conftest import CACHE, SMALL
from tests.sandbox.modules import Proxy, library, proxy

GO = LANGUAGES["go"]
HERE = Target("3.11.7")
USES_TWO = 'import "example.com/two"\n\nvar Two = two.Hello'
SERVED = (
    library("example.com/one", body=USES_TWO, requires=["example.com/two v1.1.0", "example.com/never v1.0.0"]),
    library("example.com/two"),
    library("example.com/two", "v1.1.0"),
    library("example.com/two", "v1.2.0", time="2026-11-20T00:00:00Z"),
    library("example.com/never", requires=["example.com/farther v1.0.0"]),
    library("example.com/farther"),
    library("example.com/Loud"),
    library("example.com/big/v2", "v2.1.0"),
    library("example.com/raw", "v0.0.0-20230101000000-abcdefabcdef"),
    library("example.com/ahead", go="1.99"),
    library("example.com/leans", requires=["example.com/ahead v1.0.0"]),
    library("example.com/lost", requires=["example.com/gone v1.0.0"]),
    library("example.com/young", time="2026-11-20T00:00:00Z"),
    library("example.com/brings", requires=["example.com/young v1.0.0"]),
    library("github.com/gorilla/mox"),
    library("example.com/old", requires=["example.com/never v1.0.0"], go="1.16"),
)


@pytest.fixture(scope="module")
def served() -> Iterator[Proxy]:
    with proxy(*SERVED) as running:
        yield running


def environ(address: str, **more: str) -> dict[str, str]:
    """The user's environment, with go's settings for this proxy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GO")}
    return kept | {"GOPROXY": address, "GOSUMDB": "off", "GOMODCACHE": "/nowhere"} | more


@pytest.fixture
def modules(served: Proxy, places: Path) -> GoModules:
    return index(places / CACHE, served.address)


def index(cache: Path, address: str, before: str = "", **more: str) -> GoModules:
    own = environ(address, **more)
    return GoModules(cache=cache, environ=own, resolver=Resolver(cache=cache, environ=own), before=before)


async def locked(modules: GoModules, *lines: str, trusted: frozenset[str] = frozenset()) -> GoLock:
    asked, problems = go_modules.check(lines)
    assert problems == ()
    lock = await modules.lock(asked, HERE, trusted)
    assert isinstance(lock, GoLock), lock
    return lock


async def refused(modules: GoModules, *lines: str, trusted: frozenset[str] = frozenset()) -> list[DependencyProblem]:
    lock = await modules.lock(go_modules.check(lines)[0], HERE, trusted)
    assert isinstance(lock, tuple), lock
    return list(lock)


async def test_a_lock_has_what_is_needed_and_no_more(modules: GoModules, served: Proxy) -> None:
    before = len(served.asked)
    lock = await locked(modules, "example.com/one@v1.0.0", "example.com/two@v1.0.0", "example.com/Loud")
    assert lock.packages == (
        "example.com/Loud@v1.0.0", "example.com/never@v1.0.0", "example.com/one@v1.0.0", "example.com/two@v1.1.0",
    )  # fmt: skip
    assert lock.choice.beside == ("example.com/two@v1.0.0",)
    assert not any(path.endswith(".zip") for path in served.asked[before:])
    asked = len(served.asked)
    assert await locked(modules, "example.com/Loud", "example.com/one@v1.0.0", "example.com/two@v1.0.0") == lock
    assert len(served.asked) == asked


async def test_manifests_from_before_the_graph_was_cut_short(modules: GoModules) -> None:
    assert (await locked(modules, "example.com/old")).packages == (
        "example.com/farther@v1.0.0", "example.com/never@v1.0.0", "example.com/old@v1.0.0",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("example.com/invented", "There is no module of this name on the proxy."),
        ("github.com/stretchr/testifyy", "Did you mean github.com/stretchr/testify?"),
        ("example.com/one/inner/package@v1.0.0", "Did you mean example.com/one?"),
        ("example.com/two@v1.9.0", "The proxy has no such version of this module; its newest is v1.2.0."),
        ("example.com/big@v2.1.0", "Did you mean example.com/big/v2@v2.1.0?"),
        ("example.com/two@v2.0.0", "no such version"),
        ("example.com/ahead", "example.com/ahead@v1.0.0 needs Go 1.99; the sandbox has 1."),
        ("example.com/leans", "example.com/ahead@v1.0.0 needs Go 1.99; the sandbox has 1."),
        ("example.com/lost", "the proxy has no example.com/gone@v1.0.0"),
    ],
)
async def test_what_cannot_be_had_is_told_of_its_line(modules: GoModules, line: str, said: str) -> None:
    [problem] = await refused(modules, line, "example.com/two@v1.1.0")
    assert go_modules.name_of(problem.requirement) == go_modules.name_of(line)
    assert said in problem.message
    assert problem.kind == ""
    assert "127.0.0.1" not in problem.message


async def test_what_is_too_young_is_not_taken_unasked(served: Proxy, places: Path) -> None:
    modules = index(places / CACHE, served.address, before="2026-11-19")
    assert (await locked(modules, "example.com/two")).packages == ("example.com/two@v1.1.0",)
    assert (await locked(modules, "example.com/two", trusted=frozenset({"example.com/two"}))).packages == (
        "example.com/two@v1.2.0",
    )
    for line in ("example.com/young", "example.com/two@v1.2.0", "example.com/brings"):
        [problem] = await refused(modules, line, "example.com/never")
        assert (go_modules.name_of(problem.requirement), problem.kind) == (line.partition("@")[0], "young")
        assert "last days" in problem.message
    await locked(modules, "example.com/brings", trusted=frozenset({"example.com/brings"}))
    later = index(places / CACHE, served.address, before="2026-11-20")
    await locked(later, "example.com/young")


async def test_the_users_own_settings_of_go_choose_the_proxy(served: Proxy, places: Path, tmp_path: Path) -> None:
    settings = tmp_path / "env"
    settings.write_text(
        f"GOPROXY={served.address},direct\nGOSUMDB=off\nGOPRIVATE=*.corp.example\nGOFLAGS=-x\n", "utf-8"
    )
    own = {name: value for name, value in environ("").items() if not name.startswith("GO")}
    own |= {"GOENV": str(settings), "GOFLAGS": "-modfile=elsewhere.mod", "GO111MODULE": "off"}
    modules = GoModules(
        cache=places / CACHE, environ=own, resolver=Resolver(cache=places / CACHE, environ=own), before=""
    )
    assert (await locked(modules, "example.com/big/v2@v2.1.0")).packages == ("example.com/big/v2@v2.1.0",)
    before = len(served.asked)
    [problem] = await refused(modules, "git.corp.example/deep/secret")
    assert "GOPRIVATE" in problem.message
    assert len(served.asked) == before


async def test_no_proxy_is_said_and_what_was_known_still_counts(served: Proxy, places: Path, tmp_path: Path) -> None:
    with proxy(library("example.com/short")) as gone:
        modules = index(places / CACHE, gone.address)
        lock = await locked(modules, "example.com/short@v1.0.0")
    [earlier] = [path for path in (places / CACHE / "locks").glob("*.go.json") if path.read_text("utf-8") == lock.text]
    os.utime(earlier, (0, 0))
    assert await locked(modules, "example.com/short@v1.0.0") == lock
    with pytest.raises(SandboxUnavailable, match=r"could not be fetched: .*connection refused"):
        await modules.lock(("example.com/other@latest",), HERE)
    with pytest.raises(SandboxUnavailable, match=r"could not be fetched: .*connection refused"):
        await modules.install(lock, HERE, tmp_path, own_copies=True)
    for setting in ("direct", "off"):
        [problem] = await refused(index(places / CACHE, setting), "example.com/other")
        assert "go env -w GOPROXY" in problem.message
    with pytest.raises(SandboxUnavailable) as caught:
        await index(places / CACHE, "http://user:geheim-4711@127.0.0.1:9/").lock(("example.com/other@latest",), HERE)
    assert "geheim" not in f"{caught.value} {caught.value.hint}"


async def test_what_the_user_has_already_need_not_be_asked_for(places: Path, tmp_path: Path) -> None:
    """Private modules, which no proxy may be asked for, and any where there is no network."""
    secret = library("git.corp.example/secret", requires=["git.corp.example/deep v1.0.0"])
    fetched = (secret, library("git.corp.example/deep"), library("example.com/Fetched"))
    (tmp_path / "packages").symlink_to(places / CACHE / "packages")
    with proxy(*fetched) as once:
        lines = ("git.corp.example/secret@v1.0.0", "example.com/Fetched@v1.0.0")
        # Codeteam's own cache of modules, here in the place of the user's.
        theirs = index(tmp_path, once.address)
        (tmp_path / "first").mkdir()
        await theirs.install(await locked(theirs, *lines), HERE, tmp_path / "first", own_copies=True)
    own = {"GOMODCACHE": str(tmp_path / "go" / "modules"), "GOPRIVATE": "*.corp.example"}
    with proxy(library("example.com/two")) as public:
        for number, address in enumerate((f"{public.address},direct", "direct", "http://127.0.0.1:9")):
            folder = tmp_path / f"{number}"
            (folder / "unpacked").mkdir(parents=True)
            (folder / "packages").symlink_to(places / CACHE / "packages")
            modules = index(folder, address, **own)
            lock = await locked(modules, *lines)
            assert lock.packages == (
                "example.com/Fetched@v1.0.0", "git.corp.example/deep@v1.0.0", "git.corp.example/secret@v1.0.0",
            )  # fmt: skip
            await modules.install(lock, HERE, folder / "unpacked", own_copies=True)
            assert (folder / "unpacked" / "git.corp.example" / "deep@v1.0.0" / "deep.go").is_file()
            assert (await locked(modules, "example.com/Fetched")).packages == ("example.com/Fetched@v1.0.0",)
            for line in ("git.corp.example/secret", "git.corp.example/secret@v1.1.0", "git.corp.example/other@v1.0.0"):
                [problem] = await refused(modules, line)
                assert "GOPRIVATE" in problem.message
        assert not [path for path in public.asked if "corp" in path or path.endswith(".zip")]


async def test_a_version_stays_what_it_was(places: Path, tmp_path: Path) -> None:
    one = replace(library("example.com/changes", requires=["example.com/needed v1.0.0"]), marked=False)
    for number, other in enumerate((replace(one, go="1.20"), replace(one, files={"changes.go": "package changes\n"}))):
        with proxy(one, library("example.com/needed")) as honest:
            # A cache of its own, so that it is fetched again; toolchains need none.
            modules = index(tmp_path / f"{number}", honest.address)
            (tmp_path / f"{number}").mkdir()
            (tmp_path / f"{number}" / "packages").symlink_to(places / CACHE / "packages")
            lock = await locked(modules, "example.com/changes@v1.0.0")
            (tmp_path / f"{number}" / "first").mkdir()
            await modules.install(lock, HERE, tmp_path / f"{number}" / "first", own_copies=True)
        (tmp_path / f"{number}" / "go").rename(tmp_path / f"{number}" / "forgotten")
        with proxy(other, library("example.com/needed")) as changed:
            (tmp_path / f"{number}" / "second").mkdir()
            with pytest.raises(SandboxUnavailable, match=r"example.com/changes@v1.0.0 is not what it was"):
                await index(tmp_path / f"{number}", changed.address).install(
                    lock, HERE, tmp_path / f"{number}" / "second", own_copies=True
                )


@pytest.fixture
async def sandbox_of_modules(kind: str, places: Path, served: Proxy) -> AsyncIterator[DockerSandbox | LocalSandbox]:
    own = environ(served.address)
    made: DockerSandbox | LocalSandbox
    if kind == "local":
        made = LocalSandbox(home=places / "home", cache=places / CACHE, environ=own, limits=SMALL)
    else:
        made = DockerSandbox(cache=places / CACHE, environ=own, limits=SMALL)
    yield made
    await made.aclose()
    if isinstance(made, DockerSandbox):
        for key in made._locks:
            with contextlib.suppress(SandboxUnavailable):
                await made._engine.call(_removal(f"codeteam-go-{key}"))
        made._engine.close()


def _removal(volume: str) -> Callable[[Any], object]:
    return lambda api: api.remove_volume(volume)


MAIN = """\
package main

import (
\t"fmt"

\tloud "example.com/Loud"
\t"example.com/one"
)

func main() { fmt.Println(one.Two()); fmt.Println(loud.Hello()) }
"""


async def test_modules_are_there_and_only_those(sandbox_of_modules: DockerSandbox | LocalSandbox) -> None:
    """Required by the manifest or not yet, at the version it names or the one that another module needs."""
    sandbox = sandbox_of_modules
    ready = await sandbox.prepare(("example.com/two@v1.0.0", "example.com/one", "example.com/Loud"), "go")
    assert isinstance(ready, DependencySet), ready
    assert "example.com/two@v1.1.0" in ready.locked
    manifest = b"module example.org/shop\n\ngo 1.24\n\nrequire example.com/two v1.0.0\n"
    only = MAIN.replace('\tloud "example.com/Loud"\n', "").replace("; fmt.Println(loud.Hello())", "")
    only = only.replace("one", "two").replace("two.Two", "two.Hello")
    async with sandbox.open(ready, language="go") as session:
        for program, said in (
            (MAIN, "hello from example.com/two v1.1.0\nhello from example.com/Loud v1.0.0\n"),
            (only, "hello from example.com/two v1.0.0\n"),
        ):
            files = {"go.mod": manifest, "main.go": program.encode()}
            outcome = await session.run(Command(GO.run_argv("main.go"), files=files, remove=(".",)))
            assert (outcome.run.stdout, outcome.run.exit_code) == (said, 0), outcome
        files["main.go"] = MAIN.replace("example.com/Loud", "example.com/farther").encode()
        outcome = await session.run(Command(GO.run_argv("main.go"), files=files, remove=(".",)))
        assert "cannot find module providing package example.com/farther" in outcome.run.stderr, outcome
        inside = (
            'for place in "$GOMODCACHE/planted" "$GOMODCACHE/example.com/two@v1.1.0/two.go"; do echo >"$place"; done'
        )
        outcome = await session.run(Command(("sh", "-c", inside)))
        if isinstance(sandbox, DockerSandbox):
            assert outcome.run.stderr.count("Read-only file system") == 2, outcome


async def test_what_is_easily_mistaken_is_told(sandbox_of_modules: DockerSandbox | LocalSandbox) -> None:
    [problem] = await sandbox_of_modules.look_up(("github.com/gorilla/mox", "example.com/two"), "go")
    assert (problem.kind, "Did you mean github.com/gorilla/mux?" in problem.message) == ("mistaken", True)
    [problem] = await sandbox_of_modules.look_up(("https://example.com/two",), "go")
    assert "path of a module" in problem.message


@pytest.mark.docker
async def test_the_user_is_asked_once_for_each_new_module(served: Proxy, docker_ready: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    async def ask(question: Question, _: object) -> Answer:
        assert isinstance(question, Install)
        asked.append(question.text)
        return Consent("young" in question.package)

    own = environ(served.address)
    sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=own, limits=SMALL, exclude_newer="2026-11-19")
    lines = ("example.com/young v1.0.0", "github.com/gorilla/mox", "example.com/two@v1.0.0", "example.com/invented")
    for _ in range(2):
        looked_at = await admitted(
            {go_modules.name_of(line): line for line in lines},
            declared=frozenset({"example.com/two"}),
            policy=NewPackages.ASK,
            consents=Consents(tmp_path / "packages.json", ask),
            sandbox=sandbox,
            language="go",
            index="go",
        )
        assert looked_at.trusted == {"example.com/two", "example.com/young"}
        assert [problem.requirement for problem in looked_at.refused] == ["github.com/gorilla/mox"]
    await sandbox.aclose()
    young, mox, again = asked
    assert "example.com/young of the Go module proxy" in young
    assert "only in the last days" in young
    assert again == mox
