"""Writes a little, for ever, so that it never looks idle.

Must: be ended at the deadline, which output does not move.

expect:
  ends: deadline
  seconds: 2
"""

import time

while True:
    print("drip", flush=True)
    time.sleep(0.05)
