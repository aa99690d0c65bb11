"""Makes itself a world of its own: user, mount, network and process namespaces, from which much more is allowed.

Must: get none, by libc, by clone or by the tools of the system.

expect:
  ends: exit 0
  stdout: |
    in the same namespaces
"""

import ctypes
import os
import subprocess

libc = ctypes.CDLL(None, use_errno=True)
KINDS = {name: os.readlink(f"/proc/self/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))}
for flag in (0x80, 0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000, 0x7E020080):
    if libc.unshare(flag) == 0:
        print("unshared", hex(flag))
for name in KINDS:
    for owner in (1, os.getpid()):
        try:
            there = os.open(f"/proc/{owner}/ns/{name}", os.O_RDONLY)
        except OSError:
            continue
        if libc.setns(there, 0) == 0:
            print("entered", name)
for argv in (
    ["unshare", "-Ur", "id"],
    ["bwrap", "--unshare-all", "--bind", "/", "/", "id"],
    ["newuidmap", "1", "0", "0", "1"],
):
    try:
        if subprocess.run(argv, capture_output=True, timeout=20).returncode == 0:
            print("ran", argv)
    except OSError:
        pass
for name in ("uid_map", "gid_map", "setgroups", "projid_map"):
    try:
        with open(f"/proc/self/{name}", "wb", buffering=0) as file:
            file.write(b"0 0 1\n")
        print("wrote", name)
    except OSError:
        pass
if KINDS == {name: os.readlink(f"/proc/self/ns/{name}") for name in KINDS}:
    print("in the same namespaces")
