"""Leaves a daemon behind, in a session of its own, without parent, name or environment.

Must: end, and take the daemon along.

expect:
  ends: exit 0
  stdout: |
    left
"""

import os
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        while True:
            with open("beat", "a") as file:
                file.write("x")
            time.sleep(0.01)
    os._exit(0)
time.sleep(0.3)
assert os.path.getsize("beat")
print("left", flush=True)
os._exit(0)
