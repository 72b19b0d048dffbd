"""How long the machine kept us from running: a virtual machine that is stopped, or more to run than there are cores.
What must be over within a time is given that much more."""

import threading
import time

TICK = 0.01
USUAL = 0.02  # so much later than asked for is no news


class Stillness(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.late = 0
        self.start()

    def run(self):
        last = time.monotonic()
        while True:
            time.sleep(TICK)
            now = time.monotonic()
            if now - last > TICK + USUAL:
                self.late += now - last - TICK
            last = now


_one = None


def late():
    """Seconds of standing still, all together, since the first call."""
    global _one
    _one = _one or Stillness()
    return _one.late
