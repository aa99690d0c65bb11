"""The job report in a browser: real answers of the server, rendered by the extension's own code."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.service import recorded_service
from tests.editors.report.jobs import ROOT, answers

ARTIFACTS = ROOT / "dist" / "screenshots" / "report"
"""Screenshots, to be looked at; continuous integration keeps them."""
LONGEST = 900
"""Seconds of the tests in the browser, on whatever busy machine."""


@pytest.mark.docker
def test_the_report_in_every_theme(
    programs: dict[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every check of `page.test.mjs`; its own words are the message when one fails."""
    told = tmp_path / "answers.json"
    told.write_text(json.dumps(asyncio.run(answers(tmp_path, recorded_service(tmp_path_factory)))), "utf-8")
    places = {
        "modules": programs["modules"],
        "chromium": programs["chromium"],
        "answers": str(told),
        "out": str(tmp_path),
        "pictures": str(ARTIFACTS),
    }
    done = subprocess.run(
        [programs["node"], "--test", "--test-reporter=spec", "tests/editors/report/page.test.mjs"],
        cwd=ROOT,
        env={**os.environ, "REPORT": json.dumps(places)},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " fail 0" in done.stdout
