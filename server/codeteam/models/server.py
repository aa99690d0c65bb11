"""The process that runs an embedded model: `python -m codeteam.models.server`, started by `serving`.

It serves llama.cpp's OpenAI-compatible interface on a loopback port of its own choice, and ends by itself when nobody
holds the lease any more. The kernel gives a lease back when its holder dies, so a killed worker leaves nothing behind.
Its orders come as one JSON line on stdin, because the key must not stand in an argument or the environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, TypedDict

from codeteam.models.lock import FileLock, try_lock
from codeteam.priority import tell_session

_LOOK = 0.5
"""Seconds between looks at the lease."""


class Orders(TypedDict):
    model: str
    """Path of the GGUF file."""
    key: str
    slots: int
    context: int
    """Tokens of each slot."""
    threads: int
    alive: str
    """File whose lock says that a server runs."""
    lease: str
    """File whose shared lock every user of the server holds."""
    address: str
    """File to write the address and key to, once ready."""


def main() -> None:
    orders: Orders = json.loads(sys.stdin.readline())
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    tell_session()
    alive = _lock_within(Path(orders["alive"]), seconds=5)
    if alive is None:
        sys.exit("another server of this model is running")
    # The server runs on threads of its own for as long as the object lives.
    server = _start(orders)
    address = Path(orders["address"])
    _write(address, {"address": server.listening_address, "key": orders["key"], "pid": os.getpid()})
    while (lease := try_lock(Path(orders["lease"]))) is None:
        time.sleep(_LOOK)
    address.unlink(missing_ok=True)
    # Nobody is there: what llama.cpp would wait for in an orderly end does not matter.
    del lease
    os._exit(0)


def _lock_within(path: Path, *, seconds: float) -> FileLock | None:
    """The lock, which someone who looks whether a server is alive has for an instant."""
    deadline = time.monotonic() + seconds
    while (lock := try_lock(path)) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return lock


def _start(orders: Orders) -> Any:
    """The running server, a type of the engine's, which has no annotations."""
    import xllamacpp  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra; only this process needs it

    params = xllamacpp.CommonParams()
    params.model.path = orders["model"]
    params.model_alias = {Path(orders["model"]).stem}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [orders["key"]]
    params.n_parallel = orders["slots"]
    params.n_ctx = orders["context"] * orders["slots"]
    params.cpuparams.n_threads = orders["threads"]
    params.cpuparams_batch.n_threads = orders["threads"]
    # Prompts of a role begin alike: each slot keeps its own, and a little memory keeps those of the other roles.
    params.cache_prompt = True
    params.cache_ram_mib = 256
    params.ui = False
    params.endpoint_slots = False
    params.warmup = False
    params.verbosity = 2
    return xllamacpp.Server(params)


def _write(path: Path, content: dict[str, object]) -> None:
    """All at once, and for this user's eyes only."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(content, file)
    temporary.replace(path)


if __name__ == "__main__":
    main()
