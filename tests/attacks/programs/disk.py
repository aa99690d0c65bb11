"""Fills the disk, with bytes, with names, with a file of a tebibyte that is all hole, and opens files without end.

Must: be refused each; the next run starts in an empty folder.

expect:
  ends: exit 0
  stdout: |
    EMFILE ENOSPC EFBIG ENOSPC
"""

import errno
import os


def until_refused(step):
    try:
        for number in range(10**6):
            step(number)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "never"


opened = []
descriptors = until_refused(lambda n: opened.append(os.open("/dev/null", os.O_RDONLY)))
for descriptor in opened:
    os.close(descriptor)
names = until_refused(lambda n: os.close(os.open(f"f{n}", os.O_CREAT)))
for name in os.listdir():
    if name.startswith("f"):
        os.unlink(name)
try:
    with open("sparse", "wb") as file:
        file.truncate(1 << 40)
    sparse = "never"
except OSError as error:
    sparse = errno.errorcode[error.errno]
big = [os.open(name, os.O_CREAT | os.O_WRONLY) for name in ("one", "two")]
full = until_refused(lambda n: os.write(big[n % 2], bytes(1 << 20)))
print(descriptors, names, sparse, full)
