"""Ignores every signal that can be ignored, stops itself, and waits.

Must: be ended at the deadline.

expect:
  ends: deadline
  seconds: 2
"""

import os
import signal

for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
os.kill(os.getpid(), signal.SIGSTOP)
while True:
    signal.pause()
