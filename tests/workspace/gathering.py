"""Workspaces on the disk, and the tasks that are gathered from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codeteam.domain.settings import Settings
from codeteam.domain.source import Span
from codeteam.domain.task import Intent, Task
from codeteam.workspace.gather import gather_task


def make(root: Path, files: Mapping[str, str]) -> Path:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8", newline="")
    return root


def gather(
    root: Path | None,
    path: str = "",
    text: str | None = None,
    *,
    selection: tuple[int, int] | None = None,
    cursor: int | None = None,
    instruction: str = "do it",
    trusted: bool = True,
    config: Path | None = None,
    open_buffers: Mapping[str, str] | None = None,
    language: str = "",
) -> Task:
    if text is None:
        text = (root / path).read_text(encoding="utf-8") if root and path else ""
    return gather_task(
        job="abcdef123456",
        intent=Intent.IMPLEMENT,
        root=root,
        path=path,
        text=text,
        selection=Span(*selection) if selection else None,
        cursor_line=cursor,
        instruction=instruction,
        settings=Settings(),
        trusted=trusted,
        config=config,
        open_buffers=open_buffers,
        language=language,
    )
