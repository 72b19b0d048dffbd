"""Others in the process, or around it: allocators, faked time, copies of ourselves, sanitizers, valgrind, gdb, strace.

A threaded C server (tests/programs/server.c) is asked and makes calls, with one of them before us and behind us in
LD_PRELOAD where it can be. It must answer as ever, end well, and give the spans it always gives.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from glob import glob
from pathlib import Path

import pytest

import collector
from rig import BUILD, LIBRARY, PYTHON, Wire, ask, environment, is_child, program, respond, until, values

SERVER = BUILD / "tests/programs/server"
SOURCE = Path(__file__).parents[1] / "programs/server.c"
SUPPRESSIONS = Path(__file__).parents[1] / "valgrind.supp"
LIBRARIES = "/usr/lib/x86_64-linux-gnu"


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(lambda connection, head, body: respond(b"peer"))


@pytest.fixture
def take(shared):
    return shared.fresh()


def library(pattern, package):
    found = glob(f"{LIBRARIES}/{pattern}")
    if not found:
        pytest.skip(f"{package} is not installed")
    return found[0]


def preload(first, other):
    """LD_PRELOAD with us first or the other one."""
    return f"{LIBRARY}:{other}" if first == "ours" else f"{other}:{LIBRARY}"


ORDERS = pytest.mark.parametrize("first", ["ours", "theirs"])


def serve(rig, *before, built=SERVER, options=(), env=None):
    """The server, started by the command `before` if there is one."""
    started = rig.start([*before, built, *options], "server", env=env)
    started.port = int(started.find(r"listening on (\d+)", 30)[1])
    return started


def work(server, peer, calls=10):
    """Requests by several clients at once; each makes the server call the peer once."""

    def client(n):
        with Wire(server.port, timeout=30) as wire:
            assert wire.ask(f"/quiet/{n}").body == b"served"
            assert wire.ask(f"/call/{peer.port}").body == b"called"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(client, range(calls)))


def check(spans, since):
    """What work() must give: the right parents, durations that are none below zero, today's time."""
    calls = [s for s in spans if s.kind == "client"]
    parents = {s.id: s for s in spans if s.kind == "server"}
    assert len(parents) == 2 * len(calls) and len(calls) + len(parents) == len(spans)
    for span in calls:
        assert is_child(span, parents[span.parent])
    for span in spans:
        assert since - 1 <= span.start / 1e9 <= span.end / 1e9 <= time.time() + 1, (since, span.start, span.end)
        assert span.ms < 30000


def work_and_end(server, peer, take):
    """All of it, and the end by SIGTERM, for which the server has a handler: an orderly exit."""
    since = time.time()
    work(server, peer)
    check(take(30, seconds=30), since)
    assert server.stop(seconds=30) == 0, server.output()
    assert "autotrace:" not in server.output()


# --- other allocators ---

ALLOCATORS = {
    "jemalloc": ("libjemalloc.so.2", "libjemalloc2"),
    "tcmalloc": ("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
    "tcmalloc, checking": ("libtcmalloc_minimal_debug.so.4", "libtcmalloc-minimal4"),
}


@ORDERS
@pytest.mark.parametrize("name", ALLOCATORS)
def test_another_allocator(shared, peer, take, name, first):
    server = serve(shared, env={"LD_PRELOAD": preload(first, library(*ALLOCATORS[name]))})
    assert ALLOCATORS[name][0].split(".so")[0] in Path(f"/proc/{server.pid}/maps").read_text()
    work_and_end(server, peer, take)


@ORDERS
@pytest.mark.parametrize("name", list(ALLOCATORS)[:2])
def test_another_allocator_and_forks(rig, name, first):
    """A server whose workers are forked, with a thread of ours at work meanwhile; they run commands, too."""
    peer = rig.peer(lambda connection, head, body: respond(b"peer"))
    env = {"LD_PRELOAD": preload(first, library(*ALLOCATORS[name])), "OTEL_BSP_SCHEDULE_DELAY": 5}
    server = rig.gunicorn("shop:app", "--workers", "3", "--max-requests", "20", env=env)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: ask(server.port, f"/command?url={peer.url}").body == b"peer" or 1 / 0, range(60)))
    spans = rig.take(120, seconds=20)
    assert len([s for s in spans if s.kind == "client"]) == 60


# --- libfaketime ---

# What it makes of the time: a fixed one, a start in the past at ten times the speed, and a clock that moves with each
# look at it. (The last tells whether somebody else looks, too.)
FAKES = ["2001-02-03 04:05:06", "@2001-02-03 04:05:06 x10", "@2040-01-01 00:00:00", "2001-02-03 04:05:06 i2.0"]


@ORDERS
@pytest.mark.parametrize("fake", FAKES)
def test_faked_time(shared, peer, take, first, fake):
    """The program has its time, the spans have the true one: others in the trace do not live in the year 2001."""
    faketime = library("faketime/libfaketime.so.1", "libfaketime")
    server = serve(shared, env={"LD_PRELOAD": preload(first, faketime), "FAKETIME": fake})
    work_and_end(server, peer, take)


@ORDERS
def test_faked_time_is_not_used_up(shared, peer, take, first):
    """With a clock that goes on by a second at each look, a look of ours would be seen."""
    script = f"""
import socket, time
for n in range(3):
    with socket.create_connection(("127.0.0.1", {peer.port})) as s:
        s.sendall(b"GET / HTTP/1.1\\r\\nHost: there.example\\r\\nConnection: close\\r\\n\\r\\n")
        while s.recv(4096):
            pass
print(time.time(), time.monotonic() - time.monotonic())
"""
    faketime = library("faketime/libfaketime.so.1", "libfaketime")
    env = {"FAKETIME": "2001-02-03 04:05:06 i1.0"}
    plain = shared.run([PYTHON, "-c", script], traced=False, env={**env, "LD_PRELOAD": faketime})
    ours = shared.run([PYTHON, "-c", script], env={**env, "LD_PRELOAD": preload(first, faketime)})
    assert plain.code == ours.code == 0, ours.err
    assert ours.out == plain.out
    since = time.time()
    for span in take(3):
        assert since - 30 <= span.start / 1e9 <= span.end / 1e9 <= since


@ORDERS
def test_faked_time_and_forks(shared, peer, take, first):
    """A child is not taken for one born at a bad moment, and fork does not wait for a day to come."""
    script = f"""
import os, sys, urllib.request
for n in range(5):
    assert urllib.request.urlopen("{peer.url}/parent").read() == b"peer"
    child = os.fork()
    if child == 0:
        assert urllib.request.urlopen("{peer.url}/child").read() == b"peer"
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    faketime = library("faketime/libfaketime.so.1", "libfaketime")
    for fake in ("@2001-02-03 04:05:06", "@2040-01-01 00:00:00"):
        env = {"FAKETIME": fake, "LD_PRELOAD": preload(first, faketime), "OTEL_BSP_SCHEDULE_DELAY": 1}
        result = shared.run([PYTHON, "-c", script], env=env)
        assert result.code == 0 and result.seconds < 10, result.err
        assert len({s.pid for s in take(10)}) == 6


# --- copies of ourselves ---


@pytest.mark.parametrize("how", ["twice", "link", "copy first", "copy last", "copy loaded later"])
def test_copies_of_ourselves(shared, peer, take, tmp_path, how):
    """Listed twice, by a link, or as a second file: one traces, the others sleep. One span, one header, one thread."""
    copy, link = tmp_path / "copy.so", tmp_path / "link.so"
    shutil.copy(LIBRARY, copy)
    link.symlink_to(LIBRARY)
    listed = {
        "twice": (LIBRARY, LIBRARY), "link": (LIBRARY, link), "copy first": (copy, LIBRARY, link),
        "copy last": (LIBRARY, copy), "copy loaded later": (LIBRARY,),
    }[how]  # fmt: skip
    heads = len(peer.heads)
    env = {"LD_PRELOAD": ":".join(map(str, listed))}
    if how == "copy loaded later":
        script = f"""
import ctypes, os, urllib.request
urllib.request.urlopen("{peer.url}/1").read()
copy = ctypes.CDLL("{copy}", mode=ctypes.RTLD_GLOBAL)
for n in range(2, 5):
    urllib.request.urlopen("{peer.url}/2").read()
assert copy.autotrace_flush(1000) == 0
print(len(os.listdir("/proc/self/task")))
"""
        result = shared.run([PYTHON, "-c", script], env=env)
        assert (result.code, result.out) == (0, "2\n"), result.err
        assert {s.kind for s in take(4)} == {"client"}
    else:
        server = serve(shared, env=env)
        loaded = Path(f"/proc/{server.pid}/maps").read_text()
        assert ("copy.so" in loaded) == ("copy" in how) and "libautotrace.so" in loaded
        since = time.time()
        work(server, peer, calls=4)
        check(take(12), since)
        assert threads_of_ours(server) == 1
        assert server.stop() == 0
    for head in peer.heads[heads:]:
        assert len(values(head, "traceparent")) == 1


def threads_of_ours(process):
    return [p.read_text() for p in Path(f"/proc/{process.pid}/task").glob("*/comm")].count("autotrace\n")


# --- sanitized programs ---

SANITIZERS = ["address", "undefined", "thread", "address,undefined"]


def build(tmp_path, compiler, sanitizer, *flags):
    out = tmp_path / "server"
    command = [program(compiler), "-g", "-O1", f"-fsanitize={sanitizer}", *flags, "-pthread", "-o", out, SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_sanitized_programs(shared, peer, take, tmp_path, compiler, sanitizer):
    """Their runtimes stand between the program and us, or between us and libc; they find nothing to say."""
    built = build(tmp_path, compiler, sanitizer)
    options = {f"{name}_OPTIONS": "verify_asan_link_order=0" for name in ["ASAN"] if compiler == "gcc"}
    server = serve(shared, built=built, env={"UBSAN_OPTIONS": "halt_on_error=1", **options})
    work_and_end(server, peer, take)
    assert not re.search(r"Sanitizer|runtime error", server.output()), server.output()


@ORDERS
def test_address_sanitizer_in_the_preload(shared, peer, take, tmp_path, first):
    """gcc's runtime wants to be the first library; where we are, it can be told that this is all right."""
    built = build(tmp_path, "gcc", "address")
    runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    order = preload(first, os.path.realpath(runtime.stdout.strip()))
    options = "detect_leaks=1" + (":verify_asan_link_order=0" if first == "ours" else "")
    server = serve(shared, built=built, env={"LD_PRELOAD": order, "ASAN_OPTIONS": options})
    work_and_end(server, peer, take)
    assert "Sanitizer" not in server.output(), server.output()


def test_a_sanitizer_still_finds_what_there_is(shared, peer, take, tmp_path):
    """The program's own leak is reported as ever, by its exit code too: we have not silenced anybody."""
    built = build(tmp_path, "clang", "address")
    server = serve(shared, built=built, options=["leak=10"], env={"ASAN_OPTIONS": "detect_leaks=1"})
    work(server, peer, calls=2)
    take(6)
    assert server.stop(seconds=30) == 1
    assert "LeakSanitizer: detected memory leaks" in server.output() and "forget_something" in server.output()
    assert "libautotrace" not in server.output()


# --- valgrind ---


def valgrind(*options):
    return [program("valgrind"), "-q", "--error-exitcode=99", *options]


def test_valgrind(shared, peer, take):
    """Memcheck has nothing to say of a traced server, leaks included. tests/valgrind.supp: what it need not say."""
    memcheck = valgrind("--leak-check=full", "--track-origins=yes", f"--suppressions={SUPPRESSIONS}")
    server = serve(shared, *memcheck)
    work_and_end(server, peer, take)
    assert "==" not in server.output(), server.output()


@pytest.fixture
def peer_certificate(tmp_path):
    """One for localhost that signs itself, and its key."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key]
    command += ["-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, capture_output=True, check=True)
    return certificate, key


def test_valgrind_and_https(rig, peer_certificate):
    """The same with the bundled TLS at work."""
    certificate, key = peer_certificate
    peer = rig.peer(lambda connection, head, body: respond(b"peer"))
    with collector.Collector(tls=collector.server_tls(certificate, key)) as https:
        env = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": https.url("localhost", "https"),
            "OTEL_EXPORTER_OTLP_CERTIFICATE": certificate, "AUTOTRACE_EXIT_TIMEOUT": 20000,
            "OTEL_EXPORTER_OTLP_TIMEOUT": 60000,
        }  # fmt: skip
        server = serve(rig, *valgrind(f"--suppressions={SUPPRESSIONS}"), env=env)
        work(server, peer, calls=3)
        assert server.stop(seconds=60) == 0, server.output()
        assert len(https.spans) == 9, server.output()
    assert "==" not in server.output(), server.output()


# --- debuggers ---


def test_gdb_attaches_and_lets_go(shared, peer, take):
    """Attached while it works, looked at, and left: no request fails, no span is lost."""
    server = serve(shared)
    work(server, peer, calls=2)
    take(6)
    since = time.time()
    script = ["-ex", "thread apply all bt", "-ex", "shell sleep 1", "-ex", "detach"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: [work(server, peer, calls=20) for _ in range(10)])
        command = [program("gdb"), "-nx", "-batch", "-p", str(server.pid), *script]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
        waiting.result(60)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Thread \d+ .*\"autotrace\"", done.stdout), done.stdout
    assert re.search(r"#\d+ .* accept_all ", done.stdout), done.stdout
    assert not re.search(r"(?i)corrupt stack|previous frame", done.stdout), done.stdout
    check(take(600), since)
    work_and_end(server, peer, take)


def test_started_by_gdb(shared, peer, take):
    """Breakpoints in hooks of ours and in the program; it runs on from them."""
    steps = [
        f"set environment LD_PRELOAD {LIBRARY}", "set breakpoint pending on", "set startup-with-shell off",
        "break call", "run", "bt", "break recv", "continue", "bt", "finish", "delete", "continue",
    ]  # fmt: skip
    script = [word for step in steps for word in ("-ex", step)]
    server = serve(
        shared, program("gdb"), "-nx", "-batch", *script, "--args", options=["serve=2"], env={"LD_PRELOAD": None}
    )
    assert ask(server.port, f"/call/{peer.port}").body == b"called"
    assert ask(server.port, "/").body == b"served"
    assert len(take(3, seconds=20)) == 3
    until(lambda: server.process.poll() is not None, what="gdb's end")
    assert server.process.returncode == 0 and "exited normally" in server.output(), server.output()


# --- strace ---


def test_started_by_strace(shared, peer, take, tmp_path):
    log = tmp_path / "strace"
    server = serve(shared, program("strace"), "-f", "-o", log, env={"OTEL_SERVICE_NAME": "server"})
    since = time.time()
    work(server, peer)
    check(take(30, seconds=30), since)
    (child,) = map(int, Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split())
    os.kill(child, signal.SIGTERM)
    until(lambda: server.process.poll() is not None, what="strace's end")
    assert server.process.returncode == 0
    assert "+++ exited with 0 +++" in log.read_text()


def test_strace_attaches_and_lets_go(shared, peer, take, tmp_path):
    log = tmp_path / "strace"
    server = serve(shared)
    since = time.time()
    work(server, peer, calls=2)
    watcher = subprocess.Popen([program("strace"), "-f", "-o", log, "-p", str(server.pid)], env=environment(),
                               stderr=subprocess.DEVNULL)  # fmt: skip
    work(server, peer, calls=10)
    watcher.send_signal(signal.SIGINT)
    assert watcher.wait(10) in (0, -signal.SIGINT, 130)
    assert "recvfrom(" in log.read_text() or "read(" in log.read_text()
    check(take(36), since)
    work_and_end(server, peer, take)
