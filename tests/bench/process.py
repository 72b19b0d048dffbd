"""Processes of the benchmarks: their environment, their directory, their start and end.

Feeds the servers, the collector and the load. Owns a temporary directory and every process started in it; each is
stopped by its id. Not its job: what is measured.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
BUILD = Path(os.environ.get("BUILD_DIR", HERE.parents[1] / "build")).resolve()
LIBRARY = BUILD / "libautotrace.so"
PYTHON = "/usr/bin/python3"
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


class Trouble(Exception):
    """A measurement cannot be made; the text says why."""


def tool(name):
    """The path of a program that has to be there."""
    path = shutil.which(name, path=SEARCH)
    if not path:
        raise Trouble(f"{name} is not installed; scripts/install-deps bench installs it")
    return path


def built(name):
    """The path of something that make has built."""
    path = BUILD / name
    if not path.exists():
        raise Trouble(f"{path} is not there; build it first (make all test-programs)")
    return path


def environment(**more):
    """Ours without anything that steers tracing, preloads or clients."""
    stale = re.compile(r"OTEL_|AUTOTRACE_|LD_|TRACE(PARENT|STATE)|BAGGAGE|PYTHON|NODE_|.*_proxy$", re.I)
    env = {k: v for k, v in os.environ.items() if not stale.match(k)}
    env.update(PATH=SEARCH, LC_ALL="C.UTF-8", PYTHONDONTWRITEBYTECODE="1")
    env.update({k: str(v) for k, v in more.items()})
    return env


def preloaded(endpoint, service, **more):
    """The environment of a traced program: the defaults, an endpoint, and the totals told at the end."""
    ours = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": service, "OTEL_LOG_LEVEL": "info"}
    return environment(LD_PRELOAD=LIBRARY, **ours, **more)


def until(condition, seconds, what):
    """Waits until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Trouble(f"{what} within {seconds} s")
        time.sleep(0.01)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def pinned(cores):
    """What a child does before exec to stay on these cores; None: it may use all."""
    return (lambda: os.sched_setaffinity(0, cores)) if cores else None


class Process:
    """A program in the background and what it wrote."""

    def __init__(self, command, env, log, cores=None, stop_with=signal.SIGTERM):
        self.name = Path(str(command[0])).name
        self.log = log
        self.stop_with = stop_with
        with open(log, "ab") as out:
            self.handle = subprocess.Popen(
                [str(c) for c in command], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True, preexec_fn=pinned(cores),
            )  # fmt: skip
        self.pid = self.handle.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def find(self, pattern, seconds=20):
        """Waits for a line in its output; returns the match."""

        def look():
            if self.handle.poll() is not None:
                raise Trouble(f"{self.name} ended: {self.output()[-2000:]}")
            return re.search(pattern, self.output())

        return until(look, seconds, f"no {pattern!r} in the output of {self.name}")

    def stop(self, seconds=30):
        """Ends it; returns all that it wrote."""
        if self.handle.poll() is None:
            self.handle.send_signal(self.stop_with)
            try:
                self.handle.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self.handle.wait()
                raise Trouble(f"{self.name} did not stop: {self.output()[-2000:]}") from None
            # Workers that outlive it (PHP's) end with it.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGTERM)
        return self.output()


class Place:
    """A temporary directory and the processes that live in it."""

    def __init__(self):
        self.root = Path(tempfile.mkdtemp(prefix="autotrace-bench."))
        self.root.chmod(0o755)
        self.started = []

    def file(self, name):
        """A path that is not in use yet."""
        for n in range(1000000):
            path = self.root / f"{name}.{n}"
            if not path.exists():
                return path
        raise Trouble("too many files")

    def directory(self, name):
        path = self.file(name)
        path.mkdir()
        return path

    def start(self, command, env, **how):
        log = self.file(Path(str(command[0])).name + ".log")
        log.touch()
        process = Process(command, env, log, **how)
        self.started.append(process)
        return process

    def run(self, command, env=None, seconds=120, cores=None, stderr=subprocess.PIPE):
        """Runs a command to its end; returns its standard output."""
        try:
            done = subprocess.run(
                [str(c) for c in command], env=env or environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=stderr, timeout=seconds, check=False, preexec_fn=pinned(cores),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Trouble(f"{command[0]} did not end within {seconds} s") from None
        out, err = ((text or b"").decode(errors="replace") for text in (done.stdout, done.stderr))
        if done.returncode:
            raise Trouble(f"{command[0]} failed ({done.returncode}): {(err or out)[-2000:]}")
        return out

    def close(self):
        """Ends what still runs, youngest first and with its children, and takes the directory away."""
        for process in reversed(self.started):
            if process.handle.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.handle.wait()
        shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
