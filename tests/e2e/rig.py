"""What the end-to-end tests stand on: a collector, traced programs, plain clients and scripted peers.

Nothing in here is under the preload but what Rig.start and Rig.run start traced. All sockets are on loopback, at
ports the kernel chose; every process is stopped by its id.
"""

import collections
import contextlib
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("BUILD_DIR", Path(__file__).parents[2] / "build")).resolve()
LIBRARY = BUILD / "libautotrace.so"
PYTHON = "/usr/bin/python3"
APPS = Path(__file__).parent / "apps"
SEARCH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
CRLF = b"\r\n"


def program(name):
    """The path of a program, or a skip with the reason."""
    path = shutil.which(name, path=SEARCH)
    if not path:
        pytest.skip(f"{name} is not installed")
    return path


def environment(**more):
    """Ours without anything that steers tracing or clients; None takes a variable away."""
    env = {
        k: v
        for k, v in os.environ.items()
        if not re.match(r"OTEL_|AUTOTRACE_|LD_|TRACE(PARENT|STATE)|BAGGAGE|PYTEST|.*_proxy$", k)
    }
    env.update(PATH=SEARCH, PYTHONDONTWRITEBYTECODE="1", PYTHONPATH=str(APPS), LC_ALL="C.UTF-8")
    env.update({k: str(v) for k, v in more.items() if v is not None})
    return {k: v for k, v in env.items() if more.get(k, "") is not None}


_held = collections.deque(maxlen=100)


def free_port():
    """A port at which nobody listens, of both families. It stays ours to give for a while: the kernel offers it to
    nobody else, and a server that sets SO_REUSEADDR, as servers do, can listen there."""
    while True:
        held = [socket.socket(family) for family in (socket.AF_INET, socket.AF_INET6)]
        for one in held:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held[0].bind(("127.0.0.1", 0))
        port = held[0].getsockname()[1]
        try:
            held[1].bind(("::1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                continue
        _held.append(held)
        return port


def until(condition, seconds=10, what="the condition"):
    """Waits until condition() is true and returns its value. Time in which the machine stood still does not count."""
    last, spent = time.monotonic(), 0
    while True:
        value = condition()
        if value:
            return value
        assert spent < seconds, f"{what} did not come about within {seconds} s"
        time.sleep(0.01)
        last, before = time.monotonic(), last
        spent += min(last - before, 0.1)


# --- spans ---


class Span:
    """A span as autotrace-view wrote it down."""

    def __init__(self, line):
        self.raw = line
        self.trace = line["trace_id"]
        self.id = line["span_id"]
        self.parent = line.get("parent_span_id")
        self.name = line["name"]
        self.kind = line["kind"]
        self.status = line["status"]
        self.attrs = line["attributes"]
        self.start = line["start_unix_nano"]
        self.end = line["end_unix_nano"]
        self.ms = (self.end - self.start) / 1e6
        self.flags = line["flags"]
        self.state = line["trace_state"]
        self.links = line["links"]
        self.resource = line["resource"]
        self.service = line["resource"]["service.name"]
        self.pid = line["resource"]["process.pid"]
        self.code = self.attrs.get("http.response.status_code")
        self.error = self.attrs.get("error.type")
        self.rule = self.attrs.get("autotrace.link.rule")

    def __getitem__(self, key):
        return self.attrs[key]

    def __repr__(self):
        where = self.attrs.get("url.full") or self.attrs.get("url.path")
        return (
            f"<{self.service} {self.kind} {self.name!r} {where} {self.code} {self.error or ''} "
            f"{self.trace[:6]}/{self.id[:4]}<{(self.parent or '')[:4]} {self.rule or ''}>"
        )


def is_child(child, parent):
    return child.parent == parent.id and child.trace == parent.trace


def only(spans, **wanted):
    """The one span whose fields are as wanted."""
    found = [s for s in spans if all(getattr(s, k) == v for k, v in wanted.items())]
    assert len(found) == 1, f"{len(found)} spans with {wanted} among {spans}"
    return found[0]


class Collector:
    """A running autotrace-view and the spans it got; unless it is to `keep` them, only their number."""

    def __init__(self, directory, keep=True):
        self.file = directory / "spans.jsonl"
        port_file = directory / "collector-port"
        command = [BUILD / "autotrace-view", "--listen", "127.0.0.1:0", "--port-file", port_file]
        self.process = subprocess.Popen(
            [*command, *(["--json", self.file] if keep else []), "--quiet", "--count"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(),
        )  # fmt: skip
        until(lambda: port_file.exists() and port_file.read_text().strip(), what="the collector")
        self.endpoint = f"http://127.0.0.1:{port_file.read_text().strip()}"
        self.seen = 0
        self.spans, self.offset = [], 0  # read from the file, and how far

    def all(self):
        """All that came so far. What was read once is kept: a test that waits for many asks often."""
        if self.file.exists():
            with open(self.file, "rb") as file:
                file.seek(self.offset)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self.offset += len(whole)
            self.spans += [Span(json.loads(line)) for line in whole.splitlines()]
        return list(self.spans)

    def new(self):
        return self.all()[self.seen :]

    def take(self, count, seconds=10, settle=0.2):
        """Exactly `count` spans since the last take, in the order they began; more or less is a failure."""
        with contextlib.suppress(AssertionError):
            until(lambda: len(self.new()) >= count, seconds)
        time.sleep(settle)
        spans = sorted(self.new(), key=lambda s: s.start)
        self.seen += len(spans)
        assert len(spans) == count, f"expected {count} spans, got {len(spans)}: {spans}"
        return spans

    def stop(self):
        """Ends it; returns its counters."""
        self.process.terminate()
        out = self.process.communicate(timeout=10)[0].decode()
        assert self.process.returncode == 0, out
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", out.splitlines()[-1])}


# --- programs ---


class Program:
    """A program in the background."""

    def __init__(self, command, env, log, cwd=None, stop_with=signal.SIGTERM, quiet=True, **popen):
        self.name = os.path.basename(str(command[0]))
        self.log = log
        self.stop_with = stop_with
        self.quiet = quiet  # a word of ours on stderr is a failure
        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [str(c) for c in command], env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True, **popen,
            )  # fmt: skip
        self.pid = self.process.pid

    def output(self):
        return self.log.read_text(errors="replace")

    def find(self, pattern, seconds=30):
        """Waits for a line in its output; returns the match."""

        def look():
            assert self.process.poll() is None, f"{self.name} ended: {self.output()}"
            return re.search(pattern, self.output())

        return until(look, seconds, f"{pattern!r} in the output of {self.name}")

    def stop(self, how=None, seconds=8):
        """Ends it and tells how it ended."""
        if self.process.poll() is None:
            self.process.send_signal(how or self.stop_with)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"{self.name} did not stop: {self.output()}") from None
        return self.process.returncode

    def check(self):
        """It was stopped by us or ended well, and said nothing in our name."""
        code = self.process.returncode
        assert code >= 0 or -code in (signal.SIGTERM, signal.SIGKILL, self.stop_with), (self.name, code, self.output())
        if self.quiet:
            assert "autotrace:" not in self.output(), self.output()
        assert not re.search(r"exited on signal|Segmentation fault|core dumped", self.output()), self.output()


class Result:
    """A command that has ended."""

    def __init__(self, done, seconds):
        self.code = done.returncode
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")
        self.seconds = seconds


class Rig:
    """A collector and the programs that report to it."""

    def __init__(self, directory):
        self.directory = directory
        self.collector = Collector(directory)
        self.programs = []
        self.peers = []
        self.litter = []
        self.take = self.collector.take

    def fresh(self, after=0):
        """take(), from now on (or `after` seconds): what an earlier test left behind does not count."""
        time.sleep(after)
        self.collector.seen = len(self.collector.all())
        return self.take

    def env(self, service=None, traced=True, **more):
        ours = {}
        if traced:
            ours = {
                "LD_PRELOAD": LIBRARY, "OTEL_EXPORTER_OTLP_ENDPOINT": self.collector.endpoint,
                "OTEL_BSP_SCHEDULE_DELAY": 40, "OTEL_SERVICE_NAME": service, "AUTOTRACE_LINK_RULE": "true",
            }  # fmt: skip
        return environment(**{**ours, **more})

    def start(self, command, service=None, traced=True, env=None, **popen):
        log = self.directory / f"{len(self.programs)}.log"
        started = Program(command, self.env(service, traced, **(env or {})), log, **popen)
        self.programs.append(started)
        return started

    def run(self, command, service=None, traced=True, env=None, input=b"", timeout=30, quiet=True, **popen):
        began = time.monotonic()
        done = subprocess.run(
            [str(c) for c in command], env=self.env(service, traced, **(env or {})), input=input,
            capture_output=True, timeout=timeout, check=False, **popen,
        )  # fmt: skip
        result = Result(done, time.monotonic() - began)
        if quiet:
            assert "autotrace:" not in result.err, result.err
        return result

    def open_directory(self):
        """A directory that servers which give up their privileges can read."""
        path = Path(tempfile.mkdtemp(prefix="autotrace-e2e-"))
        path.chmod(0o755)
        self.litter.append(path)
        return path

    def peer(self, *args, **kwargs):
        peer = Peer(*args, **kwargs)
        self.peers.append(peer)
        return peer

    def gunicorn(self, app, *options, service="app", bind="127.0.0.1:0", env=None):
        """A gunicorn with `app`; its address is in .port, or the socket's path in .path."""
        command = [program("gunicorn"), "--bind", bind, "--worker-tmp-dir", self.directory, *options, app]
        started = self.start(command, service, env=env)
        found = started.find(r"Listening at: (?:http://\S+:(\d+)|unix:(\S+))")
        started.port, started.path = int(found[1] or 0), found[2]
        started.find(r"Booting worker")
        return started

    def python(self, script, *args, service="app", **more):
        """One of apps/*.py, which says "listening on PORT"."""
        started = self.start([PYTHON, "-u", APPS / script, *args], service, **more)
        started.port = int(started.find(r"listening on (\d+)")[1])
        return started

    def stop(self):
        faults = []
        for one in reversed(self.programs):
            try:
                one.stop()
                one.check()
            except AssertionError as fault:
                faults.append(str(fault))
        for peer in self.peers:
            peer.close()
        self.collector.stop()
        for path in self.litter:
            shutil.rmtree(path, ignore_errors=True)
        assert not faults, "\n".join(faults)


# --- plain HTTP ---


class Answer:
    """A response: status, header pairs in lower case, body."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body


def fields(head):
    """The header lines of a raw head as (lower-case name, value) pairs."""
    lines = head.split(b"\r\n\r\n")[0].split(CRLF)[1:]
    return [(n.strip().lower().decode(), v.strip().decode()) for n, _, v in (line.partition(b":") for line in lines)]


def values(head, name):
    return [v for n, v in fields(head) if n == name]


class Wire:
    """A client's connection, byte by byte under the test's control."""

    def __init__(self, where, timeout=10):
        if isinstance(where, int):
            where = ("127.0.0.1", where)
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET6 if ":" in where[0] else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        self.socket.connect(where)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def more(self):
        data = self.socket.recv(65536)
        self.rest += data
        return data

    def until(self, mark):
        while mark not in self.rest:
            assert self.more(), f"the stream ended before {mark!r}: {self.rest[:200]!r}"
        head, self.rest = self.rest.split(mark, 1)
        return head + mark

    def exactly(self, n):
        while len(self.rest) < n:
            assert self.more(), "the stream ended too early"
        data, self.rest = self.rest[:n], self.rest[n:]
        return data

    def to_end(self):
        while self.more():
            pass
        data, self.rest = self.rest, b""
        return data

    def chunks(self):
        body = b""
        while True:
            size = int(self.until(CRLF).split(b";")[0], 16)
            body += self.exactly(size)
            if size == 0:
                while self.until(CRLF) != CRLF:
                    pass
                return body
            self.exactly(2)

    def answer(self, method="GET"):
        """Reads one final response."""
        while True:
            head = self.until(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            if status >= 200 or status == 101:
                break
        headers = fields(head)
        found = dict(headers)
        if method == "HEAD" or status in (101, 204, 304):
            body = b""
        elif "chunked" in found.get("transfer-encoding", ""):
            body = self.chunks()
        elif "content-length" in found:
            body = self.exactly(int(found["content-length"]))
        else:
            body = self.to_end()
        return Answer(status, headers, body)

    def ask(self, path="/", method="GET", headers=(), body=b"", host="test.example"):
        """One request on a connection that stays open."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{n}: {v}" for n, v in headers)]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return self.answer(method)

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(where, path="/", method="GET", headers=(), body=b"", **more):
    """One request on a connection of its own."""
    with Wire(where) as wire:
        return wire.ask(path, method, headers, body, **more)


def respond(body=b"peer", status="200 OK", headers=(), length=True):
    lines = [f"HTTP/1.1 {status}", *(f"{n}: {v}" for n, v in headers)]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Peer:
    """A server that is not traced and does what the test says.

    answer(connection, head, body) gives the bytes of the response, None to close, or speaks on the connection itself
    and gives b"". Every request's head is kept in .heads, its body in .bodies.
    """

    def __init__(self, answer=None, family=socket.AF_INET, address=None):
        self.answer = answer or (lambda connection, head, body: respond())
        self.heads, self.bodies = [], []
        self.connections = 0
        self.listener = socket.socket(family)
        self.listener.bind(address or ("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1] if family != socket.AF_UNIX else 0
        self.url = f"http://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def request(self, connection, rest):
        while b"\r\n\r\n" not in rest:
            data = connection.recv(65536)
            if not data:
                return None
            rest += data
        head, rest = rest.split(b"\r\n\r\n", 1)
        head += b"\r\n\r\n"
        length = int((values(head, "content-length") or ["0"])[0])
        chunked = "chunked" in (values(head, "transfer-encoding") or [""])[0]
        while len(rest) < length or (chunked and not rest.endswith(b"0\r\n\r\n")):
            data = connection.recv(65536)
            if not data:
                return None
            rest += data
        return (head, rest, b"") if chunked else (head, rest[:length], rest[length:])

    def serve(self, connection):
        rest = b""
        try:
            while True:
                got = self.request(connection, rest)
                if not got:
                    return
                head, body, rest = got
                self.heads.append(head)
                self.bodies.append(body)
                data = self.answer(connection, head, body)
                if data is None:
                    return
                connection.sendall(data)
                if "close" in values(head, "connection") or head.split(CRLF)[0].endswith(b"/1.0"):
                    return
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        """Nobody can connect from here on."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.thread.join()
        self.listener.close()
