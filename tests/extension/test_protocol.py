"""The extension's types say of every custom message what docs/protocol.md says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.extension.shapes import Record, Shape, differences, faults, page_shape, typescript_shapes

ROOT = Path(__file__).parent.parent.parent
TYPES = {
    "codeteam/trust": ("TrustParams", None),
    "codeteam/job": ("JobParams", None),
    "codeteam/step": ("StepParams", None),
    "codeteam/jobs": ("JobsParams", "JobsAnswer"),
    "codeteam/jobReport": ("JobReportParams", "JobReport"),
    "codeteam/chat": ("ChatParams", "ChatAnswer"),
    "codeteam/chatPart": ("ChatPartParams", None),
    "codeteam/secret": ("SecretParams", "SecretAnswer"),
}
"""Of each message: the type of its params, and of its answer."""


def typescript() -> dict[str, Shape]:
    return typescript_shapes((ROOT / "client-extension" / "src" / "protocol.ts").read_text("utf-8"))


def page() -> dict[str, tuple[Shape, Shape | None]]:
    """Each message of the page: its params and its answer."""
    section = (ROOT / "docs" / "protocol.md").read_text("utf-8").split("### Custom messages")[1].split("\n## ")[0]
    blocks = re.findall(r"^`(codeteam/\w+)`, .*?```\n(.*?)```", section, flags=re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`(codeteam/\w+)` `(\{.*?\})`", section)
    found: dict[str, tuple[Shape, Shape | None]] = {}
    named: dict[str, Shape] = {}
    for name, text in (*blocks, *inline):
        params, _, answer = text.partition("→")
        found[name] = (page_shape(params, named), page_shape(answer, named) if answer else None)
        named[name] = found[name][0]
        if name == "codeteam/jobs":
            named[name] = _item(found[name][1])
    return found


def _item(answer: Shape | None) -> Shape:
    """A job of the answer of `codeteam/jobs`, which the report refers to."""
    assert isinstance(answer, Record)
    return answer.names()["jobs"].item  # type: ignore[union-attr]


def test_the_page_and_the_types_name_the_same_messages() -> None:
    source = (ROOT / "client-extension" / "src" / "protocol.ts").read_text("utf-8")
    assert page().keys() == TYPES.keys()
    assert set(re.findall(r"'(codeteam/\w+)'", source)) == TYPES.keys()


@pytest.mark.parametrize("message", TYPES)
def test_each_message_has_the_shape_of_the_page(message: str) -> None:
    types, (params, answer) = typescript(), page()[message]
    ours, our_answer = TYPES[message]
    assert not list(differences(params, types[ours], message))
    assert (answer is None) == (our_answer is None)
    if answer is not None and our_answer is not None:
        assert not list(differences(answer, types[our_answer], message))


def test_the_comparison_sees_differences() -> None:
    """Otherwise the tests above prove nothing."""
    types = typescript_shapes(
        "export interface A {\n one: string; two?: number; kind: 'a' | 'b'; of: { x: string }[];\n}\n"
    )
    same = page_shape("{one, two?, kind: a|b, of: [{x}]}", {})
    assert not list(differences(same, types["A"], "A"))
    for text in (
        "{one, two, kind: a|b, of: [{x}]}",
        "{one, two?, kind: a|c, of: [{x}]}",
        "{one, two?, kind: a|b, of: [{y}]}",
    ):
        assert list(differences(page_shape(text, {}), types["A"], "A"))
    assert not list(faults({"one": "1", "kind": "a", "of": []}, types["A"], "A"))
    assert list(faults({"one": None, "kind": "c", "of": [{}]}, types["A"], "A")) == [
        "A.kind: 'c' is not " + str(types["A"].names()["kind"]),  # type: ignore[union-attr]
        "A.of[0].x is missing",
        "A.one: None is not Scalar(name='string')",
    ]
