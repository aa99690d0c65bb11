"""A pydantic model as the `response_format` that servers constrain a reply with."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel

_KEPT = {"type", "enum", "const", "description", "anyOf", "items", "minimum", "maximum"}
"""Keywords that every server with schemas knows; the others are left to the check after the reply."""


@cache
def response_format(schema: type[BaseModel]) -> dict[str, Any]:
    """`{"type": "json_schema", …}` in the strict dialect: nothing extra, everything required, no references.

    References are written out, because not every server follows them; a schema that contains itself is a mistake
    in Codeteam and ends in RecursionError. Made once for each schema: not to be changed by who gets it.
    """
    whole = schema.model_json_schema()
    strict = _strict(whole, whole.get("$defs", {}))
    return {"type": "json_schema", "json_schema": {"name": schema.__name__, "schema": strict, "strict": True}}


def _strict(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in node:
        return _strict(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key == "anyOf":
            kept[key] = [_strict(option, definitions) for option in value]
        elif key == "items":
            kept[key] = _strict(value, definitions)
        elif key == "properties":
            kept[key] = {name: _strict(inner, definitions) for name, inner in value.items()}
            kept["required"] = list(value)
            kept["additionalProperties"] = False
        elif key in _KEPT:
            kept[key] = value
    return kept
