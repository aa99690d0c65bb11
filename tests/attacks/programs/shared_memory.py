"""Fills shared memory, and file system in memory that is not the work folder's.

Must: be refused at their small sizes.

expect:
  ends: exit 0
  stdout: |
    /dev/shm ENOSPC
    /tmp ENOSPC
"""

import errno
import os

for folder in ("/dev/shm", "/tmp"):
    try:
        with open(f"{folder}/x", "wb", buffering=0) as file:
            for _ in range(400):
                file.write(bytes(1 << 20))
                assert os.stat(f"{folder}/x").st_size == os.fstat(file.fileno()).st_size
    except OSError as error:
        print(folder, errno.errorcode[error.errno])
