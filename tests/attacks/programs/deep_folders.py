"""Nests folders five thousand deep, which no path can name, and many wide.

Must: be cleared away before the next run.

expect:
  ends: exit 0
  stdout: |
    deep
"""

import os

for _ in range(5000):
    os.mkdir("d")
    os.chdir("d")
open("bottom", "w").close()
os.write(1, b"deep\n")
os._exit(0)
