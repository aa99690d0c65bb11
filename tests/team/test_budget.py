"""Limits of tokens, money and time."""

from __future__ import annotations

import pytest

from codeteam.domain.errors import OutOfBudget
from codeteam.domain.evidence import Usage
from codeteam.domain.settings import Settings
from codeteam.team.budget import Budget


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_tokens() -> None:
    budget = Budget(Settings(max_tokens=100), Clock())
    budget.spend(Usage(1, 60, 39))
    budget.check()
    budget.spend(Usage(1, 0, 1))
    with pytest.raises(OutOfBudget, match="100 tokens") as caught:
        budget.check()
    assert caught.value.kind == "max_tokens"
    assert "--max-tokens" in caught.value.hint


def test_money_counts_where_the_price_is_known() -> None:
    budget = Budget(Settings(max_cost=0.5), Clock())
    budget.spend(Usage(1, 1, 1, 0.3))
    budget.spend(Usage(1, 1, 1, None))
    budget.check()
    budget.spend(Usage(1, 1, 1, 0.2))
    assert budget.usage.cost is None
    with pytest.raises(OutOfBudget, match=r"\$0\.5"):
        budget.check()


def test_seconds() -> None:
    clock = Clock()
    budget = Budget(Settings(max_seconds=10), clock)
    clock.now += 9.5
    assert budget.seconds == 9.5
    assert budget.seconds_left == 0.5
    budget.check()
    clock.now += 99
    assert budget.seconds_left == 0.0
    with pytest.raises(OutOfBudget) as caught:
        budget.check()
    assert caught.value.kind == "max_seconds"


def test_no_limits() -> None:
    clock = Clock()
    budget = Budget(Settings(max_tokens=0, max_cost=0, max_seconds=0), clock)
    clock.now += 1e9
    budget.spend(Usage(10**6, 10**12, 10**12, 1e9))
    assert budget.seconds_left is None
    budget.check()
