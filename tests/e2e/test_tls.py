"""HTTP inside TLS, of OpenSSL and GnuTLS: real programs on both sides, spans joined, nothing else changed."""

import os

import pytest

import nginx
from pki import Pki
from rig import APPS, PYTHON, Wire, free_port, is_child, only, program


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
    assert done.out.count("00-") == 20
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
