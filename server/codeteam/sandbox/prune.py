"""Removes what runs left behind that were killed before they could clean up; never what belongs to a living process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import container, owner, volumes
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.image import Image
from codeteam.sandbox.protocol import LONGEST
from codeteam.sandbox.volumes import Parcel, Volumes

UNKNOWN_FOR = timedelta(seconds=LONGEST) + timedelta(days=1)
"""After this long, what an owner left of whom nothing can be known is taken for abandoned: no run takes so long."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """Names of what was removed."""

    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()


async def prune_containers(engine: Engine) -> tuple[str, ...]:
    """Remove containers whose owner is dead.

    Raises:
        SandboxUnavailable: the engine cannot be reached.
    """
    filters = {"label": [f"{container.LABEL}=1"]}
    found = await engine.call(lambda api: api.containers(all=True, filters=filters))
    removed = []
    for facts in found:
        if _is_abandoned(facts["Labels"], facts["Labels"].get(container.CREATED, "")):
            await container.remove(engine, facts["Id"])
            removed.append(facts["Names"][0].lstrip("/") if facts.get("Names") else facts["Id"][:12])
    return tuple(removed)


async def prune_volumes(engine: Engine, filled: Volumes, image: Image | None, *, every: bool) -> tuple[str, ...]:
    """Remove volumes of packages that a dead owner never finished; with `every`, all that are not in use.

    Raises:
        SandboxUnavailable: the engine cannot be reached.
    """
    answer = await engine.call(lambda api: api.volumes(filters={"label": volumes.LABEL}))
    removed = []
    for facts in answer.get("Volumes") or []:
        labels = facts.get("Labels") or {}
        abandoned = _is_abandoned(labels, facts.get("CreatedAt", ""))
        doomed = every or (abandoned and image is not None and not await _is_whole(filled, image, facts, labels))
        if doomed and await _remove(engine, facts["Name"]):
            removed.append(facts["Name"])
    return tuple(removed)


async def _remove(engine: Engine, volume: str) -> bool:
    try:
        await engine.call(lambda api: api.remove_volume(volume))
    except SandboxUnavailable as error:
        if error.kind in ("docker_down", "docker_missing"):
            raise
        return False  # in use, or gone by now
    return True


async def _is_whole(filled: Volumes, image: Image, facts: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    kind, _, key = str(facts["Name"]).removeprefix("codeteam-").partition("-")

    async def nothing(_: object) -> None:
        return None

    return await filled.is_whole(Parcel(kind, labels.get(volumes.LABEL, key), "/opt/packages", nothing), image)


def _is_abandoned(labels: Mapping[str, str], created: str) -> bool:
    alive = owner.is_alive(labels.get(container.OWNER, ""))
    if alive is not None:
        return not alive
    try:
        return datetime.now(UTC) - datetime.fromisoformat(created) > UNKNOWN_FOR
    except (ValueError, TypeError):
        return False
