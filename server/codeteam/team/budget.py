"""What a job may spend, and what it has spent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from codeteam.domain.errors import OutOfBudget
from codeteam.domain.evidence import Usage
from codeteam.domain.settings import Settings
from codeteam.models.catalog import Model


def unpriced(settings: Settings, models: Iterable[Model]) -> str:
    """What is to be said when there is a limit of cost, but what some models cost is not known; else empty."""
    unknown = {model.spec: None for model in models if None in (model.traits.input_price, model.traits.output_price)}
    if not settings.max_cost or not unknown:
        return ""
    return (
        f"The limit of ${settings.max_cost:g} cannot be kept for {', '.join(unknown)}: the price is not known. "
        "Only the other models' calls count; --max-tokens limits all."
    )


def uncounted(usage: Usage) -> tuple[str, ...]:
    """What is to be said of tokens that no one has counted."""
    said = "Some tokens are an estimate, at four characters a token: not every call of a model was counted."
    return (said,) if usage.estimated else ()


class Budget:
    """Counts tokens, money and seconds of one job; 0 is no limit."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._start = clock()
        self.usage = Usage()
        self.known_cost = 0.0
        """US dollars of the calls whose price is known."""

    @property
    def seconds(self) -> float:
        """Since the job began."""
        return self._clock() - self._start

    @property
    def seconds_left(self) -> float | None:
        """Until the limit; None without one."""
        limit = self._settings.max_seconds
        return max(limit - self.seconds, 0.0) if limit else None

    def spend(self, usage: Usage) -> None:
        """Count a call, or a failed one that was billed."""
        self.usage += usage
        self.known_cost += usage.cost or 0.0

    def check(self) -> None:
        """Before a call.

        Raises:
            OutOfBudget: a limit is reached; says which.
        """
        settings = self._settings
        if settings.max_tokens and self.usage.tokens >= settings.max_tokens:
            raise OutOfBudget(
                f"The limit of {settings.max_tokens} tokens is reached ({self.usage.tokens} used).",
                "Raise it with --max-tokens or codeteam.maxTokens.",
                "max_tokens",
            )
        if settings.max_cost and self.known_cost >= settings.max_cost:
            raise OutOfBudget(
                f"The limit of ${settings.max_cost:g} is reached (${self.known_cost:.4f} spent).",
                "Raise it with --max-cost or codeteam.maxCost.",
                "max_cost",
            )
        if self.seconds_left == 0:
            raise self.overdue()

    def overdue(self) -> OutOfBudget:
        """The error for a job that ran out of time."""
        return OutOfBudget(
            f"The limit of {self._settings.max_seconds:g} seconds is reached.",
            "Raise it with --max-seconds or codeteam.maxSeconds.",
            "max_seconds",
        )
