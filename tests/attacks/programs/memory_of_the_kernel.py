"""Fills memory that is the kernel's: pipes, sockets, attributes of files, and the names in folders.

Must: be refused, or end for memory; the machine keeps its own.

expect:
  ends: [exit 0, memory]
"""

import fcntl
import os
import socket

held = []


def until_refused(step):
    try:
        for number in range(20_000):
            step(number)
    except OSError:
        pass


def a_pipe(_):
    reading, writing = os.pipe()
    held.append((reading, writing))
    os.set_blocking(writing, False)
    try:
        fcntl.fcntl(writing, 1031, 1 << 20)  # F_SETPIPE_SZ
    except OSError:
        pass
    try:
        while os.write(writing, bytes(1 << 16)):
            pass
    except BlockingIOError:
        pass


def a_pair(_):
    one, two = socket.socketpair()
    held.append((one, two))
    one.setblocking(False)
    try:
        while one.send(bytes(1 << 16)):
            pass
    except BlockingIOError:
        pass


def an_attribute(number):
    os.setxattr("file", f"user.{number}", bytes(4096))


def a_name(number):
    os.symlink("x" * 4000, f"{number:0250}")


open("file", "w").close()
for step in (a_name, an_attribute, a_pair, a_pipe):
    until_refused(step)
print("refused")
