"""The order in which tests run, and in whose company, where several processes share them (`npm test`)."""

from __future__ import annotations

import pytest

from tests.sandbox.engines import ENGINES, missing

LONGEST_NAME = 60
FIRST = ("tests/editors/", "tests/soak/", "tests/e2e/", "tests/attacks/", "tests/sandbox/test_contract.py")
"""Where the long tests are: begun late, one of them would go on alone when all others have ended."""


def pytest_report_header() -> list[str]:
    """On which engines the sandbox is tested, beside the machine's own and none at all."""
    return [f"engine {kind}: {missing(kind) or 'tested'}" for kind in ENGINES]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Long texts would fill the report with themselves: their number among the cases names them."""
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first; the embedded model's in one process, for its memory is there once."""
    items.sort(key=_turn)
    for item in items:
        if item.get_closest_marker("model"):
            item.add_marker(pytest.mark.xdist_group("model"))


def _turn(item: pytest.Item) -> int:
    if item.get_closest_marker("model"):
        return -1
    return next((turn for turn, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), len(FIRST))
