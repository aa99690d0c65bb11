"""Uses what /proc offers a process about itself: its program, memory, root, descriptors, score; and the kernel's knobs.

Must: change nothing beyond itself.

expect:
  ends: exit 0
  stdout: |
    nothing beyond itself
"""

import os

for path in ("/proc/self/exe", "/proc/1/exe", "/proc/self/root/usr/bin/python3", "/proc/self/task/../exe"):
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC):
        try:
            os.open(path, flags)
            print("opened", path)
        except OSError:
            pass
for name, text in (
    ("/proc/self/oom_score_adj", "-1000"),
    ("/proc/sys/kernel/core_pattern", f"|{os.getcwd()}/agent"),
    ("/proc/sys/kernel/modprobe", f"{os.getcwd()}/agent"),
    ("/proc/sys/kernel/hotplug", f"{os.getcwd()}/agent"),
    ("/proc/sys/vm/overcommit_memory", "1"),
    ("/proc/sys/net/ipv4/ip_forward", "1"),
    ("/proc/sys/kernel/ns_last_pid", "1"),
    ("/proc/sysrq-trigger", "b"),
    ("/sys/kernel/uevent_helper", f"{os.getcwd()}/agent"),
    ("/sys/power/state", "mem"),
    ("/proc/self/attr/exec", "unconfined"),
):
    try:
        with open(name, "wb", buffering=0) as file:
            file.write(text.encode())
        print("wrote", name)
    except OSError:
        pass
for score in range(1000, -1001, -50):  # the one who is killed last when memory runs out must be the supervisor
    try:
        with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
            file.write(str(score).encode())
    except OSError:
        break
if int(open("/proc/self/oom_score_adj").read()) < int(open("/proc/1/oom_score_adj").read()):
    print("memory is taken from the supervisor first")
for number in range(3, 64):
    for way in (f"/proc/self/fd/{number}", f"/dev/fd/{number}"):
        try:
            target = os.readlink(way)
        except OSError:
            continue
        if not target.startswith(("/proc/", "/work", "/dev/fd")) and "codeteam_run" not in target:
            print("inherited", target)
assert os.path.realpath("/proc/self/root") == "/"
assert not any(os.access(f"/proc/{name}/root/etc/shadow", os.R_OK) for name in os.listdir("/proc") if name.isdigit())
print("nothing beyond itself")
