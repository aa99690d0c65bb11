"""What can be known of code without running it, whatever its language: one port, and what implements it for a file."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Protocol

from codeteam.domain.languages import tongue_of
from codeteam.team import python_code
from codeteam.team.grammars import GRAMMARS
from codeteam.team.tree_code import TreeCode


class Code(Protocol):
    """Every function is safe on text that does not parse, or that is no code at all."""

    def parses(self, text: str, /) -> bool:
        """Whether it is code of the language as far as its parser knows."""

    def syntax_error(self, text: str, /) -> str:
        """What is wrong, with the line, where the parser is the language's own; else empty, for the run will tell."""

    def top_level_names(self, text: str, /) -> frozenset[str]:
        """Names that the file defines at its top: functions, types, variables."""

    def definitions(self, text: str, /) -> frozenset[str]:
        """Names of functions and types at the file's top, and of what is in types as `Type.method`."""

    def definition_lines(self, text: str, /) -> dict[str, int]:
        """The line of each definition, from 1, by its name as in `definitions`; of several, the first."""

    def spans(self, text: str, /) -> Iterable[tuple[str, int, int]]:
        """The definitions with their first and last line."""

    def signatures(self, text: str, /) -> str:
        """The file without bodies; empty when it does not parse."""

    def rough_signatures(self, text: str, /) -> str:
        """As `signatures`; of what does not parse, what can be made out."""

    def stub(self, text: str, /) -> str:
        """The same file with every function failing: what honest tests must fail against."""

    def undocumented(self, text: str, /, *, before: str = "") -> tuple[str, ...]:
        """Public definitions without documentation that `before` did not already have so."""

    def same_but_docstrings(self, one: str, other: str, /) -> bool:
        """Whether two texts differ only in documentation, comments and layout; False when either does not parse."""

    def names_of_tests(self, text: str, /) -> frozenset[str]:
        """Names of the tests that the test runner would find in the file, those that can be read from it."""

    def without_functions(self, text: str, names: Iterable[str], /) -> str:
        """The file without these tests."""


def code_of(path: str) -> Code:
    """What reads the code of a file."""
    tongue = tongue_of(path)
    return _code(tongue.name if tongue else "")


@cache
def _code(language: str) -> Code:
    if language == "python":
        return python_code
    return TreeCode(GRAMMARS[language]) if language in GRAMMARS else _Unknown()


class _Unknown:
    """Of a text in a language that nothing here reads, nothing is known."""

    def parses(self, text: str, /) -> bool:
        return False

    def syntax_error(self, text: str, /) -> str:
        return ""

    def top_level_names(self, text: str, /) -> frozenset[str]:
        return frozenset()

    def definitions(self, text: str, /) -> frozenset[str]:
        return frozenset()

    def definition_lines(self, text: str, /) -> dict[str, int]:
        return {}

    def spans(self, text: str, /) -> Iterable[tuple[str, int, int]]:
        return ()

    def signatures(self, text: str, /) -> str:
        return ""

    def rough_signatures(self, text: str, /) -> str:
        return ""

    def stub(self, text: str, /) -> str:
        return text

    def undocumented(self, text: str, /, *, before: str = "") -> tuple[str, ...]:
        return ()

    def same_but_docstrings(self, one: str, other: str, /) -> bool:
        return one == other

    def names_of_tests(self, text: str, /) -> frozenset[str]:
        return frozenset()

    def without_functions(self, text: str, names: Iterable[str], /) -> str:
        return text
