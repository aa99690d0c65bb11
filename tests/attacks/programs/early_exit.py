"""Ends the program with success before what imports it can see that it failed, and writes the proof of a clean end.

Must: be no success to a job; by itself it is a program that ended.

expect:
  ends: exit 0
  job: The program ended itself while its modules were imported.
"""

import os

os.makedirs(".codeteam", exist_ok=True)
with open(".codeteam/ran", "w") as file:
    file.write("it ran")
os._exit(0)
