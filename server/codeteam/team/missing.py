"""What the code imports and the job does not carry: told to the team, and recognised where a draft fails by it."""

from __future__ import annotations

import re

from codeteam.domain.evidence import RunResult
from codeteam.domain.task import Task

_NO_MODULE = re.compile(r"^ModuleNotFoundError: No module named '([\w.]+)'", re.MULTILINE)
_NO_NAME = re.compile(r"^ImportError: cannot import name '(\w+)' from '([\w.]+)'", re.MULTILINE)
_IMPORT = re.compile(r"^\s+((?:from|import)\s.*)$", re.MULTILINE)


def cause(task: Task, run: RunResult) -> str:
    """Why no draft can run: code that was there before imports what the job does not carry; empty when it is not so."""
    if run.ok or not task.left_out:
        return ""
    imports = _IMPORT.findall(run.stderr)
    before = {line.strip() for text in task.texts.values() for line in text.splitlines()}
    if not imports or imports[-1].strip() not in before:
        return ""  # the draft's own import: another draft may do without
    modules = [*_NO_MODULE.findall(run.stderr), *(f"{module}.{name}" for name, module in _NO_NAME.findall(run.stderr))]
    for path, reason in task.left_out:
        if modules and _is_behind(path, modules[-1].replace(".", "/")):
            return f"{path} is imported but no part of the job: {reason}"
    return ""


def _is_behind(path: str, module: str) -> bool:
    """Whether a module's file is this one, or in it, below whatever folder its imports start from."""
    return f"/{module}/" in f"/{path.removesuffix('.py')}/"
