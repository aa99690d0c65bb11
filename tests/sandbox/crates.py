"""A registry of crates in a folder: an index that is a git repository, as every cargo reads it, and what it names."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeteam.sandbox.crate_releases import folder_of_index


@dataclass(frozen=True)
class Crate:
    """A release."""

    name: str
    version: str
    code: str = ""
    """Of `src/lib.rs`."""
    needs: Sequence[str] = ()
    """Each as `name range`, or with the platform that alone needs it, `name range cfg(…)`."""
    features: Mapping[str, Sequence[str]] = field(default_factory=dict)
    published: str = ""
    """As the index tells it; empty where it does not."""
    rust: str = ""
    """The oldest Rust that it is for."""
    build: str = ""
    """Of `build.rs`."""
    kind: str = ""
    """More lines of its manifest's `[lib]`, and below it."""
    edition: str = "2021"
    stamp: int = 0
    """Time in its archive: another one makes another checksum."""

    @property
    def manifest(self) -> str:
        lines = [f'[package]\nname = "{self.name}"\nversion = "{self.version}"\nedition = "{self.edition}"']
        lines += [f'rust-version = "{self.rust}"'] if self.rust else []
        lines += ["[features]", *(f"{name} = {json.dumps(list(on))}" for name, on in self.features.items())]
        for name, wanted, platform in map(_parts, self.needs):
            place = f"target.'{platform}'.dependencies" if platform else "dependencies"
            lines += [f"[{place}.{name}]", f'version = "{wanted}"']
        lines += ["[lib]", self.kind]
        return "\n".join(lines) + "\n"

    @property
    def blob(self) -> bytes:
        stream = io.BytesIO()
        packed = gzip.GzipFile(fileobj=stream, mode="wb", mtime=self.stamp)
        with packed, tarfile.open(fileobj=packed, mode="w") as archive:
            texts = {"Cargo.toml": self.manifest, "src/lib.rs": self.code}
            texts |= {"build.rs": self.build} if self.build else {}
            texts |= {"benches/slow.rs": "fn main() {}\n"} if "[[bench]]" in self.kind else {}
            for path, text in texts.items():
                member = tarfile.TarInfo(f"{self.name}-{self.version}/{path}")
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
        return stream.getvalue()

    def entry(self, blob: bytes) -> dict[str, Any]:
        deps: list[dict[str, Any]] = [
            {"name": name, "req": wanted, "features": [], "optional": False, "default_features": True,
             "target": platform or None, "kind": "normal"}
            for name, wanted, platform in map(_parts, self.needs)
        ]  # fmt: skip
        known = {"pubtime": self.published, "rust_version": self.rust}
        return {
            "name": self.name,
            "vers": self.version,
            "deps": deps,
            "cksum": hashlib.sha256(blob).hexdigest(),
            "features": {name: list(on) for name, on in self.features.items()},
            "yanked": False,
        } | {name: value for name, value in known.items() if value}


def _parts(need: str) -> tuple[str, str, str]:
    name, wanted, *platform = need.split(" ", 2)
    return name, wanted, "".join(platform)


def content(crates: Sequence[Crate], address: str) -> dict[str, bytes]:
    """The files of an index and of the crates, by their paths; `address` is where they are to be had."""
    config = {"dl": f"{address}/{{crate}}-{{version}}.crate"}
    found: dict[str, bytes] = {"index/config.json": json.dumps(config).encode()}
    for crate in crates:
        blob = crate.blob
        path = f"index/{folder_of_index(crate.name)}/{crate.name}"
        found[path] = found.get(path, b"") + json.dumps(crate.entry(blob)).encode() + b"\n"
        found[f"{crate.name}-{crate.version}.crate"] = blob
    return found


def registry(folder: Path, crates: Sequence[Crate]) -> str:
    """Lay a registry out in a folder; the address of its index."""
    for path, blob in content(crates, folder.as_uri()).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(blob)
    own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=tests", "-c", "user.email=tests@localhost")
    for argv in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "crates")):
        subprocess.run(["git", *argv], cwd=folder / "index", env=os.environ | own, check=True)
    return (folder / "index").as_uri()


def cargo_home(folder: Path, address: str, more: str = "") -> dict[str, str]:
    """The user's own settings for cargo: in place of crates.io, that registry alone is asked."""
    folder.mkdir(parents=True, exist_ok=True)
    text = f'[source.crates-io]\nreplace-with = "own"\n[source.own]\nregistry = "{address}"\n{more}'
    (folder / "config.toml").write_text(text, "utf-8")
    return {"CARGO_HOME": str(folder), "CARGO_NET_RETRY": "0"}


MACRO = """\
extern crate proc_macro;

#[proc_macro]
pub fn four(_: proc_macro::TokenStream) -> proc_macro::TokenStream {
    "4".parse().unwrap()
}
"""
SHOUT = """\
/// The text in capitals, with the mark that the build made.
#[cfg(feature = "loud")]
pub fn shout(text: &str) -> String {
    format!("{}{}", text.to_uppercase(), mark_of_the_build::MARK)
}
"""
CRATES = (
    Crate("shouting", "1.0.0", SHOUT, needs=["mark-of-the-build 1"], features={"loud": []}),
    Crate("shouting", "1.1.0", SHOUT, needs=["mark-of-the-build 1"], features={"loud": []}),
    Crate(
        "mark-of-the-build",
        "1.0.0",
        'pub const MARK: &str = env!("MARK");\n',
        build='fn main() {\n    println!("cargo:rustc-env=MARK=!");\n}\n',
    ),
    Crate("four-macro", "1.0.0", MACRO, kind="proc-macro = true"),
)
"""Enough to work with: a feature, a build script, a macro."""
