"""What must never be: our memory is spoilt through /proc. Tracing turns itself off; the program runs on."""

import json
import os
import re
import struct
import subprocess
import time

import pytest

from rig import BUILD, ask, environment, until, values

CLI = BUILD / "autotrace"


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat") as file:
        return sum(int(x) for x in file.read().rsplit(")", 1)[1].split()[11:13])


class Memory:
    """The memory of another process, and the notice board in it (src/base/board.h)."""

    def __init__(self, pid):
        self.file = os.open(f"/proc/{pid}/mem", os.O_RDWR)
        with open(f"/proc/{pid}/maps") as maps:
            data = [line for line in maps if "libautotrace.so" in line and " rw" in line]
        self.rows = {}
        for line in data:
            start, end = (int(x, 16) for x in line.split()[0].split("-"))
            for page in range(start, end, 4096):
                if self.read(page, 16) == b"autotrace board\0":
                    self.read_rows(page)

    def read_rows(self, page):
        _, _, count, _ = struct.unpack("<IIII", self.read(page + 16, 16))
        for i in range(count):
            name, value, _, size = struct.unpack("<QQII", self.read(page + 72 + 24 * i, 24))
            self.rows[self.read(name, 40).split(b"\0")[0].decode()] = (value, size)

    def read(self, at, size):
        return os.pread(self.file, size, at)

    def write(self, at, data):
        assert os.pwrite(self.file, data, at) == len(data)

    def number(self, name):
        at, size = self.rows[name]
        return int.from_bytes(self.read(at, size), "little")


def spoil_record(memory, place):
    """The record's payload, behind its 16 bytes of the ring's."""
    memory.write(place + 16, b"\xff" * 64)


def spoil_length(memory, place):
    memory.write(place, struct.pack("<I", 0xBFFFFFF0))


def spoil_mark(memory, place):
    memory.write(place, struct.pack("<I", 64))


@pytest.mark.parametrize(
    "spoil, words, delivered",
    [
        (spoil_record, "a finished span's record cannot be read", 3),
        (spoil_length, "the queue of spans is corrupt", 0),
        (spoil_mark, "the queue of spans is corrupt", 0),
    ],
)
def test_it_turns_itself_off_and_the_program_runs_on(rig, spoil, words, delivered):
    peer = rig.peer()
    env = {"OTEL_BSP_SCHEDULE_DELAY": 60000, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": 4, "AUTOTRACE_FLUSH_ON_SIGTERM": "true"}
    server = rig.python("plain.py", peer.url, env=env)
    server.quiet = False
    for _ in range(3):
        assert ask(server.port, "/x").status == 200
    memory = Memory(server.pid)
    until(lambda: memory.number("queue.spans") == 3, what="three spans in the queue")
    mask = memory.number("queue.bytes") - 1
    spoil(memory, memory.number("queue.memory") + (memory.number("queue.tail") & mask))

    assert ask(server.port, "/x").status == 200  # the fourth wakes the exporter
    server.find("internal error")
    for _ in range(5):
        assert ask(server.port, "/call/y").status == 200
        assert values(peer.heads[-1], "traceparent") == []
    assert [line.split(": ", 2)[2] for line in server.output().splitlines() if line.startswith("autotrace:")] == [
        f"internal error: {words}; tracing is off in this process, the program runs on"
    ]
    done = subprocess.run([CLI, "status", "--json", str(server.pid)], env=environment(), capture_output=True)
    seen = json.loads(done.stdout)
    assert (done.returncode, seen["traced"]) == (1, False)
    assert seen["state"] == f"turned itself off after an internal error: {words}"
    assert seen["counters"]["faults"] == 1 and seen["spans"]["finished"] == 4
    before = cpu_ticks(server.pid)
    time.sleep(0.5)
    assert cpu_ticks(server.pid) - before <= 3
    server.stop()
    rig.take(delivered)
    lost = re.findall(r"lost (\d+) of 4 spans", server.output())
    assert lost == [str(4 - delivered)], server.output()
