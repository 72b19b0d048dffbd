"""The exporter against receivers of every temper: what arrives, what is counted, how long it takes."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from collector import Answer, Collector, read_json, server_tls
from emit import EMIT, Run, free_port
from stillness import late

sys.path[1:1] = [str(Path(__file__).parents[1] / "bench"), str(Path(__file__).parents[1] / "faults")]
import names  # noqa: E402
from process import Place  # noqa: E402

def run(collector, *args, timeout=60, **env):
    """emit with the collector as its endpoint; endpoint=... takes another one."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": env.pop("endpoint", None) or collector.url()}
    return Run(args, {**settings, **env}, timeout)


# --- what arrives ---


def test_one_span():
    with Collector() as c:
        r = run(c, 1, OTEL_SERVICE_NAME="shop", OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=te%20st")
    assert len(c.requests) == 1 and len(c.spans) == 1
    request, span = c.requests[0], c.spans[0]
    assert request.path == "/v1/traces"
    assert request.headers["Content-Type"] == "application/x-protobuf"
    assert request.headers["User-Agent"].startswith("libautotrace/")
    assert " OTel-OTLP-Exporter-C/" in request.headers["User-Agent"]
    assert request.headers["Expect"] is None and request.headers["Content-Encoding"] is None
    assert request.headers["traceparent"] is None
    assert span["name"] == "GET /api/users/{id}/orders" and span["kind"] == 2 and span["parent"] == ""
    assert span["attributes"]["http.route"] == "/api/users/{id}/orders"
    assert span["attributes"]["http.response.status_code"] == 200
    assert span["end"] - span["start"] == 1500000
    assert abs(span["start"] / 1e9 - time.time()) < 60
    assert span["resource"]["service.name"] == "shop"
    assert span["resource"]["deployment.environment.name"] == "te st"
    assert span["resource"]["telemetry.sdk.name"] == "libautotrace"
    assert r.lost == 0 and r.lines == []
    r.check_sums()


@pytest.mark.parametrize("gzip", ["none", "gzip"])
@pytest.mark.parametrize("protocol", ["http/protobuf", "http/json"])
def test_encodings(protocol, gzip):
    with Collector() as c:
        r = run(
            c,
            3000,
            "patient=1",
            "attr=q=%ff\xe4&token=secret",
            OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
            OTEL_EXPORTER_OTLP_COMPRESSION=gzip,
            AUTOTRACE_EXIT_TIMEOUT="20000",
        )
    assert r.lost == 0 and len(c.spans) == 3000
    assert len({s["span"] for s in c.spans}) == 3000
    for request in c.requests:
        kind = "json" if "json" in protocol else "x-protobuf"
        assert request.headers["Content-Type"] == f"application/{kind}"
        assert request.headers["Content-Encoding"] == (None if gzip == "none" else "gzip")
    assert {s["attributes"]["url.query"] for s in c.spans} == {"q=%ff\xe4&token=REDACTED"}
    sizes = [len(q.body) for q in c.requests]
    assert max(sizes) > 0 and (gzip == "none" or sum(sizes) < 3000 * 200)


def test_batches_are_no_larger_than_said():
    with Collector() as c:
        r = run(c, 1000, "patient=1", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100", AUTOTRACE_EXIT_TIMEOUT="20000")
    assert r.lost == 0 and len(c.spans) == 1000 and len(c.requests) >= 10


def test_headers():
    with Collector() as c:
        run(c, 1, OTEL_EXPORTER_OTLP_HEADERS="x-honeycomb-team=abc%20d, api-key = k%3D1 ,x-empty=,")
        run(c, 1, OTEL_EXPORTER_OTLP_HEADERS="a=1", OTEL_EXPORTER_OTLP_TRACES_HEADERS="b=2")
    first, second = (q.headers for q in c.requests)
    assert first["x-honeycomb-team"] == "abc d" and first["api-key"] == "k=1" and first["x-empty"] == ""
    assert second["a"] is None and second["b"] == "2"


def test_header_cannot_break_out():
    with Collector() as c:
        r = run(c, 1, OTEL_EXPORTER_OTLP_HEADERS="good=1,bad=x%0d%0aevil: 1")
    assert c.requests[0].headers["good"] == "1"
    assert c.requests[0].headers["bad"] is None and c.requests[0].headers["evil"] is None
    assert r.lines and "evil" not in "".join(r.lines)


def test_traces_endpoint_as_it_stands():
    with Collector() as c:
        run(c, 1, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=c.url() + "/my/path?x=1")
        run(c, 1, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=c.url())
        run(c, 1, endpoint=c.url() + "/base/")
    assert [q.path.split("?")[0] for q in c.requests] == ["/my/path", "/", "/base/v1/traces"]


def test_connection_is_kept():
    with Collector() as c:
        connections = set()
        serve = c.serve

        def watch(handler):
            connections.add(handler.client_address)
            serve(handler)

        c.serve = watch
        r = run(c, 2000, "patient=1", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100", AUTOTRACE_EXIT_TIMEOUT="20000")
    assert r.lost == 0 and len(c.requests) >= 20 and len(connections) == 1


# --- when it goes ---


def test_delay():
    with Collector() as c:
        started, before = time.monotonic(), late()
        r = run(c, 5, "linger=1500", OTEL_BSP_SCHEDULE_DELAY="500")
        assert r.lost == 0 and len(c.requests) == 1
        took = c.requests[0].when - started
        assert 0.4 < took and took - (c.requests[0].late - before) < 1.3


def test_flush():
    with Collector() as c:
        r = run(c, 5, "flush=5000", AUTOTRACE_EXIT_TIMEOUT="0")
    assert r.lost == 0 and len(c.spans) == 5


def test_no_wait_at_exit():
    with Collector() as c:
        r = run(c, 5, AUTOTRACE_EXIT_TIMEOUT="0")
    r.check_sums()
    assert r.own_seconds < 0.5


def test_disabled():
    with Collector() as c:
        for env in ({"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}):
            r = run(c, 5, **env)
            assert r.spans_finished == 0 and r.lines == []
    assert c.requests == []


# --- receivers that refuse ---


def test_retry_after_seconds():
    with Collector([Answer(429, {"Retry-After": "1"})]) as c:
        r = run(c, 4, "linger=2500", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and len(c.spans) == 4 and len(c.requests) == 2
    assert 0.95 < c.requests[1].when - c.requests[0].when and c.between(0, 1) < 1.6
    assert c.requests[0].body == c.requests[1].body


@pytest.mark.parametrize("answer", [Answer(502), Answer(503), Answer(504), Answer(cut=True)])
def test_back_off(answer):
    with Collector([answer]) as c:
        r = run(c, 4, "linger=2500", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.lost == 0 and len(c.spans) == 4
    assert len(c.requests) == 2 and 0.75 < c.requests[1].when - c.requests[0].when and c.between(0, 1) < 1.7
    assert r.exports_failed == 1 and r.lines == []


def test_an_attempt_without_time_for_an_answer_is_not_made():
    """What is taken and not acknowledged in time would count as lost, and be delivered all the same."""
    with Collector([Answer(503, {"Retry-After": "1"}), Answer(delay=0.2)]) as c:
        r = run(c, 4, "linger=1500", OTEL_BSP_SCHEDULE_DELAY="10", OTEL_EXPORTER_OTLP_TIMEOUT="1080")
    assert (r.drop_export_failed, r.spans_exported, len(c.requests)) == (4, 0, 1)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 413, 500, 501])
def test_final(status):
    with Collector(always=Answer(status, {"Location": "/elsewhere"})) as c:
        r = run(c, 4, "linger=300", "again=1", OTEL_BSP_SCHEDULE_DELAY="10")
    assert len(c.requests) == 2 and {q.path for q in c.requests} == {"/v1/traces"}
    assert r.drop_export_failed == 8 and r.spans_exported == 0
    assert len(r.said("status", str(status))) == 1  # one line for the state, not one for each batch
    r.check_sums()


def test_status_message():
    body = b"\x08\x03\x12\x0bquota gone!"
    with Collector(always=Answer(400, {"Content-Type": "application/x-protobuf"}, body)) as c:
        r = run(c, 4, "flush=2000")
        assert len(r.said("quota gone!", "400", c.url())) == 1
    with Collector(always=Answer(403, {"Content-Type": "application/json"}, b'{"message":"no key"}')) as c:
        r = run(c, 4, "flush=2000", OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
        assert len(r.said("no key", "403")) == 1


def test_partial_success():
    body = b"\x0a\x0a\x08\x02\x12\x06too old"[:-1]
    with Collector(always=Answer(200, {"Content-Type": "application/x-protobuf"}, body)) as c:
        r = run(c, 5, "flush=2000")
    assert len(c.requests) == 1  # never sent again
    assert r.spans_exported == 3 and r.drop_rejected == 2
    assert len(r.said("part", "too ol")) == 1
    r.check_sums()


def test_more_rejected_than_sent():
    body = b"\x0a\x03\x08\xe8\x07"
    with Collector(always=Answer(200, {"Content-Type": "application/x-protobuf"}, body)) as c:
        r = run(c, 5, "flush=2000")
    assert r.drop_rejected == 5 and r.spans_exported == 0
    r.check_sums()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, {"Content-Type": "application/x-protobuf"}, os.urandom(1000)),
        Answer(200, {"Content-Type": "application/json"}, b"{{{{"),
        Answer(200, {"Content-Type": "text/html"}, b"<html>" * 1000),
        Answer(204),
    ],
)
def test_odd_success(answer):
    with Collector(always=answer) as c:
        r = run(c, 5, "flush=2000")
    assert r.drop_export_failed == 0 and len(c.requests) == 1
    r.check_sums()


@pytest.mark.parametrize("raw", [b"\x16\x03\x01\x00\x00garbage\r\n\r\n", b"HTTP/9.9 zzz\r\n\r\n", b"\0" * 100])
def test_garbage(raw):
    with Collector(always=Answer(raw=raw)) as c:
        r = run(c, 5, "flush=3000")
    r.check_sums()
    assert r.spans_exported == 0 and r.lost == 5


def test_answer_too_large():
    with Collector(always=Answer(200, {}, b"x" * (5 << 20))) as c:
        r = run(c, 5, "flush=5000")
    assert len(c.requests) == 1 and r.drop_export_failed == 5
    assert r.said("4 MiB")


def test_slow_answer():
    with Collector([Answer(delay=5)]) as c:
        r = run(c, 5, "flush=4000", OTEL_EXPORTER_OTLP_TIMEOUT="700")
        assert r.drop_export_failed == 5 and 0.6 < r.seconds and r.own_seconds < 2.5
        assert len(c.requests) == 1


def test_time_limit_covers_the_retries():
    with Collector(always=Answer(503)) as c:
        r = run(c, 5, "flush=20000", OTEL_EXPORTER_OTLP_TIMEOUT="3650")
    assert r.drop_export_failed == 5
    assert len(c.requests) == 3  # at 0, about 1 and about 2.5 seconds
    assert r.own_seconds < 4.5


def test_long_retry_after_gives_the_batch_up():
    with Collector([Answer(429, {"Retry-After": "3"})]) as c:
        settings = {"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_EXPORTER_OTLP_TIMEOUT": "1000"}
        r = run(c, 5, "linger=500", "again=1", "flush=6000", **settings)
    assert r.drop_export_failed == 5 and r.spans_exported == 5
    assert c.requests[1].when - c.requests[0].when > 2.9  # the next one waits as the server asked


def test_recovers():
    port = free_port()
    late = []

    def start():
        time.sleep(1.2)
        late.append(Collector(port=port))

    thread = threading.Thread(target=start)
    thread.start()
    try:
        r = Run(
            [4, "linger=2000", "again=1", "flush=8000"],
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://user:hidden@127.0.0.1:{port}",
                "OTEL_BSP_SCHEDULE_DELAY": "10",
                "OTEL_EXPORTER_OTLP_TIMEOUT": "300",
                "OTEL_LOG_LEVEL": "info",
            },
        )
    finally:
        thread.join()
        late[0].close()
    assert r.drop_export_failed == 4 and r.spans_exported == 4
    assert len(r.said("cannot be reached", f"http://127.0.0.1:{port}")) == 1
    assert len(r.said("accepts spans again")) == 1
    assert not r.said("hidden")
    r.check_sums()


# --- the end of the program ---


def test_exit_when_refused():
    r = Run([3], {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    assert r.own_seconds < 0.4
    assert r.lost == 3 and len(r.lines) == 1
    assert r.said("lost 3 of 3 spans", "cannot be reached")
    r.check_sums()


def test_exit_when_refused_with_a_full_queue():
    r = Run([2000, "patient=0"], {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"})
    assert r.own_seconds < 0.7 and r.lost == 2000
    r.check_sums()


def test_exit_when_nobody_answers():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(8)
        r = Run([3], {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{s.getsockname()[1]}"})
    assert 0.45 < r.seconds and r.own_seconds < 0.9
    assert r.drop_at_exit == 3 and len(r.lines) == 1 and r.said("3 not delivered before exit")
    r.check_sums()


def test_exit_during_back_off():
    with Collector(always=Answer(503)) as c:
        r = run(c, 3, "linger=200", OTEL_BSP_SCHEDULE_DELAY="10")
    assert r.own_seconds < 0.8 and r.lost == 3
    assert len(c.requests) == 2  # the last attempt does not wait
    r.check_sums()


def test_exit_says_all_is_well_when_asked():
    with Collector() as c:
        r = run(c, 3, OTEL_LOG_LEVEL="info")
    assert r.said("3 spans finished, 3 delivered") and len(r.lines) == 1


def test_name_that_does_not_exist():
    r = Run([3, "flush=300"], {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://no-such-host.invalid:4318"})
    assert r.own_seconds < 2.5
    r.check_sums()


# --- accounting ---


@pytest.mark.parametrize("answers", [[], [Answer(503), Answer(500), Answer(cut=True), Answer(400)] * 4])
def test_sums_under_pressure(answers):
    with Collector(answers) as c:
        r = run(
            c,
            40000,
            "threads=4",
            "pause=300",
            "burst=40",
            OTEL_BSP_MAX_QUEUE_SIZE="600",
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="200",
            timeout=120,
        )
    assert r.spans_finished == 40000 and r.lost > 0
    assert len(c.spans) == r.spans_exported
    assert len({s["span"] for s in c.spans}) == len(c.spans)
    r.check_sums()


def test_long_span():
    with Collector() as c:
        r = run(c, 200, "patient=1", "attr=" + "x" * 3000)
    assert len(c.spans) == 200 and r.lost == 0


# --- fork ---


def test_fork():
    with Collector() as c:
        r = run(c, 300, "fork=3", AUTOTRACE_EXIT_TIMEOUT="5000")
    assert len(r.counters) == 4 and r.lost == 0
    assert len(c.spans) == 1200 and len({s["span"] for s in c.spans}) == 1200
    by_pid = {}
    for s in c.spans:
        by_pid.setdefault(s["resource"]["process.pid"], []).append(s)
    assert sorted(by_pid) == sorted(p["pid"] for p in r.counters)
    assert {len(v) for v in by_pid.values()} == {300}
    assert len({s["resource"]["service.instance.id"] for s in c.spans}) == 4
    r.check_sums()


def test_fork_while_sending():
    """Children born while the parent's thread is in the middle of a request and has more queued."""
    with Collector([Answer(delay=0.5)]) as c:
        r = run(c, 1500, "fork=8", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="100", AUTOTRACE_EXIT_TIMEOUT="10000")
    assert r.lost == 0 and len(c.spans) == 9 * 1500
    assert len({s["span"] for s in c.spans}) == 9 * 1500
    r.check_sums()


# --- descriptors ---


def test_descriptors_taken_away():
    with Collector() as c:
        r = run(c, 10, "closefds=1", "linger=700", "again=1", "flush=5000", OTEL_BSP_SCHEDULE_DELAY="50")
    assert r.lost == 0 and len(c.spans) == 20


# --- TLS ---


def test_https(pki):
    with Collector(tls=server_tls(pki / "server.pem", pki / "server.key")) as c:
        for host in ("127.0.0.1", "localhost"):
            env = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(pki / "ca.pem")}
            r = run(c, 3, "flush=5000", endpoint=c.url(host, "https"), **env)
            assert r.lost == 0 and r.lines == []
    assert len(c.spans) == 6


def test_https_fork(pki):
    with Collector(tls=server_tls(pki / "server.pem", pki / "server.key")) as c:
        r = run(c, 600, "fork=4", endpoint=c.url(scheme="https"), OTEL_EXPORTER_OTLP_CERTIFICATE=str(pki / "ca.pem"),
                AUTOTRACE_EXIT_TIMEOUT="10000")
    assert r.lost == 0 and len(c.spans) == 3000


@pytest.mark.parametrize("ca", ["other.pem", None, "missing.pem"])
def test_https_untrusted(pki, ca):
    env = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(pki / ca)} if ca else {}
    with Collector(tls=server_tls(pki / "server.pem", pki / "server.key")) as c:
        r = run(c, 3, "flush=3000", endpoint=c.url(scheme="https"), **env)
    assert c.requests == [] and r.drop_export_failed == 3
    assert len(r.said("cannot be reached")) == 1
    r.check_sums()


def test_https_authorities_change(pki, tmp_path):
    """The file is read again when it is another one: an authority that was renewed needs no restart."""
    authorities = tmp_path / "authorities.pem"
    shutil.copy(pki / "other.pem", authorities)

    def renew():
        shutil.copy(pki / "ca.pem", tmp_path / "new.pem")
        os.replace(tmp_path / "new.pem", authorities)

    timer = threading.Timer(1, renew)
    with Collector(tls=server_tls(pki / "server.pem", pki / "server.key")) as c:
        timer.start()
        r = run(c, 10, "linger=2500", "again=1", "flush=5000", endpoint=c.url(scheme="https"),
                OTEL_EXPORTER_OTLP_CERTIFICATE=str(authorities), OTEL_BSP_SCHEDULE_DELAY="50")
    timer.join()
    assert r.drop_export_failed == 10 and len(c.spans) == 10, r.lines


@pytest.mark.parametrize("bad", ["garbage", "certificate"])
def test_what_fails_for_good_is_not_tried_without_pause(pki, bad):
    """Handshakes cost the program's cores: a load of spans does not make a load of them."""
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def welcome():
            while True:
                try:
                    link, _ = listener.accept()
                    connections.append(time.monotonic())
                    if bad == "certificate":
                        link = server_tls(pki / "server.pem", pki / "server.key").wrap_socket(link, server_side=True)
                    link.sendall(b"Who are you?\r\n\r\n")
                    link.close()
                except OSError:
                    if listener.fileno() < 0:
                        return

        thread = threading.Thread(target=welcome, daemon=True)
        thread.start()
        scheme = "https" if bad == "certificate" else "http"
        endpoint = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        r = Run([20000, "burst=10", "pause=1000", "flush=0"], {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    thread.join(5)
    assert r.seconds > 2 and r.lost == 20000
    at_exit = 2048 / 512  # what waits in the queue is tried once, without a pause
    assert 2 <= len(connections) <= 2 + r.seconds / 0.8 + at_exit
    r.check_sums()


def test_mtls(pki):
    tls = server_tls(pki / "server.pem", pki / "server.key", pki / "ca.pem")
    env = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(pki / "ca.pem")}
    pair = {
        "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": str(pki / "client.pem"),
        "OTEL_EXPORTER_OTLP_CLIENT_KEY": str(pki / "client.key"),
    }
    with Collector(tls=tls) as c:
        r = run(c, 3, "flush=5000", endpoint=c.url(scheme="https"), **env, **pair)
        assert r.lost == 0 and len(c.spans) == 3
        r = run(c, 3, endpoint=c.url(scheme="https"), **env)
        assert r.lost == 3 and len(c.spans) == 3


# --- names and proxies ---


def loopback_names(address):
    rows = [line.split("#")[0].split() for line in Path("/etc/hosts").read_text().splitlines()]
    return [name for row in rows if row[:1] == [address] for name in row[1:] if not name.endswith("localhost")]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_name_that_is_looked_up(address):
    names = loopback_names(address)
    if not names:
        pytest.skip(f"no name for {address} in /etc/hosts but localhost")
    with Collector(family=socket.AF_INET6 if ":" in address else socket.AF_INET) as c:
        r = run(c, 3, "fork=2", endpoint=c.url(names[0]), AUTOTRACE_EXIT_TIMEOUT="5000")
        assert r.lost == 0 and len(c.spans) == 9


@pytest.fixture
def silent_names():
    """A name server that never answers; what makes a program ask it."""
    if names.possible():
        pytest.skip(names.possible())
    with Place() as place:
        server = names.NameServer(place, names.SILENT)
        yield server.wrapper
        server.close()


def run_with(wrapper, *args, **env):
    done = Run(args, {**env, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{names.NAME}:4318"}, wrapper=wrapper)
    done.check_sums()
    return done


def test_name_that_hangs(silent_names):
    r = run_with(silent_names, 3)
    assert 0.45 < r.seconds and r.own_seconds < 1.5 and r.lost == 3 and len(r.lines) == 1


def test_name_that_hangs_holds_no_longer_than_the_limit(silent_names):
    r = run_with(silent_names, 3, "flush=9000", OTEL_EXPORTER_OTLP_TIMEOUT="700")
    assert 0.6 < r.seconds and r.own_seconds < 3 and r.drop_export_failed == 3
    assert len(r.said("cannot be reached", "look-up")) == 1


def test_name_that_hangs_does_not_hold_up_another_exporter(silent_names, tmp_path):
    path = tmp_path / "lines"
    p = subprocess.Popen(
        [*silent_names, str(EMIT), "50", "pause=20000", "linger=3000"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "OTEL_TRACES_EXPORTER": "otlp,line", "AUTOTRACE_CONSOLE_FILE": str(path),
             "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{names.NAME}:4318", "FAULTS_PRELOAD": "",
             "OTEL_BSP_SCHEDULE_DELAY": "10"},
    )  # fmt: skip
    time.sleep(2)
    lines = path.read_text().splitlines()
    p.kill()
    p.wait()
    assert len(lines) == 50


def test_fork_while_a_name_is_looked_up(silent_names):
    r = run_with(silent_names, 20, "fork=4", "linger=500", OTEL_BSP_SCHEDULE_DELAY="10")
    assert len(r.counters) == 5 and r.lost == 100
    assert r.own_seconds < 3


def test_ipv6_address():
    with Collector(family=socket.AF_INET6) as c:
        r = run(c, 3, "flush=5000", endpoint=c.url("[::1]"))
        assert r.lost == 0 and len(c.spans) == 3


def test_proxy():
    with Collector() as c:
        endpoint = "http://collector.invalid:4318"
        r = run(c, 3, "flush=5000", endpoint=endpoint, http_proxy=c.url())
        assert r.lost == 0
        assert c.requests[0].path == "http://collector.invalid:4318/v1/traces"
        r = run(c, 3, endpoint=endpoint, http_proxy=c.url(), no_proxy="collector.invalid")
        assert r.lost == 3
        r = run(c, 3, "flush=5000", http_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1")
        assert r.lost == 0


# --- exporters that print ---


def test_console():
    r = Run([2, "attr=a=\x01\"\\\xe4\U0001f600&pwd=1"], {"OTEL_TRACES_EXPORTER": "console"})
    decoder, text, spans = json.JSONDecoder(), r.text, []
    while text.lstrip().startswith("{\n"):
        span, end = decoder.raw_decode(text.lstrip())
        spans.append(span)
        text = text.lstrip()[end:]
    assert len(spans) == 2 and r.lost == 0
    for s in spans:
        assert list(s) == [
            "name", "context", "kind", "parent_id", "start_time", "end_time", "status", "attributes", "events", "links",
            "resource",
        ]
        assert s["name"] == "GET /api/users/{id}/orders" and s["kind"] == "SpanKind.SERVER" and s["parent_id"] is None
        assert len(s["context"]["trace_id"]) == 34 and len(s["context"]["span_id"]) == 18
        assert s["context"]["trace_state"] == "[]"
        assert s["start_time"].endswith("Z") and s["status"] == {"status_code": "UNSET"}
        assert s["attributes"]["url.query"] == "a=\x01\"\\\xe4\U0001f600&pwd=REDACTED"
        assert s["attributes"]["http.response.status_code"] == 200
        assert s["resource"]["attributes"]["telemetry.sdk.name"] == "libautotrace"
    # Written as Python's json would indent it.
    first = r.text[: r.text.index("\n}\n") + 2]
    assert first == json.dumps(spans[0], indent=4, ensure_ascii=False)


def test_console_is_prompt():
    env = {"OTEL_TRACES_EXPORTER": "line"}
    p = subprocess.Popen([str(EMIT), "1", "linger=3000"], env=env, stdout=subprocess.PIPE, text=True)
    started, before = time.monotonic(), late()
    line = p.stdout.readline()
    assert time.monotonic() - started - (late() - before) < 1
    assert "SERVER GET /api/users/{id}/orders 200 1.500ms" in line and "url.path=/api/users/4711/orders" in line
    p.kill()
    p.wait()


def test_otlp_stdout_to_a_file(tmp_path):
    path = tmp_path / "spans.jsonl"
    for _ in range(2):
        r = Run([700, "patient=1"], {"OTEL_TRACES_EXPORTER": "otlp/stdout", "AUTOTRACE_CONSOLE_FILE": str(path)})
        assert r.lost == 0
    spans = [s for line in path.read_text().splitlines() for s in read_json(line)]
    assert len(spans) == 1400 and len({s["span"] for s in spans}) == 1400


def test_several_exporters(tmp_path):
    path = tmp_path / "lines"
    with Collector([Answer(delay=0.3)]) as c:
        r = run(c, 100, "flush=5000", OTEL_TRACES_EXPORTER="otlp,line", AUTOTRACE_CONSOLE_FILE=str(path))
    assert len(c.spans) == 100 and len(path.read_text().splitlines()) == 100
    assert r.lost == 0 and r.spans_exported == 200


def test_a_dead_exporter_does_not_hold_up_another(tmp_path):
    path = tmp_path / "lines"
    r = Run(
        [3000, "pause=1000", "burst=100", "patient=1"],
        {
            "OTEL_TRACES_EXPORTER": "otlp,line",
            "AUTOTRACE_CONSOLE_FILE": str(path),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        },
    )
    assert len(path.read_text().splitlines()) == 3000
    assert r.spans_exported == 3000 and r.lost == 3000


def test_file_that_cannot_be_written():
    r = Run([3], {"OTEL_TRACES_EXPORTER": "line", "AUTOTRACE_CONSOLE_FILE": "/no/such/dir/file"})
    assert r.lost == 3 and r.said("/no/such/dir/file")
    r.check_sums()


def test_reader_that_does_not_read():
    """A full pipe on stdout must not hold the program at its end."""
    env = {"OTEL_TRACES_EXPORTER": "console", "AUTOTRACE_EXIT_TIMEOUT": "300"}
    read, write = os.pipe()
    started, before = time.monotonic(), late()
    p = subprocess.Popen([str(EMIT), "500", "flush=300"], env=env, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    time.sleep(1.2)
    # emit's own line waits for the pipe now; the exporter's deadline is long over.
    data = b""
    while chunk := os.read(read, 65536):
        data += chunk
    assert p.wait(5) == 0 and time.monotonic() - started - (late() - before) < 4
    assert b'"drop_at_exit"' in data
    os.close(read)
    p.stderr.close()
