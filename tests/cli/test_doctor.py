"""What the doctor sees, and that each complaint comes with its remedy."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
import venv
from pathlib import Path

import pytest

from codeteam import __version__
from codeteam.sandbox import mending
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
    assert set(found) == {
        "settings",
        "python",
        "uv",
        "docker",
        "protection",
        "image",
        "languages",
        "model",
        "disk",
        "history",
    }
    assert {check["status"] for name, check in found.items() if name != "image"} == {"ok"}
    for title in ("Python", "JavaScript", "TypeScript", "Go", "Rust", "Bash"):
        assert title in found["languages"]["detail"]
    shown = well(place).run("doctor")
    assert shown.code == 0
    assert shown.out.count("✓") >= 7


@pytest.mark.docker
def test_a_machine_without_rust_is_well_and_told_what_to_install(place: Place) -> None:
    code, found = checks(well(place).with_environ(PATH="/nowhere", CARGO_HOME="/nowhere"))
    assert (code, found["languages"]["status"]) == (0, "ok")
    assert "not here: Rust." in found["languages"]["detail"]
    assert "apt install rustc cargo rust-clippy rustfmt gcc" in found["languages"]["detail"]


@pytest.mark.parametrize(
    ("host", "detail"),
    [
        (
            "unix:///nothing.sock",
            "There is no Docker engine at unix:///nothing.sock (DOCKER_HOST): its socket does not exist.",
        ),
        (
            "tcp://127.0.0.1:1",
            "The Docker engine at tcp://127.0.0.1:1 (DOCKER_HOST) does not answer: nothing listens there.",
        ),
        (
            "tcp://me:secret@127.0.0.1:1",
            "The Docker engine at tcp://127.0.0.1:1 (DOCKER_HOST) does not answer: that is no address of an engine.",
        ),
    ],
)
def test_no_docker_where_the_environment_says_it_is(place: Place, host: str, detail: str) -> None:
    code, found = checks(well(place).with_environ(DOCKER_HOST=host))
    assert code == 3
    assert found["docker"]["status"] == "fail"
    assert found["docker"]["detail"].startswith(detail.format(f"{host.replace('me:secret@', '')} (DOCKER_HOST)"))
    assert "secret" not in str(found)
    assert found["docker"]["mend"].endswith(": unset DOCKER_HOST")
    assert "image" not in found
    assert found["history"]["status"] == "ok"


@pytest.mark.parametrize("installed", [False, True])
def test_no_docker_where_it_usually_is(place: Place, *, installed: bool) -> None:
    """Docker's own configuration names a socket that is not there, as on a machine without an engine."""
    programs = place.folder / "bin"
    programs.mkdir()
    if installed:
        (programs / "dockerd").symlink_to(sys.executable)
    there = without_engine(well(place)).with_environ(PATH=str(programs), DOCKER_HOST="")
    done = there.run("doctor", "--json")
    assert done.code == 3
    [check] = [check for check in done.json["checks"] if check["name"] == "docker"]
    assert (check["kind"], check["detail"]) == (
        "docker_missing",
        "There is no Docker engine: its socket does not exist.",
    )
    assert check["mend"] == (mending.down if installed else mending.missing)(mending.this_platform(there.environ))
    assert re.fullmatch(r"(Install Docker|Start the Docker engine): (sudo )?[a-z-]+ .*docker.*", check["mend"])


@pytest.mark.parametrize(
    "text",
    ['{"Name": "gone", "Endpoints": {"docker": {}}}', '{"Name": "gone", "Metadata": {}}', "[]", "{", "\0", None],
    ids=["no metadata", "no endpoints", "a list", "half", "no text", "no file"],
)
def test_a_broken_context_of_docker_is_told(place: Place, text: str | None) -> None:
    there = without_engine(well(place)).with_environ(DOCKER_HOST="")
    [file] = (place.folder / "docker").glob("contexts/meta/*/meta.json")
    file.unlink()
    if text is not None:
        file.write_text(text)
    done = there.run("doctor", "--json")
    assert done.code == 3
    [check] = [check for check in done.json["checks"] if check["name"] == "docker"]
    assert check["detail"].startswith("The Docker context gone cannot be read: its file is missing, or not"), check
    assert check["mend"].endswith(": docker context use default")


def without_engine(place: Place) -> Place:
    """A context of Docker's, chosen in its configuration, whose engine is not there."""
    folder = place.folder / "docker"
    meta = folder / "contexts" / "meta" / hashlib.sha256(b"gone").hexdigest()
    meta.mkdir(parents=True)
    host = f"unix://{place.folder}/nothing.sock"
    (meta / "meta.json").write_text(
        json.dumps({"Name": "gone", "Metadata": {}, "Endpoints": {"docker": {"Host": host}}})
    )
    (folder / "config.json").write_text(json.dumps({"currentContext": "gone"}))
    return place.with_environ(DOCKER_CONFIG=str(folder))


DEBIAN = mending.Platform("Linux", ("debian",), has_systemd=True)
MINT = mending.Platform("Linux", ("linuxmint", "ubuntu", "debian"), has_systemd=True)
FEDORA = mending.Platform("Linux", ("fedora",), has_systemd=True)
VOID = mending.Platform("Linux", ("void",))
ALPINE = mending.Platform("Linux", ("alpine",), is_root=True)
MAC, WINDOWS = mending.Platform("Darwin"), mending.Platform("Windows")


@pytest.mark.parametrize(
    ("machine", "missing", "down"),
    [
        (DEBIAN, "sudo apt-get install docker.io", "sudo systemctl start docker"),
        (MINT, "sudo apt-get install docker.io", "sudo systemctl start docker"),
        (FEDORA, "sudo dnf install moby-engine && sudo systemctl enable --now docker", "sudo systemctl start docker"),
        (VOID, "curl -fsSL https://get.docker.com | sudo sh", "sudo service docker start"),
        (ALPINE, "apk add docker && rc-service docker start", "rc-service docker start"),
        (MAC, "brew install --cask docker-desktop && open -a Docker", "open -a Docker"),
        (WINDOWS, "winget install -e --id Docker.DockerDesktop", "docker desktop start"),
    ],
)
def test_each_machine_has_its_own_command(machine: mending.Platform, missing: str, down: str) -> None:
    assert mending.missing(machine) == f"Install Docker: {missing}"
    assert mending.down(machine) == f"Start the Docker engine: {down}"
    installed = dataclasses.replace(machine, has_docker=True)
    assert mending.missing(installed) == mending.down(machine)
    assert mending.silent(machine).partition(": ")[2] == {"open -a Docker": "docker desktop restart"}.get(
        down, down.replace("start", "restart")
    )
    rootless = dataclasses.replace(machine, host="unix:///run/user/1000/docker.sock")
    assert mending.missing(rootless) == "Start the Docker engine: systemctl --user start docker"
    user = "usermod -aG docker $USER" if machine.is_root else "sudo usermod -aG docker $USER"
    assert mending.forbidden(machine) == f"Join its group, then log in again: {user}"


@pytest.mark.parametrize(
    ("environ", "said", "mend"),
    [
        ({"CODETEAM_MODEL": "openai/gpt-4.1", "OPENAI_API_KEY": ""}, "no key", "OPENAI_API_KEY"),
        ({"CODETEAM_MODEL": "compatible/qwen"}, "address", "CODETEAM_BASE_URL"),
        ({"CODETEAM_MODEL": "absurd/model"}, "no model", "export CODETEAM_MODEL=local/qwen2.5-coder-1.5b"),
        ({"CODETEAM_MODEL": "editor"}, "an editor lends", "export CODETEAM_MODEL=local/qwen2.5-coder-1.5b"),
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


def test_another_model_is_chosen_there_where_the_wrong_one_was(place: Place) -> None:
    there = well(place).with_environ(DOCKER_HOST="unix:///nothing.sock")
    for option in ("--model", "--tester-model"):
        done = there.call("doctor", "--json", option, "gpt-4")
        [wrong] = [check for check in done.json["checks"] if check["name"] == "model" and check["status"] == "fail"]
        assert wrong["detail"] == "gpt-4 is no model"
        assert wrong["mend"] == f"codeteam doctor {option} local/qwen2.5-coder-1.5b"
    config = there.folder / "config"
    config.mkdir()
    (config / "settings.toml").write_text('developer-model = "gpt-4"\n')
    _, found = checks(there)
    settings = config / "settings.toml"
    assert found["model"]["mend"] == f'Write developer_model = "local/qwen2.5-coder-1.5b" into {settings}.'


@pytest.mark.parametrize("spec", ["editor", "editor/gpt-4.1"])
def test_a_model_of_an_editor_is_none_of_the_command_line(place: Place, spec: str) -> None:
    there = well(place).with_environ(DOCKER_HOST="unix:///nothing.sock")
    done = there.call("doctor", "--json", "--model", spec)
    assert done.code == 3
    [check] = [check for check in done.json["checks"] if check["name"] == "model"]
    assert (check["status"], check["kind"]) == ("fail", "model_editor")
    assert check["mend"] == "codeteam doctor --model local/qwen2.5-coder-1.5b"


def test_the_python_of_the_workers_is_tried(place: Place, tmp_path: Path) -> None:
    there = well(place).with_environ(DOCKER_HOST="unix:///nothing.sock")
    _, found = checks(there.with_environ(CODETEAM_WORKER_PYTHON="/nonexistent/python"))
    assert (found["worker"]["status"], found["worker"]["kind"]) == ("fail", "worker_environment")
    assert found["worker"]["mend"] == "unset CODETEAM_WORKER_PYTHON"
    venv.create(tmp_path / "bare", with_pip=False)
    bare = tmp_path / "bare" / "bin" / "python"
    code, found = checks(there.with_environ(CODETEAM_WORKER_PYTHON=str(bare)))
    assert (code, found["worker"]["status"]) == (3, "fail")
    assert "codeteam" in found["worker"]["detail"]
    assert found["worker"]["mend"] == f"{bare} -I -m pip install codeteam=={__version__}"
    _, found = checks(there.with_environ(CODETEAM_WORKER_PYTHON=sys.executable))
    assert (found["worker"]["status"], found["worker"]["detail"]) == ("ok", f"workers run with {sys.executable}")


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
    assert found["disk"]["mend"] == "codeteam sandbox prune --volumes"
