"""The sandbox beside other ways to run a program, in one run: `python -m tests.bench.sandbox [--rounds N]`.

All take turns in small portions, with the same Python and, where there is a container, the same image, so that
whatever else the machine does falls on all of them alike; what counts are the ratios. The machine's load is printed
with each table, for a busy machine slows those down most that speak to the engine most.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import docker
import uv

from codeteam.sandbox import owner
from codeteam.sandbox.choose import cache_folder
from codeteam.sandbox.container import OWNER
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command, Session
from tests.bench.runners import (
    BUBBLEWRAP,
    Codeteam,
    Cold,
    Exec,
    Failed,
    Process,
    Rival,
    Runner,
    Timer,
    bare_python,
    full,
)
from tests.sandbox.index import environment, index, packages

RIVALS = Path(__file__).parent / "rivals"
BARE, BWRAP, EXEC, COLD = "bare subprocess", "bubblewrap", "docker exec", "cold hardened"
OURS, UNSTOCKED, OPENED = "codeteam", "codeteam without stock", "codeteam, opened"
GONE = ", to the last container's end"
OTHERS = ("AutoGen", "llm-sandbox", "smolagents")
FILES = {f"file{number:02}.txt": f"{number} " * 1000 for number in range(20)}
COPY = """
import os
os.makedirs("out", exist_ok=True)
for name in sorted(os.listdir(".")):
    if name.endswith(".txt"):
        with open(name) as source, open("out/" + name, "w") as target:
            target.write(source.read())
"""
JOBS = 50
AT_ONCE = 10
"""Containers that are open at once in the part that opens them before."""
QUICK = (BARE, BWRAP, EXEC, OURS)
PORTION = 5
"""Turns of the quick ones for each of the slow ones."""


class Bench:
    """The runners, and what was measured of them."""

    def __init__(self, folder: Path, image: str, player: subprocess.Popen[str], rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        self.api = docker.APIClient(max_pool_size=2 * JOBS)
        self.image = image
        self.python = bare_python(folder / "python")
        self.wrapper = (bubblewrap(), *BUBBLEWRAP)
        self.cold = self._sandbox(0)
        self.ours = self._sandbox(1)
        self.runners: dict[str, Runner] = {
            BARE: Process(self.python),
            BWRAP: Process(self.python, self.wrapper),
            EXEC: Exec(self.api, image),
            **{name: Rival(player, name) for name in OTHERS},
            COLD: Cold(self.cold),
            OURS: Codeteam(self.ours, stocked=True),
        }

    def _sandbox(self, spares: int) -> DockerSandbox:
        cache = self.folder / "cache"
        return DockerSandbox(cache=cache, environ=os.environ, image=self.image, spares=spares, rest=3600)

    async def run(self) -> None:
        for name, runner in tuple(self.runners.items()):
            try:
                await runner.open()
            except Failed as error:
                print(error)
                del self.runners[name]
        await self._each("write a file, run it, read what it says", self._single, most=1.3)
        await self._each("20 files in, run, 20 files out", self._twenty, most=1.8)
        for runner in self.runners.values():
            await runner.close()
        await self._jobs()
        await self._many()
        await self._dependencies()
        await self.cold.aclose()
        await self.ours.aclose()

    async def _each(self, title: str, measure: Callable[[str], Awaitable[float]], most: float) -> None:
        times: dict[str, list[float]] = {name: [] for name in self.runners}
        if measure == self._twenty:
            times.pop("smolagents", None)  # it has no way for files
        for turn in range(self.rounds * PORTION):
            # in another order each time: what a container's end still costs falls on whoever is next
            for name, found in random.sample(list(times.items()), len(times)):
                if turn % PORTION and name not in QUICK:
                    continue
                try:
                    found.append(await measure(name))
                except Failed as error:
                    print(error)
        _table(title, {name: found for name, found in times.items() if found}, most=most)

    async def _single(self, name: str) -> float:
        ms, said = await self.runners[name].run("print(6 * 7)")
        assert said.strip() == "42", (name, said)
        return ms

    async def _twenty(self, name: str) -> float:
        ms, found = await self.runners[name].files(COPY, FILES)
        assert found == FILES, name
        return ms

    async def _jobs(self) -> None:
        """From nothing to nothing: what it takes to begin, five runs, and what it takes to end."""
        runners = self.runners | {UNSTOCKED: Codeteam(self.cold, stocked=False)}
        times: dict[str, list[float]] = {name: [] for name in runners}
        for turn in range(self.rounds):
            for name, runner in runners.items():
                if name in OTHERS and turn >= 2:
                    continue  # each takes ten seconds to end
                try:
                    spent = await runner.open()
                    for _ in range(5):
                        spent += (await runner.run("print(6 * 7)"))[0]
                    times[name].append(spent + await runner.close())
                except Failed as error:
                    print(error)
        _table("a job of five runs, from start to end", {name: spent for name, spent in times.items() if spent})
        if times["AutoGen"]:
            faster = median(times["AutoGen"]) / median(times[OURS])
            print(f"  {faster:.0f} x faster than AutoGen's; at least 50: {_verdict(faster >= 50)}")

    async def _many(self) -> None:
        """Fifty jobs at once, a run each; the containers of Codeteam's are opened before, or with them and ended."""
        rates: dict[str, list[float]] = {}
        for _ in range(max(2, self.rounds // 2)):
            for name, wrapper in ((BARE, ()), (BWRAP, self.wrapper)):
                rate = await asyncio.to_thread(self._threads, Process(self.python, wrapper))
                rates.setdefault(name, []).append(rate)
            execs = Exec(self.api, self.image)
            await execs.open()
            rates.setdefault(EXEC, []).append(await asyncio.to_thread(self._threads, execs))
            await execs.close()
            rates.setdefault(OPENED, []).append(await self._opened())
            for name, stock in ((OURS, JOBS), (UNSTOCKED, 0)):
                done, gone = await self._sessions(stock)
                rates.setdefault(name, []).append(done)
                rates.setdefault(f"{name}{GONE}", []).append(gone)
        print(f"\n{JOBS} jobs at once, a run each (load {_load()})")
        bare = median(rates[BARE])
        for name, found in rates.items():
            print(f"  {name:42} {median(found):9.1f} a second {median(found) / bare:5.2f} x bare")
        for name in (OPENED, OURS):
            print(f"  {name}: at least 0.7 x bare: {_verdict(median(rates[name]) >= 0.7 * bare)}")

    def _threads(self, process: Process) -> float:
        if not isinstance(process, Exec):
            asyncio.run(process.open())
        with ThreadPoolExecutor(JOBS) as threads:
            timer = Timer()
            names = [f"main{number}.py" for number in range(JOBS)]
            said = list(threads.map(lambda name: process.once("print(6 * 7)", name), names))
            rate = JOBS / timer.ms * 1000
        assert [text.strip() for text in said] == ["42"] * JOBS
        if not isinstance(process, Exec):
            asyncio.run(process.close())
        return rate

    async def _opened(self) -> float:
        """Runs of jobs whose containers are there: as many at once as there is room for, until all had theirs."""
        sandbox = self._sandbox(0)
        async with AsyncExitStack() as stack:
            sessions = [await stack.enter_async_context(sandbox.open()) for _ in range(AT_ONCE)]
            timer = Timer()
            await asyncio.gather(*(_run(sessions[number % AT_ONCE]) for number in range(JOBS)))
            rate = JOBS / timer.ms * 1000
        await sandbox.aclose()
        return rate

    async def _sessions(self, spares: int) -> tuple[float, float]:
        """Whole jobs, each container from the stock or from its creation: jobs done, and containers gone, a second."""
        sandbox = self._sandbox(spares)
        await full(sandbox)

        async def job() -> None:
            async with sandbox.open() as session:
                await _run(session)

        timer = Timer()
        await asyncio.gather(*(job() for _ in range(JOBS)))
        done = JOBS / timer.ms * 1000
        await sandbox.aclose()
        return done, JOBS / timer.ms * 1000

    async def _dependencies(self) -> None:
        """Two packages from an index on loopback: never seen, known to this process, known to one before."""
        cold: list[float] = []
        warm: list[float] = []
        before: list[float] = []
        for turn in range(self.rounds):
            place = self.folder / f"packages-{turn}"
            place.mkdir()
            with index(packages(place / "trap")) as address:
                environ = environment(address, place)
                one, other = (DockerSandbox(cache=place / "cache", environ=environ, image=self.image) for _ in range(2))
                async with one.open():
                    pass  # the tools, which every set has beside it
                volumes = []
                for sandbox, times in ((one, cold), (one, warm), (other, before)):
                    timer = Timer()
                    ready = await sandbox.prepare(("leaning", "plain"))
                    times.append(timer.ms)
                    assert not isinstance(ready, tuple), ready
                    volumes.append(f"codeteam-deps-{ready.key}")
                await one.aclose()
                await other.aclose()
                self.api.remove_volume(volumes[0])
        print(f"\ndependencies of a job (load {_load()})")
        for name, times in (("cold", cold), ("cache hit", warm), ("cache hit, new process", before)):
            print(f"  {name:22} {median(times):9.1f} ms")
        print(f"  a hit at most 20 ms: {_verdict(median(warm) <= 20)}")


async def _run(session: Session) -> None:
    outcome = await session.run(Command(("python3", "main.py"), files={"main.py": b"print(6 * 7)"}))
    assert outcome.run.stdout == "42\n"


def _table(title: str, times: dict[str, list[float]], *, most: float | None = None) -> None:
    """Medians, and beside them the fastest, which other work on the machine disturbed least."""
    print(f"\n{title} (load {_load()})")
    bare, best = median(times[BARE]), min(times[BARE])
    for name, found in times.items():
        value, fastest = median(found), min(found)
        print(
            f"  {name:22} {value:9.1f} ms {value / bare:7.2f} x bare"
            f"    fastest {fastest:9.1f} ms {fastest / best:7.2f} x bare",
            flush=True,
        )
    if most is not None:
        print(f"  at most {most:g} x bare: {_verdict(median(times[OURS]) <= most * bare)}")


def _verdict(held: bool) -> str:
    return "yes" if held else "NO"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def executors() -> Path:
    """The interpreter of an environment with the others, made once for each state of their lock."""
    lock = RIVALS / "executors.lock"
    folder = cache_folder(os.environ) / "bench" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--quiet", "--python", sys.executable, str(folder))
        _uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(folder / "bin" / "python"), str(lock))
        (folder / "complete").touch()
    return folder / "bin" / "python"


@contextmanager
def bench_image(api: Any, image: str, python: str) -> Iterator[str]:
    """Codeteam's image with what others look for in theirs, for all: `timeout`, and the gateway of smolagents."""
    tag = "codeteam-bench/sandbox:latest"
    with tempfile.TemporaryDirectory() as place:
        lock, target = str(RIVALS / "kernel.lock"), f"{place}/kernel"
        wanted = ("--python-version", python, "--require-hashes", "--requirements", lock)
        _uv("pip", "install", "--quiet", "--python", sys.executable, *wanted, "--target", target)
        lines = [f"FROM {image}", "COPY kernel /opt/kernel"]
        if api.inspect_image(image)["Config"]["Labels"].get("codeteam.source") == "host":
            shutil.copy("/usr/bin/timeout", place)
            lines.append("COPY timeout /usr/bin/timeout")
        Path(place, "Dockerfile").write_text("\n".join(lines))
        context = io.BytesIO()
        with tarfile.open(fileobj=context, mode="w") as archive:
            archive.add(place, ".")
        context.seek(0)
        for said in api.build(fileobj=context, custom_context=True, tag=tag, rm=True, decode=True):
            assert "error" not in said, said
    try:
        yield tag
    finally:
        api.remove_image(tag, force=True)


def _player(image: str) -> subprocess.Popen[str]:
    argv = [str(executors()), "-P", str(RIVALS / "play.py"), image]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _uv(*arguments: str) -> None:
    subprocess.run([uv.find_uv_bin(), *arguments], check=True)


def bubblewrap() -> str:
    """The program out of Debian's package, not installed: Codeteam's local sandbox would use it from then on."""
    folder = cache_folder(os.environ) / "bench" / "bubblewrap"
    program = folder / "usr" / "bin" / "bwrap"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "--quiet", "bubblewrap"], cwd=folder, check=True)
        (package,) = folder.glob("*.deb")
        subprocess.run(["dpkg", "--extract", package, folder], check=True)
        package.unlink()
    return str(program)


async def _bench(rounds: int) -> None:
    sandbox = DockerSandbox(cache=cache_folder(os.environ), environ=os.environ)
    found = await sandbox._image()
    python = (await sandbox._targets.of(found)).python
    await sandbox.aclose()
    api = docker.APIClient()
    with (
        tempfile.TemporaryDirectory() as folder,
        bench_image(api, found.name, python) as image,
        _nothing_left(api),
        _player(image) as player,
    ):
        await Bench(Path(folder), image, player, rounds).run()


@contextmanager
def _nothing_left(api: Any) -> Iterator[None]:
    """Count the containers that are left, and remove them."""
    before = {facts["Id"] for facts in api.containers(all=True)}
    try:
        yield
    finally:
        new = [facts for facts in api.containers(all=True) if facts["Id"] not in before]
        mine = ("", owner.this_process().label)  # others may use the engine too
        left = [facts["Id"] for facts in new if facts["Labels"].get(OWNER, "") in mine]
        print(f"\ncontainers left: {len(left)}; at most 0: {_verdict(not left)}")
        for identifier in left:
            api.remove_container(identifier, force=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="more rounds, less noise (default: 6, about 3 minutes)")
    arguments = parser.parse_args()
    asyncio.run(_bench(arguments.rounds))


if __name__ == "__main__":
    main()
