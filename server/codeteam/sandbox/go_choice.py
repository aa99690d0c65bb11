"""Which versions of Go's modules a job gets: what was asked for, what that needs, and what is said of what cannot be.

As Go itself chooses: of each module the newest version that anything in the graph asks for. So nothing conflicts;
a version that is asked for is the oldest that one gets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeteam.sandbox.dependencies import TOO_YOUNG, without_places
from codeteam.sandbox.go_host import GoHost, Settings, absent, is_private, objects, unavailable, unreached
from codeteam.sandbox.interface import DependencyProblem
from codeteam.sandbox.known import meant

_PRUNED = (1, 17)
"""Release of Go since which a `go.mod` names all that its module needs, that indirectly too."""
_OLDER = 20
"""How many older versions are looked at where the newest is too young."""
_UNKNOWN = "There is no module of this name on the proxy."
_PRIVATE = (
    "GOPRIVATE or GONOPROXY keep this module from proxies, and this version is not in your own cache of modules: "
    "`go mod download` in a project that requires it puts it there."
)
_UNASKED = (
    "The settings of go name no proxy, and it is not in your own cache of modules. `go env -w "
    "GOPROXY=https://proxy.golang.org` names one; `direct` is not taken here."
)
_WHOLE_HOSTS = ("github.com", "gitlab.com", "bitbucket.org")
"""Where a module has an owner's name before its own."""

Problems = tuple[DependencyProblem, ...]
_Facts = Mapping[str, Any]
"""Of a module, as `go list -m -json` has them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Exact versions, and hashes of what they need."""

    manifest: str
    """`go.mod`."""
    sums: str
    """`go.sum`, with the hashes of all manifests in the graph of modules."""
    chosen: tuple[str, ...]
    """`path@version` of the modules whose code is needed."""
    beside: tuple[str, ...]
    """Versions that were asked for where another module needs a newer one: without that module they are used."""


@dataclass(frozen=True, slots=True)
class Question:
    """Requirement lines, with where and how to ask."""

    host: GoHost
    settings: Settings
    place: Path
    lines: Mapping[str, str]
    """Wanted versions by path, or "latest"."""
    trusted: frozenset[str]
    before: str
    """A date; empty for no age."""

    async def facts(self, *words: str, newest: bool = False) -> list[_Facts]:
        """With `newest`, proxies are asked first, for the user's own cache knows no newer versions.

        Raises:
            SandboxUnavailable: a proxy that is asked does not answer.
        """
        proxies = self.settings.newest if newest else self.settings.nearest
        told, said = await self.host.ask(self.place, "list", "-m", "-e", "-json", *words, proxies=proxies)
        found: list[_Facts] = list(objects(told)) or [{"Error": {"Err": said}}]
        for fact in found:
            if unreached(_error(fact)):
                raise unavailable(_error(fact))
        return found

    def problem(self, path: str, said: str, kind: str = "") -> DependencyProblem:
        return DependencyProblem(f"{path}@{self.lines[path]}", said, kind)

    def too_young(self, fact: _Facts) -> bool:
        return bool(self.before) and str(fact.get("Time", ""))[:10] > self.before

    def write(self, versions: Mapping[str, str]) -> Path:
        """The manifest that asks for these."""
        required = "".join(f"require {path} {version}\n" for path, version in versions.items())
        manifest = self.place / "go.mod"
        manifest.write_text(f"module codeteam\n\ngo {self.settings.release}\n\n{required}", "utf-8")
        return manifest


async def choose(question: Question) -> Choice | Problems:
    """Raises SandboxUnavailable when a proxy does not answer."""
    found = await _asked(question)
    return await _with_needs(question, found) if isinstance(found, dict) else found


async def _asked(question: Question) -> dict[str, str] | Problems:
    """Exact versions by path, of what was asked for."""
    settings = question.settings
    private = [path for path in question.lines if is_private(path, settings.private)]
    problems = [question.problem(path, _PRIVATE) for path in private if not settings.has(path, question.lines[path])]
    if problems:
        return tuple(problems)
    question.write({})
    found: dict[str, str] = {}
    asked = [f"{path}@{wanted}" for path, wanted in question.lines.items()]
    newest = [name for name in asked if name.endswith("@latest")]
    facts = await question.facts(*newest, newest=True) if newest else []
    facts += await question.facts(*(set(asked) - set(newest))) if len(newest) < len(asked) else []
    for fact in facts:
        path = str(fact.get("Path", ""))
        if said := _error(fact):
            named = [path] if path in question.lines else question.lines
            problems += [await _refused(question, name, said) for name in named]
        elif path in question.trusted or not question.too_young(fact):
            found[path] = str(fact["Version"])
        elif question.lines[path] == "latest" and (older := await _older(question, path)):
            found[path] = older
        else:
            problems.append(question.problem(path, TOO_YOUNG, "young"))
    return tuple(problems) or found


async def _older(question: Question, path: str) -> str:
    """The newest release that is old enough; empty when there is none."""
    [fact] = await question.facts("-versions", f"{path}@latest", newest=True)
    releases = [version for version in reversed(fact.get("Versions", ())) if "-" not in version][:_OLDER]
    looked_at = await question.facts(*(f"{path}@{version}" for version in releases)) if releases else []
    return next((fact["Version"] for fact in looked_at if not (_error(fact) or question.too_young(fact))), "")


async def _refused(question: Question, path: str, said: str) -> DependencyProblem:
    """What is told of a module that was asked for and cannot be had."""
    if not absent(said):
        return question.problem(path, f"It cannot be had: {_cause(said)}")
    if not question.settings.named:
        return question.problem(path, _UNASKED)
    wanted, outer = question.lines[path], list(_outer(path))
    major = re.match(r"v([2-9]|\d\d+)\.", wanted)
    grown = [f"{path}/{major[0][:-1]}@{wanted}"] if major and not re.search(r"/v\d+$", path) else []
    words = (f"{path}@latest", *grown, *(f"{name}@latest" for name in outer))
    looked_at = await question.facts(*words, newest=True)
    there = {str(fact["Path"]): str(fact["Version"]) for fact in looked_at if not _error(fact)}
    other = next((f"{name}@{version}" for name, version in there.items() if name.startswith(f"{path}/")), "")
    if path in there and not other:
        return question.problem(path, f"The proxy has no such version of this module; its newest is {there[path]}.")
    other = other or next((name for name in outer if name in there), "") or meant(path, "go")
    return question.problem(path, f"{_UNKNOWN} Did you mean {other}?" if other else _UNKNOWN)


def _outer(path: str) -> Iterator[str]:
    """Modules of which a path may be a package, the nearest first."""
    elements = path.split("/")
    fewest = 3 if elements[0] in _WHOLE_HOSTS else 2
    for count in range(len(elements) - 1, max(fewest, len(elements) - 5) - 1, -1):
        yield "/".join(elements[:count])


async def _with_needs(question: Question, found: Mapping[str, str]) -> Choice | Problems:
    """What these modules need, and what is wrong with it."""
    manifest = question.write(found)
    built = [fact for fact in await question.facts("all") if not fact.get("Main")]
    graph = _graph((await question.host.ask(question.place, "mod", "graph", proxies=question.settings.nearest))[0])
    chosen = {str(fact["Path"]): fact for fact in built if "Path" in fact}
    if missing := [path for path in question.lines if path not in chosen]:
        cause = _cause(next((_error(fact) for fact in built if _error(fact)), "go does not list it"))
        return tuple(question.problem(path, f"Cannot be met together: {cause}") for path in missing)
    needed = {path: f"{path}@{chosen[path]['Version']}" for path in sorted(_needed(question.lines, chosen, graph))}
    told: dict[str, DependencyProblem] = {}
    texts = (manifest.read_text("utf-8"), _text(question.place / "go.sum"))
    # What Go has no hash of, because the graph did without it, is not looked into; so it is asked about for itself.
    question.write({})
    (question.place / "go.sum").unlink(missing_ok=True)
    looked_at = await question.facts(*needed.values())
    for fact in (*(fact for fact in built if _error(fact)), *looked_at):
        name = f"{fact.get('Path', '')}@{fact.get('Version', '')}"
        said, kind = _wrong(question, fact, name)
        leading = [path for path in question.lines if _leads(graph, f"{path}@{chosen[path]['Version']}", name)]
        for path in (leading or question.lines) if said else ():
            if kind != "young" or path not in question.trusted:
                told.setdefault(path, question.problem(path, said, kind))
    if told:
        return tuple(told.values())
    return Choice(
        *texts,
        tuple(needed.values()),
        tuple(f"{path}@{version}" for path, version in found.items() if needed[path] != f"{path}@{version}"),
    )


def _wrong(question: Question, fact: _Facts, name: str) -> tuple[str, str]:
    """What is wrong with a module that is needed, and of what kind it is; nothing of either where nothing is."""
    if said := _error(fact):
        cause = f"the proxy has no {name}" if absent(said) else _cause(said)
        return f"It, or what it needs, cannot be had: {cause}", ""
    if _release(wanted := _of_go(fact)) > _release(question.settings.version):
        return f"{name} needs Go {wanted}; the sandbox has {question.settings.version}.", ""
    if question.too_young(fact) and fact["Path"] not in question.lines:
        return f"It needs {name}, which was published only in the last days.", "young"
    return "", ""


def _needed(asked: Iterable[str], chosen: Mapping[str, _Facts], graph: Mapping[str, Sequence[str]]) -> set[str]:
    """Paths of the modules whose code packages of the asked ones may import.

    What a manifest names is enough where Go wrote into it all that is needed; for an older one its needs count too.
    """
    found = set(asked)
    queue = list(found)
    opened = set(queue)
    for path in queue:
        needs = {name.partition("@")[0] for name in graph.get(f"{path}@{chosen[path]['Version']}", ())} & chosen.keys()
        found |= needs
        if _release(chosen[path].get("GoVersion", "")) < _PRUNED:
            queue += sorted(needs - opened)
            opened |= needs
    # Go looks for a package in every module whose path its own begins with.
    return found | {path for path in chosen if any(other.startswith(f"{path}/") for other in found)}


def _leads(graph: Mapping[str, Sequence[str]], start: str, end: str) -> bool:
    """Whether a module needs another, by whatever way."""
    queue, seen = [start], {start}
    for name in queue:
        if name == end:
            return True
        fresh = [other for other in graph.get(name, ()) if other not in seen]
        queue += fresh
        seen.update(fresh)
    return False


def _graph(told: str) -> dict[str, list[str]]:
    """What each version of a module asks for, from what `go mod graph` prints."""
    edges: dict[str, list[str]] = {}
    for line in told.splitlines():
        start, _, end = line.partition(" ")
        edges.setdefault(start, []).append(end)
    return edges


def _of_go(fact: _Facts) -> str:
    """The release of Go that a module is for, from its manifest: asked about one version, go does not tell."""
    text = _text(Path(fact["GoMod"])) if "GoMod" in fact else ""
    found = re.search(r"^go[ \t]+(\S+)", text, re.MULTILINE)
    return found[1] if found else ""


def _release(version: str) -> tuple[int, ...]:
    """Of Go, comparable: "1.27.3", "go1.27.3", "1.21rc1"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _error(fact: _Facts) -> str:
    return str((fact.get("Error") or {}).get("Err", ""))


def _cause(said: str) -> str:
    return without_places(" ".join(said.split()))[:600]


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""
