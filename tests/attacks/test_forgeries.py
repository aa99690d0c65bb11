"""Code that does not do what was asked, but makes its tests say so: neither examples nor tests believe it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.events import SentBack
from codeteam.jobs.history import History
from codeteam.wire import Codec
from tests.attacks.test_command import GROWTH
from tests.attacks.test_job import HISTORY_OF_A_RUN, Meter
from tests.cli.command import SLUG, SLUG_TESTS, Place, fence, slug_replies

# in one process, for what is examined is made once and takes a minute
pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("forgeries")]
FORGERIES = {path.stem: path.read_text("utf-8") for path in sorted((Path(__file__).parent / "forgeries").glob("*.txt"))}
REQUIREMENT = """Write slug(text) in slug.py: lower case, words joined by one hyphen.

- `slug("Hello World") == "hello-world"`
- `slug("A  b") == "a-b"`
- `slug("") == ""`
"""


IMPORTED = """import importlib
from pathlib import Path

import pytest

[path] = Path().rglob("slug.py")
slug = importlib.import_module(".".join(path.with_suffix("").parts)).slug
"""
PARAMETRIZED = """

@pytest.mark.parametrize(("text", "expected"), [("A b", "a-b"), ("C", "c")])
def test_more(text: str, expected: str) -> None:
    assert slug(text) == expected
"""


def files_of(forgery: str) -> dict[str, str]:
    first, *others = forgery.split("# file: ")
    return {"slug.py": first} | {name: text for name, _, text in (other.partition("\n") for other in others)}


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Why each was sent back, from a job whose drafts are the forgeries and, at the end, honest code."""
    place = Place(tmp_path_factory.mktemp("forged"))
    # What a draft does not name stays as it was: each takes the place of all files of the one that has several.
    blank = {path: "# nothing\n" for text in FORGERIES.values() for path in files_of(text)}
    drafts = []
    for number, text in enumerate(FORGERIES.values()):
        # A failure of its own between two, or the job would find that it is stuck.
        plain = {"slug.py": f'"""Slugs."""\n\n\ndef slug(text: str) -> str:\n    return text * {number + 2}\n'}
        drafts += [blank | files_of(text), blank | plain]
    drafts.append(blank | {"slug.py": SLUG})
    replies = slug_replies() | {"developer": ["\n".join(fence(*file) for file in draft.items()) for draft in drafts]}
    limits = ["--require", "draft", "--max-iterations", str(len(drafts)), "--execution-timeout", "60"]
    done = place.run("run", REQUIREMENT, "--json", *limits, "--model", place.script(replies), timeout=600)
    assert done.code == 0, done.err[-3000:]
    history, codec = History(place.home), Codec()
    try:
        events = history.job(done.json["job"]).events
    finally:
        history.close()
    back = {event.iteration: codec.plain(event.feedback) for event in events if isinstance(event, SentBack)}
    return {name: back[2 * number + 1] for number, name in enumerate(FORGERIES)}


@pytest.mark.parametrize("name", FORGERIES)
def test_examples_are_not_believed(name: str, examined: dict[str, dict[str, Any]]) -> None:
    back = examined[name]
    assert back["gate"] == "examples", back
    if not name.startswith("report_is_a_link") and not name.startswith("report_overwhelms"):
        assert "the code deceives its tests" in back["text"], back


def test_what_is_forged_is_not_kept_at_any_length(tmp_path: Path) -> None:
    """Memory of server and worker, and the history, after drafts that forge what overwhelms."""
    place = Place(tmp_path)
    flood = FORGERIES["report_overwhelms_by_failures"]
    plain = '"""Slugs."""\n\n\ndef slug(text: str) -> str:\n    return text * 2\n'
    drafts = [plain, flood, plain.replace("2", "3"), flood + "# again\n", plain.replace("2", "4"), SLUG]
    replies = slug_replies() | {"developer": [fence("slug.py", draft) for draft in drafts]}
    limits = ["--require", "draft", "--max-iterations", str(len(drafts))]
    process = place.start("run", REQUIREMENT, "--json", *limits, "--model", place.script(replies))
    meter = Meter(process)
    out, said = meter.until_ended()
    assert process.returncode == 0, said[-3000:]
    assert "2000 failed (1500 of them are counted, not listed)" in out + said
    for process_name, before in meter.memory[2].items():
        grown = meter.memory[5][process_name] - before
        assert grown < GROWTH, f"{process_name} grew by {grown >> 20} MiB"
    kept = sum(path.stat().st_size for path in place.home.rglob("*") if path.is_file())
    assert kept < len(drafts) * HISTORY_OF_A_RUN


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """`codeteam test` on each, as if it were the project's own code: no reviewer, no linter stands in its way."""
    place = Place(tmp_path_factory.mktemp("tested"))
    for name, text in FORGERIES.items():
        for path, content in files_of(text).items():
            place.write(f"{name}/{path}", content)
    # Whether tests are asked for or whose fault it is, the answer will do.
    tests = fence("tests/test_slug.py", SLUG_TESTS.replace("from slug import slug\n", IMPORTED) + PARAMETRIZED)
    replies = {"tester": [f'{tests}\n```json\n{{"fault": "code", "reason": "It does not join words."}}\n```\n'] * 4}
    paths = [f"{name}/slug.py" for name in FORGERIES]
    done = place.run("test", *paths, "--json", "--model", place.script(replies), timeout=600)
    assert done.code == 1, done.err[-3000:]
    return dict(zip(FORGERIES, done.json["jobs"], strict=True))


@pytest.mark.parametrize("name", FORGERIES)
def test_tests_are_not_believed(name: str, tested: dict[str, dict[str, Any]]) -> None:
    gates = {gate["name"]: gate for gate in tested[name]["evidence"]["gates"]}
    assert gates["run"]["passed"]
    assert not gates["tests"]["passed"], tested[name]["evidence"]
    assert tested[name]["quality"] != "tested"
