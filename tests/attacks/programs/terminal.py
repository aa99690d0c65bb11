"""Writes what steers a terminal: a title, a colour, a clipboard, text that runs the other way.

Must: reach no terminal through the progress, the report or the evidence of a job.

expect:
  ends: exit 3
"""

import os
import sys

word = b"\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[31mred\x1b[0m\x9b31m \xe2\x80\xae desrever \x08\x08\r"
os.write(1, word + b"\n")
os.write(2, b"Traceback (most recent call last):\nValueError: " + word + b"\n")
sys.exit(3)
