"""Reads one line of a requirement as examples: `f(2) == 4`, `f(2) -> 4`, `f(-1) raises ValueError`.

A line is read with certainty or not at all. Certain means: the left side is an expression of one name that is called
and of literals, the right side a literal or an exception, and nothing around them says that it does not hold, or not
always.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from codeteam.team.python_code import parse

LONGEST = 1000
"""Characters of a line that is read."""

_OPERATOR = re.compile(r"\s*(?:(?<![=!<>])(==(?![=>])|=(?![=>]))|(={1,2}>|-{1,2}>|→|⇒)|\b(raises)\b|\b(returns)\b)\s*")
_HEAD = re.compile(r"\w\(")
_TAIL = re.compile(r"[)\]](?:\.\w{1,60}){0,3}\s?$")
_INTRO = re.compile(
    r"(?:(?:(?:for\s+)?(?:example|instance)s?|(?:test\s+)?case|test|expected|usage|sample|thus|hence|so"
    r"|then|therefore|calling|the\s+call|assert|check|verify|ensure|such|that|and)\b|e\.\s?g\.|i\.\s?e\.)"
    r"\.?\s*\d{0,3}\s*[:,]?\s+"
    r"|[-\u2013\u2014:,]\s+",
    re.IGNORECASE,
)
_JOINED = re.compile(r"\s*(?:[,;]\s*(?:and\s+)?|\s+and\s+)(?=[A-Za-z_][\w.]*\()")
_AFTERWARDS = re.compile(
    r"\s*[.,;:!]?\s*(?:\s#.*|\s\([A-Za-z][^()]*\)\s*[.;,]?|\s(?:because|since|as|\u2013|\u2014)\s.*)?", re.DOTALL
)
_DENIED = re.compile(
    r"\b(?:not|never|no longer|\w+n't|wrong\w*|incorrect\w*|instead|current(?:ly)?|bug\w*|actual(?:ly)?|broken"
    r"|fail(?:s|ed|ing)?|previous(?:ly)?|formerly|used to|today|now|at present|at the moment|mistaken\w*"
    r"|erroneous\w*|bad|old)\b",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"\b(?:if|when|whenever|unless|assuming|provided|suppose|once|after|before|while|until|with|without|where|in case"
    r"|except|might|may|could|sometimes|usually|approximately|about|roughly)\b|[≈~]",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_OTHER_CASE = re.compile(r"(?:If|When|Whenever|Unless|Where|In case)\b[^,]*,\s")
"""A sentence that says what comes of something else, in a clause of its own: "When the text is empty, return it."."""
_BACK = re.compile(
    r"\b(?:th(?:is|at|ese|ose)|such|same|above|so|example|former|latter|holds?|case|it)\b", re.IGNORECASE
)
"""Words by which a sentence may speak of the example before it."""
_EXCEPTION = re.compile(r"[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Iteration|Warning)|(?:[A-Z][a-z0-9]+){2,}")
_QUIET = frozenset({"print", "input", "open", "exec", "eval", "exit", "quit", "globals", "locals", "vars", "dir", "id"})
"""Builtins whose call says nothing about the function under it."""
_CODE_LINE = re.compile(
    r"\s*(?:if|elif|while|return|for|with|raise|yield|lambda|def|async|class|import|from|@|\w[\w.\[\]]*\s*=[^=])"
)
_SPAN = re.compile(r"(`{1,3})(?!`)(.+?)(?<!`)\1(?!`)")
_BULLET = re.compile(r"\s*(?:>\s*)*(?:[-*+]\s+|\d{1,3}[.)]\s+)?(?:\[[ xX]\]\s+)?")


@dataclass(frozen=True, slots=True)
class Statement:
    """What a line says, in code."""

    call: str
    expected: str
    kind: str
    """"equal" or "raises"."""


def read_line(line: str, *, code: bool) -> Iterator[tuple[str, tuple[Statement, ...]]]:
    """Each piece of a line that looks like an example, and what it says; nothing when that is not certain.

    `code` is True in a block of code, where a line that computes something is no example.
    """
    if len(line) > LONGEST or not _OPERATOR.search(line):
        return
    plain = _BULLET.sub("", line, count=1)
    if code:
        statement = re.sub(r"^assert\s+", "", plain.strip())
        if not _CODE_LINE.match(statement) and _looks_like_one(statement):
            yield statement, _read(statement) or ()
        return
    spans = [match for match in _SPAN.finditer(plain) if _looks_like_one(match[2].strip())]
    doubtful = bool(spans) and _is_doubtful(_about_spans(plain))
    for span in spans:
        statement = span[2].strip()
        yield statement, () if doubtful else _read(re.sub(r"^assert\s+", "", statement)) or ()
    for piece in _between(plain, spans):
        # Backticks belong to Markdown, but not those inside of strings, with which the piece reads as it stands.
        statement = _without_intro(piece.strip())
        if not (_looks_like_one(statement) and _read(statement)):
            statement = _without_intro(_SPAN.sub(r"\2", piece).strip())
        if _looks_like_one(statement):
            yield statement, () if doubtful else _read(statement) or ()


def _about_spans(line: str) -> str:
    """The prose that may put a line's examples in doubt: without later sentences that speak of another case alone."""
    first, *others = _SENTENCES.split(_SPAN.sub("\0", line))
    kept = (
        sentence
        for sentence in others
        if "\0" in sentence or _DENIED.search(sentence) or _BACK.search(sentence) or not _OTHER_CASE.match(sentence)
    )
    return " ".join([first, *kept]).replace("\0", " ")


def _between(line: str, spans: Sequence[re.Match[str]]) -> Iterator[str]:
    """What is left of a line without these spans of code; of a table's row the cells."""
    last = 0
    pieces = []
    for span in spans:
        pieces.append(line[last : span.start()])
        last = span.end()
    for piece in [*pieces, line[last:]]:
        yield from piece.strip().strip("|").split(" | ") if line.lstrip().startswith("|") else [piece]


def is_doubtful_heading(line: str) -> bool:
    """Whether what stands below a heading, or a line that ends in a colon, need not hold."""
    heading = line.lstrip().startswith("#")
    return bool(_DENIED.search(line)) or (not heading and bool(_CONDITION.search(line)))


def _is_doubtful(prose: str) -> bool:
    return bool(_DENIED.search(prose) or _CONDITION.search(prose))


def _without_intro(text: str) -> str:
    while (match := _INTRO.match(text)) and match.end():
        text = text[match.end() :]
    return text


def _looks_like_one(text: str) -> bool:
    for match in _OPERATOR.finditer(text):
        left = text[: match.start()]
        if _TAIL.search(left) and _HEAD.search(left) and text[match.end() :].strip():
            return not is_signature(text)
    return False


def is_signature(text: str) -> bool:
    """Whether the text declares a function: `f(x: int) -> str`, `f() -> None`, `def …`."""
    if re.match(r"\s*(?:async\s+)?def\s", text):
        return True
    tree = parse(f"def {text.strip().rstrip(':.;,')}: ...")
    if tree is None or not isinstance(node := tree.body[0], ast.FunctionDef) or not node.returns:
        return False
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    typed = isinstance(node.returns, ast.Name | ast.Attribute | ast.Subscript | ast.BinOp)
    # `f(x) -> y` parses too: only annotated parameters, or none and a type, make it one for certain.
    return any(item.annotation for item in arguments) or (not arguments and typed)


def _read(text: str) -> tuple[Statement, ...] | None:
    """All that the text says; None when any part of it is not certain."""
    for match in _OPERATOR.finditer(text):
        call = text[: match.start()].strip()
        if not _is_call(call):
            continue
        equal, arrow, raises, _ = match.groups()
        if equal == "=" or (arrow and _may_declare(text)):
            return None
        found = _right(text[match.end() :], raises=bool(raises))
        if found is None:
            return None
        expected, rest = found
        first = Statement(call, expected, "raises" if raises else "equal")
        if not rest:
            return (first,)
        others = _read(rest)
        return (first, *others) if others else None
    return None


def _may_declare(text: str) -> bool:
    """Whether `f() -> None` or `f(x=1) -> "Name"` could be a signature as well."""
    tree = parse(f"def {text.strip().rstrip(';.,')}: ...")
    if tree is None or not isinstance(node := tree.body[0], ast.FunctionDef):
        return False
    return isinstance(node.returns, ast.Constant) and (
        node.returns.value is None or isinstance(node.returns.value, str)
    )


def _right(text: str, *, raises: bool) -> tuple[str, str] | None:
    """The right side and the examples joined to it; None when it is not certain where or what it is."""
    for match in [*_JOINED.finditer(text), None]:
        value = text[: match.start()] if match else text
        rest = text[match.end() :] if match else ""
        for cut in _cuts(value, ending=not rest):
            if raises and (name := _exception(cut)):
                return name, rest
            if not raises and is_literal(cut):
                return cut, rest
    return None


def _cuts(text: str, *, ending: bool) -> Iterator[str]:
    """The text itself, then without what may follow it: punctuation, a comment, an explanation."""
    text = text.strip()
    if re.fullmatch(r".*[\w'\"\])}]\.", text, re.DOTALL):
        yield text[:-1]
    yield text
    if not ending:
        return
    for end in range(len(text), 0, -1):
        if text[end - 1] in " .,;:!" and _AFTERWARDS.fullmatch(text[end - 1 :]) and not _is_doubtful(text[end - 1 :]):
            yield text[: end - 1].rstrip()


def _exception(text: str) -> str:
    words = re.sub(r"^(?:an?|the)\s+", "", text.strip())
    try:
        node = ast.parse(words, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if isinstance(node, ast.Call) and all(is_literal(ast.unparse(item)) for item in node.args) and not node.keywords:
        node = node.func
    return node.id if isinstance(node, ast.Name) and _EXCEPTION.fullmatch(node.id) else ""


def is_literal(text: str) -> bool:
    """Whether the text is one value for certain: no `...`, and no list of values without brackets."""
    try:
        tree = ast.parse(text, mode="eval")
        ast.literal_eval(tree)
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return False
    top = tree.body
    # A tuple in brackets begins before its first value.
    bare = isinstance(top, ast.Tuple) and bool(top.elts) and top.elts[0].col_offset == top.col_offset
    comment = b"#" in text.encode()[top.end_col_offset or 0 :]
    return not bare and not comment and not any(_is_dots(node) for node in ast.walk(tree))


def _is_dots(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _is_call(text: str) -> bool:
    """Whether an expression has one name that is called and literals besides: anything else would be a guess."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    loose = (
        ast.BoolOp,
        ast.Compare,
        ast.IfExp,
        ast.Lambda,
        ast.NamedExpr,
        ast.Await,
        ast.Tuple,
        ast.Starred,
        ast.GeneratorExp,
    )
    if isinstance(tree.body, loose) or (isinstance(tree.body, ast.UnaryOp) and isinstance(tree.body.op, ast.Not)):
        return False
    nodes = list(ast.walk(tree))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    own = {name for name in names if not hasattr(builtins, name)}
    return len(own) == 1 and own <= called and not names & _QUIET and not any(map(_is_dots, nodes))
