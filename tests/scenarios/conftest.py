"""Scenarios are played a few at a time, ahead of the tests that judge them: most of each is waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.scenarios.scenario import Played, Scenario, play, read_scenario

AT_ONCE = 3

Ahead = Callable[[Path], tuple[Scenario, Played]]


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ahead]:
    """The outcome of a scenario's file; every one that was collected is under way from the first use on."""
    chosen: list[Path] = [
        item.callspec.params["path"]  # type: ignore[misc]
        for item in request.session.items
        if isinstance(item, pytest.Function) and "played" in item.fixturenames
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures: dict[Path, Future[tuple[Scenario, Played]]] = {
            path: threads.submit(_one, path, tmp_path_factory.mktemp(path.stem)) for path in chosen
        }
        yield lambda path: futures[path].result()
        for future in futures.values():
            future.cancel()  # where the tests were stopped early


def _one(path: Path, folder: Path) -> tuple[Scenario, Played]:
    scenario = read_scenario(path)
    return scenario, play(scenario, folder)
