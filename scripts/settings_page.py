"""Writes docs/settings.md from the settings themselves: `python scripts/settings_page.py`."""

from __future__ import annotations

from dataclasses import Field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from codeteam.domain.settings import Quality, Settings

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"

_TIGHTEN = {
    "taste": "freely",
    "lower": "downwards",
    "higher": "upwards",
    "on": "on, not off",
    "": "no",
}


def page() -> str:
    """The whole page."""
    lines = [
        "# Settings",
        "",
        "<!-- Written by scripts/settings_page.py from server/codeteam/domain/settings.py; do not edit. -->",
        "",
        "The same names count everywhere, in the way of each place:",
        "",
        "- in the editor `codeteam.maxIterations`, by `initializationOptions` or the workspace configuration,",
        "- on the command line `--max-iterations`,",
        "- in `settings.toml` of your configuration folder, and in a workspace's `codeteam.toml` or `[tool.codeteam]` "
        "of its `pyproject.toml`: `max-iterations`.",
        "",
        "A workspace's file, and the settings that it brings for an editor such as `.vscode/settings.json`, may change "
        "only what the last column allows.",
        "What is wrong is told in a message, and the value before it stays.",
        "",
        "| setting | default | meaning | a workspace may change it |",
        "|---|---|---|---|",
    ]
    lines += [_row(field) for field in fields(Settings)]
    lines += [
        "",
        "## Environment",
        "",
        "| variable | meaning |",
        "|---|---|",
        "| `CODETEAM_MODEL` | model of the team where no setting names one |",
        "| `CODETEAM_BASE_URL` | address of the server for `compatible/NAME` |",
        "| `CODETEAM_API_KEY` | key for `compatible/NAME`; sent to no other provider |",
        "| `OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, `GEMINI_API_KEY` or `GOOGLE_API_KEY`, `AZURE_OPENAI_API_KEY` "
        "| the providers' own keys |",
        "| `OPENAI_BASE_URL`, `ANTHROPIC_BASE_URL`, `GOOGLE_GEMINI_BASE_URL` "
        "| address of the provider, where it is not the usual one |",
        "| `AZURE_OPENAI_ENDPOINT` | address of your Azure OpenAI resource, needed for `azure/DEPLOYMENT` |",
        "| `OPENAI_API_VERSION` or `AZURE_OPENAI_API_VERSION` | version of Azure's interface |",
        "| `OLLAMA_HOST` | where Ollama listens, where it is not `127.0.0.1:11434` |",
        "| `CODETEAM_MODEL_TIMEOUT` | seconds that a model's server may be silent: 300 for the providers, "
        "600 for `ollama/` and `compatible/` |",
        "| `CODETEAM_MODEL_FILE` | a copy of the embedded model's file, taken instead of fetching it |",
        "| `HF_ENDPOINT` | mirror of huggingface.co that the embedded model is fetched from |",
        "| `CODETEAM_CONFIG` | your configuration folder: `settings.toml`, `prompts/` |",
        "| `CODETEAM_HOME` | folder of state: history, logs |",
        "| `CODETEAM_CACHE` | folder of what can be fetched again: embedded models, locks of packages, modules of Go, "
        "packages of the local sandbox; wheels stay in uv's own cache, crates in cargo's, images and volumes with the "
        "Docker engine |",
        "| `CODETEAM_WORKER_PYTHON` | Python that runs the workers, where it is not the one that runs Codeteam: an "
        "absolute path, Python 3.11 or newer, with the same version of Codeteam installed whole. The server itself "
        "then needs only the packages of the group `server` in `pyproject.toml` |",
        "| `DOCKER_HOST` | the engine, where it is not the usual one |",
        "| `PATH`, `CARGO_HOME`, `RUSTUP_HOME`, `RUSTUP_TOOLCHAIN` | where Rust is looked for, of which the "
        "sandbox gets a copy; with `CARGO_HOME`, whose settings say which registry is asked for crates |",
        "",
    ]
    return "\n".join(lines)


def _row(field: Field[Any]) -> str:
    facts = field.metadata
    default = field.default
    shown = f"`{default.label}`" if isinstance(default, Quality) else _shown(default)
    meaning = facts["doc"]
    if isinstance(default, Enum):
        choices = [item.label if isinstance(item, Quality) else item.value for item in type(default)]
        meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    if facts["minimum"] is not None and facts["maximum"] is not None:
        meaning += f" From {facts['minimum']} to {facts['maximum']}."
    return f"| `{field.name.replace('_', '-')}` | {shown} | {meaning} | {_TIGHTEN[facts['tighten']]} |"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{value}`" if str(value) else "empty"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
