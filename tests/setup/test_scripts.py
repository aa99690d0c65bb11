"""The set-up's promises that can be checked without a bare machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from codeteam import __version__

ROOT = Path(__file__).parents[2]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def node(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", *argv], cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def wanted() -> list[Requirement]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = table["dependency-groups"]
    lines = [
        *table["build-system"]["requires"],
        *table["project"]["dependencies"],
        *table["project"]["optional-dependencies"]["local"],
        *groups["dev"],
        *groups["build"],
    ]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_the_lock_is_as_the_project_says(requirement: Requirement) -> None:
    locked = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", LOCK, re.MULTILINE))
    version = locked.get(canonicalize_name(requirement.name))
    assert version is not None, "not locked; run: npm run lock"
    assert requirement.specifier.contains(version, prereleases=True), f"locked {version}; run: npm run lock"


def test_everything_locked_has_hashes_and_nothing_an_address() -> None:
    packages = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(packages) > 60
    assert [package.split("==")[0] for package in packages if "--hash=sha256:" not in package] == []
    assert not re.search(r"://|@ |--index|--find-links|--trusted", LOCK)


def test_what_continuous_integration_runs_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert b"\r" not in script.read_bytes()
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0


def test_versions_of_the_two_manifests_agree() -> None:
    assert json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["version"] == __version__
    assert json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["version"] == __version__


def test_an_unknown_script_is_refused() -> None:
    run = node("scripts/start.cjs", "deploy")
    assert run.returncode == 2
    assert run.stderr.startswith("usage: ")


def test_a_python_that_is_named_and_not_there_is_said_so() -> None:
    run = node("scripts/start.cjs", "setup", CODETEAM_PYTHON="/nowhere/python")
    assert run.returncode == 3
    assert "CODETEAM_PYTHON names no Python 3.11 or newer" in run.stderr
    assert (ROOT / ".venv").is_dir()


def test_an_engine_that_is_named_and_does_not_answer_is_left_alone_and_said_so(tmp_path: Path) -> None:
    code = """
      import('./scripts/engine.mjs')
        .then((engine) => engine.prepareEngine())
        .catch((error) => { console.log(error.message, error.hint); process.exitCode = 3; });
    """
    run = node("-e", code, DOCKER_HOST=f"unix://{tmp_path}/docker.sock")
    assert run.returncode == 3
    assert "No Docker engine answers at DOCKER_HOST" in run.stdout
    assert "unset DOCKER_HOST" in run.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.docker
def test_an_engine_that_answers_is_used() -> None:
    run = node("-e", "import('./scripts/engine.mjs').then((engine) => engine.prepareEngine())")
    assert (run.returncode, run.stdout + run.stderr) == (0, "")
