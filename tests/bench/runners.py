"""Ways to run a program, all driven alike by `tests/bench/sandbox.py`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command
from codeteam.sandbox.local import _interpreter

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
"""As programs have it in a container."""


class Runner(Protocol):
    """Each method measures itself, in milliseconds."""

    async def open(self) -> float: ...

    async def run(self, code: str) -> tuple[float, str]:
        """Write a file, run it, read what it says."""

    async def files(self, code: str, files: dict[str, str]) -> tuple[float, dict[str, str]]:
        """The same with files beside it, and those of the folder `out` brought back."""

    async def close(self) -> float: ...


def bare_python(folder: Path) -> Path:
    """This Python without anybody's packages, as it is in the image: what is installed here may slow its start."""
    original = Path(_interpreter())
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    mirror = folder / library.relative_to(sys.base_prefix)
    mirror.mkdir(parents=True)
    for path in library.iterdir():
        if path.name != "site-packages":
            (mirror / path.name).symlink_to(path)
    (folder / "bin").mkdir()
    return Path(shutil.copy(original, folder / "bin" / original.name))


class Failed(Exception):
    """An executor of others did not do it; some give up on a busy machine."""


class Timer:
    """Milliseconds since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    @property
    def ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000


class Process:
    """A program of this machine in a scratch folder, with what wraps it: nothing, or bubblewrap."""

    def __init__(self, python: Path, wrapper: tuple[str, ...] = ()) -> None:
        self._python = python
        self._wrapper = wrapper
        self.folder = Path()

    async def open(self) -> float:
        timer = Timer()
        self.folder = Path(tempfile.mkdtemp(prefix="codeteam-bench-"))
        return timer.ms

    async def run(self, code: str) -> tuple[float, str]:
        timer = Timer()
        said = self.once(code)
        return timer.ms, said

    def once(self, code: str, name: str = "main.py") -> str:
        (self.folder / name).write_text(code)
        wrapper = [word.replace("FOLDER", str(self.folder)) for word in self._wrapper]
        done = subprocess.run(
            [*wrapper, self._python, name], cwd=self.folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
        )
        return done.stdout

    async def files(self, code: str, files: dict[str, str]) -> tuple[float, dict[str, str]]:
        timer = Timer()
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.once(code)
        found = {path.name: path.read_text() for path in (self.folder / "out").iterdir()}
        return timer.ms, found

    async def close(self) -> float:
        timer = Timer()
        shutil.rmtree(self.folder)
        return timer.ms


BUBBLEWRAP = (
    "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/", "--dev", "/dev",
    "--proc", "/proc", "--tmpfs", "/run", "--bind", "FOLDER", "FOLDER", "--chdir", "FOLDER",
)  # fmt: skip
"""As Codeteam's own local sandbox has it."""


class Exec(Process):
    """`docker exec`, by the SDK, in one container that mounts the scratch folder."""

    def __init__(self, api: Any, image: str) -> None:
        super().__init__(Path("python3"))
        self._api = api
        self._image = image
        self._container = ""

    async def open(self) -> float:
        timer = Timer()
        await super().open()
        config = self._api.create_host_config(
            network_mode="none", auto_remove=True, binds=[f"{self.folder}:/work:rw"], init=True
        )
        made = self._api.create_container(
            self._image, ["sleep", "3600"], host_config=config, environment=ENVIRONMENT, working_dir="/work"
        )
        self._container = made["Id"]
        self._api.start(self._container)
        return timer.ms

    def once(self, code: str, name: str = "main.py") -> str:
        (self.folder / name).write_text(code)
        made = self._api.exec_create(self._container, ["python3", name])
        return str(self._api.exec_start(made["Id"]).decode())

    async def close(self) -> float:
        timer = Timer()
        self._api.remove_container(self._container, force=True)
        await super().close()
        return timer.ms


class Codeteam:
    """A session of `DockerSandbox`."""

    def __init__(self, sandbox: DockerSandbox, *, stocked: bool) -> None:
        self.sandbox = sandbox
        self._stocked = stocked
        self._opened: Any = None
        self._session: Any = None

    async def open(self) -> float:
        if self._stocked:
            await full(self.sandbox)
        timer = Timer()
        self._opened = self.sandbox.open()
        self._session = await self._opened.__aenter__()
        return timer.ms

    async def run(self, code: str) -> tuple[float, str]:
        timer = Timer()
        outcome = await self._session.run(Command(("python3", "main.py"), files={"main.py": code.encode()}))
        return timer.ms, outcome.run.stdout

    async def files(self, code: str, files: dict[str, str]) -> tuple[float, dict[str, str]]:
        timer = Timer()
        inside = {name: text.encode() for name, text in (files | {"main.py": code}).items()}
        outcome = await self._session.run(
            Command(("python3", "main.py"), remove=(".",), files=inside, collect=("out/*",))
        )
        return timer.ms, {name.removeprefix("out/"): raw.decode() for name, raw in outcome.files.items()}

    async def close(self) -> float:
        timer = Timer()
        await self._opened.__aexit__(None, None, None)
        return timer.ms


class Cold:
    """A hardened container for each run, from its creation to its end: ours, without the stock."""

    def __init__(self, sandbox: DockerSandbox) -> None:
        self._inner = Codeteam(sandbox, stocked=False)

    async def open(self) -> float:
        return 0.0

    async def run(self, code: str) -> tuple[float, str]:
        timer = Timer()
        await self._inner.open()
        _, said = await self._inner.run(code)
        await self._inner.close()
        return timer.ms, said

    async def files(self, code: str, files: dict[str, str]) -> tuple[float, dict[str, str]]:
        timer = Timer()
        await self._inner.open()
        _, found = await self._inner.files(code, files)
        await self._inner.close()
        return timer.ms, found

    async def close(self) -> float:
        return 0.0


class Rival:
    """An executor of others, in the process of `rivals/play.py`, which measures."""

    def __init__(self, player: subprocess.Popen[str], name: str) -> None:
        self._player = player
        self._name = name

    async def open(self) -> float:
        return self._order("open")[0]

    async def run(self, code: str) -> tuple[float, str]:
        return self._order("run", code=code)

    async def files(self, code: str, files: dict[str, str]) -> tuple[float, dict[str, str]]:
        return self._order("files", code=code, files=files)

    async def close(self) -> float:
        return self._order("close")[0]

    def _order(self, do: str, **arguments: Any) -> tuple[float, Any]:
        assert self._player.stdin is not None
        assert self._player.stdout is not None
        self._player.stdin.write(json.dumps({"executor": self._name, "do": do, **arguments}) + "\n")
        self._player.stdin.flush()
        answer = self._player.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._name} failed at {do}; its own words stand above")
        told = json.loads(answer)
        if "error" in told:
            raise Failed(f"{self._name} failed at {do}: {told['error']}")
        return told["ms"], told["result"]


async def full(sandbox: DockerSandbox) -> int:
    """Until all spare containers that there is room for are started; how many these are."""
    sandbox.warm()
    if sandbox._warming is not None:
        await sandbox._warming
    return await sandbox._spares.settled()
