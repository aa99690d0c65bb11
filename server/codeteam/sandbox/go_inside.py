"""Runs in the sandbox, by `python3 -c`, and then the command that it is given: takes out of manifests what is not here.

One module that cannot be had would keep every other one from being used. Standard library only.
"""

import os
import re
import sys
from pathlib import Path


def main() -> None:
    cache = Path(os.getenv("GOMODCACHE", "/nowhere"), "cache", "download")
    for place, folders, names in os.walk("."):
        folders[:] = [name for name in folders if not name.startswith(".")]
        if "go.mod" in names:
            leave_others_out(Path(place, "go.mod"), cache)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the sandbox's own commands


def leave_others_out(manifest: Path, cache: Path) -> None:
    """Keep of what a manifest requires and replaces only what is in the cache of modules, or in a folder here."""
    text = manifest.read_text("utf-8", "surrogateescape")
    lines = [(line, words) for line, words in told(text) if words[:1] != ["replace"] or here(manifest, words, cache)]
    replaced = {path for _, words in lines if words[:1] == ["replace"] for path in words[1:2]}
    kept = [
        line
        for line, words in lines
        if words[:1] != ["require"] or len(words) != 3 or words[1] in replaced or has(cache, *words[1:])
    ]
    if len(kept) < len(text.splitlines()):
        manifest.write_text("".join(f"{line}\n" for line in kept), "utf-8", "surrogateescape")


def told(text: str) -> list[tuple[str, list[str]]]:
    """Each line with its words, inside of a block the block's own before them; none for a line that is no more."""
    found, block = [], ""
    for line in text.splitlines():
        words = [word.strip('"`') for word in line.partition("//")[0].split()]
        if words[1:] == ["("]:
            block, words = words[0], []
        elif words == [")"]:
            block, words = "", []
        elif block and words:
            words = [block, *words]
        found.append((line, words))
    return found


def here(manifest: Path, replace: list[str], cache: Path) -> bool:
    """Whether what takes a module's place is here: a folder with a module, or another module."""
    by = replace[replace.index("=>") + 1 :] if "=>" in replace else []
    return has(cache, *by) if len(by) == 2 else len(by) != 1 or is_file(manifest.parent / by[0] / "go.mod")


def has(cache: Path, path: str, version: str) -> bool:
    name, version = (re.sub("[A-Z]", lambda letter: f"!{letter[0].lower()}", text) for text in (path, version))
    return is_file(cache / name / "@v" / f"{version}.mod")


def is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    main()
