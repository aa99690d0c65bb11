"""Makes sockets of every family: AF_VSOCK reaches the hypervisor from any network namespace, AF_ALG and others the
kernel's lesser-known code. A pair of a family that has no pairs makes one too before it is refused.

Must: get UNIX, and INET and INET6 streams and datagrams; EPERM for all else.

expect:
  ends: exit 0
  stdout: |
    allowed [(1, 1), (1, 2), (1, 5), (2, 1), (2, 2), (10, 1), (10, 2), (16, 2), (16, 3)]
    pairs [(1, 1), (1, 2), (1, 5)]
"""

import ctypes
import errno
import socket

libc = ctypes.CDLL(None, use_errno=True)
allowed, pairs = [], []
for family in range(64):
    for kind in (1, 2, 3, 4, 5, 6, 10):
        descriptor = libc.socket(family, kind, 0)
        if descriptor >= 0:
            libc.close(descriptor)
            allowed.append((family, kind))
        elif ctypes.get_errno() != errno.EPERM and family != socket.AF_UNIX and family != socket.AF_NETLINK:
            allowed.append((family, kind, errno.errorcode[ctypes.get_errno()]))
        two = (ctypes.c_int * 2)()
        if libc.socketpair(family, kind, 0, two) == 0:
            pairs.append((family, kind))
        elif ctypes.get_errno() != errno.EPERM and family != socket.AF_UNIX:
            pairs.append((family, kind, errno.errorcode[ctypes.get_errno()]))
print("allowed", [item for item in allowed if item != (1, 3)])  # to the kernel, a raw UNIX socket is a datagram one
print("pairs", [item for item in pairs if item != (1, 3)])
for family, kind, protocol in ((2, 3, 1), (2, 1, 132), (2, 1, 262), (10, 3, 58), (16, 3, 12), (16, 3, 2), (16, 3, 16)):
    if libc.socket(family, kind, protocol) >= 0 or ctypes.get_errno() != errno.EPERM:
        print("protocol", family, kind, protocol)
