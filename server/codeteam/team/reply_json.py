"""Finds the JSON objects in a model's reply, fenced or bare, and mends what models usually get wrong in them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

_FENCED = re.compile(r"(?:```|~~~)[ \t]*(?:json[c5]?)?[^\n`~]{0,80}\n\s*(?=\{)", re.IGNORECASE)
# A string that does not end goes to the end of the text: a match that fails there would be tried again at each quote.
_STRING = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_TOKEN = re.compile(rf"{_STRING}|[{{}}]", re.DOTALL)
_ESCAPE = re.compile(r"""\\(?:(u[0-9a-fA-F]{4}|["\\/bfnrt])|'|)""")
_LOOSE = re.compile(rf"({_STRING})|,(\s*[}}\]])|\b(True|False|None)\b", re.DOTALL)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_TRIES = 60
_MENDED = 5
"""Objects that are mended at most: each costs a pass over the reply."""
_DEEPEST = 50


def objects(text: str) -> Iterator[dict[str, Any] | str]:
    """JSON objects in a text, those that open a fenced block first; a string says why the first cannot be read."""
    decoder = json.JSONDecoder(strict=False, parse_constant=_refuse)
    fenced = [match.end() for match in _FENCED.finditer(text)][:_TRIES]
    read: set[int] = set()
    start, tries, mended = text.find("{"), 0, 0
    while (fenced or start != -1) and tries < _TRIES:
        here = fenced.pop(0) if fenced else start
        from_text = here == start
        tries += 1
        value, end, problem = _decoded(decoder, text, here)
        if problem and mended < _MENDED:
            mended += 1
            value, _, still = _decoded(decoder, _mended(text, here), 0)
            if still and mended == 1:
                yield problem
        if value is not None and here not in read:
            read.add(here)
            yield value
        if from_text and not fenced:
            start = text.find("{", end)


def _decoded(decoder: json.JSONDecoder, text: str, start: int) -> tuple[dict[str, Any] | None, int, str]:
    """The object, where it ends, and what is wrong when it cannot be read."""
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        return None, start + 1, f"the JSON does not parse: {error.msg}, near {near!r}"
    except (ValueError, RecursionError):
        return None, start + 1, "the JSON holds a number or a depth that cannot be read"
    return (value, end, "") if isinstance(value, dict) else (None, end, "")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _mended(text: str, start: int) -> str:
    """The object that begins here without trailing commas, unknown escapes and Python's words for constants.

    Empty when it has no end, or is nested more deeply than anything that is asked for.
    """
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += {"{": 1, "}": -1}.get(token.group(), 0)
        if depth == 0:
            return _LOOSE.sub(_repaired, text[start : token.end()])
        if depth > _DEEPEST:
            break
    return ""


def _repaired(match: re.Match[str]) -> str:
    if match[1] is not None:
        return _ESCAPE.sub(_escaped, match[1])
    return match[2] if match[2] is not None else _WORDS[match[3]]


def _escaped(match: re.Match[str]) -> str:
    if match[1]:
        return match.group()
    return "'" if match.group().endswith("'") else r"\\"
