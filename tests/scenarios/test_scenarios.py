"""Plays every scenario of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.scenario import check, play, read_scenario

_SCENARIOS = sorted(Path(__file__).parent.glob("*.md"))


@pytest.mark.docker
@pytest.mark.parametrize("path", _SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path, tmp_path: Path, own_indexes: dict[str, str]) -> None:
    scenario = read_scenario(path)
    check(scenario, play(scenario, tmp_path, own_indexes))
