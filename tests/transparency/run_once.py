"""One run of one command, with or without the preload: its environment, its directory, its receiver, what it left.

Feeds verdict.py. Each run has a temporary directory of its own and, beside it, an autotrace-view of its own that
receives what the run exports. Both runs have the same variables, but for LD_PRELOAD. Owns directory and receiver;
warden.py owns the processes. Not its job: to compare.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import normal
from parsers import PARSERS

HERE = Path(__file__).parent
BUILD = Path(os.environ.get("BUILD_DIR", HERE.parents[1] / "build")).resolve()
LIBRARY = BUILD / "libautotrace.so"
SEARCH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
OURS = re.compile(r"OTEL_|TRACE(PARENT|STATE)$|BAGGAGE$")


class Trouble(Exception):
    """A run cannot be made; the text says why."""


class Wardens:
    """The processes that watch over the runs of all threads, so that they can be stopped at once."""

    def __init__(self):
        self.lock = threading.Lock()  # of the two below
        self.alive = set()
        self.stopped = False  # from then on none is started

    def start(self, command, **how):
        with self.lock:
            if self.stopped:
                raise Trouble("stopped")
            warden = subprocess.Popen(command, **how)
            self.alive.add(warden)
        return warden

    def end(self, warden):
        """It has ended, or it is ended now."""
        with self.lock:
            self.alive.discard(warden)
        if warden.poll() is None:
            warden.terminate()
            warden.wait(20)

    def stop(self):
        """Their runs are broken off; each thread then clears up behind its own."""
        with self.lock:
            self.stopped = True
            for warden in self.alive:
                warden.terminate()


WARDENS = Wardens()


class Receiver:
    """An autotrace-view in the background, and how many spans it got."""

    def __init__(self, directory, seconds):
        self.spans = directory / "spans.jsonl"
        self.place = directory / "port"
        self.log = open(directory / "receiver.log", "wb")
        command = [BUILD / "autotrace-view", "--listen", "127.0.0.1:0", "--port-file", self.place]
        self.process = subprocess.Popen(
            [*command, "--json", self.spans, "--quiet", "--duration", str(seconds)], env={"PATH": SEARCH},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not (self.place.exists() and self.place.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise Trouble("autotrace-view did not start")
            time.sleep(0.01)
        self.endpoint = f"http://127.0.0.1:{self.place.read_text().strip()}"

    def stop(self):
        """Ends it; returns the number of spans."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        return self.spans.read_bytes().count(b"\n") if self.spans.exists() else 0


class Left:
    """What a run left: its output, its report, and the directories whose names mean nothing."""

    def __init__(self, out, err, report, places):
        self.out, self.err, self.report, self.places = out, err, report, places


class Run:
    """How a run went. seen: {(what, name): value}, all that is compared; the rest is for the reader."""

    def __init__(self, row, left, ended, spans):
        parser = PARSERS[row.parser]
        tests = parser.read(left)
        self.seen = {("test", name): outcome for name, outcome in tests.items()}
        self.seen["end", "exit status"] = ended["status"]
        for line in normal.lines(parser.noise(left.err), left.places):
            if line:
                self.seen["stderr", line] = "there"
        for name in ended["left"]:
            self.seen["process left behind", name] = "there"
        self.passed = ended["status"] == "exit 0"
        self.seconds = ended["seconds"]
        self.holders = ended["holders"]  # {program: processes that had the library}
        self.stood = ended["stood"]  # seconds that the machine stood still
        self.spans = spans
        self.out, self.err = left.out, left.err

    def tests(self):
        return [outcome for (what, _), outcome in self.seen.items() if what == "test"]


def environment(row, endpoint, home):
    """The variables of both runs. A row of the list has none but these; a command of the user's keeps its own."""
    if row.own:
        env = {k: v for k, v in os.environ.items() if not OURS.match(k)}
        for setting in ("BUILD_DIR", "LD_PRELOAD"):
            env.pop(setting, None)
    else:
        env = {
            "PATH": SEARCH, "HOME": str(home), "TMPDIR": str(home / "tmp"), "LC_ALL": "C.UTF-8", "TERM": "dumb",
            "SHELL": "/bin/sh", "USER": "nobody" if os.geteuid() else "root", "CASES": str(HERE / "cases"),
        }  # fmt: skip
    env.update(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_BSP_SCHEDULE_DELAY="200")
    env.update(row.settings)
    return env


def preload():
    """Ours first, then what was preloaded anyhow."""
    others = [p for p in re.split(r"[ :]+", os.environ.get("LD_PRELOAD", "")) if p and Path(p).name != LIBRARY.name]
    return ":".join([str(LIBRARY), *others])


def run_once(row, traced):
    """Runs the row's command; returns a Run. Trouble: it could not be made."""
    # Equally long names, so that nothing depends on their length; short ones, for the paths of Unix sockets.
    top = Path(tempfile.mkdtemp(prefix="att."))
    try:
        top.chmod(0o755)
        home, side = top / "home", top / "side"
        for place in (home, side, home / "tmp"):
            place.mkdir()
        (home / "tmp").chmod(0o1777)
        receiver = Receiver(side, 2 * row.seconds + 120)  # it ends also when this process is killed
        try:
            files = [side / name for name in ("out", "err", "ended", "report.xml")]
            env = {**environment(row, receiver.endpoint, home), "WARDEN_LIBRARY": str(LIBRARY)}
            if traced:
                env["WARDEN_PRELOAD"] = preload()
            elif row.own and os.environ.get("LD_PRELOAD"):
                env["WARDEN_PRELOAD"] = os.environ["LD_PRELOAD"]
            command = PARSERS[row.parser].command(row.words(HERE / "cases"), files[3], row.seconds)
            with open(files[0], "wb") as out, open(files[1], "wb") as err:
                warden = WARDENS.start(
                    [sys.executable, HERE / "warden.py", files[2], str(row.seconds), *command], env=env,
                    cwd=None if row.own else home, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                )  # fmt: skip
                try:
                    warden.wait(2 * row.seconds + 60)
                except subprocess.TimeoutExpired:
                    pass
                finally:
                    WARDENS.end(warden)
        finally:
            spans = receiver.stop()
        if not files[2].exists():
            raise Trouble(f"the run was broken off: {files[1].read_text(errors='replace')[-500:]}")
        texts = [path.read_bytes().decode(errors="replace") for path in files[:2]]
        left = Left(*texts, files[3], (home, side, top))
        return Run(row, left, json.loads(files[2].read_text()), spans)
    finally:
        shutil.rmtree(top, ignore_errors=True)
