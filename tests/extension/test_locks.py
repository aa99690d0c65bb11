"""The parts of the lock that the extension carries: whole enough to run a worker, and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locks")
    subprocess.run([sys.executable, ROOT / "scripts" / "cut_lock.py", folder], check=True)
    return folder


def install(lock: Path, *where: str) -> None:
    safely = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-config", "--quiet"]
    subprocess.run([find_uv_bin(), "pip", "install", *where, *safely, "-r", lock], check=True)


def names(lock: Path) -> set[str]:
    return {line.partition("==")[0] for line in lock.read_text("utf-8").splitlines() if not line.startswith((" ", "#"))}


def test_each_part_is_cut_from_the_lock_as_it_stands(locks: Path) -> None:
    whole = (ROOT / "requirements.lock").read_text("utf-8")
    assert {path.name for path in locks.iterdir()} == {"server.lock", "worker.lock", "embedded.lock", "uv.lock"}
    for path in locks.iterdir():
        assert names(path)
        assert all(line in whole for line in path.read_text("utf-8").splitlines())
    assert names(locks / "uv.lock") == {"uv"}
    assert not names(locks / "worker.lock") & {"pytest", "mypy", "ruff", "hypothesis", "hatchling", "xllamacpp"}


def test_with_the_servers_part_the_server_starts_and_nothing_else_is_there(locks: Path, tmp_path: Path) -> None:
    install(locks / "server.lock", "--target", str(tmp_path / "libs"))
    assert not [path for path in (tmp_path / "libs").rglob("*") if path.suffix in {".so", ".pyd", ".dll"}]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "server"), str(tmp_path / "libs")])}
    # -S: without the packages of the environment that runs the tests
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-m", "codeteam", "serve"],
        env=env,
        input=framed({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"capabilities": {}}}),
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert b'"serverInfo"' in done.stdout
    assert b"Traceback" not in done.stderr


def test_with_the_workers_part_a_worker_runs_beside_the_source_that_the_extension_carries(
    locks: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "worker"
    subprocess.run(
        [find_uv_bin(), "venv", "--no-project", "--quiet", "--python", sys.executable, environment], check=True
    )
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install(locks / "worker.lock", "--python", str(python))
    subprocess.run([find_uv_bin(), "pip", "check", "--quiet", "--python", python], check=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "server"), "CODETEAM_HOME": str(tmp_path / "home")}
    env |= {"CODETEAM_CONFIG": str(tmp_path / "config"), "CODETEAM_MODEL": "", "DOCKER_HOST": "unix:///nothing.sock"}
    env |= {"CODETEAM_PROVIDERS": "local anthropic"}  # the clients of all models are in the lock
    worker = subprocess.run(
        [python, "-P", "-s", "-m", "codeteam.worker"],
        env=env,
        input=b"",
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert b"ready" in worker.stdout.lower(), worker.stderr.decode()
    doctor = subprocess.run(
        [python, "-P", "-s", "-m", "codeteam", "doctor", "--json"],
        env=env,
        capture_output=True,
        check=False,
        timeout=120,
    )
    found = {check["name"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert found["model"]["kind"] == "model_engine"
    assert found["docker"]["kind"].startswith("docker_")
    install(locks / "embedded.lock", "--python", str(python))
    subprocess.run([find_uv_bin(), "pip", "check", "--quiet", "--python", python], check=True)


def framed(message: dict[str, object]) -> bytes:
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
