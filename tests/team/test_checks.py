"""Reports of checkers, test runners and reviewers: untrusted, often odd, sometimes lying."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.evidence import RunResult, TestReport
from codeteam.domain.findings import Finding, Severity
from codeteam.domain.source import SourceFile
from codeteam.sandbox.policy import WORK
from codeteam.team import checks, linters, reports
from codeteam.team.replies import FindingReply
from codeteam.team.testing import score

TEXT = "import os\n\n\ndef f(x):\n    return x  # done\n"


def ruff(*items: Mapping[str, object]) -> str:
    return json.dumps(
        [{"filename": f"{WORK}/x.py", "location": {"row": 4}, "code": "F401", "message": "m", **item} for item in items]
    )


def mypy(*items: Mapping[str, object]) -> str:
    return "\n".join(
        json.dumps({"file": "x.py", "line": 4, "severity": "error", "message": "m", "code": "c", **item})
        for item in items
    )


def test_real_ruff_and_mypy(tmp_path: Path) -> None:
    code = "import os\n\n\ndef f(x: int) -> str:\n    try:\n        return eval(x)\n    except:\n        return x\n"
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "x.py").write_text(code)
    texts = {"x.py": "", "pkg/x.py": code}
    tools = Path(sys.executable).parent
    said = subprocess.run(
        [tools / "ruff", "check", "--isolated", "--output-format=json", "--select=F,E,S,B", "pkg/x.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = linters.ruff_findings(said.stdout, texts)
    assert {(item.rule, item.severity.value, item.start_line, item.quote) for item in found} == {
        ("ruff/F401", "error", 1, "import os"),
        ("ruff/S307", "error", 6, "        return eval(x)"),
        ("ruff/E722", "information", 7, "    except:"),
    }
    assert {item.path for item in found} == {"pkg/x.py"}
    said = subprocess.run(
        [sys.executable, "-m", "mypy", "--output=json", "--config-file=/dev/null", "--no-error-summary", "pkg/x.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert {(item.rule, item.path, item.start_line) for item in linters.mypy_findings(said.stdout, texts)} == {
        ("mypy/arg-type", "pkg/x.py", 6),
        ("mypy/return-value", "pkg/x.py", 8),
    }


@pytest.mark.parametrize(
    ("code", "severity"),
    [
        ("F821", "error"),
        ("B006", "error"),
        ("S608", "error"),
        ("E999", "error"),
        ("E902", "error"),
        ("PLE0001", "error"),
        (None, "error"),
        ("invalid-syntax", "error"),
        ("E501", "information"),
        ("S101", "information"),
        ("SIM108", "information"),
        ("FURB101", "information"),
        ("BLE001", "information"),
        ("RUF100", "information"),
        ("FBT001", "information"),
    ],
)
def test_which_rules_send_a_draft_back(code: str | None, severity: str) -> None:
    (finding,) = linters.ruff_findings(ruff({"code": code}), {"x.py": TEXT})
    assert finding.severity.value == severity


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("x.py", "x.py"),
        ("./x.py", "x.py"),
        (f"{WORK}/x.py", "x.py"),
        (f"{WORK}/src/x.py", "src/x.py"),
        ("src\\x.py", "src/x.py"),
        ("C:\\work\\src\\x.py", "src/x.py"),
        (f"{WORK}/src/../x.py", "x.py"),
        ("other/x.py", ""),
        ("../x.py", ""),
        ("/usr/lib/python3/dist-packages/x.py", ""),
        ("/opt/venv/lib/python3.12/site-packages/src/x.py", ""),
        ("/opt/mypy/typeshed/stdlib/x.py", ""),
        (f"{WORK}/notx.py", ""),
        ("", ""),
    ],
)
def test_foreign_paths_are_not_ours(name: str, path: str) -> None:
    texts = {"x.py": TEXT, "src/x.py": TEXT}
    for found in (
        linters.ruff_findings(ruff({"filename": name}), texts),
        linters.mypy_findings(mypy({"file": name}), texts),
    ):
        assert [item.path for item in found] == ([path] if path else [])


def test_missing_stubs_are_not_the_drafts_fault() -> None:
    found = linters.mypy_findings(
        mypy({"code": "import-untyped"}, {"code": "arg-type"}, {"severity": "note"}), {"x.py": TEXT}
    )
    assert [item.severity.value for item in found] == ["information", "error"]


@pytest.mark.parametrize("row", [0, 1, -5, 99, 10**30, True])
def test_rows_that_are_not_there(row: int) -> None:
    for finding in linters.ruff_findings(ruff({"location": {"row": row}}), {"x.py": TEXT, "y.py": ""}):
        assert 1 <= finding.start_line <= 5
    assert linters.ruff_findings(ruff({"location": {"row": 3}}), {"x.py": ""})[0].start_line == 1


@pytest.mark.parametrize(
    "output",
    [
        "",
        "[]",
        "{}",
        "null",
        "[",
        "[1, null, []]",
        "x",
        '[{"filename": 3}]',
        '[{"filename": "x.py", "location": 3}]',
        "[" * 100_000,
        '[{"a": ' * 50_000,
        "[NaN, Infinity]",
        "[1" + "0" * 10_000 + "]",
        '[{"filename": "x.py", "location": {"row": "4"}}]',
        "\0",
        "[,,,]",
    ],
)
def test_output_that_is_no_report(output: str) -> None:
    assert linters.ruff_findings(output, {"x.py": TEXT}) == ()
    assert linters.mypy_findings(output, {"x.py": TEXT}) == ()


def test_a_list_that_is_cut_off_still_counts() -> None:
    whole = ruff(*({"location": {"row": row}} for row in range(1, 6)))
    assert len(linters.ruff_findings(whole[:-30], {"x.py": TEXT})) == 4
    assert len(linters.ruff_findings("warning: odd\n" + whole, {"x.py": TEXT})) == 5
    assert len(linters.mypy_findings(mypy({}, {}, {})[:-5], {"x.py": TEXT})) == 2


_KEYS = ["filename", "file", "location", "row", "line", "code", "severity", "message"]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_KEYS), inner, max_size=8),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_read(value: object) -> None:
    text = json.dumps([value, {"filename": "x.py", "location": {"row": value}, "code": value, "message": value}])
    linters.ruff_findings(text, {"x.py": TEXT})
    linters.mypy_findings(
        json.dumps({"file": "x.py", "line": value, "severity": "error", "message": value}), {"x.py": TEXT}
    )


def test_words_cannot_steer_a_terminal() -> None:
    (finding,) = linters.ruff_findings(
        ruff({"message": "a\x1b[2Jb\u202ec\x07" + "d" * 9_000, "code": "E5\x1b"}), {"x.py": TEXT}
    )
    assert finding.message.startswith("a[2Jbcd")
    assert len(finding.message) <= 500
    assert finding.rule == "ruff/E5"


def test_missing_docs_are_found_where_they_are() -> None:
    text = (
        '"""M."""\n\n\nclass A:\n    """A."""\n\n    def run(self): ...\n\n\n'
        'class B:\n    def run(self):\n        s = "def f(x):"\n\n\ndef f(): ...\n'
    )
    files = [SourceFile("a.py", text), SourceFile("test_a.py", "def test(): ..."), SourceFile("a.md", "x")]
    found = checks.missing_docs({}, files)
    assert [(item.message, item.start_line) for item in found] == [
        ("A.run has no docstring.", 7),
        ("B has no docstring.", 10),
        ("B.run has no docstring.", 11),
        ("f has no docstring.", 15),
    ]
    assert checks.missing_docs({"a.py": text}, files) == ()


CODE = """\
def total(items):
    '''Sum.'''

    result = 0
    for item in items:
        result  +=  item.price
    return result


def other(items):
    return result
"""


def place(quote: str, *, path: str = "a.py", code: str = CODE) -> tuple[str, int, int] | None:
    replies = [FindingReply(quote=quote, message="m", path=path)]
    found, dropped = checks.located(replies, [SourceFile("b.py", "x = 1\n"), SourceFile("a.py", code)])
    assert len(found) + dropped == 1
    return (found[0].path, found[0].start_line, found[0].end_line) if found else None


@pytest.mark.parametrize(
    ("quote", "lines"),
    [
        ("result = 0", (4, 4)),
        ("    result = 0", (4, 4)),
        ("result  =\t0", (4, 4)),
        ("result=0", (4, 4)),
        ("result += item.price", (6, 6)),
        ("for item in items:\n    result += item.price", (5, 6)),
        ("for item in items:\r\n    result += item.price\r\n", (5, 6)),
        ("\n\n\nfor item in items:\n\n    result+=item.price\n\n", (5, 6)),
        ("'''Sum.'''\nresult = 0", (2, 4)),
        ("+    result = 0", (4, 4)),
        ("+    for item in items:\n+        result += item.price", (5, 6)),
        ("`result = 0`", (4, 4)),
        ("4: result = 0", (4, 4)),
        ("4 | result = 0\n5 | for item in items:", (4, 5)),
        ("return result", (7, 7)),
        ("item in items", (5, 5)),
        ("def other", (10, 10)),
        ("return resul", (7, 7)),
    ],
)
def test_quotes_are_found(quote: str, lines: tuple[int, int]) -> None:
    assert place(quote) == ("a.py", *lines)
    assert place(quote, code=CODE.replace("\n", "\r\n")) == ("a.py", *lines)
    assert place(quote, path="./a.py") == place(quote, path="wrong.py") == place(quote, path="") == ("a.py", *lines)


@pytest.mark.parametrize(
    "quote",
    [
        "",
        " \n ",
        "```",
        "+",
        "x",
        "res",
        "items",
        "result = 1",
        "result = 0\nreturn result",
        "return\nresult",
        "-    result = 0",
    ],
)
def test_quotes_that_are_nowhere_or_everywhere_are_dropped(quote: str) -> None:
    assert place(quote) is None


def test_quotes_with_odd_separators() -> None:
    code = "s = 'a\u2028b\x0cc'\nt = 1\n"
    assert place("s = 'a\u2028b\x0cc'", code=code) == ("a.py", 1, 1)


def test_the_named_file_comes_first() -> None:
    files = [SourceFile("a.py", "value = 1\n"), SourceFile("b.py", "\nvalue = 1\n")]
    (finding,), _ = checks.located([FindingReply(quote="value = 1", message="m", path="b.py")], files)
    assert (finding.path, finding.start_line) == ("b.py", 2)


def test_a_located_finding_is_bounded_and_plain() -> None:
    reply = FindingReply(
        quote="value = 1", message="a\x1b[31m" * 999, rule="r\n\x07" * 99, trigger="t" * 9_999, suggestion="s" * 9_999
    )
    (finding,), _ = checks.located([reply], [SourceFile("a.py", "value = 1\n")])
    assert (len(finding.message) <= 1000, len(finding.rule) <= 80, len(finding.suggestion) <= 2000) == (True,) * 3
    assert "\x1b" not in finding.message


def test_locating_is_quick() -> None:
    code = "    x = x + 1\n" * 10_000
    replies = [FindingReply(quote="x = x + 1\n" * 55 + f"y{number}", message="m") for number in range(50)]
    start = time.process_time()
    assert checks.located(replies, [SourceFile("a.py", code)])[1] == 50
    assert time.process_time() - start < 60


def finding(severity: Severity, line: int = 1, *, confidence: float = 1.0, mark: str = "") -> Finding:
    return Finding(
        "r",
        severity,
        "a.py",
        line,
        line,
        "q",
        "m",
        confidence=confidence,
        fingerprint=mark or f"{severity}{line}{confidence}",
    )


def test_the_worst_five() -> None:
    static = [finding(Severity.INFORMATION, line) for line in range(1, 9)]
    reviewed = [
        finding(Severity.ERROR, 20, confidence=0.5),
        finding(Severity.ERROR, 21, confidence=0.9),
        finding(Severity.WARNING, 22),
    ]
    worst = checks.worst(static, reviewed)
    assert len(worst) == 5
    assert [item.start_line for item in worst[:3]] == [21, 20, 22]


def test_a_linters_small_word_does_not_hide_a_reviewers_error() -> None:
    advice, bug = finding(Severity.INFORMATION), finding(Severity.ERROR, confidence=0.9)
    assert checks.worst([advice], [bug]) == (bug, advice)
    assert checks.worst([bug], [replace(advice, fingerprint="x")]) == (bug,)
    assert checks.worst([advice], [finding(Severity.WARNING)]) == (advice,)
    assert checks.worst([finding(Severity.WARNING)], [bug]) == (bug, finding(Severity.WARNING))
    assert checks.worst([bug], [replace(bug, fingerprint="y")]) == (bug,)
    assert checks.worst([bug, bug], []) == (bug,)


OK = RunResult(("pytest",), 0)
FAILED = RunResult(("pytest",), 1)


def report(xml: str, run: RunResult = OK, expected: frozenset[str] = frozenset()) -> TestReport:
    return reports.read_report(run, xml.encode(), None, expected)


def suite(*cases: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite>{"".join(cases)}</testsuite></testsuites>'


def case(name: str, inside: str = "") -> str:
    return f'<testcase classname="tests.test_a" name="{name}" time="0.1">{inside}</testcase>'


def test_real_pytest_reports(tmp_path: Path) -> None:
    text = (
        "import pytest\n"
        "@pytest.mark.parametrize('x', ['a::b', '[c]', ''])\ndef test_a(x): pass\n"
        "def test_b():\n    assert {'x': 1} == {'x': 2}\n"
        "@pytest.fixture\ndef bad(): raise ValueError('no')\ndef test_c(bad): pass\n"
        "@pytest.mark.skip\ndef test_d(): pass\n"
        "class TestE:\n    def test_f(self): print('<!DOCTYPE x>'); assert 0, '<!ENTITY y>'\n"
    )
    (tmp_path / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--junitxml=r.xml", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    run = RunResult(("pytest",), done.returncode)
    expected = frozenset({"test_a", "test_b", "test_c", "test_d", "test_f"})
    read = reports.read_report(run, (tmp_path / "r.xml").read_bytes(), None, expected)
    assert [read.count(word) for word in ("passed", "failed", "error", "skipped")] == [3, 2, 1, 1]
    assert (read.problem, read.ok) == ("", False)
    assert "assert {'x': 1} == {'x': 2}" in next(item.message for item in read.cases if item.name == "test_it::test_b")
    assert reports.read_report(OK, (tmp_path / "r.xml").read_bytes(), None, expected | {"test_z"}).problem == ""


def test_what_is_expected_must_be_there() -> None:
    xml = suite(case("test_a[x::y]"), case("test_b"))
    assert report(xml, OK, frozenset({"test_a", "test_b"})).ok
    assert "test_c" in report(xml, OK, frozenset({"test_a", "test_c"})).problem


@pytest.mark.parametrize(
    ("xml", "run", "said"),
    [
        (suite(case("test_a")), FAILED, "exit code 1"),
        (suite(case("test_a")), replace(OK, exit_code=-9), "exit code -9"),
        (suite(case("test_a")), replace(OK, exit_code=5), "exit code 5"),
        (suite(case("test_a")), replace(OK, timed_out=True), "in time"),
        (suite(case("test_a")), replace(OK, out_of_memory=True), "memory"),
        (suite(), OK, "No test ran"),
        ("<testsuites/>", OK, "No test ran"),
        ("", OK, "cannot be read"),
        ("<testsuites>", OK, "cannot be read"),
        ("{}", OK, "cannot be read"),
        ("<a>" * 100_000, OK, "cannot be read"),
        ("<a>" * 31 + "</a>" * 31, OK, "cannot be read"),
        ("<t>" + "<a/>" * 250_000 + "</t>", OK, "cannot be read"),
        ("<t>" + "x" * (9 * 1024 * 1024) + "</t>", OK, "cannot be read"),
        ('<!DOCTYPE t [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><t>&b;</t>', OK, "cannot be read"),
        ('<!DOCTYPE t SYSTEM "file:///etc/passwd"><t/>', OK, "cannot be read"),
        ('<?xml version="1.0" encoding="utf-16"?><t/>', OK, "cannot be read"),
        ('<?xml version="1.0" encoding="nonsense"?><t/>', OK, "cannot be read"),
        ("<t>&undefined;</t>", OK, "cannot be read"),
    ],
    ids=range(19),
)
def test_reports_that_are_not_believed(xml: str, run: RunResult, said: str) -> None:
    start = time.process_time()
    read = report(xml, run)
    assert said in read.problem
    assert not read.ok
    assert time.process_time() - start < 20


def test_of_a_long_report_a_part_is_kept_and_the_rest_is_counted() -> None:
    failure = f"<failure>{'x' * 3000}</failure>"
    passing = [case(f"test_{number}") for number in range(600)]
    read = report(suite(*passing, *(case(f"test_f{number}", failure) for number in range(200))), FAILED)
    assert (len(read.cases), read.count("passed"), read.count("failed")) == (500, 600, 200)
    assert sum(item.outcome == "failed" for item in read.cases) == 200
    assert sum(len(item.message) for item in read.cases) < 300_000
    assert score(read) == "600 passed, 200 failed (300 of them are counted, not listed)"
    assert "more than 5,000" in report(suite(*(case(f"t{number}") for number in range(5001)))).problem


def test_parts_of_a_test_in_go_are_read_in_one_pass() -> None:
    names = ["T", "T/a", *(f"T/a/{number}" for number in range(4000))]
    lines = [
        *(f'{{"Action": "output", "Test": "{name}", "Output": "wrong"}}' for name in names[2:]),
        *(f'{{"Action": "fail", "Test": "{name}"}}' for name in names),
    ]
    read = reports.read_report(FAILED, "\n".join(lines).encode(), None, kind="go")
    assert read.count("failed") == 4000
    assert not [item.name for item in read.cases if item.name in ("::T", "::T/a")]
    many = "\n".join(f'{{"Action": "fail", "Test": "T/{number}"}}' for number in range(8000))
    assert "more than 5,000" in reports.read_report(FAILED, many.encode(), None, kind="go").problem


def test_no_report_and_no_text() -> None:
    assert "left no report" in reports.read_report(OK, None, None).problem
    assert "cannot be read" in reports.read_report(OK, "<t/>".encode("utf-16"), None).problem
    assert "cannot be read" in reports.read_report(OK, b"\xff\xfe\x00", None).problem
    assert reports.read_report(OK, b"\xef\xbb\xbf" + suite(case("t")).encode(), None).ok


def test_skipped_is_not_passed() -> None:
    assert not report(suite(case("test_a", "<skipped/>"))).ok


def test_messages_and_names_are_bounded() -> None:
    read = report(suite(case("t" * 9_999, f'<failure message="{"m" * 9_999}">{"x" * 99_999}</failure>')), FAILED)
    assert len(read.cases[0].message) < 5_000
    assert len(read.cases[0].name) <= 500


@given(st.text(alphabet="<>/tesca&;!\"'= []x\n", max_size=80))
def test_any_report_is_read_or_refused(xml: str) -> None:
    assert isinstance(report(xml), TestReport)


@pytest.mark.parametrize(
    ("coverage", "percent"),
    [
        (b'{"totals": {"percent_covered": 91.26}}', 91.3),
        (b'{"totals": {"percent_covered": 100}}', 100.0),
        (b'{"totals": {"percent_covered": NaN}}', None),
        (b'{"totals": {"percent_covered": 1e999}}', None),
        (b'{"totals": {"percent_covered": -1}}', None),
        (b'{"totals": {"percent_covered": true}}', None),
        (b'{"totals": {"percent_covered": "9"}}', None),
        (b'{"totals": []}', None),
        (b"[]", None),
        (b"null", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
        (b'{"totals": {"percent_covered": 1' + b"0" * 9_999 + b"}}", None),
        (None, None),
    ],
)
def test_coverage(coverage: bytes | None, percent: float | None) -> None:
    assert reports.read_report(OK, suite(case("t")).encode(), coverage).coverage == percent


def test_files_of_packages_are_not_ours() -> None:
    texts = {"src/lib.rs": ""}
    assert checks.own_path(f"{WORK}/src/lib.rs", texts) == "src/lib.rs"
    for place in (
        "/opt/crates/vendor/serde-1.0.152",
        "/home/x/vendor/a_b-0.1.0-beta.1",
        "/usr/lib/python3/dist-packages",
    ):
        assert not checks.own_path(f"{place}/src/lib.rs", texts)
