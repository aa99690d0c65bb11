"""The engine goes away in the midst of a job: what was written by then is proposed, with the honest reason."""

from __future__ import annotations

import json

import pytest

from tests.cli.command import ARCHITECT, SLUG, Place, fence, until_said
from tests.sandbox.own_engine import own_engine


@pytest.mark.docker
def test_a_draft_that_had_no_chance_to_run_is_proposed(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("gone")
    with own_engine(folder / "engine") as engine:
        place = Place(folder).with_environ(DOCKER_HOST=engine.host, CODETEAM_CACHE=str(folder / "cache"))
        model = place.script(
            {"architect": [ARCHITECT], "developer": [{"text": fence("slug.py", SLUG), "delay": 20}], "tester": ["none"]}
        )
        job = place.start("run", "Write slug(text).", "--json", "--require", "draft", "--model", model)
        said = until_said(job, "writing the draft")
        engine.kill()
        out, err = job.communicate(timeout=120)
    assert job.returncode == 1, said + err
    result = json.loads(out)
    assert result["status"] == "below"
    assert [(file["path"], file["text"]) for file in result["files"]] == [("slug.py", SLUG)]
    assert "The Docker engine went away during the job." in result["stopped_by"]
    assert "Install Docker" not in result["stopped_by"]
