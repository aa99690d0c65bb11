"""package.json as the extension's manifest: its settings are the team's, and what it names is there."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from codeteam.domain.languages import TONGUES
from codeteam.domain.settings import Settings
from codeteam.lsp.commands import COMMANDS
from codeteam.workspace.configuration import parse_settings

ROOT = Path(__file__).parent.parent.parent
MANIFEST: dict[str, Any] = json.loads((ROOT / "package.json").read_text("utf-8"))
CONTRIBUTES = MANIFEST["contributes"]
SETTINGS = {name: rule for part in CONTRIBUTES["configuration"] for name, rule in part["properties"].items()}


_IDENTIFIERS = {"shell": "shellscript"}
"""What VS Code calls a language, where that differs."""


def registered() -> set[str]:
    """The commands that the extension's code registers."""
    folder = ROOT / "client-extension" / "src"
    source = (folder / "commands.ts").read_text("utf-8")
    elsewhere = re.findall(r"registerCommand\('codeteam\.(\w+)'", (folder / "questions.ts").read_text("utf-8"))
    intents = re.findall(r"'(\w+)'", re.findall(r"const INTENTS: Intent\[\] = \[(.*?)\]", source)[0])
    table = re.findall(r"const table:.*?\n  \};", source, flags=re.DOTALL)[0]
    return {
        f"codeteam.{name}" for name in (*intents, *elsewhere, *re.findall(r"^    (\w+):", table, flags=re.MULTILINE))
    }


def test_the_settings_are_those_of_the_team() -> None:
    """Otherwise run: python scripts/manifest.py"""
    made = runpy.run_path(str(ROOT / "scripts" / "manifest.py"))["text"]()
    assert (ROOT / "package.json").read_text("utf-8") == made


def test_every_setting_of_the_team_is_taken_by_the_server_with_the_default_it_has_there() -> None:
    team = CONTRIBUTES["configuration"][0]["properties"]
    assert len(team) == len(fields(Settings))
    defaults = {name.removeprefix("codeteam."): rule["default"] for name, rule in team.items()}
    settings, problems = parse_settings(defaults, where="manifest")
    assert (settings, problems) == (Settings(), ())


def test_whatever_runs_or_sends_something_is_restricted_where_the_workspace_is_not_trusted() -> None:
    restricted = set(MANIFEST["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"])
    assert restricted <= SETTINGS.keys()
    dangerous = r"(pythonPath|wheelhouse|[mM]odel|baseUrl|sandbox\w*|max\w+|require\w*|executionTimeout|jobs)$"
    assert {name for name in SETTINGS if re.search(dangerous, name)} <= restricted
    assert MANIFEST["capabilities"]["untrustedWorkspaces"]["supported"] == "limited"


def test_a_workspace_is_asked_for_nothing_but_what_it_may_change() -> None:
    """VS Code itself leaves out what a workspace says of the others."""
    named = {f"codeteam.{_camel(field.name)}": field.metadata["tighten"] for field in fields(Settings)}
    asked = {name for name, rule in SETTINGS.items() if rule["scope"] == "window"}
    assert asked == {name for name, tighten in named.items() if tighten}


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_each_setting_is_described_and_typed(name: str) -> None:
    rule = SETTINGS[name]
    assert rule["markdownDescription"].endswith(".")
    assert rule["scope"] in {"application", "machine", "window"}
    assert rule["type"] in {"string", "boolean", "integer", "number"}
    if "enum" in rule:
        assert rule["default"] in rule["enum"]
        assert len(rule["enum"]) == len(rule.get("enumDescriptions", rule["enum"]))


def test_every_command_that_the_server_or_the_manifest_names_is_registered() -> None:
    contributed = {command["command"] for command in CONTRIBUTES["commands"]}
    assert contributed <= registered()
    assert set(COMMANDS) <= registered()
    used = {name for name in _named_commands() if not name.startswith(("workbench.", "codeteam.jobs."))}
    assert used <= contributed


def test_every_language_that_the_team_writes_is_offered_its_actions() -> None:
    server = (ROOT / "client-extension" / "src" / "server.ts").read_text("utf-8")
    code = set(re.findall(r"'(\w+)'", re.findall(r"const CODE = \[(.*?)\]", server)[0]))
    assert code == {_IDENTIFIERS.get(name, name) for name in TONGUES}
    menus = CONTRIBUTES["menus"]
    [editor], [explorer] = menus["editor/context"], menus["explorer/context"]
    for language in code:
        assert f"onLanguage:{language}" in MANIFEST["activationEvents"]
        assert re.search(_pattern(editor["when"], "editorLangId"), language)
    for ending in (ending for tongue in TONGUES.values() for ending in tongue.endings):
        assert re.search(_pattern(explorer["when"], "resourceExtname"), ending)
        for entry in menus["codeteam.explorer"]:
            assert re.search(_pattern(entry.get("when", explorer["when"]), "resourceExtname"), ending), entry


def test_every_file_that_the_manifest_names_is_there() -> None:
    text = json.dumps({**MANIFEST, "main": "", "scripts": {}})
    named = set(re.findall(r'"(client-extension/[^"]+)"', text))
    assert len(named) >= 5
    assert [name for name in sorted(named) if not (ROOT / name).is_file()] == []


def test_the_versions_are_the_same() -> None:
    init = (ROOT / "server" / "codeteam" / "__init__.py").read_text("utf-8")
    assert re.findall(r'__version__ = "([^"]+)"', init) == [MANIFEST["version"]]


def test_keys_are_chords_with_one_beginning_and_no_two_are_the_same() -> None:
    keys = [binding["key"] for binding in CONTRIBUTES["keybindings"]]
    assert len(set(keys)) == len(keys)
    assert {key.split()[0] for key in keys} == {"ctrl+alt+j"}
    assert all(binding["mac"] == binding["key"].replace("ctrl", "cmd", 1) for binding in CONTRIBUTES["keybindings"])


def test_a_command_is_offered_where_it_means_something() -> None:
    """By a key and in the palette as in the context menu; a job's commands where there are such jobs."""
    menus = CONTRIBUTES["menus"]
    [prose] = [item["when"].split(" && ")[0] for item in menus["editor/context"]]
    expected = {item["command"]: item.get("when", prose) for item in menus["codeteam.editor"]}
    palette = {item["command"]: item["when"] for item in menus["commandPalette"]}
    keys = {binding["command"]: binding.get("when", "") for binding in CONTRIBUTES["keybindings"]}
    for command, when in expected.items():
        assert palette[command] == when
        assert keys[command].endswith(when)
    assert _pattern(palette["codeteam.review"], "editorLangId") != _pattern(prose, "editorLangId")
    of_jobs = {item["command"] for item in menus["view/item/context"]}
    assert of_jobs <= palette.keys()
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "client-extension" / "src").glob("*.ts"))
    set_by_us = {f"codeteam.{name}" for name in re.findall(r"setContext\(\s*'(\w+)'", sources)}
    whens = [*palette.values(), *keys.values()]
    steps = [
        event for walk in CONTRIBUTES["walkthroughs"] for step in walk["steps"] for event in step["completionEvents"]
    ]
    assert all(event.startswith("onContext:") for event in steps), "each is done when it is so"
    asked = {name for when in (*whens, *steps) for name in re.findall(r"codeteam\.\w+", when)}
    assert asked
    assert asked <= set_by_us


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _pattern(when: str, name: str) -> str:
    """The regular expression that a condition of a menu holds a name against."""
    return str(re.findall(rf"{name} =~ /(.*?)/(?:\s|$)", when)[0])


def _named_commands() -> Iterator[str]:
    for items in (*CONTRIBUTES["menus"].values(), CONTRIBUTES["keybindings"]):
        yield from (item["command"] for item in items if "command" in item)
    yield from re.findall(r"\(command:([\w.]+)", json.dumps(CONTRIBUTES))
