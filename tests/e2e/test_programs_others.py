"""Apache, PHP, Ruby, Java and Redis as they come."""

import os

import pytest

import apache
from rig import APPS, PYTHON, Wire, ask, free_port, is_child, only, program, until, values
from test_programs_python import accuracy, answer, hammer


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(answer)


@pytest.fixture
def take(shared):
    return shared.fresh()


# --- Apache ---


@pytest.fixture(scope="module", params=["event", "worker", "prefork"])
def httpd(shared, peer, request):
    if not os.path.exists(f"{apache.MODULES}/mod_mpm_{request.param}.so"):
        pytest.skip(f"Apache without mpm_{request.param}")
    return apache.start(shared, request.param, peer.url)


def test_apache_serves_files(httpd, take):
    with Wire(httpd.port) as wire:
        assert wire.ask("/index.html").body == b"<p>hello</p>"
        assert len(wire.ask("/big.bin").body) == 4 << 20
        assert wire.ask("/big.bin", "HEAD").status == 200
        assert wire.ask("/none").status == 404
    spans = take(4)
    assert [(s.code, s.status, s["http.response.body.size"]) for s in spans[:3]] == [
        (200, "unset", 12), (200, "unset", 4 << 20), (200, "unset", 0),
    ]  # fmt: skip
    assert (spans[3].code, spans[3].status) == (404, "unset")
    assert all(s.parent is None for s in spans)


def test_apache_passes_on(httpd, peer, take):
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    got = ask(httpd.port, "/proxy/a", "POST", [("traceparent", f"00-{trace}-{parent}-01")], b"12345")
    assert got.body == b"/a 5"
    served, call = take(2)
    assert (served.trace, served.parent) == (trace, parent) and is_child(call, served)
    assert values(peer.heads[-1], "traceparent") == [f"00-{trace}-{call.id}-01"]


def test_apache_refused(httpd, take):
    assert ask(httpd.port, "/down/").status == 503
    spans = take(2)
    assert is_child(only(spans, kind="client", error="ECONNREFUSED"), only(spans, kind="server", error="503"))


def test_apache_links_under_concurrency(httpd, take):
    hammer(httpd.port, "/proxy/slow/%s", 4, 10)
    assert accuracy(take(80, settle=0.4)) == (40, 0, 0)


# --- PHP ---


@pytest.fixture(scope="module")
def php(shared, peer):
    port = free_port()
    command = [program("php"), "-S", f"127.0.0.1:{port}", APPS / "front.php"]
    started = shared.start(command, "php", env={"URL": peer.url})
    started.find("started")
    started.port = port
    return started


def test_php(php, peer, take):
    assert ask(php.port, "/quick/12").body == b"quick"
    (span,) = take(1)
    assert (span.code, span.name) == (200, "GET /quick/{id}")
    assert ask(php.port, "/call/x").body == b"/x 0"
    served, call = take(2)
    assert is_child(call, served)
    assert values(peer.heads[-1], "traceparent") == [f"00-{call.trace}-{call.id}-03"]
    assert ask(php.port, "/fail").status == 500
    (span,) = take(1)
    assert (span.status, span.error) == ("error", "500")


# --- Ruby ---


def ruby(rig, peer, **env):
    if rig.run([program("ruby"), "-rwebrick", "-e", ""], traced=False).code:
        pytest.skip("Ruby has no webrick here")
    started = rig.start([program("ruby"), APPS / "front.rb", peer.url], "ruby", env=env)
    started.port = int(started.find(r"listening on (\d+)")[1])
    return started


def jemalloc():
    for path in ("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", "/usr/lib/libjemalloc.so.2"):
        if os.path.exists(path):
            return path
    pytest.skip("libjemalloc.so.2 is not installed")


@pytest.mark.parametrize("allocator", ["libc", "jemalloc"])
def test_ruby(shared, peer, take, allocator):
    more = {}
    if allocator == "jemalloc":
        more["LD_PRELOAD"] = f"{jemalloc()}:{shared.env()['LD_PRELOAD']}"
    server = ruby(shared, peer, **more)
    assert ask(server.port, "/quick").body == b"quick"
    (span,) = take(1)
    assert (span.kind, span.code) == ("server", 200) and span.resource["process.runtime.name"] == "ruby"
    assert ask(server.port, "/call/x").body == b"/x 0"
    served, call = take(2)
    assert is_child(call, served)
    assert values(peer.heads[-1], "traceparent") == [f"00-{call.trace}-{call.id}-03"]
    hammer(server.port, "/call/slow/%s", 8, 6)
    assert accuracy(take(96, settle=0.4)) == (48, 0, 0)
    assert server.stop() == 0


# --- Java ---


@pytest.fixture(scope="module")
def java(shared, peer):
    started = shared.start([program("java"), APPS / "Front.java", peer.url], "java")
    started.port = int(started.find(r"listening on (\d+)", 60)[1])
    return started


def test_java(java, peer, take):
    assert ask(java.port, "/quick/x").body == b"quick"
    (span,) = take(1)
    assert (span.kind, span.code) == ("server", 200)
    assert ask(java.port, "/call/x").body == b"/x 0"
    served, call = take(2)
    assert is_child(call, served)
    assert values(peer.heads[-1], "traceparent") == [f"00-{call.trace}-{call.id}-03"]


def test_java_links_under_concurrency(java, take):
    """The thread of the request takes the connection out of the pool; the client's own threads write and read."""
    hammer(java.port, "/twice/slow/%s", 16, 6)
    assert accuracy(take(288, settle=0.6)) == (192, 0, 0)


# --- what is not HTTP ---


def redis(rig, where):
    port = free_port()
    options = ["--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", where]
    started = rig.start([program("redis-server"), *options], "redis")
    started.find("Ready to accept connections")
    started.port = port
    return started


def test_redis(shared, take, tmp_path):
    """It works, nobody makes a span of it, and it forks and stops as ever."""
    server = redis(shared, tmp_path)
    client = [program("redis-cli"), "-p", server.port]
    assert shared.run([*client, "set", "key", "GET / HTTP/1.1"]).out.strip() == "OK"
    assert shared.run([*client, "get", "key"]).out.strip() == "GET / HTTP/1.1"
    assert shared.run([*client, "ping"]).out.strip() == "PONG"
    assert "saving started" in shared.run([*client, "bgsave"]).out.lower()
    until(lambda: "rdb_bgsave_in_progress:0" in shared.run([*client, "info", "persistence"]).out)
    assert (tmp_path / "dump.rdb").exists()
    assert server.stop() == 0
    take(0)


def test_lines_of_text(shared, take):
    """A protocol that begins like nothing: an echo of lines, served and called by traced Python."""
    script = """
import socket, threading
s = socket.create_server(('127.0.0.1', 0))
def serve():
    c = s.accept()[0]
    for line in c.makefile('rb'):
        c.sendall(line.upper())
threading.Thread(target=serve, daemon=True).start()
c = socket.create_connection(s.getsockname())
for word in ('get it', 'GET what you want', 'POST', 'HTTP/1.1 200 OK'):
    c.sendall(word.encode() + b'\\n')
    print(c.recv(100).decode().strip())
"""
    result = shared.run([PYTHON, "-c", script])
    assert result.out.splitlines() == ["GET IT", "GET WHAT YOU WANT", "POST", "HTTP/1.1 200 OK"]
    take(0)


def test_passed_descriptor(shared, take):
    """A connection accepted by one process and served by another that got it by SCM_RIGHTS."""
    script = """
import os, socket
s = socket.create_server(('127.0.0.1', 0))
print('listening on', s.getsockname()[1], flush=True)
a, b = socket.socketpair()
if os.fork() == 0:
    s.close()
    _, fds, _, _ = socket.recv_fds(b, 10, 1)
    c = socket.socket(fileno=fds[0])
    c.recv(1000)
    c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok')
    c.close()
    os._exit(0)
c = s.accept()[0]
socket.send_fds(a, [b'x'], [c.fileno()])
c.close()
os.wait()
"""
    server = shared.start([PYTHON, "-c", script], "passed")
    port = int(server.find(r"listening on (\d+)")[1])
    assert ask(port, "/passed").body == b"ok"
    (span,) = take(1)
    assert (span.kind, span.code, span["url.path"]) == ("server", 200, "/passed") and span.pid != server.pid
    assert server.process.wait(5) == 0


def test_udp_and_pairs_are_none_of_our_business(shared, take):
    script = """
import socket
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
a.send(b'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n')
assert b.recv(100).startswith(b'GET')
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('127.0.0.1', 0))
u.sendto(b'GET / HTTP/1.1\\r\\n\\r\\n', u.getsockname())
assert u.recv(100) == b'GET / HTTP/1.1\\r\\n\\r\\n'
"""
    assert shared.run([PYTHON, "-c", script]).code == 0
    take(0)
