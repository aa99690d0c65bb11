"""What must be left after an attack: no container, no process, nothing on the disk."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound

from codeteam.sandbox.container import LABEL, OWNER


class Watched:
    """The engine as seen from outside: which containers each process made, and what became of them."""

    def __init__(self) -> None:
        self._client = docker.from_env()
        self._since = datetime.now(UTC).replace(microsecond=0)
        self._stream = self._client.events(decode=True)
        self._events: list[dict[str, Any]] = []
        self._thread = threading.Thread(target=self._listen, name="engine's events", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(Exception):  # the stream ends when it is closed
            self._events.extend(self._stream)

    def close(self) -> None:
        self._stream.close()
        self._client.close()

    def containers_of(self, pid: int) -> set[str]:
        """All that a process made, also those that are gone."""
        made = [event for event in tuple(self._events) if event["Type"] == "container" and event["Action"] == "create"]
        return {
            event["Actor"]["ID"]
            for event in made
            if event["Actor"]["Attributes"].get(LABEL) == "1"
            and event["Actor"]["Attributes"].get(OWNER, "").split(":")[3:4] == [str(pid)]
        }

    def left_of(self, pids: set[int], *, patience: float = 10) -> list[str]:
        """In words, whatever these processes made on the engine or that runs in it and is still there."""
        containers = {container for pid in pids for container in self.containers_of(pid)}
        if not containers:
            return ["no container was ever made: nothing was attacked"]
        give_up = time.monotonic() + patience
        while (left := [*self._containers(containers), *_processes(containers)]) and time.monotonic() < give_up:
            time.sleep(0.1)
        return [*left, *self._volumes(pids), *self._networks(containers)]

    def _containers(self, containers: set[str]) -> Iterator[str]:
        for container in containers:
            with contextlib.suppress(NotFound):
                facts = self._client.api.inspect_container(container)
                yield f"container {container[:12]} is {facts['State']['Status']}"

    def _volumes(self, pids: set[int]) -> Iterator[str]:
        for volume in self._client.volumes.list():
            # Who made one before may have had the same number.
            if datetime.fromisoformat(volume.attrs["CreatedAt"]) < self._since:
                continue
            owner = (volume.attrs.get("Labels") or {}).get(OWNER, "")
            if owner.split(":")[3:4] and int(owner.split(":")[3]) in pids:
                yield f"volume {volume.name}"

    def _networks(self, containers: set[str]) -> Iterator[str]:
        for event in tuple(self._events):
            facts = event["Actor"]["Attributes"]
            if event["Type"] == "network" and facts.get("container") in containers and facts.get("name") != "none":
                yield f"network {facts.get('name')}"
            writable = event["Action"] == "mount" and facts.get("read/write") == "true"
            if event["Type"] == "volume" and writable and facts.get("container") in containers:
                yield f"volume {event['Actor']['ID']} was writable"


def _processes(containers: set[str]) -> Iterator[str]:
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            groups = (folder / "cgroup").read_text()
            if any(container in groups for container in containers):
                yield f"process {folder.name} of a container"


def on_disk(*folders: Path) -> dict[str, int]:
    """Every file below these folders with its size."""
    files = (path for folder in folders for path in folder.rglob("*"))
    return {str(path): path.lstat().st_size for path in files if path.is_symlink() or path.is_file()}
