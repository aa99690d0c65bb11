"""`Code` for every language that has a grammar of tree-sitter's: what is the same in all of them.

A grammar knows the shape of a language, not all of its rules, and may be older than the language: that a text is not
code is for the language's own tools to say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from tree_sitter import Language, Node, Parser, Tree

from codeteam.team.grammars import Grammar

_LONGEST = 1_500_000
"""Bytes that are parsed."""
_LONGEST_VALUE = 300
"""Bytes of a variable's value that are shown."""
_HOLLOW = b"{ ... }"
_WIDE = re.compile(r"[^\0-\xff]")
_TYPES_WITH_BODY = ("class_declaration", "abstract_class_declaration", "impl_item", "trait_item", "mod_item")


class TreeCode:
    """One language's code; trees are kept for a few texts, for the same are asked about many times in a job."""

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._parser = Parser(Language(grammar.language()))
        self._tree = lru_cache(maxsize=32)(self._parsed)

    def parses(self, text: str, /) -> bool:
        tree = self._tree(text)
        return tree is not None and not tree.root_node.has_error

    def syntax_error(self, text: str, /) -> str:
        return f"it is longer than {_LONGEST} bytes" if self._tree(text) is None else ""

    def top_level_names(self, text: str, /) -> frozenset[str]:
        return frozenset(name for name, _ in self._named(text) if "." not in name)

    def definitions(self, text: str, /) -> frozenset[str]:
        return frozenset(name for name, node in self._named(text) if self._is_definition(node))

    def definition_lines(self, text: str, /) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, node in self._named(text):
            if self._is_definition(node):
                found.setdefault(name, node.start_point.row + 1)
        return found

    def spans(self, text: str, /) -> Iterator[tuple[str, int, int]]:
        for name, node in self._named(text):
            if self._is_definition(node):
                yield name, node.start_point.row + 1, node.end_point.row + 1

    def signatures(self, text: str, /) -> str:
        return self.rough_signatures(text) if self.parses(text) else ""

    def rough_signatures(self, text: str, /) -> str:
        tree = self._tree(text)
        if tree is None:
            return ""
        source, cuts = text.encode("utf-8", "surrogateescape"), list[tuple[int, int, bytes]]()
        for node in tree.root_node.children:
            if node.type in self._grammar.skipped:
                cuts.append((node.start_byte, _line_end(source, node.end_byte), b""))
            else:
                cuts += self._hollowed(node)
        return _changed(source, cuts).decode("utf-8", "surrogateescape").strip("\n") + "\n"

    def stub(self, text: str, /) -> str:
        tree = self._tree(text)
        if tree is None or not text.strip():
            return ""
        source = text.encode("utf-8", "surrogateescape")
        mark = hashlib.sha256(source).hexdigest()[:12]
        refuse, ending = (_marked(words, mark).encode() for words in (self._grammar.refuse, self._grammar.ending))
        changes: list[tuple[int, int, bytes]] = []
        for node in _every(tree.root_node):
            body = node.child_by_field_name("body") if node.type in self._grammar.functions else None
            if body is None:
                continue
            if source[body.start_byte : body.start_byte + 1] in (b"{", b"("):
                changes.append((body.start_byte + 1, body.start_byte + 1, b" " + refuse + b" "))
            elif self._grammar.expression[0]:
                before, after = (part.encode() for part in self._grammar.expression)
                changes.append((body.start_byte, body.start_byte, before.replace(b"{", b"{ " + refuse, 1)))
                changes.append((body.end_byte, body.end_byte, after))
        if not changes:
            changes = [
                (value.start_byte, value.end_byte, b"undefined")
                for _, node in self._named(text)
                if (value := node.child_by_field_name("value")) is not None
            ]
        whole = (_changed(source, changes) + ending).decode("utf-8", "surrogateescape")
        first = len(whole.partition("\n")[0]) + 1 if whole.startswith("#!") else 0
        return f"{whole[:first]}{self._grammar.beginning}{whole[first:]}"

    def undocumented(self, text: str, /, *, before: str = "") -> tuple[str, ...]:
        known = set(self._undocumented(before))
        return tuple(dict.fromkeys(name for name in self._undocumented(text) if name not in known))

    def same_but_docstrings(self, one: str, other: str, /) -> bool:
        if not (self.parses(one) and self.parses(other)):
            return False
        return list(self._tokens(one)) == list(self._tokens(other))

    def names_of_tests(self, text: str, /) -> frozenset[str]:
        if self._grammar.tests is not None:
            return frozenset(match["name"] for match in self._grammar.tests.finditer(text[:_LONGEST]))
        tree = self._tree(text)
        nodes = _every(tree.root_node) if tree is not None else ()
        return frozenset(name for node in nodes if (name := self._grammar.test_name(node)))

    def without_functions(self, text: str, names: Iterable[str], /) -> str:
        tree, dropped = self._tree(text), set(names)
        if self._grammar.tests is not None:
            return self._grammar.tests.sub(lambda test: "" if test["name"] in dropped else test[0], text)
        source = text.encode("utf-8", "surrogateescape")
        cuts: list[tuple[int, int, bytes]] = []
        for node in _every(tree.root_node) if tree is not None else ():
            if self._grammar.test_name(node) in dropped:
                whole = node.parent if node.parent is not None and node.parent.type == "expression_statement" else node
                first, above = whole, whole.prev_named_sibling
                while above is not None and above.type in self._grammar.attached | self._grammar.comments:
                    first = above if above.type in self._grammar.attached else first
                    above = above.prev_named_sibling
                cuts.append((first.start_byte, _line_end(source, whole.end_byte), b""))
        return _changed(source, cuts).decode("utf-8", "surrogateescape")

    def _parsed(self, text: str) -> Tree | None:
        if self._grammar.narrow:
            text = _WIDE.sub(lambda wide: "x" * len(wide[0].encode("utf-8", "surrogateescape")), text)
        source = text.encode("utf-8", "surrogateescape")
        return self._parser.parse(source) if len(source) <= _LONGEST else None

    def _named(self, text: str) -> Iterator[tuple[str, Node]]:
        """Everything with a name at the file's top, and in types as `Type.name`."""
        tree = self._tree(text)
        if tree is not None:
            yield from self._inside(tree.root_node, "")

    def _inside(self, node: Node, owner: str) -> Iterator[tuple[str, Node]]:
        grammar = self._grammar
        for child in node.named_children:
            if child.type in grammar.transparent:
                yield from self._inside(child, owner)
            elif child.type in grammar.defines or child.type in grammar.variables:
                field = child.child_by_field_name("name") or child.child_by_field_name("property")
                name = field.text.decode("utf-8", "replace") if field is not None and field.text is not None else ""
                prefix = owner or grammar.owner(child)
                if name and field is not None and field.type not in ("object_pattern", "array_pattern"):
                    yield f"{prefix}.{name}" if prefix else name, child
                body = child.child_by_field_name("body") if child.type in _TYPES_WITH_BODY else None
                if body is not None and not owner:
                    yield from self._inside(body, name or prefix)

    def _is_definition(self, node: Node) -> bool:
        if node.type in self._grammar.defines:
            return True
        value = node.child_by_field_name("value")
        return value is not None and value.type in self._grammar.functions

    def _hollowed(self, node: Node) -> Iterator[tuple[int, int, bytes]]:
        """Changes that take the bodies out of a statement, and long values."""
        body = node.child_by_field_name("body") if node.type in self._grammar.functions else None
        if body is not None:
            yield body.start_byte, body.end_byte, _HOLLOW
            return
        value = node.child_by_field_name("value") if node.type in self._grammar.variables else None
        if value is not None and value.type not in self._grammar.functions:
            works = any(part.type in self._grammar.functions for part in _every(value))
            if works or value.end_byte - value.start_byte > _LONGEST_VALUE:
                yield value.start_byte, value.end_byte, b"..."
            return
        for child in node.children:
            yield from self._hollowed(child)

    def _undocumented(self, text: str) -> Iterator[str]:
        for name, node in self._named(text):
            if self._is_definition(node) and self._grammar.is_public(node) and not self._has_doc(node):
                yield name

    def _has_doc(self, node: Node) -> bool:
        """Whether a documenting comment stands right above it, or above what it is declared in."""
        while True:
            below, above = node, node.prev_named_sibling
            while above is not None and above.type in self._grammar.attached:
                below, above = above, above.prev_named_sibling
            if above is not None and above.type in self._grammar.comments:
                text = (above.text or b"").decode("utf-8", "replace")
                return below.start_point.row - above.end_point.row <= 1 and bool(self._grammar.is_doc.match(text))
            outer = node.parent
            # Where nothing stands before it, it begins where `export` and its like do.
            if outer is None or outer.type not in self._grammar.transparent or outer.type.endswith("body"):
                return False
            if outer.named_children[0] != node:
                return False
            node = outer

    def _tokens(self, text: str) -> Iterator[tuple[str, bytes]]:
        tree, source = self._tree(text), text.encode("utf-8", "surrogateescape")
        stack = [tree.root_node] if tree is not None else []
        while stack:
            node = stack.pop()
            if node.type in self._grammar.comments:  # in some languages with parts of their own
                continue
            if not node.children:
                yield node.type, source[node.start_byte : node.end_byte].strip()
            stack.extend(reversed(node.children))


def _every(root: Node) -> Iterator[Node]:
    """All nodes in the order of the text, without recursion: a tree may be as deep as the text is long."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(node.children))


def _marked(words: str, mark: str) -> str:
    return words.format(mark=mark) if "{mark}" in words else words


def _line_end(source: bytes, at: int) -> int:
    """Past the line feed that ends what is cut out, so that no blank line is left."""
    return at + 1 if source[at : at + 1] == b"\n" else at


def _changed(source: bytes, changes: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The text with parts replaced; of parts inside each other the outer one counts, insertions keep their order."""
    parts: list[bytes] = []
    at = 0
    for start, end, text in sorted(changes, key=lambda change: (change[0], -change[1])):
        if start < at:
            continue
        parts += [source[at:start], text]
        at = end
    return b"".join([*parts, source[at:]])
