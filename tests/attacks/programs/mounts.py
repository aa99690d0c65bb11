"""Mounts: the host's disk, a /proc without masks, the packages once more but writable, another root.

Must: change nothing of what is mounted.

expect:
  ends: exit 0
  stdout: |
    mounted as before
"""

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
before = open("/proc/self/mountinfo").read()
os.makedirs("place", exist_ok=True)
REMOUNT, BIND = 32, 4096
ATTEMPTS = (
    (b"/dev/vda", b"place", b"ext4", 0),
    (b"/dev/sda1", b"place", b"ext4", 0),
    (b"proc", b"place", b"proc", 0),
    (b"sysfs", b"place", b"sysfs", 0),
    (b"tmpfs", b"place", b"tmpfs", 0),
    (b"cgroup", b"place", b"cgroup", 0),
    (b"overlay", b"place", b"overlay", 0),
    (b"/", b"place", None, BIND),
    (None, b"/", None, REMOUNT | BIND),
    (None, b"/opt/tools", None, REMOUNT | BIND),
    (None, b"/proc/sys", None, REMOUNT | BIND),
)
for source, target, kind, flags in ATTEMPTS:
    if libc.mount(source, target, kind, flags, None) == 0:
        print("mounted", source, target)
for target in (b"/proc/sys", b"/proc/keys", b"/sys/firmware", b"/work", b"/opt/tools"):
    if libc.umount2(target, 2) == 0:
        print("unmounted", target)
for change in (lambda: os.chroot("place"), lambda: os.chroot("/proc/1/root")):
    try:
        change()
        print("another root")
    except OSError:
        pass
if open("/proc/self/mountinfo").read() == before:
    print("mounted as before")
