"""What a lock of cargo's holds, and what the index says of other releases, as cargo keeps it for itself.

Old indexes and private ones do not say when a release was published, or which Rust it needs: what is not said is taken
to fit.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_LARGEST = 64 * 1024 * 1024
"""Bytes of an index's entry of one crate that are looked at."""


@dataclass(frozen=True, slots=True)
class Release:
    """One of a crate."""

    crate: str
    version: str
    checksum: str = ""
    """SHA-256 of its archive; empty where it is of no registry."""
    source: str = ""
    """The registry's own address, as cargo names it."""
    needs: tuple[str, ...] = ()
    """Of a lock: crates, by name or by name and version."""
    published: str = ""
    """Date and time, UTC; empty where it is not said."""
    rust: tuple[int, ...] = ()
    """The oldest Rust that it is for, as far as it is said."""

    @property
    def spec(self) -> str:
        return f"{self.crate}@{self.version}"

    def unfit(self, before: str, rust: tuple[int, ...]) -> str:
        """What speaks against it: "young" for a date after that day, "rust" for a newer Rust than that; else empty."""
        if self.rust > rust:
            return "rust"
        return "young" if before and self.published[:10] > before else ""


def read_lock(text: str) -> tuple[Release, ...]:
    """The releases of a `Cargo.lock`."""
    return tuple(
        Release(
            item["name"], item["version"], item.get("checksum", ""), item.get("source", ""),
            tuple(" ".join(line.split(" ")[:2]) for line in item.get("dependencies", ())),
        )
        for item in tomllib.loads(text).get("package", ())
    )  # fmt: skip


def roots_of(locked: Mapping[str, Release], wanted: frozenset[str], found: Release) -> frozenset[str]:
    """Those of the wanted crates, by name, that lead to a release."""
    needing: dict[str, set[str]] = {}
    by_name: dict[str, list[str]] = {}
    for release in locked.values():
        by_name.setdefault(release.crate, []).append(release.spec)
    for release in locked.values():
        for need in release.needs:
            name, _, version = need.partition(" ")
            for spec in [f"{name}@{version}"] if version else by_name.get(name, ()):
                needing.setdefault(spec, set()).add(release.spec)
    seen, queue = {found.spec}, [found.spec]
    while queue:
        more = needing.get(queue.pop(), set()) - seen
        seen |= more
        queue += more
    return frozenset(locked[spec].crate for spec in seen if spec in locked) & wanted


class Releases:
    """Reads what cargo keeps of the indexes that it asked."""

    def __init__(self, home: Path) -> None:
        """`home` is cargo's own folder."""
        self._indexes = home / "registry" / "index"
        self._known: dict[str, list[tuple[Release, ...]]] = {}

    def described(self, locked: Release) -> Release:
        """A release of a lock, with what its index says of it."""
        for release in self._of_its_index(locked):
            if release.checksum == locked.checksum:
                return replace(locked, published=release.published, rust=release.rust)
        return locked

    def older(self, locked: Release) -> tuple[Release, ...]:
        """Those before it, the newest first; none that was withdrawn, and none that was to be tried only."""
        found = [item for item in self._of_its_index(locked) if _order(item.version)]
        return tuple(
            sorted(
                (item for item in found if _order(item.version) < _order(locked.version)),
                key=lambda item: _order(item.version),
                reverse=True,
            )
        )

    def _of_its_index(self, locked: Release) -> tuple[Release, ...]:
        """What the index has from which this very archive came."""
        name = locked.crate.lower()
        if name not in self._known:
            places = self._indexes.glob(f"*/.cache/{folder_of_index(name)}/{name}") if locked.checksum else ()
            self._known[name] = [tuple(_kept(place)) for place in places]
        of_it = (found for found in self._known[name] if any(item.checksum == locked.checksum for item in found))
        return next(of_it, ())


def folder_of_index(name: str) -> str:
    """Where in an index a crate's entry is."""
    name = name.lower()
    if len(name) <= 2:
        return str(len(name))
    return f"3/{name[0]}" if len(name) == 3 else f"{name[:2]}/{name[2:4]}"


def _kept(place: Path) -> Iterator[Release]:
    """Cargo's file has a head, then a version and its entry in turn, each ended by a null."""
    try:
        raw = place.read_bytes() if place.stat().st_size <= _LARGEST else b""
    except OSError:
        return
    for part in raw.split(b"\0"):
        if not part.startswith(b"{"):
            continue
        try:
            entry = json.loads(part)
        except (ValueError, RecursionError):
            continue
        if not entry.get("yanked"):
            yield _release(entry)


def _release(entry: Mapping[str, Any]) -> Release:
    published, rust = str(entry.get("pubtime") or ""), str(entry.get("rust_version") or "")
    return Release(
        str(entry.get("name")),
        str(entry.get("vers")),
        str(entry.get("cksum") or ""),
        published=published if re.match(r"\d{4}-\d\d-\d\d", published, re.ASCII) else "",
        rust=tuple(map(int, match[0].split("."))) if (match := re.match(r"\d{1,5}(\.\d{1,5}){0,2}", rust)) else (),
    )


def _order(version: str) -> tuple[int, ...]:
    """By which versions are compared; empty for one that was to be tried only."""
    match = re.fullmatch(r"(\d{1,18})\.(\d{1,18})\.(\d{1,18})(?:\+.*)?", version, re.ASCII)
    return tuple(map(int, match.groups())) if match else ()
