"""The soak's first rounds: every victim once while packages are there, and once while they are being unpacked."""

from __future__ import annotations

import asyncio

import pytest

from tests.sandbox.own_engine import own_engine
from tests.soak.kills import VICTIMS, Round, Soak

pytestmark = pytest.mark.docker


def test_whatever_is_killed_nothing_is_left_and_history_tells_the_truth(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("soak", numbered=True)
    with own_engine(folder / "engine") as engine:
        soak = Soak(folder, engine)
        for number, victim in enumerate(VICTIMS):
            asyncio.run(soak.round(Round(victim, after=1.0 + number / 2, emptied=number % 2 == 1)))
        figures = soak.finish()
    assert not figures.problems
    assert figures.jobs == 4 * len(VICTIMS) == figures.ended.total()
    assert set(figures.outlived) == {
        f"{what} of a {victim}" for what in ("containers", "processes") for victim in ("server", "worker")
    }
