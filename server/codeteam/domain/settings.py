"""What a user can choose; one dataclass from which the options, the editor's settings and the documentation follow."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from codeteam.domain.languages import TONGUES

LANGUAGES = tuple(TONGUES)
"""What `Settings.language` may be: the languages that the sandbox has a row for."""


class Quality(IntEnum):
    """What a proposal has earned, in rising order."""

    DRAFT = 1
    """It ran."""
    REVIEWED = 2
    """Static checks are clean and the reviewer approved."""
    TESTED = 3
    """Its tests and the requirement's own examples passed in the sandbox."""
    PRODUCTION = 4
    """Reviewed, tested, and every gate that the settings ask for is green."""

    @property
    def label(self) -> str:
        return self.name.lower()


class Order(StrEnum):
    """How the roles take turns."""

    PIPELINE = "pipeline"
    CONVERSATION = "conversation"


class NewPackages(StrEnum):
    """What is done with packages that a job wants and the workspace does not declare."""

    ASK = "ask"
    ALLOW = "allow"
    REFUSE = "refuse"


class SandboxKind(StrEnum):
    """Where generated code runs."""

    DOCKER = "docker"
    LOCAL = "local"


def _setting(
    default: Any,
    doc: str,
    *,
    tighten: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
) -> Any:
    """A field with the facts that options, editor settings and documentation are made from.

    `tighten` says how a workspace may change it, by its files or by an editor's settings that it brings: "taste"
    freely, "lower" only downwards, "higher" only upwards, "on" only from off to on, "" not at all (the user's own
    settings decide, and editors take none from a workspace).
    """
    return field(
        default=default,
        metadata={"doc": doc, "tighten": tighten, "minimum": minimum, "maximum": maximum},
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its default: `codeteam.*` has the names in camelCase, the options in kebab-case."""

    language: str = _setting(
        "python",
        f"Language of the code to write, where neither document nor requirement names a file: {', '.join(LANGUAGES)}.",
        tighten="taste",
    )
    framework: str = _setting("", "Framework to build on, empty for none.", tighten="taste")
    style_guide: str = _setting("PEP8", "Style guide that the developer follows.", tighten="taste")
    max_iterations: int = _setting(
        5, "Drafts at most before the job ends with the best so far.", tighten="lower", minimum=1, maximum=50
    )
    require_tests: bool = _setting(True, "Write tests, and accept only what passes them.", tighten="on")
    require_docs: bool = _setting(True, "Every public function, class and module needs a docstring.", tighten="on")
    require_logging: bool = _setting(
        False, "Ask for logging of what the code does and of what fails; the reviewer looks for it.", tighten="on"
    )
    require: Quality = _setting(Quality.PRODUCTION, "Quality a proposal must earn to be accepted.", tighten="higher")
    execution_timeout: float = _setting(
        60.0, "Seconds one run in the sandbox may take.", tighten="lower", minimum=1, maximum=3600
    )
    temperature: float = _setting(0.3, "Sampling temperature of the models.", tighten="taste", minimum=0, maximum=2)
    max_tokens: int = _setting(0, "Tokens a job may use, prompts included; 0 for no limit.", tighten="lower", minimum=0)
    max_cost: float = _setting(
        0.0, "US dollars a job may cost, where the price is known; 0 for no limit.", tighten="lower", minimum=0
    )
    max_seconds: float = _setting(1800.0, "Seconds a job may take; 0 for no limit.", tighten="lower", minimum=0)
    model: str = _setting(
        "",
        "Model of the whole team, for example openai/gpt-4.1; empty for the embedded one.",
    )
    architect_model: str = _setting("", "Model of the architect, where it differs.")
    developer_model: str = _setting("", "Model of the developer, where it differs.")
    reviewer_model: str = _setting("", "Model of the reviewer, where it differs.")
    tester_model: str = _setting("", "Model of the tester, where it differs.")
    base_url: str = _setting(
        "",
        "Address of an OpenAI-compatible server, for compatible/NAME alone; the other providers' are variables.",
    )
    order: Order = _setting(
        Order.PIPELINE, "How the roles take turns: pipeline, or conversation to compare.", tighten="taste"
    )
    sandbox: SandboxKind = _setting(
        SandboxKind.DOCKER,
        "Where generated code runs; local is not isolated and must be asked for.",
    )
    sandbox_image: str = _setting("", "Image of the sandbox; empty for the one that was built.")
    sandbox_runtime: str = _setting(
        "",
        "Runtime of the Docker engine that containers run in, for example runsc for gVisor; empty for its default.",
    )
    sandbox_memory: int = _setting(512, "Memory of a sandbox in MiB.", tighten="lower", minimum=64, maximum=65536)
    sandbox_budget: int = _setting(
        0,
        "Memory in MiB that all sandboxes in use may take together, the rest waits; 0 for half of the machine's.",
        minimum=0,
    )
    new_packages: NewPackages = _setting(
        NewPackages.ASK,
        "Packages that a job wants and the workspace does not declare: ask (each once; where no one can be asked, those"
        " that are old enough are taken), allow (old enough ones), or refuse.",
    )
    package_age: int = _setting(
        7,
        "Days for which a release must have been on its index before a job gets it unasked; 0 for no such limit.",
        tighten="higher",
        minimum=0,
        maximum=3650,
    )
    jobs: int = _setting(2, "Jobs that run at once; more wait.", minimum=1, maximum=32)

    @property
    def asked_quality(self) -> Quality:
        """The quality a proposal must earn: without tests, `TESTED` and above cannot be earned and are not asked."""
        return self.require if self.require_tests else min(self.require, Quality.REVIEWED)

    def model_of(self, role: str) -> str:
        """The model spec of a role ("architect", "developer", "reviewer", "tester"); empty means the embedded one."""
        own: str = getattr(self, f"{role}_model")
        return own or self.model

    @property
    def models(self) -> tuple[str, ...]:
        """The specs of the team's models, each once; an empty one means the embedded one."""
        return tuple(dict.fromkeys(self.model_of(role) for role in ("architect", "developer", "reviewer", "tester")))
