"""Calls every number up to 1,023 that is not on the list, those that no kernel has yet among them.

Must: be refused, each of them: EPERM by the list, or ENOSYS by an engine that knows no such number. Two the kernel
(6.14 and later) lets past every list, by design, and refuses itself: `uretprobe` with SIGILL, `uprobe` with ENXIO.

expect:
  ends: exit 0
  stdout: |
    refused
"""

import ctypes
import errno
import os
import platform
import signal

KNOWN = {
    "x86_64": [
        (0, 28),
        (32, 63),
        (72, 100),
        (102, 102),
        (104, 133),
        (135, 135),
        (137, 138),
        (140, 150),
        (157, 158),
        (160, 160),
        (162, 162),
        (186, 205),
        (211, 211),
        (213, 213),
        (217, 219),
        (221, 226),
        (228, 235),
        (247, 247),
        (251, 255),
        (257, 271),
        (273, 277),
        (280, 297),
        (299, 299),
        (302, 302),
        (306, 307),
        (309, 309),
        (314, 316),
        (318, 319),
        (322, 322),
        (324, 328),
        (332, 332),
        (334, 334),
        (424, 424),
        (434, 437),
        (439, 439),
        (441, 441),
        (449, 449),
        (451, 451),
        (462, 462),
    ],
    "aarch64": [
        (5, 17),
        (19, 38),
        (43, 50),
        (52, 57),
        (59, 59),
        (61, 74),
        (76, 88),
        (90, 96),
        (98, 103),
        (107, 111),
        (113, 115),
        (118, 141),
        (143, 160),
        (163, 169),
        (172, 179),
        (198, 216),
        (220, 223),
        (226, 229),
        (232, 233),
        (240, 240),
        (242, 243),
        (260, 261),
        (267, 267),
        (269, 269),
        (274, 276),
        (278, 279),
        (281, 281),
        (283, 287),
        (291, 291),
        (293, 293),
        (424, 424),
        (434, 437),
        (439, 439),
        (441, 441),
        (449, 449),
        (451, 451),
        (462, 462),
    ],
}
"""Numbers of the calls on the list; those that answer by their arguments (clone, clone3, socket, …) included."""
PASSED_BY_THE_KERNEL = {(335, -signal.SIGILL), (336, errno.ENXIO)} if platform.machine() == "x86_64" else set()
libc = ctypes.CDLL(None, use_errno=True)
allowed = {number for first, last in KNOWN[platform.machine()] for number in range(first, last + 1)}
for number in sorted(set(range(1024)) - allowed):
    child = os.fork()  # a call that does end its caller must not end the rest
    if child == 0:
        ctypes.set_errno(0)
        answer = libc.syscall(number, -1, -1, -1, -1, -1, -1)
        os._exit(ctypes.get_errno() if answer == -1 else 255)
    end = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if end not in (errno.EPERM, errno.ENOSYS) and (number, end) not in PASSED_BY_THE_KERNEL:
        print("not refused", number, end)
print("refused")
