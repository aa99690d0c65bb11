"""Writing for people: text from models and programs must not steer the terminal or hide what it says."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, TextIO

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but line feed and tab, and those that turn the direction of writing."""


def harmless(text: str) -> str:
    """The text with what would steer a terminal shown as escapes; carriage returns at line ends are dropped."""
    return _STEERING.sub(lambda match: f"\\x{ord(match[0]):02x}", text.replace("\r\n", "\n"))


def put(text: str) -> None:
    """To standard output: as it is for a program or a file, harmless for a person's terminal."""
    _write(sys.stdout, harmless(text) if sys.stdout.isatty() else text)


def put_json(value: dict[str, Any]) -> None:
    """One JSON object; ASCII alone, so that no locale and no lone surrogate can break it."""
    _write(sys.stdout, json.dumps(value, indent=2) + "\n")


def tell(text: str) -> None:
    """A line to standard error."""
    _write(sys.stderr, harmless(text) + "\n")


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal with an old encoding, or a lone surrogate in a model's reply
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()
