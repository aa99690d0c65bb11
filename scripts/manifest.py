"""Writes the team's settings into the extension's manifest, package.json: `python scripts/manifest.py`."""

from __future__ import annotations

import json
from dataclasses import Field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from codeteam.domain.settings import LANGUAGES, Quality, Settings

MANIFEST = Path(__file__).parent.parent / "package.json"
TEAM = "Team"
"""Title of the category that is written here; the others in the manifest are the extension's own, written by hand."""
OWN_RESTRICTED = ("codeteam.pythonPath", "codeteam.wheelhouse")
"""Settings of the extension that lead to programs which run."""

_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
_ENUM_DOCS = {
    "draft": "It ran.",
    "reviewed": "Static checks are clean and the reviewer approved.",
    "tested": "Its tests and the requirement's own examples passed.",
    "production": "All of it, and every gate that the settings ask for.",
    "pipeline": "One after the other, each gate checked.",
    "conversation": "A conversation whose next speaker a model chooses, for comparison.",
    "docker": "In a container without network or privileges.",
    "local": "On this machine, without isolation.",
    "ask": "Each is asked about once; where no one can be asked, old enough ones are taken.",
    "allow": "Old enough ones are taken without a question.",
    "refuse": "None is taken.",
}
_MORE = {"model": " [Choose it from a list](command:codeteam.chooseModel)."}
"""What an editor can offer beside the words."""


def manifest() -> dict[str, Any]:
    """The manifest as it should be."""
    written: dict[str, Any] = json.loads(MANIFEST.read_text("utf-8"))
    own = [category for category in written["contributes"]["configuration"] if category["title"] != TEAM]
    properties = {name(field): _property(field, order) for order, field in enumerate(fields(Settings))}
    written["contributes"]["configuration"] = [{"title": TEAM, "properties": properties}, *own]
    trust = written["capabilities"]["untrustedWorkspaces"]
    trust["restrictedConfigurations"] = sorted({*OWN_RESTRICTED, *map(name, filter(_restricted, fields(Settings)))})
    return written


def text() -> str:
    return json.dumps(manifest(), indent=2, ensure_ascii=False) + "\n"


def name(field: Field[Any]) -> str:
    """The setting's name in the editor: "codeteam.maxIterations"."""
    first, *others = field.name.split("_")
    return "codeteam." + first + "".join(word.capitalize() for word in others)


def _property(field: Field[Any], order: int) -> dict[str, Any]:
    facts, default = field.metadata, field.default
    found: dict[str, Any] = {"order": order, "scope": _scope(facts["tighten"])}
    if isinstance(default, Enum):
        found |= _choice(default)
    else:
        found |= {"type": _TYPES[type(default)], "default": _plain(default)}
    if field.name == "language":
        found["enum"] = list(LANGUAGES)
    found |= {bound: facts[bound] for bound in ("minimum", "maximum") if facts[bound] is not None}
    return {**found, "markdownDescription": facts["doc"] + _MORE.get(field.name, "")}


def _plain(value: object) -> object:
    """As a person writes it: 60, not 60.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _choice(default: Enum) -> dict[str, Any]:
    names = [item.label if isinstance(item, Quality) else str(item.value) for item in type(default)]
    chosen = default.label if isinstance(default, Quality) else str(default.value)
    return {
        "type": "string",
        "enum": names,
        "enumDescriptions": [_ENUM_DOCS[item] for item in names],
        "default": chosen,
    }


def _scope(tighten: str) -> str:
    """What is the user's alone is read from no workspace; the rest is the window's, for a server serves a window."""
    return "window" if tighten else "machine"


def _restricted(field: Field[Any]) -> bool:
    """Whether it decides what runs, where, or how much may be sent: all but taste."""
    return bool(field.metadata["tighten"] != "taste")


if __name__ == "__main__":
    MANIFEST.write_text(text(), "utf-8")
