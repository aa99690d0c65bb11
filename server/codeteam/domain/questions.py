"""What a running job may ask of the front that started it: a word with the editor's own model, a key, or leave.

Questions are no events: they are not kept, for an answer may be a secret.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Key(StrEnum):
    """The keys that may be asked for, by their environment variables; no other name can be said."""

    OPENAI = "OPENAI_API_KEY"
    ANTHROPIC = "ANTHROPIC_API_KEY"
    GEMINI = "GEMINI_API_KEY"
    AZURE = "AZURE_OPENAI_API_KEY"
    OWN = "CODETEAM_API_KEY"

    @property
    def label(self) -> str:
        """The provider as users know it."""
        return _LABELS[self]


_LABELS = {
    Key.OPENAI: "OpenAI",
    Key.ANTHROPIC: "Anthropic",
    Key.GEMINI: "Gemini",
    Key.AZURE: "Azure OpenAI",
    Key.OWN: "your own model server",
}


@dataclass(frozen=True, slots=True)
class Chat:
    """Ask one of the editor's models."""

    model: str
    """As the editor names it; empty for the one that its user has chosen."""
    messages: tuple[tuple[str, str], ...]
    """(speaker, text), the speaker "user" or "assistant"; editors know no system role."""
    temperature: float
    label: str
    """Who asks, for the user: "the developer"."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Ask the user for a key that the environment does not have."""

    key: Key
    address: str = ""
    """Scheme, host and port of the server of one's own that it is for; empty for a provider's."""


_PLACES = {"pypi": "PyPI", "npm": "npm", "go": "the Go module proxy", "crates": "crates.io"}
"""Indexes, as users know them."""


@dataclass(frozen=True, slots=True)
class Install:
    """May a package that the workspace does not name be fetched for the sandbox?"""

    package: str
    index: str
    """One of those that languages name, such as "pypi" and "npm"."""
    why: str = ""
    """What speaks against it, a sentence; empty when nothing is known to."""

    @property
    def text(self) -> str:
        """The question, for people."""
        place = _PLACES.get(self.index, self.index)
        registry, _, name = self.package.rpartition("/") if self.index == "crates" else ("", "", self.package)
        place = f"the registry {registry}" if registry else place
        asked = f"The job's plan asks for the package {name} of {place}, to run and test its code with."
        return f"{asked} {self.why}".strip()


@dataclass(frozen=True, slots=True)
class Said:
    """The model's whole reply."""

    text: str
    model: str = ""
    """The one that answered, as the editor names it."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """None where the editor does not count."""


@dataclass(frozen=True, slots=True)
class Given:
    """The key, or None when the user gave none."""

    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Consent:
    """Yes or no, from a person."""

    granted: bool


class Why(StrEnum):
    """Why a question was not answered."""

    CONSENT = "consent"
    """The user, or who decides for them, does not allow it."""
    QUOTA = "quota"
    NOT_FOUND = "not_found"
    BLOCKED = "blocked"
    """By a filter of the model's provider."""
    CANCELLED = "cancelled"
    """By the user, in the editor."""
    FAILED = "failed"
    """Something that may go away by itself."""
    NO_EDITOR = "no_editor"
    """Whoever started the job lends no models."""


@dataclass(frozen=True, slots=True)
class Declined:
    """No answer."""

    why: Why
    message: str = ""
    """The editor's own words, which nothing is known of; may be empty."""


Question = Chat | Secret | Install
Answer = Said | Given | Consent | Declined

Ask = Callable[[Question, Callable[[str], None]], Awaitable[Answer]]
"""Puts a question and waits for its answer; calls back with what a model has said so far, piece by piece.

Cancelling it withdraws the question. It raises nothing of its own: a refusal is an answer.
"""


async def ask_no_one(_: Question, __: Callable[[str], None]) -> Answer:
    """For jobs without an editor."""
    return Declined(Why.NO_EDITOR)
