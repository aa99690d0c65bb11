"""Others' executors, driven by `tests/bench/sandbox.py`: JSON orders on stdin, one answer a line, in milliseconds.

Runs in an environment of its own (executors.lock). Every container has the bench's image and no network, as Codeteam's
have: that spares the others the work of making one, and lets them start where the engine has no bridge. Beyond that
each is used as its documentation says.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

IDLE = "sleep 3600"


class Executor(Protocol):
    """One of them, with a container of its own between `open` and `close`."""

    def open(self) -> None: ...

    def run(self, code: str) -> str: ...

    def files(self, code: str, files: dict[str, str]) -> dict[str, str]:
        """The files brought in, the code run, those of the folder `out` brought back."""

    def close(self) -> None: ...


class AutoGen:
    """`DockerCommandLineCodeExecutor`; files go through the folder that it mounts."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._loop = asyncio.new_event_loop()
        self._core = import_module("autogen_core")
        self._block = import_module("autogen_core.code_executor").CodeBlock
        self._made: Any = None

    def open(self) -> None:
        made = import_module("autogen_ext.code_executors.docker").DockerCommandLineCodeExecutor
        self._made = made(image=self._image, work_dir=tempfile.mkdtemp())
        self._loop.run_until_complete(self._made.start())

    def run(self, code: str) -> str:
        block = self._block(code=code, language="python")
        token = self._core.CancellationToken()
        result = self._loop.run_until_complete(self._made.execute_code_blocks([block], token))
        return str(result.output).replace("\r\n", "\n")

    def files(self, code: str, files: dict[str, str]) -> dict[str, str]:
        folder = Path(self._made.work_dir)
        for name, text in files.items():
            (folder / name).write_text(text)
        self.run(code)
        return {path.name: path.read_text() for path in (folder / "out").iterdir()}

    def close(self) -> None:
        self._loop.run_until_complete(self._made.stop())


class LlmSandbox:
    """`SandboxSession`, spared the making of a virtual environment, for which the image has no pip."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._session: Any = None

    def open(self) -> None:
        made = import_module("llm_sandbox").SandboxSession
        configs = {"network_mode": "none", "command": IDLE}
        self._session = made(
            image=self._image, lang="python", skip_environment_setup=True, keep_template=True, runtime_configs=configs
        )
        self._session.open()

    def run(self, code: str) -> str:
        return str(self._session.run(code).stdout)

    def files(self, code: str, files: dict[str, str]) -> dict[str, str]:
        found = {}
        with tempfile.TemporaryDirectory() as place:
            for name, text in files.items():
                path = Path(place, name)
                path.write_text(text)
                self._session.copy_to_runtime(str(path), f"/sandbox/{name}")
            self.run(code)
            for name in files:
                self._session.copy_from_runtime(f"/sandbox/out/{name}", f"{place}/back-{name}")
                found[name] = Path(place, f"back-{name}").read_text()
        return found

    def close(self) -> None:
        self._session.close()


class Smolagents:
    """`DockerExecutor`: a Jupyter kernel in the same image, on the host's loopback; it has no way for files."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._made: Any = None
        self._monitoring = import_module("smolagents.monitoring")

    def open(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        gateway = ["python", "-m", "kernel_gateway", "--KernelGatewayApp.ip=127.0.0.1"]
        self._made = import_module("smolagents.remote_executors").DockerExecutor(
            [],
            self._monitoring.AgentLogger(level=self._monitoring.LogLevel.OFF),
            port=port,
            image_name=self._image,
            build_new_image=False,
            container_run_kwargs={
                "network_mode": "host",
                "command": [*gateway, f"--KernelGatewayApp.port={port}"],
                "environment": {"PYTHONPATH": "/opt/kernel", "HOME": "/root"},
            },
        )

    def run(self, code: str) -> str:
        return str(self._made.run_code_raise_errors(code).logs)

    def files(self, code: str, files: dict[str, str]) -> dict[str, str]:
        raise NotImplementedError("smolagents' executor takes code and gives text, no files")

    def close(self) -> None:
        self._made.cleanup()


def _without_network(containers: Any) -> None:
    """AutoGen's executor has no argument for it; smolagents' publishes a port that the host has anyway."""
    create = containers.create

    def without(self: Any, image: str, *, ports: Any = None, **options: Any) -> Any:
        return create(self, image, **{"network_mode": "none", **options})

    containers.create = without


def main() -> None:
    [image] = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the libraries print
    _without_network(import_module("docker.models.containers").ContainerCollection)
    makers: dict[str, Callable[[str], Executor]] = {
        "AutoGen": AutoGen,
        "llm-sandbox": LlmSandbox,
        "smolagents": Smolagents,
    }
    known: dict[str, Executor] = {}
    for line in sys.stdin:
        order = json.loads(line)
        name = order.pop("executor")
        if name not in known:
            known[name] = makers[name](image)
        act = getattr(known[name], order.pop("do"))
        began = time.perf_counter()
        try:
            answer = {"result": act(**order)}
        except Exception as error:  # noqa: BLE001 - another's, whatever it is
            answer = {"error": f"{type(error).__name__}: {error}"[:200]}
        answers.write(json.dumps({"ms": (time.perf_counter() - began) * 1000, **answer}) + "\n")
    os._exit(0)  # AutoGen's clean-up at the exit of a loop that it did not make recurses without end


if __name__ == "__main__":
    main()
