"""An attack by `codeteam sandbox run`, with what it cost: memory of the command, files on the disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.attacks.aftermath import on_disk
from tests.attacks.attack import Attack
from tests.cli.command import PROGRAM

CANARY = "canary-8c1f0b7e"
"""Stands in the environment of whoever starts an attack; to be seen nowhere else."""
SECRETS = {name: f"{CANARY}-{name.lower()}" for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "AWS_SECRET", "MINE")}
KEPT = 1 << 20
LAUNCHER = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
_, status, used = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as file:
    json.dump([process.pid, os.waitstatus_to_exitcode(status), used.ru_maxrss * 1024], file)
"""
"""Linux counts the memory of whoever starts a process as the process's own, until it has loaded its program: let that
be little."""


def secret_environ(place: Path) -> dict[str, str]:
    """Keys in the environment, and a proxy with its password where Docker's own programs look for one."""
    config = place / "docker"
    config.mkdir(parents=True, exist_ok=True)
    proxy = f"http://user:{CANARY}-proxy@127.0.0.1:9"
    proxies = {"default": {"httpProxy": proxy, "httpsProxy": proxy, "noProxy": CANARY}}
    (config / "config.json").write_text(json.dumps({"proxies": proxies}), "utf-8")
    return SECRETS | {"DOCKER_CONFIG": str(config)}


@dataclass(frozen=True, slots=True)
class Commanded:
    pid: int
    code: int
    stdout: bytes
    """Its beginning."""
    stderr: str
    memory: int
    """Bytes that the command used at most."""
    left: dict[str, int]
    """Files that are there now and were not, or not of this size."""


class Ground:
    """A cache that commands share; home and temporary files each has for itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._warm: dict[str, int] = {}
        self.usual = 0
        """Bytes of memory that a harmless run uses."""

    def _environ(self, place: Path) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CODETEAM_")}
        places = {"CODETEAM_HOME": "home", "CODETEAM_CONFIG": "config", "TMPDIR": "tmp"}
        own |= {name: str(place / folder) for name, folder in places.items()} | secret_environ(place)
        return own | {"CODETEAM_CACHE": str(self._folder / "cache")}

    def warm(self) -> None:
        done = [self.play(Attack(f"harmless-{number}", "print('fine')", "", "", ())) for number in range(3)]
        assert all((run.code, run.stdout) == (0, b"fine\n") for run in done), done
        self.usual = max(run.memory for run in done)
        self._warm = on_disk(self._folder / "cache")

    def cached_since(self) -> dict[str, int]:
        """What is in the cache and was not when it was warm."""
        return _new(self._warm, on_disk(self._folder / "cache"))

    def play(self, attack: Attack) -> Commanded:
        place = self._folder / attack.name
        workdir = place / "workdir"
        for folder in (workdir, place / "tmp"):
            folder.mkdir(parents=True)
        (workdir / "attack.py").write_text(attack.program, "utf-8")
        environ = self._environ(place)
        before = on_disk(place)
        command = [*PROGRAM, "sandbox", "run", "--timeout", str(attack.seconds), "--workdir", str(workdir)]
        figures = self._folder / f"{attack.name}.json"
        with subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, figures, *command, "--", "python3", "attack.py"],
            cwd=place,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            streams = [_Beginning(stream) for stream in (process.stdout, process.stderr) if stream is not None]
            process.wait()
            stdout, stderr = (stream.text() for stream in streams)
        pid, code, memory = json.loads(figures.read_text("utf-8"))
        left = _new(before, on_disk(place))
        return Commanded(pid, code, stdout, stderr.decode("utf-8", "replace"), memory, left)


def _new(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {path: size for path, size in after.items() if before.get(path) != size}


class _Beginning:
    """Reads a stream to its end and keeps both ends of it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._head = bytearray()
        self._tail = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while chunk := self._stream.read(1 << 16):
            room = KEPT - len(self._head)
            self._head += chunk[:room]
            self._tail = (self._tail + chunk[max(room, 0) :])[-4096:]

    def text(self) -> bytes:
        self._thread.join()
        return bytes(self._head) + self._tail
