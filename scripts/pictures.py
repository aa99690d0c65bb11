"""Takes the pictures that the pages show from those that the tests in VS Code made: `python scripts/pictures.py`."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parent.parent
MADE = ROOT / "dist" / "screenshots"
SHOWN = ROOT / "docs" / "pictures"
PICTURES = ("lightbulb", "notification", "preview", "report-dark")
COLOURS = 128
"""Enough for an editor's window, those that are seldom included, and a third of the bytes."""


def main() -> None:
    SHOWN.mkdir(exist_ok=True)
    for name in PICTURES:
        with Image.open(MADE / f"{name}.png") as picture:
            few = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
            few.save(SHOWN / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
