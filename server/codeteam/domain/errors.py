"""What no one can go on from. Everything else (a failing program, a bad draft) is a value.

CodeteamError
├── BadInput              the request or a settings file is wrong             exit 2
│   └── BadSettings
├── SandboxUnavailable    no engine, no image, it died, the disk is full      exit 3
├── ModelUnavailable      unreachable, wrong key, no quota, unknown name      exit 3
├── UnreadableReply       a model would not keep to its format               exit 3
├── HistoryUnreadable     the history database is damaged or newer            exit 3
├── WorkerDied            the worker process ended in mid-job                 exit 3
└── OutOfBudget           a limit was reached; the pipeline turns it into a proposal
"""

from __future__ import annotations

from codeteam.domain.evidence import Usage


class CodeteamError(Exception):
    """An end with a message fit for the user: what happened, and what to do about it."""

    kind = "error"
    exit_code = 3

    def __init__(self, message: str, hint: str = "", kind: str = "") -> None:
        super().__init__(message)
        self.message = message
        """What happened, a sentence without secrets or tracebacks."""
        self.hint = hint
        """What the user can do, a sentence or a command; may be empty."""
        if kind:
            self.kind = kind

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class BadInput(CodeteamError):
    kind = "bad_input"
    exit_code = 2


class BadSettings(BadInput):
    kind = "bad_settings"


class SandboxUnavailable(CodeteamError):
    """`kind`: "sandbox_unavailable", "docker_missing", "docker_down", "image_missing", "disk_full",
    "toolchain_missing".
    """

    kind = "sandbox_unavailable"


class ModelUnavailable(CodeteamError):
    """`kind`: "model_unreachable", "model_auth", "model_consent" (the editor's user or its rules), "model_quota",
    "model_unknown", "context_too_long", "model_error".
    """

    kind = "model_error"
    usage: Usage = Usage()
    """What the calls before the end used; they were made and may have been billed."""


class UnreadableReply(CodeteamError):
    kind = "unreadable_reply"


class HistoryUnreadable(CodeteamError):
    kind = "history_unreadable"


class WorkerDied(CodeteamError):
    """`kind`: "worker_died", "worker_environment" (the interpreter cannot run one), "max_seconds"."""

    kind = "worker_died"


class OutOfBudget(CodeteamError):
    """`kind`: "max_tokens", "max_cost", "max_seconds"."""

    kind = "budget"
    exit_code = 1
