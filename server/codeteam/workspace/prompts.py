"""Prompt files that replace the packaged ones."""

from __future__ import annotations

import re
from pathlib import Path

from codeteam.workspace.reading import inside, read_text

_LIMIT = 64 * 1024
_FILES = 32
_ROLE = re.compile(r"[a-z][a-z_]{0,30}")
WORKSPACE_PROMPTS = ".codeteam/prompts"


def read_prompts(
    root: Path | None, config: Path | None, *, trusted: bool
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Prompt texts by role, and a message for each file that could not be used.

    The user's are `config/prompts/ROLE.md`; a workspace's `.codeteam/prompts/ROLE.md` win over them, but count only
    when the workspace is trusted: a prompt decides what the team does.
    """
    found: dict[str, str] = {}
    problems: list[str] = []
    for folder, guarded in ((config / "prompts" if config else None, False), (_folder(root, trusted), True)):
        if folder is None:
            continue
        for path in _files(folder):
            # a link in the user's own folder is the user's choice, one in a workspace may be anyone's
            real = inside(folder, path.name) if guarded else _followed(path)
            text = None if real is None else read_text(real, _LIMIT)
            if text is None or not text.strip():
                reason = (
                    "empty" if text is not None else f"not a readable UTF-8 text file of at most {_LIMIT // 1024} kB"
                )
                problems.append(f"{path}: is {reason}; the packaged prompt is used instead.")
            else:
                found[path.stem] = text
    return tuple(sorted(found.items())), tuple(problems)


def _folder(root: Path | None, trusted: bool) -> Path | None:
    return inside(root, WORKSPACE_PROMPTS) if root is not None and trusted else None


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    try:
        for path in folder.iterdir():
            if path.suffix == ".md" and _ROLE.fullmatch(path.stem):
                found.append(path)
            if len(found) >= _FILES:
                break
    except OSError:
        pass
    return sorted(found)


def _followed(path: Path) -> Path | None:
    try:
        return path.resolve(strict=True)
    except (OSError, RuntimeError):
        return None
