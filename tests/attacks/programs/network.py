"""Reaches for the network: addresses outside, the metadata service, the engine's bridge, a name server.

Must: find no interface but the loopback one, and no way to make another.

expect:
  ends: exit 0
  stdout: |
    interfaces ['lo']
    loopback works
"""

import errno
import fcntl
import os
import socket
import struct

print("interfaces", sorted(os.listdir("/sys/class/net")))
for family, address in (
    (socket.AF_INET, ("1.1.1.1", 53)),
    (socket.AF_INET, ("169.254.169.254", 80)),
    (socket.AF_INET, ("172.17.0.1", 80)),
    (socket.AF_INET, ("100.100.100.200", 80)),
    (socket.AF_INET6, ("fd00:ec2::254", 80)),
):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(family, kind) as line:
                line.settimeout(1)
                line.connect(address)
                print("connected", address, kind)
        except OSError as error:
            assert error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT), error
try:
    print("resolved", socket.getaddrinfo("example.org", 443))
except socket.gaierror:
    pass
assert "nameserver" not in open("/etc/resolv.conf").read()
RTM_NEWLINK, REQUEST_CREATE = 16, 0x0605
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
    route.bind((0, 0))
    attribute = struct.pack("HH8s", 12, 3, b"escape0")
    body = struct.pack("BxHiII", 0, 0, 0, 1, 0xFFFFFFFF) + attribute
    route.send(struct.pack("IHHII", 16 + len(body), RTM_NEWLINK, REQUEST_CREATE, 1, 0) + body)
    answer = route.recv(4096)
    assert struct.unpack_from("i", answer, 16)[0] == -errno.EPERM, answer
with socket.socket() as line:
    try:
        fcntl.ioctl(line, 0x8914, struct.pack("16sH14x", b"lo", 0))  # SIOCSIFFLAGS: take loopback down
        print("interface changed")
    except PermissionError:
        pass
with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
    print("loopback works")
