"""Fills its pipes to the brim with frames, changes how they work, hands them to a daemon, and leaves.

Must: end with the program; what is in the pipes is output and no more.

expect:
  ends: exit 5
"""

import fcntl
import os
import struct
import time

for descriptor in (1, 2):
    fcntl.fcntl(descriptor, 1031, 1 << 20)  # F_SETPIPE_SZ
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)
if os.fork() == 0:
    os.setsid()
    while True:
        for descriptor in (1, 2):
            try:
                os.write(descriptor, struct.pack(">cI", b"Z", 0) * 10_000)
            except OSError:
                pass
time.sleep(0.3)
os._exit(5)
