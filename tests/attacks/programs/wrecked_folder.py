"""Makes its work folder unusable: closed, full of links, pipes and folders without permissions, and removed below itself.

Must: leave the next run as good a folder as any.

expect:
  ends: exit 0
"""

import os
import socket

os.makedirs("closed/inner/deep")
open("closed/inner/deep/x", "w").close()
os.symlink("/etc", "folder")
os.symlink("/proc/1/root", "root")
os.symlink("loop", "loop")
os.mkfifo("attack2.py")
socket.socket(socket.AF_UNIX).bind("sock")
for place in ("closed/inner/deep", "closed/inner", "closed"):
    os.chmod(place, 0)
os.mkdir("gone")
os.chdir("gone")
os.rmdir("../gone")
for name in ("..", "/work"):
    try:
        os.chmod(name, 0)
    except OSError:
        pass
os._exit(0)
