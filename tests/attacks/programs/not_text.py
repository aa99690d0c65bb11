"""Writes every byte there is, none of it text.

Must: come through byte by byte, and hurt no one who takes it for text.

expect:
  ends: exit 7
  hex: 000102030405060708090a0b0c0d0e0fff80fec0c1f8
"""

import os
import sys

os.write(1, bytes(range(16)) + b"\xff\x80\xfe\xc0\xc1\xf8")
os.write(2, b"\xff\xfe\x00")
sys.exit(7)
