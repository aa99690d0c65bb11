"""Crates of generated code, from a registry of the tests' own, by whatever cargo this machine has."""

from __future__ import annotations

import contextlib
import json
import os
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.errors import SandboxUnavailable
from codeteam.domain.questions import Answer, Consent, Install, Question
from codeteam.domain.settings import NewPackages
from codeteam.sandbox.consents import Consents
from codeteam.sandbox.crate_lines import check, name_of, read
from codeteam.sandbox.crates import CrateLock, Crates, manifest_of
from codeteam.sandbox.dependencies import Target
from codeteam.sandbox.docker import DockerSandbox
from codeteam.sandbox.interface import Command, DependencyProblem, DependencySet
from codeteam.sandbox.languages import LANGUAGES, REPORT
from codeteam.sandbox.local import LocalSandbox
from codeteam.team.newcomers import admitted
from tests.sandbox.conftest import CACHE, SMALL
from tests.sandbox.crates import CRATES, Crate, cargo_home, registry
from tests.sandbox.test_private_index import contents

pytestmark = pytest.mark.xdist_group("rust")
"""So that one process alone unpacks the toolchain for the sandbox without an engine."""
RUST = LANGUAGES["rust"]
KEY = "geheim-4711"
HERE = Target("3.12.0")
OTHERS = (
    Crate("ageing", "1.0.0", published="2026-01-01T08:00:00Z"),
    Crate("ageing", "1.1.0", published="2026-03-01T08:00:00Z"),
    Crate("aged-below", "1.0.0", needs=["ageing 1"], published="2026-01-01T08:00:00Z"),
    Crate("new-below", "1.0.0", needs=["ageing ^1.1"], published="2026-01-01T08:00:00Z"),
    Crate("growing", "1.0.0", rust="1.56"),
    Crate("growing", "1.1.0", rust="1.999"),
    Crate("grown", "1.0.0", rust="1.999.1"),
    Crate("grown-below", "1.0.0", needs=["grown 1"]),
    Crate("needing", "1.0.0", needs=["not-there-either 1"]),
    Crate("exact", "1.0.0", needs=["shouting =1.0.0"]),
    Crate("elsewhere", "1.0.0", 'compile_error!("of another platform");\n', kind='[[bench]]\nname = "slow"\n'),
    Crate("everywhere", "1.0.0", needs=["elsewhere 1 cfg(windows)", "growing 1 cfg(unix)"]),
)


@dataclass(frozen=True)
class Served:
    address: str
    environ: Mapping[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("registry")
    now = int(time.time())  # so that no volume of an earlier run holds them
    address = registry(folder / "crates", [replace(crate, stamp=now) for crate in (*CRATES, *OTHERS)])
    second = registry(folder / "second", [Crate("privately", "0.3.0", "pub const HERE: u8 = 3;\n")])
    more = f'[registries.second]\nindex = "{second}"\n'
    own = cargo_home(folder / "cargo", address, more)
    (folder / "cargo" / "credentials.toml").write_text(f'[registries.second]\ntoken = "{KEY}"\n', "utf-8")
    return Served(address, {**os.environ, **own, "CARGO_REGISTRIES_SECOND_TOKEN": KEY})


async def locked(
    served: Served, cache: Path, *lines: str, before: str = "", trusted: frozenset[str] = frozenset()
) -> list[str] | dict[str, str]:
    """What is in the lock, or the problems by their lines."""
    asked, problems = check(lines)
    assert not problems
    found = await Crates(cache=cache, environ=served.environ, before=before).lock(asked, HERE, trusted)
    if isinstance(found, tuple):
        return {problem.requirement: problem.message for problem in found}
    return sorted(found.packages)


@pytest.mark.parametrize(
    "line",
    ["x@../y", "x@file:y", "x@git+https://127.0.0.1/x.git", 'x = { git = "https://127.0.0.1/x" }',
     'x = { path = "../x" }', 'x = { registry-index = "file:///x" }', '[patch.crates-io]', "../x", "/x", "x/../y",
     "a/b/c", "--offline", "x --offline", "x@1;y", "x@1 y", "x@1..2", "x@==1", "x@^^1", "x@1,", "x[a/b]", "x[dep:b]",
     "x[", "x\ny", 'x = "1"\ny = "1"', "1x", "-x", "ö", "", "x" * 65, "x" * 3000, "std", "core", "proc_macro",
     'x = ["1"]', 'x = { version = 1 }', "x = [[[[", 'x = { features = [1] }'],
)  # fmt: skip
def test_only_names_features_and_ranges_are_taken(line: str) -> None:
    good, problems = check((line, "serde@1"))
    assert good == ("serde@1",)
    assert [type(problem) for problem in problems] == [DependencyProblem]
    assert len(problems[0].requirement) <= 200


@pytest.mark.parametrize(
    ("lines", "normal"),
    [
        (["serde"], ["serde@*"]), (["serde 1.0"], ["serde@1.0"]), (["serde@^1.2, <1.9"], ["serde@^1.2,<1.9"]),
        (['serde = "~1"'], ["serde@~1"]), (["own/text@1"], ["own/text@1"]), (["x@1.*"], ["x@1.*"]),
        (["serde[rc, derive]@1"], ["serde[derive,rc]@1"]), (["serde[]"], ["serde@*"]),
        (['serde = { version = "1", features = ["derive"], default-features = false }'], ["serde[-default,derive]@1"]),
        (["a[-default]@1", "a[x,-default]@1"], ["a[-default,x]@1"]), (["a[-default,x]@1", "a"], ["a[x]@1"]),
        (["a@1", "a@2", "a@1"], ["a@1", "a@2"]), (["a[x]", "a@1", "a[y]@2"], ["a[x,y]@2", "a[x]@1"]),
    ],
)  # fmt: skip
def test_lines_have_a_normal_form(lines: list[str], normal: list[str]) -> None:
    assert check(lines) == (tuple(normal), ())
    assert check(normal) == (tuple(normal), ())
    assert {name_of(line) for line in lines} == {name_of(line) for line in normal}


WORDS = ("a", "serde", "std", "git", "path", "version", "features", "-default", "registry", "1.2", "..")
PIECES = st.sampled_from([*WORDS, *"@[]{}=,/*^# '\"\n\\"])


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=30))
def test_nothing_but_what_was_meant_gets_into_a_manifest(line: str) -> None:
    good, _ = check((line,))
    made = tomllib.loads(manifest_of([wanted for text in good if (wanted := read(text))]))
    assert made.keys() == {"package", "workspace", "dependencies"}
    for facts in made["dependencies"].values():
        assert facts.keys() <= {"package", "version", "features", "default-features", "registry"}
        assert facts["package"] not in ("std", "")


def test_too_many_lines_are_told() -> None:
    good, problems = check([f"crate-{number}" for number in range(300)])
    assert (len(good), len(problems)) == (200, 1)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["serde_jsom", "shouting@1"], {"serde_jsom@*": "in the registry. Did you mean serde_json?"}),
        (["surely-invented-crate"], {"surely-invented-crate@*": "There is no crate of this name in the registry."}),
        (["shouting@7", "shouting@1"], {"shouting@7": "The registry has no such version of this crate."}),
        (["shouting[quiet]"], {"shouting[quiet]@*": "The crate shouting has no feature quiet"}),
        (["needing"], {"needing@*": "It needs the crate not-there-either, which is not in the registry."}),
        (["exact", "shouting@=1.1.0"], {"exact@*": "`shouting@=1.1.0` of", "shouting@=1.1.0": "Cannot be met"}),
        (["third/shouting"], {"third/shouting@*": "Cargo's own settings on this machine name no registry third."}),
        (["grown"], {"grown@*": "Every release that fits wants Rust 1.999.1 or newer; this machine has 1."}),
        (["grown-below", "growing"], {"grown-below@*": "It needs grown, which wants Rust 1.999.1 or newer;"}),
    ],
)  # fmt: skip
async def test_what_cannot_be_had_is_a_finding(
    served: Served, tmp_path: Path, lines: list[str], said: dict[str, str]
) -> None:
    found = await locked(served, tmp_path, *lines)
    assert isinstance(found, dict)
    assert found.keys() == said.keys()
    for line, words in said.items():
        assert words in found[line]
        assert "/" not in found[line].replace(line, "")
        assert "codeteam" not in found[line]


async def test_what_is_too_young_is_exchanged_or_told(served: Served, tmp_path: Path) -> None:
    """As far as the index says when a release was published: of the others it does not."""
    before, after = "2026-02-01", "2026-03-01"
    assert await locked(served, tmp_path, "ageing", "four-macro", before=after) == ["ageing@1.1.0", "four-macro@1.0.0"]
    assert await locked(served, tmp_path, "ageing", before=before) == ["ageing@1.0.0"]
    assert await locked(served, tmp_path, "aged-below", before=before) == ["aged-below@1.0.0", "ageing@1.0.0"]
    for lines, trusted, expected in (
        (("ageing@=1.1.0",), "", {"ageing@=1.1.0"}),
        (("new-below", "four-macro"), "", {"new-below@*"}),
        (("new-below", "ageing"), "ageing", {"ageing@1.1.0", "new-below@1.0.0"}),
        (("new-below",), "new-below", {"ageing@1.1.0", "new-below@1.0.0"}),
        (("ageing",), "ageing", {"ageing@1.1.0"}),
    ):
        found = await locked(served, tmp_path, *lines, before=before, trusted=frozenset({trusted}))
        assert set(found) == expected
        assert isinstance(found, list) or "too young" in "".join(found.values())
    problems = await Crates(cache=tmp_path, environ=served.environ, before=before).lock(("ageing@=1.1.0",), HERE)
    assert [problem.kind for problem in problems] == ["young"]  # type: ignore[union-attr]


async def test_what_wants_a_newer_compiler_is_exchanged(served: Served, tmp_path: Path) -> None:
    assert await locked(served, tmp_path, "growing@1") == ["growing@1.0.0"]


async def test_an_old_answer_is_used_when_the_registry_is_away(tmp_path: Path) -> None:
    address = registry(tmp_path / "crates", [Crate("shouting", "1.0.0")])
    served = Served(address, {**os.environ, **cargo_home(tmp_path / "cargo", address)})
    assert await locked(served, tmp_path / "cache", "shouting") == ["shouting@1.0.0"]
    (tmp_path / "crates").rename(tmp_path / "away")
    [kept] = (tmp_path / "cache" / "locks").iterdir()
    os.utime(kept, (0, 0))
    assert await locked(served, tmp_path / "cache", "shouting") == ["shouting@1.0.0"]
    with pytest.raises(SandboxUnavailable, match="Crates could not be fetched") as caught:
        await locked(served, tmp_path / "cache", "shouting@1")
    assert str(tmp_path) not in caught.value.message
    assert "registry that cargo is configured for" in caught.value.hint


async def test_the_users_own_settings_alone_choose_the_registry(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the current folder's nor those of folders that others may write to."""
    (tmp_path / ".cargo").mkdir()
    hostile = f'[source.crates-io]\nreplace-with = "x"\n[source.x]\ndirectory = "{tmp_path}"\n'
    (tmp_path / ".cargo" / "config.toml").write_text(hostile, "utf-8")
    (tmp_path / "Cargo.toml").write_text('[workspace]\nmembers = ["*"]\n', "utf-8")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    assert await locked(served, tmp_path / "cache", "four-macro") == ["four-macro@1.0.0"]


async def test_what_only_another_platform_needs_is_there_by_its_manifest(served: Served, tmp_path: Path) -> None:
    crates = Crates(cache=tmp_path, environ=served.environ)
    lock = await crates.lock(("everywhere@*", "second/privately@*"), HERE)
    assert isinstance(lock, CrateLock)
    folder = tmp_path / "crates"
    folder.mkdir()
    await crates.install(lock, HERE, folder, own_copies=False)
    codes = {path.parent.parent.name: path.read_text("utf-8") for path in folder.glob("vendor/*/src/lib.rs")}
    assert codes.pop("privately-0.3.0") == "pub const HERE: u8 = 3;\n"
    assert codes == {"elsewhere-1.0.0": "", "everywhere-1.0.0": "", "growing-1.0.0": ""}
    sums = {json.loads(path.read_text("utf-8"))["package"] for path in folder.glob("vendor/*/.cargo-checksum.json")}
    assert {len(checksum) for checksum in sums} == {64}
    config = tomllib.loads((folder / "config.toml").read_text("utf-8"))
    assert config["source"]["crates-io"] == {"replace-with": "codeteam"}
    assert config["registries"].keys() == {"second"}
    kept = contents(tmp_path)
    assert len(kept) > 10
    assert not any(KEY in text for text in kept)


@pytest.fixture
async def sandbox(kind: str, places: Path, served: Served) -> AsyncIterator[DockerSandbox | LocalSandbox]:
    """Each, with nothing but this registry to ask."""
    made: DockerSandbox | LocalSandbox
    if kind == "docker":
        made = DockerSandbox(cache=places / CACHE, environ=served.environ, limits=SMALL)
    else:
        made = LocalSandbox(home=places / "home", cache=places / CACHE, environ=served.environ, limits=SMALL)
    yield made
    if isinstance(made, DockerSandbox):
        await remove_volumes(made)
    await made.aclose()


async def remove_volumes(sandbox: DockerSandbox) -> None:
    def remove(api: Any) -> None:
        for key in sandbox._locks:
            api.remove_volume(f"codeteam-crates-{key}")

    await sandbox._leaving.clear()  # of containers, which hold them
    with contextlib.suppress(SandboxUnavailable):
        await sandbox._engine.call(remove)


CODE = {"title.rs": b"pub fn title(s: &str) -> String { shouting::shout(s).repeat(privately::HERE.into()) }\n"}
TESTS = {"tests/title_test.rs": b'#[test]\nfn it() { assert_eq!(workspace::title::title("a"), "A!A!A!"); }\n'}
TRIED = """\
import os, pathlib
for place in (pathlib.Path(os.environ["CODETEAM_CRATES"], "vendor"), pathlib.Path(os.environ["CODETEAM_CRATES"])):
    try:
        (place / "made").write_text("")
        print("made")
    except OSError:
        pass
"""


async def test_crates_are_compiled_tested_and_cannot_be_changed(sandbox: DockerSandbox | LocalSandbox) -> None:
    lines = ("shouting[loud]@=1.0.0", 'four-macro = "1"', "second/privately", "everywhere")
    ready = await sandbox.prepare(lines, "rust")
    assert isinstance(ready, DependencySet), ready
    assert {"shouting@1.0.0", "mark-of-the-build@1.0.0", "four-macro@1.0.0", "privately@0.3.0"} < set(ready.locked)
    assert RUST.load is not None
    files = {**CODE, **TESTS, ".codeteam/.reports": b""}
    files |= RUST.scaffold(files, ready.requirements)
    async with sandbox.open(ready, language="rust") as session:
        argv = RUST.load(("title.rs",), "ran", "token").argv
        made = await session.run(Command(argv, files=files, remove=(".",), collect=("ran",)))
        assert made.files == {"ran": b"token"}, made
        [(_, argv)] = RUST.lint_argvs(("title.rs",))
        looked = await session.run(Command(argv, files=files, remove=(".",)))
        told = [json.loads(line) for line in looked.run.stdout.splitlines()]
        fresh = {item["target"]["name"]: item["fresh"] for item in told if item["reason"] == "compiler-artifact"}
        argv = RUST.test_argv(tuple(TESTS), REPORT, ())
        tested = await session.run(Command(argv, files=files, remove=(".",), collect=(REPORT,)))
        tried = await session.run(Command(("python3", "-c", TRIED)))
    assert looked.run.ok
    assert tested.run.ok, tested
    assert b'\\"passed\\": 1' in tested.files[REPORT]
    if isinstance(sandbox, DockerSandbox):
        assert {name.replace("_", "-") for name, known in fresh.items() if known} >= {"shouting", "mark-of-the-build"}
        assert tried.run.stdout == ""


@pytest.mark.docker
async def test_the_user_is_asked_once_for_each_new_crate(served: Served, docker_ready: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    async def ask(question: Question, _: object) -> Answer:
        assert isinstance(question, Install)
        asked.append(question.text)
        return Consent(question.package != "four-macro")

    sandbox = DockerSandbox(
        cache=docker_ready / CACHE, environ=served.environ, limits=SMALL, exclude_newer="2026-02-01"
    )
    lines = ("ageing@=1.1.0", 'four-macro = "1"', "shouting[loud]", "surely-invented-crate", "second/privately@0.3")
    for _ in range(2):
        looked_at = await admitted(
            {name_of(line): line for line in lines},
            declared=frozenset({"shouting"}),
            policy=NewPackages.ASK,
            consents=Consents(tmp_path / "packages.json", ask),
            sandbox=sandbox,
            language="rust",
            index="crates",
        )
        assert looked_at.trusted == {"ageing", "shouting", "second/privately"}
        assert [problem.requirement for problem in looked_at.refused] == ['four-macro = "1"']
    await sandbox.aclose()
    young, four, private, again = asked
    assert "the package ageing of crates.io" in young
    assert "the package privately of the registry second" in private
    assert again == four


EVIL = """\
fn main() {
    let crates = std::path::PathBuf::from(std::env::var("CODETEAM_CRATES").unwrap());
    let harmless = ["built/harmless", "config.toml", "vendor/made", ".codeteam-complete"];
    let done: Vec<_> = harmless.iter().filter(|name| std::fs::write(crates.join(name), "ran").is_ok()).collect();
    let _ = std::fs::write("%s", "ran");
    let _ = std::os::unix::fs::symlink("/nowhere", crates.join("built/debug/dangling"));
    println!("cargo:rustc-env=DONE={:?} {}", done, std::net::TcpStream::connect("127.0.0.1:9").is_ok());
}
"""


@pytest.mark.docker
async def test_what_a_crate_brings_to_be_run_runs_in_containers_alone(tmp_path: Path, docker_ready: Path) -> None:
    """When the volume is filled it can write into the folder for what is compiled; afterwards, into nothing."""
    trap = tmp_path / "trap"
    code = 'pub const DONE: &str = env!("DONE");\n'
    evil = Crate("evil", "1.0.0", code, build=EVIL % trap, stamp=int(time.time()))
    address = registry(tmp_path / "crates", [evil])
    environ = {**os.environ, **cargo_home(tmp_path / "cargo", address)}
    sandbox = DockerSandbox(cache=docker_ready / CACHE, environ=environ, limits=SMALL)
    ready = await sandbox.prepare(("evil",), "rust")
    assert isinstance(ready, DependencySet)
    files: dict[str, bytes] = {"title.rs": b"pub use evil::DONE;\n"}
    tests = {"tests/title_test.rs": b'#[test]\nfn it() { assert_eq!(workspace::title::DONE, "?"); }\n'}
    files |= {**tests, ".codeteam/.reports": b"", **RUST.scaffold(files, ready.requirements)}
    argv = RUST.test_argv(tuple(tests), REPORT, ())
    async with sandbox.open(ready, language="rust") as session:
        tested = await session.run(Command(argv, files=files, collect=(REPORT,)))
        listed = await session.run(Command(("ls", "/opt/crates", "/opt/crates/built")))
    await remove_volumes(sandbox)
    await sandbox.aclose()
    told = tested.files[REPORT].decode()
    assert "built/harmless" in told
    assert "false" in told
    assert not any(name in told for name in ("config.toml", "vendor/made", ".codeteam-complete"))
    assert "harmless" in listed.run.stdout
    assert not trap.exists(), "build code ran on the host"
