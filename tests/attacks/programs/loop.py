"""Never ends.

Must: be ended at the deadline.

expect:
  ends: deadline
  seconds: 2
"""

while True:
    pass
