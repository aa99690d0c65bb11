"""Reaches for PID 1: its memory, descriptors, environment and limits, and every signal there is.

Must: find it closed; it goes on.

expect:
  ends: exit 0
  stdout: |
    still here
"""

import ctypes
import os
import resource
import signal

libc = ctypes.CDLL(None, use_errno=True)
readable = {"oom_score_adj", "coredump_filter", "comm", "sched", "timerslack_ns", "autogroup", "uid_map", "setgroups"}
closed = (
    "fd/0",
    "fd/1",
    "fd/2",
    "mem",
    "environ",
    "cwd/x",
    f"root{os.getcwd()}/x",
    "task/1/mem",
    "clear_refs",
    "auxv",
    "maps",
    "smaps",
    "pagemap",
    "syscall",
    "stack",
    "personality",
    "io",
)
for name in (*closed, *readable):
    for mode in ("rb", "wb"):
        try:
            with open(f"/proc/1/{name}", mode, buffering=0) as file:
                if name not in readable and (mode == "wb" or file.read(1)):
                    print("opened", name, mode)
                elif mode == "wb":
                    file.write(b"-1000")
                    print("wrote", name)
        except OSError:
            pass
for name in ("fd", "fdinfo", "map_files", "cwd", "root"):
    try:
        print("listed", name, os.listdir(f"/proc/1/{name}"))
    except OSError:
        pass
try:
    resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
    print("limited")
except PermissionError:
    pass
assert libc.ptrace(16, 1, 0, 0) == -1
for number in range(1, 65):
    if number not in (32, 33):
        try:
            os.kill(1, number)
        except OSError:
            pass
        libc.syscall(129, 1, number, 0)  # rt_sigqueueinfo
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("still here")
