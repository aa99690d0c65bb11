"""Real editors, and a small shop to work on."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import gettempdir

import pytest
from filelock import FileLock

from tests.editors.emacs import Emacs
from tests.editors.neovim import Neovim
from tests.editors.shop import Shop

ROOT = Path(__file__).parent.parent.parent
MOST_MINUTES = 15
"""For installing every editor on a machine that has none."""


@pytest.fixture(scope="session")
def programs() -> dict[str, str]:
    """Where the editors are; installs what is missing, and fails where that cannot be done."""
    with FileLock(
        Path(gettempdir()) / f"codeteam-editors-{os.getuid()}.lock"
    ):  # of several processes of tests one installs
        done = subprocess.run(
            ["node", "scripts/start.cjs", "editors"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60 * MOST_MINUTES,
        )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def neovim(programs: dict[str, str], shop: Shop) -> Iterator[Neovim]:
    with Neovim.started(programs["neovim"], shop) as editor:
        yield editor


@pytest.fixture
def emacs(programs: dict[str, str], shop: Shop) -> Iterator[Emacs]:
    with Emacs.started(programs["emacs"], shop) as editor:
        yield editor
