"""Engines beside the machine's own, each started for the tests that ask for it: the contract holds on every one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.sandbox.own_engine import START_SECONDS, own_engine

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Reached:
    """How an engine is reached."""

    environ: Mapping[str, str]
    runtime: str = ""


@contextmanager
def gvisor() -> Iterator[Reached]:
    """Docker with gVisor's `runsc` as a runtime, which as root needs to be told that there is no network."""
    with _folder() as folder:
        arguments = ["--network=none"]
        settings = {"runtimes": {"runsc": {"path": shutil.which("runsc", path=PATH), "runtimeArgs": arguments}}}
        (folder / "daemon.json").write_text(json.dumps(settings))
        with own_engine(folder, ["--config-file", str(folder / "daemon.json")]) as engine:
            yield Reached({"DOCKER_HOST": engine.host}, "runsc")


@contextmanager
def podman() -> Iterator[Reached]:
    """Podman's socket, with everything of its own in a folder."""
    with _folder() as folder:
        own = [f"--{name}={folder / name}" for name in ("root", "runroot", "tmpdir")]
        how = ["--cgroup-manager=cgroupfs", "--events-backend=file", f"--runtime={shutil.which('runc', path=PATH)}"]
        socket = folder / "socket"
        argv = ["podman", *own, *how, "system", "service", "--time=0", f"unix://{socket}"]
        with (folder / "log").open("wb") as log:
            # Its keepers of containers leave notes of memory that ran out where it was started.
            process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            end = time.monotonic() + START_SECONDS
            while not socket.exists():
                if process.poll() is not None or time.monotonic() > end:
                    raise AssertionError((folder / "log").read_text()[-3000:])
                time.sleep(0.05)
            yield Reached({"DOCKER_HOST": f"unix://{socket}"})
        finally:
            process.terminate()
            process.wait(30)
            subprocess.run(["podman", *own, *how, "system", "reset", "--force"], capture_output=True, check=True)


ENGINES: dict[str, tuple[str, Callable[[], AbstractContextManager[Reached]]]] = {
    "runsc": ("runsc", gvisor),
    "podman": ("podman", podman),
}
"""By the name that tests have in their identifiers: the program that must be installed, and how it is started."""


def missing(kind: str) -> str:
    """Why an engine cannot be started here; empty when it can."""
    program, _ = ENGINES[kind]
    if sys.platform != "linux" or os.geteuid() != 0:
        return "only root on Linux can start one of its own"
    return "" if shutil.which(program, path=PATH) else f"{program} is not installed"


def there() -> list[str]:
    return [kind for kind in ENGINES if not missing(kind)]


@contextmanager
def _folder() -> Iterator[Path]:
    """Of a short name, for sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="ct-", ignore_cleanup_errors=True) as folder:
        place = Path(folder, "e")
        place.mkdir()
        yield place
