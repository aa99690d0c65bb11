"""Shapes of messages, read from docs/protocol.md and from the extension's TypeScript, and compared.

The page writes `{name, other?, list: [{name}], state: queued|running, value: string | null}`; a name without a type is
some scalar. TypeScript writes `{ name: string; other?: string; list: Item[]; state: 'queued' | 'running' }`.
One parser reads both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = re.compile(r"'[^']*'|[A-Za-z_$][\w$./]*|[{}\[\]()<>|?:;,]")
_SCALARS = {"string": str, "number": (int, float), "boolean": bool}


@dataclass(frozen=True, slots=True)
class Anything:
    """A scalar that the page does not say more of; may be null."""


@dataclass(frozen=True, slots=True)
class Scalar:
    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    text: str


@dataclass(frozen=True, slots=True)
class Sequence:
    item: Shape


@dataclass(frozen=True, slots=True)
class Choice:
    of: frozenset[Shape]


@dataclass(frozen=True, slots=True)
class Record:
    fields: tuple[tuple[str, Shape], ...]
    optional: frozenset[str] = frozenset()

    def names(self) -> dict[str, Shape]:
        return dict(self.fields)


Shape = Anything | Scalar | Literal | Sequence | Choice | Record
NULL = Scalar("null")


@dataclass(slots=True)
class Reader:
    """Reads shapes from tokens; `named` are shapes that others refer to."""

    tokens: list[str]
    named: Mapping[str, Shape]
    is_page: bool
    at: int = field(default=0)

    def shape(self) -> Shape:
        parts = [self._one()]
        while self._take("|"):
            parts.append(self._one())
        flat = {inner for part in parts for inner in (part.of if isinstance(part, Choice) else [part])}
        if flat >= {Literal("true"), Literal("false")}:
            flat = (flat - {Literal("true"), Literal("false")}) | {Scalar("boolean")}
        return flat.pop() if len(flat) == 1 else Choice(frozenset(flat))

    def _one(self) -> Shape:
        self._take("|")  # TypeScript may begin a choice with one
        if self._take("{"):
            shape: Shape = self._record()
        elif self._take("["):
            shape = Sequence(self.shape())
            self._need("]")
        else:
            shape = self._word(self._next())
        while self.at + 1 < len(self.tokens) and self.tokens[self.at : self.at + 2] == ["[", "]"]:
            self.at += 2
            shape = Sequence(shape)
        return shape

    def _record(self) -> Record:
        fields: list[tuple[str, Shape]] = []
        optional: set[str] = set()
        while not self._take("}"):
            name = self._next()
            if name == "as":
                fields += self._borrowed()
                continue
            if self._take("?"):
                optional.add(name)
            fields.append((name, self.shape() if self._take(":") else Anything()))
            _ = self._take(",") or self._take(";")
        return Record(tuple(sorted(fields, key=lambda item: item[0])), frozenset(optional))

    def _borrowed(self) -> Iterator[tuple[str, Shape]]:
        """The page's "{as in codeteam/step, without jobId}"."""
        self._need("in")
        other = self.named[self._next()]
        assert isinstance(other, Record)
        left_out = set()
        if self._take(","):
            self._need("without")
            left_out.add(self._next())
        return ((name, shape) for name, shape in other.fields if name not in left_out)

    def _word(self, word: str) -> Shape:
        if word.startswith("'"):
            return Literal(word[1:-1])
        if word in _SCALARS or word == "null":
            return Scalar(word)
        if word == "Omit":
            return self._omit()
        if word in self.named:
            return self.named[word]
        assert self.is_page, f"protocol.ts has no type {word}"
        return Literal(word)

    def _omit(self) -> Record:
        self._need("<")
        whole = self._one()
        self._need(",")
        left_out = self.shape()
        self._need(">")
        assert isinstance(whole, Record)
        assert isinstance(left_out, Literal)
        return Record(tuple(item for item in whole.fields if item[0] != left_out.text), whole.optional)

    def _next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def _take(self, token: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at] == token
        self.at += found
        return found

    def _need(self, token: str) -> None:
        assert self._take(token), f"{token} is missing before {self.tokens[self.at : self.at + 5]}"


def page_shape(text: str, named: Mapping[str, Shape]) -> Shape:
    return Reader(_TOKEN.findall(text), named, is_page=True).shape()


def typescript_shapes(source: str) -> dict[str, Shape]:
    """Every interface and type of the module, in its order or not."""
    source = re.sub(r"/\*.*?\*/|//[^\n]*", "", source, flags=re.DOTALL)
    bodies = dict(re.findall(r"export interface (\w+) (\{.*?\n\})", source, flags=re.DOTALL))
    bodies |= dict(re.findall(r"export type (\w+) =([^;]*);", source, flags=re.DOTALL))
    found: dict[str, Shape] = {}
    while waiting := bodies.keys() - found.keys():
        ready = [name for name in waiting if not (_references(bodies[name], bodies.keys()) - found.keys())]
        assert ready, f"types that need each other: {waiting}"
        for name in ready:
            found[name] = Reader(_TOKEN.findall(bodies[name]), found, is_page=False).shape()
    return found


def _references(body: str, names: object) -> set[str]:
    return {word for word in re.findall(r"\b[A-Z]\w*", re.sub(r"'[^']*'", "", body)) if word in names}  # type: ignore[operator]


def differences(page: Shape, ours: Shape, where: str) -> Iterator[str]:
    """What the extension's shape has otherwise than the page's."""
    if isinstance(page, Anything):
        if not _is_scalar(ours):
            yield f"{where}: the page has a plain value, the extension {ours}"
    elif isinstance(page, Record) and isinstance(ours, Record):
        theirs, mine = page.names(), ours.names()
        for name in sorted(theirs.keys() ^ mine.keys()):
            yield f"{where}.{name}: only in {'the page' if name in theirs else 'the extension'}"
        for name in sorted(page.optional ^ ours.optional):
            yield f"{where}.{name}: may be left out on one side only"
        for name in sorted(theirs.keys() & mine.keys()):
            yield from differences(theirs[name], mine[name], f"{where}.{name}")
    elif isinstance(page, Sequence) and isinstance(ours, Sequence):
        yield from differences(page.item, ours.item, f"{where}[]")
    elif isinstance(page, Choice) and isinstance(ours, Choice):
        yield from _choices(page, ours, where)
    elif page != ours:
        yield f"{where}: {page} on the page, {ours} in the extension"


def _choices(page: Choice, ours: Choice, where: str) -> Iterator[str]:
    plain, mine = _simple(page), _simple(ours)
    if plain != mine:
        yield f"{where}: {sorted(map(str, plain))} on the page, {sorted(map(str, mine))} in the extension"
    for theirs, own in zip(_records(page), _records(ours), strict=False):
        yield from differences(theirs, own, where)
    if len(_records(page)) != len(_records(ours)):
        yield f"{where}: an object on one side only"


def _simple(choice: Choice) -> set[Shape]:
    return {shape for shape in choice.of if not isinstance(shape, Record)}


def _records(choice: Choice) -> list[Record]:
    return [shape for shape in choice.of if isinstance(shape, Record)]


def _is_scalar(shape: Shape) -> bool:
    if isinstance(shape, Choice):
        return all(map(_is_scalar, shape.of))
    return isinstance(shape, Scalar | Literal)


def faults(value: object, shape: Shape, where: str) -> Iterator[str]:
    """What is wrong with a message that should have the shape."""
    if isinstance(shape, Record):
        if not isinstance(value, Mapping):
            yield f"{where}: {value!r} is no object"
            return
        fields = shape.names()
        for name in sorted((fields.keys() - shape.optional) - value.keys()):
            yield f"{where}.{name} is missing"
        for name in sorted(value.keys() - fields.keys()):
            yield f"{where}.{name} is not known"
        for name in sorted(fields.keys() & value.keys()):
            yield from faults(value[name], fields[name], f"{where}.{name}")
    elif isinstance(shape, Sequence):
        if not isinstance(value, list):
            yield f"{where}: {value!r} is no list"
            return
        for number, item in enumerate(value):
            yield from faults(item, shape.item, f"{where}[{number}]")
    elif not _fits(value, shape, where):
        yield f"{where}: {value!r} is not {shape}"


def _fits(value: object, shape: Shape, where: str) -> bool:
    match shape:
        case Choice(of):
            return any(not list(faults(value, one, where)) for one in of)
        case Literal(text):
            return value == text
        case Scalar("null"):
            return value is None
        case Scalar("number"):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case Scalar(name):
            return isinstance(value, _SCALARS[name])  # type: ignore[arg-type]
        case _:
            return not isinstance(value, list | Mapping)
