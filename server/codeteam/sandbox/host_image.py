"""The machine's own CPython as the layer of an image: interpreter, standard library, shared libraries, a shell.

The same Python gives the same bytes: names are sorted, times are zero, owners are root. Linux only.
"""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

PROGRAMS = (
    *("awk", "base64", "basename", "cat", "chmod", "cksum", "cmp", "comm", "cp", "cut", "date", "diff", "dirname"),
    *("echo", "env", "expr", "false", "find", "fold", "grep", "head", "id", "join", "ln", "ls", "md5sum", "mkdir"),
    *("mktemp", "mv", "nl", "nproc", "od", "paste", "printf", "pwd", "readlink", "realpath", "rm", "rmdir", "sed"),
    *("seq", "sha256sum", "shuf", "sleep", "sort", "split", "stat", "tac", "tail", "tee", "test", "timeout", "touch"),
    *("tr", "true", "uname", "uniq", "wc", "xargs", "yes"),
)
"""What a shell script takes for granted; those that this machine has."""
EXTRA_LIBRARIES = (
    *("libstdc++.so.6", "libgcc_s.so.1", "libatomic.so.1", "libgomp.so.1"),
    *("libdl.so.2", "libnss_files.so.2", "libpthread.so.0", "libresolv.so.2", "librt.so.1", "libutil.so.1"),
)
"""What wheels may expect of a platform without bringing it."""
LEFT_OUT = ("__pycache__", "site-packages", "dist-packages", "test", "tests", "idle_test", "turtledemo")
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class NotPossible(Exception):
    """This Python cannot be made into an image; the text says why."""


def write_layer(target: IO[bytes]) -> None:
    """Write the layer as a tar archive.

    Raises:
        NotPossible: not Linux, no `ldd`, or not CPython.
    """
    if sys.platform != "linux" or sys.implementation.name != "cpython":
        raise NotPossible("only CPython on Linux can be imported")
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for name, entry in sorted(_with_folders(dict(_entries())).items()):
            _add(archive, name, entry)


Entry = Path | bytes | str | None
"""A file to copy, its bytes, the target of a link, or None for a folder."""


def _entries() -> Iterator[tuple[str, Entry]]:
    interpreter = Path(os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    yield from _skeleton(version)
    yield f"usr/local/bin/python{version}", interpreter
    stdlib = Path(sysconfig.get_path("stdlib"))
    yield from _standard_library(stdlib, f"usr/local/{sys.platlibdir}/python{version}")
    shell, programs = _programs()
    yield from programs
    extensions = sorted((stdlib / "lib-dynload").glob("*.so"))
    yield from _libraries([interpreter, *extensions, *shell])
    zones = Path("/usr/share/zoneinfo")
    for path in sorted(zones.rglob("*")) if zones.is_dir() else ():
        if path.is_file() and path.relative_to(zones).parts[0] not in ("right", "posix"):
            yield f"usr/share/zoneinfo/{path.relative_to(zones)}", Path(os.path.realpath(path))


def _with_folders(entries: dict[str, Entry]) -> dict[str, Entry]:
    """The same with every folder that something is in: some engines would make them, for root alone to enter."""
    above = {str(parent): None for name in entries for parent in PurePosixPath(name).parents if parent.name}
    return above | entries


def _skeleton(version: str) -> Iterator[tuple[str, Entry]]:
    for folder in ("dev", "etc", "proc", "sys", "tmp", "opt", "usr/bin", "usr/lib", "usr/local/bin", "var/tmp"):
        yield folder, None
    for name in ("lib", "lib64", "bin", "sbin"):
        yield name, f"usr/{name.replace('lib64', 'lib').replace('sbin', 'bin')}"
    yield "usr/lib64", "lib"
    yield "usr/local/bin/python3", f"python{version}"
    yield "usr/local/bin/python", "python3"
    for name, text in TEXTS.items():
        yield name, text.encode()


def _standard_library(source: Path, target: str) -> Iterator[tuple[str, Entry]]:
    """Sources and extensions; each module's code too, marked as not to be checked against times."""
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT and not name.startswith("config-"))
        place = Path(folder)
        inside = f"{target}/{place.relative_to(source)}".replace("/.", "")
        for name in sorted(names):
            path = place / name
            if not path.is_file() or path.suffix in (".pyc", ".a", ".exe"):
                continue
            yield f"{inside}/{name}", Path(os.path.realpath(path))
            if path.suffix == ".py":
                code = _compiled(path)
                if code:
                    yield f"{inside}/__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc", code


def _compiled(source: Path) -> bytes:
    """The module's `.pyc`, unchecked (PEP 552), from the one beside it when current; empty if it will not compile."""
    content = source.read_bytes()
    cached = Path(importlib.util.cache_from_source(str(source)))
    facts = source.stat()
    current = (int(facts.st_mtime) & 0xFFFFFFFF).to_bytes(4, "little") + (facts.st_size & 0xFFFFFFFF).to_bytes(
        4, "little"
    )
    head = importlib.util.MAGIC_NUMBER
    try:
        found = cached.read_bytes()
    except OSError:
        found = b""
    fresh = found[:8] == head + bytes(4) and found[8:16] == current
    body = found[16:] if fresh else _compile(content, source)
    return head + b"\x01\0\0\0" + importlib.util.source_hash(content) + body if body else b""


def _compile(content: bytes, source: Path) -> bytes:
    import marshal  # noqa: PLC0415 - only where Python came without compiled modules

    try:
        return marshal.dumps(compile(content, str(source), "exec", dont_inherit=True))
    except (SyntaxError, ValueError):
        return b""


def _programs() -> tuple[list[Path], list[tuple[str, Entry]]]:
    """Shells and a few programs: of busybox where it is, else dash or bash and what there is of the rest."""
    found: list[Path] = []
    entries: list[tuple[str, Entry]] = []
    if bash := shutil.which("bash"):
        found.append(Path(os.path.realpath(bash)))
        entries.append(("usr/bin/bash", found[-1]))
    busybox = shutil.which("busybox")
    if busybox:
        found.append(Path(os.path.realpath(busybox)))
        entries.append(("usr/bin/busybox", found[-1]))
        entries += [(f"usr/bin/{name}", "busybox") for name in ("sh", *PROGRAMS)]
        return found, entries
    for name in ("dash", "bash"):
        if shell := shutil.which(name):
            found.append(Path(os.path.realpath(shell)))
            entries += [(f"usr/bin/{name}", found[-1]), ("usr/bin/sh", name)]
            break
    for name in PROGRAMS:
        if program := shutil.which(name):
            found.append(Path(os.path.realpath(program)))
            entries.append((f"usr/bin/{name}", found[-1]))
    return found, entries


def _libraries(programs: Iterable[Path]) -> Iterator[tuple[str, Entry]]:
    """Shared libraries of the programs, all in /usr/lib, where every loader looks; the loader where it is expected."""
    found, loaders = shared_libraries(programs)
    places = {path.parent for path in found.values()} | {Path("/usr/lib"), Path("/usr/lib64")}
    for name in EXTRA_LIBRARIES:
        for folder in sorted(places):
            if (folder / name).exists():
                found.setdefault(name, folder / name)
    for name, path in sorted(found.items()):
        yield f"usr/lib/{name}", Path(os.path.realpath(path))
    for loader in sorted(loaders):
        yield f"usr/lib/{loader.name}", Path(os.path.realpath(loader))
        if loader.parent not in (Path("/lib"), Path("/lib64"), Path("/usr/lib"), Path("/usr/lib64")):
            yield str(loader).lstrip("/"), f"/usr/lib/{loader.name}"


def shared_libraries(programs: Iterable[Path]) -> tuple[dict[str, Path], set[Path]]:
    """The libraries that programs of this machine load, by their names, and what loads them.

    Raises:
        NotPossible: there is no `ldd`.
    """
    found: dict[str, Path] = {}
    loaders: set[Path] = set()
    for line in _ldd([str(path) for path in programs]):
        if match := re.match(r"\s+(\S+) => (/\S+)", line):
            found.setdefault(match[1], Path(match[2]))
        elif match := re.match(r"\s+(/\S+) \(", line):
            loaders.add(Path(match[1]))
    return found, loaders


def _ldd(programs: list[str]) -> list[str]:
    tool = shutil.which("ldd")
    if tool is None:
        raise NotPossible("`ldd`, which finds shared libraries, is not there")
    run = subprocess.run([tool, *programs], capture_output=True, text=True, check=False, env={"LC_ALL": "C"})
    return run.stdout.splitlines()


def _add(archive: tarfile.TarFile, name: str, entry: Entry) -> None:
    member = tarfile.TarInfo(name)
    member.mode = 0o755
    if entry is None:
        member.type = tarfile.DIRTYPE
        member.mode = 0o1777 if name.endswith("tmp") else 0o755
        archive.addfile(member)
    elif isinstance(entry, str):
        member.type = tarfile.SYMTYPE
        member.linkname = entry
        archive.addfile(member)
    elif isinstance(entry, bytes):
        member.size = len(entry)
        member.mode = 0o644
        archive.addfile(member, io.BytesIO(entry))
    else:
        member.size = entry.stat().st_size
        member.mode = 0o755 if os.access(entry, os.X_OK) else 0o644
        with entry.open("rb") as file:
            archive.addfile(member, file)
