"""The workspace that editors open in these tests, its recorded team, and what a user would have installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from codeteam.sandbox.choose import cache_folder

PAGES = Path(__file__).parent.parent.parent / "docs" / "editors"
REPLIES = Path(__file__).parent / "replies"
PATIENCE = 180.0
"""Seconds that anything may take in an editor on a busy machine before a test says that it did not happen."""
FILES = Path(__file__).parent / "workspace"
MODULE = (FILES / "slug.py").read_text(encoding="utf-8")
BODY = '    return "-".join(text.lower().split())\n'
DONE = MODULE.replace("    ...\n", BODY)

T = TypeVar("T")


class Shop:
    """A folder with a stub, a TODO and a page of wishes; its team plays recorded replies."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "shop"
        self.home = folder / "home"
        """HOME of the editor."""
        self.replies = folder / "replies.md"
        self.home.mkdir()
        shutil.copytree(FILES, self.root)
        self.record("slug")

    def read(self, name: str) -> str:
        return (self.root / name).read_text(encoding="utf-8")

    def record(self, name: str, *, delay: float = 0) -> None:
        """Choose the replies of the team; the developer takes `delay` seconds over its own."""
        text = (REPLIES / f"{name}.md").read_text(encoding="utf-8")
        self.replies.write_text(text.replace("DELAY", f"delay={delay}" if delay else ""), encoding="utf-8")

    def environ(self) -> dict[str, str]:
        """As a user's shell has it: `codeteam` on the PATH, and a home of its own."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("CODETEAM_", "XDG_"))}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "CODETEAM_CACHE": str(cache_folder(os.environ)),
            "XDG_RUNTIME_DIR": str(self.home),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
        }

    def jobs(self) -> list[dict[str, Any]]:
        """The history, the newest job first."""
        argv = [sys.executable, "-P", "-m", "codeteam", "jobs", "--json"]
        done = subprocess.run(argv, env=self.environ(), cwd=self.root, capture_output=True, text=True, check=True)
        found: list[dict[str, Any]] = json.loads(done.stdout)["jobs"]
        return found

    def configuration(self, page: str, language: str) -> str:
        """The first block of a page's configuration in this language, word for word but for the model."""
        text = (PAGES / page).read_text(encoding="utf-8")
        block = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        assert block is not None, f"{page} has no block of {language}"
        model = "openai/gpt-4.1"
        assert block[1].count(model) == 1, f"{page} names its model once, {model}"
        return block[1].replace(model, f"script/{self.replies}")


def until(look: Callable[[], T], what: str, patience: float = PATIENCE, pause: float = 0.25) -> T:
    """The first result that is true, looked for again after a pause; fails the test when none comes in time."""
    end = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < end, f"in {patience:.0f} s: no {what}"
        time.sleep(pause)
    return found


def nothing_left(processes: list[psutil.Process]) -> bool:
    """Whether an editor's processes are gone, given a moment."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not alive


def containers(job: str) -> list[str]:
    """The sandbox's containers of a job."""
    argv = ["docker", "ps", "-aq", "--filter", f"name=codeteam-{job}-"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
