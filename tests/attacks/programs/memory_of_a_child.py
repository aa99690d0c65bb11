"""Takes memory in a child, and then ends as if nothing had been.

Must: be told of the memory all the same.

expect:
  ends: memory
  stdout: |
    child -9
"""

import subprocess
import sys

child = subprocess.run([sys.executable, "-c", "x = []\nwhile True: x.append(bytearray(b'x' * 8_000_000))"])
print("child", child.returncode)
