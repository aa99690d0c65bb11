"""Each attack as a draft of a job: the drafts before the last are attacks, the last is honest and is accepted."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from codeteam.jobs.history import History
from codeteam.wire import Codec
from tests.attacks.aftermath import Watched
from tests.attacks.attack import Attack, read_attacks
from tests.attacks.commanded import CANARY, secret_environ
from tests.attacks.test_command import GROWTH
from tests.cli.command import Place, fence

pytestmark = pytest.mark.docker
ARCHITECT = """One function.

```json
{"files": [{"path": "attack.py", "purpose": "slugs"}], "dependencies": [], "criteria": []}
```

```python path=attack.py
def slug(text: str) -> str:
    \"\"\"Lower-case words joined by hyphens.\"\"\"
    ...
```
"""
HONEST = '''"""Slugs."""


def slug(text: str) -> str:
    """Lower-case words joined by hyphens."""
    return "-".join(text.lower().split())
'''
USUAL = Attack(
    "harmless", '"""Fails, for the first draft shows what any draft costs."""\n\nprint("fine")\n', "", "", ()
)
HISTORY_OF_A_RUN = 1024 * 1024
"""Bytes of history for one draft at most: both ends of what it wrote, as JSON."""


@dataclass(frozen=True, slots=True)
class Attacked:
    """A job whose drafts were attacks."""

    attacks: Sequence[Attack]
    code: int
    stdout: str
    stderr: str
    events: list[dict[str, Any]]
    pids: set[int]
    memory: dict[int, dict[str, int]]
    """By iteration, bytes of the worker and of the server when it began."""
    files: dict[str, bytes]

    def of(self, attack: Attack, kind: str) -> list[dict[str, Any]]:
        number = self.attacks.index(attack) + 2
        return [event for event in self.events if event["event"] == kind and event["iteration"] == number]


def play(attacks: Sequence[Attack], drafts: Sequence[str], seconds: int, folder: Path) -> Attacked:
    """A job with one draft for each attack, a harmless one first and an honest one last."""
    place = Place(folder, {**secret_environ(folder), "TMPDIR": str(folder / "tmp")})
    (folder / "tmp").mkdir(parents=True)
    replies = {"architect": [ARCHITECT], "developer": [fence("attack.py", draft) for draft in drafts]}
    limits = ["--execution-timeout", str(seconds), "--max-iterations", str(len(drafts)), "--require", "draft"]
    process = place.start("run", "Slugs", "--json", *limits, "--model", place.script(replies))
    meter = Meter(process)
    stdout, stderr = meter.until_ended()
    history, codec = History(place.home), Codec()
    try:
        job = json.loads(stdout)["job"]
        events = [{"event": type(event).__name__, **codec.plain(event)} for event in history.job(job).events]
    finally:
        history.close()
    own = {folder / "replies.yaml", folder / "docker" / "config.json"}
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path not in own}
    return Attacked(attacks, process.returncode, stdout, stderr, events, meter.pids, meter.memory, files)


class Meter:
    """Reads what a job says, and measures server and worker whenever a draft is about to run."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.memory: dict[int, dict[str, int]] = {}
        self.pids = {process.pid}

    def until_ended(self) -> tuple[str, str]:
        said: list[str] = []
        listening = threading.Thread(target=lambda: said.append(self._process.stdout.read()))  # type: ignore[union-attr]
        listening.start()
        lines = []
        for line in self._process.stderr or ():
            lines.append(line)
            if "running the draft" in line:
                self._measure(len(self.memory) + 1)
        self._process.wait()
        listening.join()
        return "".join(said), "".join(lines)

    def _measure(self, iteration: int) -> None:
        server = psutil.Process(self._process.pid)
        [worker] = [child for child in server.children() if "codeteam.worker" in " ".join(child.cmdline())]
        self.pids.add(worker.pid)
        self.memory[iteration] = {"server": server.memory_info().rss, "worker": worker.memory_info().rss}


@pytest.fixture(scope="module")
def jobs(watched: Watched, folder: Path) -> Iterator[dict[str, Future[Attacked]]]:
    """Two jobs at once: one of the attacks that run into their deadline, which is short, and one of the others."""
    del watched  # it must listen before the first container is made
    kinds: dict[int, list[Attack]] = {}
    for attack in read_attacks():
        kinds.setdefault(attack.seconds, []).append(attack)
    # Before any thread: Python 3.11 cannot parse in two of them at once.
    drafts = {seconds: [*(attack.draft for attack in (USUAL, *attacks)), HONEST] for seconds, attacks in kinds.items()}
    with ThreadPoolExecutor(len(kinds)) as threads:
        futures: dict[str, Future[Attacked]] = {}
        for seconds, attacks in kinds.items():
            future = threads.submit(play, tuple(attacks), drafts[seconds], seconds, folder / str(seconds))
            futures |= {attack.name: future for attack in attacks}
        yield futures


@pytest.mark.parametrize("attack", read_attacks(), ids=lambda attack: attack.name)
def test_attack(attack: Attack, jobs: dict[str, Future[Attacked]]) -> None:
    job = jobs[attack.name].result()
    assert job.code == 0, (
        f"{job.stderr[-3000:]}\n{job.stdout[-3000:]}"
    )  # the honest draft came through after all of them
    [ran] = [event["run"] for event in job.of(attack, "Executed") if event["purpose"] == "run"]
    said = f"{ran['exit_code']} {ran['stdout'][:2000]}\n{ran['stderr'][-2000:]}"
    assert any(_ended(ran, end) for end in attack.ends), said
    if attack.stdout is not None and attack.stdout.isascii():
        assert ran["stdout"].encode() == attack.stdout, said
    if attack.truncated:
        assert ran["truncated"], said
    assert len(ran["stdout"]) + len(ran["stderr"]) < 150_000, "more than an event carries"
    [back] = [event["feedback"]["text"] for event in job.of(attack, "SentBack")]
    assert attack.job in back, back
    begun, ended = (job.memory[job.attacks.index(attack) + at] for at in (2, 3))
    for process, memory in begun.items():
        assert ended[process] - memory < GROWTH, f"{process} grew by {(ended[process] - memory) >> 20} MiB"


def test_nothing_is_left(jobs: dict[str, Future[Attacked]], watched: Watched) -> None:
    for job in {id(future): future.result() for future in jobs.values()}.values():
        assert not watched.left_of(job.pids)
        assert not [path for path in job.files if "/tmp/" in path.partition("jobs")[2]]
        beside = sum(map(len, job.files.values()))
        assert beside < HISTORY_OF_A_RUN * len(job.attacks), f"{beside >> 20} MiB on the disk"
        give_up = time.monotonic() + 10
        while any(map(psutil.pid_exists, job.pids)) and time.monotonic() < give_up:
            time.sleep(0.1)
        assert not any(map(psutil.pid_exists, job.pids))


def test_no_secret_is_anywhere(jobs: dict[str, Future[Attacked]]) -> None:
    """Not in what the job says, its history, its worker's log, or its report."""
    for job in {id(future): future.result() for future in jobs.values()}.values():
        assert CANARY not in job.stdout + job.stderr
        assert not [path for path, content in job.files.items() if CANARY.encode() in content]


def test_no_terminal_is_steered(jobs: dict[str, Future[Attacked]]) -> None:
    job = jobs["terminal"].result()
    for text in (job.stdout, job.stderr):
        assert not {letter for letter in text if letter in "\x1b\x07\x9b\u202e\x08\r"}


def _ended(run: dict[str, Any], end: str) -> bool:
    word, _, number = end.partition(" ")
    if word == "deadline":
        return bool(run["timed_out"])
    if word == "memory":
        return bool(run["out_of_memory"])
    plain = not run["timed_out"] and not run["out_of_memory"]
    if word == "signal":
        return plain and run["exit_code"] == -int(number)
    # What ends well by itself fails as a draft, at its own last line.
    return plain and (run["exit_code"] == int(number) or (number == "0" and "is over" in run["stderr"]))
