"""Writes byte by byte, so that each becomes a frame of its own.

Must: cost its reader no more than many bytes at once would.

expect:
  ends: deadline
  seconds: 2
"""

import os

while True:
    os.write(1, b".")
