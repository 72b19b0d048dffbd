"""Spans against the semantic conventions for HTTP: names, kinds, attributes and their types, errors, redaction."""

import os
import re
import time

import pytest

import nginx
from rig import PYTHON, Wire, ask, only, program, respond

# Attribute: type, level. R: on every span of the kind; anything else only when there is something to say.
COMMON = {
    "http.request.method": (str, "R"),
    "http.request.method_original": (str, ""),
    "http.response.status_code": (int, ""),
    "http.request.size": (int, ""),
    "http.request.body.size": (int, ""),
    "http.response.size": (int, ""),
    "http.response.body.size": (int, ""),
    "error.type": (str, ""),
    "server.address": (str, "R"),
    "server.port": (int, "R"),
    "network.peer.address": (str, "R"),
    "network.peer.port": (int, "R"),
    "network.protocol.version": (str, "R"),
    "network.transport": (str, ""),
    "user_agent.original": (str, ""),
    "autotrace.link.rule": (str, ""),
}
SERVER = {
    **COMMON,
    "url.path": (str, "R"),
    "url.scheme": (str, "R"),
    "url.query": (str, ""),
    "http.route": (str, ""),
    "client.address": (str, "R"),
}
CLIENT = {
    **COMMON,
    "url.full": (str, "R"),
    "url.template": (str, ""),
    "http.request.resend_count": (int, ""),
    "autotrace.http.time_to_first_byte": (float, ""),
}

STATUS = """
	location / { root %(root)s; }
	location /code/200 { return 200 ok; }
	location /code/204 { return 204; }
	location /code/301 { return 301 /; }
	location /code/400 { return 400; }
	location /code/418 { return 418; }
	location /code/500 { return 500; }
	location /code/503 { return 503; }
	location /echo { add_header X-Answer "one"; add_header X-Answer "two"; return 200 ok; }
	location /up { proxy_pass http://upstream; }
"""


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(lambda connection, head, body: respond(headers=[("X-Answer", "up"), ("Set-Cookie", "s=1")]))


@pytest.fixture(scope="module")
def server(shared, peer):
    return nginx.start(shared, f"127.0.0.1:{peer.port}", server=STATUS)


@pytest.fixture
def take(shared):
    return shared.fresh()


@pytest.fixture
def variant(rig, peer):
    """An nginx with further settings, a collector for it alone."""
    return lambda **env: nginx.start(rig, f"127.0.0.1:{peer.port}", server=STATUS, env=env)


def check(span):
    """Everything on the span is known, of the right type, and what must be there is there."""
    table = SERVER if span.kind == "server" else CLIENT
    for name, value in span.attrs.items():
        assert name in table, name
        assert type(value) is table[name][0], (name, value)
    missing = [name for name, (_, level) in table.items() if level == "R" and name not in span.attrs]
    assert not missing
    assert (span.status == "error") == ("error.type" in span.attrs)
    assert span.raw["status_message"] == "" and span.raw["dropped_attributes"] == 0
    assert re.fullmatch(r"[0-9a-f]{32}", span.trace) and re.fullmatch(r"[0-9a-f]{16}", span.id)
    assert span.start < span.end and abs(span.end / 1e9 - time.time()) < 60


def test_attributes(server, take):
    ask(server.port, "/up?x=1", headers=[("User-Agent", "tester")])
    served, called = take(2)
    check(served)
    check(called)
    assert (served["url.path"], served["url.query"], served["url.scheme"]) == ("/up", "x=1", "http")
    assert served["user_agent.original"] == called["user_agent.original"] == "tester"
    assert served["network.protocol.version"] == "1.1"
    assert "url.full" not in served.attrs and "url.path" not in called.attrs


@pytest.mark.parametrize("code", [200, 204, 301, 400, 418, 500, 503])
def test_status_of_servers(server, take, code):
    ask(server.port, f"/code/{code}")
    (span,) = take(1, settle=0.1)
    check(span)
    assert span.code == code
    assert (span.status, span.error) == (("error", str(code)) if code >= 500 else ("unset", None))


# --- who asked, and for what ---


@pytest.mark.parametrize(
    "headers, client, scheme, address, port",
    [
        ([], "127.0.0.1", "http", "a.example", 80),
        ([("X-Forwarded-For", "1.2.3.4, 5.6.7.8")], "1.2.3.4", "http", "a.example", 80),
        ([("X-Forwarded-Proto", "https")], "127.0.0.1", "https", "a.example", 443),
        ([("X-Forwarded-Host", "b.example:81, c.example")], "127.0.0.1", "http", "b.example", 81),
        ([("Forwarded", "for=1.2.3.4;proto=https;host=d.example:8443")], "1.2.3.4", "https", "d.example", 8443),
        ([("Forwarded", 'for="[2001:db8::1]:4711", for=9.9.9.9')], "2001:db8::1", "http", "a.example", 80),
        ([("Forwarded", "For=1.1.1.1"), ("X-Forwarded-For", "2.2.2.2")], "1.1.1.1", "http", "a.example", 80),
    ],
)
def test_forwarded(server, take, headers, client, scheme, address, port):
    ask(server.port, "/code/200", headers=headers, host="a.example")
    (span,) = take(1, settle=0.1)
    check(span)
    assert span["client.address"] == client and span["network.peer.address"] == "127.0.0.1"
    assert (span["url.scheme"], span["server.address"], span["server.port"]) == (scheme, address, port)


@pytest.mark.parametrize(
    "host, address, port",
    [("x.example:8080", "x.example", 8080), ("[::1]:99", "::1", 99), ("[2001:db8::2]", "2001:db8::2", 80)],
)
def test_host(server, take, host, address, port):
    ask(server.port, "/code/200", host=host)
    (span,) = take(1, settle=0.1)
    assert (span["server.address"], span["server.port"]) == (address, port)


def test_absolute_form(server, take):
    ask(server.port, "http://far.example:82/code/200?q=1", host="near.example")
    (span,) = take(1)
    assert (span["url.path"], span["url.query"]) == ("/code/200", "q=1")
    assert (span["server.address"], span["server.port"]) == ("far.example", 82)


# --- methods ---


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY"])
def test_known_methods(server, take, method):
    ask(server.port, "/code/200", method=method)
    (span,) = take(1, settle=0.1)
    assert span["http.request.method"] == method and span.name.split()[0] == method
    assert "http.request.method_original" not in span.attrs


@pytest.mark.parametrize("method", ["PURGE", "get", "PROPFIND"])
def test_other_methods(server, take, method):
    ask(server.port, "/nothing", method=method)
    (span,) = take(1, settle=0.1)
    check(span)
    assert (span["http.request.method"], span["http.request.method_original"]) == ("_OTHER", method)
    assert span.name.split()[0] == "HTTP"


def test_methods_of_the_user(rig, variant):
    """The list replaces the one built in; a HEAD stays an answer without a body."""
    server = variant(OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS="PURGE,GET")
    with Wire(server.port) as wire:
        for method in ("PURGE", "GET", "HEAD", "GET"):
            wire.ask("/index.html", method)
    spans = rig.take(4)
    assert [s["http.request.method"] for s in spans] == ["PURGE", "GET", "_OTHER", "GET"]
    assert spans[2].name.startswith("HTTP") and spans[2]["http.response.body.size"] == 0


# --- names and routes ---


@pytest.mark.parametrize(
    "path, route",
    [
        ("/up/12345", "/up/{id}"),
        ("/up/550e8400-e29b-41d4-a716-446655440000/items", "/up/{id}/items"),
        ("/up/users/list", "/up/users/list"),
        ("/up/v1/things", "/up/v1/things"),
    ],
)
def test_guessed_routes(server, take, path, route):
    ask(server.port, path + "?secret=17")
    served = only(take(2), kind="server")
    assert (served["http.route"], served.name) == (route, f"GET {route}")


def test_no_route_where_nothing_is(server, take):
    ask(server.port, "/wp-admin/12/setup")
    (span,) = take(1)
    assert span.code == 404 and "http.route" not in span.attrs and span.name == "GET"


def test_routes_of_the_user(rig, variant):
    server = variant(AUTOTRACE_ROUTES="/up/{user}/orders/{order};/code/*", AUTOTRACE_ROUTE_HEURISTIC="false")
    for path in ("/up/joe/orders/9", "/code/200", "/up/4711"):
        ask(server.port, path)
    spans = rig.take(5)
    served = [s for s in spans if s.kind == "server"]
    assert [s.name for s in served] == ["GET /up/{user}/orders/{order}", "GET /code/*", "GET"]
    assert [s.attrs.get("http.route") for s in served] == ["/up/{user}/orders/{order}", "/code/*", None]
    called = [s for s in spans if s.kind == "client"]
    assert [s.attrs.get("url.template") for s in called] == ["/up/{user}/orders/{order}", None]
    assert [s.name for s in called] == ["GET /up/{user}/orders/{order}", "GET"]


def test_routes_from_a_file(rig, variant, tmp_path):
    (tmp_path / "routes").write_text("# ours\n\n/up/{one}\n")
    server = variant(AUTOTRACE_ROUTES=f"@{tmp_path}/routes")
    ask(server.port, "/up/any")
    assert only(rig.take(2), kind="server").name == "GET /up/{one}"


# --- secrets ---

SECRETS = "sig=s1&color=blue&X-Amz-Signature=s2&token=s3&Password=s4&empty=&AWSAccessKeyId=s5&flag"


def test_query_secrets(server, take):
    ask(server.port, f"/up?{SECRETS}")
    served, called = take(2)
    for shown in (served["url.query"], called["url.full"]):
        assert "color=blue" in shown and "flag" in shown
        for secret in ("s1", "s2", "s3", "s4", "s5"):
            assert f"={secret}" not in shown
        assert "sig=REDACTED" in shown and "X-Amz-Signature=REDACTED" in shown


def test_query_secrets_of_the_user(rig, variant):
    server = variant(AUTOTRACE_REDACT_QUERY_ADD="color,Badge", AUTOTRACE_REDACT_QUERY_REMOVE="token")
    ask(server.port, f"/code/200?{SECRETS}&badge=s6")
    (span,) = rig.take(1)
    assert "color=REDACTED" in span["url.query"] and "token=s3" in span["url.query"] and "s1" not in span["url.query"]


def test_credentials_in_a_url(shared, peer, take):
    script = (
        "import socket, sys; s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "s.sendall(b'GET http://joe:pw@far.example/x?sig=1 HTTP/1.1\\r\\nHost: far.example\\r\\n\\r\\n'); s.recv(1000)"
    )
    assert shared.run([PYTHON, "-c", script, peer.port]).code == 0
    (span,) = take(1)
    check(span)
    assert span["url.full"] == "http://REDACTED:REDACTED@far.example/x?sig=REDACTED"
    assert (span["server.address"], span["server.port"]) == ("far.example", 80)


def test_bodies_and_headers_stay_at_home(server, take, shared):
    secret = "hunter2-hunter2"
    headers = [("Authorization", secret), ("Cookie", f"id={secret}"), ("X-Api-Key", secret)]
    ask(server.port, "/up", "POST", headers, secret.encode())
    take(2)
    assert secret not in shared.collector.file.read_text()


# --- captured headers ---


def test_captured_headers(rig, variant):
    server = variant(
        OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS="X-One, x-two,authorization",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE="x-answer,content-type",
        OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS="X-One",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE="X-Answer,set-cookie",
        OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS="authorization,Set-Cookie",
    )
    sent = [("X-ONE", "1"), ("X-Two", "a"), ("x-two", "b"), ("Authorization", "Bearer x"), ("X-Three", "3")]
    ask(server.port, "/echo", headers=sent)
    (span,) = rig.take(1)
    assert span["http.request.header.x-one"] == ["1"]
    assert span["http.request.header.x-two"] == ["a, b"]
    assert span["http.request.header.authorization"] == ["[REDACTED]"]
    assert span["http.response.header.x-answer"] == ["one, two"]
    assert "http.request.header.x-three" not in span.attrs
    ask(server.port, "/up", headers=sent)
    called = only(rig.take(2), kind="client")
    assert called["http.request.header.x-one"] == ["1"]
    assert called["http.response.header.x-answer"] == ["up"]
    assert called["http.response.header.set-cookie"] == ["[REDACTED]"]


# --- limits and switches ---


def test_limits(rig, variant):
    server = variant(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=4, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=12)
    ask(server.port, "/code/200/and/much/more")
    (span,) = rig.take(1)
    assert len(span.attrs) == 4 and span.raw["dropped_attributes"] > 0
    assert all(len(v) <= 12 for v in span.attrs.values() if isinstance(v, str))
    assert span.resource["os.description"] and len(span.resource["service.instance.id"]) == 36


def test_sizes_can_be_left_out(rig, variant):
    server = variant(AUTOTRACE_HTTP_SIZES="false")
    ask(server.port, "/up")
    assert not [name for s in rig.take(2) for name in s.attrs if name.endswith(".size")]


def test_link_rule_only_when_asked_for(rig, variant):
    server = variant(AUTOTRACE_LINK_RULE=None)
    ask(server.port, "/up")
    assert not [s for s in rig.take(2) if s.rule]


# --- the resource ---


def test_resource(rig, variant):
    server = variant(OTEL_SERVICE_NAME=None, OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test,team=a%20b")
    before = time.time()
    ask(server.port, "/code/200")
    (span,) = rig.take(1)
    found = span.resource
    assert found["service.name"] == "unknown_service:nginx"
    assert (found["deployment.environment.name"], found["team"]) == ("test", "a b")
    uuid = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert re.fullmatch(uuid, found["service.instance.id"])
    assert found["telemetry.sdk.name"] != "opentelemetry" and found["telemetry.sdk.language"]
    assert found["process.pid"] != server.pid and os.path.exists(f"/proc/{found['process.pid']}")
    assert found["process.executable.path"] == os.path.realpath(program("nginx"))
    assert found["os.type"] == "linux" and found["host.name"] == os.uname().nodename
    assert "process.command_args" not in found and "process.command_line" not in found
    made = time.mktime(time.strptime(found["process.creation.time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert before - 30 < made <= before + 1
