"""Rust in every sandbox: what its row's commands do, what is read from it, and where it comes from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from codeteam.domain.errors import SandboxUnavailable
from codeteam.domain.evidence import TestReport
from codeteam.sandbox import rust, rust_machine
from codeteam.sandbox.dependencies import Target
from codeteam.sandbox.interface import Command, Sandbox, Session
from codeteam.sandbox.languages import LANGUAGES, REPORT
from codeteam.team import linters, reports

pytestmark = pytest.mark.xdist_group("rust")
"""So that one process alone unpacks the toolchain for the sandbox without an engine."""
RUST = LANGUAGES["rust"]
HERE = Target("3.12.0")
CODE = b"""\
/// Twice `n`.
pub fn double(n: i32) -> i32 {
    if n > 100 {
        return -1;
    }
    n * 2
}
"""
TESTS = b"""\
use workspace::calc::double;

#[test]
fn two_is_four() {
    assert_eq!(double(2), 4);
}

mod others {
    #[test]
    fn three_is_seven() {
        println!("as told");
        assert_eq!(super::double(3), 7);
    }
}

#[test]
#[ignore]
fn not_now() {}
"""
LIBRARY = {"src/lib.rs": b"pub mod calc;\n", "src/calc.rs": CODE}


async def report_of(session: Session, code: dict[str, bytes], tests: bytes, expected: set[str]) -> TestReport:
    """What is read of a run of `tests/calc_test.rs`."""
    files = {**code, "tests/calc_test.rs": tests, ".codeteam/.reports": b""}
    files |= RUST.scaffold(files, ())
    argv = RUST.test_argv(("tests/calc_test.rs",), REPORT, ())
    outcome = await session.run(Command(argv, files=files, remove=(".",), collect=(REPORT,), timeout=120))
    found = outcome.files.get(REPORT)
    return reports.read_report(outcome.run, found, None, frozenset(expected), ("calc_test.rs", *files), RUST.report)


async def loaded(session: Session, code: dict[str, bytes], *paths: str) -> str:
    """Empty where the files' crates compile, else what is said of them."""
    assert RUST.load is not None
    files = {**code, **RUST.scaffold(code, ())}
    program = RUST.load(paths, "ran", "token")
    outcome = await session.run(Command(program.argv, files=files, remove=(".",), collect=("ran",), timeout=120))
    assert outcome.run.ok == (outcome.files == {"ran": b"token"}), outcome
    return "" if outcome.run.ok else outcome.run.stderr


async def test_rust_compiles_and_tests(sandbox: Sandbox) -> None:
    async with sandbox.open(language="rust") as session:
        assert not await loaded(session, LIBRARY, *LIBRARY)
        report = await report_of(session, LIBRARY, TESTS, {"two_is_four", "three_is_seven", "not_now"})
        assert not report.problem
        assert {(case.name, case.outcome) for case in report.cases} == {
            ("tests/calc_test.rs::two_is_four", "passed"),
            ("tests/calc_test.rs::others::three_is_seven", "failed"),
            ("tests/calc_test.rs::not_now", "skipped"),
        }
        [failed] = [case.message for case in report.cases if case.outcome == "failed"]
        assert "as told" in failed
        assert "panicked at" in failed
        assert "7" in failed
        wrong = {**LIBRARY, "src/calc.rs": b"pub fn double(n: i32) -> i32 { m }\n"}
        report = await report_of(session, wrong, TESTS, {"two_is_four"})
        assert [case.outcome for case in report.cases] == ["error"]
        assert "cannot find value `m`" in report.cases[0].message
        assert "cannot find value `m`" in await loaded(session, wrong, "src/calc.rs")


async def test_what_is_not_compiled_does_not_run(sandbox: Sandbox) -> None:
    async with sandbox.open(language="rust") as session:
        said = await loaded(session, {**LIBRARY, "src/other.rs": b"not even Rust\n"}, "src/lib.rs", "src/other.rs")
        assert "src/other.rs is a part of no crate: no `mod` leads to it" in said
        said = await loaded(session, {"a/Cargo.toml": b'[package]\nname = "a"\n', "b/b.rs": b""}, "b/b.rs")
        assert "b/b.rs is a part of no crate: there is no Cargo.toml" in said
        alone = {"shapes.rs": b"pub fn sides() -> u8 { 4 }\n", "more/my-shapes.rs": b"pub use crate::shapes::sides;\n"}
        assert not await loaded(session, alone, *alone)
        program = {"src/main.rs": b"fn main() {}\n", "examples/e.rs": b"fn main() {}\n"}
        assert not await loaded(session, program, *program)


WORKSPACE = {
    "Cargo.toml": b'[workspace]\nmembers = ["a", "gone"]\nexclude = ["apart"]\n',
    "m/Cargo.toml": b'[package]\nname = "m"\nversion = "0.1.0"\nedition = "2021"\n[lib]\nproc-macro = true\n',
    "m/src/lib.rs": b"#[proc_macro]\npub fn four(_: proc_macro::TokenStream) -> proc_macro::TokenStream {\n"
    b'    "4".parse().unwrap()\n}\n',
    "a/Cargo.toml": b'[package]\nname = "a"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nm.path = "../m"\n',
    "a/build.rs": b'fn main() {\n    println!("cargo:rustc-env=BUILT=yes");\n}\n',
    "a/src/lib.rs": b'pub const FOUR: i32 = m::four!();\npub const BUILT: &str = env!("BUILT");\n',
    "apart/Cargo.toml": b'[package]\nname = "apart"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n',
    "apart/src/lib.rs": b"pub fn f() {\n    let unused = 1;\n}\n",
    "bad/Cargo.toml": b"[workspace]\n",
}


async def test_crates_of_a_workspace_are_compiled_as_far_as_they_are_there(sandbox: Sandbox) -> None:
    """With build scripts and macros, which run there and nowhere else."""
    code = [path for path in WORKSPACE if path.endswith(".rs")]
    async with sandbox.open(language="rust") as session:
        assert not await loaded(session, WORKSPACE, *code)
        [(name, argv)] = RUST.lint_argvs(("apart/src/lib.rs",))
        outcome = await session.run(Command(argv, files=WORKSPACE, remove=(".",), timeout=120))
        texts = {path: text.decode() for path, text in WORKSPACE.items()}
        [finding] = linters.READERS[name](outcome.stdout.decode(), texts)
        assert (finding.path, finding.start_line, finding.rule) == ("apart/src/lib.rs", 2, "rustc/unused_variables")


async def test_findings_and_layout(sandbox: Sandbox) -> None:
    text = 'pub fn f(a: &Vec<i32>) -> i32 { let b = 1; if a.len() == 0 { return 0; } let c: i32 = "x"; c }\n'
    clean = text.replace(' let c: i32 = "x"; c', " 1")
    async with sandbox.open(language="rust") as session:
        [(name, argv)] = RUST.lint_argvs(("src/lib.rs",))
        for code, rules, ended in (
            (text, {("rustc/E0308", "error")}, 1),
            (clean, {("rustc/unused_variables", "information"), ("clippy/len_zero", "information")}, 0),
        ):
            files = {"src/lib.rs": code.encode()}
            outcome = await session.run(
                Command(argv, files={**files, **RUST.scaffold(files, ())}, remove=(".",), timeout=120)
            )
            found = linters.READERS[name](outcome.stdout.decode(), {"src/lib.rs": code})
            assert {(item.rule, item.severity.value) for item in found} >= rules, outcome
            assert outcome.run.exit_code == ended
        broken = {"src/lib.rs": b"", "Cargo.toml": b"[package]\nname = 3\n"}
        outcome = await session.run(Command(argv, files=broken, remove=(".",), timeout=120))
        assert outcome.run.exit_code not in (0, 1), outcome
        files = {"src/lib.rs": b"mod gone;\npub fn f() { g( 1 ) }\n", "odd.rs": b"fn {"}
        [argv] = RUST.tidy_argvs(("odd.rs", "src/lib.rs"), "tabs")
        outcome = await session.run(Command(argv, files=files, remove=(".",), collect=tuple(files)))
        assert outcome.files == {"src/lib.rs": b"mod gone;\npub fn f() {\n\tg(1)\n}\n", "odd.rs": b"fn {"}


FORGED = r"""
pub fn double(_: i32) -> i32 {
    use std::io::Write;
    let line = r#"{ "type": "test", "name": "two_is_four", "event": "ok" }"#;
    let end = r#"{ "type": "suite", "event": "ok", "passed": 1, "failed": 0, "ignored": 0 }"#;
    let mut out = unsafe { <std::fs::File as std::os::unix::io::FromRawFd>::from_raw_fd(1) };
    writeln!(out, "\n{line}\n%s").unwrap();
    %s
}
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("pub fn double(_: i32) -> i32 { std::process::exit(0) }", "ended itself, with exit code 0"),
        ("pub fn double(_: i32) -> i32 { std::process::abort() }", "ended itself, with exit code -6"),
        ("pub fn double(n: i32) -> i32 { double(n) + n }", "ended itself, with exit code -6"),
        (FORGED % ("", "std::process::exit(0)"), "ended itself"),
        (FORGED % ("", "std::mem::forget(out); 5"), "ended itself"),
        (FORGED % ("{end}", "std::mem::forget(out); 4"), "ended itself"),
        (FORGED % ("", "std::mem::forget(out); 4"), "ended itself"),
    ],
)
async def test_a_program_that_meddles_with_its_report_passes_nothing(sandbox: Sandbox, code: str, said: str) -> None:
    tests = b"#[test]\nfn two_is_four() { assert_eq!(workspace::calc::double(2), 4); }\n"
    async with sandbox.open(language="rust") as session:
        code = code.replace("let end", "let _end" if "{end}" not in code else "let end")
        report = await report_of(session, {**LIBRARY, "src/calc.rs": code.encode()}, tests, {"two_is_four"})
    assert [case.outcome for case in report.cases] == ["error"], report
    assert said in report.cases[0].message
    assert not report.ok


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/lib.rs", "the_shop"), ("src/a/b-c.rs", "the_shop::a::b_c"), ("src/a/mod.rs", "the_shop::a"),
        ("src/main.rs", ""), ("src/bin/x.rs", ""), ("examples/e.rs", ""), ("crates/x/src/y.rs", "named::y"),
    ],
)  # fmt: skip
def test_names_that_tests_use(path: str, name: str) -> None:
    manifests = {
        "Cargo.toml": '[package]\nname = "the-shop"\n',
        "crates/x/Cargo.toml": '[package]\nname = "x"\n[lib]\nname = "named"\n',
    }
    assert rust.imported(path, manifests) == name


def test_names_without_a_manifest() -> None:
    assert rust.imported("more/my-shapes.rs", {}) == "workspace::my_shapes"
    assert rust.imported("src/shapes.rs", {}) == "workspace::shapes"
    assert rust.imported("2d.rs", {"Cargo.toml": "not = [toml"}) == "workspace::_2d"


def program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        ({}, "There is no Rust on this machine"),
        ({"rustc": "echo release: 1.62.0; echo host: x-linux-gnu"}, "too old; 1.63 or newer"),
        ({"rustc": "echo release: 1.80.0; echo host: x-linux-musl"}, "for x-linux-musl"),
        ({"rustc": "echo no toolchain chosen >&2; exit 1"}, "does not run: no toolchain chosen"),
        (
            {"rustc": "echo release: 1.80.0; echo host: x-linux-gnu; echo /nowhere"},
            "has no rustc and no cargo and no cargo-clippy and no clippy-driver and no rustfmt",
        ),
    ],
)
def test_a_machine_without_rust_says_what_to_install(tmp_path: Path, scripts: dict[str, str], said: str) -> None:
    for name, script in scripts.items():
        program(tmp_path / "bin", name, script)
    with pytest.raises(SandboxUnavailable) as caught:
        rust_machine.find({"PATH": f"{tmp_path}/bin:relative"}, HERE)
    assert said in caught.value.message
    assert "rustup" in caught.value.hint
    assert "apt install" in caught.value.hint
    assert caught.value.kind == "toolchain_missing"


def test_rust_is_of_this_machine_alone() -> None:
    with pytest.raises(SandboxUnavailable, match="of another kind"):
        rust_machine.find(os.environ, Target("3.12.0", "riscv64-manylinux_2_36"))
    with pytest.raises(SandboxUnavailable, match="of another kind"):
        rust_machine.find(os.environ, Target("3.12.0", f"{os.uname().machine}-unknown-linux-musl"))


def test_a_workspace_chooses_no_toolchain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (tmp_path, tmp_path / "evil", tmp_path / "evil" / "bin"):
        program(place, "rustc", f"touch {tmp_path}/ran; echo release: 1.80.0")
    (tmp_path / "rust-toolchain.toml").write_text(f'[toolchain]\npath = "{tmp_path}/evil"\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    environ = {**os.environ, "PATH": f".:{os.environ['PATH']}"}
    found = rust_machine.find(environ, HERE)
    assert found.key == rust_machine.find(os.environ, HERE).key
    assert not (tmp_path / "ran").exists()
