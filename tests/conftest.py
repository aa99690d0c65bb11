"""The order in which tests run, and in whose company, where several processes share them (`npm test`)."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The embedded model's tests first, for they take longest, and in one process, for its memory is there once."""
    items.sort(key=lambda item: item.get_closest_marker("model") is None)
    for item in items:
        if item.get_closest_marker("model"):
            item.add_marker(pytest.mark.xdist_group("model"))
