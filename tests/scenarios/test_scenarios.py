"""Plays every scenario of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenarios.conftest import Ahead
from tests.scenarios.scenario import check

_SCENARIOS = sorted(Path(__file__).parent.glob("*.md"))


@pytest.mark.docker
@pytest.mark.parametrize("path", _SCENARIOS, ids=lambda path: path.stem)
def test_scenario(path: Path, played: Ahead) -> None:
    check(*played(path))
