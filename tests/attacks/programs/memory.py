"""Takes memory without end.

Must: end for memory, said as that; the next run has all of it.

expect:
  ends: memory
  stdout: |
    begun
"""

print("begun", flush=True)
kept = []
while True:
    kept.append(bytearray(b"x" * 8_000_000))
