"""Spins in many processes, and slows the supervisor by what the kernel lets one user do to its own processes.

Must: be ended at the deadline all the same.

expect:
  ends: deadline
  seconds: 2
"""

import os

for change in (
    lambda: os.setpriority(os.PRIO_PROCESS, 1, 19),
    lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)),
    lambda: os.sched_setaffinity(1, {0}),
    lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(99)),
):
    try:
        change()
    except OSError:
        pass
for _ in range(5):
    os.fork()
while True:
    pass
