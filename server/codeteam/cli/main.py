"""The command line's parser and dispatch."""

from __future__ import annotations


def run(argv: list[str]) -> int:
    raise SystemExit(f"not built yet: {argv}")
