"""Looks for the engine that runs it: its socket, its control groups, a release agent, other containers.

Must: find no socket, nothing to write, and no process but its own and the supervisor.

expect:
  ends: exit 0
  stdout: |
    alone
"""

import os
import socket
import stat

for folder in ("/run", "/var/run", "/tmp", "/var/lib", "/work"):
    for place, _, names in os.walk(folder):
        for name in names:
            if stat.S_ISSOCK(os.lstat(os.path.join(place, name)).st_mode):
                print("socket", place, name)
for path in (
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "\0/containerd-shim",
    "/run/podman/podman.sock",
    "/var/run/dbus/system_bus_socket",
    "/run/systemd/private",
):
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(path)
            print("connected", path)
        except OSError:
            pass
for place, _, names in os.walk("/sys/fs/cgroup"):
    for name in names:
        if name in (
            "release_agent",
            "notify_on_release",
            "cgroup.procs",
            "tasks",
            "devices.allow",
            "memory.limit_in_bytes",
            "pids.max",
            "memory.max",
            "cpu.max",
            "freezer.state",
        ):
            try:
                os.open(os.path.join(place, name), os.O_WRONLY)
                print("writable", place, name)
            except OSError:
                pass
    try:
        os.mkdir(os.path.join(place, "mine"))
        print("a group of its own", place)
    except OSError:
        pass
processes = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
assert processes == [1, os.getpid()], processes
print("alone")
