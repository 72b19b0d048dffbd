"""Two threads and a plug-in's lock (tests/programs/plug/held.c is argv[1]). Says "done" when all have come through.

argv[2], let: one thread holds it and makes sockets and threads without the interpreter's lock, the other wants it and
has the interpreter's. kept: both have the interpreter's lock, but whoever collects garbage lets that go.
"""

import ctypes
import gc
import sys
import threading
import time

free, kept = ctypes.CDLL(sys.argv[1]), ctypes.PyDLL(sys.argv[1])
at_end = False


def let():
    import asyncio  # noqa: F401: what a bridge might want to see to

    for what in (b"socketpair", b"listen", b"pthread_create") * 3:
        threads = [threading.Thread(target=free.held_do, args=[what]), threading.Thread(target=kept.held_want)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def take():
    while not at_end:
        kept.held_take()


def keep():
    global at_end
    taker = threading.Thread(target=take)
    taker.start()
    import asyncio  # noqa: F401

    gc.callbacks.append(lambda *_: time.sleep(0.005))
    gc.set_threshold(1)
    kept.held_keep(b"pthread_create")
    gc.set_threshold(700)
    at_end = True
    taker.join()


{"let": let, "kept": keep}[sys.argv[2]]()
print("done")
