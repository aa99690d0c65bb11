"""Calls what the kernel offers beside files and processes: tracing, io_uring, bpf, userfaultfd, keys, namespaces,
mounts, modules, the clock.

Must: be answered EPERM by the list of system calls, and `clone3` ENOSYS, so that libc takes another way.

expect:
  ends: exit 0
  stdout: |
    done
"""

import ctypes
import errno
import platform

libc = ctypes.CDLL(None, use_errno=True)
x86 = platform.machine() == "x86_64"
CALLS = {  # name: (x86-64, arm64, arguments)
    "ptrace(ATTACH)": (101, 117, (16, 1, 0, 0)),
    "ptrace(TRACEME)": (101, 117, (0, 0, 0, 0)),
    "process_vm_readv": (310, 270, (1, 0, 0, 0, 0, 0)),
    "process_vm_writev": (311, 271, (1, 0, 0, 0, 0, 0)),
    "process_madvise": (440, 440, (3, 0, 0, 0, 0)),
    "pidfd_getfd": (438, 438, (3, 0, 0)),
    "io_uring_setup": (425, 425, (1, 0)),
    "io_uring_enter": (426, 426, (0, 0, 0, 0, 0, 0)),
    "io_uring_register": (427, 427, (0, 0, 0, 0)),
    "io_setup": (206, 0, (1, 0)),
    "bpf": (321, 280, (0, 0, 0)),
    "userfaultfd": (323, 282, (0,)),
    "keyctl": (250, 219, (0, 0)),
    "add_key": (248, 217, (0, 0, 0, 0, 0)),
    "request_key": (249, 218, (0, 0, 0, 0)),
    "perf_event_open": (298, 241, (0, 0, 0, 0, 0)),
    "unshare(NEWUSER)": (272, 97, (0x10000000,)),
    "unshare(NEWNET)": (272, 97, (0x40000000,)),
    "setns": (308, 268, (0, 0)),
    "clone(NEWUSER)": (56, 220, (0x10000000 | 17, 0, 0, 0, 0)),
    "clone(NEWPID|NEWNS)": (56, 220, (0x20020000 | 17, 0, 0, 0, 0)),
    "mount": (165, 40, (0, 0, 0, 0, 0)),
    "umount2": (166, 39, (0, 0)),
    "open_tree": (428, 428, (0, 0, 0)),
    "move_mount": (429, 429, (0, 0, 0, 0, 0)),
    "fsopen": (430, 430, (0, 0)),
    "fspick": (433, 433, (0, 0, 0)),
    "mount_setattr": (442, 442, (0, 0, 0, 0, 0)),
    "pivot_root": (155, 41, (0, 0)),
    "chroot": (161, 51, (0,)),
    "name_to_handle_at": (303, 264, (0, 0, 0, 0, 0)),
    "open_by_handle_at": (304, 265, (0, 0, 0)),
    "kexec_load": (246, 104, (0, 0, 0, 0)),
    "init_module": (175, 105, (0, 0, 0)),
    "finit_module": (313, 273, (0, 0, 0)),
    "prlimit64(1)": (302, 261, (1, 7, 0, 0)),
    "kcmp": (312, 272, (1, 1, 0, 0, 0)),
    "acct": (163, 89, (0,)),
    "reboot": (169, 142, (0, 0, 0, 0)),
    "swapon": (167, 224, (0, 0)),
    "quotactl": (179, 60, (0, 0, 0, 0)),
    "sethostname": (170, 161, (0, 0)),
    "settimeofday": (164, 170, (0, 0)),
    "clock_settime": (227, 112, (0, 0)),
    "adjtimex": (159, 171, (0,)),
    "syslog": (103, 116, (3, 0, 0)),
    "fanotify_init": (300, 262, (0, 0)),
    "move_pages": (279, 239, (1, 0, 0, 0, 0, 0)),
    "seccomp": (317, 277, (0, 0, 0)),
    "landlock_create_ruleset": (444, 444, (0, 0, 0)),
    "memfd_secret": (447, 447, (0,)),
    "modify_ldt": (154, 0, (0, 0, 0)),
    "iopl": (172, 0, (3,)),
    "shmget": (29, 194, (0x5EED, 4096, 0o1666)),
    "semget": (64, 190, (0x5EED, 1, 0o1666)),
    "msgget": (68, 186, (0x5EED, 0o1666)),
    "mq_open": (240, 180, (0, 0, 0, 0)),
    "personality(ADDR_NO_RANDOMIZE)": (135, 92, (0x0040000,)),
}
for name, (intel, arm, arguments) in CALLS.items():
    number = intel if x86 else arm
    if number:
        ctypes.set_errno(0)
        answer = libc.syscall(number, *arguments)
        if answer != -1 or ctypes.get_errno() != errno.EPERM:
            print("allowed", name, answer, ctypes.get_errno())
answer = libc.syscall(435, 0, 0)
assert answer == -1 and ctypes.get_errno() == errno.ENOSYS, "clone3"
print("done")
