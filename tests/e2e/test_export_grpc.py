"""OTLP over gRPC against receivers of every temper: what arrives, what is counted, how long it takes."""

import socket
import threading

import pytest

pytest.importorskip("h2", reason="no h2 for Python")

import grpc_collector as grpc  # noqa: E402
from collector import server_tls  # noqa: E402
from emit import Run, free_port  # noqa: E402
from grpc_collector import Answer, GrpcCollector, partial, retry_info  # noqa: E402


def run(collector, *args, timeout=60, **env):
    settings = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_ENDPOINT": env.pop("endpoint", None) or collector.url(),
    }
    return Run(args, {**settings, **env}, timeout)


# --- what arrives ---


def test_one_span():
    with GrpcCollector() as c:
        r = run(c, 1, OTEL_SERVICE_NAME="shop")
    assert len(c.requests) == 1 and len(c.spans) == 1
    request, span = c.requests[0], c.spans[0]
    head = request.headers
    assert request.path == grpc.PATH
    assert head[":method"] == "POST" and head[":scheme"] == "http" and head[":authority"] == f"127.0.0.1:{c.port}"
    assert head["content-type"] == "application/grpc" and head["te"] == "trailers"
    assert head["user-agent"].startswith("libautotrace/") and " OTel-OTLP-Exporter-C/" in head["user-agent"]
    assert "grpc-encoding" not in head and "content-encoding" not in head and "traceparent" not in head
    assert head["grpc-timeout"].endswith("m") and 9000 < int(head["grpc-timeout"][:-1]) <= 10000
    assert span["name"] == "GET /api/users/{id}/orders" and span["resource"]["service.name"] == "shop"
    assert r.lost == 0 and r.lines == []
    r.check_sums()


@pytest.mark.parametrize(
    "timeout, said", [("700", range(400, 701)), ("0", None), ("200000000", range(199000, 200001))]
)
def test_the_server_is_told_of_the_time(timeout, said):
    env = {"OTEL_EXPORTER_OTLP_TIMEOUT": timeout, "OTEL_BSP_EXPORT_TIMEOUT": "0"}
    with GrpcCollector() as c:
        assert run(c, 1, **env).lost == 0
    value = c.requests[0].headers.get("grpc-timeout")
    if said is None:
        assert value is None
    else:
        assert len(value) <= 9 and int(value[:-1]) in said and value[-1] == ("m" if timeout == "700" else "S")


@pytest.mark.parametrize("gzip", ["none", "gzip"])
def test_encodings(gzip):
    with GrpcCollector() as c:
        r = run(c, 3000, "patient=1", OTEL_EXPORTER_OTLP_COMPRESSION=gzip, AUTOTRACE_EXIT_TIMEOUT="20000")
    assert r.lost == 0 and len({s["span"] for s in c.spans}) == len(c.spans) == 3000
    for request in c.requests:
        assert request.headers.get("grpc-encoding") == (None if gzip == "none" else "gzip")
        assert request.headers["content-type"] == "application/grpc"
    assert gzip == "none" or sum(len(q.body) for q in c.requests) < 3000 * 200
    assert c.connections == 1


def test_headers_are_metadata():
    with GrpcCollector() as c:
        run(c, 1, OTEL_EXPORTER_OTLP_HEADERS="X-Honeycomb-Team=abc%20d, api-key = k%3D1")
    head = c.requests[0].headers
    assert head["x-honeycomb-team"] == "abc d" and head["api-key"] == "k=1"


@pytest.mark.parametrize("end", ["", "/", "/v1/traces?x=1"])
def test_the_path_of_the_endpoint_does_not_count(end):
    with GrpcCollector() as c:
        assert run(c, 1, endpoint=c.url() + end).lost == 0
    assert c.requests[0].path == grpc.PATH


def test_endpoint_without_scheme():
    with GrpcCollector() as c:
        host = f"127.0.0.1:{c.port}"
        assert run(c, 1, endpoint=host, OTEL_EXPORTER_OTLP_INSECURE="true").lost == 0
        assert run(c, 1, endpoint=host).lost == 1  # TLS is meant
    assert len(c.spans) == 1


# --- receivers that refuse ---


@pytest.mark.parametrize("code", [1, 4, 10, 11, 14, 15])
@pytest.mark.parametrize("only", [False, True])
def test_retried(code, only):
    with GrpcCollector([Answer(code, "not now", only=only)]) as c:
        r = run(c, 4, "linger=2500", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and len(c.spans) == 4 and len(c.requests) == 2 and r.exports_failed == 1
    assert 0.75 < c.requests[1].when - c.requests[0].when and c.between(0, 1) < 1.7
    assert c.requests[0].body == c.requests[1].body and r.lines == [] and c.connections == 1


NAMES = {
    2: "UNKNOWN", 3: "INVALID_ARGUMENT", 5: "NOT_FOUND", 6: "ALREADY_EXISTS", 7: "PERMISSION_DENIED",
    8: "RESOURCE_EXHAUSTED", 9: "FAILED_PRECONDITION", 12: "UNIMPLEMENTED", 13: "INTERNAL", 16: "UNAUTHENTICATED",
    99: "UNKNOWN",
}  # fmt: skip


@pytest.mark.parametrize("code", NAMES)
def test_final(code):
    with GrpcCollector(always=Answer(code, "b%C3%A4d%20key")) as c:
        r = run(c, 4, "linger=300", "again=1", OTEL_BSP_SCHEDULE_DELAY="10")
    assert len(c.requests) == 2 and r.drop_export_failed == 8 and r.spans_exported == 0
    assert len(r.said(f"answers with status {NAMES[code]}: bäd key", c.url())) == 1
    r.check_sums()


@pytest.mark.parametrize("code", [8, 14])
def test_retry_info(code):
    with GrpcCollector([Answer(code, details=retry_info(0, 300_000_000))]) as c:
        r = run(c, 4, "linger=1500", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and len(c.spans) == 4 and len(c.requests) == 2
    assert 0.28 < c.requests[1].when - c.requests[0].when and c.between(0, 1) < 0.7


def test_retry_info_without_a_delay():
    with GrpcCollector([Answer(8, details=retry_info())]) as c:
        r = run(c, 4, "linger=2500", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and len(c.requests) == 2 and 0.75 < c.requests[1].when - c.requests[0].when


def test_retry_info_beyond_the_time_gives_the_batch_up():
    with GrpcCollector([Answer(14, details=retry_info(3))]) as c:
        settings = {"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}
        r = run(c, 5, "linger=500", "again=1", "flush=6000", **settings)
    assert r.drop_export_failed == 5 and r.spans_exported == 5
    assert c.requests[1].when - c.requests[0].when > 2.9


def test_partial_success():
    with GrpcCollector(always=Answer(body=partial(2, "too old"))) as c:
        r = run(c, 5, "flush=2000")
    assert len(c.requests) == 1 and r.spans_exported == 3 and r.drop_rejected == 2
    assert len(r.said("part", "too old")) == 1
    r.check_sums()


def test_a_warning_is_no_loss():
    with GrpcCollector(always=Answer(body=partial(0, "old version"))) as c:
        r = run(c, 5, "flush=2000")
    assert r.spans_exported == 5 and r.lost == 0 and len(r.said("old version")) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Answer(only=True),
        Answer(raw=b""),
        Answer(raw=b"\0\0\0"),
        Answer(raw=b"\0\xff\xff\xff\xff"),
        Answer(body=b"\xff" * 200),
        Answer(raw=b"\1\0\0\0\4\x0a\x02\x08\x05"),
        Answer(kind="text/html"),
        Answer(kind=None),
        Answer(after=grpc.goaway()),
        Answer(after=grpc.cut),
    ],
)
def test_odd_success(answer):
    with GrpcCollector(always=answer) as c:
        r = run(c, 5, "linger=300", "again=1", "flush=2000", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and r.spans_exported == 10 and len(c.requests) == 2 and r.lines == []
    r.check_sums()


@pytest.mark.parametrize(
    "answer, name",
    [
        (Answer(None), "UNKNOWN: HTTP status 200"),
        (Answer(None, kind="text/html", raw=b"<html>"), "UNKNOWN: HTTP status 200"),
        (Answer(None, http=404, kind="text/plain", raw=b"?"), "UNIMPLEMENTED: HTTP status 404"),
        (Answer(None, http=401, only=True), "UNAUTHENTICATED: HTTP status 401"),
        (Answer(None, http=415, only=True), "UNKNOWN: HTTP status 415"),
        (Answer("x"), "UNKNOWN"),
    ],
)
def test_no_status_of_grpc(answer, name):
    with GrpcCollector(always=answer) as c:
        r = run(c, 5, "flush=2000")
    assert len(c.requests) == 1 and r.drop_export_failed == 5 and len(r.said(f"status {name}")) == 1
    r.check_sums()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_proxy_that_knows_no_grpc(status):
    with GrpcCollector([Answer(None, http=status, kind="text/html", raw=b"busy", fields=[("retry-after", "1")])]) as c:
        r = run(c, 5, "linger=2500", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and len(c.requests) == 2 and c.requests[1].when - c.requests[0].when > 0.95


@pytest.mark.parametrize(
    "act",
    [
        grpc.reset(7),  # REFUSED_STREAM: libcurl goes to another connection at once
        grpc.reset(8),
        grpc.reset(11),
        grpc.goaway(0),
        grpc.goaway(0, close=False),
        grpc.goaway(0, 11),
        grpc.cut,
        grpc.write(b"\0\0\0\xff" * 100),
        grpc.write(b"HTTP/1.1 200 OK\r\n\r\n"),
    ],
)
def test_broken_off(act):
    with GrpcCollector([Answer(act=act)]) as c:
        r = run(c, 5, "linger=2500", "again=1", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and r.spans_exported == 10 and len(c.spans) == 10 and len(c.requests) == 3
    assert r.lines == []
    r.check_sums()


def test_a_connection_on_which_nobody_answers_is_left():
    """As behind a middlebox that has forgotten it: libcurl would send the next batch there too."""
    with GrpcCollector([Answer(), Answer(act=grpc.silent)]) as c:
        r = run(c, 5, "linger=300", "again=1", "linger=300", "flush=3000", OTEL_EXPORTER_OTLP_TIMEOUT="700",
                OTEL_BSP_SCHEDULE_DELAY="10", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="2")
    assert r.drop_export_failed == 2 and r.spans_exported == 8 and c.connections == 2


def test_silent():
    with GrpcCollector([Answer(act=grpc.silent)]) as c:
        r = run(c, 5, "linger=1200", "again=1", "flush=4000", OTEL_EXPORTER_OTLP_TIMEOUT="700",
                OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.drop_export_failed == 5 and r.spans_exported == 5
    assert 1.2 < r.seconds and r.own_seconds < 3 and len(r.said("cannot be reached", "timed out")) == 1


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", b"SSH-2.0-x\r\n", b""])
def test_not_http2(greeting):
    with GrpcCollector(greet=greeting) as c:
        r = run(c, 5, "flush=3000", OTEL_EXPORTER_OTLP_TIMEOUT="1500")
    assert r.drop_export_failed == 5 and c.connections <= 3
    assert len(r.said("cannot be reached", "not HTTP/2" if greeting else "")) == 1
    r.check_sums()


def test_answer_too_large():
    with GrpcCollector(always=Answer(raw=b"x" * (5 << 20))) as c:
        r = run(c, 5, "flush=5000")
    assert len(c.requests) == 1 and r.drop_export_failed == 5 and r.said("4 MiB")


def test_head_too_large():
    with GrpcCollector(always=Answer(fields=[("x-many", "x" * 1000)] * 200)) as c:
        r = run(c, 5, "flush=2000", OTEL_EXPORTER_OTLP_TIMEOUT="1500")
    assert r.drop_export_failed == 5 and len(r.lines) <= 2
    r.check_sums()


def test_nobody_there():
    endpoint = f"http://127.0.0.1:{free_port()}"
    r = Run([3], {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert r.own_seconds < 0.4 and r.lost == 3 and len(r.lines) == 1
    assert r.said("lost 3 of 3 spans", f"{endpoint} cannot be reached")
    r.check_sums()


def test_sums_under_pressure():
    answers = [Answer(14), Answer(13), Answer(act=grpc.cut), Answer(3), Answer(act=grpc.goaway(0))] * 4
    with GrpcCollector(answers) as c:
        r = run(c, 40000, "threads=4", "pause=300", "burst=40", OTEL_BSP_MAX_QUEUE_SIZE="600",
                OTEL_BSP_MAX_EXPORT_BATCH_SIZE="200", timeout=120)
    assert r.spans_finished == 40000 and r.lost > 0
    assert len(c.spans) == r.spans_exported == len({s["span"] for s in c.spans})
    r.check_sums()


# --- fork, descriptors ---


def test_fork():
    with GrpcCollector([Answer(delay=0.3)]) as c:
        r = run(c, 1500, "fork=4", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100", AUTOTRACE_EXIT_TIMEOUT="10000")
    assert r.lost == 0 and len(c.spans) == 5 * 1500 == len({s["span"] for s in c.spans})
    assert len({s["resource"]["process.pid"] for s in c.spans}) == 5
    r.check_sums()


def test_descriptors_taken_away():
    with GrpcCollector() as c:
        r = run(c, 10, "closefds=1", "linger=700", "again=1", "flush=5000", OTEL_BSP_SCHEDULE_DELAY="50")
    assert r.lost == 0 and len(c.spans) == 20


# --- TLS, proxies ---


def test_tls(pki):
    with GrpcCollector(tls=server_tls(pki / "server.pem", pki / "server.key")) as c:
        for host in ("127.0.0.1", "localhost"):
            r = run(c, 600, "fork=1", "patient=1", endpoint=c.url(host, "https"),
                    OTEL_EXPORTER_OTLP_CERTIFICATE=str(pki / "ca.pem"), AUTOTRACE_EXIT_TIMEOUT="10000")
            assert r.lost == 0 and r.lines == []
        assert {q.headers[":scheme"] for q in c.requests} == {"https"}
        r = run(c, 3, "flush=2000", endpoint=c.url(scheme="https"))
        assert r.lost == 3 and len(r.said("cannot be reached")) == 1
    assert len(c.spans) == 2 * 2 * 600


def test_mtls(pki):
    env = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(pki / "ca.pem")}
    pair = {
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(pki / "client.pem"),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(pki / "client.key"),
    }
    with GrpcCollector(tls=server_tls(pki / "server.pem", pki / "server.key", pki / "ca.pem")) as c:
        assert run(c, 3, "flush=5000", endpoint=f"127.0.0.1:{c.port}", **env, **pair).lost == 0
        assert len(c.spans) == 3
        assert run(c, 3, endpoint=c.url(scheme="https"), **env).lost == 3


def test_tls_without_http2(pki):
    tls = server_tls(pki / "server.pem", pki / "server.key")
    with GrpcCollector(tls=tls, greet=b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n") as c:
        tls.set_alpn_protocols(["http/1.1"])
        r = run(c, 3, "flush=3000", endpoint=c.url(scheme="https"), OTEL_EXPORTER_OTLP_CERTIFICATE=str(pki / "ca.pem"))
    assert r.lost == 3 and len(r.said("not HTTP/2")) == 1 and c.connections == 1


def test_proxy():
    """It is asked for a tunnel, which is all that it can do for HTTP/2."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        def serve():
            link, _ = proxy.accept()
            asked.append(link.recv(4096))
            link.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            link.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        r = Run([3, "flush=2000"], {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.invalid:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "600", "http_proxy": f"http://127.0.0.1:{proxy.getsockname()[1]}"})
        thread.join(5)
    assert asked[0].startswith(b"CONNECT collector.invalid:4317 HTTP/1.1\r\n") and r.lost == 3
