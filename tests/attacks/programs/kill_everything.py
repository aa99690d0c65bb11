"""Kills whatever it may.

Must: end itself, and nothing beyond its own children.

expect:
  ends: signal 9
  stdout: |
    children are gone
    nobody else
"""

import os
import time

for _ in range(5):
    if os.fork() == 0:
        time.sleep(60)
try:
    os.kill(-1, 9)
    for _ in range(5):
        os.waitpid(-1, 0)
    print("children are gone", flush=True)
    os.kill(-1, 9)
except ProcessLookupError:
    print("nobody else", flush=True)
os.kill(0, 9)
