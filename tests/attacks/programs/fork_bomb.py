"""Forks without end.

Must: be held at the limit of processes and be ended at the deadline; the next run finds no process of it.

expect:
  ends: deadline
  seconds: 2
"""

import os

while True:
    try:
        os.fork()
    except OSError:
        pass
