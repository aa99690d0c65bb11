"""The composition root of the command line: where environment, time and paths come in."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; returns the exit code of `docs/protocol.md`."""
    from codeteam.cli.main import run  # noqa: PLC0415 - the command line is the only importer of what it needs

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
