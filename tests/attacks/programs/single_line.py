"""Writes one line of a hundred million characters.

Must: be capped; it is no line that anything waits for.

expect:
  ends: exit 0
  truncated: true
"""

import os

left = 100_000_000
while left > 0:
    left -= os.write(1, b"x" * min(left, 1 << 16))
