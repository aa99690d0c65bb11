"""What stands around the cursor: the definition, and the words that ask for something."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import PurePosixPath

from codeteam.domain.source import Span
from codeteam.workspace.reading import lines_of

_PARSED = 2_000_000
"""Characters that are parsed; what is longer is read by indentation alone."""
_NEAR = 5000
"""Lines above the cursor in which its definition is looked for, where the file does not parse."""
_DECORATED = 50
"""Lines of a decorator at most, likewise."""
_PROSE = frozenset({"", ".md", ".markdown", ".mdown", ".mdx", ".txt", ".text", ".rst", ".adoc", ".asciidoc", ".org"})
_SLASHES = frozenset(
    {".js", ".jsx", ".mjs", ".ts", ".tsx", ".java", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".go", ".rs", ".kt",
     ".swift", ".scala", ".php", ".dart"}
)  # fmt: skip
_DASHES = frozenset({".sql", ".lua", ".hs", ".elm"})
_PYTHON_START = re.compile(r"\s*(?:async\s+def|def|class)\b")
_OTHER_START = re.compile(
    r"\s*(?!(?:if|for|while|switch|catch|return|else|new|throw|await|do|case)\b)"
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([a-z]+\))?|override"
    r"|virtual|inline|const|unsafe|extern)\s+){0,5}"
    r"(?:function\b|class\b|def\b|fn\b|func\b|fun\b|interface\b|struct\b|enum\b|trait\b|impl\b|module\b"
    r"|\w{1,60}\s*=\s*(?:async\s*)?\([^)]{0,200}\)\s*=>"
    r"|(?:[\w<>\[\],*&:]{1,60}\s+)?[\w~:]{1,60}\s*\([^;]{0,300}\{\s*$)"
)
_RUST_STUB = re.compile(r".*?\{ ?(?:todo|unimplemented)! ?\([^{}]*\);? ?\}")
_MARKER = re.compile(r"^(?:TODO|FIXME|XXX|HACK)\b(?:\([^)]{0,60}\))?[:\-–\s]*", re.IGNORECASE)  # noqa: RUF001 - a dash people type

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def is_prose(path: str) -> bool:
    """Whether a file is read by people: Markdown, plain text."""
    return PurePosixPath(path).suffix.lower() in _PROSE


def is_python(path: str) -> bool:
    return PurePosixPath(path).suffix.lower() in (".py", ".pyi", ".pyw")


def parse(text: str) -> ast.Module | None:
    """The syntax tree; None when the text does not parse, whatever the reason."""
    if len(text) > _PARSED:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd escapes in a user's file are not ours to report
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def enclosing(path: str, text: str, place: Span) -> Span | None:
    """The innermost definition that holds all the lines of `place`, its decorators included; None outside of any."""
    if is_prose(path):
        return None
    tree = parse(text) if is_python(path) else None
    if tree is None:
        return _by_indentation(lines_of(text), place, _PYTHON_START if is_python(path) else _OTHER_START)
    node = _innermost(tree, place)
    return None if node is None else _span(node)


def words(path: str, text: str, selection: Span | None, cursor_line: int | None) -> str:
    """What the text itself asks for: the selected prose, the comment or docstring around the cursor; else ""."""
    lines = lines_of(text)
    if is_prose(path):
        if selection is None and cursor_line is None:
            return text.strip()
        return _prose(lines, selection, cursor_line)
    place = selection or (Span(cursor_line, cursor_line) if cursor_line is not None else None)
    if place is None:
        return ""
    return (
        _comment(path, lines, place)
        or (_docstring(text, place, selection is not None) if is_python(path) else "")
        or (_doc_of_stub(path, lines, enclosing(path, text, place)) if path.endswith(".rs") else "")
        or _todo(path, lines, enclosing(path, text, place) or place)
    )


def _span(node: Definition) -> Span:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    return Span(first, node.end_lineno or node.lineno)


def _innermost(tree: ast.Module, place: Span) -> Definition | None:
    best: Definition | None = None
    for node in ast.walk(tree):  # breadth first: what comes later lies deeper
        if isinstance(node, Definition):
            span = _span(node)
            if span.start_line <= place.start_line and place.end_line <= span.end_line:
                best = node
    return best


def _indent(line: str) -> int:
    expanded = line.expandtabs(8)
    return len(expanded) - len(expanded.lstrip())


def _by_indentation(lines: list[str], place: Span, start: re.Pattern[str]) -> Span | None:
    """The definition by its look, where there is no tree to ask; good enough for code that is being typed."""
    first, last = place.start_line - 1, min(place.end_line, len(lines)) - 1
    # from below the place, for it may be a decorator's, up: the first that holds it is the innermost
    for index in range(min(last + _DECORATED, len(lines) - 1), max(-1, first - _NEAR), -1):
        if start.match(lines[index][:400]):
            begin = _decorated(lines, index)
            if begin <= first and last <= _block_end(lines, index):
                return Span(begin + 1, _block_end(lines, index) + 1)
    return None


def _decorated(lines: list[str], index: int) -> int:
    """The first line of the decorators above a definition, of which each may go over several lines."""
    depth = _indent(lines[index])
    line = index
    while line > 0 and index - line < _DECORATED:
        line -= 1
        level, said = _indent(lines[line]), lines[line].strip()
        if said.startswith(("@", "#[")) and level == depth:
            index = line
        elif not said or level < depth or (level == depth and said[0] not in ")]}"):
            break
    return index


def _block_end(lines: list[str], index: int) -> int:
    depth, last = _indent(lines[index]), index
    for number in range(index + 1, len(lines)):
        line = lines[number].strip()
        if not line:
            continue
        level = _indent(lines[number])
        closes = level == depth and line[0] in ")]}"  # the end of a signature, or of a block in braces
        opens = level == depth and line == "{"
        if level <= depth and not closes and not opens:
            break
        last = number
        if closes and line[0] == "}":
            break
    return last


def _prose(lines: list[str], selection: Span | None, cursor_line: int | None) -> str:
    if selection is not None:
        return "\n".join(lines[selection.start_line - 1 : selection.end_line]).strip()
    here = min(max(cursor_line or 1, 1), len(lines)) - 1
    levels = _headings(lines)
    head = next((index for index in range(here, -1, -1) if levels.get(index)), None)
    if head is None:
        return _paragraph(lines, here)
    end = next((index for index in range(head + 1, len(lines)) if 0 < levels.get(index, 0) <= levels[head]), len(lines))
    return "\n".join(lines[head:end]).strip()


def _headings(lines: list[str]) -> dict[int, int]:
    """Level by line of Markdown's # headings, those inside of code fences left out."""
    found: dict[int, int] = {}
    fenced = False
    for index, line in enumerate(lines):
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        elif not fenced and (match := re.match(r"(#{1,6})\s", line)):
            found[index] = len(match[1])
    return found


def _paragraph(lines: list[str], here: int) -> str:
    first = last = here
    while first > 0 and lines[first - 1].strip():
        first -= 1
    while last + 1 < len(lines) and lines[last + 1].strip():
        last += 1
    return "\n".join(lines[first : last + 1]).strip()


def _comment_text(path: str, line: str) -> str | None:
    """What a line that is all comment says; None for any other line."""
    suffix = PurePosixPath(path).suffix.lower()
    marks = ("//", "/*", "*/", "*") if suffix in _SLASHES else ("--",) if suffix in _DASHES else ("#",)
    line = line.strip()
    for mark in marks:
        if line.startswith(mark):
            return line.removeprefix(mark).lstrip("".join(set(mark))).removesuffix("*/").strip()
    return None


def _comment(path: str, lines: list[str], place: Span) -> str:
    """The block of comment lines that the place is in; a selection must be nothing but comment."""
    first, last = place.start_line - 1, min(place.end_line, len(lines)) - 1
    texts = [_comment_text(path, line) for line in lines[first : last + 1] if line.strip()]
    if not texts:
        return ""
    if any(text is None for text in texts):
        return _trailing(path, lines[first]) if first == last else ""
    while first > 0 and _comment_text(path, lines[first - 1]) is not None:
        first -= 1
    while last + 1 < len(lines) and _comment_text(path, lines[last + 1]) is not None:
        last += 1
    return _said([_comment_text(path, line) or "" for line in lines[first : last + 1]])


def _said(texts: list[str]) -> str:
    return "\n".join(_MARKER.sub("", text) for text in texts if not text.startswith(("!/", "-*-"))).strip()


def _trailing(path: str, line: str) -> str:
    """A to-do at the end of a line of code."""
    mark = "//" if PurePosixPath(path).suffix.lower() in _SLASHES else "#"
    _, _, comment = line.partition(f" {mark}")
    comment = comment.strip()
    return _MARKER.sub("", comment) if _MARKER.match(comment) else ""


def _docstring(text: str, place: Span, selected: bool) -> str:
    """The docstring the place is in, or that of the stub it is in."""
    tree = parse(text)
    if tree is None:
        return ""
    node: Definition | ast.Module = _innermost(tree, place) or tree
    first = node.body[0] if node.body else None
    said = ast.get_docstring(node)
    if not said or first is None:
        return ""
    touched = first.lineno <= place.start_line and place.end_line <= (first.end_lineno or first.lineno)
    asked = _is_stub(node) or (selected and isinstance(node, ast.ClassDef) and _is_outline(node))
    return said.strip() if touched or asked else ""


def _is_stub(node: Definition | ast.Module) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and all(
        _says_nothing(line) for line in node.body[1:]
    )


def _is_outline(node: ast.ClassDef) -> bool:
    return all(_is_stub(line) if isinstance(line, Definition) else _says_nothing(line) for line in node.body[1:])


def _says_nothing(line: ast.stmt) -> bool:
    match line:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
    return False


def _doc_of_stub(path: str, lines: list[str], definition: Span | None) -> str:
    """What stands above a Rust function that says no more yet than `todo!()` or `unimplemented!()`."""
    if definition is None:
        return ""
    body = "".join(line for line in lines[definition.start_line - 1 : definition.end_line] if "//" not in line)
    if not _RUST_STUB.fullmatch(" ".join(body.split())[:2000]):
        return ""
    first = definition.start_line - 1
    while first > 0 and lines[first - 1].lstrip().startswith(("///", "#[")):
        first -= 1
    above = (line for line in lines[first : definition.start_line - 1] if not line.lstrip().startswith("#["))
    return _said([_comment_text(path, line) or "" for line in above])


def _todo(path: str, lines: list[str], place: Span) -> str:
    """To-dos inside of a definition or selection, each with the comment lines that follow it."""
    found: list[str] = []
    going_on = False
    for line in lines[place.start_line - 1 : place.end_line]:
        comment = _comment_text(path, line)
        if comment is None:
            going_on = False
            if trailing := _trailing(path, line):
                found.append(trailing)
        elif _MARKER.match(comment) or going_on:
            found.append(_MARKER.sub("", comment))
            going_on = True
    return "\n".join(found).strip()
