"""Requests that one thread reads and another works on: whose a call was shows when its thread answers."""

import json
import signal
import subprocess
import threading
import time

import pytest

from rig import BUILD, Wire, ask, environment, only, until
from test_programs_python import accuracy, answer, hammer

HANDED = BUILD / "tests" / "programs" / "handed"
AUTOTRACE = BUILD / "autotrace"
PASSED = BUILD / "tests" / "programs" / "passed"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def peer(rig):
    return rig.peer(answer)


@pytest.fixture
def server(rig, peer):
    started = rig.start([HANDED, peer.port, 4], "handed")
    started.port = int(started.find(r"listening on (\d+)")[1])
    return started


def test_calls_of_the_worker_that_answers(rig, server):
    take = rig.fresh()
    hammer(server.port, "/2/slow/%s", 8, 12)
    spans = take(288, settle=0.5)
    right, wrong, none = accuracy(spans)
    assert wrong == 0 and right > 120 and right + none == 192
    served = {s.id: s for s in spans if s.kind == "server"}
    below = [s for s in spans if s.kind == "client" and s.parent]
    assert {s.rule for s in below} <= {"deferred", "only one"}
    assert all(s.trace == served[s.parent].trace for s in below)


def test_a_trace_that_came_is_kept(rig, server, peer):
    """The call has left in a trace of its own by then: it points to the request."""
    take = rig.fresh()
    hammer(server.port, "/1/slow/%s", 8, 8)
    take(128, settle=0.5)
    others = threading.Thread(target=hammer, args=(server.port, "/1/slow/%s", 6, 4))
    seen = len(peer.heads)
    others.start()
    until(lambda: len(peer.heads) > seen + 3, what="other requests")
    assert ask(server.port, "/1/slow/remote", headers=[("traceparent", f"00-{TRACE}-{PARENT}-01")]).status == 200
    others.join()
    spans = take(50, settle=0.5)
    served = only(spans, kind="server", trace=TRACE)
    call = only([s for s in spans if s.kind == "client" and s["url.full"].endswith("/remote")], kind="client")
    assert (served.parent, call.parent, call.rule) == (PARENT, None, "deferred")
    assert [(link["trace_id"], link["span_id"]) for link in call.links] == [(served.trace, served.id)]


def test_calls_after_the_answer_are_nobody_s(rig, server):
    take = rig.fresh()
    hammer(server.port, "/1/slow/%s", 8, 8)
    take(128, settle=0.5)
    hammer(server.port, "/after/slow/%s", 8, 8)
    spans = take(128, settle=3)
    assert accuracy(spans) == (0, 0, 64)


def test_what_is_held_is_delivered_at_the_end(rig, server, peer):
    """Calls whose workers are not at their answers yet."""
    hammer(server.port, "/1/slow/%s", 8, 8)
    take = rig.fresh(after=0.5)
    waiting, before = [Wire(server.port) for _ in range(2)], len(peer.heads)
    for n, wire in enumerate(waiting):
        wire.send(f"GET /2/slow/{n} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    until(lambda: len(peer.heads) == before + 4, what="second calls")
    assert ask(server.port, "/exit").status == 200
    spans = take(7)
    assert len([s for s in spans if s.kind == "client" and s.code == 200]) >= 2
    assert all(s.parent is None for s in spans)


def counted(server, name):
    done = subprocess.run([AUTOTRACE, "status", "--json", str(server.pid)], capture_output=True, check=True, timeout=20)
    return json.loads(done.stdout)["counters"][name]


def test_what_finds_no_place_is_counted(rig, server):
    """A thread's ninth call is a root."""
    hammer(server.port, "/1/slow/%s", 8, 8)
    take = rig.fresh(after=0.5)
    assert ask(server.port, "/11/one").status == 200
    spans = take(12)
    assert counted(server, "calls_unheld") == 3
    assert sorted(s.rule or "" for s in spans if s.kind == "client") == ["deferred"] * 8 + ["none"] * 3


@pytest.mark.parametrize("when", ["held", "let go"])
def test_killed_with_a_call_held(rig, peer, when):
    """It counts as finished when it is let go, two seconds at most after its end; from then on the spool has it."""
    spool = rig.directory / "spool"
    began = threading.Event()

    def stay(connection, head, body):
        if "stay" in head.split()[1].decode() and began.is_set():
            time.sleep(20)
        began.set()
        return answer(connection, head, body)

    slow = rig.peer(stay)
    server = rig.start([HANDED, slow.port, 4], "handed", env={"AUTOTRACE_SPOOL_DIR": spool})
    port = int(server.find(r"listening on (\d+)")[1])
    hammer(port, "/1/slow/%s", 8, 8)
    take = rig.fresh(after=0.5)
    began.clear()
    with Wire(port) as wire:
        wire.send(b"GET /2/stay HTTP/1.1\r\nHost: h\r\n\r\n")
        until(lambda: sum(b"/stay" in head for head in slow.heads) == 2, what="the second call")
        if when == "let go":
            time.sleep(2.5)
        server.stop(signal.SIGKILL)
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT=rig.collector.endpoint)
    subprocess.run([AUTOTRACE, "flush", spool], env=env, check=True, capture_output=True, timeout=30)
    spans = take(0 if when == "held" else 1)
    assert all((s.kind, s.parent, s.rule) == ("client", None, "none") for s in spans)


# --- connections that one accepts and another serves ---


@pytest.mark.parametrize("how", ["threads", "requests", "processes", "peeked"])
def test_connections_change_hands(rig, peer, how):
    """The thread or process that reads a request has it, whoever accepted the connection."""
    server = rig.start([PASSED, peer.port, how], "passed")
    port = int(server.find(r"listening on (\d+)")[1])
    take = rig.fresh()
    hammer(port, "/slow/%s", 4, 8)
    spans = take(64, settle=0.5)
    assert accuracy(spans) == (32, 0, 0)
    assert {s.rule for s in spans if s.kind == "client"} == {"thread"}
    assert {(s.code, s.error) for s in spans} == {(200, None)}
    servers = [s for s in spans if s.kind == "server"]
    assert all(s["client.address"] == "127.0.0.1" for s in servers)
    assert (len({s.pid for s in servers}) > 1) == (how in ("processes", "peeked"))


@pytest.mark.parametrize("how", ["read", "inside", "copied", "forked"])
def test_requests_change_hands(rig, peer, how):
    """The first request of each connection is read by the one and answered by the other: a span of the one who read
    it, and no failure. Those that follow are the other's."""
    server = rig.start([PASSED, peer.port, how], "passed")
    port = int(server.find(r"listening on (\d+)")[1])
    take = rig.fresh()
    hammer(port, "/slow/%s", 4, 8)
    spans = take(64, settle=0.5)
    servers = [s for s in spans if s.kind == "server"]
    assert sorted(s["url.path"] for s in servers) == sorted(f"/slow/c{c}r{r}" for c in range(4) for r in range(8))
    assert {(s.error, s.status) for s in spans} == {(None, "unset")}
    first = [s for s in servers if s["url.path"].endswith("r0")]
    later = [s for s in servers if s not in first]
    assert {s.code for s in first} == {200 if how == "copied" else None}
    assert {s.code for s in later} == {200}
    assert {s.pid for s in first} == {server.pid}
    right, wrong, none = accuracy(spans)
    assert wrong == 0 and right >= 28 and right + none == 32
    if how == "forked":  # the child goes on with what its parent read
        assert right == 32
        assert all(s.pid != server.pid for s in later)


def test_an_answer_that_breaks_off_is_a_failure(rig, peer):
    """Also when others have had the connection meanwhile: who began to answer is the one who answers."""
    server = rig.start([PASSED, peer.port, "kept"], "passed")
    port = int(server.find(r"listening on (\d+)")[1])
    take = rig.fresh()
    with Wire(port) as wire:
        wire.send(b"GET /kept HTTP/1.1\r\nHost: h\r\n\r\n")
        span = only(take(1), kind="server")
    assert (span.code, span.error, span.status) == (200, "connection_closed", "error")
