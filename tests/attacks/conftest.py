"""Attacks are played a few at a time, ahead of the tests that judge them: most of each is waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.attacks.aftermath import Watched
from tests.attacks.attack import Attack
from tests.attacks.commanded import Commanded, Ground

AT_ONCE = 3

Ahead = Callable[[Attack], Commanded]


@pytest.fixture(scope="session")
def watched() -> Iterator[Watched]:
    engine = Watched()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Where commands run, made warm: what the first run of all fetches or notes is there."""
    ground = Ground(tmp_path_factory.mktemp("attacks"))
    ground.warm()
    return ground


@pytest.fixture(scope="session")
def commanded(request: pytest.FixtureRequest, watched: Watched, ground: Ground) -> Iterator[Ahead]:
    """What came of an attack by the command line; every one that was collected is under way from the first use on."""
    del watched  # it must listen before the first container is made
    chosen: list[Attack] = [
        item.callspec.params["attack"]  # type: ignore[misc]
        for item in request.session.items
        if isinstance(item, pytest.Function) and {"attack", "commanded"} <= set(item.fixturenames)
    ]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures: dict[str, Future[Commanded]] = {attack.name: threads.submit(ground.play, attack) for attack in chosen}
        yield lambda attack: futures[attack.name].result()
        for future in futures.values():
            future.cancel()  # where the tests were stopped early


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")
