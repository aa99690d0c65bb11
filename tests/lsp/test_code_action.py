"""The menu over the wire: what is offered where, of which kind, and when nothing is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.events import Failed
from tests.lsp.client import CAPABILITIES, Client, at, without
from tests.lsp.playing import HOLD, playing

URI = "file:///w/shelf.py"
CODE = '''\
def stub(text: str) -> str:
    """What it does."""
    ...


def real(text: str) -> str:
    return text  # TODO: strip it


real("x")
'''
STUB, REAL, TODO, OUTSIDE = at(1, 4), at(5, 4), at(6, 4), at(9, 2)
PROBLEM = {"range": at(9, 0, 9, 4), "message": "real is not defined\nat all", "source": "pyflakes", "code": "F821"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize()
        client.open(URI, CODE)
        yield client


def kinds(actions: list[dict[str, Any]]) -> set[str]:
    return {action["kind"] for action in actions}


REWRITE, SOURCE = "refactor.rewrite.codeteam", "source.codeteam"
WHOLE_FILE = {f"{SOURCE}.test", f"{SOURCE}.review"}
ON_CODE = {f"{REWRITE}.{name}" for name in ("refactor", "document", "test", "review")}


async def test_each_place_has_its_actions(client: Client) -> None:
    assert kinds(await client.code_actions(URI, STUB)) == {f"{REWRITE}.implement", *WHOLE_FILE}
    assert kinds(await client.code_actions(URI, REAL)) == {*ON_CODE, *WHOLE_FILE}
    assert kinds(await client.code_actions(URI, TODO)) == {f"{REWRITE}.implement", *ON_CODE, *WHOLE_FILE}
    assert kinds(await client.code_actions(URI, OUTSIDE)) == WHOLE_FILE
    assert kinds(await client.code_actions(URI, at(5, 0, 6, 10))) == {f"{REWRITE}.implement", *ON_CODE}
    assert kinds(await client.code_actions(URI, at(9, 0, 9, 9))) == ON_CODE


async def test_titles_say_what_will_happen(client: Client) -> None:
    titles = {action["title"] for action in await client.code_actions(URI, REAL)}
    assert "Codeteam: refactor real" in titles
    assert "Codeteam: write tests for this file" in titles
    assert (await client.code_actions(URI, STUB))[0]["title"] == "Codeteam: implement stub"


async def test_an_action_is_a_command_with_what_it_needs_and_no_edit(client: Client) -> None:
    action = (await client.code_actions(URI, STUB))[0]
    assert action["command"]["command"] == "codeteam.implement"
    assert action["command"]["arguments"] == [{"uri": URI, "version": 1, "range": STUB}]
    assert action["data"] == {"command": "codeteam.implement"}
    assert "edit" not in action


async def test_fixing_is_offered_for_diagnostics_alone_and_takes_them_along(client: Client) -> None:
    assert not any("fix" in kind for kind in kinds(await client.code_actions(URI, OUTSIDE)))
    actions = await client.code_actions(URI, OUTSIDE, diagnostics=[PROBLEM])
    fix = next(action for action in actions if action["kind"] == "quickfix.codeteam.fix")
    assert fix["title"] == "Codeteam: fix: real is not defined"
    assert fix["diagnostics"] == [PROBLEM]
    assert fix["command"]["arguments"][0]["diagnostics"][0]["message"] == PROBLEM["message"]


async def test_only_chooses_by_prefix(client: Client) -> None:
    expected: list[tuple[list[str], set[str]]] = [
        (["refactor"], {f"{REWRITE}.implement", *ON_CODE}),
        (["refactor.rewrite.codeteam.test"], {f"{REWRITE}.test"}),
        (["quickfix"], {"quickfix.codeteam.fix"}),
        (["source"], WHOLE_FILE),
        (["source.codeteam.review", "quickfix"], {f"{SOURCE}.review", "quickfix.codeteam.fix"}),
        (["refactor.extract"], set()),
        (["source.fixAll"], set()),
        (["refact"], set()),
        ([""], {f"{REWRITE}.implement", *ON_CODE, "quickfix.codeteam.fix", *WHOLE_FILE}),
        ([], set()),
    ]
    for only, offered in expected:
        assert kinds(await client.code_actions(URI, TODO, diagnostics=[PROBLEM], only=only)) == offered, only


async def test_source_actions_on_a_selection_are_there_when_they_are_asked_for(client: Client) -> None:
    assert kinds(await client.code_actions(URI, at(5, 0, 6, 10), only=["source"])) == WHOLE_FILE


async def test_nothing_pushes_itself_forward_where_there_is_no_reason(client: Client) -> None:
    async def automatic(place: dict[str, Any], **context: Any) -> set[str]:
        return kinds(await client.code_actions(URI, place, triggerKind=2, **context))

    assert await automatic(REAL) == set()
    assert await automatic(OUTSIDE) == set()
    assert await automatic(STUB) == {f"{REWRITE}.implement"}
    assert await automatic(TODO) == {f"{REWRITE}.implement"}
    assert await automatic(at(9, 0, 9, 9)) == ON_CODE
    assert await automatic(OUTSIDE, diagnostics=[PROBLEM]) == {"quickfix.codeteam.fix"}


async def test_an_empty_document_says_what_is_missing(client: Client) -> None:
    client.open("file:///w/empty.md", "\n  \n", "markdown")
    (action,) = await client.code_actions("file:///w/empty.md", at(0))
    assert "write what you want" in action["disabled"]["reason"]


async def test_comments_and_a_modules_docstring_ask_for_something_when_one_asks(client: Client) -> None:
    uri = "file:///w/said.py"
    client.open(uri, '"""A parser of dates.\n\nIt takes ISO 8601.\n"""\n\n# Reads a file of them.\nx = 1  # one\n')
    implement = {f"{REWRITE}.implement"}
    assert kinds(await client.code_actions(uri, at(2, 3), only=["refactor"])) == implement
    assert kinds(await client.code_actions(uri, at(5, 3), only=["refactor"])) == implement
    assert kinds(await client.code_actions(uri, at(6, 3), only=["refactor"])) == set()
    assert kinds(await client.code_actions(uri, at(5, 3), triggerKind=2)) == set()
    assert kinds(await client.code_actions(uri, at(2, 3), triggerKind=2)) == set()
    client.open("file:///w/only.py", '"""A parser of dates."""\n')
    assert kinds(await client.code_actions("file:///w/only.py", at(0, 3), triggerKind=2)) == implement


COMPLETE = '''\
class Shelf(Protocol):
    """Holds things."""
    def put(self) -> None: ...
class Store(abc.ABC):
    @abstractmethod
    def get(self) -> int:
        """One of them."""
        raise NotImplementedError
@typing.overload
def twice(n: int) -> int: ...
def done(n):
    """Says n."""
    return n
class ShelfError(Exception):
    """The shelf is full."""
'''


@pytest.mark.parametrize("line", range(len(COMPLETE.splitlines())))
async def test_what_is_complete_without_a_body_asks_for_nothing(client: Client, line: int) -> None:
    client.open(URI, COMPLETE)
    assert await client.code_actions(URI, at(line, 6), triggerKind=2) == []
    offered = kinds(await client.code_actions(URI, at(line, 6), only=["refactor"]))
    documented = '"""' in COMPLETE.splitlines()[line]
    assert offered == {*ON_CODE, *([f"{REWRITE}.implement"] if documented else [])}


async def test_a_file_of_declarations_lacks_nothing(client: Client) -> None:
    uri = "file:///w/shelf.pyi"
    client.open(uri, "def size(path: str) -> int: ...\n")
    assert await client.code_actions(uri, at(0, 6), triggerKind=2) == []
    assert kinds(await client.code_actions(uri, at(0, 6), only=["refactor"])) == ON_CODE


@pytest.mark.parametrize("body", ["pass", "...", "raise NotImplementedError", 'raise NotImplementedError("soon")'])
async def test_each_way_to_write_a_stub_is_one(client: Client, body: str) -> None:
    client.open("file:///w/stub.py", f"def stub():\n    {body}\n")
    assert kinds(await client.code_actions("file:///w/stub.py", at(1, 6), triggerKind=2)) == {f"{REWRITE}.implement"}


@pytest.mark.parametrize(
    ("text", "line"),
    [("import os\n", 0), ("x = 1\n\n\ny = 2\n", 1), ("@\n", 0), ("#!/usr/bin/env python3\nx = 1\n", 0)],
)
async def test_where_nothing_is_asked_for_nothing_is_offered_but_the_file(client: Client, text: str, line: int) -> None:
    client.open("file:///w/quiet.py", text)
    assert kinds(await client.code_actions("file:///w/quiet.py", at(line))) == WHOLE_FILE
    assert kinds(await client.code_actions("file:///w/quiet.py", at(line), triggerKind=2)) == set()


async def test_a_line_that_says_how_to_run_is_no_comment(client: Client) -> None:
    client.open("file:///w/a.sh", "#!/bin/sh\n# reads a line\n", "shellscript")
    assert kinds(await client.code_actions("file:///w/a.sh", at(0), only=["refactor"])) == set()
    assert kinds(await client.code_actions("file:///w/a.sh", at(1), only=["refactor"])) == {f"{REWRITE}.implement"}


RUST = """\
/// Words of s.
#[must_use]
pub fn words(s: &str) -> Vec<&str> {
    todo!()
}

impl<T> Shop<T>
where
    T: Clone,
{
    /// Whether it is open.
    pub(crate) async fn open(
        &self,
    ) -> bool {
        self.open // TODO: ask
    }

    fn later(&self) -> u8 { unimplemented!("later") }
}

static ONE: u8 = 1;
"""


@pytest.mark.parametrize(
    ("line", "offered", "named"),
    [
        (0, {"implement"}, "implement words"),
        (3, {"implement"}, "implement words"),
        (6, ON_CODE, "refactor Shop"),
        (10, ON_CODE | {"implement"}, "implement open"),
        (12, ON_CODE, "refactor open"),
        (14, ON_CODE | {"implement"}, "implement this TODO"),
        (17, {"implement"}, "implement later"),
        (20, set(), ""),
    ],
)
async def test_definitions_of_rust(client: Client, line: int, offered: set[str], named: str) -> None:
    client.open("file:///w/a.rs", RUST, "rust")
    actions = await client.code_actions("file:///w/a.rs", at(line), only=["refactor"])
    assert kinds(actions) == {kind if "." in kind else f"{REWRITE}.{kind}" for kind in offered}
    assert any(named in action["title"] for action in actions) or not offered


async def test_prose_can_be_implemented_and_nothing_else(client: Client) -> None:
    client.open("file:///w/idea.md", "# Idea\n\nA parser of dates.\n", "markdown")
    assert kinds(await client.code_actions("file:///w/idea.md", at(2, 0, 2, 5))) == {f"{REWRITE}.implement"}
    assert kinds(await client.code_actions("file:///w/idea.md", at(2))) == {f"{REWRITE}.implement"}


@pytest.mark.parametrize(
    ("name", "language", "text"),
    [
        ("package.json", "json", '{\n  "name": "x" // TODO: another name\n}\n'),
        ("deploy.yaml", "yaml", "# TODO: more of them\nreplicas: 1\n"),
        ("Main.java", "java", "class Main {} // TODO\n"),
    ],
)
async def test_in_languages_that_the_team_does_not_write_nothing_is_offered(
    client: Client, name: str, language: str, text: str
) -> None:
    uri = f"file:///w/{name}"
    client.open(uri, text, language)
    problem = PROBLEM | {"range": at(0, 0, 0, 3)}
    assert not await client.code_actions(uri, at(0, 0, 1, 3))
    assert not await client.code_actions(uri, at(1, 4))
    assert not await client.code_actions(uri, at(0, 0), diagnostics=[problem])


async def test_a_running_job_can_be_cancelled_from_the_menu(client: Client) -> None:
    job = (await client.run((await client.code_actions(URI, STUB))[0]))["jobId"]
    cancel = next(a for a in await client.code_actions(URI, OUTSIDE) if a["kind"] == "source.codeteam.cancel")
    assert cancel["title"] == "Cancel Codeteam job: implement stub"
    assert await client.run(cancel) == {"jobId": job, "cancelled": True}
    await client.job_state(job, "cancelled")
    assert "source.codeteam.cancel" not in kinds(await client.code_actions(URI, OUTSIDE))


async def test_a_document_that_is_not_open_has_no_actions(client: Client) -> None:
    assert await client.code_actions("file:///w/other.py", at(0)) == []


async def test_an_untrusted_workspace_disables_them_and_says_why(tmp_path: Path) -> None:
    async with playing(tmp_path / "home", HOLD) as client:
        await client.initialize(initializationOptions={"trusted": False})
        client.open(URI, CODE)
        actions = await client.code_actions(URI, STUB)
        assert len(actions) == 3
        assert all("not trusted" in action["disabled"]["reason"] for action in actions)
        assert await client.code_actions(URI, STUB, triggerKind=2) == []


async def test_what_the_last_job_found_missing_disables_them_too(tmp_path: Path) -> None:
    down = Failed("docker_down", "Docker does not answer.", "Start it, then try again.")
    async with playing(tmp_path / "home", down) as client:
        await client.initialize()
        client.open(URI, CODE)
        job = (await client.run((await client.code_actions(URI, STUB))[0]))["jobId"]
        await client.job_state(job, "failed")
        (action, *_) = await client.code_actions(URI, STUB)
        assert action["disabled"]["reason"] == "Docker does not answer. Start it, then try again."


async def test_clients_without_literals_get_commands(tmp_path: Path) -> None:
    capabilities = without(CAPABILITIES, "textDocument", "codeAction", "codeActionLiteralSupport")
    async with playing(tmp_path / "home", HOLD, capabilities=capabilities) as client:
        await client.initialize()
        client.open(URI, CODE)
        (first, *_) = await client.code_actions(URI, STUB)
        assert (first["command"], first["arguments"][0]["uri"]) == ("codeteam.implement", URI)
        assert "jobId" in await client.run(first)
