"""What models really return: fences in all shapes, JSON with all the usual faults, and paths that try to get out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.team.replies import (
    FaultReply,
    Fence,
    MalformedReply,
    PlanReply,
    ReviewReply,
    fences,
    metadata,
    prose,
    safe_path,
)

CODE = "def f(x: int) -> int:\n    return x\n"


def only(reply: str) -> Fence:
    (fence,) = fences(reply)
    return fence


@pytest.mark.parametrize(
    ("words", "language", "path"),
    [
        ("python path=src/x.py", "python", "src/x.py"),
        ("py path=src/x.py", "py", "src/x.py"),
        ("Python path=src/x.py", "python", "src/x.py"),
        ('python path="src/x.py"', "python", "src/x.py"),
        ("python path='src/x.py'", "python", "src/x.py"),
        ("python path=`src/x.py`", "python", "src/x.py"),
        ('python title="src/x.py"', "python", "src/x.py"),
        ('python path="my folder/x.py"', "python", "my folder/x.py"),
        ("python path = src/x.py", "python", "src/x.py"),
        ("python path: src/x.py", "python", "src/x.py"),
        ("python filename=src/x.py", "python", "src/x.py"),
        ("python file=src/x.py,", "python", "src/x.py"),
        ("python {path=src/x.py}", "python", "src/x.py"),
        ("{.python path=src/x.py}", "python", "src/x.py"),
        ("python:src/x.py", "python", "src/x.py"),
        ("python src/x.py", "python", "src/x.py"),
        ("python (src/x.py)", "python", "src/x.py"),
        ("python # src/x.py", "python", "src/x.py"),
        ("src/x.py", "", "src/x.py"),
        ("path=src/x.py", "", "src/x.py"),
        ("python path=src/x.py   ", "python", "src/x.py"),
        (" python path=src/x.py", "python", "src/x.py"),
        ("python path=Makefile", "python", "Makefile"),
        ("python path=pkg/__init__.py", "python", "pkg/__init__.py"),
        ("python path=données/été.py", "python", "données/été.py"),
        ("python", "python", ""),
        ("python3.11", "python3.11", ""),
        ("", "", ""),
        ("python linenums", "python", ""),
    ],
)
def test_path_in_the_words_after_the_fence(words: str, language: str, path: str) -> None:
    assert only(f"Here.\n\n```{words}\n{CODE}```\n") == Fence(language, path, CODE)
    assert only(f"Here.\n\n~~~{words}\n{CODE}~~~\n") == Fence(language, path, CODE)


@pytest.mark.parametrize(
    "words",
    ["python ../x.py", "python path=../x.py", "python /etc/x.py", "python C:\\x.py", "python .git/x.py", "../x.py"],
)
def test_a_path_that_leads_out_is_not_bent_into_one_that_stays_inside(words: str) -> None:
    with pytest.raises(MalformedReply):
        safe_path(only(f"```{words}\n{CODE}```").path)


@pytest.mark.parametrize(
    "lead",
    [
        "src/x.py",
        "`src/x.py`",
        "`src/x.py`:",
        "**src/x.py**",
        "**`src/x.py`**",
        "**src/x.py:**",
        "### src/x.py",
        "### `src/x.py`",
        "#### 1. `src/x.py`",
        "1. `src/x.py`",
        "1. **src/x.py**:",
        "- src/x.py",
        "File: src/x.py",
        "File: `src/x.py`",
        "**File: `src/x.py`**",
        "Path: src/x.py",
        "src/x.py (new file)",
        "`src/x.py` (updated)",
    ],
)
@pytest.mark.parametrize("gap", ["\n", "\n\n", "\r\n\r\n"])
def test_path_in_the_line_above(lead: str, gap: str) -> None:
    assert only(f"The code.\n\n{lead}{gap}```python\n{CODE}```") == Fence("python", "src/x.py", CODE)


@pytest.mark.parametrize(
    "lead", ["Run `src/x.py` like this:", "This uses `config.json`:", "See os.path", "Version 3.11", "e.g.", "-" * 50]
)
def test_a_sentence_above_names_no_path(lead: str) -> None:
    assert only(f"{lead}\n\n```python\n{CODE}```").path == ""


@pytest.mark.parametrize(
    "comment",
    ["# src/x.py", "#src/x.py", "# File: src/x.py", "# path: src/x.py", "# filename: `src/x.py`", "// src/x.py"],
)
def test_path_in_a_comment_on_the_first_line(comment: str) -> None:
    assert only(f"```python\n{comment}\n{CODE}```") == Fence("python", "src/x.py", CODE)


@pytest.mark.parametrize("comment", ["# os.path", "# numpy.random", "# the code in x.py", "# 1.a"])
def test_an_honest_comment_is_no_path(comment: str) -> None:
    assert only(f"```python\n{comment}\n{CODE}```") == Fence("python", "", f"{comment}\n{CODE}")


def test_the_words_after_the_fence_win_and_the_comment_stays() -> None:
    assert only(f"b.py\n```python path=a.py\n# c.py\n{CODE}```") == Fence("python", "a.py", f"# c.py\n{CODE}")


def test_a_lead_counts_for_one_block_only() -> None:
    first, second = fences(f"a.py\n```python\n{CODE}```\n```python\n{CODE}```")
    assert (first.path, second.path) == ("a.py", "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("trail", ["", "  ", "\t"])
def test_line_ends_and_trailing_blanks(end: str, trail: str) -> None:
    reply = f"Here.\n\n```python path=x.py{trail}\nx = 1\ny = 2\n```{trail}\nDone.".replace("\n", end)
    assert only(reply) == Fence("python", "x.py", "x = 1\ny = 2\n")
    assert prose(reply) == "Here.\n\nDone."


@pytest.mark.parametrize("reply", ["```python path=x.py\nx = 1\n", "```python\n", "a\n```\nb", "````\n```\n"])
def test_a_block_without_an_end_is_malformed(reply: str) -> None:
    if reply.endswith("python\n"):
        assert fences(reply) == ()  # a stray fence at the end hides nothing
        return
    with pytest.raises(MalformedReply, match="not closed"):
        fences(reply)


def test_a_stray_fence_at_the_end_hides_nothing() -> None:
    assert only(f"```python path=x.py\n{CODE}```\n```\n\n").text == CODE


def test_a_longer_fence_holds_shorter_ones() -> None:
    inside = "# Read me\n\n```python\nf(1)\n```\n"
    assert only(f"````markdown path=README.md\n{inside}````").text == inside
    assert only(f"~~~markdown path=README.md\n{inside}~~~").text == inside


def test_markdown_with_fences_of_the_same_length() -> None:
    inside = "# Read me\n\n```python\nf(1)\n```\n\nand\n\n```sh\nrun\n```\n"
    reply = f"Text.\n\n```markdown path=README.md\n{inside}```\n\n```python path=x.py\n{CODE}```\n"
    assert fences(reply) == (Fence("markdown", "README.md", inside), Fence("python", "x.py", CODE))
    assert prose(reply) == "Text."


def test_a_fence_inside_of_a_docstring() -> None:
    code = '"""Words.\n\n```python\nf(1)\n```\n"""\n\n\ndef f(x):\n    """Do.\n\n    ```\n    f(2)\n    ```\n    """\n'
    assert only(f"```python path=x.py\n{code}```\nDone.") == Fence("python", "x.py", code)


def test_blocks_with_odd_quotes_stay_apart() -> None:
    odd = 'mark = \'"""\'\n'
    assert [fence.text for fence in fences(f"```python\n{odd}```\ntext\n```python\n{odd}```")] == [odd, odd]
    broken = '"""never closed\n'
    assert [fence.text for fence in fences(f"```python\n{broken}```\ntext\n```python\nx = 1\n```")] == [
        broken,
        "x = 1\n",
    ]


def test_a_block_in_a_list_is_moved_out() -> None:
    reply = f"1. First\n\n   ```python path=x.py\n{_shifted(CODE, 3)}   ```\n"
    reply += f"2. Next\n\n    ~~~py path=y.py\n{_shifted(CODE, 4)}    ~~~\n"
    assert fences(reply) == (Fence("python", "x.py", CODE), Fence("py", "y.py", CODE))
    assert only(f"- ```python path=x.py\n{_shifted(CODE, 2)}  ```") == Fence("python", "x.py", CODE)


def test_a_block_that_only_looks_indented_keeps_its_text() -> None:
    assert only(f"  ```python path=x.py\n{CODE}  ```").text == CODE
    assert only(f"```python path=x.py\n{_shifted(CODE, 4)}```").text == _shifted(CODE, 4)


def _shifted(code: str, by: int) -> str:
    return "".join(" " * by + line for line in code.splitlines(keepends=True))


def test_code_in_a_sentence_is_no_fence() -> None:
    assert fences("```x = 1``` is code.\n\nAnd ```this``` too.") == ()


def test_thoughts_before_the_answer_do_not_count() -> None:
    thought = '<think>\n```python path=bad.py\nx\n```\n{"approved": false}\n</think>\n'
    reply = f'{thought}{{"approved": true}}\n```py path=x.py\n{CODE}```'
    assert only(reply).path == "x.py"
    assert metadata(reply, ReviewReply).approved
    assert prose(reply) == '{"approved": true}'


def test_separators_that_are_not_line_ends_stay_in_their_line() -> None:
    code = 's = "a\u2028b\x0cc\x85d\x1de"\n\x0c\nx = 1\n'
    assert only(f"```python path=x.py\n{code}```").text == code
    assert prose("a\u2028b") == "a\u2028b"


_LINES = st.text(alphabet=st.characters(exclude_characters="\r\n`~", codec="utf-8"), max_size=20)


@given(st.lists(_LINES, max_size=8), st.sampled_from(["```", "````", "~~~"]), st.sampled_from(["\n", "\r\n"]))
def test_a_block_comes_back_as_it_was_written(lines: list[str], mark: str, end: str) -> None:
    text = "".join(f"{line}\n" for line in lines)
    reply = f"Words.\n\n{mark}text path=notes.txt\n{text}{mark}\n".replace("\n", end)
    assert only(reply) == Fence("text", "notes.txt", text)


@given(st.text(alphabet="`~\n py=a.\"'{}[]:,\\#-", max_size=200))
def test_any_reply_is_read_or_refused(reply: str) -> None:
    for read in (fences, lambda text: metadata(text, ReviewReply)):
        try:
            read(reply)
        except MalformedReply:
            continue
    prose(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "-" * 300_000 + "\n```python\nx\n```",
        "```" + "a" * 300_000 + "\nx\n```",
        "```" + "path " * 60_000 + "\nx\n```",
        "```python\n#" + " " * 300_000 + "\n```",
        "```python\n" + "# " + "-" * 300_000 + "\n```",
        "*" * 100_000 + "`" * 2 + "*" * 100_000 + "\n```python\nx\n```",
        "```py\n(\n```\n" * 25_000,
        "```py\n'''\n```\n```py\n\"\"\"\n```\n" * 10_000,
        "```markdown\n" * 30_000,
        '{"a":' * 60_000,
        "{" * 300_000,
        '{"' + '\\"' * 150_000,
        '{"approved": 1' + "0" * 300_000 + "}",
        "```json\n{" * 30_000,
        "[" * 300_000,
        '{"approved": true, "findings": ' + "[" * 100_000,
        "{,}" * 100_000,
        "```\n" + "\n" * 390_000,
        "<think>" * 50_000,
    ],
    ids=range(19),
)
def test_replies_that_are_made_to_be_slow(reply: str) -> None:
    start = time.process_time()
    test_any_reply_is_read_or_refused.hypothesis.inner_test(reply)  # type: ignore[attr-defined]
    assert time.process_time() - start < 10


REVIEW = (
    '{"approved": false, "findings": [{"rule": "bug", "severity": "error", "path": "x.py", '
    '"quote": "return x", "message": "Wrong."}]}'
)


@pytest.mark.parametrize(
    "reply",
    [
        REVIEW,
        f"```json\n{REVIEW}\n```",
        f"```\n{REVIEW}\n```",
        f"~~~json\r\n{REVIEW}\r\n~~~",
        f"My verdict on `d = {{}}` and {{this}}:\n{REVIEW}\nThat is all {{really}}.",
        "{}" * 200 + f"\n```json\n{REVIEW}\n```",
        REVIEW.replace("}]}", "},]}"),
        REVIEW.replace('"Wrong."}', '"Wrong.",\n}'),
        REVIEW.replace("false", "False"),
        REVIEW.replace('"path": "x.py"', '"path": None, "confidence": null, "trigger": null'),
        REVIEW.replace('"error"', '"Critical"'),
        REVIEW.replace('"severity": "error", ', '"severity": "HIGH", "confidence": 95, '),
        '{"findings": "none"}\n' + REVIEW,
    ],
)
def test_a_verdict_in_the_forms_that_models_use(reply: str) -> None:
    review = metadata(reply, ReviewReply)
    assert not review.approved
    assert [(item.severity, item.quote, item.message) for item in review.findings] == [("error", "return x", "Wrong.")]
    assert 0 <= review.findings[0].confidence <= 1


def test_quotes_with_line_ends_and_bad_escapes_are_mended() -> None:
    reply = '{"approved": false, "findings": [{"quote": "re.match(r\'\\d+\', x)\ny = \\\'a\\\'", "message": "m"}]}'
    assert metadata(reply, ReviewReply).findings[0].quote == "re.match(r'\\d+', x)\ny = 'a'"


def test_mending_leaves_strings_alone() -> None:
    reply = '{"approved": true, "comment": "lists like [1, 2, ] or None, and {\\"a\\": 1, } stay",}'
    assert metadata(reply, ReviewReply).comment == 'lists like [1, 2, ] or None, and {"a": 1, } stay'


def test_no_findings_in_several_words() -> None:
    assert metadata('{"approved": true, "findings": null}', ReviewReply).findings == []
    assert metadata('{"approved": true, "findings": [{"quote": null, "message": "x"}]}', ReviewReply).approved


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("I approve.", "no JSON object"),
        ("", "no JSON object"),
        ('{"approved": "perhaps"}', "approved"),
        ('{"findings": []}', "approved"),
        ('{"approved": true, "findings": [{"severity": "odd", "quote": "x", "message": "y"}]}', "findings.0.severity"),
        ('{"approved": true, "findings": [{"confidence": NaN, "quote": "x", "message": "y"}]}', "cannot be read"),
        ('{"approved": true, "findings": [{"confidence": 1e999, "quote": "x", "message": "y"}]}', "confidence"),
        ('```json\n{"approved": true "findings": []}\n```', "does not parse"),
        ("[true]", "no JSON object"),
    ],
)
def test_what_is_wrong_is_said_to_the_model(reply: str, said: str) -> None:
    with pytest.raises(MalformedReply, match=said) as caught:
        metadata(reply, ReviewReply)
    assert '"approved"' in str(caught.value)


def test_the_nearest_object_explains() -> None:
    with pytest.raises(MalformedReply, match=r"files\.0\.path"):
        metadata('{"x": 1} {"files": [{"purpose": "p"}], "dependencies": []} {"y": 2}', PlanReply)


def test_a_plan() -> None:
    plan = metadata(
        '```json\n{"files": ["a.py", {"path": "b.py", "purpose": null}], '
        '"dependencies": ["none", " httpx>=0.27 ", "Python"], "criteria": null}\n```',
        PlanReply,
    )
    assert [file.path for file in plan.files] == ["a.py", "b.py"]
    assert plan.dependencies == ["httpx>=0.27"]
    assert plan.criteria == []


@pytest.mark.parametrize(("word", "fault"), [("test", "test"), ("Tests", "test"), (" CODE ", "code")])
def test_who_is_at_fault(word: str, fault: str) -> None:
    assert metadata(f'{{"fault": "{word}", "reason": null}}', FaultReply).fault == fault
    with pytest.raises(MalformedReply):
        metadata('{"fault": "both"}', FaultReply)


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("x.py", "x.py"),
        ("./src/x.py", "src/x.py"),
        (" src//x.py ", "src/x.py"),
        ("src\\pkg\\x.py", "src/pkg/x.py"),
        ("src/./x.py", "src/x.py"),
        ("my folder/x.py", "my folder/x.py"),
        ("src/été/日本.py", "src/été/日本.py"),
        ("a[b]/(c)/$d.py", "a[b]/(c)/$d.py"),
        ("pkg/__init__.py", "pkg/__init__.py"),
        ("console.py", "console.py"),
        ("nullable/auxiliary.py", "nullable/auxiliary.py"),
        ("a..b.py", "a..b.py"),
    ],
)
def test_paths_inside_the_workspace(path: str, safe: str) -> None:
    assert safe_path(path) == safe


@pytest.mark.parametrize(
    "path",
    [
        "", " ", ".", "./", "/", "..", "../x.py", "a/../x.py", "a/../../x.py", "/etc/passwd", "//server/x.py", "~/x.py",
        "~root/x.py", "C:\\x.py", "c:x.py", "C:/x.py", "\\\\server\\share\\x.py", "..\\x.py", "a\\..\\..\\x.py",
        ".git/hooks/pre-commit", ".GIT/config", "a/.git/config", ".vscode/settings.json", ".env", "a/.hidden.py",
        "git~1/config", "GIT~1/config", "a/b~.py", "x.py:stream", "x.py::$DATA", "a:b.py", "con", "CON.py", "nul.txt",
        "Aux", "com1.py", "lpt9", "a\0.py", "a\nb.py", "a\tb.py", "a\x7fb.py", "a\x1b[31m.py", "a*.py", "a?.py", "a|",
        "<a>.py", 'a"b.py', "a'b.py", "a`b`.py", "x.py.", "x.py ./y", "a /b.py", "a/ b.py", "a./b.py", "src/", "-rf.py",
        "--x.py", "a/-x.py", "a\u202eyp.x", "a\u200b.py", "\u200c.git/config", "a\u2066b.py", "\ufeffx.py", "\xad.py",
        "\uff0e\uff0e/x.py", "a/\uff0e\uff0e/x.py", "\u2025/x.py", "\uff0fetc\uff0fx.py", "a\u2028b.py", "a\xa0b.py",
        "\u3000x.py/y", "\uff0egit/config", "\ud800.py", "\ue000.py", "c\u2236/x.py\uff1a", "a" * 201, "x/" * 150 + "x",
    ],
)  # fmt: skip
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(MalformedReply, match="not allowed"):
        safe_path(path)


@given(st.text(max_size=30))
def test_whatever_passes_is_plain(path: str) -> None:
    try:
        safe = safe_path(path)
    except MalformedReply as error:
        str(error).encode()  # it can be sent
        return
    assert safe == safe_path(safe)
    parts = safe.split("/")
    assert all(part and not part.startswith((".", "-", "~")) for part in parts)
    assert not set(safe) & set('\\:*?"<>|\0\n')
