"""One row: a program under steady load while its collector misbehaves, and what became of it. Fed by run with a row.

	the program starts -> well -> trouble: load is measured, then commands -> well again -> load and program end

Beside the program run the same server without the preload ("bare") and two more with it, whose collector is well
("calm" and its "twin"); all get the same load at the same time, so what disturbs one disturbs all.
"""

import re
import statistics
import struct
import subprocess
import threading
import time

import account
import moods
import names
import servers
from process import LIBRARY, Trouble, built, environment, tool, until
from receiver import Receiver

SAMPLE = struct.Struct("=QQQ")
SLICE_NS = 500_000_000
EXIT_MS = 500  # AUTOTRACE_EXIT_TIMEOUT, the default


class Settings:
    """How much load for how long (seconds), and the program's limits. timed: latencies are compared."""

    def __init__(self, rate, well, trouble, after, commands, timed, **env):
        self.rate, self.well, self.trouble, self.after = rate, well, trouble, after
        self.commands, self.timed, self.env = commands, timed, env


FULL = Settings(500, 1, 5, 1, 2, True, OTEL_BSP_SCHEDULE_DELAY=200, OTEL_EXPORTER_OTLP_TIMEOUT=2000)
QUICK = Settings(
    200, 0.6, 2.6, 0.6, 2, False, OTEL_BSP_SCHEDULE_DELAY=100, OTEL_EXPORTER_OTLP_TIMEOUT=1200,
    OTEL_BSP_MAX_QUEUE_SIZE=256, OTEL_BSP_MAX_EXPORT_BATCH_SIZE=64,
)  # fmt: skip


class Beside:
    """The untroubled servers; in a quick run the bare one alone."""

    def __init__(self, place, settings):
        self.bare = servers.nginx(place, master=False)
        self.calm = []
        for _ in range(2 if settings.timed else 0):
            receiver = Receiver(moods.Mood(moods.WELL), {})
            server = servers.nginx(place, master=False, more=_preload(f"http://127.0.0.1:{receiver.port}", settings))
            server.receiver = receiver
            self.calm.append(server)

    def all(self):
        return [self.bare, *self.calm]

    def forget(self):
        for server in self.calm:
            server.receiver.receipts.clear()


def _preload(endpoint, settings, **more):
    return {
        "LD_PRELOAD": LIBRARY, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "server",
        "OTEL_LOG_LEVEL": "info", **settings.env, **more,
    }  # fmt: skip


class Memory(threading.Thread):
    """Samples (moment, RSS in KiB, threads) of processes until it is told to stop; gap: the longest time, in seconds,
    that it was kept from doing so."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.samples = {pid: [] for pid in pids}
        self._enough = threading.Event()
        self.gap = 0

    def run(self):
        last = time.monotonic()
        while not self._enough.wait(0.05):
            last, before = time.monotonic(), last
            self.gap = max(self.gap, last - before)
            for pid, kept in self.samples.items():
                try:
                    with open(f"/proc/{pid}/status", encoding="ascii") as status:
                        text = status.read()
                except OSError:
                    continue
                found = re.search(r"VmRSS:\s+(\d+)", text), re.search(r"Threads:\s+(\d+)", text)
                if all(found):
                    kept.append((time.monotonic(), *(int(f[1]) for f in found)))

    def stop(self):
        self._enough.set()
        self.join()

    def peak(self, pid, begin, end, column=1):
        """Of RSS, or of threads with column 2."""
        return max((s[column] for s in self.samples[pid] if begin <= s[0] <= end), default=0)


class Trial:
    """What is found stays in attributes; faults() is what must not be."""

    def __init__(self, row, settings, place, beside, pki):
        self.row, self.settings, self.place, self.beside, self.pki = row, settings, place, beside, pki
        self.latency = {}  # server: {"p50": ..., "p99": ...} in microseconds, in trouble
        self.commands = []  # (seconds, lines of ours) of each traced command
        self.wrong = []

    # --- the story ---

    def run(self):
        row = self.row
        self.witness = Receiver(moods.Mood(moods.WELL), {}) if row.away else None
        trouble = row.trouble
        if row.away:
            where = f"http://127.0.0.1:{self.witness.port}/v1/traces"
            trouble = moods.Mood(moods.status(307, (("Location", where),)))
        self.receiver = Receiver(trouble if row.first else row.well, self.pki.contexts)
        self.resolver = None
        if row.resolver:
            self.resolver = names.NameServer(self.place, row.resolver[1 if row.first else 0])
        try:
            self._story(trouble)
        finally:
            for one in (self.receiver, self.witness, self.resolver):
                if one:
                    one.close()

    def _story(self, trouble):
        row, settings = self.row, self.settings
        server = servers.nginx(
            self.place, master=False, more=self._env(), wrapper=self.resolver.wrapper if self.resolver else ()
        )
        self.memory = Memory([server.pid, *(s.pid for s in self.beside.calm)])
        self.memory.start()
        load, samples = self._load([*self.beside.all(), server] if settings.timed else [server])
        if not row.first:
            until(lambda: self._told(0), 10, "no span before the trouble")
            time.sleep(settings.well)
        began = time.monotonic()
        if not row.first:
            if self.resolver:
                self.resolver.answer = row.resolver[1]
            self.receiver.be(trouble)
        time.sleep(settings.trouble)
        measured = time.monotonic()
        self._run_commands()
        ended = time.monotonic()
        if self.resolver:
            self.resolver.answer = row.resolver[0]
        self.receiver.be(row.well)
        self._wait_for_return(ended)
        time.sleep(settings.after)
        requests = self._end_load(load, server.port)
        stopped = time.monotonic()
        output = server.stop()
        self.memory.stop()
        if server.handle.returncode != 0:
            self.wrong.append(f"the server ended with {server.handle.returncode}")
        self._measure(samples, server, began, measured, ended)
        self._settle(output, requests, stopped)

    def _env(self, **more):
        row = self.row
        host = names.NAME if row.resolver else "127.0.0.1"
        env = _preload(f"{'https' if row.well.tls else 'http'}://{host}:{self.receiver.port}", self.settings)
        if row.well.grpc:
            env["OTEL_EXPORTER_OTLP_PROTOCOL"] = "grpc"
        if row.well.tls:
            env["OTEL_EXPORTER_OTLP_CERTIFICATE"] = self.pki.authority
        if row.resolver:
            env["FAULTS_PRELOAD"] = env.pop("LD_PRELOAD")
        return {**env, **more}

    def _load(self, targets):
        samples = self.place.file("samples")
        ports = [server.port for server in targets]
        command = [built("tests/programs/pace"), self.settings.rate, samples, *ports]
        return self.place.start(command, environment()), samples

    def _told(self, since):
        """Moments after `since` at which bodies were acknowledged."""
        well = self.row.well
        return [r.when for r in self.receiver.receipts if r.acknowledged and r.when >= since and r.mood is well]

    def _wait_for_return(self, since):
        deadline = since + self.row.resumes
        while not self._told(since) and time.monotonic() < deadline:
            time.sleep(0.02)
        told = self._told(since)
        self.resumed = told[0] - since if told else None

    def _end_load(self, load, port):
        line = next(line for line in load.stop().splitlines() if line.startswith(f"{port} "))
        found = {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", line)}
        if found["errors"]:
            self.wrong.append(f"{found['errors']} requests were not answered as they should")
        return found["requests"]

    # --- commands ---

    def _run_commands(self):
        """curl at the bare server, with and without the preload in turns."""
        command = [tool("curl"), "-sS", "-m", "20", f"http://127.0.0.1:{self.beside.bare.port}/"]
        if self.resolver:
            command = [*self.resolver.wrapper, *command]
        env = self._env(OTEL_SERVICE_NAME="command", OTEL_BSP_SCHEDULE_DELAY=5000, OTEL_EXPORTER_OTLP_TIMEOUT=10000)
        bare = []
        for _ in range(self.settings.commands):
            bare.append(_run(command, environment(FAULTS_PRELOAD=""))[0])
            seconds, done = _run(command, environment(**env))
            if done.returncode or done.stdout != b"hello world\n":
                self.wrong.append(f"curl under the preload: {done.returncode}, {done.stdout!r}, {done.stderr!r}")
            self.commands.append((seconds, done.stderr.decode().splitlines()))
        self.bare_ms = 1000 * sorted(bare)[len(bare) // 2]

    # --- figures ---

    def _measure(self, samples, server, began, measured, ended):
        kept = {}
        for due, took, port in SAMPLE.iter_unpack(samples.read_bytes()):
            if began <= due / 1e9 <= measured:
                kept.setdefault(port, []).append((due, took))
        calm = self.beside.calm
        for name, one in zip(("bare", "calm", "twin"), self.beside.all() if self.settings.timed else ()):
            self.latency[name] = percentiles(kept[one.port])
        self.latency["trouble"] = percentiles(kept.get(server.port, [(0, 0)]))
        self.samples = len(kept.get(server.port, []))
        m = self.memory
        third = (ended - began) / 3
        self.rss_before = m.peak(server.pid, 0, began)
        self.rss_peak = m.peak(server.pid, began, ended)
        middle = m.peak(server.pid, began + third, ended - third)
        self.rss_growth = m.peak(server.pid, ended - third, ended) - middle if middle else 0
        self.rss_calm = max((m.peak(s.pid, began, ended) for s in calm), default=None)
        self.threads = m.peak(server.pid, began, ended, 2)

    def _settle(self, output, requests, stopped):
        ours = [line for line in output.splitlines() if line.startswith("autotrace:")]
        last = account.ended(ours[-1]) if ours else None
        if not last:
            raise Trouble(f"no totals at the end: {output[-2000:]}")
        self.lines = ours[:-1]
        self.end = ours[-1]
        decoded = [(r, r.spans()) for r in self.receiver.receipts]
        of_server = [r for r, spans in decoded if spans[0]["resource"]["service.name"] == "server"]
        for receipt in of_server:
            receipt.unheard(until=stopped)
        of_command = [(r, spans) for r, spans in decoded if spans[0]["resource"]["service.name"] == "command"]
        self.account = account.Account(requests, of_server, last, self.row)
        self._settle_commands(of_command)

    def _settle_commands(self, receipts):
        """Each command's one span is delivered, or lost as it said, and it says no more than that."""
        delivered = sum(len(spans) - min(r.rejected, len(spans)) for r, spans in receipts if r.acknowledged)
        ends = [[account.ended(line) for line in lines] for _, lines in self.commands]
        self.commands_lost = sum(one[1] for lines in ends for one in lines if one)
        self.commands_delivered = delivered
        for (_, lines), found in zip(self.commands, ends):
            if len([one for one in found if one]) != 1 or len(found) != 1:
                self.wrong.append(f"curl under the preload said: {lines}")
        if delivered + self.commands_lost != len(self.commands):
            self.wrong.append(
                f"commands: delivered {delivered} + lost {self.commands_lost} = {len(self.commands)} is not true"
            )


def _run(command, env):
    began = time.monotonic()
    done = subprocess.run(
        [str(c) for c in command], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False
    )
    return time.monotonic() - began, done


def _part(ordered, share):
    return ordered[int((len(ordered) - 1) * share)] / 1000


def percentiles(samples):
    """Of (due, took) in ns, in microseconds: median, 99th percentile, and the median half second's 99th percentile,
    which a machine that stands still now and then does not move."""
    ordered = sorted(took for _, took in samples)
    slices = {}
    for due, took in samples:
        slices.setdefault(due // SLICE_NS, []).append(took)
    typical = statistics.median(_part(sorted(one), 0.99) for one in slices.values())
    return {"p50": _part(ordered, 0.5), "p99": _part(ordered, 0.99), "typical p99": typical}
