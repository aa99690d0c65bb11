"""Calls the kernel by its other doors, the 32-bit one and x32, whose numbers a list for 64 bits does not mean.

Must: be ended by the kernel, or refused; no number gets through.

expect:
  ends: exit 0
  stdout: |
    refused
"""

import ctypes
import errno
import mmap
import os
import platform
import signal

libc = ctypes.CDLL(None, use_errno=True)


def in_child(act):
    child = os.fork()
    if child == 0:
        os._exit(0 if act() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def by_interrupt():
    """mov eax, 20; int 0x80; ret: getpid, as a 32-bit program asks for it."""
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return call() != os.getpid()


def by_x32():
    for number in (39, 41, 57, 512, 520, 521, 534, 540):
        answer = libc.syscall(0x40000000 | number, 0, 0, 0, 0, 0, 0)
        if answer != -1 or ctypes.get_errno() not in (errno.EPERM, errno.ENOSYS):
            return False
    return True


if platform.machine() == "x86_64":
    for door in (by_interrupt, by_x32):
        end = in_child(door)
        if end not in (0, -signal.SIGSYS, -signal.SIGSEGV):
            print("a door is open", door.__name__, end)
print("refused")
