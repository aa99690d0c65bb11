"""Makes device files of the host's disk and memory, and opens those that are there.

Must: make none, and find none that leads out.

expect:
  ends: exit 0
  stdout: |
    only the usual devices
"""

import os
import stat

for name, kind, major, minor in (
    ("disk", stat.S_IFBLK, 254, 0),
    ("sda", stat.S_IFBLK, 8, 0),
    ("mem", stat.S_IFCHR, 1, 1),
    ("kmsg", stat.S_IFCHR, 1, 11),
    ("fuse", stat.S_IFCHR, 10, 229),
    ("kvm", stat.S_IFCHR, 10, 232),
):
    for folder in (".", "/tmp", "/dev", "/dev/shm"):
        try:
            os.mknod(f"{folder}/{name}", kind | 0o666, os.makedev(major, minor))
            print("made", folder, name)
        except OSError:
            pass
known = {"null", "zero", "full", "random", "urandom", "tty", "ptmx", "console"}
for folder, _, names in os.walk("/dev"):
    for name in names:
        facts = os.lstat(os.path.join(folder, name))
        if stat.S_ISBLK(facts.st_mode) or (stat.S_ISCHR(facts.st_mode) and name not in known and folder != "/dev/pts"):
            print("there is", folder, name)
for path in (
    "/dev/mem",
    "/dev/kmem",
    "/dev/kmsg",
    "/dev/port",
    "/proc/kcore",
    "/proc/kmsg",
    "/dev/kvm",
    "/dev/fuse",
    "/dev/net/tun",
    "/dev/vsock",
    "/dev/vhost-vsock",
    "/dev/userfaultfd",
    "/proc/keys",
    "/proc/sysrq-trigger",
):
    for mode in ("rb", "wb"):
        try:
            if os.stat(path).st_rdev == os.stat("/dev/null").st_rdev:
                continue  # it is masked
            with open(path, mode) as file:
                if mode == "wb" or file.read(1):
                    print("opened", path, mode)
        except OSError:
            pass
print("only the usual devices")
