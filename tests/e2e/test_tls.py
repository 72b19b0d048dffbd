"""HTTP inside TLS, of OpenSSL and GnuTLS: real programs on both sides, spans joined, nothing else changed."""

import os
import re
import socket
import threading

import pytest

import nginx
from pki import Pki
from rig import APPS, BUILD, PYTHON, Peer, Wire, free_port, is_child, only, program, until


@pytest.fixture(scope="module")
def pki(shared):
    return Pki(shared.open_directory())


@pytest.fixture
def take(shared):
    return shared.fresh()


def secure(rig, pki, *more, service="secure", env=None, **kwargs):
    """secure.py; its URL is in .url."""
    started = rig.python("secure.py", pki.cert, pki.key, *more, service=service, env=env, **kwargs)
    started.url = f"https://localhost:{started.port}"
    return started


@pytest.fixture(scope="module")
def server(shared, pki):
    return secure(shared, pki)


@pytest.fixture(scope="module")
def front(shared, pki, server):
    """A server that calls the other one."""
    return secure(shared, pki, service="front", env={"CALLS": server.url, "CA": pki.ca})


def about(spans, path):
    return [s for s in spans if (s.attrs.get("url.full") or s.attrs.get("url.path") or "").endswith(path)]


def joined(spans, path, version="1.3"):
    """Of a client's and a server's span of one request: both, after a look at what they must say."""
    client, server = only(spans, kind="client"), only(spans, kind="server")
    assert is_child(server, client), spans
    assert client["url.full"].startswith("https://") and client["url.full"].endswith(path)
    assert (server["url.scheme"], server["url.path"]) == ("https", path)
    for span in client, server:
        assert (span["tls.protocol.name"], span["tls.protocol.version"]) == ("tls", version)
        assert (span.code, span.error) == (200, None)
        assert span["network.peer.address"] == "127.0.0.1"
        assert span["network.protocol.version"] in ("1.0", "1.1")
    return client, server


REQUESTS = "import requests, sys; print(requests.get(sys.argv[1], verify=sys.argv[2]).text)"
URLLIB = """
import ssl, sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], context=ssl.create_default_context(cafile=sys.argv[2])).read().decode())
"""
HTTPX = "import httpx, sys; print(httpx.get(sys.argv[1], verify=sys.argv[2]).text)"
HTTPX_ASYNC = """
import asyncio, httpx, sys
async def main():
    async with httpx.AsyncClient(verify=sys.argv[2]) as client:
        print((await client.get(sys.argv[1])).text)
asyncio.run(main())
"""
AIOHTTP = """
import aiohttp, asyncio, ssl, sys
async def main():
    context = ssl.create_default_context(cafile=sys.argv[2])
    async with aiohttp.ClientSession() as session, session.get(sys.argv[1], ssl=context) as answer:
        print(await answer.text())
%s
asyncio.run(main())
"""
STREAMS = """
import asyncio, ssl, sys, urllib.parse
async def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    context = ssl.create_default_context(cafile=sys.argv[2])
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=context)
    writer.write(f"GET {url.path} HTTP/1.1\\r\\nHost: {url.netloc}\\r\\nConnection: close\\r\\n\\r\\n".encode())
    print((await reader.read()).split(b"\\r\\n\\r\\n")[1].decode())
    writer.close()
asyncio.run(main())
"""
PYCURL = """
import io, pycurl, sys
out, one = io.BytesIO(), pycurl.Curl()
assert "GnuTLS" in pycurl.version, pycurl.version
one.setopt(pycurl.URL, sys.argv[1])
one.setopt(pycurl.CAINFO, sys.argv[2])
one.setopt(pycurl.WRITEDATA, out)
one.perform()
print(out.getvalue().decode())
"""
RUBY = """
require "net/http"
uri = URI(ARGV[0])
Net::HTTP.start(uri.host, uri.port, use_ssl: true, ca_file: ARGV[1]) { |http| puts http.get(uri.path).body }
"""
PHP_STREAM = """
$context = stream_context_create(["ssl" => ["cafile" => $argv[2]]]);
echo file_get_contents($argv[1], false, $context);
"""
PHP_CURL = """
$c = curl_init($argv[1]);
curl_setopt($c, CURLOPT_CAINFO, $argv[2]);
curl_exec($c);
"""

# How each asks for a URL, given URL and authority.
CLIENTS = {
    "curl": lambda url, ca: ["curl", "-sS", "--cacert", ca, url],
    "curl 1.2": lambda url, ca: ["curl", "-sS", "--tls-max", "1.2", "--cacert", ca, url],
    "wget": lambda url, ca: ["wget", "-q", "-O", "-", f"--ca-certificate={ca}", url],
    "requests": lambda url, ca: [PYTHON, "-c", REQUESTS, url, ca],
    "urllib": lambda url, ca: [PYTHON, "-c", URLLIB, url, ca],
    "httpx": lambda url, ca: [PYTHON, "-c", HTTPX, url, ca],
    "httpx asyncio": lambda url, ca: [PYTHON, "-c", HTTPX_ASYNC, url, ca],
    "aiohttp": lambda url, ca: [PYTHON, "-c", AIOHTTP % "", url, ca],
    "aiohttp uvloop": lambda url, ca: [PYTHON, "-c", AIOHTTP % "import uvloop; uvloop.install()", url, ca],
    "asyncio streams": lambda url, ca: [PYTHON, "-c", STREAMS, url, ca],
    "libcurl with GnuTLS": lambda url, ca: [PYTHON, "-c", PYCURL, url, ca],
    "ruby": lambda url, ca: ["ruby", "-e", RUBY, url, ca],
    "php stream": lambda url, ca: ["php", "-r", PHP_STREAM, "--", url, ca],
    "php curl": lambda url, ca: ["php", "-r", PHP_CURL, "--", url, ca],
}


@pytest.mark.parametrize("name", CLIENTS)
def test_clients(shared, pki, server, take, name):
    url = f"{server.url}/by/{name.replace(' ', '-')}"
    command = CLIENTS[name](url, str(pki.ca))
    done = shared.run([program(command[0]) if "/" not in command[0] else command[0], *command[1:]], "client")
    assert done.code == 0, done.err
    spans = take(2)
    client, _ = joined(spans, url.removeprefix(server.url), "1.2" if "1.2" in name else "1.3")
    assert done.out.strip() == f"00-{client.trace}-{client.id}-03"
    assert (client["server.address"], client["server.port"]) == ("localhost", server.port)
    assert client["network.peer.port"] == server.port


def test_a_call_inside_a_request(shared, front, pki, take):
    done = shared.run([program("curl"), "-sS", "--cacert", pki.ca, f"https://localhost:{front.port}/call/x"], "curl")
    assert done.code == 0, done.err
    spans = take(4)
    mine = only(spans, service="curl")
    outer, inner = only(spans, service="front", kind="server"), only(spans, service="front", kind="client")
    assert is_child(outer, mine) and is_child(inner, outer)
    assert is_child(only(spans, service="secure"), inner)
    assert done.out == f"00-{inner.trace}-{inner.id}-03"


def test_many_requests_on_one_connection(shared, server, pki, take):
    url = f"{server.url}/n/[1-20]"
    done = shared.run([program("curl"), "-sS", "--cacert", pki.ca, url], "curl")
    spans = take(40)
    assert re.fullmatch("(00-[0-9a-f]{32}-[0-9a-f]{16}-03){20}", done.out)
    for i in range(1, 21):
        joined(about(spans, f"/n/{i}"), f"/n/{i}")
    assert len({s["network.peer.port"] for s in spans if s.kind == "server"}) == 1


def test_bodies_both_ways(shared, server, pki, take, tmp_path):
    (tmp_path / "body").write_bytes(os.urandom(300000))
    done = shared.run(
        [program("curl"), "-sS", "--cacert", pki.ca, "--data-binary", f"@{tmp_path}/body", f"{server.url}/post"], "curl"
    )
    assert done.out == "300000"
    for span in take(2):
        assert (span["http.request.body.size"], span["http.response.body.size"]) == (300000, 6)


def test_an_answer_until_the_end_of_the_stream(shared, server, pki, take):
    done = shared.run([program("curl"), "-sS", "--cacert", pki.ca, f"{server.url}/until-close"], "curl")
    assert done.out.startswith("00-")
    for span in take(2):
        assert (span.code, span.error, span["http.response.body.size"]) == (200, None, 55)


# --- servers ---


def test_nginx(shared, pki, take):
    port = free_port()
    extra = f"""
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pki.cert};
        ssl_certificate_key {pki.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ root %(root)s; }}
    """
    shared.root = nginx.start(shared, "127.0.0.1:1", server=extra, name="nginx-tls").root
    url = f"https://localhost:{port}"
    for path in "/index.html", "/big.bin":
        done = shared.run([program("curl"), "-sS", "-o", "/dev/null", "--cacert", pki.ca, url + path], "curl")
        assert done.code == 0, done.err
        joined(take(2), path)
    done = shared.run([program("wget"), "-q", "-O", "-", f"--ca-certificate={pki.ca}", url + "/index.html"], "wget")
    assert done.out == "<p>hello</p>"
    joined(take(2), "/index.html")


def test_http2(shared, pki, take):
    """curl and nginx agree on it by ALPN; nginx begins to speak before it has read a byte."""
    port = free_port()
    extra = f"""
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {pki.cert};
        ssl_certificate_key {pki.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        location / {{ return 200 "$http_traceparent "; }}
    """
    nginx.start(shared, "127.0.0.1:1", server=extra, name="nginx-h2")
    url = f"https://localhost:{port}/h/[1-3]"
    done = shared.run([program("curl"), "-sS", "--http2", "--cacert", pki.ca, url], "curl")
    assert done.code == 0, done.err
    spans = take(6)
    for i, told in enumerate(done.out.split(), 1):
        client, server = about(spans, f"/h/{i}")
        assert (client.kind, server.kind) == ("client", "server") and is_child(server, client)
        assert told == f"00-{client.trace}-{client.id}-03"
        for span in client, server:
            assert (span["network.protocol.version"], span["tls.protocol.version"]) == ("2", "1.3")
    assert len(done.out.split()) == 3


def test_nginx_as_a_proxy_to_https(shared, pki, server, take):
    extra = f"""
        location / {{
            proxy_pass https://127.0.0.1:{server.port};
            proxy_ssl_trusted_certificate {pki.ca};
            proxy_ssl_verify on;
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_ssl_name localhost;
        }}
    """
    proxy = nginx.start(shared, "127.0.0.1:1", server=extra, name="nginx-to-tls")
    with Wire(proxy.port) as wire:
        told = [wire.ask(f"/p/{i}").body.decode() for i in range(3)]
    spans = take(9)
    for i in range(3):
        inner = only([s for s in spans if s.kind == "client" and s["url.full"].endswith(f"/p/{i}")])
        outer = only([s for s in spans if s.service == "nginx" and s.attrs.get("url.path") == f"/p/{i}"])
        last = only([s for s in spans if s.service == "secure" and s["url.path"] == f"/p/{i}"])
        assert is_child(inner, outer) and is_child(last, inner)
        assert told[i] == f"00-{inner.trace}-{inner.id}-03"
        assert inner["tls.protocol.version"] == "1.3" and "tls.protocol.version" not in outer.attrs


def test_gunicorn(shared, pki, take):
    command = [program("gunicorn"), "--bind", "127.0.0.1:0", "--worker-tmp-dir", shared.directory]
    one = shared.start([*command, "--certfile", pki.cert, "--keyfile", pki.key, "tells:wsgi"], "gunicorn")
    port = int(one.find(r"Listening at: https://\S+:(\d+)")[1])
    one.find("Booting worker")
    done = shared.run([program("curl"), "-sS", "--cacert", pki.ca, f"https://localhost:{port}/g"], "curl")
    assert done.code == 0, done.err
    client, _ = joined(take(2), "/g")
    assert done.out == f"00-{client.trace}-{client.id}-03"


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_uvicorn(shared, pki, take, loop):
    command = [program("uvicorn"), "--port", "0", "--loop", loop, "--http", "h11", "--app-dir", APPS]
    one = shared.start([*command, "--ssl-certfile", pki.cert, "--ssl-keyfile", pki.key, "tells:asgi"], "uvicorn")
    port = int(one.find(r"running on https://\S+:(\d+)")[1])
    done = shared.run([program("curl"), "-sS", "--cacert", pki.ca, f"https://localhost:{port}/u/[1-5]"], "curl")
    assert done.code == 0, done.err
    spans = take(10)
    for i in range(1, 6):
        joined(about(spans, f"/u/{i}"), f"/u/{i}")


APACHE = """
LoadModule ssl_module %(modules)s/mod_ssl.so
LoadModule mpm_event_module %(modules)s/mod_mpm_event.so
LoadModule authz_core_module %(modules)s/mod_authz_core.so
ServerRoot %(root)s
ServerName localhost
PidFile %(root)s/httpd.pid
Listen 127.0.0.1:%(port)d
Mutex file:%(root)s default
ErrorLog /dev/stderr
DocumentRoot %(root)s
SSLEngine on
SSLCertificateFile %(cert)s
SSLCertificateKeyFile %(key)s
%(user)s
"""


def test_apache(shared, pki, take):
    root, port = shared.open_directory(), free_port()
    (root / "index.html").write_text("<p>hello</p>")
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    values = {"root": root, "port": port, "cert": pki.cert, "key": pki.key, "user": user}
    (root / "httpd.conf").write_text(APACHE % {**values, "modules": "/usr/lib/apache2/modules"})
    one = shared.start([program("apache2"), "-DFOREGROUND", "-d", root, "-f", root / "httpd.conf"], "apache")
    one.find("resuming normal operations")
    url = f"https://localhost:{port}/index.html"
    done = shared.run([program("curl"), "-sS", "--cacert", pki.ca, url, url], "curl")
    assert done.out == "<p>hello</p>" * 2, done.err
    spans = take(4)
    for client in (s for s in spans if s.kind == "client"):
        joined([client, only([s for s in spans if s.parent == client.id])], "/index.html")


HAPROXY = """
defaults
	mode http
	timeout connect 2s
	timeout client 10s
	timeout server 10s
frontend front
	bind 127.0.0.1:%(port)d ssl crt %(both)s
	default_backend back
backend back
	server one 127.0.0.1:%(upstream)d ssl verify required ca-file %(ca)s sni str(localhost)
"""


def test_haproxy(shared, pki, server, take, tmp_path):
    port = free_port()
    values = {"port": port, "both": pki.both, "upstream": server.port, "ca": pki.ca}
    (tmp_path / "haproxy.cfg").write_text(HAPROXY % values)
    shared.start([program("haproxy"), "-db", "-f", tmp_path / "haproxy.cfg"], "haproxy")
    command = [program("curl"), "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "--cacert", pki.ca]
    done = shared.run([*command, f"https://localhost:{port}/h"], "curl")
    assert done.code == 0, done.err
    spans = take(4)
    mine, outer = only(spans, service="curl"), only(spans, service="haproxy", kind="server")
    inner, last = only(spans, service="haproxy", kind="client"), only(spans, service="secure")
    assert is_child(outer, mine) and is_child(inner, outer) and is_child(last, inner)
    assert done.out == f"00-{inner.trace}-{inner.id}-03"


# --- what TLS can do besides ---


RESUMES = """
import socket, ssl, sys
context, session = ssl.create_default_context(cafile=sys.argv[2]), None
context.maximum_version = getattr(ssl.TLSVersion, sys.argv[3])
for i in range(3):
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as plain:
        with context.wrap_socket(plain, server_hostname="other.test", session=session) as one:
            one.sendall(b"GET /r%d HTTP/1.1\\r\\nHost: other.test\\r\\n\\r\\n" % i)
            while not one.recv(4096).endswith(b"-03"):
                pass
            print(one.session_reused)
            session = one.session
"""


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_resumed_sessions_and_names(shared, pki, server, take, version):
    done = shared.run([PYTHON, "-c", RESUMES, str(server.port), pki.ca, version], "resumes")
    assert done.out.split() == ["False", "True", "True"], done.err
    spans = take(6)
    for i in range(3):
        client, _ = joined(about(spans, f"/r{i}"), f"/r{i}", version[-3:].replace("_", "."))
        assert (client["server.address"], client["server.port"]) == ("other.test", 443)


def test_certificates_on_both_sides(shared, pki, take):
    one = secure(shared, pki, pki.ca, service="mutual")
    command = [program("curl"), "-sS", "--cacert", pki.ca, "--cert", pki.client, "--key", pki.client_key]
    done = shared.run([*command, f"{one.url}/m"], "curl")
    assert done.code == 0, done.err
    joined(take(2), "/m")


def test_a_failed_handshake_under_a_request(shared, pki, server, take):
    """The front's call does not know the server's authority; then there is no TLS at the other end."""
    stranger = secure(shared, pki, service="strange", env={"CALLS": server.url, "CA": pki.stranger})
    plain = socket.create_server(("127.0.0.1", 0))

    def answer():
        with plain.accept()[0] as connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    url = f"https://127.0.0.1:{plain.getsockname()[1]}"
    confused = secure(shared, pki, service="strange", env={"CALLS": url, "CA": pki.ca})
    for front, why in (stranger, "tls_certificate_verify_failed"), (confused, "tls_wrong_version_number"):
        shared.run([program("curl"), "-sS", "--cacert", pki.ca, f"{front.url}/call/x"], "curl")
        spans = take(3)
        outer, failed = only(spans, service="strange", kind="server"), only(spans, service="strange", kind="client")
        assert is_child(failed, outer)
        assert (failed.status, failed.error, failed.code) == ("error", why, None)
        assert failed["network.peer.address"] == "127.0.0.1"
    plain.close()


def test_a_failed_handshake_outside_of_any(shared, pki, server, take):
    done = shared.run([program("curl"), "-sS", "--cacert", pki.stranger, f"{server.url}/x"], "curl")
    assert done.code == 60
    take(0)


def tunnel(connection, head, _):
    host, port = head.split(b" ")[1].decode().rsplit(":", 1)
    with socket.create_connection((host, int(port))) as other:
        connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")

        def copy(a, b):
            try:
                while data := a.recv(65536):
                    b.sendall(data)
                b.shutdown(socket.SHUT_WR)
            except OSError:
                pass

        there = threading.Thread(target=copy, args=(connection, other))
        there.start()
        copy(other, connection)
        there.join()


def test_through_a_tunnel(shared, pki, server, take):
    proxy = Peer(tunnel)
    command = [program("curl"), "-sS", "--cacert", pki.ca, "-x", proxy.url]
    done = shared.run([*command, f"{server.url}/t"], "curl")
    spans = take(3)
    connect = only([s for s in spans if s.name == "CONNECT"])
    assert connect.code == 200 and "tls.protocol.version" not in connect.attrs
    client, _ = joined([s for s in spans if s is not connect], "/t")
    assert done.out == f"00-{client.trace}-{client.id}-03"
    assert client["network.peer.port"] == proxy.port
    proxy.close()


def test_what_is_no_http_is_left_alone(shared, pki, take, tmp_path):
    """redis, and openssl's own client and server, as without us."""
    port = free_port()
    options = ["--port", 0, "--tls-port", port, "--tls-cert-file", pki.cert, "--tls-key-file", pki.key]
    redis = shared.start(
        [program("redis-server"), *options, "--tls-ca-cert-file", pki.ca, "--save", "", "--dir", tmp_path], "redis"
    )
    redis.find("Ready to accept connections")
    client = [program("redis-cli"), "-h", "localhost", "-p", port, "--tls", "--cacert", pki.ca]
    client += ["--cert", pki.client, "--key", pki.client_key]
    assert shared.run([*client, "SET", "a", "GET / HTTP/1.1"], "redis-cli").out == "OK\n"
    assert shared.run([*client, "GET", "a"], "redis-cli").out == "GET / HTTP/1.1\n"
    port = free_port()
    echo = [program("openssl"), "s_server", "-accept", port, "-cert", pki.cert, "-key", pki.key, "-rev", "-quiet"]
    shared.start(echo, "s_server")
    talk = [program("openssl"), "s_client", "-connect", f"localhost:{port}", "-CAfile", pki.ca, "-quiet", "-no_ign_eof"]

    def reversed_is():
        return shared.run(talk, "s_client", input=b"desrever\n").out == "reversed\n"

    until(reversed_is, what="openssl's server")
    take(0)


# --- byte for byte ---


PATTERNS = [
    "openssl 4096", "openssl 999 partial", "openssl 999 ex moving", "openssl 5000 small", "openssl 2000 more",
    "openssl 3000 ex partial moving more", "openssl tcp", "openssl tcp ex moving", "openssl tcp partial",
    "openssl tcp partial moving more", "openssl tcp more partial",
    "gnutls 4096", "gnutls 777 null", "gnutls 5000 send2", "gnutls 6000 small null", "gnutls 9000 cork",
    "gnutls tcp", "gnutls tcp null", "gnutls tcp cork",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_byte(shared, pki, take, pattern):
    """stream.c looks at each byte and each count; where a retry may bring new bytes along, their heads may be late."""
    library, transport, *how = pattern.split()
    command = [BUILD / "tests/tls/stream", library, transport, pki.cert, pki.key, *how]
    plain = shared.run(command, traced=False, timeout=60)
    assert (plain.code, plain.out) == (0, "requests 29 lines 0\n"), plain.err
    done = shared.run(command, "stream", timeout=60)
    assert done.code == 0, done.err
    requests, lines = map(int, re.fullmatch(r"requests (\d+) lines (\d+)\n", done.out).groups())
    assert requests == 29 and (lines == 29 or ("more" in how and "partial" not in how and lines > 9))
    spans = take(58)
    parents = {s.id: s for s in spans if s.kind == "client"}
    children = [s for s in spans if s.kind == "server" and s.parent in parents]
    assert len(parents) == 29 and len(children) == lines
    assert all(s.code == 200 and s["tls.protocol.version"] == "1.3" for s in spans)
    assert all(parents[s.parent]["url.full"].endswith(s["url.path"]) for s in children)
    assert all(("network.peer.address" in s.attrs) == (transport == "tcp") for s in spans)
