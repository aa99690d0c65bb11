"""Reads everything that it can read, for a secret of whoever started it.

Must: find no word of it: not in an environment, a command line, a file or the kernel's tables.

expect:
  ends: exit 0
  lacks: [canary-]
"""

import glob
import os

seen = [f"{name}={value}" for name, value in os.environ.items()]
for pattern in (
    "/proc/[0-9]*/environ",
    "/proc/[0-9]*/cmdline",
    "/proc/self/mountinfo",
    "/proc/cmdline",
    "/etc/*",
    "/run/**",
    f"{os.getcwd()}/**",
    "/tmp/**",
    "/dev/shm/*",
    "/root/**",
    "/home/**",
    "/var/**",
    "/opt/deps/**",
    "/run/secrets/*",
):
    for path in glob.glob(pattern, recursive=True):
        try:
            if os.path.isfile(path) and path != os.path.abspath(__file__):
                with open(path, "rb") as file:
                    seen.append(file.read(1 << 20).decode("utf-8", "replace"))
        except OSError:
            pass
everything = "\n".join(seen)
for word in ("canary" + "-", "BEGIN OPENSSH", "BEGIN RSA"):
    at = everything.find(word)
    if at >= 0:
        print("found", everything[max(at - 100, 0) : at + 100])
print("\n".join(f"{name}={value}" for name, value in os.environ.items()))
