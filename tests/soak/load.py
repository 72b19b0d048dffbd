"""Mixed load at a fixed pace: each job on a thread of its own, untraced. Fed by run; counts what came of its requests.

A job that fails is an error of the run: the collector's absence is no reason for it.
"""

import threading
import time

from rig import Wire


class Job:
    """Calls work(state) every `period` seconds until stop() ends it; state is a dictionary that lives as long."""

    def __init__(self, name, period, work):
        self.name, self.period, self.work = name, period, work
        self.done, self.faults = 0, []
        self.slowest = 0.0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        state = {}
        due = time.monotonic()
        while not self.ending.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            try:
                self.work(state)
                self.done += 1
            except (OSError, AssertionError, ValueError) as fault:
                self.faults.append(f"{self.name}: {fault!r}")
                state.clear()
            now = time.monotonic()
            self.slowest = max(self.slowest, now - began)
            due = max(due + self.period, now)

    def stop(self):
        self.ending.set()
        self.thread.join(30)
        assert not self.thread.is_alive(), f"{self.name} does not end"


def kept(port, path, method="GET", body=b"", times=50):
    """One request on a connection that serves `times` of them."""

    def work(state):
        if state.get("left", 0) == 0:
            if "wire" in state:
                state["wire"].close()
            state.update(wire=Wire(port), left=times)
        state["left"] -= 1
        answer = state["wire"].ask(path, method, body=body)
        assert answer.status == 200, (path, answer.status)

    return work


def single(port, path, body=None, status=200):
    """One request on a connection of its own."""

    def work(state):
        with Wire(port) as wire:
            answer = wire.ask(path, headers=(("Connection", "close"),))
        assert answer.status == status, (path, answer.status)
        assert body is None or answer.body == body, (path, answer.body)

    return work


def rude(port, path):
    """Half a request and a reset; a whole one whose answer nobody waits for."""

    def work(state):
        state["n"] = state.get("n", 0) + 1
        wire = Wire(port)
        wire.send(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: rude.example\r\n")
        if state["n"] % 2:
            wire.send(b"\r\n")
        wire.reset()

    return work
