"""The definition around a line where braces say what belongs together, over the wire and by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.diff import split_lines
from codeteam.lsp.braces import ROWS, definition_at
from tests.lsp.client import Client, at
from tests.lsp.playing import HOLD, playing

SCRIPT = """\
import { a } from "b"; //

export async function size({ // size
  path, // size
}: Options): Promise<number> {
  const text = `{ ${path}
{{`; // size
  // a brace } size
  if (deep) { // size
    return items.map((x) => {
      return x; // size
    });
  } else {
    it("does", () => { call(); }); // size
  }
  return /[{"']/.test(text) ? 1 : 2; // size
} // size
//
/**
 * Holds books {
 */
export class Shelf extends Base { // Shelf
  private books: string[] = []; // Shelf

  constructor(private x: number) {} // constructor

  add(book: string): void { // add: stub
    throw new Error("not implemented"); // add: stub
  } // add: stub

  get first(): string {
    return this.books[0]; // first
  }

  static find = async (name: string) => {
    return name; // find
  };

  empty() {
    // TODO: count them (empty: stub)
  }
} // Shelf

const twice = (n: number): number => {
  return n * 2; // twice
};
const one = () => { return 1; }; // one
module.exports.helper = function (x) {
  return x; // helper
};
top(); //
"""
GO = """\
package a //

type Shelf struct { // Shelf
	books []string // Shelf
}

func (s *Shelf) Add(book string) error { // Add: stub
	panic("not implemented") // Add: stub
}

func Map[T any](xs []T, f func(T) T) ([]T, error) { // Map
	text := `{
{` // Map
	for _, x := range xs {
		go func() {
			f(x) // Map
		}()
	}
	return xs, nil // Map
}

func todo() {
	// TODO: write (todo: stub)
}

var x = 1 //
"""
SHELL = """\
#!/bin/bash
greet() { # greet
  local name="${1:-x}" # } greet
  cat <<EOF
{ "a": {
EOF
  if [ $# -gt 1 ]; then echo '{'; fi # greet
  echo "${#name}" # greet
} # greet

function later # later: stub
{
  echo "not implemented" >&2 # later: stub
  return 1 # later: stub
}
function none { :; } # none: stub
greet "$@" #
"""
TEXTS = {"typescript": SCRIPT, "javascript": SCRIPT, "go": GO, "shell": SHELL}


def marked(text: str) -> list[tuple[int, str, bool]]:
    """The lines that say what they are in: number, name, whether it is a stub; the mark stands last in its line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.endswith(("//", "#")):
            found.append((number, "", False))
        elif " // " in line or " # " in line or line.endswith("stub)"):
            words = line.rstrip(")").replace("(", " ").split()
            stub = words[-1] == "stub"
            found.append((number, (words[-2] if stub else words[-1]).rstrip(":"), stub))
    return found


@pytest.mark.parametrize("language", TEXTS)
def test_each_line_knows_its_definition(language: str) -> None:
    lines = [*split_lines(TEXTS[language]), ""]
    expected = marked(TEXTS[language])
    assert len(expected) >= 10
    for number, name, stub in expected:
        found = definition_at(lines, number, language)
        assert (found.name if found else "", bool(found and found.stub)) == (name, stub), lines[number - 1]


PIECES = st.sampled_from(
    [*"{}()`'\"\\/*#;:=\n ", "//", "/*", "*/", "=>", "function f", "func g()", "h()", "<<E", "class C"]
)


@given(st.lists(PIECES, max_size=60).map("".join), st.sampled_from(sorted(ROWS)), st.integers(1, 20))
def test_no_text_is_any_trouble(text: str, language: str, line: int) -> None:
    lines = [*split_lines(text), ""]
    found = definition_at(lines, line, language)
    assert found is None or found.span.start_line <= line <= found.span.end_line <= len(lines)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        yield client


REWRITE = "refactor.rewrite.codeteam"
ON_CODE = {"refactor", "document", "test", "review"}


@pytest.mark.parametrize(
    ("name", "language", "line", "named", "offered"),
    [
        ("a.ts", "typescript", 10, "size", ON_CODE),
        ("a.ts", "typescript", 26, "add", {"implement"}),
        ("a.ts", "typescript", 18, "this comment", {"implement"}),
        ("a.js", "javascript", 30, "first", ON_CODE),
        ("a.go", "go", 15, "Map", ON_CODE),
        ("a.go", "go", 7, "Add", {"implement"}),
        ("a.sh", "shellscript", 7, "greet", ON_CODE),
        ("a.sh", "sh", 12, "later", {"implement"}),
        ("deploy", "sh", 7, "greet", ON_CODE),
        ("deploy", "bash", 12, "later", {"implement"}),
    ],
)
async def test_the_menu_of_a_bare_cursor_names_the_function(
    client: Client, name: str, language: str, line: int, named: str, offered: set[str]
) -> None:
    uri = f"file:///w/{name}"
    text = TEXTS[{"shellscript": "shell", "sh": "shell", "bash": "shell"}.get(language, language)]
    client.open(uri, text, language)
    actions = await client.code_actions(uri, at(line), only=["refactor"])
    assert {action["kind"].removeprefix(f"{REWRITE}.") for action in actions} == offered
    assert all(action["title"].endswith(f" {named}") for action in actions)
    automatic = await client.code_actions(uri, at(line), triggerKind=2)
    stub = offered == {"implement"} and named != "this comment"
    assert [action["kind"] for action in automatic] == [f"{REWRITE}.implement"] * stub
