"""This machine's Rust as a toolchain: compiler, cargo, clippy, rustfmt, the standard library, and what links programs.

No index that toolchains come from has Rust from those who make it, so it is taken from where the user put it. Of the
user's programs only `rustc` and the C compiler are run, and asked where things are.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from codeteam.domain.errors import SandboxUnavailable
from codeteam.sandbox.dependencies import Target
from codeteam.sandbox.host_image import NotPossible, shared_libraries

PROGRAMS = ("rustc", "cargo", "cargo-clippy", "clippy-driver", "rustfmt")
OLDEST = (1, 63)
"""Release of Rust; Debian 12 has it."""
INSTALL = (
    "Install Rust with rustup (`rustup component add clippy rustfmt` for all of it), or on Debian and Ubuntu: "
    "`apt install rustc cargo rust-clippy rustfmt gcc`."
)
_PATIENCE = 60.0
"""Seconds: rustup may have to look a toolchain up first."""
_OF_THE_IMAGE = re.compile(r"(?:ld-linux|libc\.|libm\.|libmvec\.|libdl\.|libpthread\.|librt\.|libutil\.|libresolv\.)")
"""Libraries that belong to the C library, of which a process can have one alone: the image's."""
_LINKED = ("libgcc_s.so.1", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1")
"""What programs in Rust may be linked to, each found as `libNAME.so` then."""
_AROUND = ("Scrt1.o", "crti.o", "crtbeginS.o", "crtendS.o", "crtn.o", "libc_nonshared.a", "libgcc.a")
"""What a C compiler puts around a program's own parts."""
_LINKER = """\
#!/bin/sh
# What the C compiler would put around the parts that rustc names; `ld` is asked directly.
here=${0%%/*}
start=$here/Scrt1.o
for word; do [ "$word" = -shared ] && start=; done
exec "$here/ld" -dynamic-linker %(loader)s $start "$here/crti.o" "$here/crtbeginS.o" "-L$here" "$@" \\
  --as-needed "$here/ld.so" "$here/libc_nonshared.a" "$here/libgcc.a" --no-as-needed "$here/crtendS.o" "$here/crtn.o"
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found."""

    files: tuple[tuple[str, Path | bytes], ...]
    """By their paths in the toolchain; those given by their bytes are programs."""
    key: str
    """Of all of it, by names, sizes and times."""
    release: tuple[int, ...]
    """Of the compiler, three numbers."""
    host: str
    """The platform that it is for, as it names it."""

    def program(self, name: str) -> Path:
        """One of its programs, where the user put it."""
        return next(path for at, path in self.files if at == f"bin/{name}" and isinstance(path, Path))


def find(environ: Mapping[str, str], target: Target) -> Found:
    """The toolchain of the `rustc` on the PATH, or else in rustup's folder, for a platform that must be this machine's.

    Raises:
        SandboxUnavailable: there is none, or it cannot be used there; `toolchain_missing`.
    """
    if sys.platform != "linux" or not _is_here(target):
        raise _missing(
            "Rust is taken from the machine that Codeteam runs on, and the sandbox's is of another kind.",
            "Use an engine on a Linux machine like this one, with an image that has glibc.",
        )
    known = ("HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME")
    folders = [folder for folder in environ.get("PATH", os.defpath).split(":") if folder.startswith("/")]
    # An editor that a desktop started does not have what a shell adds for rustup.
    home = cargo_home(environ)
    folders += [f"{home}/bin"] if home.is_absolute() else []
    asked = {name: environ[name] for name in known if name in environ} | {"PATH": ":".join(folders)}
    return _found(tuple(asked.items()))


def cargo_home(environ: Mapping[str, str]) -> Path:
    """The folder of the user's own settings for cargo, and of what it fetched."""
    return Path(environ.get("CARGO_HOME") or f"{environ.get('HOME', '')}/.cargo")


def _is_here(target: Target) -> bool:
    machine = platform.machine()
    return not target.platform or target.platform.startswith(f"{machine}-manylinux")


@lru_cache(maxsize=4)
def _found(environ: tuple[tuple[str, str], ...]) -> Found:
    """Looked for once a process; the same answer holds for all its jobs."""
    rustc, release, host = _compiler(dict(environ))
    try:
        files = tuple(sorted(_files(dict(environ), rustc, host)))
    except NotPossible as error:
        raise _missing(f"Rust cannot be used: {error}.") from error
    digest = hashlib.sha256()
    for name, source in files:
        facts = source.stat() if isinstance(source, Path) else None
        what = (facts.st_size, facts.st_mtime_ns) if facts else source
        digest.update(f"{name}\0{what!r}\0".encode())
    return Found(files, digest.hexdigest()[:24], release, host)


def _compiler(environ: dict[str, str]) -> tuple[Path, tuple[int, ...], str]:
    """The compiler, its release, and the platform that it is for."""
    rustc = _which("rustc", environ)
    if rustc is None:
        raise _missing("There is no Rust on this machine: no `rustc` is on the PATH, or where rustup puts it.")
    facts = _ask(environ, rustc, "-vV")
    release, host = re.search(r"(?m)^release: (\d+\.\d+\.\d+)", facts), re.search(r"(?m)^host: (\S+)", facts)
    numbers = tuple(map(int, release[1].split("."))) if release else ()
    if host is None or numbers < OLDEST:
        raise _missing(f"This machine's Rust is too old; {OLDEST[0]}.{OLDEST[1]} or newer is needed.")
    if not host[1].endswith("-linux-gnu"):
        raise _missing(f"This machine's Rust is for {host[1]}; the sandbox needs one for glibc.")
    return rustc, numbers, host[1]


def _files(environ: dict[str, str], rustc: Path, host: str) -> Iterator[tuple[str, Path | bytes]]:
    sysroot = Path(_ask(environ, rustc, "--print", "sysroot"))
    programs = {name: (sysroot / "bin" / name).resolve() for name in PROGRAMS}
    if missing := [name for name, path in programs.items() if not path.is_file()]:
        raise _missing(f"This machine's Rust has no {' and no '.join(missing)}.")
    yield from ((f"bin/{name}", path) for name, path in programs.items())
    yield from _standard_library(sysroot, host)
    yield from _linking(environ, [*programs.values()])


def _standard_library(sysroot: Path, host: str) -> Iterator[tuple[str, Path]]:
    inside = f"lib/rustlib/{host}/lib"
    found = [path for path in (sysroot / inside).glob("*") if path.suffix in (".rlib", ".rmeta", ".so")]
    if not found:
        raise _missing(f"This machine's Rust has no standard library for {host}.")
    yield from ((f"{inside}/{path.name}", path.resolve()) for path in found)


def _linking(environ: dict[str, str], programs: list[Path]) -> Iterator[tuple[str, Path | bytes]]:
    """The linker, what it links to, and the libraries that it and Rust's own programs need."""
    compiler = next(filter(None, (_which(name, environ) for name in ("cc", "gcc", "clang"))), None)
    if compiler is None:
        raise _missing("Rust needs a C compiler's linker, and there is no `cc` on the PATH.")
    named = _ask(environ, compiler, "-print-prog-name=ld")
    linker = Path(named) if named.startswith("/") else _which(named, environ)
    if linker is None:
        raise _missing("Rust needs a linker, and there is no `ld` on the PATH.")
    yield "link/ld", linker.resolve()
    libraries, loaders = shared_libraries([*programs, linker.resolve()])
    for name, path in libraries.items():
        if not _OF_THE_IMAGE.match(name):
            yield f"lib/{name}", path.resolve()
    [loader] = loaders
    yield "link/ld.so", loader.resolve()
    yield "link/cc", (_LINKER % {"loader": loader}).encode()
    for name in (*_AROUND, *_LINKED):
        path = Path(_ask(environ, compiler, f"-print-file-name={name}"))
        if not path.is_absolute():
            raise _missing(f"Rust needs what C programs are linked with, and the C compiler has no {name}.")
        yield f"link/{name.partition('.so.')[0]}.so" if name in _LINKED else f"link/{name}", path.resolve()


def _which(name: str, environ: Mapping[str, str]) -> Path | None:
    found = shutil.which(name, path=environ["PATH"])
    return Path(found) if found else None


def _ask(environ: dict[str, str], program: Path, *arguments: str) -> str:
    """What a program says; asked where no workspace's files can choose a toolchain."""
    try:
        done = subprocess.run(
            [program, *arguments], cwd="/", env=environ | {"LC_ALL": "C"}, capture_output=True, text=True,
            errors="replace", stdin=subprocess.DEVNULL, timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _missing(f"`{program.name}` of this machine does not run: {type(error).__name__}.") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[0][:200]
        raise _missing(f"`{program.name}` of this machine does not run: {said}")
    return done.stdout.strip()


def _missing(message: str, hint: str = INSTALL) -> SandboxUnavailable:
    return SandboxUnavailable(message, hint, "toolchain_missing")
