"""Where Codeteam keeps its state on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import platformdirs


def state_dir(environ: Mapping[str, str]) -> Path:
    """The state directory (history, logs): `CODETEAM_HOME`, or the platform's own."""
    chosen = environ.get("CODETEAM_HOME", "")
    return Path(chosen).absolute() if chosen else platformdirs.user_state_path("codeteam", appauthor=False)
