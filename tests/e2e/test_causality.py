"""Where others go wrong: scrapes that happen to fall into a request, kept connections that serve one request after the
other, calls after the answer, streams that never end. No call gets a parent that it does not have."""

import random
import socketserver
import threading
import time

import pytest

import nginx
from rig import APPS, BUILD, PYTHON, Wire, ask, is_child, program, respond, until

KINDS = {"threads": (PYTHON, "busy.py"), "asyncio": (PYTHON, "busy_loop.py"), "node": ("node", "busy.js")}
NEVER, SOON, NOW = 100000, 1.5, 0  # seconds until the first scrape


class Busy:
    """One of apps/busy*, its peer and its spans."""

    def __init__(self, rig, kind, first):
        runner, script = KINDS[kind]
        self.rig, self.peer = rig, rig.peer(lambda connection, head, body: respond(head.split()[1]))
        self.started = rig.start([program(runner), APPS / script, self.peer.url, first], kind)
        self.port = int(self.started.find(r"listening on (\d+)")[1])
        self.began = time.monotonic()

    def spans(self, enough):
        """All spans, when those of requests and calls but for scrapes are so many."""

        def look():
            found = [s for s in self.rig.collector.all() if not path_of(s).startswith("/metrics")]
            return len(found) >= enough and found

        until(look, what=f"{enough} spans")
        time.sleep(0.3)
        return self.rig.collector.all()


def path_of(span):
    return span.attrs.get("url.path") or "/" + span["url.full"].split("/", 3)[3]


def pairs(spans):
    """Path -> (its server span, its calls)."""
    found = {}
    for span in spans:
        served, calls = found.setdefault(path_of(span), ([], []))
        (served if span.kind == "server" else calls).append(span)
    return found


@pytest.fixture(params=list(KINDS))
def kind(request):
    return request.param


@pytest.mark.parametrize("first", [NOW, SOON], ids=["always", "first-scrape-in-a-request"])
def test_scrapes_during_a_request(rig, kind, first):
    """99 calls for nobody while one request is open, and no other; it makes none."""
    busy = Busy(rig, kind, first)
    time.sleep(0.3)
    assert time.monotonic() < busy.began + SOON or first == NOW, "the machine is too slow for this test"
    assert ask(busy.port, "/during/x").body == b"done"
    (served,) = (s for s in busy.spans(1) if s.kind == "server")

    def scrapes():
        calls = [s for s in rig.collector.all() if s.kind == "client"]
        return sum(served.start < s.start and s.end < served.end for s in calls) >= 98 and calls

    calls = until(scrapes, what="98 scrapes during the request")
    assert [s for s in calls if s.parent or s.trace == served.trace] == []


def test_scrapes_beside_calls(rig, kind):
    """Requests that call, one after the other and at once, keep their calls."""
    busy = Busy(rig, kind, NOW)
    for n in range(10):
        assert ask(busy.port, f"/call/{n}").status == 200
    at_once = [threading.Thread(target=ask, args=(busy.port, f"/call/{n}")) for n in range(10, 20)]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    found = pairs(busy.spans(40))
    for n in range(20):
        (served,), (call,) = found[f"/call/{n}"]
        assert is_child(call, served)
    assert all(not call.parent for path, (_, calls) in found.items() if "metrics" in path for call in calls)


def test_kept_connection_serves_many(rig, kind):
    """Two clients in turns, whose calls go over one and the same connection."""
    busy = Busy(rig, kind, NEVER)
    with Wire(busy.port) as one, Wire(busy.port) as other:
        for n in range(20):
            assert (one, other)[n % 2].ask(f"/call/{n}").status == 200
    assert busy.peer.connections == 1
    found = pairs(busy.spans(40))
    assert all(is_child(call, served) for (served,), (call,) in found.values()) and len(found) == 20


def test_kept_upstream_of_a_proxy(rig):
    peer = rig.peer()
    server = nginx.start(rig, f"127.0.0.1:{peer.port}")
    with Wire(server.port) as one, Wire(server.port) as other:
        for n in range(20):
            assert (one, other)[n % 2].ask(f"/proxy/{n}").status == 200
    assert peer.connections == 1
    found = pairs(rig.take(40))
    assert all(is_child(call, served) for (served,), (call,) in found.values()) and len(found) == 20


def test_after_the_answer(rig, kind):
    """Nobody waits for this call any more, also when another request is open by then."""
    busy = Busy(rig, kind, NEVER)
    for n in range(3):
        assert ask(busy.port, f"/late/{n}").body == b"done"
        time.sleep(0.15)
    for n in range(3, 6):
        assert ask(busy.port, f"/late/{n}").body == b"done"
    found = pairs(busy.spans(12))
    for n in range(6):
        (served,), (call,) = found[f"/late/{n}"]
        assert call.start > served.end and not call.parent and call.trace != served.trace


def test_streams_swallow_nothing(rig, kind):
    """Two streams are open all the time; what is asked meanwhile has its own calls."""
    busy = Busy(rig, kind, NEVER)
    streams = [Wire(busy.port).send(f"GET /stream/{n} HTTP/1.1\r\nHost: h\r\n\r\n".encode()) for n in range(2)]
    for stream in streams:
        stream.until(b"data: x\n\n")
    with Wire(busy.port) as kept:
        for n in range(10):
            assert kept.ask(f"/call/{n}").status == 200
            assert ask(busy.port, f"/call/{n + 10}").status == 200
    for stream in streams:
        stream.until(b"data: x\n\n")
        stream.close()
    found = pairs(busy.spans(44))
    assert len(found) == 22 and all(is_child(call, served) for (served,), (call,) in found.values())


def test_streams_through_a_proxy(rig):
    release = threading.Event()

    def answer(connection, head, body):
        if b"/stream" not in head:
            return respond()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: x\n\n")
        release.wait(10)
        return None

    peer = rig.peer(answer)
    server = nginx.start(rig, f"127.0.0.1:{peer.port}")
    with Wire(server.port).send(b"GET /unbuffered/stream HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") as stream:
        stream.until(b"data: x\n\n")
        for n in range(10):
            assert ask(server.port, f"/proxy/{n}").status == 200
        release.set()
        stream.to_end()
    found = pairs(rig.take(22))
    assert len(found) == 11 and all(is_child(call, served) for (served,), (call,) in found.values())


class Database(socketserver.ThreadingTCPServer):
    """Answers each line with another, after a while."""

    daemon_threads = True

    class RequestHandlerClass(socketserver.StreamRequestHandler):
        def handle(self):
            for _ in self.rfile:
                time.sleep(random.uniform(0, 0.003))
                self.wfile.write(b"row\n")

    def __init__(self):
        super().__init__(("127.0.0.1", 0), self.RequestHandlerClass)
        threading.Thread(target=self.serve_forever, daemon=True).start()


def test_a_loop_with_timers_and_a_database(rig):
    """A C server of one thread around epoll: between its requests' events come those of timers, of which one calls for
    nobody all the time, and a database's answers. Every link that is made is right."""

    def answer(connection, head, body):
        time.sleep(random.uniform(0, 0.003))
        return respond(b"backend")

    peer = rig.peer(answer)
    with Database() as database:
        env = {"BACKENDS": f"127.0.0.1:{peer.port}", "DATABASE": "127.0.0.1:%d" % database.server_address[1]}
        started = rig.start([BUILD / "tests/causality/front"], "front", env={**env, "TICK": "0.0005"})
        port = int(started.find(r"listening on (\d+)")[1])

        def client(first, kinds, count):
            with Wire(port) as wire:
                for n in range(count):
                    assert wire.ask(f"/{kinds[n % len(kinds)]}/{first + n}").status == 200

        client(0, ("one", "seq", "fan"), 30)
        crowd = [threading.Thread(target=client, args=(100 * n, ("db", "nap", "one", "seq"), 50)) for n in range(1, 9)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        until(lambda: sum(s.kind == "server" for s in rig.collector.all()) >= 430, what="430 requests")
        time.sleep(0.3)
        database.shutdown()
    spans = rig.collector.all()
    served = {path_of(s): s for s in spans if s.kind == "server"}
    calls = [s for s in spans if s.kind == "client"]
    linked = [s for s in calls if s.parent]
    wrong = [s for s in linked if not is_child(s, served.get(path_of(s).rsplit("/", 1)[0], s))]
    assert len(served) == 430 and sum(path_of(s).startswith("/tick/") for s in calls) > 100
    assert wrong == []
    alone = [s for s in linked if int(path_of(s).split("/")[2]) < 30]
    assert len(alone) == 10 * (1 + 3 + 3), "one client alone"
    assert len(linked) > len(alone)
