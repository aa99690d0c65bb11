"""Starts a thousand threads.

Must: get fewer than the limit of processes.

expect:
  ends: exit 0
  stdout: |
    refused
"""

import threading

stop = threading.Event()
threads = []
try:
    for _ in range(1000):
        threads.append(threading.Thread(target=stop.wait))
        threads[-1].start()
except RuntimeError:
    print("refused" if len(threads) <= 128 else len(threads))
stop.set()
