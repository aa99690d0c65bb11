"""What `TreeCode` needs to know of each language: the names that its grammar gives to things. A row a language."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import tree_sitter_bash
import tree_sitter_go
import tree_sitter_javascript
import tree_sitter_rust
import tree_sitter_typescript
from tree_sitter import Node


@dataclass(frozen=True, slots=True)
class Grammar:
    """A row. Sets are of node types, as the grammar calls them."""

    language: Callable[[], object]
    """Of the grammar's package."""
    defines: frozenset[str]
    """Definitions: functions and types, each with a field `name`."""
    variables: frozenset[str]
    """Names with a value; one whose value is a function is a definition too."""
    transparent: frozenset[str]
    """What only stands around definitions, at the top of a file or in the body of a type."""
    functions: frozenset[str]
    """Whatever has a field `body` that runs when it is called."""
    comments: frozenset[str]
    skipped: frozenset[str]
    """Statements that do something when the file is loaded: of no interest to who uses it."""
    refuse: str
    """Statement with which a stub's function begins; like `ending`, it may have `{mark}`, another for each text."""
    ending: str
    """What a stub ends with."""
    expression: tuple[str, str]
    """What is put around a body that is an expression, to make a block that can refuse; empty where there is none."""
    is_doc: re.Pattern[str]
    """Matches a comment that documents what stands below it."""
    is_public: Callable[[Node], bool]
    """Whether a definition at the top, or in a type, is for others to use."""
    test_name: Callable[[Node], str]
    """The name of the test that a node is, read from it; empty for any other node."""
    owner: Callable[[Node], str]
    """The type that a definition outside of it belongs to, as methods in Go and Rust; empty for others."""
    beginning: str = ""
    """What a stub begins with, below a first line that names its interpreter."""
    tests: re.Pattern[str] | None = None
    """Matches a test from beginning to end, its name in the group `name`, where the grammar knows no tests."""
    attached: frozenset[str] = frozenset()
    """What may stand between a definition and its documentation: attributes."""
    narrow: bool = False
    """Its scanner asks C's `isalnum` about any character, which crashes where that has no answer: above U+00FF."""


def _text(node: Node | None) -> str:
    return node.text.decode("utf-8", "replace") if node is not None and node.text is not None else ""


def _no_owner(node: Node) -> str:
    del node
    return ""


def _is_exported(node: Node) -> bool:
    """In JavaScript: with `export` before it, or in a class that has, unless its name says otherwise."""
    if node.type in ("method_definition", "public_field_definition", "field_definition"):
        name = _text(node.child_by_field_name("name"))
        owner = node.parent.parent if node.parent else None
        marked = any(_text(child) in ("private", "protected") for child in node.children)
        private = name.startswith(("_", "#")) or name == "constructor" or marked
        return not private and owner is not None and _is_exported(owner)
    above = node.parent
    while above is not None and above.type in ("lexical_declaration", "variable_declaration"):
        above = above.parent
    return above is not None and above.type == "export_statement"


def _node_test(node: Node) -> str:
    """`test("name", …)` or `it("name", …)`, with what may stand between: `.skip`, `.only`."""
    if node.type != "call_expression":
        return ""
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    called = _text(function)
    first = arguments.named_children[0] if arguments is not None and arguments.named_children else None
    if called.partition(".")[0] not in ("test", "it") or called not in ("test", "it", "test.only", "it.only"):
        return ""
    # A name that is put together when it runs cannot be read from here.
    plain = first is not None and first.type == "string"
    return _text(first)[1:-1] if plain and "\\" not in _text(first) else ""


_JAVASCRIPT = Grammar(
    language=tree_sitter_javascript.language,
    defines=frozenset(
        {"function_declaration", "generator_function_declaration", "class_declaration", "abstract_class_declaration",
         "interface_declaration", "type_alias_declaration", "enum_declaration", "method_definition",
         "function_signature"}
    ),
    variables=frozenset({"variable_declarator", "public_field_definition", "field_definition"}),
    transparent=frozenset(
        {"export_statement", "lexical_declaration", "variable_declaration", "ambient_declaration", "class_body"}
    ),
    functions=frozenset(
        {"function_declaration", "generator_function_declaration", "function_expression", "generator_function",
         "arrow_function", "method_definition"}
    ),
    comments=frozenset({"comment", "html_comment"}),
    skipped=frozenset(
        {"expression_statement", "if_statement", "for_statement", "for_in_statement", "while_statement",
         "do_statement", "try_statement", "switch_statement", "statement_block", "empty_statement"}
    ),
    refuse='if (__codeteam_stub__) throw new Error("not implemented");',
    ending="\n;var __codeteam_stub__ = true;\n",
    expression=("{ return (", "); }"),
    is_doc=re.compile(r"/\*\*"),
    is_public=_is_exported,
    test_name=_node_test,
    owner=_no_owner,
    attached=frozenset({"decorator"}),
)  # fmt: skip


def _is_plain_name(node: Node) -> bool:
    """In shell scripts: whatever is not marked by an underscore, and is not the program itself."""
    name = _text(node.child_by_field_name("name"))
    return not name.startswith("_") and name != "main"


def _no_test(node: Node) -> str:
    del node
    return ""


_SHELL = Grammar(
    language=tree_sitter_bash.language,
    narrow=True,
    defines=frozenset({"function_definition"}),
    variables=frozenset({"variable_assignment"}),
    transparent=frozenset({"declaration_command"}),
    functions=frozenset({"function_definition"}),
    comments=frozenset({"comment"}),
    skipped=frozenset(
        {"command", "list", "pipeline", "redirected_statement", "if_statement", "while_statement", "for_statement",
         "c_style_for_statement", "case_statement", "test_command", "negated_command", "subshell", "compound_statement",
         "unset_command"}
    ),
    refuse='echo "not implemented" >&2; return 70;',
    ending="",
    expression=("", ""),
    is_doc=re.compile(r"#(?!!)"),
    is_public=_is_plain_name,
    test_name=_no_test,
    owner=_no_owner,
    beginning='if [ "${BASH_SOURCE[0]}" = "$0" ]; then echo "not implemented" >&2; exit 70; fi\n',
    tests=re.compile(
        r"(?ms)^@test[ \t]+(?P<mark>[\"'])(?P<name>[^\n]{1,300}?)(?P=mark)[ \t]*\{.*?^\}[ \t]*(?:\n|\Z)"
    ),
)  # fmt: skip


def _go_owner(node: Node) -> str:
    """The type that a method's receiver names."""
    receiver = node.child_by_field_name("receiver")
    return re.sub(r"[^(]*\(\s*(?:\w+\s+)?\*?\s*(\w+).*", r"\1", _text(receiver), flags=re.DOTALL)


def _is_capital(node: Node) -> bool:
    """In Go: capitalised, and for a method its type too; a type's documentation stands above its keyword."""
    name = _text(node.child_by_field_name("name"))
    owner = _go_owner(node)
    return name[:1].isupper() and (not owner or owner[:1].isupper())


def _go_test(node: Node) -> str:
    name = _text(node.child_by_field_name("name")) if node.type == "function_declaration" else ""
    return name if re.match(r"(?:Test|Example|Fuzz)(?![a-z])", name) and name != "TestMain" else ""


_GO = Grammar(
    language=tree_sitter_go.language,
    defines=frozenset({"function_declaration", "method_declaration", "type_spec", "type_alias"}),
    variables=frozenset({"const_spec", "var_spec"}),
    transparent=frozenset({"type_declaration", "const_declaration", "var_declaration", "var_spec_list"}),
    functions=frozenset({"function_declaration", "method_declaration", "func_literal"}),
    comments=frozenset({"comment"}),
    skipped=frozenset(),
    refuse='if codeteamStub{mark} {{ panic("not implemented") }};',
    ending="\nvar codeteamStub{mark} bool\n\nfunc init() {{ codeteamStub{mark} = true }}\n",
    expression=("", ""),
    is_doc=re.compile(r"//(?!go:)|/\*"),
    is_public=_is_capital,
    test_name=_go_test,
    owner=_go_owner,
)


def _rust_owner(node: Node) -> str:
    """The type that a block `impl` is for; its functions are named with it."""
    found = node.child_by_field_name("type") if node.type == "impl_item" else None
    return re.sub(r"(?s)<.*", "", _text(found)).rpartition("::")[2].strip()


def _is_pub(node: Node) -> bool:
    """In Rust: `pub` without bounds; a module is documented where its code is."""
    return node.type != "mod_item" and any(_text(child) == "pub" for child in node.children)


def _rust_test(node: Node) -> str:
    """A function with the attribute `#[test]`, or another's of that name."""
    above = node.prev_named_sibling if node.type == "function_item" else None
    while above is not None and above.type in ("attribute_item", "line_comment", "block_comment"):
        if re.match(r"#\[\s*(?:\w+\s*::\s*)*test\s*[(\]]", _text(above)):
            return _text(node.child_by_field_name("name"))
        above = above.prev_named_sibling
    return ""


_RUST = Grammar(
    language=tree_sitter_rust.language,
    defines=frozenset(
        {"function_item", "function_signature_item", "struct_item", "enum_item", "union_item", "trait_item",
         "type_item", "mod_item", "macro_definition", "impl_item"}
    ),
    variables=frozenset({"const_item", "static_item"}),
    transparent=frozenset(),
    functions=frozenset({"function_item"}),
    comments=frozenset({"line_comment", "block_comment"}),
    skipped=frozenset(),
    refuse='if true { panic!("not implemented") }',
    ending="",
    expression=("", ""),
    is_doc=re.compile(r"///(?!/)|/\*\*(?![*/])"),
    is_public=_is_pub,
    test_name=_rust_test,
    owner=_rust_owner,
    attached=frozenset({"attribute_item"}),
)  # fmt: skip

GRAMMARS = {
    "go": _GO,
    "rust": _RUST,
    "shell": _SHELL,
    "javascript": _JAVASCRIPT,
    "typescript": replace(_JAVASCRIPT, language=tree_sitter_typescript.language_typescript),
}
"""By the language's name."""
