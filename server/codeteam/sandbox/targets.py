"""For which Python and platform an image's packages are to be."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.dependencies import Target
from codeteam.sandbox.image import Image
from codeteam.sandbox.protocol import Greeting


class Targets:
    """Asked of an image once, then remembered on disk."""

    def __init__(self, folder: Path, ask: Callable[[Image], Awaitable[Greeting]]) -> None:
        """`ask` starts a container of the image."""
        self._folder = folder
        self._ask = ask
        self._known: dict[str, Target] = {}

    async def of(self, image: Image) -> Target:
        """Raises SandboxUnavailable when nothing for this image's Python could be run."""
        if image.id not in self._known:
            note = self._folder / f"{image.id.removeprefix('sha256:')[:32]}.json"
            target = _recall(note)
            if target is None:
                target = _target(image, await self._ask(image))
                _note(note, target)
            self._known[image.id] = target
        return self._known[image.id]


def _target(image: Image, greeting: Greeting) -> Target:
    if greeting.implementation != "CPython" or tuple(map(int, greeting.python.split(".")[:2])) < (3, 11):
        raise SandboxUnavailable(
            f"The image {image.name} has {greeting.implementation} {greeting.python}, not CPython 3.11 or newer.",
            "Build another with `codeteam sandbox build`.",
            "image_missing",
        )
    return Target.of(
        python=greeting.python, machine=greeting.machine, libc=greeting.libc, libc_version=greeting.libc_version
    )


def _recall(note: Path) -> Target | None:
    try:
        return Target(**json.loads(note.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _note(note: Path, target: Target) -> None:
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"python": target.python, "platform": target.platform}), "utf-8")
