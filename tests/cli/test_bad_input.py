"""What is wrong is said before anything starts, with what to do about it; exit code 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.command import Place

LARGE = "x = 1\n" * 200_000


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "Nothing is asked"),
        (["   "], "empty"),
        (["words", "--requirements", "other.md"], "both"),
        (["--requirements", "nothing.md"], "no file"),
        (["--requirements", "empty.md"], "empty"),
        (["--requirements", "binary.bin"], "binary"),
        (["--requirements", "latin.md"], "UTF-8 text (line 2)"),
        (["--requirements", "large.py"], "larger than 1024 KiB"),
        (["--requirements", "."], "not a file"),
        (["--file", "nothing.py"], "no file"),
        (["--file", "large.py"], "larger"),
        (["--file", "binary.bin"], "binary"),
        (["--file", "good.py:0-1"], "Lines 0-1 are not in the file, which has 3"),
        (["--file", "good.py:2-9"], "has 3"),
        (["--file", "good.py:3-2"], "smaller number first"),
        (["--file", "good.py:a-b"], "PATH:START-END"),
        (["--file", "good.py:"], "PATH:START-END"),
        (["--file", "/etc/hostname", "words"], "outside of the workspace"),
        (["--file", "../outside.py", "words"], "outside of the workspace"),
        (["--file", "link.py", "words"], "outside of the workspace"),
        (["--file", "good.py:1"], "Nothing in there says what to implement"),
        (["words", "--intent", "refactor"], "--file"),
        (["--intent", "fix", "--file", "good.py:2"], "Nothing says what is wrong with the code"),
        (["words", "--intent", "conquer"], "invalid choice: 'conquer'"),
        (["words", "--workspace", "nowhere"], "not a folder"),
        (["words", "--max-iterations", "0"], "whole number from 1 to 50"),
        (["words", "--max-iterations", "many"], "whole number from 1 to 50"),
        (["words", "--require", "perfect"], "one of draft, reviewed, tested, production"),
        (["words", "--order", "chaos"], "one of pipeline, conversation"),
        (["words", "--temperature", "nan"], "a number from 0 to 2"),
        (["words", "--max-cost", "-1"], "at least 0"),
        (["words", "--patch", "no/such/folder/x.patch"], "folder that exists"),
        (["words", "--apply", "--workspace", "/sys/kernel"], "writ"),
        (["words", "--unknown-option"], "unrecognized arguments"),
        (["words", "--req", "draft"], "unrecognized arguments"),
    ],
)
def test_run_refuses(place: Place, args: list[str], said: str) -> None:
    for name, content in {
        "empty.md": b" \n",
        "binary.bin": b"\x7fELF\0\0",
        "latin.md": b"fine\n\xe9\n",
        "large.py": LARGE.encode(),
        "good.py": b"x = 1\ny = 2\nz = 3\n",
    }.items():
        (place.workspace / name).write_bytes(content)
    (place.folder / "outside.py").write_text("x = 1\n")
    (place.workspace / "link.py").symlink_to(place.folder / "outside.py")
    done = place.call("run", *args)
    assert said in done.err
    assert done.code == 2
    assert done.out == ""
    assert not (place.home / "history").exists()
    assert "Traceback" not in done.err


def test_a_process_refuses_as_well(place: Place) -> None:
    done = place.run("run", " ")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: The requirement is empty.\n  Say in words what you want.\n"


def test_a_refusal_is_one_json_object_too(place: Place) -> None:
    done = place.call("run", " ", "--json")
    assert done.code == 2
    assert (done.json["job"], done.json["status"]) == (None, "failed")
    assert done.json["error"]["kind"] == "bad_input"
    assert "empty" in done.json["error"]["message"]


def test_requirements_from_standard_input_are_checked_too(place: Place) -> None:
    done = place.run("run", "--requirements", "-", stdin="")
    assert (done.code, "Standard input is empty" in done.err) == (2, True)


@pytest.mark.parametrize("command", ["review", "test"])
def test_review_and_test_refuse(place: Place, command: str) -> None:
    assert place.call(command).code == 2
    done = place.call(command, "nothing.py")
    assert (done.code, "no file" in done.err) == (2, True)


@pytest.mark.parametrize("command", [("review",), ("test",), ("run", "--intent", "document", "--file")])
def test_languages_that_cannot_be_run_are_refused_before_a_model_is_asked(
    place: Place, command: tuple[str, ...]
) -> None:
    place.write("notes.md", "# Notes\n\nBuy milk.\n")
    done = place.run(*command, "notes.md", "--model", place.script({}))
    assert done.code == 2
    assert "notes.md is in no language that can be run and checked here (Python, JavaScript," in done.err


def test_a_wrong_setting_in_a_file_is_told_and_ignored(place: Place) -> None:
    place.write("codeteam.toml", "max_iterations = 'many'\n")
    config = place.folder / "config"
    config.mkdir()
    (config / "settings.toml").write_text("languag = 'python'\n")
    done = place.call("run", " ")
    assert "codeteam.toml" in done.err
    assert "settings.toml" in done.err
    assert "language" in done.err


@pytest.mark.parametrize(("model", "named"), [("openai/gpt-4.1", "openai/gpt-4.1"), ("", "the embedded model")])
def test_an_address_that_no_model_is_asked_at_is_refused(place: Place, model: str, named: str) -> None:
    options = ["--base-url", "http://127.0.0.1:9/v1", *(["--model", model] if model else [])]
    done = place.call("run", "Write slug(text).", *options)
    assert done.code == 2
    assert f"--base-url is the address of compatible/NAME alone, and the team's model is {named}." in done.err
    looked = place.call("doctor", "--json", *options).json["checks"]
    [told] = [check for check in looked if (check["name"], check["status"]) == ("model", "warn")]
    assert named in told["detail"]


@pytest.mark.parametrize("args", [["--version"], ["--help"], ["run", "--help"], ["jobs", "--help"]])
def test_help_is_help(place: Place, args: list[str]) -> None:
    done = place.call(*args)
    assert done.code == 0
    assert "codeteam" in done.out


def test_help_names_every_setting_and_command(place: Place) -> None:
    commands = place.call("--help").out
    for name in ("run", "review", "test", "jobs", "demo", "doctor", "prompts"):
        assert f"    {name} " in commands
    options = place.call("run", "--help").out
    for name in ("--max-cost", "--no-tests", "--require", "--order", "--model", "--base-url", "--style-guide"):
        assert name in options


@pytest.mark.parametrize("args", [[], ["conquer"]])
def test_no_such_command(place: Place, args: list[str]) -> None:
    assert place.call(*args).code == 2


def test_no_jobs_yet(place: Place) -> None:
    done = place.call("jobs")
    assert (done.code, done.out) == (0, "no jobs yet\n")
    assert place.call("jobs", "--json").json == {"jobs": []}
    done = place.call("jobs", "abc")
    assert (done.code, "no job 'abc'" in done.err) == (2, True)


def test_a_damaged_history_is_said(place: Place) -> None:
    (place.home / "history").mkdir(parents=True)
    (place.home / "history" / "history.sqlite3").write_bytes(b"nonsense" * 1000)
    done = place.call("jobs")
    assert done.code == 3
    assert "damaged" in done.err
    assert f'mv "{place.home / "history"}"' in done.err


def test_prompts_are_shown_copied_and_used_instead(place: Place) -> None:
    packaged = place.call("prompts", "show", "developer").out
    assert len(packaged) > 200
    own = place.folder / "config" / "prompts" / "developer.md"
    done = place.call("prompts", "eject", "developer")
    assert (done.code, done.out) == (0, f"{own}\n")
    assert own.read_text() == packaged
    own.write_text("My own words.\n")
    assert place.call("prompts", "show", "developer").out == "My own words.\n"
    done = place.call("prompts", "eject", "developer")
    assert (done.code, "--force" in done.err) == (2, True)
    assert own.read_text() == "My own words.\n"
    assert place.call("prompts", "eject", "developer", "--force").code == 0
    assert own.read_text() == packaged
    done = place.call("prompts", "show", "../../secrets")
    assert (done.code, "The roles are" in done.err) == (2, True)


def test_a_reader_that_has_seen_enough_is_no_error(place: Place) -> None:
    process = place.start("run", "--help")
    assert process.stdout is not None
    process.stdout.close()
    process.wait(60)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()


def test_a_name_that_is_no_utf8_is_refused(place: Place) -> None:
    (place.workspace / os.fsdecode(b"\xff.py")).write_text("x = 1\n", "utf-8")
    for args in (["review"], ["run", "words", "--file"]):
        done = place.run(*args, os.fsdecode(b"\xff.py"), timeout=60)
        assert done.code == 2
        assert r"The name of the file \udcff.py is not UTF-8." in done.err
        assert "Rename it" in done.err


def test_an_odd_current_folder_is_no_danger(place: Place) -> None:
    for name in ("json", "argparse", "rich", "cattrs"):
        place.write(f"{name}.py", "raise SystemExit('hijacked')\n")
    assert "hijacked" not in place.run("run", " ").err


def test_the_home_may_not_exist_and_may_be_odd(place: Place) -> None:
    odd = place.with_environ(CODETEAM_HOME=os.fspath(Path("ünder the", "rainbow's")))
    assert odd.call("jobs").code == 0
    assert (place.workspace / "ünder the" / "rainbow's" / "history").is_dir()
