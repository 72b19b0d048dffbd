"""nginx as it comes: files, answers of its own, proxying, errors, odd clients and odd upstreams."""

import socket
import threading
import time

import pytest

import nginx as server
from rig import Wire, ask, fields, is_child, only, respond, values

BIG = 8 << 20
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x=1\r\nabcd\r\n3\r\nefg\r\n0\r\nX-End: 1\r\n\r\n"


def upgraded(connection):
    """101, then nothing that looks like HTTP; answers each line by its reverse."""
    connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: rev\r\nConnection: upgrade\r\n\r\n")
    while data := connection.recv(1000):
        connection.sendall(data.rstrip()[::-1] + b"\n")


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def answer(connection, head, body):
    path = head.split()[1].decode()
    if "chunked" in path:
        return CHUNKED
    if "until-close" in path:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        return None
    if "slow" in path:
        time.sleep(0.25)
    if "hang" in path:
        time.sleep(1.5)
    if "reset" in path:
        return reset(connection)
    if "half" in path:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
        return None
    if "upgrade" in path:
        return upgraded(connection)
    if "error" in path:
        return respond(b"broken", "503 Service Unavailable")
    return respond(b"got %d bytes" % len(body))


@pytest.fixture(scope="module")
def upstream(shared):
    return shared.peer(answer)


@pytest.fixture(scope="module")
def nginx(shared, upstream):
    return server.start(shared, f"127.0.0.1:{upstream.port}")


@pytest.fixture
def take(shared, nginx):
    """Spans of this test alone."""
    return shared.fresh()


def pair(take, upstream, **wanted):
    """The two spans of a proxied request, and the proof that the header that left names the second one."""
    spans = take(2)
    served = only(spans, kind="server")
    called = only(spans, kind="client")
    assert served.parent is None and is_child(called, served), spans
    for key, value in wanted.items():
        assert getattr(served, key) == value, spans
    if upstream:
        left = values(upstream.heads[-1], "traceparent")
        assert left == [f"00-{called.trace}-{called.id}-03"]
    return served, called


# --- what it serves itself ---


def test_static_file(nginx, take):
    got = ask(nginx.port, "/index.html", headers=[("User-Agent", "tester/1")])
    (span,) = take(1)
    assert (got.status, got.body) == (200, b"<p>hello</p>")
    found = (span.kind, span.name, span.status, span.code, span.parent)
    assert found == ("server", "GET /index.html", "unset", 200, None)
    assert span["url.path"] == "/index.html" and span["http.response.body.size"] == 12
    assert span["user_agent.original"] == "tester/1" and span["server.address"] == "test.example"
    assert span["network.peer.address"] == "127.0.0.1" and span["client.address"] == "127.0.0.1"
    assert 0 < span.ms < 1000


def test_big_file_by_sendfile(nginx, take):
    assert len(ask(nginx.port, "/big.bin").body) == BIG
    (span,) = take(1)
    assert (span.code, span["http.response.body.size"]) == (200, BIG)
    assert span["http.response.size"] > BIG


def test_many_requests_on_a_connection(nginx, take):
    with Wire(nginx.port) as wire:
        for _ in range(50):
            assert wire.ask("/index.html").status == 200
    spans = take(50)
    assert len({s.trace for s in spans}) == 50 and all(s.code == 200 and not s.parent for s in spans)


def test_files_and_heads_mixed_on_a_connection(nginx, take):
    with Wire(nginx.port) as wire:
        wire.ask("/big.bin")
        wire.ask("/big.bin", method="HEAD")
        wire.ask("/index.html")
        wire.ask("/big.bin", headers=[("Range", "bytes=10-19")])
    sizes = [(s["http.request.method"], s.code, s["http.response.body.size"]) for s in take(4)]
    assert sizes == [("GET", 200, BIG), ("HEAD", 200, 0), ("GET", 200, 12), ("GET", 206, 10)]


def test_pipelined(nginx, take):
    request = b"GET /index.html?n=%d HTTP/1.1\r\nHost: x\r\n\r\n"
    with Wire(nginx.port) as wire:
        wire.send(b"".join(request % n for n in range(5)))
        assert [wire.answer().status for _ in range(5)] == [200] * 5
    spans = take(5)
    assert sorted(s["url.query"] for s in spans) == [f"n={n}" for n in range(5)]
    assert all(s.code == 200 and s["http.response.body.size"] == 12 for s in spans)


def test_a_byte_at_a_time(nginx, take):
    with Wire(nginx.port) as wire:
        for byte in b"GET /index.html HTTP/1.1\r\nHost: x\r\nX-Y: z\r\n\r\n":
            wire.send(bytes([byte]))
            time.sleep(0.001)
        assert wire.answer().status == 200
    (span,) = take(1)
    assert span.code == 200 and span.ms > 40


def test_large_head_in_pieces(nginx, take):
    headers = "".join(f"X-Long-{i}: {'v' * 20000}\r\n" for i in range(3))
    data = f"GET /index.html HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode()
    with Wire(nginx.port) as wire:
        for at in range(0, len(data), 7001):
            wire.send(data[at : at + 7001])
            time.sleep(0.003)
        assert wire.answer().status == 200
    (span,) = take(1)
    assert span.code == 200 and span["http.request.size"] == len(data)


def test_ipv6(nginx, take):
    assert ask(("::1", nginx.port), "/index.html", host=f"[::1]:{nginx.port}").status == 200
    (span,) = take(1)
    assert span["network.peer.address"] == "::1"
    assert (span["server.address"], span["server.port"]) == ("::1", nginx.port)


def test_unix_socket(nginx, take):
    assert ask(str(nginx.root / "nginx.sock"), "/index.html").status == 200
    (span,) = take(1)
    assert span.code == 200 and span["network.transport"] == "unix"


def test_http_1_0(nginx, take):
    with Wire(nginx.port) as wire:
        wire.send(b"GET /index.html HTTP/1.0\r\n\r\n")
        assert wire.to_end().endswith(b"<p>hello</p>")
    (span,) = take(1)
    assert span["network.protocol.version"] == "1.0" and span["http.response.body.size"] == 12


@pytest.mark.parametrize(
    "path, code, status, error",
    [
        ("/nothing", 404, "unset", None),
        ("/static404/nothing", 404, "unset", None),
        ("/return/", 204, "unset", None),
        ("/redirect/", 302, "unset", None),
        ("/broken/", 500, "error", "500"),
    ],
)
def test_answers_of_its_own(nginx, take, path, code, status, error):
    assert ask(nginx.port, path).status == code
    (span,) = take(1)
    assert (span.code, span.status, span.error) == (code, status, error)


def test_gzip(nginx, take):
    got = ask(nginx.port, "/text.txt", headers=[("Accept-Encoding", "gzip")])
    (span,) = take(1)
    assert dict(got.headers)["content-encoding"] == "gzip" and len(got.body) < 1000
    assert span["http.response.body.size"] == len(got.body)


def test_what_is_not_http(nginx, take):
    """nginx answers 400 to both; neither is a request that anybody could name."""
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), b"HELO there\r\n\r\n"):
        with Wire(nginx.port) as wire:
            wire.send(data)
            assert b" 400 " in wire.to_end()
    assert ask(nginx.port, "/index.html").status == 200
    (span,) = take(1)
    assert span.code == 200


# --- what it passes on ---


def test_proxy(nginx, upstream, take):
    got = ask(nginx.port, "/proxy/a?b=c")
    served, called = pair(take, upstream, code=200, name="GET /proxy/a")
    assert got.body == b"got 0 bytes"
    assert (called.name, called.code, called.status) == ("GET", 200, "unset")
    assert called["url.full"] == "http://test.example/proxy/a?b=c"
    assert (called["network.peer.address"], called["network.peer.port"]) == ("127.0.0.1", upstream.port)
    assert served.start <= called.start and called.end <= served.end
    assert called["autotrace.http.time_to_first_byte"] > 0


def test_proxy_continues_the_trace(nginx, upstream, take):
    """What a client sent is passed on by nginx and rewritten in place: still one traceparent, and the right one."""
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    ask(nginx.port, "/proxy/", headers=[("traceparent", f"00-{trace}-{parent}-01"), ("tracestate", "a=1,b=2")])
    served, called = take(2)
    assert (served.trace, served.parent, served.kind) == (trace, parent, "server")
    assert is_child(called, served) and called.rule == "header"
    assert values(upstream.heads[-1], "traceparent") == [f"00-{trace}-{called.id}-01"]
    assert values(upstream.heads[-1], "tracestate") == ["a=1,b=2"]


def test_proxy_with_a_body(nginx, upstream, take):
    for size in (10, 70000, 3 << 20):
        body = b"x" * size
        assert ask(nginx.port, "/return/", "POST", body=body).status in (204, 405, 413)
        take(1)
    assert ask(nginx.port, "/proxy/", "POST", body=b"y" * 500000).body == b"got 500000 bytes"
    served, called = pair(take, upstream, code=200, name="POST /proxy")
    assert served["http.request.body.size"] == called["http.request.body.size"] == 500000


def test_proxy_with_a_chunked_body(nginx, upstream, take):
    with Wire(nginx.port) as wire:
        wire.send(b"POST /unbuffered/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            wire.send(b"3e8\r\n" + b"z" * 1000 + b"\r\n")
            time.sleep(0.01)
        wire.send(b"0\r\n\r\n")
        assert wire.answer().status == 200
    served, called = pair(take, upstream, code=200)
    assert served["http.request.body.size"] == 5000
    assert served.ms > 45


@pytest.mark.parametrize("path", ["/proxy/chunked", "/unbuffered/chunked"])
def test_proxy_of_chunks(nginx, upstream, take, path):
    assert ask(nginx.port, path).body == b"abcdefg"
    served, called = pair(take, upstream, code=200)
    assert called["http.response.body.size"] == served["http.response.body.size"] == 7


def test_proxy_of_an_answer_until_close(nginx, upstream, take):
    assert ask(nginx.port, "/once/until-close").body == b"all of it"
    _, called = pair(take, upstream, code=200)
    assert called["http.response.body.size"] == 9 and called.status == "unset"


def test_proxy_keeps_connections(nginx, upstream, take):
    before = upstream.connections
    with Wire(nginx.port) as wire:
        for n in range(20):
            assert wire.ask(f"/proxy/n{n}").status == 200
    spans = take(40)
    served = {s.id: s for s in spans if s.kind == "server"}
    for called in (s for s in spans if s.kind == "client"):
        assert called["url.full"].endswith(served[called.parent]["url.path"])
    assert upstream.connections - before <= 2


def test_post_with_expectation(nginx, upstream, take):
    with Wire(nginx.port) as wire:
        wire.send(b"POST /proxy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert wire.until(b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        wire.send(b"12345")
        assert wire.answer().body == b"got 5 bytes"
    served, _ = pair(take, upstream, code=200)
    assert served["http.request.body.size"] == 5


def test_upstream_error(nginx, upstream, take):
    assert ask(nginx.port, "/proxy/error").status == 503
    served, called = pair(take, upstream, code=503, status="error", error="503")
    assert (called.code, called.status, called.error) == (503, "error", "503")


def test_upstream_refuses(nginx, take):
    assert ask(nginx.port, "/down/").status == 502
    served, called = pair(take, None, code=502, status="error", error="502")
    assert (called.status, called.error, called.code) == ("error", "ECONNREFUSED", None)
    assert (called["server.address"], called["server.port"]) == ("127.0.0.1", nginx.dead)


def test_next_upstream_after_a_refusal(nginx, upstream, take):
    assert ask(nginx.port, "/retry/x").status == 200
    spans = take(3)
    served = only(spans, kind="server", code=200)
    assert is_child(only(spans, error="ECONNREFUSED"), served)
    good = only(spans, kind="client", code=200)
    assert is_child(good, served) and values(upstream.heads[-1], "traceparent")[0].split("-")[2] == good.id


def test_upstream_resets(nginx, upstream, take):
    assert ask(nginx.port, "/once/reset").status == 502
    served, called = pair(take, upstream, code=502, error="502")
    assert (called.status, called.error, called.code) == ("error", "ECONNRESET", None)


def test_upstream_resets_a_kept_connection(nginx, upstream, take):
    """nginx tries once more on a new connection: two spans, both below the request."""
    ask(nginx.port, "/proxy/")
    take(2)
    assert ask(nginx.port, "/proxy/reset").status == 502
    spans = take(3)
    served = only(spans, kind="server", code=502)
    first, second = [s for s in spans if s.kind == "client"]
    assert is_child(first, served) and is_child(second, served)
    assert (first.error, second.error) == ("ECONNRESET", "ECONNRESET")
    assert (first.rule, second.rule) == ("loop", "loop")
    assert [values(head, "traceparent")[0].split("-")[2] for head in upstream.heads[-2:]] == [first.id, second.id]


def test_next_upstream_after_a_time_out(nginx, upstream, take):
    assert ask(nginx.port, "/patience/hang").status == 504
    spans = take(3)
    served = only(spans, kind="server", code=504)
    calls = [s for s in spans if s.kind == "client"]
    assert all(is_child(s, served) and s.rule == "loop" and s.status == "error" for s in calls)


def test_upstream_hangs_up_halfway(nginx, upstream, take):
    with Wire(nginx.port) as wire:
        wire.send(b"GET /unbuffered/half HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.to_end().endswith(b"only this")
    served, called = pair(take, upstream)
    assert (called.code, called.status, called.error) == (200, "error", "connection_closed")
    assert (served.code, served.status) == (200, "error")


def test_upstream_times_out(nginx, upstream, take):
    assert ask(nginx.port, "/limit/hang").status == 504
    served, called = pair(take, upstream, code=504, error="504")
    assert called.status == "error" and called.code is None and called.error in ("timeout", "abandoned")
    assert 250 < called.ms < 1000


def test_upgrade(nginx, upstream, take):
    """The spans end with the 101; what follows is no more HTTP, and works."""
    with Wire(nginx.port) as wire:
        head = [("Upgrade", "rev"), ("Connection", "upgrade")]
        assert wire.ask("/upgrade/", headers=head).status == 101
        served, called = pair(take, upstream, code=101, status="unset")
        for word in (b"hello\n", b"GET / HTTP/1.1\n"):
            wire.send(word)
            assert wire.until(b"\n") == word.rstrip()[::-1] + b"\n"
    take(0)
    assert called.code == 101


# --- clients that misbehave ---


def test_client_leaves_before_the_answer(nginx, upstream, take):
    wire = Wire(nginx.port)
    wire.send(b"GET /proxy/slow HTTP/1.1\r\nHost: x\r\n\r\n")
    time.sleep(0.1)
    wire.close()
    spans = take(2, settle=0.4)
    served = only(spans, kind="server")
    assert (served.status, served.error) == ("error", "client_disconnected")
    assert is_child(only(spans, kind="client"), served)


def test_client_leaves_in_its_body(nginx, take):
    with Wire(nginx.port) as wire:
        wire.send(b"POST /proxy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly so much")
        time.sleep(0.05)
    (span,) = take(1)
    assert (span.status, span.error, span["http.request.method"]) == ("error", "client_disconnected", "POST")


def test_client_resets_in_the_answer(nginx, take):
    wire = Wire(nginx.port)
    wire.send(b"GET /big.bin HTTP/1.1\r\nHost: x\r\n\r\n")
    wire.exactly(1000)
    wire.reset()
    (span,) = take(1)
    assert (span.code, span.status) == (200, "error")
    assert span.error in ("ECONNRESET", "EPIPE", "client_disconnected", "connection_closed")


def test_client_that_says_nothing(nginx, take):
    for _ in range(3):
        with Wire(nginx.port):
            time.sleep(0.01)
    with Wire(nginx.port) as wire:
        wire.send(b"GET / HT")
    take(0)


def test_slow_client(nginx, upstream, take):
    with Wire(nginx.port) as wire:
        wire.send(b"POST /proxy/ HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n")
        for _ in range(6):
            time.sleep(0.05)
            wire.send(b"12345")
        assert wire.answer().body == b"got 30 bytes"
    served, called = pair(take, upstream, code=200)
    assert served.ms > 290 and called.ms < served.ms


# --- many at once ---


def test_links_under_concurrency(nginx, upstream, take):
    """Every call hangs below the request that made it: the path tells which that was."""
    clients, rounds = 32, 15

    def client(number):
        with Wire(nginx.port) as wire:
            for n in range(rounds):
                slow = "slow" if (number + n) % 16 == 0 else "quick"
                assert wire.ask(f"/proxy/{slow}/c{number}/r{n}").status == 200

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = take(2 * clients * rounds, settle=0.4)
    served = {s.id: s for s in spans if s.kind == "server"}
    calls = [s for s in spans if s.kind == "client"]
    assert len(served) == len(calls) == clients * rounds
    wrong = [c for c in calls if c.parent in served and not c["url.full"].endswith(served[c.parent]["url.path"])]
    assert not wrong
    assert [c for c in calls if c.parent not in served] == []


def test_headers_that_leave_are_well_formed(nginx, upstream, take):
    """Nothing but our own lines is new, and nothing is there twice."""
    sent = [("X-One", "1"), ("Cookie", "a=b"), ("X-Two", "two words")]
    ask(nginx.port, "/proxy/", headers=sent)
    take(2)
    got = fields(upstream.heads[-1])
    assert [n for n, _ in got] == ["host", "x-one", "cookie", "x-two", "traceparent"]
    assert dict(got)["x-two"] == "two words"
