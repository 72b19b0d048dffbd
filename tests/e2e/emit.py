"""tests/programs/emit.c, the exporter without hooks: a run of it, and what it says of its spans."""

import json
import os
import socket
import subprocess
import time
from pathlib import Path

from stillness import late

EMIT = Path(os.environ.get("BUILD_DIR", Path(__file__).parents[2] / "build")) / "tests/programs/emit"
LOSSES = ("drop_queue_full", "drop_too_large", "drop_rejected", "drop_export_failed", "drop_at_exit")


class Run:
    """A finished emit: its counters (one dictionary for each process), stderr lines, seconds taken."""

    def __init__(self, args, env, timeout=60, wrapper=()):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "AUTOTRACE_", "LD_PRELOAD"))}
        clean = {k: v for k, v in clean.items() if "proxy" not in k.lower()}
        started, before = time.monotonic(), late()
        done = subprocess.run(
            [*wrapper, str(EMIT), *map(str, args)], env={**clean, "FAULTS_PRELOAD": "", **env},
            capture_output=True, text=True, timeout=timeout,
        )  # fmt: skip
        self.seconds = time.monotonic() - started
        self.own_seconds = self.seconds - (late() - before)
        assert done.returncode == 0, done.stderr
        self.text = done.stdout
        self.counters = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"pid"')]
        self.lines = done.stderr.splitlines()
        for c in self.counters:
            assert c["lost"] == sum(c[name] for name in LOSSES)

    def __getattr__(self, name):
        return sum(c[name] for c in self.counters)

    def check_sums(self):
        for c in self.counters:
            assert c["spans_finished"] == c["spans_exported"] + c["drop_processor"] + c["lost"], c

    def said(self, *words):
        return [line for line in self.lines if all(w in line for w in words)]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
