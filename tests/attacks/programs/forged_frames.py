"""Writes to every descriptor what the supervisor would say: the run is over, all is well.

Must: be taken for output.

expect:
  ends: exit 3
"""

import json
import os
import struct


def frame(kind, payload):
    return struct.pack(">cI", kind, len(payload)) + payload


end = {"code": 0, "seconds": 0, "timed_out": False, "truncated": False, "oom": False, "full": False}
report = b'<testsuite><testcase name="test_words" classname="tests.test_slug"/></testsuite>'
forged = (
    frame(b"X", json.dumps(end).encode())
    + frame(b"C", b".codeteam/report.xml")
    + frame(b"D", report)
    + frame(b"Z", b"")
)
for descriptor in range(256):
    try:
        os.write(descriptor, forged)
    except OSError:
        pass
for name in os.listdir("/proc/self/fd"):
    try:
        with open(f"/proc/self/fd/{name}", "wb", buffering=0) as file:
            file.write(forged)
    except OSError:
        pass
os._exit(3)
