"""What the doctor sees, and that each complaint comes with its remedy."""

from __future__ import annotations

import pytest

from tests.cli.command import Place


def checks(place: Place) -> tuple[int, dict[str, dict[str, str]]]:
    done = place.call("doctor", "--json")
    assert done.json["ok"] == (done.code == 0)
    return done.code, {check["name"]: check for check in done.json["checks"]}


def well(place: Place) -> Place:
    """With a model that needs nothing."""
    return place.with_environ(CODETEAM_MODEL=place.script({"architect": ["hello"]}))


@pytest.mark.docker
def test_a_healthy_machine(place: Place) -> None:
    code, found = checks(well(place))
    assert code == 0
    assert set(found) == {"settings", "python", "uv", "docker", "image", "languages", "model", "disk", "history"}
    assert {check["status"] for name, check in found.items() if name != "image"} == {"ok"}
    for title in ("Python", "JavaScript", "TypeScript", "Go", "Bash"):
        assert title in found["languages"]["detail"]
    shown = well(place).run("doctor")
    assert shown.code == 0
    assert shown.out.count("✓") >= 7


@pytest.mark.parametrize("host", ["unix:///nothing.sock", "tcp://127.0.0.1:1"])
def test_no_docker(place: Place, host: str) -> None:
    code, found = checks(well(place).with_environ(DOCKER_HOST=host))
    assert code == 3
    assert found["docker"]["status"] == "fail"
    assert "ocker" in found["docker"]["mend"]
    assert "image" not in found
    assert found["history"]["status"] == "ok"


@pytest.mark.parametrize(
    ("environ", "said", "mend"),
    [
        ({"CODETEAM_MODEL": "openai/gpt-4.1", "OPENAI_API_KEY": ""}, "no key", "OPENAI_API_KEY"),
        ({"CODETEAM_MODEL": "compatible/qwen"}, "address", "CODETEAM_BASE_URL"),
        ({"CODETEAM_MODEL": "absurd/model"}, "no model", "CODETEAM_MODEL"),
        ({"CODETEAM_MODEL": "script/nothing.md"}, "cannot be read", "path"),
        ({"CODETEAM_CACHE": "/nonexistent/cache"}, "not on this machine", "codeteam model pull qwen2.5-coder-1.5b"),
    ],
)
def test_models_that_cannot_be_asked(place: Place, environ: dict[str, str], said: str, mend: str) -> None:
    code, found = checks(place.with_environ(DOCKER_HOST="unix:///nothing.sock", **environ))
    assert code == 3
    assert found["model"]["status"] == "fail"
    assert said in found["model"]["detail"]
    assert mend in found["model"]["mend"]


def test_a_key_is_never_shown(place: Place) -> None:
    key = "sk-0123456789"
    there = place.with_environ(DOCKER_HOST="unix:///nothing.sock", CODETEAM_MODEL="openai/gpt-4.1", OPENAI_API_KEY=key)
    done = there.call("doctor")
    assert "a key is set" in done.out
    assert key not in done.out + done.err


def test_a_damaged_history_and_wrong_settings(place: Place) -> None:
    (place.home / "history").mkdir(parents=True)
    (place.home / "history" / "history.sqlite3").write_bytes(b"nonsense" * 1000)
    config = place.folder / "config"
    (config / "prompts").mkdir(parents=True)
    (config / "settings.toml").write_text("colour = 'red'\n")
    (config / "prompts" / "developer.md").write_bytes(b"\xff\xfe")
    code, found = checks(well(place).with_environ(DOCKER_HOST="unix:///nothing.sock"))
    assert code == 3
    assert found["history"]["status"] == "fail"
    assert "mv " in found["history"]["mend"]
    assert found["settings"]["status"] == "warn"
    assert "colour" in found["settings"]["detail"]
    assert "developer.md" in found["settings"]["detail"]


def test_the_disk_is_that_of_the_folder_that_was_chosen(place: Place) -> None:
    _, found = checks(well(place).with_environ(DOCKER_HOST="unix:///nothing.sock", CODETEAM_CACHE="/proc/cache"))
    assert found["disk"]["status"] == "fail"  # a file system that has no room at all
    assert "/proc/cache" in found["disk"]["detail"]
