"""What the server really sends has the shape of the extension's types."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeteam.domain.events import Event, Failed
from tests.extension.shapes import faults
from tests.extension.test_protocol import TYPES, typescript
from tests.lsp.client import at
from tests.lsp.playing import playing, proposed
from tests.lsp.test_job_news import CODE, DONE, SENT_BACK

FAILURE = Failed("model_quota", "The quota is used up.", "Wait, or choose another model.")


@pytest.mark.parametrize(
    ("last", "state"), [(proposed({"slug.py": DONE}), "applied"), (FAILURE, "failed")], ids=["applied", "failed"]
)
async def test_news_lists_and_reports_of_a_job(tmp_path: Path, last: Event, state: str) -> None:
    types = typescript()
    root = tmp_path / "shop"
    root.mkdir()
    (root / "slug.py").write_text(CODE, encoding="utf-8")
    uri = (root / "slug.py").as_uri()
    async with playing(tmp_path / "home", *SENT_BACK, last) as client:
        await client.initialize(root)
        client.open(uri, CODE)
        answer = await client.execute("codeteam.implement", {"uri": uri, "version": 1, "range": at(1, 4)})
        assert not list(faults(answer, types["CommandAnswer"], "answer"))
        await client.job_state(answer["jobId"], state)
        jobs = await client.request("codeteam/jobs", {"limit": 5, "workspaces": [str(root)]})
        report = await client.request("codeteam/jobReport", {"jobId": answer["jobId"]})
    assert len(jobs["jobs"]) == 1
    assert not list(faults(jobs, types["JobsAnswer"], "jobs"))
    assert report["steps"]
    assert not list(faults(report, types["JobReport"], "report"))
    told = [entry for entry in client.notifications if entry["method"].startswith("codeteam/")]
    assert {entry["method"] for entry in told} == {"codeteam/job", "codeteam/step"}
    for entry in told:
        assert not list(faults(entry["params"], types[TYPES[entry["method"]][0]], entry["method"]))
