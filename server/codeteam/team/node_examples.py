"""Acceptance tests in JavaScript from a requirement's own examples: `f(x) === y`, `f(x) -> y`, `f(x) throws E`.

They are read as Python's are, and taken where both languages mean the same: one function by its name, called with
literals, and a literal or an error as what comes of it. Whatever else looks like an example is listed, never guessed.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence

from codeteam.domain.source import SourceFile
from codeteam.team.code import code_of
from codeteam.team.examples import Example, Examples, read_examples

TEST_PATH = "codeteam_examples.test.mjs"
"""Where the acceptance tests are written in the sandbox; they are never part of a proposal."""
_WORDS = {"true": "True", "false": "False", "null": "None", "undefined": "None"}
_SPAN = re.compile(r"`[^`\n]{1,500}`|^(?: {4}|\t)?\w+\(.*$", re.MULTILINE)


def read_node_examples(requirement: str) -> Examples:
    """The examples in a requirement's text that hold in JavaScript too."""
    found = read_examples(_SPAN.sub(lambda span: _as_python(span[0]), requirement))
    plain = tuple(example for example in found.run if example.kind != "doctest" and _call(example.call) is not None)
    others = tuple(example.text for example in found.run if example not in plain)
    return Examples(plain, (*found.left_out, *others))


def node_acceptance_test(examples: Sequence[Example], files: Sequence[SourceFile]) -> str:
    """A test file that checks the examples against the files that export their names, whichever does so first."""
    tests = []
    for number, example in enumerate(examples, 1):
        name, arguments = _call(example.call) or ("", [])
        called = f"(await found({json.dumps(name)}))({', '.join(arguments)})"
        if example.kind == "raises":
            body = f"await throws(async () => {called}, {json.dumps(example.expected)});"
        else:
            expected = _literal(ast.parse(example.expected, mode="eval").body) or "undefined"
            body = f"same(await {called}, {expected}, {json.dumps(example.text)});"
        tests.append(f'\ntest("test_example_{number}", async () => {{\n  {body}\n}});\n')
    first = sorted(files, key=lambda file: not any(_exports(file, example) for example in examples))
    places = json.dumps([f"./{file.path}" for file in first])
    return _SCAFFOLD.replace("PLACES", places) + "".join(tests)


_SCAFFOLD = """\
// The examples that the requirement gives.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

async function found(name) {
  let problem;
  for (const place of PLACES) {
    try {
      const loaded = await import(place);
      const value = loaded[name] ?? loaded.default?.[name];
      if (value !== undefined) return value;
      if (loaded.default?.name === name) return loaded.default;
    } catch (error) {
      problem ??= error;
    }
  }
  throw problem ?? new ReferenceError(`no module exports ${name}`);
}

function alike(left, right) {
  if (right === null) return left === null || left === undefined;
  if (typeof left === "number" && typeof right === "number") {
    return left === right || Math.abs(left - right) <= Math.max(1e-9 * Math.abs(right), 1e-12);
  }
  if (Array.isArray(right)) {
    return Array.isArray(left) && left.length === right.length && right.every((item, at) => alike(left[at], item));
  }
  if (typeof right === "object") {
    if (typeof left !== "object" || left === null || Array.isArray(left)) return false;
    const entries = left instanceof Map ? Object.fromEntries(left) : left;
    const keys = Object.keys(right);
    return Object.keys(entries).length === keys.length && keys.every((key) => alike(entries[key], right[key]));
  }
  return left === right;
}

function same(left, right, text) {
  assert.ok(alike(left, right), `${text}: it is ${inspect(left)}, not ${inspect(right)}`);
}

async function throws(work, name) {
  try {
    await work();
  } catch (error) {
    const names = [error?.name, error?.constructor?.name];
    for (let kind = error?.constructor; kind?.name; kind = Object.getPrototypeOf(kind)) names.push(kind.name);
    assert.ok(names.includes(name), `it throws ${inspect(error)}, not ${name}`);
    return;
  }
  assert.fail(`it does not throw ${name}`);
}
"""


def _as_python(text: str) -> str:
    text = text.replace("===", "==").replace("; //", " ==").replace(" throws ", " raises ")
    return re.sub(r"\b(?:true|false|null|undefined)\b", lambda word: _WORDS[word[0]], text)


def _call(text: str) -> tuple[str, list[str]] | None:
    """The function's name and the arguments in JavaScript; None where the call is more than that."""
    node = ast.parse(text, mode="eval").body
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.keywords:
        return None
    arguments = [_literal(item) for item in node.args]
    told = [item for item in arguments if item is not None]
    return (node.func.id, told) if len(told) == len(arguments) else None


def _literal(node: ast.expr) -> str | None:
    """A literal that is the same value in JavaScript; None for others, integers without an exact double among them."""
    try:
        value = ast.literal_eval(node)
        text = json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None
    exact = all(abs(number) <= 2**53 for number in _numbers(value))
    return text if exact else None


def _numbers(value: object) -> list[int]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list | tuple):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int) else []


def _exports(file: SourceFile, example: Example) -> bool:
    found = _call(example.call)
    return found is not None and found[0] in code_of(file.path).top_level_names(file.text)
