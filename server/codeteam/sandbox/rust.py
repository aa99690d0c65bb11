"""Command lines for Rust: cargo compiles and tests, clippy and the compiler look after it, rustfmt tidies.

What cargo is asked is put together in the sandbox, by `rust_inside.py`: only there are the manifests.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from codeteam.sandbox import crate_lines
from codeteam.sandbox.program import Program

MANIFEST = "Cargo.toml"
_OWN = "workspace"
"""Name of the crate that files without a manifest get."""
_PREPARE = """
printf 'fn main() { print!("linked"); }' >warm.rs
rustc -Clinker="$CODETEAM_TOOLS/link/cc" -Clinker-flavor=ld -o warm warm.rs || exit 1
[ "$(./warm)" = linked ] && cargo --version && cargo-clippy --version && rustfmt --version
"""
PREPARE = ("sh", "-c", _PREPARE)
"""Sees that this machine's Rust works where it is to be used."""
_RUN = """
mkdir -p .codeteam
rustc --edition 2021 -Clinker="$CODETEAM_TOOLS/link/cc" -Clinker-flavor=ld -o .codeteam/program "$1" || exit
exec .codeteam/program
"""
_TIDY = """
tabs=$1; shift
for file; do
  # From its standard input it reads this file alone, and not the modules that it names.
  rustfmt --edition 2021 --config "hard_tabs=$tabs" <"$file" >.codeteam-tidied && cat .codeteam-tidied >"$file"
done
rm -f .codeteam-tidied
"""
_PACKAGE = f'[package]\nname = "{_OWN}"\nversion = "0.0.0"\nedition = "2021"\n'
_LIBRARY = ".codeteam/lib.rs"


def run(path: str) -> tuple[str, ...]:
    return ("sh", "-c", _RUN, "sh", path)


def load(paths: Sequence[str], marker: str, token: str) -> Program:
    """Compiles the crates of the files; nothing but their build scripts is run."""
    return Program(_inside("build", marker, token, *paths))


def test(paths: Sequence[str], report_path: str, coverage_sources: Sequence[str]) -> tuple[str, ...]:
    """Integration tests, with what each program's own runner tells in the report."""
    del coverage_sources  # nothing measures it
    return _inside("test", report_path, *paths)


def ahead() -> tuple[str, ...]:
    """Compiles the job's crates, and what they bring to be run while they are."""
    return _inside("ahead")


def lint(paths: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Messages of the compiler and clippy as one JSON object a line; exit code 1 when there are errors."""
    return (("clippy", _inside("lint", *paths)),)


def tidy(paths: Sequence[str], style_guide: str) -> tuple[tuple[str, ...], ...]:
    """Rustfmt with tabs where the style guide says so."""
    return (("sh", "-c", _TIDY, "sh", "true" if "tab" in style_guide.lower() else "false", *paths),)


def scaffold(paths: Collection[str], packages: Collection[str] = ()) -> Mapping[str, bytes]:
    """A package for files that came without one: as cargo looks for them, or else each a module of its library.

    `packages` are checked lines of the crates that the job has.
    """
    if any(posixpath.basename(path) == MANIFEST for path in paths):
        return {}
    crates = {wanted.crate: wanted.table() for line in packages if (wanted := crate_lines.read(line))}
    needed = "".join(["\n[dependencies]\n", *(f"{name} = {how}\n" for name, how in crates.items())] * bool(crates))
    code = sorted(path for path in paths if path.endswith(".rs") and not path.startswith("tests/"))
    if any(path in ("src/lib.rs", "src/main.rs") for path in code):
        return {MANIFEST: f"{_PACKAGE}{needed}".encode()}
    modules = {imported(path, {}).rpartition("::")[2]: path for path in reversed(code)}
    lines = [f'#[path = "../{path}"]\npub mod {name};\n' for name, path in sorted(modules.items())]
    return {
        MANIFEST: f'{_PACKAGE}\n[lib]\npath = "{_LIBRARY}"\n{needed}'.encode(),
        _LIBRARY: "".join(lines).encode(),
    }


def imported(path: str, manifests: Mapping[str, str]) -> str:
    """How tests name the module that a file is, as in `shop::text::slug`; empty for a program, which has no such name.

    `manifests` are the texts of those known, by their paths.
    """
    folders = [posixpath.dirname(path)]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    home = next((folder for folder in folders if "package" in _read(manifests, folder)), None)
    facts = _read(manifests, home) if home is not None else {}
    name = _name_of(facts) or _OWN
    inside = posixpath.relpath(path, home or ".").removesuffix(".rs").split("/")
    if inside[0] != "src":
        return f"{name}::{_identifier(inside[-1])}" if home is None else ""
    parts = [part for part in inside[1:] if part != "mod"]
    if parts[:1] in (["main"], ["bin"]):
        return ""
    return "::".join([name, *(_identifier(part) for part in parts if parts != ["lib"])])


def _read(manifests: Mapping[str, str], folder: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(manifests.get(posixpath.join(folder, MANIFEST), ""))
    except (ValueError, RecursionError):
        return {}


def _name_of(facts: Mapping[str, Any]) -> str:
    for table in ("lib", "package"):
        found = facts.get(table)
        if isinstance(found, dict) and isinstance(found.get("name"), str):
            return _identifier(found["name"])
    return ""


def _identifier(name: str) -> str:
    plain = re.sub(r"\W", "_", name)
    return f"_{plain}" if plain[:1].isdigit() else plain


@cache
def _harness() -> str:
    return files("codeteam.sandbox").joinpath("rust_inside.py").read_text("utf-8")


def _inside(*arguments: str) -> tuple[str, ...]:
    return ("python3", "-I", "-S", "-c", _harness(), *arguments)
