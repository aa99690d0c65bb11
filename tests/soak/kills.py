"""Servers, workers and the engine are killed with SIGKILL at random points of jobs; then it is looked at what is left.

Each round is two servers on one engine, each with two jobs. Something of the first server, or the engine, is killed;
the second server's jobs must not notice anything but the engine's end.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from codeteam.sandbox import container, owner, volumes
from codeteam.sandbox.policy import MARKER
from tests.cli.command import slug_replies
from tests.lsp.client import Client, at, running
from tests.sandbox.own_engine import OwnEngine

VICTIMS = ("server", "worker", "engine", "nobody")
STUB = 'def slug(text: str) -> str:\n    """Lower-case words joined by hyphens."""\n    ...\n'
PATIENCE = 180.0
"""Seconds for what must happen, on a machine that does other things too."""
ENDING = 10.0
"""Seconds that the engine may take to be done with containers whose programs are dead."""
JOB_SECONDS = 4.0
"""About how long a job takes; the point of the kill is drawn from it."""
ENDS = {"applied", "kept", "done", "failed", "cancelled", "proposed"}


@dataclass(slots=True)
class Figures:
    """What was seen, over all rounds."""

    jobs: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    """Jobs by what history says of them."""
    outlived: dict[str, list[float]] = field(default_factory=dict)
    """By victim and what it left, seconds from the kill to the end of the last process or container without owner."""
    unstarted: int = 0
    """Containers that were made and not started yet when their owner died."""
    problems: list[str] = field(default_factory=list)
    """What ought not to be."""


@dataclass(frozen=True, slots=True)
class Round:
    victim: str
    after: float
    """Seconds from the jobs' start to the kill."""
    emptied: bool
    """Whether no package is there at the start, so that volumes are being filled."""


def rounds(count: int, seed: int) -> list[Round]:
    """Victims in turn, points at random."""
    draw = random.Random(seed)
    victims = itertools.islice(itertools.cycle(VICTIMS), count)
    return [Round(victim, draw.uniform(0.0, JOB_SECONDS), draw.random() < 0.3) for victim in victims]


class Soak:
    """Two Codeteams with homes of their own that share an engine and a cache of packages."""

    def __init__(self, folder: Path, engine: OwnEngine) -> None:
        self.folder = folder
        self.engine = engine
        self.figures = Figures()
        self._replies = folder / "replies.yaml"
        self._replies.write_text(json.dumps(slug_replies()), "utf-8")  # JSON is YAML
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        self._submitted: dict[str, list[str]] = {"one": [], "two": []}
        self._codeteam("one", "sandbox", "build", "--from", "host")

    async def round(self, plan: Round) -> None:
        if plan.emptied:
            self._codeteam("one", "sandbox", "prune", "--volumes")
        async with AsyncExitStack() as stack:
            first, second = [await stack.enter_async_context(self._server(name)) for name in self._submitted]
            jobs = {name: await self._start(name, client) for name, client in (("one", first), ("two", second))}
            await asyncio.sleep(plan.after)
            await self._kill(plan.victim, first)
            if plan.victim != "server":
                await self._ends(first, jobs["one"])
            await self._ends(second, jobs["two"])
            for client in (first, second):
                if client.process.returncode is None:
                    await client.leave()
        self._look_at_history(plan, jobs)

    async def _kill(self, victim: str, client: Client) -> None:
        server = psutil.Process(client.process.pid)
        workers = [child for child in server.children() if "codeteam.worker" in child.cmdline()]
        self.figures.kills[victim] += 1
        begun = time.monotonic()
        match victim:
            case "server":
                server.kill()
                await self._none_left(victim, begun, workers)
            case "worker" if workers:
                struck = random.choice(workers)
                struck.kill()
                await self._none_left(victim, begun, [struck])
            case "engine":
                self.engine.kill()
                await asyncio.sleep(0.5)
                await asyncio.to_thread(self.engine.start)

    async def _none_left(self, victim: str, begun: float, processes: Sequence[psutil.Process]) -> None:
        """Wait until neither processes nor containers of the dead are there, and note how long that took."""

        async def gone(what: str, left: Callable[[], Sequence[object]]) -> None:
            while found := await asyncio.to_thread(left):
                assert time.monotonic() - begun < PATIENCE, f"left by a {victim}: {found}"
                await asyncio.sleep(0.02)
            self.figures.outlived.setdefault(f"{what} of a {victim}", []).append(time.monotonic() - begun)

        # A container is not an orphan before its worker is dead, which a server's worker is only after the server.
        await gone("processes", lambda: [one for one in processes if _lives(one)])
        # One that was made and not started yet when its owner died runs nothing, and goes at the next start: `finish`.
        await gone("containers", lambda: [one for one in self._orphans() if not one.endswith(" created")])
        self.figures.unstarted += len(await asyncio.to_thread(self._orphans))

    def _orphans(self) -> list[str]:
        """Containers whose owner is dead, and their state."""
        shown = f'{{{{.ID}}}} {{{{.State}}}} {{{{.Label "{container.OWNER}"}}}}'
        lines = self.engine.containers(shown, "--filter", f"label={container.LABEL}")
        found = [line.split() for line in lines]
        return [f"{name} {state}" for name, state, label in found if owner.is_alive(label) is False]

    @asynccontextmanager
    async def _server(self, name: str) -> AsyncIterator[Client]:
        root = self.folder / name / "shop"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        argv = ["-P", "-m", "codeteam", "serve"]
        async with running(argv, environ=self._environ(name), cwd=root) as client:
            client.accept = lambda _: False  # the buffer stays as it is, for the next job
            await client.initialize(root, initializationOptions={"model": f"script/{self._replies}"})
            yield client

    async def _start(self, name: str, client: Client) -> list[str]:
        uri = (self.folder / name / "shop" / "slug.py").as_uri()
        client.open(uri, STUB)
        argument = {"uri": uri, "version": client.buffers[uri].version, "range": at(2, 4)}
        jobs = [(await client.execute("codeteam.implement", argument))["jobId"] for _ in range(2)]
        self._submitted[name] += jobs
        self.figures.jobs += len(jobs)
        return jobs

    async def _ends(self, client: Client, jobs: Sequence[str]) -> None:
        end = time.monotonic() + PATIENCE
        while not set(jobs) <= _ended(client):
            assert time.monotonic() < end, f"{jobs} did not end: {client.messages()} {client.errors[-20:]}"
            await asyncio.sleep(0.05)

    def _look_at_history(self, plan: Round, jobs: dict[str, list[str]]) -> None:
        """What it tells of this round must be what happened."""
        for name, submitted in jobs.items():
            listed = {
                line["job"]: line["state"] for line in self._codeteam_json(name, "jobs", "--limit", "1000")["jobs"]
            }
            may = {"accepted"}
            if plan.victim == "server" and name == "one":
                may |= {"interrupted"}
            elif plan.victim == "worker" and name == "one":
                may |= {"failed"}
            elif plan.victim == "engine":
                may |= {"failed", "below"}
            for job in submitted:
                # A server that dies before it has written a job down has not taken it.
                state = listed.get(job, "unknown" if "interrupted" in may else "lost")
                self.figures.ended[state] += 1
                if state not in may | {"unknown"}:
                    told = self._codeteam_json(name, "jobs", job)
                    self.figures.problems.append(f"{plan}: {name}'s {job} is {state}: {told.get('error')}")
                if state in ("failed", "below") and plan.victim == "engine":
                    self._look_at_the_reason(name, job)
            lost = set(listed) - set(self._submitted[name])
            if lost:
                self.figures.problems.append(f"history of {name} knows jobs that nobody asked for: {lost}")

    def _look_at_the_reason(self, name: str, job: str) -> None:
        """Of a job whose engine went: it is said, and so is what to do; a draft that was there is kept."""
        told = self._codeteam_json(name, "jobs", job)
        said = told["error"]["message"] if told["state"] == "failed" else told["stopped_by"]
        if "Docker" not in said and "sandbox" not in said:
            self.figures.problems.append(f"{name}'s {job} does not say that the engine went: {said}")

    def _containers_left(self) -> list[str]:
        """By state and name, those that are there still when the engine had the time to end what was ending."""
        end = time.monotonic() + ENDING
        while left := self.engine.containers():
            if time.monotonic() > end:
                return left
            time.sleep(0.2)
        return left

    def finish(self) -> Figures:
        """After the last round, and after the next start, which clears up: everything that is left is a problem."""
        self._codeteam("one", "sandbox", "run", "--", "true")
        self._codeteam("one", "sandbox", "prune")
        left = self._containers_left()
        places = [str(path) for path in self._temporary.iterdir()]
        processes = [process.cmdline() for process in psutil.process_iter() if _is_ours(process, self.folder)]
        for what, found in (("containers", left), ("temporary files", places), ("processes", processes)):
            if found:
                self.figures.problems.append(f"{what} left: {found}")
        self.figures.problems += [f"volume {name} is not whole" for name in self._volumes() if not self._is_whole(name)]
        return self.figures

    def _volumes(self) -> list[str]:
        return self.engine.docker("volume", "ls", "-q", "--filter", f"label={volumes.LABEL}").stdout.split()

    def _is_whole(self, name: str) -> bool:
        place = self.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", name).stdout.strip()
        return (Path(place) / MARKER).is_file()

    def _environ(self, name: str) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith(("CODETEAM_", "DOCKER_"))}
        return own | {
            "DOCKER_HOST": self.engine.host,
            "CODETEAM_HOME": str(self.folder / name / "home"),
            "CODETEAM_CONFIG": str(self.folder / name / "config"),
            "CODETEAM_CACHE": str(self.folder / "cache"),
            "TMPDIR": str(self._temporary),
        }

    def _codeteam(self, name: str, *args: str) -> str:
        argv = [sys.executable, "-P", "-m", "codeteam", *args]
        done = subprocess.run(
            argv, env=self._environ(name), cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout

    def _codeteam_json(self, name: str, *args: str) -> Any:
        return json.loads(self._codeteam(name, *args, "--json"))


def _ended(client: Client) -> set[str]:
    told = (entry["params"] for entry in client.notifications if entry["method"] == "codeteam/job")
    return {params["jobId"] for params in told if params["state"] in ENDS}


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_ours(process: psutil.Process, folder: Path) -> bool:
    """Whether a process is a Codeteam of these homes."""
    try:
        return process.environ().get("CODETEAM_CACHE") == str(folder / "cache")
    except psutil.Error:
        return False
