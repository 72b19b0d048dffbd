"""HTTPS of Node's own, whose OpenSSL is part of the program: spans as for other HTTP, joined, and nobody sees it."""

import json
import re

import pytest

from pki import Pki
from rig import APPS, ask, is_child, only, program
from test_programs_python import accuracy, hammer


@pytest.fixture(scope="module")
def pki(shared):
    return Pki(shared.open_directory())


def start(rig, pki, service="node", **more):
    command = [program("node"), APPS / "secure.js", pki.key, pki.cert, pki.ca]
    env = {"NODE_EXTRA_CA_CERTS": pki.ca, **more.pop("env", {})}
    started = rig.start(command, service, env=env, **more)
    started.port = int(started.find(r"listening on (\d+)")[1])
    started.secure = int(started.find(r"secure at (\d+)")[1])
    return started


@pytest.fixture(scope="module")
def node(shared, pki):
    return start(shared, pki)


@pytest.fixture
def take(shared, node):
    return shared.fresh()


def chain(spans, path):
    """The plain request, the call by TLS and the request at its other end, each below the one before."""
    front = only([s for s in spans if s.kind == "server" and s["url.scheme"] == "http"])
    call = only([s for s in spans if s.kind == "client" and is_child(s, front)])
    back = only([s for s in spans if s.kind == "server" and is_child(s, call)])
    assert call.rule == "bridge" and call["url.full"].startswith("https://localhost:")
    assert call["url.full"].endswith(path)
    assert (back["url.scheme"], back["url.path"]) == ("https", path)
    for span in call, back:
        assert span["tls.protocol.name"] == "tls" and span["network.protocol.version"] == "1.1"
        assert span["network.peer.address"] == "127.0.0.1" and span["server.address"] == "localhost"
    return front, call, back


@pytest.mark.parametrize("how", ["call", "kept", "fetch", "post"])
def test_calls(node, take, how):
    for n in range(3):
        got = ask(node.port, f"/{how}/leaf/a{n}").body.decode()
        _, call, back = chain(take(3, settle=0.1), f"/leaf/a{n}")
        assert f"00-{call.trace}-{call.id}-03" in got
        assert (call.code, back.code, call.error, back.error) == (200, 200, None, None)
        assert call["http.request.body.size"] == back["http.request.body.size"] == (100000 if how == "post" else 0)
        assert call["server.port"] == node.secure


@pytest.mark.parametrize("how", ["kept", "fetch"])
@pytest.mark.parametrize("deed", ["fail", "missing"])
def test_failures(node, take, how, deed):
    ask(node.port, f"/{how}/{deed}/a")
    code = {"fail": 503, "missing": 404}[deed]
    _, call, back = chain(take(3), f"/{deed}/a")
    assert (call.code, back.code, call.error, call.status) == (code, code, str(code), "error")
    assert (back.error, back.status) == ((str(code), "error") if code == 503 else (None, "unset"))


def test_streams(node, take):
    ask(node.port, "/kept/stream/a")
    _, call, back = chain(take(3), "/stream/a")
    assert call["http.response.body.size"] == back["http.response.body.size"] > 150000


def test_cut(node, take):
    assert b"ECONNRESET" in ask(node.port, "/call/cut/a").body
    _, call, back = chain(take(3), "/cut/a")
    assert (call.code, call.error, back.error) == (None, "connection_closed", "connection_closed")


def test_given_up(node, take):
    assert b"gave up" in ask(node.port, "/impatient/sleepy/a").body
    _, call, back = chain(take(3, settle=0.5), "/sleepy/a")
    assert (call.code, call.status) == (None, "error") and back.error == "client_disconnected"


def test_no_trust(node, take):
    """Node looks at the certificate when it has given its library the request: a call without an answer."""
    got = ask(node.port, "/distrust/leaf/a").body
    assert re.match(rb"(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)", got)
    spans = take(2, settle=0.3)
    front, call = only(spans, kind="server"), only(spans, kind="client")
    assert is_child(call, front) and (call.code, call.error, call.status) == (None, "abandoned", "error")


def test_context_of_the_application(node, take):
    """It is respected, and such a call has no span of ours."""
    got = ask(node.port, "/own/leaf/a").body.decode()
    assert got.split()[-1] != "" and "a" * 32 in got
    spans = take(2, settle=0.2)
    back = only([s for s in spans if s["url.scheme"] == "https"])
    assert (back.trace, back.parent) == ("a" * 32, "b" * 16)
    assert not [s for s in spans if s.kind == "client"]


def test_no_injection(rig, pki):
    started = start(rig, pki, env={"AUTOTRACE_INJECT": "false"})
    for how in ("kept", "fetch"):
        assert ask(started.port, f"/{how}/leaf/a").body == b"leaf 0 /leaf/a  0 /" + how.encode() + b"/leaf/a "
        spans = rig.take(3)
        call = only(spans, kind="client")
        assert is_child(call, only([s for s in spans if s.kind == "server" and s["url.scheme"] == "http"]))
        assert only([s for s in spans if s.kind == "server" and s["url.scheme"] == "https"]).parent is None


@pytest.mark.parametrize("deed", ["nap", "napfetch"])
@pytest.mark.parametrize("how", ["kept", "fetch", "call"])
def test_links_under_concurrency(node, take, how, deed):
    """A plain request, a call by TLS, and from there another one after a while."""
    hammer(node.port, f"/{how}/{deed}/%s", 32, 2)
    spans = take(320, settle=0.5)
    assert accuracy(spans) == (128, 0, 0) and len(spans) == 320
    assert {s.rule for s in spans if s.kind == "client"} == {"bridge"}
    assert all(s.parent for s in spans if s.kind == "server" and s["url.scheme"] == "https")


def test_nothing_is_seen(rig, pki):
    """What a program can ask its request and its socket, with and without us."""
    seen = []
    for traced in (False, True):
        started = start(rig, pki, traced=traced)
        seen.append(ask(started.port, "/visible/leaf/a").body.decode().split(" ")[0])
        started.stop()
    assert seen[0] == seen[1] and json.loads(seen[0])[3] == "TLSv1.3"


def test_opt_out(rig, pki):
    started = start(rig, pki, env={"AUTOTRACE_BRIDGES": "python"})
    assert ask(started.port, "/kept/leaf/a").status == 200
    (span,) = rig.take(1, settle=0.3)
    assert (span.kind, span["url.scheme"]) == ("server", "http")
