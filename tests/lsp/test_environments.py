"""Server and worker in environments of their own: the server's light enough to be carried by an extension."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from uv import find_uv_bin

from tests.lsp.client import at, running
from tests.lsp.test_serve import BODY, MODULE, REPLIES, ends, started, workspace

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the packages of the group `server` alone, as the lock has them."""
    folder = tmp_path_factory.mktemp("light")
    names = {canonicalize_name(name) for name in server_packages()}
    entries = re.split(r"^(?=[A-Za-z0-9])", (ROOT / "requirements.lock").read_text("utf-8"), flags=re.MULTILINE)
    chosen = [entry for entry in entries if canonicalize_name(re.split(r"[=\s]", entry)[0]) in names]
    assert len(chosen) == len(names)
    (folder / "server.lock").write_text("".join(chosen), "utf-8")
    run(find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(folder / "venv"))
    python = folder / "venv" / "bin" / "python"
    lock = ("--require-hashes", "-r", str(folder / "server.lock"))
    run(find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--python", str(python), *lock)
    [site] = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "codeteam.pth").write_text(f"{ROOT / 'server'}\n")
    assert not list(site.glob("**/*.so"))
    return python


def server_packages() -> list[str]:
    groups: Mapping[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    return groups["server"]


def run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def environ(tmp_path: Path, worker: str) -> dict[str, str]:
    return {
        "CODETEAM_HOME": str(tmp_path / "home"),
        "CODETEAM_CONFIG": str(tmp_path / "config"),
        "CODETEAM_MODEL": "",
        "CODETEAM_WORKER_PYTHON": worker,
    }


def test_the_group_of_the_server_is_whole() -> None:
    named = {canonicalize_name(name) for name in server_packages()}
    needed = {
        canonicalize_name(wanted.name)
        for name in named
        for wanted in map(Requirement, importlib.metadata.requires(name) or ())
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""})
    }
    assert needed <= named


@pytest.mark.docker
async def test_a_whole_job_with_a_light_server_and_a_worker_elsewhere(tmp_path: Path, light: Path) -> None:
    root, options = workspace(tmp_path, REPLIES, slug=MODULE)
    (root / "pyproject.toml").write_text('[project]\nname = "shop"\ndependencies = []\n')
    uri = (root / "slug.py").as_uri()
    variables = environ(tmp_path, sys.executable)
    argv = ["-P", "-m", "codeteam", "serve"]
    async with running(argv, environ=variables, cwd=tmp_path, python=light) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        job = await started(client, uri, "implement")
        server = psutil.Process(client.process.pid)
        worker = [sys.executable, "-P", "-X", "utf8", "-m", "codeteam.worker"]
        await client.until(lambda: [child for child in server.children() if child.cmdline() == worker], "the worker")
        await ends(client, job, "applied")
        assert client.buffers[uri].text == MODULE.replace("    ...\n", BODY)
        assert await client.leave() == 0
        assert not [line for line in client.errors if "Error" in line]


@pytest.mark.parametrize("fault", ["missing", "no codeteam", "no python", "a folder"])
async def test_a_worker_environment_that_does_not_work_is_told(tmp_path: Path, light: Path, fault: str) -> None:
    root, options = workspace(tmp_path, REPLIES, slug=MODULE)
    uri = (root / "slug.py").as_uri()
    worker = {
        "missing": str(tmp_path / "nothing" / "python"),
        "no codeteam": str(light),  # the package is there, what the worker loads is not
        "no python": "/bin/false",
        "a folder": str(tmp_path),
    }[fault]
    argv = ["-P", "-m", "codeteam", "serve"]
    async with running(argv, environ=environ(tmp_path, worker), cwd=tmp_path) as client:
        await client.initialize(root, initializationOptions=options)
        client.open(uri, MODULE)
        job = await started(client, uri, "implement")
        await ends(client, job, "failed")
        [said] = client.messages()
        assert f"CODETEAM_WORKER_PYTHON is {worker}: it must be Python 3.11 or newer" in said
        if fault == "no codeteam":
            assert "ModuleNotFoundError" in said
        (action, *_) = await client.code_actions(uri, at(3, 4))
        assert "CODETEAM_WORKER_PYTHON" in action["disabled"]["reason"]
        assert await client.leave() == 0
