"""Registries of the scenarios' own, so that no other one is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.crates import CRATES, cargo_home, registry


@pytest.fixture(scope="session")
def own_indexes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The user's environment, by which these indexes are asked in place of the usual ones."""
    folder: Path = tmp_path_factory.mktemp("indexes")
    return cargo_home(folder / "cargo", registry(folder / "crates", CRATES))
