"""VS Code itself with the packaged extension, driven by its keys: each file of tests in `vscode/` starts it anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import warnings
from pathlib import Path

import pytest

from tests.editors.conftest import ROOT
from tests.editors.stopping import stop

TESTS = Path(__file__).parent / "vscode"
LONGEST = 1800
"""Seconds of one file of tests, on whatever busy machine."""

# one after the other: each fills two processors, and they share the package
pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("vscode")]


@pytest.fixture(scope="module")
def packaged() -> None:
    """The extension as users install it, and the tests that run inside VS Code's extension host."""
    for argv in (["scripts/start.cjs", "package"], ["client-extension/test/run.mjs", "host"]):
        subprocess.run(["node", *argv], cwd=ROOT, check=True, timeout=600)


@pytest.mark.usefixtures("packaged")
@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.test.mjs")))
def test_in_vscode(programs: dict[str, str], name: str) -> None:
    """Every check of the file; its own words are the message when one fails.

    A file that fails is run a second time, and the first failure told as a warning: a window that is busy loses a key
    or a click now and then (docs/decisions/0140-editors-get-a-second-chance.md).
    """
    passed, told = _ran(programs, name)
    if not passed:
        warnings.warn(f"{name} is run again, as it failed:\n{told}", stacklevel=1)
        passed, told = _ran(programs, name)
    assert passed, told
    assert re.search(r"^. pass [1-9]", told, re.MULTILINE), told


def _ran(programs: dict[str, str], name: str) -> tuple[bool, str]:
    with subprocess.Popen(
        [programs["node"], "--test", "--test-reporter=spec", str(TESTS / name)],
        cwd=ROOT,
        env={**os.environ, "EDITORS": json.dumps(programs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            told, _ = running.communicate(timeout=LONGEST)
        except BaseException:
            stop(running.pid)
            raise
    return running.returncode == 0, told
