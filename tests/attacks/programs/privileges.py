"""Becomes another user, takes capabilities, runs what is setuid, makes a setuid file of its own.

Must: stay who it is, with no capability and no way to one.

expect:
  ends: exit 0
  stdout: |
    still nobody in particular
"""

import ctypes
import os
import subprocess
import sys

libc = ctypes.CDLL(None, use_errno=True)
me = os.getuid()
assert me >= 20000 and os.getresuid() == (me, me, me) and os.getgroups() in ([], [me])


def status():
    return dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())


assert all(int(status()[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"))
assert status()["NoNewPrivs"].strip() == "1" and status()["Seccomp"].strip() == "2"
for wanted in (0, 1, me + 1):
    for change in (
        os.setuid,
        os.seteuid,
        os.setgid,
        os.setegid,
        lambda n: os.setresuid(n, n, n),
        lambda n: os.setgroups([n]),
    ):
        try:
            change(wanted)
            print("became", wanted)
        except OSError:
            pass
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
full = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
if libc.capset(header, full) == 0 and int(status()["CapEff"], 16):
    print("took capabilities")
PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS, PR_SET_SECUREBITS, PR_SET_SECCOMP = 47, 38, 28, 22
for call in ((PR_CAP_AMBIENT, 2, 21, 0, 0), (PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), (PR_SET_SECUREBITS, 0x2F, 0, 0, 0)):
    if libc.prctl(*call) == 0:
        print("prctl", call)
libc.prctl(PR_SET_SECCOMP, 0, 0, 0, 0)
assert status()["Seccomp"].strip() == "2"
for folder, _, names in os.walk("/"):
    if folder.startswith(("/proc", "/sys", "/opt")):
        continue
    for name in names:
        path = os.path.join(folder, name)
        try:
            special = os.lstat(path).st_mode & 0o6000 and os.path.isfile(path)
        except OSError:
            continue
        if special:
            done = subprocess.run([path], stdin=subprocess.DEVNULL, capture_output=True)
            assert status()["CapEff"].strip("\t0") == "", done
print_uid = f"#!{sys.executable} -IS\nimport os; print(os.geteuid())\n"
with open("own", "w") as file:
    file.write(print_uid)
for mode in (0o4755, 0o2755, 0o6777):
    os.chmod("own", mode)
    done = subprocess.run(["./own"], capture_output=True, text=True)
    assert done.stdout.strip() in ("", str(me)), done
[work] = [line.split()[3] for line in open("/proc/mounts") if line.split()[1] == "/work"]
assert {"nosuid", "nodev"} <= set(work.split(","))
print("still nobody in particular")
