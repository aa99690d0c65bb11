"""What is known of JavaScript, TypeScript, Go, Rust and shell without running them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.languages import TONGUES, is_test, language_for, tongue_of
from codeteam.team.code import code_of

TYPED = """\
import { g } from "./g.ts";

/** Doc. */
export async function f(a: number): Promise<string[]> {
  return g(a).map((x: number) => x + SECRET);
}
export const short = (x: number) => x * 41;
const table = [1, 2].map((n) => n * 43);
/** A thing. */
export class Thing {
  #x = 1;
  constructor() { this.#x = 44; }
  /** It runs. */
  run(): void { this.#x = 45; }
  stop() {}
  private hide() {}
}
f(1);
"""
GO = """\
package shop

import "strings"

// Limit is the most.
const Limit = 5

// Stack holds.
type Stack[T any] struct{ items []T }

// Push adds.
func (s *Stack[T]) Push(item T) { s.items = append(s.items, item) }

func (s *Stack[T]) Pop() {}

func hidden() string { return strings.ToUpper("secret") }

func Open() {}
"""
RUST = """\
//! A shop.
use std::fmt;

/// Limit is the most.
pub const LIMIT: usize = 5;

/// Holds.
#[derive(Debug)]
pub struct Stack<T> {
    items: Vec<T>,
}

impl<T> Stack<T> {
    /// Push adds.
    #[inline]
    pub fn push(&mut self, item: T) {
        self.items.append(item)
    }

    pub fn pop(&mut self) {}

    pub(crate) fn own(&self) {}
}

impl<T> fmt::Display for Stack<T> {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("secret")
    }
}

pub trait Shape {
    fn area(&self) -> f64;
}

pub mod words;

// No documentation.
pub fn open() -> impl Fn() -> i32 {
    -41;
    || 41
}

#[cfg(test)]
mod tests {
    #[test]
    fn opens() {}
}
"""
SHELL = """\
#!/usr/bin/env bash
set -euo pipefail

# greet NAME: says hello.
greet() {
  echo "hello $1"
}

_own() ( echo own )

bare() {
  echo 1
}
if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then greet "$@"; fi
"""


def test_definitions() -> None:
    typed = code_of("a.ts")
    assert typed.definitions(TYPED) == {
        "f", "short", "Thing", "Thing.constructor", "Thing.run", "Thing.stop", "Thing.hide"
    }  # fmt: skip
    assert typed.top_level_names(TYPED) == {"f", "short", "table", "Thing"}
    assert typed.definition_lines(TYPED)["short"] == 7
    assert ("f", 4, 6) in list(typed.spans(TYPED))
    assert code_of("a.go").definitions(GO) == {"Stack", "Stack.Push", "Stack.Pop", "hidden", "Open"}
    assert code_of("a.go").top_level_names(GO) == {"Limit", "Stack", "hidden", "Open"}
    assert code_of("a.rs").definitions(RUST) == {
        "Stack", "Stack.push", "Stack.pop", "Stack.own", "Stack.fmt", "Shape", "Shape.area", "words", "open", "tests",
        "tests.opens",
    }  # fmt: skip
    assert code_of("a.rs").top_level_names(RUST) == {"LIMIT", "Stack", "Shape", "words", "open", "tests"}
    assert code_of("a.sh").definitions(SHELL) == {"greet", "_own", "bare"}


@pytest.mark.parametrize(("path", "text"), [("a.ts", TYPED), ("a.go", GO), ("a.rs", RUST), ("a.sh", SHELL)])
def test_signatures_show_no_body_and_stubs_fail(path: str, text: str) -> None:
    code = code_of(path)
    assert code.parses(text)
    shown = code.signatures(text)
    for body in ("SECRET", "41", "43", "44", "45", "append", "secret", "$1", "f(1)", "BASH_SOURCE"):
        assert body not in shown
    for name in code.definitions(text):
        assert name.rpartition(".")[2] in shown
    stub = code.stub(text)
    assert code.parses(stub), stub
    assert code.definitions(stub) >= code.definitions(text)
    assert "not implemented" in stub


def test_documentation() -> None:
    assert code_of("a.ts").undocumented(TYPED) == ("short", "Thing.stop")
    assert code_of("a.ts").undocumented(TYPED, before="export const short = () => 1;") == ("Thing.stop",)
    assert code_of("a.go").undocumented(GO) == ("Stack.Pop", "Open")
    assert code_of("a.rs").undocumented(RUST) == ("Stack.pop", "Shape", "open")
    assert code_of("a.sh").undocumented(SHELL) == ("bare",)


@pytest.mark.parametrize(
    ("path", "text", "comment"),
    [
        ("a.ts", TYPED, "/** Doc. */"),
        ("a.go", GO, "// Push adds."),
        ("a.rs", RUST, "/// Push adds."),
        ("a.rs", RUST, "//! A shop."),
        ("a.sh", SHELL, "# greet NAME: says hello."),
    ],
)
def test_documentation_may_change_and_nothing_else(path: str, text: str, comment: str) -> None:
    code = code_of(path)
    assert code.same_but_docstrings(text, text.replace(comment, comment.replace(" ", "  other ", 1)))
    assert code.same_but_docstrings(text, text.replace(comment + "\n", "\n\n"))
    for word in ("x", "5", "echo"):
        if (changed := text.replace(word, f"{word}1", 1)) != text:
            assert not code.same_but_docstrings(text, changed)
    assert not code.same_but_docstrings(text, text + "}")


@pytest.mark.parametrize(
    ("path", "text", "names", "dropped", "left"),
    [
        (
            "a.test.js",
            'test("a [b]", () => { x(); });\ndescribe("d", () => {\n  it(\'c\', async () => {});\n'
            "  it(`d${1}`, f);\n});\ntest.skip('e', f);\n",
            {"a [b]", "c"},
            "a [b]",
            "describe",
        ),
        (
            "a_test.go",
            "package a\n\nfunc TestA(t *testing.T) {}\n\nfunc Testing() {}\n\n"
            "func TestMain(m *testing.M) {}\n\nfunc ExampleB() {}\n",
            {"TestA", "ExampleB"},
            "TestA",
            "ExampleB",
        ),
        (
            "tests/a.rs",
            "#[test]\nfn one() {}\n\nfn none() {}\n\nmod m {\n    #[tokio::test(flavor)]\n    // why\n"
            "    #[should_panic]\n    async fn two() {}\n    #[cfg(test)]\n    fn not() {}\n}\n",
            {"one", "two"},
            "two",
            "one",
        ),
        (
            "a.bats",
            '@test "one" {\n  run x\n  [ "$status" -eq 0 ] || {\n    false\n  }\n}\n\n@test \'two "x"\' {\n  true\n}\n',
            {"one", 'two "x"'},
            "one",
            "two",
        ),
    ],
)
def test_names_of_tests(path: str, text: str, names: set[str], dropped: str, left: str) -> None:
    code = code_of(path)
    assert code.names_of_tests(text) == names
    rest = code.without_functions(text, [dropped])
    assert dropped not in rest
    assert left in rest
    assert code.names_of_tests(rest) == names - {dropped}


@given(st.sampled_from(["a.js", "a.ts", "a.go", "a.rs", "a.sh", "a.bats", "a.md"]), st.text(max_size=300))
def test_any_text_is_safe(path: str, text: str) -> None:
    code = code_of(path)
    code.definitions(text)
    code.signatures(text)
    code.rough_signatures(text)
    code.undocumented(text)
    code.names_of_tests(text)
    assert code.without_functions(text, ["x"]) == text or "x" in text
    code.stub(text)


def test_characters_that_a_scanner_has_no_table_for_are_safe() -> None:
    """Found by fuzzing: each of these ended the process, by a fault of memory."""
    code = code_of("a.sh")
    for wide in (chr(0x90900), chr(0xF1557), chr(0x10FFFF)):
        for text in (f"{{{wide}", f"''${{{wide}", f"name() {{\n  echo {{{wide}}}\n}}\n"):
            code.definitions(text)
    shown = 'name() {\n  echo "' + chr(0x4E16) + chr(0x1F600) + '"\n}\n'
    assert code.definitions(shown) == {"name"}
    assert not code.same_but_docstrings(shown, shown.replace(chr(0x1F600), chr(0x1F601)))


def test_deep_and_long_text_is_safe() -> None:
    deep = "f(" * 20_000
    for path in ("a.js", "a.go", "a.rs", "a.sh"):
        assert code_of(path).definitions(deep) == frozenset()
        code_of(path).stub(deep)
        assert code_of(path).syntax_error("x" * 2_000_000)
    nested = "const f = " + "() => {" * 300 + "}" * 300
    assert code_of("a.js").parses(code_of("a.js").stub(nested))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/test_a.py", True), ("a_test.py", True), ("conftest.py", True), ("testing.py", False),
        ("a.test.js", True), ("x/a.spec.mjs", True), ("__tests__/a.js", True), ("test.js", False), ("latest.js", False),
        ("a.test.ts", True), ("a_test.go", True), ("test_a.go", False), ("a.bats", True), ("test.sh", False),
        ("tests/a.rs", True), ("x/tests/m/mod.rs", True), ("src/a_test.rs", True), ("src/tests.rs", True),
        ("src/testing.rs", False),
        ("a.test.md", False),
    ],
)  # fmt: skip
def test_test_files(path: str, expected: bool) -> None:
    assert is_test(path) is expected


def test_every_new_test_file_is_one() -> None:
    for tongue in TONGUES.values():
        name = tongue.test_file.format(stem="slug")
        assert is_test(name)
        assert tongue_of(name) is tongue


@pytest.mark.parametrize(
    ("path", "requirement", "language"),
    [
        ("src/a.ts", "in a.py", "typescript"),
        ("README.md", "Write src/slug.js and test it.", "javascript"),
        ("", "Write slug.js and slug.py.", "python"),
        ("", "Write a function.", "python"),
        ("", "See example.com/a.go?", "python"),
        ("notes.txt", "As in `lib/backup.sh`.", "shell"),
        ("", "Write src/slug.rs.", "rust"),
    ],
)
def test_the_language_of_a_job(path: str, requirement: str, language: str) -> None:
    assert language_for(path, requirement, "python") == language
