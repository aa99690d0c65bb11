"""Jobs from the command line to their results: recorded replies, a real worker, a real sandbox."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from typing import Any

import psutil
import pytest

from tests.cli.command import APPROVED, REJECTED, SLUG, Place, fence, slug_replies, true_soon, until_said

pytestmark = pytest.mark.docker
ASK = "Write slug(text) in slug.py: lower-case words joined by hyphens."
NONE_KEYS = {"job", "status", "quality", "files", "patch", "findings", "evidence", "error"}


def test_a_requirement_becomes_a_patch_that_git_takes(place: Place) -> None:
    done = place.run("run", ASK, "--model", place.script(slug_replies()), "--patch", "../kept.patch")
    assert done.code == 0, done.err
    assert done.out == (place.folder / "kept.patch").read_text()
    assert list(place.workspace.iterdir()) == []
    subprocess.run(["git", "init", "-q"], cwd=place.workspace, check=True)
    subprocess.run(["git", "apply", "-"], cwd=place.workspace, input=done.out, text=True, check=True)
    assert (place.workspace / "slug.py").read_text() == SLUG
    assert (place.workspace / "tests" / "test_slug.py").is_file()
    for words in ("developer (1): writing", "executor (1): running the tests", "accepted: production", "2 passed"):
        assert words in done.err
    assert "\x1b" not in done.err

    listed = place.run("jobs")
    [job] = re.findall(r"^(\w{12})  .*accepted +implement +Write slug", listed.out, re.MULTILINE)
    shown = place.run("jobs", job[:6]).out
    for words in ("Lower-case words", "accepted: production", "diff --git a/slug.py", "plan: slug.py"):
        assert words in shown
    assert re.search(r"tests without what they expect: exit code 0 in [\d.]+ s$", shown, re.MULTILINE)
    told = place.run("jobs", job, "--json").json
    assert told["state"] == "accepted"
    assert told["workspace"] == str(place.workspace.resolve())
    assert (told["events"][0]["event"], told["events"][-1]["event"]) == ("Started", "Proposed")
    assert {event["role"] for event in told["events"] if event["event"] == "Replied"} == set(slug_replies())


def test_the_json_object_has_the_documented_shape(place: Place) -> None:
    place.write("notes.md", ASK)
    done = place.run("run", "--requirements", "notes.md", "--json", "--quiet", "--model", place.script(slug_replies()))
    assert (done.code, done.err) == (0, "")
    told = done.json
    assert set(told) >= NONE_KEYS
    assert (told["status"], told["quality"], told["error"]) == ("accepted", "production", None)
    assert [(file["path"], file["is_new"]) for file in told["files"]] == [
        ("slug.py", True),
        ("tests/test_slug.py", True),
    ]
    assert told["files"][0]["text"] == SLUG
    assert told["patch"].startswith("diff --git a/slug.py b/slug.py\n")
    evidence = told["evidence"]
    assert (evidence["iterations"], evidence["model_calls"], evidence["cost"]) == (1, 4, 0.0)
    assert evidence["prompt_tokens"] > 0
    assert evidence["tests"] == {"passed": 2, "failed": 0, "errors": 0, "skipped": 0}
    assert evidence["coverage"] == 100.0
    assert {"name": "tests", "passed": True, "detail": "2 passed"} in evidence["gates"]
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in evidence["prompts"].values())
    assert {"argv", "exit_code", "timed_out", "seconds", "output_tail"} <= set(evidence["runs"][0])


def test_the_testers_turn_is_told_as_it_is_beside_the_developers(place: Place) -> None:
    replies = slug_replies()
    slow: dict[str, list[Any]] = {
        role: [{"text": replies[role][0], "delay": delay}] for role, delay in (("tester", 1), ("developer", 3))
    }
    done = place.run("run", ASK, "--model", place.script(replies | slow), "--json")
    assert done.code == 0, done.err
    lines = re.findall(r"^\[ *([\d.]+)s\] (tester|developer) \(1\): (.*)$", done.err, re.MULTILINE)
    assert [(role, words.partition(" (")[0]) for _, role, words in lines] == [
        ("tester", "writing tests from the requirement"),
        ("developer", "writing the draft"),
        ("tester", "tests/test_slug.py"),
        ("developer", "slug.py"),
    ]
    told = place.run("jobs", done.json["job"], "--json").json
    [tester] = [event for event in told["events"] if event["event"] == "StepFinished" and event["role"] == "tester"]
    assert (tester["state"], 1 <= tester["seconds"] < 3) == ("done", True)


def test_a_tester_whom_nobody_waits_for_is_stopped(place: Place) -> None:
    late: dict[str, list[Any]] = {
        "tester": [{"text": "", "delay": 600}],
        "developer": [fence("slug.py", "import nothing_of_the_sort\n")],
    }
    options = ["--max-iterations", "1", "--json", "--model", place.script(slug_replies() | late)]
    done = place.run("run", ASK, *options)
    assert done.code == 1, done.err
    assert re.search(r"tester \(1\): stopped \([\d.]+ s\)$", done.err, re.MULTILINE)
    told = place.run("jobs", done.json["job"], "--json").json
    [tester] = [event for event in told["events"] if event["event"] == "StepFinished" and event["role"] == "tester"]
    assert tester["state"] == "cancelled"


def test_a_review_is_told_as_one(place: Place) -> None:
    place.write("ages.py", '"""Ages."""\n\nLIMIT = 18\n')
    finding = {
        "severity": "error",
        "rule": "bug/limit",
        "path": "ages.py",
        "quote": "LIMIT = 18",
        "message": "It is 21.",
    }
    reply = json.dumps(
        {"approved": False, "comment": "", "findings": [finding | {"trigger": "LIMIT", "confidence": 0.9}]}
    )
    done = place.run("review", "ages.py", "--model", place.script({"reviewer": [reply]}))
    assert done.code == 1, done.err
    assert "reviewer (1): 1 finding (" in done.err
    assert "draft" not in done.err
    [job] = re.findall(r"codeteam jobs (\w+)", done.err)
    shown = place.run("jobs", job).out
    assert re.search(r"\] accepted$", shown, re.MULTILINE)
    assert "nothing ran" not in shown


def test_a_workspace_whose_name_is_no_utf8(place: Place) -> None:
    folder = place.folder / os.fsdecode(b"w\xff")
    folder.mkdir()
    (folder / "slug.py").write_text(SLUG, "utf-8")
    script = place.script({"reviewer": [APPROVED]})
    done = place.run("review", str(folder / "slug.py"), "--workspace", str(folder), "--model", script)
    assert done.code == 0, done.err
    assert "not being kept" not in done.err
    assert place.run("jobs").code == 0


def test_a_job_that_was_not_kept_is_not_said_to_be(place: Place) -> None:
    """No folder can be made below /proc, by nobody."""
    replies = place.script({"architect": [{"error": "auth"}]})
    done = place.with_environ(CODETEAM_HOME="/proc/codeteam").run("run", ASK, "--model", replies)
    assert done.code == 3, done.err
    assert "not being kept in the history" in done.err
    assert "everything about it" not in done.err
    done = place.run("run", ASK, "--model", replies)
    assert "not being kept" not in done.err
    assert "everything about it: codeteam jobs " in done.err


def test_git_takes_the_patch_of_a_file_with_a_byte_order_mark(place: Place) -> None:
    path = place.write("slug.py", '\ufeff"""Slugs."""\n\n\ndef slug(text: str) -> str: ...\n')
    replies = place.script(slug_replies())
    done = place.run("run", "--file", "slug.py", ASK, "--require", "draft", "--model", replies)
    assert done.code == 0, done.err
    assert '\n \ufeff"""Slugs."""\n' in done.out or '\n-\ufeff"""Slugs."""\n' in done.out
    subprocess.run(["git", "apply", "-"], cwd=place.workspace, input=done.out.encode(), check=True)
    assert path.read_bytes().startswith(b'\xef\xbb\xbf"""')


def test_files_of_the_users_that_cannot_be_used_are_named(place: Place) -> None:
    prompts = place.folder / "config" / "prompts"
    prompts.mkdir(parents=True)
    (prompts / "developer.md").write_bytes(b"\xff\xfe")
    place.write("deep/.gitignore", "").write_bytes(b"\xff")
    done = place.run("run", ASK, "--require", "draft", "--json", "--model", place.script(slug_replies()))
    assert done.code == 0, done.err
    for words in ("developer.md: is not a readable UTF-8 text file", "deep/.gitignore cannot be read"):
        assert words in done.err
        assert any(words in note for note in done.json["evidence"]["notes"])


def test_a_rejected_draft_is_printed_but_not_applied(place: Place) -> None:
    replies = {**slug_replies(), "reviewer": [REJECTED]}
    done = place.run("run", ASK, "--max-iterations", "1", "--apply", "--json", "--model", place.script(replies))
    assert done.code == 1, done.err
    told = done.json
    assert told["status"] == "below"
    assert told["applied"] is False
    assert told["stopped_by"]
    assert "slug.py" in told["patch"]
    [finding] = told["findings"]
    assert (finding["rule"], finding["path"], finding["start_line"]) == ("logic/unicode", "slug.py", 6)
    assert finding["fingerprint"]
    assert "not applied" in done.err
    assert not (place.workspace / "slug.py").exists()


def test_an_accepted_proposal_is_applied_to_the_selected_code(place: Place) -> None:
    stub = SLUG.replace('    return "-".join(text.lower().split())\n', "    ...\n").replace("\n", "\r\n")
    path = place.write("slug.py", stub)
    done = place.run("run", "--file", "slug.py:4-6", "--apply", "--no-tests", "--model", place.script(slug_replies()))
    assert done.code == 0, done.err
    assert path.read_bytes() == SLUG.replace("\n", "\r\n").encode()
    assert done.out.count("diff --git") == 1
    assert "-    ...\r\n" in done.out.replace("\n", "\r\n").replace("\r\r\n", "\r\n")
    [line] = place.run("jobs", "--json").json["jobs"]
    assert (line["state"], line["applied"]) == ("accepted", True)
    assert "  applied  " in place.run("jobs").out


def test_a_file_that_changed_meanwhile_is_not_overwritten(place: Place) -> None:
    path = place.write("slug.py", SLUG)
    replies = slug_replies()
    replies["developer"] = [{"text": fence("slug.py", SLUG.replace("Slugs.", "Short names.")), "delay": 2}]
    process = place.start(
        "run", "Rename", "--file", "slug.py", "--intent", "refactor", "--apply", "--no-tests",
        "--model", place.script(replies),
    )  # fmt: skip
    said = until_said(process, "developer (1)")
    path.write_text("something else\n")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 2, said + err
    assert path.read_text() == "something else\n"
    assert "changed" in err
    assert '+"""Short names."""' in out


def test_review_of_two_files_changes_nothing(place: Place) -> None:
    place.write("slug.py", SLUG)
    place.write("bad.py", "import os\n\n\ndef f(x=[]):\n    return x\n")
    before = {path: path.read_bytes() for path in place.workspace.iterdir()}
    done = place.run(
        "review", "slug.py", "bad.py", "--format", "json", "--model", place.script({"reviewer": [APPROVED]})
    )
    assert done.code == 1, done.err
    first, second = done.json["jobs"]
    assert (first["status"], first["files"], first["findings"]) == ("accepted", [], [])
    assert {finding["path"] for finding in second["findings"]} == {"bad.py"}
    assert second["findings"][0]["quote"]
    assert {path: path.read_bytes() for path in place.workspace.iterdir()} == before


def test_tests_for_a_file(place: Place) -> None:
    place.write("slug.py", SLUG)
    replies = slug_replies()
    done = place.run("test", "slug.py", "--apply", "--model", place.script(replies))
    assert done.code == 0, done.err
    assert "diff --git a/tests/test_slug.py" in done.out
    assert (place.workspace / "slug.py").read_text() == SLUG
    assert (place.workspace / "tests" / "test_slug.py").is_file()


def containers() -> set[str]:
    listed = subprocess.run(
        ["docker", "ps", "-q", "--no-trunc", "--filter", "label=codeteam.owner"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(listed.stdout.split())


def workers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children() if "codeteam.worker" in child.cmdline()]


def hanging(place: Place) -> subprocess.Popen[str]:
    """A job whose sandbox is open and whose developer takes forever."""
    replies = {**slug_replies(), "developer": [{"text": "", "delay": 600}]}
    process = place.start("run", ASK, "--json", "--model", place.script(replies))
    until_said(process, "developer (1)")
    return process


def test_ctrl_c_cancels_and_says_so(place: Place) -> None:
    process = hanging(place)
    [worker] = workers_of(process.pid)
    mine = {name for name in containers() if _is_of(name, worker.pid)}
    assert len(mine) == 1
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert not mine & containers()
    assert time.monotonic() - start < 15  # two seconds on an idle machine
    assert process.returncode == 130
    told = json.loads(out)
    assert (told["status"], told["quality"], told["error"]) == ("cancelled", None, None)
    assert told["evidence"]["model_calls"] >= 1
    assert not worker.is_running()
    assert place.run("jobs", "--json").json["jobs"][0]["state"] == "cancelled"


def test_ctrl_c_twice_ends_at_once(place: Place) -> None:
    process = hanging(place)
    [worker] = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    true_soon(lambda: not worker.is_running())


def test_a_worker_killed_in_mid_job(place: Place) -> None:
    process = hanging(place)
    [worker] = workers_of(process.pid)
    mine = {name for name in containers() if _is_of(name, worker.pid)}
    assert len(mine) == 1
    worker.kill()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    told = json.loads(out)
    assert (told["status"], told["error"]["kind"]) == ("failed", "worker_died")
    assert "signal 9" in err
    true_soon(lambda: not mine & containers())
    assert place.run("jobs", "--json").json["jobs"][0]["state"] == "failed"


def test_a_killed_command_line_leaves_nothing_behind(place: Place) -> None:
    process = hanging(place)
    [worker] = workers_of(process.pid)
    mine = {name for name in containers() if _is_of(name, worker.pid)}
    assert len(mine) == 1
    process.kill()
    process.communicate(timeout=60)
    true_soon(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    true_soon(lambda: not mine & containers())
    assert place.run("jobs", "--json").json["jobs"][0]["state"] == "interrupted"


def _is_of(container: str, pid: int) -> bool:
    label = subprocess.run(
        ["docker", "inspect", "-f", '{{index .Config.Labels "codeteam.owner"}}', container],
        capture_output=True,
        text=True,
        check=False,
    )
    return f":{pid}:" in label.stdout


def test_a_wrong_key_ends_with_a_sentence(place: Place) -> None:
    replies = {**slug_replies(), "architect": [{"text": "", "error": "auth"}]}
    done = place.run("run", ASK, "--json", "--model", place.script(replies))
    assert done.code == 3
    assert done.json["error"]["kind"] == "model_auth"
    assert done.json["error"]["hint"]
    assert "Traceback" not in done.err


def test_no_docker_engine(place: Place) -> None:
    there = place.with_environ(DOCKER_HOST=f"unix://{place.folder}/nothing.sock")
    done = there.run("run", ASK, "--model", place.script(slug_replies()))
    assert done.code == 3
    assert "There is no Docker engine" in done.err
    assert "unset DOCKER_HOST" in done.err
    assert done.out == ""


def test_the_environments_model_is_used_and_an_option_wins(place: Place) -> None:
    there = place.with_environ(CODETEAM_MODEL="nonsense/model")
    done = there.run("run", ASK)
    assert done.code == 2
    assert "nonsense/model" in done.err
    done = there.run("run", ASK, "--model", "absurd/model")
    assert "absurd/model" in done.err


def test_the_live_view_shows_the_steps_and_hostile_text_does_not_steer_the_terminal(place: Place) -> None:
    replies = slug_replies()
    replies["reviewer"] = [json.dumps({"approved": True, "findings": [], "comment": "\x1b]0;owned\x07"})]
    replies["developer"] = [fence("slug.py", SLUG.replace("Slugs.", "Slugs \x1b[2J \u202e evil."))]
    leader, follower = os.openpty()
    process = subprocess.Popen(
        place.command("run", ASK, "--require", "draft", "--model", place.script(replies)),
        cwd=place.workspace,
        env=place.environ | {"TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    process.wait(60)
    os.close(leader)
    assert b"developer (1)" in seen
    assert b"tokens" in seen
    assert b"diff --git a/slug.py" in seen
    assert rb"\x1b[2J" in seen
    assert b"\x1b[2J" not in seen
    assert b"\x1b]0;" not in seen
    assert "\u202e".encode() not in seen


@pytest.mark.docker
def test_a_new_package_is_asked_for_on_a_terminal(place: Place) -> None:
    replies = slug_replies()
    wanting = replies["architect"][0].replace('"dependencies": []', '"dependencies": ["grimp"]')
    replies["architect"] = [wanting, replies["architect"][0]]
    leader, follower = os.openpty()
    process = subprocess.Popen(
        place.command("run", ASK, "--require", "draft", "--model", place.script(replies)),
        cwd=place.workspace,
        env=place.environ | {"TERM": "xterm", "COLUMNS": "200"},
        stdin=follower,
        stdout=subprocess.DEVNULL,
        stderr=follower,
    )
    os.close(follower)
    seen = b""
    answered = False
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        seen += chunk
        if b"[y/N]" in seen and not answered:
            answered = True
            os.write(leader, b"n\n")
    assert process.wait(60) == 0
    os.close(leader)
    assert b"the package grimp of PyPI" in seen
    assert b"It is easily mistaken for primp" in seen
    assert seen.count(b"[y/N]") == 1
    assert b"The user does not want it." in seen
