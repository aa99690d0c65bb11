"""Writes without end, to both streams.

Must: be ended at the deadline; what reads it does not grow.

expect:
  ends: deadline
  seconds: 2
"""

import os

chunk = b"a line of output\n" * 4096
while True:
    os.write(1, chunk)
    os.write(2, chunk)
