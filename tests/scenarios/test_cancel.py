"""Ctrl-C in each phase of a job: it says so, history tells it, and nothing is left running."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Place, fence, slug_replies, until_said

pytestmark = pytest.mark.docker
LATE = {"text": "", "delay": 600}
ENDLESS = '"""Sleeps."""\n\nimport time\n\ntime.sleep(600)\n'
PHASES: dict[str, tuple[dict[str, list[Any]], str]] = {
    "plan": ({"architect": [LATE]}, "architect: planning"),
    "develop": ({"developer": [LATE]}, "developer (1): writing the draft"),
    "execute": ({"developer": [fence("slug.py", ENDLESS)]}, "executor (1): running the draft"),
    "review": ({"reviewer": [LATE]}, "reviewer (1): reviewing the draft"),
    "test": ({"tester": [LATE]}, "reviewer (1): approved"),
    "conversation": ({"selector": ["architect", "developer"], "developer": [LATE]}, "developer: writing the code"),
}
"""By its name, the replies that make a phase endless, and the words that it begins with."""


@dataclass(frozen=True)
class Cancelled:
    code: int
    result: dict[str, Any]
    state: str
    """In the history."""
    last: str
    """The last event's name there."""
    left: str
    """Containers of the job when the command line had ended."""
    seconds: float
    """From the signal to the end of the process."""


def cancelled(phase: str, place: Place) -> Cancelled:
    changed, words = PHASES[phase]
    order = "conversation" if phase == "conversation" else "pipeline"
    process = place.start("run", "Slugs", "--json", "--order", order, "--model", place.script(slug_replies() | changed))
    until_said(process, words)
    time.sleep(0.5)  # into the phase
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    seconds = time.monotonic() - start
    result = json.loads(out)
    left = containers_of(result["job"])
    told = place.run("jobs", result["job"], "--json").json
    return Cancelled(process.returncode, result, told["state"], told["events"][-1]["event"], left, seconds)


def containers_of(job: str) -> str:
    listing = ["docker", "ps", "-aq", "--filter", f"name=codeteam-{job}-"]
    return subprocess.run(listing, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("phase", PHASES)
def test_cancelled_in(phase: str, tmp_path: Path) -> None:
    outcome = cancelled(phase, Place(tmp_path))
    assert (outcome.code, outcome.result["status"], outcome.result["files"]) == (130, "cancelled", [])
    assert (outcome.state, outcome.last) == ("cancelled", "Cancelled")
    assert outcome.left == ""
    assert outcome.seconds < 15  # two on an idle machine
