"""Python's servers and clients as they come: gunicorn with Flask, http.server, requests, urllib, http.client."""

import threading
import time

import pytest

import nginx
from rig import Wire, ask, free_port, is_child, only, respond, values


def answer(connection, head, body):
    path = head.split()[1].decode()
    if "slow" in path:
        time.sleep(0.05)
    return respond(f"{path} {len(body)}".encode())


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(answer)


@pytest.fixture(scope="module", params=["sync", "gthread"])
def app(shared, request):
    threads = ["--threads", "4"] if request.param == "gthread" else []
    return shared.gunicorn("shop:app", "--worker-class", request.param, *threads, service=request.param)


@pytest.fixture(scope="module")
def threaded(shared):
    return shared.gunicorn("shop:app", "--threads", "8", "--keep-alive", "5", service="threaded")


@pytest.fixture
def take(shared):
    return shared.fresh()


def below(spans, count):
    """The server span and the calls below it."""
    served = only(spans, kind="server")
    calls = [s for s in spans if s.kind == "client"]
    assert len(calls) == count and all(is_child(c, served) for c in calls), spans
    return served, calls


def left(peer, call):
    """The request of this call left with its context, once."""
    found = [values(h, "traceparent") for h in peer.heads]
    assert [f"00-{call.trace}-{call.id}-03"] in found, found


def test_flask(app, take):
    got = ask(app.port, "/users/17?x=1")
    (span,) = take(1)
    assert got.body == b"quick"
    assert (span.kind, span.name, span.code, span.status) == ("server", "GET /users/{id}", 200, "unset")
    assert (span["http.route"], span["url.query"]) == ("/users/{id}", "x=1")
    assert span.resource["process.runtime.name"] == "cpython" and span.pid != app.pid


def test_failure(app, take):
    assert ask(app.port, "/fail").status == 500
    (span,) = take(1)
    assert (span.code, span.status, span.error) == (500, "error", "500")


def test_stream(app, take):
    assert ask(app.port, "/stream").body.count(b"piece") == 5
    (span,) = take(1)
    assert span["http.response.body.size"] == 40 and span.ms >= 50


@pytest.mark.parametrize("size", [0, 5, 300000])
def test_body(app, take, size):
    assert ask(app.port, "/length", "POST", body=b"b" * size).body == str(size).encode()
    (span,) = take(1)
    assert span["http.request.body.size"] == size


def test_head(app, take):
    assert ask(app.port, "/quick", "HEAD").body == b""
    (span,) = take(1)
    assert span.name == "HEAD /quick" and span["http.response.body.size"] == 0


@pytest.mark.parametrize("how", ["call/a/b", "session/a", "urllib", "post", "client"])
def test_calls(app, peer, take, how):
    assert ask(app.port, f"/{how}?url={peer.url}").status == 200
    served, (call,) = below(take(2), 1)
    left(peer, call)
    assert served.start <= call.start <= call.end <= served.end
    assert (call["server.address"], call["server.port"], call.code) == ("127.0.0.1", peer.port, 200)
    sizes = {"post": 1000, "client": 6}
    assert call["http.request.body.size"] == sizes.get(how, 0)
    assert call.name == {"post": "POST", "client": "PUT"}.get(how, "GET")


def test_two_calls_are_siblings(app, peer, take):
    ask(app.port, f"/twice?url={peer.url}")
    _, calls = below(take(3), 2)
    assert sorted(c["url.full"][-2:] for c in calls) == ["/1", "/2"]
    assert calls[0].end <= calls[1].start


def test_threads_inherit(app, peer, take):
    """The first ones show that this program's threads are helpers and no pool."""
    for _ in range(2):
        ask(app.port, f"/threads?url={peer.url}")
        take(5)
    ask(app.port, f"/threads?url={peer.url}")
    _, calls = below(take(5), 4)
    assert {c.rule for c in calls} == {"inherited"}
    for call in calls:
        left(peer, call)


def test_a_call_after_the_answer_has_no_parent(app, peer, take):
    assert ask(app.port, f"/late?url={peer.url}").body == b"answered"
    spans = take(2, settle=0.3)
    served, call = only(spans, kind="server"), only(spans, kind="client")
    assert call.parent is None and call.trace != served.trace


def test_a_pool_thread_takes_nothing_along(threaded, peer, take):
    """What the thread did for one open request is no reason to give it the next one's call."""
    first = threading.Thread(target=ask, args=(threaded.port, f"/pool/first?url={peer.url}&s=0.4"))
    first.start()
    time.sleep(0.2)
    assert ask(threaded.port, f"/pool/second?url={peer.url}").body == b"/second 0"
    first.join()
    spans = take(4)
    call = only([s for s in spans if s.kind == "client" and s["url.full"].endswith("/second")], kind="client")
    assert call.parent is None or is_child(call, only(spans, kind="server", name="GET /pool/second"))


def test_refused(app, take):
    port = free_port()
    assert ask(app.port, f"/refused?url=http://127.0.0.1:{port}/").status == 502
    served, (call,) = below(take(2), 1)
    assert (call.status, call.error, call.code) == ("error", "ECONNREFUSED", None)
    assert (call["server.address"], call["server.port"]) == ("127.0.0.1", port)
    assert served.code == 502


def test_call_that_times_out(app, take, shared):
    silent = shared.peer(lambda connection, head, body: time.sleep(3))
    assert ask(app.port, f"/refused?url={silent.url}").body == b"ReadTimeout"
    _, (call,) = below(take(2), 1)
    assert (call.status, call.error, call.code) == ("error", "timeout", None)
    assert 1900 < call.ms < 2900


def test_call_that_is_reset(app, take, shared):
    def reset(connection, head, body):
        connection.setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: RST
        connection.close()

    assert ask(app.port, f"/refused?url={shared.peer(reset).url}").body == b"ConnectionError"
    _, (call,) = below(take(2), 1)
    assert (call.status, call.error, call.code) == ("error", "ECONNRESET", None)


def test_a_command_in_a_request(app, peer, take):
    """subprocess uses vfork; curl is traced on its own."""
    assert ask(app.port, f"/command?url={peer.url}/c").status == 200
    spans = take(2)
    assert only(spans, kind="client").resource["process.executable.name"] == "curl"


def test_client_leaves(app, take):
    wire = Wire(app.port)
    wire.send(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.05)
    wire.reset()
    (span,) = take(1)
    assert span["url.path"] == "/slow" and span.status in ("error", "unset")
    assert span.error in (None, "ECONNRESET", "EPIPE", "client_disconnected")


def test_keep_alive(threaded, peer, take):
    with Wire(threaded.port) as wire:
        for n in range(10):
            assert wire.ask(f"/session/n{n}?url={peer.url}").body == f"/n{n} 0".encode()
    spans = take(20)
    served = {s.id: s for s in spans if s.kind == "server"}
    for call in (s for s in spans if s.kind == "client"):
        assert served[call.parent]["url.path"].endswith(call["url.full"].rsplit("/", 1)[1])


def hammer(port, path, clients, rounds):
    """`clients` connections, `rounds` requests on each; the path names both."""
    bad = []

    def client(number):
        with Wire(port) as wire:
            for n in range(rounds):
                got = wire.ask(path % f"c{number}r{n}")
                if got.status != 200 or f"c{number}r{n}".encode() not in got.body:
                    bad.append(got.body)
                if dict(got.headers).get("connection") == "close":
                    wire.close()
                    wire.__init__(port)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad


def accuracy(spans):
    """Calls below the right request, calls below a wrong one, calls below none."""
    served = {s.id: s["url.path"].rsplit("/", 1)[1] for s in spans if s.kind == "server"}
    calls = [(s.parent, s["url.full"].rsplit("/", 1)[1]) for s in spans if s.kind == "client"]
    right = sum(served.get(parent) == name for parent, name in calls)
    none = sum(parent is None for parent, _ in calls)
    return right, len(calls) - right - none, none


@pytest.mark.parametrize("kind", ["call", "session"])
def test_links_under_concurrency(threaded, peer, take, kind):
    hammer(threaded.port, f"/{kind}/slow/%s?url={peer.url}", 8, 10)
    assert accuracy(take(160, settle=0.4)) == (80, 0, 0)


def test_http_server(shared, peer, take):
    server = shared.python("plain.py", peer.url, service="plain")
    with Wire(server.port) as wire:
        assert wire.ask("/x").body == b"plain"
        assert wire.ask("/x", "HEAD").body == b""
        assert wire.ask("/x", "POST", body=b"123").body == b"3"
        assert wire.ask("/call/y").body == b"/y 0"
    spans = take(5)
    call = only(spans, kind="client")
    assert is_child(call, only(spans, name="GET /call/y"))
    left(peer, call)
    hammer(server.port, "/call/slow/%s", 16, 6)
    assert accuracy(take(192, settle=0.4)) == (96, 0, 0)


def test_gunicorn_at_a_unix_socket_behind_nginx(shared, peer, take):
    """The whole way: nginx, a Unix socket, Flask, requests; one trace."""
    app = shared.gunicorn("shop:app", bind=f"unix:{shared.directory}/app.sock", service="flask")
    through = 'location / { proxy_pass http://upstream; proxy_set_header Connection ""; }'
    front = nginx.start(shared, f"unix:{app.path}", service="front", name="front", server=through)
    assert ask(front.port, f"/call/z?url={peer.url}").body == b"/z 0"
    spans = take(4)
    assert [(s.service, s.kind) for s in spans] == [
        ("front", "server"), ("front", "client"), ("flask", "server"), ("flask", "client"),
    ]  # fmt: skip
    assert spans[0].parent is None and all(is_child(spans[n + 1], spans[n]) for n in range(3))
    left(peer, spans[3])
    _, called, served, _ = spans
    assert called["network.transport"] == served["network.transport"] == "unix"
    assert called["network.peer.address"] == app.path
