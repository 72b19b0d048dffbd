"""Where a stack plays: its programs under the preload and the collector they report to. Fed by run; used by stacks.py
to start programs. Owns the processes and the directory of one stack.
"""

import json
import re
import shutil
import socket
import time
from pathlib import Path

from judge import Span
from process import LIBRARY, SEARCH, Place, Trouble, built, environment, free_port, until

APPS = Path(__file__).resolve().parent / "apps"
SETTLE = 1.5  # seconds without a new span after which no more are expected
PATIENCE = 20  # seconds that spans may take to arrive


class Stage:
    """scene: traffic.Scene; level: AUTOTRACE_LOG_LEVEL; settings: further variables of the traced programs."""

    def __init__(self, stack, scene, level="warn", settings=()):
        self.stack, self.scene, self.level, self.settings = stack, scene, level, dict(settings)
        self.place = Place()
        self.root = self.place.root
        self.last = None  # the program started last
        self._file, self._read = self.root / "spans.jsonl", 0
        port = self.root / "collector-port"
        view = [built("autotrace-view"), "--listen", "127.0.0.1:0", "--port-file", port, "--json", self._file]
        self.collector = self.place.start([*view, "--quiet", "--count"], environment())
        until(lambda: port.exists() and port.read_text().strip(), 10, "no collector")
        self.endpoint = f"http://127.0.0.1:{port.read_text().strip()}"

    # --- for stacks.py ---

    def tool(self, name):
        path = shutil.which(name, path=SEARCH)
        if not path:
            raise Trouble(f"{name} is not installed; scripts/install-deps causality installs it")
        return path

    def env(self, service, backends=None, **more):
        """The environment of a traced program: nothing is configured but where it reports, and as what."""
        return environment(
            LD_PRELOAD=built(LIBRARY.name), OTEL_EXPORTER_OTLP_ENDPOINT=self.endpoint, OTEL_SERVICE_NAME=service,
            AUTOTRACE_LINK_RULE="true", AUTOTRACE_LOG_LEVEL=self.level, OTEL_BSP_SCHEDULE_DELAY=100,
            OTEL_BSP_MAX_QUEUE_SIZE=65536, BACKENDS=",".join(backends or self.scene.backends),
            DATABASE=self.scene.database, TICK=0.01 if self.stack.tick else 0, **self.settings, **more,
        )  # fmt: skip

    def launch(self, command, service=None, backends=None, **env):
        """Starts a traced program."""
        self.last = self.place.start(command, self.env(service or self.stack.name, backends, **env))
        return self.last

    def says(self, command, pattern, **how):
        """Starts a traced program that says which port it listens at."""
        return int(self.launch(command, **how).find(pattern)[1])

    def told(self, command, config, values, **how):
        """Starts a traced program that is told its port: {port} in its command, and in its configuration, a file of
        apps/ whose place is {config}. Waits until something listens there."""
        values = {**values, "root": self.root, "port": free_port()}
        path = self.root / (config or "none")
        if config:
            path.write_text((APPS / config).read_text() % values)
        words = {"{config}": path, "{root}": self.root, "127.0.0.1:{port}": f"127.0.0.1:{values['port']}"}
        program = self.launch([words.get(part, part) for part in command], **how)
        until(lambda: self.accepts(program, values["port"]), 10, f"nobody listens at the port of {program.name}")
        return values["port"]

    @staticmethod
    def accepts(program, port):
        if program.handle.poll() is not None:
            raise Trouble(f"{program.name} ended: {program.output()[-2000:]}")
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", port)) == 0

    def built(self, name):
        return built(name)

    def compile(self, command):
        """Runs a compiler, "{out}" in its command being a new directory; returns that."""
        out = self.place.directory("classes")
        self.place.run([str(part).replace("{out}", str(out)) for part in command])
        return out

    # --- for run ---

    def lines(self):
        """Spans that have arrived since the last look."""
        if not self._file.exists():
            return []
        with open(self._file, "rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [Span(json.loads(line)) for line in whole.splitlines()]

    def spans(self, enough):
        """All spans since the last call: waits until enough(spans), then until no more come (timers do not count)."""
        got, deadline = [], time.monotonic() + PATIENCE
        quiet = time.monotonic() + SETTLE
        while time.monotonic() < min(deadline, quiet):
            fresh = self.lines()
            got += fresh
            if any("/tick/" not in span.path for span in fresh):
                quiet = time.monotonic() + (0.3 if enough(got) else SETTLE)
            time.sleep(0.02)
        return got

    def words(self):
        """What the library said on any program's stderr."""
        text = "".join(p.output() for p in self.place.started if p is not self.collector)
        return re.findall(r"^autotrace: .*$", text, re.M)

    def stop(self):
        """Ends the programs; a crash is Trouble."""
        for process in reversed(self.place.started):
            text = process.stop()
            if re.search(r"exited on signal|Segmentation fault|core dumped", text):
                raise Trouble(f"{process.name} crashed: {text[-2000:]}")

    def close(self, keep=None):
        if keep:
            shutil.copytree(self.root, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
        self.place.close()
