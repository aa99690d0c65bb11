"""Settings: what is right counts, what is wrong is said, a workspace may only tighten."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeteam.domain.settings import LANGUAGES, Order, Quality, SandboxKind, Settings
from codeteam.sandbox import languages
from codeteam.workspace.configuration import config_folder, parse_settings, user_settings, workspace_settings

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([field.name for field in fields(Settings)]) | st.text(max_size=20)


@pytest.mark.parametrize("name", ["maxIterations", "max-iterations", "max_iterations"])
def test_a_name_may_be_spelled_in_three_ways(name: str) -> None:
    settings, problems = parse_settings({name: 3}, where="test")
    assert settings.max_iterations == 3
    assert problems == ()


def test_every_kind_of_value_is_read() -> None:
    settings, problems = parse_settings(
        {
            "language": " Python ",
            "requireTests": False,
            "require": "Reviewed",
            "temperature": 1,
            "maxTokens": 5000.0,
            "order": "conversation",
            "sandbox": "local",
            "model": None,
        },
        where="test",
    )
    assert problems == ()
    assert settings == Settings(
        language="python",
        require_tests=False,
        require=Quality.REVIEWED,
        temperature=1.0,
        max_tokens=5000,
        order=Order.CONVERSATION,
        sandbox=SandboxKind.LOCAL,
    )
    assert isinstance(settings.max_tokens, int)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"maxIteration": 3}, 'editor: "maxIteration" is not a setting; did you mean "maxIterations"?'),
        ({"max-iteration": 3}, 'editor: "max-iteration" is not a setting; did you mean "max-iterations"?'),
        ({"max_iteration": 3}, 'editor: "max_iteration" is not a setting; did you mean "max_iterations"?'),
        ({"zzz": 3}, 'editor: "zzz" is not a setting.'),
        ({"maxIterations": 0}, 'editor: "maxIterations" must be a whole number from 1 to 50, not 0.'),
        ({"maxIterations": 2.5}, 'editor: "maxIterations" must be a whole number from 1 to 50, not 2.5.'),
        ({"maxIterations": True}, 'editor: "maxIterations" must be a whole number from 1 to 50, not true.'),
        ({"maxTokens": -1}, 'editor: "maxTokens" must be a whole number of at least 0, not -1.'),
        ({"maxCost": float("nan")}, 'editor: "maxCost" must be a number of at least 0, not nan.'),
        ({"maxSeconds": 10**400}, 'editor: "maxSeconds" must be a number of at least 0, not a huge number.'),
        ({"requireTests": "yes"}, 'editor: "requireTests" must be true or false, not "yes".'),
        ({"language": ["a"]}, 'editor: "language" must be a text of one line, at most 200 characters, not a list.'),
        ({"language": "Cobol"}, f'editor: "language" must be one of {", ".join(LANGUAGES)}, not "Cobol".'),
        ({"language": ""}, f'editor: "language" must be one of {", ".join(LANGUAGES)}, not "".'),
        (
            {"framework": "a\u2028b"},
            'editor: "framework" must be a text of one line, at most 200 characters, not "a?b".',
        ),
        ({"model": "a\nb"}, 'editor: "model" must be a text of one line, at most 2000 characters, not "a?b".'),
        ({"require": "best"}, 'editor: "require" must be one of draft, reviewed, tested, production, not "best".'),
        ({"sandbox": 1}, 'editor: "sandbox" must be one of docker, local, not 1.'),
        ({"maxCost": 1, "max_cost": 2}, 'editor: "max_cost" is given twice, in two spellings; the first one counts.'),
    ],
)
def test_what_is_wrong_is_said_in_one_message(values: dict[str, object], message: str) -> None:
    base = Settings(max_iterations=7)
    settings, problems = parse_settings(values, where="editor", base=base)
    assert problems == (message,)
    assert replace(settings, max_cost=0.0) == base


@given(st.dictionaries(NAMES, ANYTHING, max_size=8))
def test_no_input_raises_and_what_comes_out_is_valid(values: dict[str, object]) -> None:
    settings, _ = parse_settings(values, where="fuzz")
    again, problems = parse_settings(
        {field.name: getattr(settings, field.name) for field in fields(Settings) if field.name != "require"},
        where="fuzz",
    )
    assert problems == ()
    assert replace(again, require=settings.require) == settings


def test_a_workspace_sets_taste_and_tightens(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.codeteam]\nlanguage = "python"\nframework = "fastapi"\nmax-iterations = 3\n', encoding="utf-8"
    )
    (tmp_path / "codeteam.toml").write_text('framework = "flask"\nmaxTokens = 1000\n', encoding="utf-8")
    settings, problems = workspace_settings(tmp_path, Settings())
    assert problems == ()
    assert settings == Settings(framework="flask", max_iterations=3, max_tokens=1000)


@pytest.mark.parametrize(
    ("line", "base"),
    [
        ("max_iterations = 6", Settings()),
        ("max_tokens = 0", Settings(max_tokens=100)),
        ("max_tokens = 101", Settings(max_tokens=100)),
        ("max_cost = 0.0", Settings(max_cost=1.0)),
        ("max_seconds = 0", Settings()),
        ("require_tests = false", Settings()),
        ('require = "draft"', Settings()),
        ('sandbox = "local"', Settings()),
        ('sandbox_image = "evil"', Settings()),
        ('model = "compatible/evil"', Settings()),
        ('base_url = "http://evil"', Settings()),
        ("execution_timeout = 3600", Settings()),
        ("sandbox_memory = 4096", Settings()),
        ("jobs = 30", Settings()),
    ],
)
def test_a_workspace_loosens_nothing(tmp_path: Path, line: str, base: Settings) -> None:
    (tmp_path / "codeteam.toml").write_text(line, encoding="utf-8")
    settings, problems = workspace_settings(tmp_path, base)
    assert settings == base
    assert len(problems) == 1
    assert problems[0].startswith(f'codeteam.toml: "{line.split(maxsplit=1)[0]}" ')


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("max_tokens = 100", Settings(max_tokens=100)),
        ("max_seconds = 10", Settings(max_seconds=10)),
        ("execution_timeout = 5", Settings(execution_timeout=5)),
    ],
)
def test_zero_is_no_limit_and_any_limit_is_tighter(tmp_path: Path, line: str, expected: Settings) -> None:
    (tmp_path / "codeteam.toml").write_text(line, encoding="utf-8")
    assert workspace_settings(tmp_path, Settings()) == (expected, ())


@pytest.mark.parametrize("name", ["framework", "style_guide"])
@pytest.mark.parametrize(
    "value", ["x" * 61, "Ignore: all", "a`b`", "<system>", "say “yes”", "a\tb", "do {this}", "x\n", "x = 1"]
)
def test_a_workspace_tells_the_models_a_name_and_no_more(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / "codeteam.toml").write_text(f"{name} = {json.dumps(value)}", encoding="utf-8")
    settings, problems = workspace_settings(tmp_path, Settings())
    assert settings == Settings()
    assert len(problems) == 1


def test_names_of_frameworks_and_style_guides_are_taken_from_a_workspace(tmp_path: Path) -> None:
    text = 'framework = "ASP.NET Core (C#) / g++ 4.2, naïve-x"\nstyle-guide = "PEP 8"\nlanguage = "PYTHON"\n'
    (tmp_path / "codeteam.toml").write_text(text, encoding="utf-8")
    settings, problems = workspace_settings(tmp_path, Settings())
    assert settings == Settings(framework="ASP.NET Core (C#) / g++ 4.2, naïve-x", style_guide="PEP 8")
    assert problems == ()


def test_the_user_may_tell_the_models_more() -> None:
    long = "FastAPI: `async` only, " + "x" * 170
    assert parse_settings({"framework": long}, where="x")[0].framework == long
    assert parse_settings({"framework": long + "y" * 10}, where="x")[0].framework == ""


def test_the_languages_are_those_that_the_sandbox_has() -> None:
    assert set(languages.LANGUAGES) == set(LANGUAGES)


def test_a_workspace_switches_on_and_raises(tmp_path: Path) -> None:
    (tmp_path / "codeteam.toml").write_text('require_docs = true\nrequire = "tested"', encoding="utf-8")
    base = Settings(require_docs=False, require=Quality.DRAFT)
    assert workspace_settings(tmp_path, base) == (Settings(require_docs=True, require=Quality.TESTED), ())


PLAIN = (
    st.booleans()
    | st.integers(-5, 10**6)
    | st.floats(-5, 10**6)
    | st.sampled_from(["local", "draft", "production", "x"])
)


@given(values=st.dictionaries(st.sampled_from([field.name for field in fields(Settings)]), PLAIN, max_size=8))
def test_whatever_a_workspace_says_no_policy_is_looser(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, object]
) -> None:
    root = tmp_path_factory.mktemp("workspace")
    base = Settings(max_tokens=1000, max_cost=2.0, require_docs=False, require=Quality.REVIEWED)
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    (root / "codeteam.toml").write_text("\n".join(lines), encoding="utf-8")
    settings, _ = workspace_settings(root, base)
    assert 0 < settings.max_tokens <= base.max_tokens
    assert 0 < settings.max_cost <= base.max_cost
    assert 0 < settings.max_seconds <= base.max_seconds
    assert settings.max_iterations <= base.max_iterations
    assert settings.require >= base.require
    assert settings.require_tests
    assert (settings.sandbox, settings.model, settings.base_url) == (base.sandbox, base.model, base.base_url)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"= nonsense", "is not valid TOML"),
        (b"a = '\xff'", "is not UTF-8 text"),
        (b"a = " + b"[" * 100_000, "is nested too deeply"),
        (b"#" * 2_000_000, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_message(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "codeteam.toml").write_bytes(content)
    settings, problems = workspace_settings(tmp_path, Settings())
    assert settings == Settings()
    assert len(problems) == 1
    assert reason in problems[0]


def test_a_pipe_a_folder_and_a_link_out_are_messages(tmp_path: Path) -> None:
    outside = tmp_path / "outside.toml"
    outside.write_text('language = "go"', encoding="utf-8")
    root = tmp_path / "root"
    (root / "pyproject.toml").mkdir(parents=True)
    os.mkfifo(root / "codeteam.toml")
    settings, problems = workspace_settings(root, Settings())
    assert settings == Settings()
    assert [problem.split(":")[0] for problem in problems] == ["pyproject.toml", "codeteam.toml"]
    (root / "codeteam.toml").unlink()
    (root / "codeteam.toml").symlink_to(outside)
    settings, problems = workspace_settings(root, Settings())
    assert settings == Settings()
    assert "leads out of the workspace" in problems[1]


def test_a_section_that_is_no_table_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool]\ncodeteam = 3\n", encoding="utf-8")
    assert workspace_settings(tmp_path, Settings()) == (
        Settings(),
        ("pyproject.toml: [tool.codeteam] must be a table; it was ignored.",),
    )


def test_no_files_are_no_problem(tmp_path: Path) -> None:
    assert workspace_settings(tmp_path, Settings()) == (Settings(), ())
    assert workspace_settings(tmp_path / "missing", Settings()) == (Settings(), ())
    assert user_settings(tmp_path) == (Settings(), ())


def test_the_user_may_choose_anything(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        'sandbox = "local"\nmodel = "openai/x"\nmax_iterations = 9\n', encoding="utf-8"
    )
    settings, problems = user_settings(tmp_path)
    assert settings == Settings(sandbox=SandboxKind.LOCAL, model="openai/x", max_iterations=9)
    assert problems == ()
    (tmp_path / "settings.toml").write_text("sandbox = [", encoding="utf-8")
    settings, problems = user_settings(tmp_path)
    assert settings == Settings()
    assert "is not valid TOML" in problems[0]


def test_where_the_users_settings_are(tmp_path: Path) -> None:
    assert config_folder({"CODETEAM_CONFIG": str(tmp_path)}) == tmp_path
    assert config_folder({}).name == "codeteam"
