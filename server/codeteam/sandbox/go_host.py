"""Runs the `go` of the sandbox's own wheel on the host, to ask proxies of modules; nothing of a module is ever run.

Which proxies are asked, what is private, and with what keys, is the business of the user's own settings: `go env`,
the environment and `.netrc`. But modules come from proxies alone, and from what the user's own `go` fetched before:
from where a module's name itself points, as `direct` has it, nothing is fetched, for names come from a model.
"""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox import fetchers
from codeteam.sandbox.dependencies import Resolver, without_places
from codeteam.sandbox.host_toolchain import of_this_machine

_OWN = {
    "GO111MODULE": "on",
    "GOFLAGS": "-mod=mod -modcacherw",
    "GOTOOLCHAIN": "local",
    "GOVCS": "*:off",
    "GOWORK": "off",
}
_ABSENT = re.compile(
    r"\b(?:404 Not Found|410 Gone|no matching versions|unknown revision)\b"
    r"|no such file or directory|cannot find the (?:file|path)|lookup disabled by GOPROXY=off"
)
"""A proxy answered that it has no such thing, or a folder that is one does not, or there is none."""
_UNREACHED = re.compile(
    r"dial tcp|connection re[sf]|no such host|[Tt]imeout|timed out|unreachable|proxyconnect|tls: |x509: |: EOF"
    r"|no space left|GOPROXY list|invalid proxy URL|insecure URL|: (?:4\d\d|5\d\d) [A-Z]"
)
_LAST_WORDS = 300


@dataclass(frozen=True, slots=True)
class Settings:
    """What matters of the user's, and of `go` itself."""

    named: str
    """Proxies, as `GOPROXY` has them; empty where there is none."""
    cache: Path | None
    """The user's own of modules, which is a proxy as well; None where there is none yet."""
    private: str
    """Patterns of the names that no proxy is asked for."""
    version: str
    """Of Go, "1.27.3"."""

    def has(self, path: str, version: str) -> bool:
        """Whether a version of a module is in the user's own cache, so that no proxy is asked for it."""
        if self.cache is None:
            return False
        here = self.cache / escaped(path) / "@v"
        return all((here / f"{escaped(version)}.{ending}").is_file() for ending in ("info", "mod", "zip"))

    @property
    def nearest(self) -> str:
        """All that may be asked, for exact versions: the cache first."""
        return ",".join(filter(None, (self.cache.as_uri() if self.cache else "", self.named))) or "off"

    @property
    def newest(self) -> str:
        """All that may be asked, for what is new: the cache last, and where no proxy can be reached."""
        return "|".join(filter(None, (self.named, self.cache.as_uri() if self.cache else ""))) or "off"

    @property
    def release(self) -> str:
        """As a manifest has it: "1.27"."""
        return ".".join(self.version.split(".")[:2])


class GoHost:
    """`go` with the user's settings for proxies, and everything else its own."""

    def __init__(self, *, cache: Path, environ: Mapping[str, str], resolver: Resolver) -> None:
        self.modules = cache / "go" / "modules"
        """Its cache of modules."""
        self._cache = cache
        self._environ = {name: value for name, value in environ.items() if name not in ("GOFLAGS", "GOBIN", "GOROOT")}
        self._resolver = resolver

    async def ask(self, place: Path, *arguments: str, proxies: str) -> tuple[str, str]:
        """What a command in the module of a folder prints, and what it says as errors, empty when it ended well.

        Raises:
            SandboxUnavailable: no proxy can be reached, or the disk is full.
        """
        code, told, said = await self._go(place, *arguments, GOPROXY=proxies, GONOPROXY="none")
        if code and unreached(said):
            raise unavailable(said)
        return told, (said.strip() or f"go ended with {code}") if code else ""

    async def settings(self, place: Path) -> Settings:
        """Raises SandboxUnavailable when go cannot read the user's settings."""
        own = {name: self._environ.get(name, "") for name in ("GOMODCACHE", "GOPATH")}
        names = ("GOPROXY", "GONOPROXY", "GOVERSION", "GOMODCACHE")
        code, told, said = await self._go(place, "env", "-json", *names, **own)
        if code:
            raise unavailable(said)
        found = json.loads(told)
        version = found["GOVERSION"].removeprefix("go")
        return Settings(proxies_of(found["GOPROXY"]), _cache(found["GOMODCACHE"]), found["GONOPROXY"], version)

    async def _go(self, place: Path, *arguments: str, **more: str) -> tuple[int, str, str]:
        home = await of_this_machine("go", self._resolver, self._cache) / "go"
        program = next(path for path in (home / "bin" / "go", home / "bin" / "go.exe") if path.is_file())
        own = {
            "GOROOT": str(home),
            "GOPATH": str(self._cache / "go"),
            "GOMODCACHE": str(self.modules),
            "GOCACHE": str(self._cache / "go" / "build"),
        }
        env = self._environ | _OWN | own | more
        return await fetchers.answer(str(program), *arguments, cwd=place, env=env)


def proxies_of(setting: str) -> str:
    """A list of proxies, separated as before, without `direct` and what stands after `off`; empty when none is left."""
    kept: list[str] = []
    for name, mark in re.findall(r"([^,|]+)([,|]?)", setting):
        if name.strip() == "off":
            break
        if name.strip() != "direct":
            kept += [name.strip(), mark]
    return "".join(kept[:-1])


def _cache(modules: str) -> Path | None:
    place = Path(modules, "cache", "download")
    # A list of proxies has no way to write a comma.
    return place if place.is_absolute() and place.is_dir() and not set(",|") & set(modules) else None


def is_private(path: str, patterns: str) -> bool:
    """Whether one of the patterns, separated by commas, is that of a module or of what it is below."""
    elements = path.split("/")
    for pattern in patterns.split(","):
        parts = pattern.strip().rstrip("/").replace("[^", "[!").split("/")
        fits = (fnmatch.fnmatchcase(*pair) for pair in zip(elements, parts, strict=False))
        if parts != [""] and len(parts) <= len(elements) and all(fits):
            return True
    return False


def absent(said: str) -> bool:
    """Whether a proxy says that it has no such module, or no such version."""
    return _ABSENT.search(said) is not None


def unreached(said: str) -> bool:
    """Whether no proxy could be asked; what one that was asked says of other places is not meant."""
    return not absent(said) and _UNREACHED.search(said) is not None


def unavailable(said: str) -> SandboxUnavailable:
    """What a user is told when modules cannot be fetched at all."""
    if "no space left" in said:
        return SandboxUnavailable("The disk is full: modules could not be fetched.", "Free some space.", "disk_full")
    if match := re.search(r"verifying (\S+?)(?:/go\.mod)?: checksum mismatch", said):
        return SandboxUnavailable(
            f"The module {match[1]} is not what it was, or what the checksum database knows.",
            "Whoever runs the proxy may know why; `go mod verify` in a project that uses it tells more.",
        )
    words = without_places(said.strip().splitlines()[-1] if said.strip() else "go failed")[-_LAST_WORDS:]
    return SandboxUnavailable(
        f"Modules could not be fetched: {words}",
        "Check the network, and what `go env GOPROXY` names; modules that were used before still work.",
    )


def escaped(text: str) -> str:
    """As it is in names of files, which not every system tells apart by the size of letters."""
    return re.sub(r"[A-Z]", lambda match: f"!{match[0].lower()}", text)


def objects(told: str) -> Iterator[dict[str, Any]]:
    """JSON objects that stand one after the other."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(told):
        found, at = decoder.raw_decode(told, at)
        yield found
        while at < len(told) and told[at].isspace():
            at += 1
