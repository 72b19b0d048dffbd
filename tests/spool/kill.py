#!/usr/bin/python3
"""SIGKILL at random moments under load, with the spool on: is every finished span delivered, and how often?

  tests/spool/kill.py [ROUNDS] [SEED]

Each round starts programs/confirm under the preload, sends it requests on several connections, and kills it at a
random moment. What it leaves is delivered by the process of the next round, itself killed again, or (every tenth
round) by `autotrace flush`; a last flush takes the rest.

A span counts as finished when the server has confirmed its answer: the write of the last byte has returned, and with
it the hook. The confirmation lies in memory shared with a file, which a SIGKILL does not take back. A request that was
sent and is not confirmed may have a span or not.

A batch that was on its way when its process died may have arrived: only the receiver knows. Such spans are sent again
and may be there twice, equal in every byte; any other span that is there twice is a failure. So the files are read
after each kill, and the spans on their way written down.
"""

import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from rig import BUILD, LIBRARY, Collector, environment, until  # noqa: E402

CONFIRM = BUILD / "tests" / "programs" / "confirm"
HEAD, RING_AT = struct.Struct("<8sIIQQQ16sQQQQQQQQ"), 65536
COMMITTED, PAD, LENGTH = 1 << 31, 1 << 30, (1 << 30) - 1
PATH = re.compile(rb'"url\.path":"/(\d+)/(\d+)/(\d+)"')
IDS = re.compile(rb'"trace_id":"([0-9a-f]{32})","span_id":"([0-9a-f]{16})"')


def ids_between(data, head, start, end):
    """Ids of the spans in a stretch of a spool file's ring, up to the first that is not committed."""
    found = []
    while start < end:
        at = RING_AT + start % head[4]
        (word,) = struct.unpack_from("<I", data, at)
        if not word & COMMITTED:
            break
        if not word & PAD:
            found.append((data[at + 16 : at + 32].hex(), data[at + 32 : at + 40].hex()))
        start += 16 + (word & LENGTH) + 15 & ~15
    return found


def look_into(path):
    """Of a spool file: ids of the spans that are not settled; of those on their way; whether its resource is there."""
    data = path.read_bytes()
    if len(data) <= RING_AT:
        return [], [], False
    head = HEAD.unpack_from(data)
    mark, flight = (head[12] & (1 << 48) - 1) * 16, (head[14] & (1 << 48) - 1) * 16
    return ids_between(data, head, mark, mark + head[4]), ids_between(data, head, mark, flight), head[11] > 0


class Client:
    """A connection that asks, reads the answer, and asks again, until the server is gone."""

    def __init__(self, port, number, name, pause):
        self.sent = 0
        self.port, self.number, self.name, self.pause = port, number, name, pause
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                while True:
                    self.sent += 1
                    s.sendall(f"GET /{self.name}/{self.number}/{self.sent - 1} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                    got = b""
                    while not got.endswith(b"hello"):
                        data = s.recv(4096)
                        if not data:
                            return
                        got += data
                    time.sleep(self.pause)
        except OSError:
            pass


class Killing:
    def __init__(self, directory, seed, connections=8, processes=0, pause=0.002):
        self.directory, self.spool = Path(directory), Path(directory) / "spool"
        self.collector = Collector(self.directory)
        self.random = random.Random(seed)
        self.connections, self.processes, self.pause = connections, processes, pause
        self.sent, self.finished = {}, {}  # round -> connection -> requests
        self.unsure = set()  # ids of spans on their way at a kill
        self.unsure_rounds = 0
        self.log = self.directory / "stderr"

    def env(self):
        return environment(
            OTEL_EXPORTER_OTLP_ENDPOINT=self.collector.endpoint, AUTOTRACE_SPOOL_DIR=self.spool,
            OTEL_BSP_SCHEDULE_DELAY=20, OTEL_BSP_MAX_QUEUE_SIZE=8192, OTEL_SERVICE_NAME="killed",
        )  # fmt: skip

    def round(self, number):
        cells = self.directory / "cells"
        cells.write_bytes(b"")
        with open(self.log, "ab") as err:
            server = subprocess.Popen(
                [CONFIRM, cells, str(self.processes)], env={**self.env(), "LD_PRELOAD": str(LIBRARY)},
                stdout=subprocess.PIPE, stderr=err, start_new_session=True,
            )  # fmt: skip
        port = int(server.stdout.readline().split()[-1])
        clients = [Client(port, c, number, self.pause) for c in range(self.connections)]
        # A third of the kills fall into the first milliseconds of the process's first spans.
        time.sleep(self.random.uniform(0, 0.02 if self.random.random() < 0.33 else 0.25))
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        server.stdout.close()
        for client in clients:
            client.thread.join()
        data = cells.read_bytes()
        self.finished[number] = struct.unpack_from(f"<{self.connections}I", data)
        self.sent[number] = [client.sent for client in clients]
        flying = set().union(*(look_into(path)[1] for path in self.spool.glob("*.spool")))
        self.unsure |= flying
        self.unsure_rounds += bool(flying)

    def flush(self):
        done = subprocess.run(
            [BUILD / "autotrace", "flush", self.spool], env=self.env(), capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout

    def run(self, rounds):
        for number in range(rounds):
            self.round(number)
            if number % 10 == 9:
                self.flush()
            if number % 100 == 99:
                print(f"{number + 1} rounds", flush=True)
        self.flush()
        time.sleep(0.3)

    def judge(self):
        """Compares; returns the figures. Anything wrong is in "missing", "strange" or "twice"."""
        lines = {}
        copies = Counter()
        seen = set()
        twice, unequal = set(), set()
        with open(self.collector.file, "rb") as file:
            for line in file:
                ids = tuple(part.decode() for part in IDS.search(line).groups())
                where = tuple(map(int, PATH.search(line).groups()))
                seen.add(where)
                copies[where] += 1
                if ids in self.unsure:
                    if lines.setdefault(ids, line) != line:
                        unequal.add(where)
                elif copies[where] > 1:
                    twice.add(where)
        missing = [
            (r, c, k) for r, row in self.finished.items() for c, n in enumerate(row) for k in range(n)
            if (r, c, k) not in seen
        ]  # fmt: skip
        strange = [(r, c, k) for r, c, k in seen if k >= self.sent[r][c]]
        again = sum(n - 1 for n in copies.values())
        return {
            "rounds": len(self.finished),
            "finished": sum(map(sum, self.finished.values())),
            "sent": sum(map(sum, self.sent.values())),
            "delivered": len(seen),
            "missing": missing,
            "strange": strange,
            "twice": sorted(twice | unequal),
            "rounds with a batch on its way": self.unsure_rounds,
            "spans on their way": len(self.unsure),
            "of them sent again": again,
            "rounds of spans sent again": len({r for (r, c, k), n in copies.items() if n > 1}),
        }

    def leftovers(self):
        """Spool files; one that was still being made when its process died is empty, and is swept up later."""
        return sorted(path.name for path in self.spool.glob("*.spool"))


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    print(f"{rounds} rounds, seed {seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="autotrace-kill-") as directory:
        killing = Killing(directory, seed)
        killing.run(rounds)
        figures = killing.judge()
        left = killing.leftovers()
        said = killing.log.read_text()
        killing.collector.stop()
    for name, value in figures.items():
        print(f"{name + ':':34} {len(value) if isinstance(value, list) else value}")
    print(f"{'files left:':34} {len(left)}\n{'seconds:':34} {time.monotonic() - began:.0f}")
    print("".join(sorted(set(said.splitlines(keepends=True)))[:10]), end="")
    wrong = {name: figures[name][:10] for name in ("missing", "strange", "twice") if figures[name]}
    if wrong or left:
        sys.exit(f"FAILED: {wrong} {left}")


if __name__ == "__main__":
    main()
