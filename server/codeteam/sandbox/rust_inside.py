"""Runs in the sandbox, by `python3 -c`, and asks cargo to build, test or lint the crates that files are of.

It prints what cargo says. Standard library only.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

HOME = Path(".codeteam/cargo")
TARGET = Path(".codeteam/target")
BUILT = "built"
"""Folder of the job's crates that they are compiled into ahead of the job."""
MANIFEST = "Cargo.toml"
MOST_COPIED = 32 * 1024
"""Bytes of a file."""
MOST_OUTPUT = 4 * 1024 * 1024
"""Bytes of a test program's output that are looked at."""
MOST_SAID = 16_000
"""Characters of the compiler's words, of tests that do not compile."""


def main() -> int:
    os.environ |= {"CARGO_HOME": str(HOME.absolute()), "CARGO_TARGET_DIR": str(TARGET.absolute())}
    mode, *arguments = sys.argv[1:]
    if "CODETEAM_CRATES" in os.environ:
        crates = Path(os.environ["CODETEAM_CRATES"])
        take_crates(crates)
        if mode == "ahead":
            return ahead(crates)
        take_built(crates / BUILT / "debug", TARGET / "debug")
    leave_others_out()
    if mode == "build":
        return build(*arguments)
    return test(*arguments) if mode == "test" else lint(*arguments)


def build(marker: str, token: str, *names: str) -> int:
    """Compile the crates, see that every file is a part of one, and leave the marker."""
    paths = [Path(name) for name in names]
    for crate in sorted({crate_of(path) for path in paths}):
        inside = {path.relative_to(crate).parts[0] for path in paths if path.is_relative_to(crate)}
        others = [f"--{kind}" for kind in ("examples", "benches") if kind in inside]
        for kinds in ([], others) if others else ([],):
            if code := cargo(crate, "build", *kinds).returncode:
                return code
    compiled = {path for found in (TARGET / "debug").glob("**/*.d") for path in named_in(found)}
    for path in paths:
        if path.resolve() not in compiled and path.name != "build.rs":
            said = "no `mod` leads to it from src/lib.rs or src/main.rs, so it is not compiled"
            sys.stderr.write(f"error: {path} is a part of no crate: {said}\n")
            return 1
    Path(marker).write_text(token, "utf-8")
    return 0


def named_in(made: Path) -> set[Path]:
    """The files that something was made of, as cargo tells make."""
    names = re.split(r"(?<!\\)\s+", made.read_text("utf-8", "replace").partition(": ")[2])
    return {Path(name.replace("\\ ", " ")).resolve() for name in names if name.startswith("/")}


def test(report: str, *names: str) -> int:
    """Compile and run each test file, and write what came of it into the report, a JSON object a file."""
    told = [{"file": name, **run_tests(Path(name))} for name in names]
    Path(report).write_text("".join(f"{json.dumps(item)}\n" for item in told), "utf-8")
    return next((int(item["exit"]) for item in told if item["exit"]), 0)


def run_tests(path: Path) -> dict[str, Any]:
    crate = crate_of(path)
    name = re.fullmatch(r"tests/([^/]+?)(?:/main)?\.rs", path.relative_to(crate).as_posix())
    if name is None:
        return {"exit": 1, "said": f"error: {path} is not in the folder `tests` of its crate"}
    how = ("--no-run", "--test", name[1], "--message-format=json-render-diagnostics")
    made = cargo(crate, "test", *how, keep=True, hush=True)
    if made.returncode:
        return {"exit": made.returncode, "said": made.stderr.decode("utf-8", "replace")[:MOST_SAID]}
    program = ""
    for line in made.stdout.splitlines():
        message = json.loads(line) if line.startswith(b"{") else {}
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == name[1]:
            program = message.get("executable") or program
    output = TARGET / "said"
    with output.open("wb") as file:
        # The runner's own JSON wants a compiler that may be unstable, or this; the compiler itself does not see it.
        env = os.environ | {"RUSTC_BOOTSTRAP": "1", "CARGO_MANIFEST_DIR": str(crate.absolute())}
        argv = (program, "-Zunstable-options", "--format=json")
        ended = subprocess.run(argv, stdout=file, cwd=crate, env=env, check=False).returncode
    with output.open("rb") as file:
        return {"exit": ended, "events": file.read(MOST_OUTPUT).decode("utf-8", "replace")}


def lint(*names: str) -> int:
    """Print cargo's messages; 1 when there are errors, 2 when it could not look."""
    worst = 0
    for crate in sorted({crate_of(Path(name)) for name in names}):
        looked = cargo(crate, "clippy", "--all-targets", "--message-format=json", keep=True)
        sys.stdout.buffer.write(looked.stdout)
        ended = b'"reason":"build-finished"' in looked.stdout
        worst = max(worst, int(looked.returncode != 0) if ended else 2)
    return worst


def cargo(
    crate: Path, command: str, *arguments: str, keep: bool = False, hush: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """What it says on its standard output is kept, or let through; what it says of errors too."""
    argv = ("cargo", command, "--offline", "--quiet", "--manifest-path", str(crate / MANIFEST), *arguments)
    pipe = subprocess.PIPE
    return subprocess.run(argv, stdout=pipe if keep else None, stderr=pipe if hush else None, check=False)


def crate_of(path: Path) -> Path:
    """The folder of the crate that a file is of."""
    for folder in path.parents:
        if "package" in manifest(folder / MANIFEST):
            return folder
    raise SystemExit(f"error: {path} is a part of no crate: there is no {MANIFEST} with a package above it")


def take_crates(folder: Path) -> None:
    """Have cargo find the job's own crates there, in place of every registry."""
    HOME.mkdir(parents=True, exist_ok=True)
    own = f"[source.codeteam]\ndirectory = {json.dumps(str(folder / 'vendor'))}\n"
    (HOME / "config.toml").write_text((folder / "config.toml").read_text("utf-8") + own, "utf-8")


def ahead(folder: Path) -> int:
    """Compile the crates there, as code needs them and as linters do; what does not compile is told when it is used."""
    os.environ["CARGO_TARGET_DIR"] = str(folder / BUILT)
    Path("src").mkdir()
    Path("src/lib.rs").touch()
    for name in (MANIFEST, "Cargo.lock"):
        shutil.copyfile(folder / name, name)
    return max(cargo(Path(), command).returncode for command in ("build", "check"))


def take_built(folder: Path, place: Path) -> None:
    """Let cargo find what was compiled ahead: large files by links, small ones as copies, for it writes into some."""
    for here, _, names in os.walk(folder):
        (place / Path(here).relative_to(folder)).mkdir(parents=True, exist_ok=True)
        for name in names:
            source = Path(here, name)
            copy = place / source.relative_to(folder)
            if not source.is_file():
                continue
            if source.stat().st_size > MOST_COPIED:
                copy.symlink_to(source)
            elif name != ".cargo-lock":
                shutil.copy2(source, copy)  # with its time, by which cargo knows what is fresh


def leave_others_out() -> None:
    """Name in a workspace's manifest only those members whose code is here: cargo wants to see all of them."""
    top = Path(MANIFEST)
    facts = manifest(top).get("workspace")
    if not isinstance(facts, dict):
        return
    apart = [folder for folder in facts.get("exclude", ()) if isinstance(folder, str)]
    there = sorted(found.parent for found in Path().glob(f"*/**/{MANIFEST}") if "package" in manifest(found))
    there = [folder for folder in there if not any(folder.is_relative_to(other) for other in apart)]
    members = json.dumps([str(folder) for folder in there if any(folder.glob("src/**/*.rs"))])
    fewer = re.sub(r"(?m)^[ \t]*(?:default-)?members\s*=\s*\[[^\]]*\]", "", top.read_text("utf-8"))
    fewer = re.sub(r"(?m)^[ \t]*\[workspace\].*$", lambda _: f"[workspace]\nmembers = {members}", fewer, count=1)
    top.write_text(fewer, "utf-8")


def manifest(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}


if __name__ == "__main__":
    sys.exit(main())
