"""Waits for input that nobody will type.

Must: find its end at once.

expect:
  ends: exit 0
  stdout: |
    ''
"""

import sys

print(repr(sys.stdin.read()))
