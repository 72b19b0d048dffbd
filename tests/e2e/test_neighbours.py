"""Others in the same process, or around it: allocators, faked time, copies of ourselves, sanitizers, valgrind, gdb, strace.

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

from rig import BUILD, LIBRARY, PYTHON, Wire, ask, is_child, program, respond, until, values

SERVER = BUILD / "tests/programs/server"
SOURCE = Path(__file__).parents[1] / "programs/server.c"
FETCH = BUILD / "tests/programs/fetch"
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
    assert server.stop(seconds=30) == 0
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
