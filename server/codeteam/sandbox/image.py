"""The image of the sandbox: found by its label, or made from a registry, this machine's Python, or Debian packages."""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import re
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.engine import Engine
from codeteam.sandbox.host_image import NotPossible, write_layer
from codeteam.sandbox.locks import locked
from codeteam.sandbox.scratch import scratch

REPOSITORY = "codeteam/sandbox"
LABEL = "codeteam.image"
CURRENT = "current"
"""Tag of the image that was built last."""
LAYOUT = "2"
"""Value of the label; raised when images of an earlier release will not do."""
REFERENCE = "python:3.12-slim"
"""What is pulled when the settings name nothing else."""
SOURCES = ("auto", "registry", "host", "debian")
REGISTRY_PATIENCE = 5.0
"""Seconds in which a registry must have answered to be used by `auto`."""
PULL_TIMEOUT = 900.0
APT_SETTING = re.compile(r'Acquire::(?:Check-Valid-Until|Check-Date|Retries|https?(?:::[^ ]+)?) "')
DEBIAN_PACKAGES = "python3,dash,bash,coreutils,grep,sed,findutils,diffutils,mawk"


@dataclass(frozen=True, slots=True)
class Image:
    """An image on the engine."""

    id: str
    """Content address, with `sha256:`."""
    name: str

    @property
    def shown(self) -> str:
        """For the evidence: name and short id."""
        return f"{self.name} ({self.id.removeprefix('sha256:')[:12]})"


async def find(engine: Engine, wanted: str = "", *, tag: str = "", repository: str = REPOSITORY) -> Image | None:
    """The image a setting names, else the one that was built last (or the one with this tag); None when there is none.

    Raises:
        SandboxUnavailable: the engine cannot be reached; or `image_missing` for an image that was named.
    """
    if wanted:
        facts = await engine.call(lambda api: api.inspect_image(wanted))
        return Image(facts["Id"], wanted)
    filters = {"label": f"{LABEL}={LAYOUT}"}
    found = await engine.call(lambda api: api.images(filters=filters))
    named = []
    for facts in found:
        names = (name.removeprefix("docker.io/").removeprefix("localhost/") for name in facts.get("RepoTags") or ())
        tags = [name.removeprefix(f"{repository}:") for name in names if name.startswith(f"{repository}:")]
        own = next((name for name in tags if name != CURRENT), "")
        if own and tag in ("", own):
            named.append((CURRENT in tags, facts["Created"], own, facts["Id"]))
    if not named:
        return None
    *_, own, identifier = max(named)
    return Image(identifier, f"{repository}:{own}")


async def ensure(engine: Engine, cache: Path, wanted: str = "") -> Image:
    """The image to use, made by `auto` when none was named and none is there.

    Raises:
        SandboxUnavailable: no engine, or no way to an image; says what was tried.
    """
    found = await find(engine, wanted)
    if found is not None:
        return found
    return await build(engine, cache, "auto", again=False)


async def build(
    engine: Engine, cache: Path, source: str, reference: str = "", *, again: bool = True, repository: str = REPOSITORY
) -> Image:
    """Make and label the image; two processes at once take turns.

    `source` is one of `SOURCES`; `reference` names the image for "registry". Without `again`, an image that another
    process made meanwhile will do. `repository` is the name that images get.

    Raises:
        SandboxUnavailable: it cannot be made this way.
    """
    async with locked(cache / "image.lock"):
        found = None if again else await find(engine, repository=repository)
        if found is not None:
            made = found
        elif source == "auto":
            made = await _first_that_works(engine, reference, repository)
        else:
            made = await _MAKERS[source](engine, reference, repository)
        await engine.call(lambda api: api.tag(made.id, repository, CURRENT))
        return made


async def _first_that_works(engine: Engine, reference: str, repository: str) -> Image:
    tried = []
    for name in SOURCES[1:]:
        try:
            if name == "registry":
                async with asyncio.timeout(REGISTRY_PATIENCE):
                    await engine.call(lambda api: api.inspect_distribution(reference or REFERENCE))
            return await _MAKERS[name](engine, reference, repository)
        except TimeoutError:
            tried.append(f"{name}: no answer in {REGISTRY_PATIENCE:.0f} s")
        except SandboxUnavailable as error:
            if error.kind in ("docker_missing", "docker_down", "disk_full"):
                raise
            tried.append(f"{name}: {error.message}")
    raise SandboxUnavailable(
        "No image for the sandbox could be made. " + " ".join(f"[{words}]" for words in tried),
        "Name one yourself: `codeteam sandbox build --from registry --reference IMAGE`.",
        "image_missing",
    )


async def _from_registry(engine: Engine, reference: str, repository: str) -> Image:
    """Pull, and put our label on it in a layer of its own that holds nothing."""
    wanted = reference or REFERENCE
    name, _, tag = wanted.rpartition(":") if ":" in wanted.rpartition("/")[2] else (wanted, "", "latest")

    async def pull() -> None:
        if "@" in wanted:
            await engine.call(lambda api: api.pull(wanted))
        else:
            await engine.call(lambda api: api.pull(name, tag=tag))

    try:
        async with asyncio.timeout(PULL_TIMEOUT):
            await pull()
    except TimeoutError:
        raise SandboxUnavailable(f"The registry did not deliver {wanted} in time.", "Try again later.") from None
    except SandboxUnavailable as error:
        unknown = any(words in error.message for words in ("manifest unknown", "access denied", "does not exist"))
        if error.kind not in ("image_missing", "not_found") and not unknown:
            raise
        raise SandboxUnavailable(
            f"The registry has no image {wanted}.", "Check --reference.", "image_missing"
        ) from error
    facts = await engine.call(lambda api: api.inspect_image(wanted))
    digests = [digest for digest in facts.get("RepoDigests") or () if digest.startswith(f"{name.partition('@')[0]}@")]
    digest = next(iter(digests), wanted)
    recipe = f'FROM {digest}\nLABEL {LABEL}="{LAYOUT}" codeteam.source="registry" codeteam.reference="{digest}"\n'
    own = f"{repository}:registry-{facts['Id'].removeprefix('sha256:')[:12]}"

    def label(api: Any) -> None:
        for step in api.build(fileobj=BytesIO(recipe.encode()), tag=own, rm=True, pull=False, decode=True):
            if "error" in step:
                raise OSError(step["error"])

    await engine.call(label)
    return await _named(engine, own)


async def _from_host(engine: Engine, reference: str, repository: str) -> Image:
    del reference
    able = await engine.abilities()
    if able.system != "linux" or able.machine != platform.machine():
        raise SandboxUnavailable("The engine runs on another kind of machine, where this one's Python cannot run.")
    try:
        return await _imported(engine, "host", repository, lambda path: asyncio.to_thread(_write_host_layer, path))
    except NotPossible as error:
        raise SandboxUnavailable(f"This machine's Python cannot be used: {error}.") from error


def _write_host_layer(path: Path) -> None:
    with path.open("wb") as file:
        write_layer(file)


async def _from_debian(engine: Engine, reference: str, repository: str) -> Image:
    del reference
    tool = shutil.which("mmdebstrap")
    if tool is None:
        raise SandboxUnavailable("`mmdebstrap` is not installed.", "On Debian and Ubuntu: `apt install mmdebstrap`.")
    settings = [f"--aptopt={line}" for line in await _apt_settings()]

    async def write(path: Path) -> None:
        code, _, said = await _ended([
            tool, "--variant=essential", f"--include={DEBIAN_PACKAGES}", "--format=tar", *settings, "stable", str(path),
        ])  # fmt: skip
        if code:
            lines = [line for line in said.splitlines() if line.startswith("E: ")]
            reason = lines[0].removeprefix("E: ")[:300] if lines else f"exit code {code}"
            raise SandboxUnavailable(f"mmdebstrap failed: {reason}", "Is a Debian mirror reachable?")

    return await _imported(engine, "debian", repository, write)


async def _apt_settings() -> list[str]:
    """How this machine's apt reaches mirrors, through which proxy, and what it asks of them; as lines of apt.conf.

    mmdebstrap reads none of it by itself, so that it would not get out of a network that has a proxy for packages.
    """
    tool = shutil.which("apt-config")
    if tool is None:
        return []
    code, said, _ = await _ended([tool, "dump", "Acquire"])
    return [] if code else [line for line in said.splitlines() if APT_SETTING.match(line)]


async def _ended(argv: Sequence[str]) -> tuple[int, str, str]:
    """Exit code and what was said on stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"SOURCE_DATE_EPOCH": "0"},  # the same packages make the same image
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


async def _imported(engine: Engine, source: str, repository: str, write: Callable[[Path], Awaitable[None]]) -> Image:
    """Import a layer that `write` makes, named for its content."""
    with scratch("image") as folder:
        layer = folder / "layer.tar"
        try:
            await write(layer)
        except OSError as error:
            raise SandboxUnavailable(f"The image could not be written: {error.strerror}", "", "disk_full") from error
        digest = await asyncio.to_thread(_digest, layer)
        tag = f"{source}-{digest[:12]}"
        known = await find(engine, tag=tag, repository=repository)
        if known is not None:
            return known
        changes = [
            f"LABEL {LABEL}={LAYOUT}",  # one a line: Podman takes all that follows for the value
            f"LABEL codeteam.source={source}",
            "ENV PATH=/usr/local/bin:/usr/bin:/bin",
            'CMD ["python3"]',
        ]

        def put(api: Any) -> None:
            # Podman 4 does not look at a tag beside the name.
            answer = api.import_image_from_file(str(layer), repository=f"{repository}:{tag}", changes=changes)
            if '"error"' in answer:
                raise OSError(answer.strip())

        await engine.call(put)
    return await _named(engine, f"{repository}:{tag}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _named(engine: Engine, name: str) -> Image:
    facts = await engine.call(lambda api: api.inspect_image(name))
    return Image(facts["Id"], name)


_MAKERS: dict[str, Callable[[Engine, str, str], Awaitable[Image]]] = {
    "registry": _from_registry,
    "host": _from_host,
    "debian": _from_debian,
}
