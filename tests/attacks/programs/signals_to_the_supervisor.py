"""Floods PID 1 with the one signal that it listens to.

Must: be ended at the deadline.

expect:
  ends: deadline
  seconds: 2
"""

import os
import signal

for _ in range(3):
    os.fork()
while True:
    os.kill(1, signal.SIGCHLD)
