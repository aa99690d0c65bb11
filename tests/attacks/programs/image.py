"""Writes the image, the packages and the system's own files, by their names and by other ways to them.

Must: find all of it read-only.

expect:
  ends: exit 0
  stdout: |
    nothing was written
"""

import os
import shutil
import sys

places = [
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/mnt",
    "/opt",
    "/opt/tools",
    "/opt/deps",
    "/root",
    "/run",
    "/srv",
    "/sys",
    "/usr",
    "/usr/bin",
    "/usr/local/bin",
    "/var",
    "/var/lib",
    "/var/tmp",
    "/proc",
    "/proc/sys/kernel",
]
places += [folder for folder in sys.path if os.path.isdir(folder) and not folder.startswith(os.getcwd())]
for folder in places:
    for way in (folder, f"/proc/self/root{folder}"):
        try:
            open(f"{way}/attacked", "w").close()
            print("wrote into", way)
        except OSError:
            pass
for path in (
    "/etc/passwd",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/etc/ld.so.preload",
    os.__file__,
    sys.executable,
    "/proc/self/exe",
    "/opt/tools/pytest/__init__.py",
    "/opt/tools/.codeteam-complete",
):
    for act in (
        lambda: open(path, "ab"),
        lambda: os.chmod(path, 0o777),
        lambda: os.unlink(path),
        lambda: os.rename(path, "mine"),
        lambda: os.truncate(path, 0),
        lambda: os.link(path, "linked"),
    ):
        try:
            act()
            print("changed", path)
        except OSError:
            pass
try:
    os.open("/usr", os.O_TMPFILE | os.O_RDWR)
    print("a file without a name")
except OSError:
    pass
assert shutil.which("python3")
print("nothing was written")
