"""Recorded replies: both forms of the file, their errors, and how they are played."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from codeteam.domain.errors import BadInput, ModelUnavailable
from codeteam.models.catalog import Models
from codeteam.models.script import ERRORS, Entry, read_script
from codeteam.team.roles import ask

YAML = """
developer:
  - first
  - text: second
    tokens: [100, 20]
  - error: rate_limit
    retry_after: 0.01
  - |
    third

    ```python path=a.py
    x = 1
    ```
reviewer:
  - {text: '{"approved": true}', delay: 0.05}
"""
MARKDOWN = """# A job

Words that mean nothing.

## reply developer

~~~~reply
first
~~~~

## reply developer
~~~~reply tokens=100,20
second
~~~~
## reply developer
````reply error=rate_limit retry_after=0.01
````
## reply developer
~~~~~reply
third

```python path=a.py
x = 1
```
~~~~
~~~~~

## reply reviewer
~~~~reply delay=0.05
{"approved": true}
~~~~
"""


def write(tmp_path: Path, text: str, name: str) -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(("name", "text"), [("s.yaml", YAML), ("s.md", MARKDOWN)])
async def test_replies_are_played_in_order_and_from_the_start_for_each_job(
    tmp_path: Path, name: str, text: str
) -> None:
    spec = f"script/{write(tmp_path, text, name)}"
    async with Models(environ={}, home=tmp_path) as models:
        model = await models.open(spec)
        for _ in range(2):
            models.rewind()
            texts, calls = [], []
            for role in ("developer", "reviewer", "developer", "developer"):
                answer = await ask(model, role, "system", [("user", "x" * 394)])
                texts.append(answer.text)
                calls.append(answer.usage.calls)
            assert texts[:3] == ["first", '{"approved": true}', "second"]
            assert texts[3].startswith("third\n\n```python path=a.py\nx = 1\n```")
            assert calls == [1, 1, 1, 2]
        with pytest.raises(ModelUnavailable, match="no more replies for the developer"):
            await ask(model, "developer", "", [("user", "x")])
        with pytest.raises(ModelUnavailable, match="no more replies for the tester"):
            await ask(model, "tester", "", [("user", "x")])


async def test_tokens_are_recorded_or_estimated(tmp_path: Path) -> None:
    spec = f"script/{write(tmp_path, YAML, 's.yaml')}"
    async with Models(environ={}, home=tmp_path) as models:
        model = await models.open(spec)
        first = (await ask(model, "developer", "system", [("user", "x" * 394)])).usage
        second = (await ask(model, "developer", "system", [("user", "x")])).usage
    assert (first.prompt_tokens, first.completion_tokens, first.cost) == (100, 2, 0.0)
    assert (second.prompt_tokens, second.completion_tokens) == (100, 20)


@pytest.mark.parametrize(
    ("error", "kind", "calls"),
    [
        ("unreachable", "model_unreachable", 4),
        ("auth", "model_auth", 1),
        ("quota", "model_quota", 1),
        ("rate_limit", "model_quota", 6),
        ("server_error", "model_error", 5),
        ("timeout", "model_unreachable", 3),
        ("broken_stream", "model_unreachable", 4),
        ("context_too_long", "context_too_long", 1),
    ],
)
async def test_an_error_that_stands_last_stays(tmp_path: Path, error: str, kind: str, calls: int) -> None:
    assert error in ERRORS
    spec = f"script/{write(tmp_path, f'developer: [{{error: {error}}}]', 's.yaml')}"
    async with Models(environ={}, home=tmp_path) as models:
        model = await models.open(spec)
        for _ in range(2):
            with pytest.raises(ModelUnavailable) as caught:
                await ask(model, "developer", "", [("user", "x")])
            assert caught.value.kind == kind
            assert caught.value.usage.calls == calls


async def test_a_delay_can_be_cancelled(tmp_path: Path) -> None:
    spec = f"script/{write(tmp_path, 'developer: [{text: late, delay: 300}]', 's.yaml')}"
    async with Models(environ={}, home=tmp_path) as models:
        call = asyncio.create_task(ask(await models.open(spec), "developer", "", [("user", "x")]))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert time.monotonic() - started < 60


TRAITS_YAML = """
traits: {verdict_counts: false, input_price: 1.0, output_price: 2.0}
developer: [{text: x, tokens: [1000000, 1000000]}]
"""
TRAITS_MARKDOWN = """
## traits
~~~~yaml
verdict_counts: false
input_price: 1.0
output_price: 2.0
~~~~
## reply developer
~~~~reply tokens=1000000,1000000
x
~~~~
"""


@pytest.mark.parametrize(("name", "text"), [("t.yaml", TRAITS_YAML), ("t.md", TRAITS_MARKDOWN)])
async def test_a_script_can_say_what_it_is_taken_for(tmp_path: Path, name: str, text: str) -> None:
    async with Models(environ={}, home=tmp_path) as models:
        model = await models.open(f"script/{write(tmp_path, text, name)}")
        assert not model.traits.verdict_counts
        assert (await ask(model, "developer", "", [("user", "x")])).usage.cost == 3.0


@pytest.mark.parametrize(
    ("name", "text", "line", "words"),
    [
        ("s.yaml", "developer:\n  - a\n  - b: [\n", 4, "expected"),
        ("s.yaml", "- a\n- b\n", 1, "mapping of roles"),
        ("s.yaml", "architect: [x]\ndeveloper: text\n", 2, "not a list"),
        ("s.yaml", "developer:\n  - fine\n  - {txt: typo}\n", 3, "unknown key txt"),
        ("s.yaml", "developer:\n  - fine\n\n  - {error: explosion}\n", 4, "unknown error explosion"),
        ("s.yaml", "developer:\n  - {delay: 3}\n", 2, "needs a text"),
        ("s.yaml", "developer:\n  - 42\n", 2, "a text or a mapping"),
        ("s.yaml", "developer:\n  - {text: x, delay: soon}\n", 2, "seconds"),
        ("s.yaml", "developer:\n  - {text: x, tokens: [1]}\n", 2, "prompt, completion"),
        ("s.md", "# title\n", 1, "no heading"),
        ("s.md", "## reply developer\n\ntext\n", 1, "no fence"),
        ("s.md", "\n## reply developer\n```\nx\n```\n", 2, "no fence"),
        ("s.md", "## reply developer\n~~~~reply\nx\n", 2, "not closed"),
        ("s.md", "## reply developer\n\n~~~~reply slow\nx\n~~~~\n", 3, "key=value"),
        ("s.md", "## reply developer\n~~~~reply delay=soon\nx\n~~~~\n", 2, "seconds"),
    ],
)
def test_a_malformed_script_is_told_with_its_line(tmp_path: Path, name: str, text: str, line: int, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_script(write(tmp_path, text, name))
    assert f"{name}, line {line}: " in caught.value.message
    assert words in caught.value.message


def test_a_script_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_script(tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match="cannot be read"):
        read_script(tmp_path / "binary.yaml")


def test_yaml_cannot_make_objects(tmp_path: Path) -> None:
    hostile = f"developer: [!!python/object/apply:os.system ['touch {tmp_path}/owned']]\n"
    with pytest.raises(BadInput):
        read_script(write(tmp_path, hostile, "s.yaml"))
    assert not (tmp_path / "owned").exists()


def test_both_forms_mean_the_same(tmp_path: Path) -> None:
    from_yaml = read_script(write(tmp_path, YAML, "s.yaml")).replies
    from_markdown = read_script(write(tmp_path, MARKDOWN, "s.md")).replies
    assert from_yaml["reviewer"] == from_markdown["reviewer"] == (Entry('{"approved": true}', delay=0.05),)
    assert from_yaml["developer"][:3] == from_markdown["developer"][:3]
