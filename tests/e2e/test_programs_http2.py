"""HTTP/2 in cleartext between real programs: each stream a span on both sides, joined by the header.

curl, nghttp, h2load and Node call; nginx, nghttpd, Node, Apache and HAProxy serve. None of them knows of us.
"""

import collections
import json
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

import apache
import nginx
from rig import APPS, LIBRARY, PYTHON, Peer, free_port, is_child, only, program, until

SUPPORT = Path(__file__).parents[1] / "support"
NODE = APPS / "http2.js"
ROOM = {"OTEL_BSP_MAX_QUEUE_SIZE": 20000}


@pytest.fixture(scope="module")
def upstream(shared):
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture(scope="module")
def web(shared, upstream):
    """An nginx that speaks HTTP/2 alone; its port is .h2."""
    port = free_port()
    server = nginx.SERVER + "\n}\nserver {\nlisten 127.0.0.1:%d http2;\nhttp2_max_concurrent_streams 128;\n" % port
    started = nginx.start(shared, f"127.0.0.1:{upstream.port}", server=server + nginx.SERVER, env=ROOM)
    started.h2 = port
    return started


@pytest.fixture(scope="module")
def node(shared):
    started = shared.start([program("node"), NODE, "serve"], service="node", env=ROOM)
    started.port = int(started.find(r"listening on (\d+)")[1])
    return started


@pytest.fixture(scope="module")
def nghttpd(shared, tmp_path_factory):
    root = tmp_path_factory.mktemp("nghttpd")
    for name in ("a.txt", "b.txt"):
        (root / name).write_text("hello")
    (root / "big").write_bytes(bytes(300000))
    port = free_port()
    started = shared.start([program("nghttpd"), "--no-tls", "-a", "127.0.0.1", "-d", root, port], service="nghttpd")
    until(lambda: reaches(port), what="nghttpd")
    started.port = port
    return started


def reaches(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def pairs(spans):
    """(call, request it became) for each call; all are joined."""
    served = {(s.trace, s.parent): s for s in spans if s.kind == "server"}
    calls = [s for s in spans if s.kind == "client"]
    assert len(served) == len(calls), (len(served), len(calls))
    return [(c, served[c.trace, c.id]) for c in calls]


def target(span):
    """Path and query."""
    if span.kind == "client":
        return re.sub(r"^\w+://[^/]*", "", span["url.full"])
    query = span.attrs.get("url.query")
    return span["url.path"] + (f"?{query}" if query else "")


def curl(shared, *options, **more):
    done = shared.run([program("curl"), "-sS", *options], service="curl", **more)
    assert done.code == 0, done.err
    return done.out


# --- one after the other ---


def test_curl_and_nginx(shared, web):
    take = shared.fresh()
    curl(shared, "--http2-prior-knowledge", f"http://127.0.0.1:{web.h2}/text.txt?a=b")
    call, request = pairs(take(2))[0]
    assert call["url.full"] == f"http://127.0.0.1:{web.h2}/text.txt?a=b"
    assert request["url.path"] == "/text.txt" and request["url.query"] == "a=b" and request["url.scheme"] == "http"
    assert request["server.address"] == "127.0.0.1" and request["server.port"] == web.h2
    assert call["network.protocol.version"] == request["network.protocol.version"] == "2"
    assert call.code == request.code == 200 and not call.error and not request.error
    assert request["user_agent.original"].startswith("curl/")


@pytest.mark.parametrize(
    "path, options, code", [("/nothing", [], 404), ("/return/", [], 204), ("/broken/", [], 500), ("/", ["-I"], 200)]
)
def test_answers(shared, web, path, options, code):
    take = shared.fresh()
    curl(shared, "--http2-prior-knowledge", *options, "-o", "/dev/null", f"http://127.0.0.1:{web.h2}{path}")
    call, request = pairs(take(2))[0]
    assert call.code == request.code == code
    assert call.name.split()[0] == request.name.split()[0] == ("HEAD" if options else "GET")
    assert (call.error, request.error) == (
        (str(code), str(code)) if code >= 500 else (str(code), None) if code >= 400 else (None, None)
    )


def test_a_file_by_sendfile(shared, web):
    take = shared.fresh()
    curl(shared, "--http2-prior-knowledge", "-o", "/dev/null", f"http://127.0.0.1:{web.h2}/big.bin")
    call, request = pairs(take(2))[0]
    assert call.code == request.code == 200


def test_an_upload(shared, web, upstream, tmp_path):
    (tmp_path / "body").write_bytes(bytes(range(256)) * 4000)
    take = shared.fresh()
    curl(shared, "--http2-prior-knowledge", "-T", tmp_path / "body", "-o", "/dev/null",
         f"http://127.0.0.1:{web.h2}/proxy/up", env={"AUTOTRACE_HTTP_SIZES": "true"})  # fmt: skip
    spans = take(3)
    call = only(spans, service="curl")
    assert call.code == 200
    request = only(spans, service="nginx", kind="server")
    assert is_child(request, call)


# --- upgrades ---


def test_an_upgrade_to_http2(shared, upstream, monkeypatch):
    monkeypatch.setattr(
        apache, "CONFIG", apache.CONFIG + "LoadModule http2_module %(modules)s/mod_http2.so\nProtocols h2c http/1.1\n"
    )
    server = apache.start(shared, "event", f"http://127.0.0.1:{upstream.port}")
    take = shared.fresh(0.5)
    version = curl(shared, "--http2", "-o", "/dev/null", "-w", "%{http_version}",
                   f"http://127.0.0.1:{server.port}/index.html?up")  # fmt: skip
    assert version == "2"
    call, request = pairs(take(2))[0]
    assert target(call) == target(request) == "/index.html?up"
    assert call.code == request.code == 200
    take = shared.fresh()
    curl(shared, "--http2-prior-knowledge", "-o", "/dev/null", f"http://127.0.0.1:{server.port}/index.html?known")
    call, request = pairs(take(2))[0]
    assert target(request) == "/index.html?known" and request["network.protocol.version"] == "2"


# --- many at once ---


def test_nghttp_s_frames(shared, nghttpd):
    """Padding, priorities, a head in several frames, bodies: whatever nghttp can send is changed alike."""
    for options in (["-m", "20"], ["-b", "200"], ["--continuation"], ["-p", "99", "--no-dep"], ["--hexdump"],
                    ["-c", "0"], ["-c", "65536"], ["-H", "x-long: " + "l" * 9000, "-m", "3"]):  # fmt: skip
        take = shared.fresh()
        count = int(options[1]) if options[0] == "-m" else 3 if "-m" in options else 1
        done = shared.run([program("nghttp"), "-n", "-v", *options, f"http://127.0.0.1:{nghttpd.port}/a.txt?x=1"],
                          service="nghttp")  # fmt: skip
        assert done.code == 0, done.err
        joined = pairs(take(2 * count))
        assert all(target(c) == target(s) == "/a.txt?x=1" and c.code == s.code == 200 for c, s in joined), options
        assert "RST_STREAM" not in done.out and "error_code=NO_ERROR" in done.out, done.out


@pytest.mark.parametrize("server", ["nginx", "node"])
def test_a_hundred_streams_on_ten_connections(shared, web, node, server, tmp_path):
    """Spans are requests exactly, each with its own path and status."""
    port = web.h2 if server == "nginx" else node.port
    paths = [f"/text.txt?n={n}" for n in range(40)] + [f"/missing-{n}" for n in range(10)]
    (tmp_path / "uris").write_text("".join(f"http://127.0.0.1:{port}{path}\n" for path in paths))
    count = 5000
    take = shared.fresh(0.3)
    done = shared.run(
        [program("h2load"), "-n", count, "-c", 10, "-m", 100, "-i", tmp_path / "uris"],
        service="h2load", quiet=False, timeout=60, env=ROOM,
    )  # fmt: skip
    assert f"{count} done, {count * 4 // 5} succeeded" in done.out, done.out
    assert "0 errored, 0 timeout" in done.out, done.out
    joined = pairs(take(2 * count, seconds=30, settle=0.5))
    assert all(target(c) == target(s) and c.code == s.code for c, s in joined)
    seen = collections.Counter((target(s), s.code) for _, s in joined)
    assert sum(seen.values()) == count
    assert set(seen) == {(path, 404 if path.startswith("/missing") else 200) for path in paths}
    assert not [c for c, _ in joined if c.parent]


def test_calls_of_a_server_are_never_another_s(shared, web, tmp_path):
    """nginx serves HTTP/2 and calls over HTTP/1, for many streams of one connection at once."""
    paths = [f"/proxy/p{n}" for n in range(100)]
    (tmp_path / "uris").write_text("".join(f"http://127.0.0.1:{web.h2}{path}\n" for path in paths))
    count = 600
    take = shared.fresh(0.3)
    done = shared.run(
        [program("h2load"), "-n", count, "-c", 2, "-m", 50, "-i", tmp_path / "uris"], traced=False, timeout=60
    )
    assert f"{count} succeeded" in done.out, done.out
    spans = take(2 * count, seconds=20, settle=0.5)
    served = {s.id: s for s in spans if s.kind == "server"}
    calls = [s for s in spans if s.kind == "client"]
    linked = [c for c in calls if c.parent]
    assert len(served) == len(calls) == count
    assert all(target(served[c.parent]).endswith(target(c).rsplit("/", 1)[1]) for c in linked)


def test_a_call_belongs_to_its_request(shared, web):
    for n in range(5):
        take = shared.fresh()
        curl(shared, "--http2-prior-knowledge", "-o", "/dev/null", f"http://127.0.0.1:{web.h2}/proxy/one{n}")
        spans = take(3)
        request = only(spans, service="nginx", kind="server")
        assert is_child(only(spans, service="nginx", kind="client"), request)
        assert is_child(request, only(spans, service="curl"))


# --- inside TLS ---


def test_inside_tls(shared, pki, upstream):
    """What ALPN has agreed on is found by the bytes: curl and h2load, and nginx."""
    port = free_port()
    listen = f"listen 127.0.0.1:{port} ssl http2;\n"
    listen += f"ssl_certificate {pki}/server.pem;\nssl_certificate_key {pki}/server.key;\n"
    server = nginx.SERVER + "\n}\nserver {\n" + listen + nginx.SERVER
    nginx.start(shared, f"127.0.0.1:{upstream.port}", server=server, env=ROOM, name="secure", service="secure")
    take = shared.fresh(0.3)
    url = f"https://127.0.0.1:{port}/text.txt"
    assert curl(shared, "--cacert", pki / "ca.pem", "-o", "/dev/null", "-w", "%{http_version}", url) == "2"
    call, request = pairs(take(2))[0]
    assert call["url.full"] == url and request["url.scheme"] == "https"
    assert call["network.protocol.version"] == request["network.protocol.version"] == "2"
    assert call["tls.protocol.version"] == request["tls.protocol.version"]
    assert call["tls.protocol.version"] in ("1.2", "1.3")
    count = 1000
    take = shared.fresh()
    done = shared.run([program("h2load"), "-n", count, "-c", 4, "-m", 50, url], service="h2load", quiet=False, env=ROOM)
    assert f"{count} succeeded, 0 failed, 0 errored" in done.out, done.out
    joined = pairs(take(2 * count, seconds=20, settle=0.4))
    assert {(target(c), target(s), c.code, s.code) for c, s in joined} == {("/text.txt", "/text.txt", 200, 200)}


# --- Node ---


def test_node_calls_and_serves(shared, node):
    paths = [f"/n{n}" for n in range(30)] + ["/missing", "/reset"]
    take = shared.fresh(0.3)
    done = shared.run([program("node"), NODE, "call", node.port, *paths], service="caller")
    assert done.code == 0, done.err
    assert sorted(line.split()[0] for line in done.out.splitlines()) == sorted(paths)
    joined = pairs(take(2 * len(paths), settle=0.4))
    assert sorted(target(s) for _, s in joined) == sorted(paths)
    for call, request in joined:
        assert target(call) == target(request)
        if target(call) == "/reset":
            assert call.error == request.error == "INTERNAL_ERROR"
        else:
            assert call.code == request.code == (404 if target(call) == "/missing" else 200)


# --- HAProxy: HTTP/2 on both sides ---

HAPROXY = """
defaults
	mode http
	timeout connect 2s
	timeout client 10s
	timeout server 10s
frontend front
	bind 127.0.0.1:%(port)d proto h2
	default_backend back
backend back
	server one 127.0.0.1:%(upstream)d proto h2
"""


def test_haproxy_passes_it_on(shared, web, tmp_path):
    port = free_port()
    (tmp_path / "haproxy.cfg").write_text(HAPROXY % {"port": port, "upstream": web.h2})
    shared.start([program("haproxy"), "-db", "-f", tmp_path / "haproxy.cfg"], service="haproxy")
    until(lambda: reaches(port), what="HAProxy")
    take = shared.fresh(0.5)
    for n in range(3):
        curl(shared, "--http2-prior-knowledge", "-o", "/dev/null", f"http://127.0.0.1:{port}/text.txt?{n}")
        spans = take(4)
        call, served = only(spans, service="curl"), only(spans, service="haproxy", kind="server")
        passed, last = only(spans, service="haproxy", kind="client"), only(spans, service="nginx")
        assert is_child(served, call) and is_child(passed, served)
        assert last.trace == passed.trace and last.parent in (passed.id, call.id)
        assert {s.code for s in spans} == {200}
    count = 300
    done = shared.run(
        [program("h2load"), "-n", count, "-c", 2, "-m", 30, f"http://127.0.0.1:{port}/text.txt"], traced=False
    )
    assert f"{count} succeeded" in done.out, done.out
    spans = take(3 * count, settle=0.5)
    assert collections.Counter((s.service, s.kind) for s in spans) == {
        ("haproxy", "server"): count, ("haproxy", "client"): count, ("nginx", "server"): count
    }  # fmt: skip


# --- the bytes ---


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    path = tmp_path_factory.mktemp("shim") / "short_writes.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", path, SUPPORT / "short_writes.c"], check=True)
    return path


def echoed(rig, tmp_path, name, options, preload, traced, **env):
    """What an HTTP/2 server by the book saw of an nghttp: {stream: (header list, bytes, sum)}."""
    file = tmp_path / name
    server = rig.start([PYTHON, "-u", APPS / "h2_echo.py", file], traced=False)
    port = int(server.find(r"listening on (\d+)")[1])
    done = rig.run([program("nghttp"), "-n", *options, f"http://127.0.0.1:{port}/a?b=c"], service="nghttp",
                   traced=traced, env={"LD_PRELOAD": preload, **env}, timeout=120)  # fmt: skip
    assert done.code == 0, done.err
    until(lambda: file.exists(), what="a request")
    time.sleep(0.1)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    server.stop()
    assert not [line for line in lines if "error" in line], lines
    return {
        line["stream"]: ([h for h in line["headers"] if h[0] != ":authority"], line["bytes"], line["sum"])
        for line in lines
    }


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 19, 64, 1000])
@pytest.mark.parametrize("options", [["-m", "6"], ["-m", "2", "-b", "40"], ["-m", "3", "-d"]])
def test_the_server_gets_what_the_client_sent(rig, shim, tmp_path, limit, options):
    """Whatever the kernel takes at once: the same header lists with one field more, the same bodies."""
    if options[-1] == "-d":
        (tmp_path / "body").write_bytes(bytes(range(256)) * (2 if limit < 19 else 200))
        options = [*options, tmp_path / "body"]
    plain = echoed(rig, tmp_path, "plain", options, str(shim), False, SHORT_ALWAYS=limit)
    traced = echoed(rig, tmp_path, "traced", options, f"{LIBRARY}:{shim}", True, SHORT_ALWAYS=limit)
    assert plain.keys() == traced.keys() and len(plain) == int(options[1])
    for stream, (headers, n, digest) in traced.items():
        ours = [v for k, v in headers if k == "traceparent"]
        assert len(ours) == 1 and re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]", ours[0])
        assert [h for h in headers if h[0] != "traceparent"] == plain[stream][0]
        assert (n, digest) == plain[stream][1:]
    spans = rig.take(len(traced))
    assert len({s.id for s in spans}) == len(traced) and {s.code for s in spans} == {200}
