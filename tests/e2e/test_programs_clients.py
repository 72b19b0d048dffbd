"""Commands that make requests: curl, wget, Python, Ruby; each a root span that carries its context."""

import socket
import time

import pytest

import nginx
from rig import PYTHON, Wire, ask, fields, free_port, is_child, only, program, respond, values

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


def answer(connection, head, body):
    method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
    if method == "CONNECT":
        return tunnel(connection, target)
    path = target.split("//")[-1].partition("/")[2] if "//" in target else target[1:]
    if path.startswith("code/"):
        return respond(b"" if path == "code/304" else b"no", path[5:8] + " Whatever", length=path != "code/304")
    if path == "redirect":
        return respond(b"", "302 Found", [("Location", "/code/200")])
    if path == "chunked":
        return CHUNKED
    if path == "early":
        return b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + respond()
    if path == "until-close":
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
        return None
    if path == "hang":
        time.sleep(2)
    if path == "drip":
        for byte in respond(b"drop by drop"):
            connection.sendall(bytes([byte]))
            time.sleep(0.001)
        return b""
    if path == "nothing":
        return None
    if path == "half":
        connection.sendall(respond(b"x" * 100)[:-50])
        return None
    if path == "garbage":
        return b"\x00\x01\x02 no such protocol\r\n\r\n"
    return respond(b"" if method == "HEAD" else b"%d bytes" % len(body))


def tunnel(connection, target):
    """CONNECT: copies both ways until one side ends."""
    host, port = target.rsplit(":", 1)
    with socket.create_connection((host, int(port))) as other:
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        other.sendall(connection.recv(65536))
        while data := other.recv(65536):
            connection.sendall(data)


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(answer)


@pytest.fixture
def take(shared):
    return shared.fresh()


@pytest.fixture
def curl(shared):
    def run(*args, **more):
        return shared.run([program("curl"), "-sS", *args], "curl", **more)

    return run


def test_curl(curl, peer, take):
    got = curl(f"{peer.url}/path?a=b", "-A", "agent/1")
    (span,) = take(1)
    assert got.out == "0 bytes"
    assert (span.kind, span.name, span.code, span.status, span.parent) == ("client", "GET", 200, "unset", None)
    assert span["url.full"] == f"{peer.url}/path?a=b"
    assert (span["server.address"], span["server.port"]) == ("127.0.0.1", peer.port)
    assert (span["network.peer.address"], span["network.peer.port"]) == ("127.0.0.1", peer.port)
    assert span["user_agent.original"] == "agent/1"
    assert values(peer.heads[-1], "traceparent") == [f"00-{span.trace}-{span.id}-03"]
    assert span.resource["process.executable.name"] == "curl"


def test_curl_sends_nothing_else_new(curl, shared, peer, take):
    args = ["-H", "X-A: 1", "-d", "data", f"{peer.url}/x"]
    curl(*args)
    with_us = fields(peer.heads[-1])
    shared.run([program("curl"), "-sS", *args], traced=False)
    take(1)
    assert [f for f in with_us if f[0] != "traceparent"] == fields(peer.heads[-1])


@pytest.mark.parametrize(
    "path, code, status, error, size",
    [
        ("code/200", 200, "unset", None, 2),
        ("code/304", 304, "unset", None, 0),
        ("code/404", 404, "error", "404", 2),
        ("code/500", 500, "error", "500", 2),
        ("chunked", 200, "unset", None, 5),
        ("until-close", 200, "unset", None, 9),
        ("early", 200, "unset", None, 4),
        ("drip", 200, "unset", None, 12),
        ("nothing", None, "error", "connection_closed", None),
        ("half", 200, "error", "connection_closed", None),
    ],
)
def test_answers(curl, peer, take, path, code, status, error, size):
    curl(f"{peer.url}/{path}")
    (span,) = take(1)
    assert (span.code, span.status, span.error) == (code, status, error)
    assert span.attrs.get("http.response.body.size") == size


def test_garbage_for_an_answer(curl, peer, take):
    assert curl("--http0.9", f"{peer.url}/garbage", "--max-time", "1").out.startswith("\0\1\2")
    (span,) = take(1)
    assert span.code is None


@pytest.mark.parametrize("size", [0, 3, 100000, 3 << 20])
def test_curl_posts(curl, peer, take, size):
    """A large body makes curl ask first: Expect: 100-continue, which nobody answers."""
    got = curl("--data-binary", "@-", "--expect100-timeout", "0.05", f"{peer.url}/", input=b"p" * size)
    (span,) = take(1)
    assert got.out == f"{size} bytes"
    assert (span.name, span["http.request.body.size"]) == ("POST", size)


def test_curl_uploads_in_chunks(curl, peer, take):
    got = curl("-T", "-", f"{peer.url}/up", "-H", "Expect:", input=b"u" * 50000)
    (span,) = take(1)
    assert got.code == 0 and (span.name, span["http.request.body.size"]) == ("PUT", 50000)


def test_curl_head(curl, peer, take):
    assert curl("-I", f"{peer.url}/").code == 0
    (span,) = take(1)
    assert (span.name, span.code, span["http.response.body.size"]) == ("HEAD", 200, 0)


def test_curl_keeps_a_connection(curl, peer, take):
    before = peer.connections
    curl(*[f"{peer.url}/{n}" for n in range(10)])
    spans = take(10)
    assert peer.connections == before + 1
    assert [s["url.full"][-1] for s in spans] == [str(n) for n in range(10)]
    assert len({s.trace for s in spans}) == 10
    assert [values(h, "traceparent") for h in peer.heads[-10:]] == [[f"00-{s.trace}-{s.id}-03"] for s in spans]


def test_curl_in_parallel(curl, peer, take):
    curl("-Z", *[f"{peer.url}/{n}" for n in range(20)])
    spans = take(20)
    assert sorted(int(s["url.full"].rsplit("/", 1)[1]) for s in spans) == list(range(20))
    assert all(s.parent is None and s.code == 200 for s in spans)


def test_redirect(curl, peer, take):
    assert curl("-L", f"{peer.url}/redirect").out == "no"
    first, second = take(2)
    assert (first.code, first.status) == (302, "unset") and second.code == 200
    assert first.parent is None and second.parent is None


def test_refused(curl, take):
    """A command whose connection is refused serves nobody: there is no request to hang a span below."""
    assert curl(f"http://127.0.0.1:{free_port()}/").code == 7
    take(0)


def test_time_out(curl, peer, take):
    assert curl("--max-time", "0.4", f"{peer.url}/hang").code == 28
    (span,) = take(1)
    assert (span.status, span.code) == ("error", None) and span.error in ("timeout", "abandoned")
    assert 350 < span.ms < 1000


def test_unix_socket(curl, shared, take):
    path = str(shared.directory / "peer.sock")
    peer = shared.peer(answer, socket.AF_UNIX, path)
    assert curl("--unix-socket", path, "http://local.example/x").out == "0 bytes"
    (span,) = take(1)
    assert (span["network.transport"], span["network.peer.address"]) == ("unix", path)
    assert span["url.full"] == "http://local.example/x" and span["server.address"] == "local.example"
    assert values(peer.heads[-1], "traceparent") == [f"00-{span.trace}-{span.id}-03"]


def test_ipv6(curl, shared, take):
    peer = shared.peer(answer, socket.AF_INET6)
    assert curl("-g", f"http://[::1]:{peer.port}/x").out == "0 bytes"
    (span,) = take(1)
    assert (span["server.address"], span["server.port"], span["network.peer.address"]) == ("::1", peer.port, "::1")
    assert span["url.full"] == f"http://[::1]:{peer.port}/x"


def test_by_name(curl, peer, take):
    assert curl(f"http://localhost:{peer.port}/x").out == "0 bytes"
    (span,) = take(1)
    assert (span["server.address"], span["network.peer.address"]) == ("localhost", "127.0.0.1")


def test_proxy(curl, peer, take):
    """Through a proxy, in absolute form: the URL is the target's, the peer the proxy's."""
    assert curl("-x", peer.url, "http://far.example:81/there?x=1").out == "0 bytes"
    (span,) = take(1)
    assert (span["server.address"], span["server.port"]) == ("far.example", 81)
    assert span["url.full"] == "http://far.example:81/there?x=1"
    assert span["network.peer.port"] == peer.port
    assert values(peer.heads[-1], "traceparent") == [f"00-{span.trace}-{span.id}-03"]


def test_connect(curl, shared, peer, take):
    """The span ends with the proxy's 200; what is said inside the tunnel is opaque and whole."""
    target = shared.peer(answer)
    assert curl("-p", "-x", peer.url, f"{target.url}/inside").out == "0 bytes"
    (span,) = take(1)
    assert (span.name, span.code, span.status) == ("CONNECT", 200, "unset")
    assert (span["server.address"], span["server.port"]) == ("127.0.0.1", target.port)
    assert target.heads


def test_wget(shared, peer, take):
    wget = program("wget")
    assert shared.run([wget, "-q", "-O", "-", f"{peer.url}/w"], "wget").out == "0 bytes"
    (span,) = take(1)
    assert (span.kind, span.code, span["url.full"]) == ("client", 200, f"{peer.url}/w")
    assert values(peer.heads[-1], "traceparent") == [f"00-{span.trace}-{span.id}-03"]
    assert shared.run([wget, "-q", "-O", "-", "-t", "1", f"{peer.url}/code/503"], "wget").code == 8
    (span,) = take(1)
    assert (span.code, span.status, span.error) == (503, "error", "503")


@pytest.mark.parametrize(
    "script",
    [
        "import requests, sys; print(requests.get(sys.argv[1], timeout=5).text)",
        "import urllib.request, sys; print(urllib.request.urlopen(sys.argv[1]).read().decode())",
        "import http.client, sys; u = sys.argv[1].split('/')\n"
        "c = http.client.HTTPConnection(u[2]); c.request('GET', '/py'); print(c.getresponse().read().decode())",
    ],
)
def test_python(shared, peer, take, script):
    assert shared.run([PYTHON, "-c", script, f"{peer.url}/py"], "py").out.strip() == "0 bytes"
    (span,) = take(1)
    assert (span.code, span.parent, span["url.full"]) == (200, None, f"{peer.url}/py")
    assert values(peer.heads[-1], "traceparent") == [f"00-{span.trace}-{span.id}-03"]


def test_ruby(shared, peer, take):
    script = "require 'net/http'; puts Net::HTTP.get(URI(ARGV[0]))"
    assert shared.run([program("ruby"), "-e", script, f"{peer.url}/rb"], "rb").out.strip() == "0 bytes"
    (span,) = take(1)
    assert (span.code, span["url.full"]) == (200, f"{peer.url}/rb")


def test_node_fetch(shared, peer, take):
    script = "fetch(process.argv[1]).then((r) => r.text()).then(console.log)"
    assert shared.run([program("node"), "-e", script, f"{peer.url}/js"], "js").out.strip() == "0 bytes"
    (span,) = take(1)
    assert (span.code, span["url.full"], span.parent) == (200, f"{peer.url}/js", None)
    assert values(peer.heads[-1], "traceparent") == [f"00-{span.trace}-{span.id}-03"]


def test_from_curl_to_nginx_to_python(curl, shared, take):
    """Both ends traced: the client's span is the server's parent, over each hop."""
    app = shared.gunicorn("shop:app", service="app")
    through = 'location / { proxy_pass http://upstream; proxy_set_header Connection ""; }'
    front = nginx.start(shared, f"127.0.0.1:{app.port}", server=through)
    assert curl(f"http://127.0.0.1:{front.port}/users/7").out == "quick"
    spans = take(4)
    assert [(s.service, s.kind) for s in spans] == [
        ("curl", "client"), ("nginx", "server"), ("nginx", "client"), ("app", "server"),
    ]  # fmt: skip
    assert spans[0].parent is None and all(is_child(spans[n + 1], spans[n]) for n in range(3))
    assert spans[1].flags & 0x300 == 0x300 and spans[2].flags & 0x300 == 0x100  # whether the parent was remote
    assert [s.start for s in spans] == sorted(s.start for s in spans)
    assert ask(front.port, "/quick").status == 200
    with Wire(front.port) as wire:
        assert wire.ask("/quick").status == 200
    assert only(take(6)[:3], service="app").code == 200
