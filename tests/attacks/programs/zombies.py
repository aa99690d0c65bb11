"""Leaves children unreaped until no process can be made.

Must: be refused at the limit; the next run has all of it again.

expect:
  ends: exit 0
  stdout: |
    refused
"""

import os

made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            os._exit(0)
        made += 1
except OSError:
    pass
os.write(1, b"refused\n" if made <= 128 else b"not refused\n")
os._exit(0)
