"""Crates of a registry: locked and fetched by this machine's own cargo, which compiles and runs nothing of them.

Which registry is asked, and with what key, is the business of the user's own cargo configuration, which stays on the
host. What is compiled of a crate, its build script and its macros among it, is compiled and run in the sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import shutil
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import crate_lines, fetchers, rust_machine
from codeteam.sandbox.crate_lines import Wanted
from codeteam.sandbox.crate_problems import older_rust, problems_of, too_young, unavailable
from codeteam.sandbox.crate_releases import Release, Releases, read_lock, roots_of
from codeteam.sandbox.dependencies import FRESH, Target, keep, recall
from codeteam.sandbox.interface import DependencyProblem
from codeteam.sandbox.policy import CRATES
from codeteam.sandbox.rust_machine import Found
from codeteam.sandbox.scratch import scratch

CONFIG = "config.toml"
"""For cargo in the sandbox: registries, all of them replaced by the source `codeteam`."""
VENDOR = "vendor"
"""Folder of the crates: what that source has."""
_OWN = "codeteam-lock"
_HEAD = f'[package]\nname = "{_OWN}"\nversion = "0.0.0"\nedition = "2021"\n\n[workspace]\n\n[dependencies]\n'
_CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"
_ROUNDS = 40
"""Releases that are exchanged for older ones at most."""
_TRIED = 3
"""Older releases that are tried in place of one."""


@dataclass(frozen=True, slots=True)
class CrateLock:
    """Exact versions with checksums, for one compiler and platform."""

    manifest: str
    """`Cargo.toml` of a package that asks for them."""
    text: str
    """`Cargo.lock`."""
    key: str
    """Content hash of both, the compiler and the platform, 24 hex digits."""

    @classmethod
    def of(cls, manifest: str, text: str, target: Target, compiler: str) -> CrateLock:
        parts = ("crates", manifest, text, target.platform, compiler)
        return cls(manifest, text, hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24])

    @property
    def packages(self) -> tuple[str, ...]:
        """`name@version` of everything in it."""
        return tuple(release.spec for release in read_lock(self.text) if release.source)


class Crates:
    """Turns requirement lines into locks and locks into folders, with cargo."""

    kind: Final = "crates"
    folder: Final = CRATES
    link: Final = ""
    env: Final[Mapping[str, str]] = {"CODETEAM_CRATES": "{packages}"}

    @staticmethod
    def check(lines: Sequence[str]) -> tuple[tuple[str, ...], tuple[DependencyProblem, ...]]:
        return crate_lines.check(lines)

    @staticmethod
    def name_of(line: str) -> str:
        return crate_lines.name_of(line)

    def __init__(self, *, cache: Path, environ: Mapping[str, str], before: str = "") -> None:
        """`before` is a date; releases published later are not seen. Empty for no such gate."""
        self._locks = cache / "locks"
        self._environ = environ
        self._before = before

    async def lock(
        self,
        requirements: tuple[str, ...],
        target: Target,
        trusted: frozenset[str] = frozenset(),
        preferred: tuple[str, ...] = (),
    ) -> CrateLock | tuple[DependencyProblem, ...]:
        """Exact versions for requirement lines that passed `check`; crates of trusted names may be of any age.

        Where the index does not say when a release was published, its age is no matter.

        Raises:
            SandboxUnavailable: the registry cannot be reached and no earlier answer is known, the disk is full, or
                there is no cargo on this machine.
        """
        del preferred  # names of another index
        found = await asyncio.to_thread(rust_machine.find, self._environ, target)
        asked = [wanted for line in requirements if (wanted := crate_lines.read(line))]
        manifest = manifest_of(asked)
        free = sorted(trusted & {wanted.name for wanted in asked}) if self._before else []
        settings = _settings(self._environ)
        question = "\0".join(("crates", manifest, target.platform, found.key, settings, self._before, *free))
        known = self._locks / f"{hashlib.sha256(question.encode()).hexdigest()[:32]}.lock"
        if text := recall(known, FRESH):
            return CrateLock.of(manifest, text, target, found.key)
        with scratch("crates") as place:
            _package(place, manifest)
            code, said = await self._cargo(found, place, "generate-lockfile")
            if code == 0:
                if problems := await self._fitted(found, place, asked, trusted):
                    return problems
                text = recall(keep(known, recall(place / "Cargo.lock")))
                return CrateLock.of(manifest, text, target, found.key)
        if problems := problems_of(said, asked):
            return problems
        if text := recall(known):
            return CrateLock.of(manifest, text, target, found.key)
        raise unavailable(said)

    async def install(self, lock: CrateLock, target: Target, folder: Path, *, own_copies: bool) -> None:
        """Lay the crates of a lock out in an empty folder, with the configuration that makes cargo take them.

        What only other platforms need is there by its manifest, for cargo looks at all of them; its files are empty.
        No file is shared with cargo's cache, whatever `own_copies` is.

        Raises:
            SandboxUnavailable: the registry cannot be reached, the disk is full, a crate cannot be read.
        """
        del own_copies
        found = await asyncio.to_thread(rust_machine.find, self._environ, target)
        with scratch("crates") as place:
            _package(place, lock.manifest)
            (place / "Cargo.lock").write_text(lock.text, "utf-8")
            every = await self._packages(found, place)
            needed = await self._packages(found, place, "--filter-platform", found.host)
            try:
                await asyncio.to_thread(_lay_out, every, {package["id"] for package in needed}, lock, folder)
                for name in ("Cargo.toml", "Cargo.lock"):  # by which they are compiled ahead
                    shutil.copy(place / name, folder)
            except OSError as error:
                raise SandboxUnavailable(f"Crates cannot be unpacked: {error.strerror}.", kind="disk_full") from error

    async def _packages(self, found: Found, place: Path, *platform: str) -> list[dict[str, Any]]:
        """Cargo's own words on each crate of a lock, which it fetches for that."""
        how = ("metadata", "--locked", "--format-version", "1", *platform)
        code, answer, said = await self._asked(found, place, *how)
        if code != 0:
            raise unavailable(said)
        packages: list[dict[str, Any]] = json.loads(answer)["packages"]
        return packages

    async def _fitted(
        self, found: Found, place: Path, asked: Sequence[Wanted], trusted: frozenset[str]
    ) -> tuple[DependencyProblem, ...]:
        """Exchange releases that are too young, or want a newer Rust, for older ones; where there is none, say so."""
        releases = Releases(rust_machine.cargo_home(self._environ))
        free = {wanted.crate for wanted in asked if wanted.name in trusted}

        def unfit() -> dict[str, tuple[Release, str]]:
            said = (releases.described(release) for release in read_lock((place / "Cargo.lock").read_text("utf-8")))
            reasons = ((item, item.unfit("" if item.crate in free else self._before, found.release)) for item in said)
            return {item.spec: (item, reason) for item, reason in reasons if reason}

        left = unfit()
        for _ in range(_ROUNDS):
            if not left or not await self._exchanged(found, place, left, releases):
                break
            left = unfit()
        locked = {release.spec: release for release in read_lock((place / "Cargo.lock").read_text("utf-8"))}
        problems: dict[str, DependencyProblem] = {}
        for release, reason in left.values():
            leading = roots_of(locked, frozenset(wanted.crate for wanted in asked), release)
            for wanted in asked:
                if wanted.crate in leading and reason == "rust":
                    problems[wanted.line] = older_rust(wanted, release, found.release)
                elif wanted.crate in leading and wanted.crate not in free:
                    problems.setdefault(wanted.line, too_young(wanted))
        return tuple(problems.values())

    async def _exchanged(
        self, found: Found, place: Path, unfit: Mapping[str, tuple[Release, str]], releases: Releases
    ) -> bool:
        """Whether one of the releases could be exchanged for an older one."""
        for spec, (release, _) in unfit.items():
            fit = [item for item in releases.older(release) if not item.unfit(self._before, found.release)]
            for other in fit[:_TRIED]:
                code, _ = await self._cargo(found, place, "update", "--package", spec, "--precise", other.version)
                if code == 0:
                    return True
        return False

    async def _cargo(self, found: Found, place: Path, *arguments: str) -> tuple[int, str]:
        code, _, said = await self._asked(found, place, *arguments)
        return code, said

    async def _asked(
        self,
        found: Found,
        place: Path,
        *arguments: str,
    ) -> tuple[int, str, str]:
        """Run cargo on a scratch package where no configuration but the user's own is found."""
        # What would change the compiler that cargo asks for its version: it is the one that the sandbox has.
        kept = {name: value for name, value in self._environ.items() if not name.startswith(("RUST", "CARGO_BUILD_"))}
        own = {
            "RUSTC": str(found.program("rustc")),
            "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS": "fallback",  # of which older ones know nothing
            "GIT_TERMINAL_PROMPT": "0",
        }
        where = ("--quiet", "--color", "never", "--manifest-path", str(place / "Cargo.toml"))
        # Cargo looks for configuration in the current folder and above it, and others may write where `place` is.
        program = str(found.program("cargo"))
        try:
            return await fetchers.answer(program, *arguments, *where, cwd=Path("/"), env=kept | own)
        except OSError as error:
            gone = f"`cargo` of this machine does not run any more: {error.strerror}."
            raise SandboxUnavailable(gone, rust_machine.INSTALL, "toolchain_missing") from error


def manifest_of(asked: Sequence[Wanted]) -> str:
    """A package that asks for crates, each line by itself: several ranges of one crate may be asked for."""
    return _HEAD + "".join(f"dep-{number} = {wanted.table(named=True)}\n" for number, wanted in enumerate(asked))


def _package(place: Path, manifest: str) -> None:
    (place / "src").mkdir()
    (place / "src" / "lib.rs").touch()
    (place / "Cargo.toml").write_text(manifest, "utf-8")


def _settings(environ: Mapping[str, str]) -> str:
    """What the user's own settings say, so that no answer of one registry is taken for another's."""
    said = sorted(f"{name}={value}" for name, value in environ.items() if name.endswith("_INDEX"))
    for name in ("config.toml", "config"):
        with contextlib.suppress(OSError):
            said.append((rust_machine.cargo_home(environ) / name).read_bytes().hex())
    return "\0".join(said)


def _lay_out(packages: Sequence[Mapping[str, Any]], needed: Collection[str], lock: CrateLock, folder: Path) -> None:
    checksums = {release.spec: release.checksum for release in read_lock(lock.text)}
    for package in packages:
        if package["source"] is None:
            continue
        spec = f"{package['name']}@{package['version']}"
        place = folder / VENDOR / spec.replace("@", "-")
        source = Path(package["manifest_path"]).parent
        shutil.copytree(source, place, ignore=_links, copy_function=shutil.copy if package["id"] in needed else _empty)
        shutil.copy(source / "Cargo.toml", place)
        sums: dict[str, Any] = {"files": {}, "package": checksums.get(spec) or None}
        (place / ".cargo-checksum.json").write_text(json.dumps(sums), "utf-8")
    (folder / VENDOR).mkdir(exist_ok=True)
    (folder / CONFIG).write_text(_config(lock, packages), "utf-8")


def _empty(_: str, place: str) -> None:
    """In place of a file that is only looked for."""
    Path(place).touch()


def _links(place: str, names: list[str]) -> list[str]:
    return [name for name in names if Path(place, name).is_symlink()]


def _config(lock: CrateLock, packages: Sequence[Mapping[str, Any]]) -> str:
    """Every registry that the lock names, replaced; and those that manifests name, by their names."""
    lines = ['[source.crates-io]\nreplace-with = "codeteam"\n']
    sources = {release.source for release in read_lock(lock.text)} - {"", _CRATES_IO}
    for number, source in enumerate(sorted(sources)):
        address = source.removeprefix("registry+")
        lines.append(f'[source.codeteam-{number}]\nregistry = {json.dumps(address)}\nreplace-with = "codeteam"\n')
    [own] = [package for package in packages if package["source"] is None]
    entries = tomllib.loads(lock.manifest)["dependencies"]
    named = {entries[needed["rename"]].get("registry"): needed.get("registry") for needed in own["dependencies"]}
    for name, address in named.items():
        if name and address:
            lines.append(f"[registries.{name}]\nindex = {json.dumps(address)}\n")
    return "".join(lines)
