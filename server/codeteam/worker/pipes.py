"""The worker's two pipes, taken away from everything else in the process.

Standard output is a protocol: one stray `print` of a library would break it. So the real handles are kept here,
file descriptor 1 becomes standard error, and file descriptor 0 becomes empty, for children too.
"""

from __future__ import annotations

import os
import sys
from typing import BinaryIO


def take_over() -> tuple[BinaryIO, BinaryIO]:
    """The protocol's input and output; call it before anything chatty is imported."""
    sys.stdout.flush()
    source, sink = os.dup(0), os.dup(1)  # the duplicates are not inherited by children
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(source, "rb"), os.fdopen(sink, "wb", buffering=0)
