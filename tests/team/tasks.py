"""Short ways to tasks, plans and fences, for the tests of the team's parts."""

from __future__ import annotations

from codeteam.domain.artifacts import Plan, PlannedFile
from codeteam.domain.source import SourceFile, Span
from codeteam.domain.task import Complaint, Intent, Task
from codeteam.team.replies import Fence
from codeteam.workspace.definitions import enclosing


def task_of(
    text: str = "",
    *,
    path: str = "app.py",
    at: str = "",
    intent: Intent = Intent.IMPLEMENT,
    requirement: str = "",
    select: bool = True,
    neighbours: tuple[SourceFile, ...] = (),
    listing: tuple[str, ...] = (),
    tests_folder: str = "tests",
    complaints: tuple[str, ...] = (),
) -> Task:
    """A task about a document; `at` is a piece of the line that is selected, what encloses it is found as ever."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    number = next((number for number, line in enumerate(lines, 1) if at and at in line), 0)
    span = Span(number, number) if number else None
    return Task(
        job="abcdefghijkl",
        intent=intent,
        requirement=requirement,
        document=SourceFile(path, text) if text else None,
        selection=span if select else None,
        enclosing=enclosing(path, text, span) if span else None,
        neighbours=neighbours,
        listing=listing,
        tests_folder=tests_folder,
        complaints=tuple(Complaint(message, Span(1, 1)) for message in complaints),
    )


def plan_of(*paths: str) -> Plan:
    return Plan("", tuple(PlannedFile(path) for path in paths))


def fence(path: str, text: str, language: str = "python") -> Fence:
    return Fence(language, path, text)
