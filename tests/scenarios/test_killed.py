"""SIGKILL of the worker while a draft runs: nothing is left, history tells what happened, the next job works."""

from __future__ import annotations

import json

import psutil
import pytest

from tests.cli.command import Place, fence, slug_replies, true_soon, until_said
from tests.scenarios.test_cancel import ENDLESS, containers_of


@pytest.mark.docker
def test_worker_killed_while_a_draft_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = Place(tmp_path_factory.mktemp("killed"))
    endless = slug_replies() | {"developer": [fence("slug.py", ENDLESS)]}
    process = place.start("run", "Slugs", "--json", "--model", place.script(endless))
    said = until_said(process, "executor (1): running the draft")
    job = said.split("job ", 1)[1].split(":")[0]
    true_soon(lambda: containers_of(job) != "")
    [worker] = [
        child for child in psutil.Process(process.pid).children() if "codeteam.worker" in " ".join(child.cmdline())
    ]
    worker.kill()
    out, _ = process.communicate(timeout=60)
    true_soon(lambda: containers_of(job) == "")

    result = json.loads(out)
    assert (process.returncode, result["status"], result["error"]["kind"]) == (3, "failed", "worker_died")
    assert "signal 9" in result["error"]["message"]
    told = place.run("jobs", job, "--json").json
    assert told["state"] == "failed"
    names = [event["event"] for event in told["events"]]
    assert names[-1] == "Failed"
    assert "Drafted" in names
    assert "time.sleep(600)" in str(told["events"])

    again = place.run("run", "Slugs", "--require", "draft", "--model", place.script(slug_replies()))
    assert again.code == 0, again.err
