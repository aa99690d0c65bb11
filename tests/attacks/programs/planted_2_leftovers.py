"""Looks for what the run before it left, and leaves something for the next, wherever something can be left.

Must: find nothing, as often as it is run.

expect:
  ends: exit 0
  stdout: |
    found []
"""

import os
import socket

FOLDERS = ("/work", "/tmp", "/dev/shm", "/var/tmp", "/run", os.environ["HOME"])
own = {os.path.basename(__file__), "codeteam_run.py", "__pycache__"}
found = []
for folder in FOLDERS:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if os.access(os.path.join(place, name), os.R_OK)]
        found += [os.path.join(place, name) for name in (*folders, *names) if name not in own]
with socket.socket(socket.AF_UNIX) as line:
    try:
        line.connect("\0codeteam-left")
        found.append("a socket")
    except OSError:
        pass
found += [f"process {name}" for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
found += [name for name in os.environ if name.startswith("LEFT")]
print("found", sorted(found))
for folder in FOLDERS:
    try:
        os.makedirs(f"{folder}/left/deep", exist_ok=True)
        open(f"{folder}/left/deep/file", "w").close()
        os.chmod(f"{folder}/left", 0)
    except OSError:
        pass
if os.fork() == 0:
    os.setsid()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0codeteam-left")
        server.listen()
        server.accept()
