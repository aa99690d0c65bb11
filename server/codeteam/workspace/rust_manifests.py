"""Manifests of Rust crates: what they ask for, and what they inherit from their workspace."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from codeteam.workspace.tables import strings

MANIFEST = "Cargo.toml"


def wanted(facts: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """What a manifest asks for, for tests and other platforms too: each by its name in it."""
    for place in (facts, *table(facts.get("target")).values()):
        for kind in ("dependencies", "dev-dependencies", "build-dependencies"):
            yield from table(table(place).get(kind)).items()


def inherited(
    name: str, how: object, path: str, manifests: Mapping[str, Mapping[str, Any]]
) -> tuple[Mapping[str, Any], str]:
    """What is asked for, where a crate has it from the nearest workspace too, and the folder of who says so."""
    facts, place = table(how), posixpath.dirname(path)
    if facts.get("workspace") is not True:
        return facts, place
    while place and "workspace" not in manifests.get(posixpath.join(place, MANIFEST), {}):
        place = posixpath.dirname(place)
    shared = table(table(manifests.get(posixpath.join(place, MANIFEST), {}).get("workspace")).get("dependencies"))
    base = table(shared.get(name))
    return {**base, "features": [*strings(base.get("features")), *strings(facts.get("features"))]}, place


def table(value: object) -> Mapping[str, Any]:
    """A table; of a version alone, one with it."""
    if isinstance(value, str):
        return {"version": value}
    return value if isinstance(value, Mapping) else {}
