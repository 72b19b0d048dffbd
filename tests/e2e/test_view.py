"""autotrace-view over real HTTP: what it answers, what it counts, what it draws, what it survives."""

import base64
import gzip
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest
import requests

VIEW = Path(os.environ.get("BUILD_DIR", Path(__file__).parents[2] / "build")) / "autotrace-view"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
T0 = 1714564800123000000
MS = 1000000


# --- protobuf, by hand ---


def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def blob(number, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(data)) + data


def number(field, n):
    return varint(field << 3) + varint(n)


def value(v):
    if isinstance(v, bool):
        return number(2, v)
    return number(3, v) if isinstance(v, int) else blob(1, v)


def attributes(field, members):
    return b"".join(blob(field, blob(1, k) + blob(2, value(v))) for k, v in members.items())


def span(trace=1, id=1, parent=0, name="GET /", kind=2, start=0, end=10, attrs={}, status=None, raw_trace=None):
    return (
        blob(1, trace.to_bytes(16, "big") if raw_trace is None else raw_trace)
        + blob(2, id.to_bytes(8, "big"))
        + (blob(4, parent.to_bytes(8, "big")) if parent else b"")
        + blob(5, name)
        + number(6, kind)
        + varint(7 << 3 | 1) + struct.pack("<Q", T0 + int(start * MS))
        + varint(8 << 3 | 1) + struct.pack("<Q", T0 + int(end * MS))
        + attributes(9, attrs)
        + (blob(15, blob(2, status[1]) + number(3, status[0])) if status else b"")
        + varint(16 << 3 | 5) + struct.pack("<I", 0x101)
    )


def request(*spans, service="shop", pid=4711):
    resource = blob(1, attributes(1, {"service.name": service, "process.pid": pid}))
    return blob(1, resource + blob(2, blob(1, blob(1, "scope")) + b"".join(blob(2, s) for s in spans)))


def fields(message):
    """The fields of a protobuf message: {number: value of the last one}."""
    found, at = {}, 0

    def read():
        nonlocal at
        n = shift = 0
        while True:
            byte = message[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(message):
        tag = read()
        if tag & 7 == 0:
            found[tag >> 3] = read()
        else:
            assert tag & 7 == 2
            length = read()
            found[tag >> 3] = message[at : at + length]
            at += length
    assert at == len(message)
    return found


def json_request(**members):
    one = {
        "traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "GET /", "kind": 2,
        "startTimeUnixNano": str(T0), "endTimeUnixNano": str(T0 + MS),
    }  # fmt: skip
    one.update(members)
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]})


# --- the program ---


class View:
    """A running autotrace-view on a free port."""

    def __init__(self, directory, *options, env={}):
        self.json = directory / "spans.jsonl"
        port = directory / "port"
        environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
        self.process = subprocess.Popen(
            [VIEW, "--listen", "127.0.0.1:0", "--port-file", port, "--json", self.json, "--count", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**environment, **env},
        )  # fmt: skip
        self.first = self.process.stdout.readline().decode()
        self.url = self.first.split()[-1] + "/v1/traces"
        deadline = time.monotonic() + 5
        while not port.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.port = int(port.read_text())

    def post(self, body, headers=PROTOBUF, **more):
        return requests.post(self.url, data=body, headers=headers, timeout=30, **more)

    def lines(self):
        return [json.loads(line) for line in self.json.read_text().splitlines()]

    def stop(self, how=signal.SIGTERM):
        """Ends it; returns its output without the first line."""
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=10)
        self.code, self.err = self.process.returncode, err.decode()
        return out.decode()

    def counters(self, how=signal.SIGTERM):
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", self.stop(how).splitlines()[-1])}


@pytest.fixture
def view(tmp_path):
    running = []

    def start(*options, **more):
        running.append(View(tmp_path, *options, **more))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()


def alive(view):
    return view.post(request(span())).status_code == 200


# --- what it answers ---


def test_protobuf_is_answered_in_protobuf(view):
    v = view("--quiet")
    answer = v.post(request(span(attrs={"http.response.status_code": 200, "x": True}, status=(2, "no"))))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    (line,) = v.lines()
    assert line["trace_id"] == "0" * 31 + "1" and line["span_id"] == "0" * 15 + "1"
    assert "parent_span_id" not in line
    assert line["attributes"] == {"http.response.status_code": 200, "x": True}
    assert line["resource"] == {"service.name": "shop", "process.pid": 4711}
    assert (line["status"], line["status_message"], line["kind"]) == ("error", "no", "server")
    assert (line["start_unix_nano"], line["end_unix_nano"], line["duration_ms"]) == (T0, T0 + 10 * MS, 10.0)
    assert (line["flags"], line["scope"]["name"]) == (0x101, "scope")


def test_json_is_answered_in_json(view):
    v = view("--quiet")
    answer = v.post(json_request(parentSpanId="0" * 15 + "2"), {"Content-Type": "Application/JSON; charset=utf-8"})
    assert (answer.status_code, answer.text) == (200, "{}")
    assert answer.headers["Content-Type"] == "application/json"
    assert v.lines()[0]["parent_span_id"] == "0" * 15 + "2"


@pytest.mark.parametrize("body,headers", [(request(span()), PROTOBUF), (json_request().encode(), JSON)])
def test_gzip(view, body, headers):
    v = view("--quiet")
    packed = gzip.compress(body)
    assert v.post(packed, {**headers, "Content-Encoding": "gzip"}).status_code == 200
    assert v.post(body, {**headers, "Content-Encoding": "identity"}).status_code == 200
    assert v.counters() == dict(spans=2, traces=1, malformed=0, requests=2, bytes=len(packed) + len(body))


def test_chunked_body(view):
    v = view("--quiet")
    body = request(*[span(id=i + 1) for i in range(500)])
    assert v.post(body[i : i + 1000] for i in range(0, len(body), 1000)).status_code == 200
    assert len(v.lines()) == 500


def test_empty_requests(view):
    v = view("--quiet")
    assert v.post(b"").status_code == 200
    assert v.post(b"{}", JSON).text == "{}"
    assert v.post(b"", JSON).status_code == 400


def test_malformed_spans_are_rejected_and_the_others_kept(view):
    v = view("--quiet")
    body = request(span(id=1), span(id=2, raw_trace=b"\0" * 16), span(id=3, raw_trace=b"x"), span(id=4, start=5, end=4))
    answer = v.post(body)
    assert answer.status_code == 200
    partial = fields(fields(answer.content)[1])
    assert partial[1] == 3
    assert partial[2].decode() == (
        "rejected spans: trace id is not 16 bytes (1), trace id is all zero (1), end is before start (1)"
    )
    answer = v.post(json_request(name=""), JSON)
    assert answer.json() == {
        "partialSuccess": {"rejectedSpans": "1", "errorMessage": "rejected spans: name is missing (1)"}
    }
    assert [line["span_id"][-1] for line in v.lines()] == ["1"]
    counters = v.counters()
    assert (counters["spans"], counters["malformed"]) == (1, 4)


def test_garbage_is_refused_in_the_type_it_came_in(view):
    v = view("--quiet")
    answer = v.post(b"\xff\xff\xff")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/x-protobuf"
    status = fields(answer.content)
    assert (status[1], status[2]) == (3, b"the body is no protobuf ExportTraceServiceRequest")
    answer = v.post(b'{"resourceSpans": [', JSON)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["code"] == 3 and "JSON" in answer.json()["message"]
    answer = v.post(b'{"resourceSpans": 5}', JSON)
    assert (answer.status_code, answer.json()["message"]) == (400, "resourceSpans is not an array")
    assert v.post(b"no gzip", {**PROTOBUF, "Content-Encoding": "gzip"}).status_code == 400
    assert v.post(gzip.compress(request(span()))[:-5], {**PROTOBUF, "Content-Encoding": "gzip"}).status_code == 400
    assert v.post(b'"\x00\xff', JSON).status_code == 400
    assert alive(v)
    assert v.counters()["refused"] == 6


def test_other_paths_methods_and_types(view):
    v = view("--quiet")
    base = v.url[: -len("/v1/traces")]
    for path in ("/", "/v1/metrics", "/v1/traces/", "//v1/traces", "/V1/TRACES"):
        answer = requests.post(base + path, data=b"", headers=PROTOBUF, timeout=10)
        assert answer.status_code == 404
        assert fields(answer.content)[2] == b"nothing is served here but /v1/traces"
    answer = requests.get(base + "/", timeout=10)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert "/v1/traces" in answer.text
    for method in ("GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"):
        answer = requests.request(method, v.url, timeout=10)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    for kind in ("text/plain", "application/jsonx", "application/protobuf", ""):
        assert v.post(b"x", {"Content-Type": kind}).status_code == 415
    assert v.post(b"x", {**PROTOBUF, "Content-Encoding": "br"}).status_code == 415
    assert v.post(request(span()), params={"query": "is ignored"}).status_code == 200


def test_too_large_bodies(view):
    v = view("--quiet")
    zeros = b"\0" * (64 << 20)
    assert v.post(zeros + b"\0").status_code == 413
    assert v.post((zeros[: 1 << 20] for _ in range(65))).status_code == 413
    assert v.post(gzip.compress(zeros + b"\0", 1), {**PROTOBUF, "Content-Encoding": "gzip"}).status_code == 413
    assert v.post(gzip.compress(zeros, 1), {**PROTOBUF, "Content-Encoding": "gzip"}).status_code == 400
    # Small on the wire, far too much in memory.
    bomb = gzip.compress(b"\x0a\x00" * (32 << 20), 1)
    assert v.post(bomb, {**PROTOBUF, "Content-Encoding": "gzip"}).status_code == 413
    assert alive(v)


def test_who_asks_before_sending_is_told_at_once(view):
    v = view("--quiet")
    head = b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/x-protobuf\r\n"
    with socket.create_connection(("127.0.0.1", v.port), 5) as s:
        s.sendall(head + b"Content-Length: 67108865\r\n\r\n")
        assert s.recv(1000).startswith(b"HTTP/1.1 413")
    body = request(span())
    with socket.create_connection(("127.0.0.1", v.port), 5) as s:
        s.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
        assert s.recv(1000).startswith(b"HTTP/1.1 100")
        s.sendall(body)
        assert s.recv(1000).startswith(b"HTTP/1.1 200")


def test_deep_nesting_is_refused(view):
    v = view("--quiet")
    body = b""
    for _ in range(20000):
        body = blob(5, blob(1, body))
    assert v.post(blob(1, blob(1, blob(1, blob(1, "k") + blob(2, body))))).status_code == 400
    nested = '{"arrayValue":{"values":[' * 500 + "{}" + "]}}" * 500
    body = json_request(attributes=[{"key": "k", "value": "here"}]).replace('"here"', nested)
    answer = v.post(body, JSON)
    assert (answer.status_code, answer.json()["message"]) == (400, "attribute values are nested too deeply")
    assert v.post(b"[" * 1000000, JSON).status_code == 400
    assert alive(v)


def test_what_is_no_http_does_no_harm(view):
    v = view("--quiet")
    endless = b"POST /v1/traces HTTP/1.1\r\nA: " + b"x" * 400000
    for junk in (b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\0" * 70000, endless):
        with socket.create_connection(("127.0.0.1", v.port), 5) as s:
            s.settimeout(0.3)
            try:
                s.sendall(junk)
                s.recv(1000)
            except OSError:
                pass
    for head in (b"Content-Length: 100\r\n\r\nshort", b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"):
        with socket.create_connection(("127.0.0.1", v.port), 5) as s:
            s.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + head)
    assert alive(v)


# --- what it counts and writes ---


def test_counters_on_usr1_and_at_the_end(view):
    v = view("--quiet")
    body = request(span(trace=1), span(trace=2), span(trace=1, id=2))
    v.post(body)
    v.process.send_signal(signal.SIGUSR1)
    expected = f"spans=3 traces=2 malformed=0 requests=1 bytes={len(body)}\n"
    assert v.process.stdout.readline().decode() == expected
    assert v.stop() == expected
    assert (v.code, v.err) == (0, "")


def test_what_was_sent_before_the_end_is_counted(view):
    v = view("--quiet")
    body = request(span())
    v.process.send_signal(signal.SIGSTOP)
    with socket.create_connection(("127.0.0.1", v.port), 5) as s:
        s.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        v.process.send_signal(signal.SIGTERM)
        v.process.send_signal(signal.SIGCONT)
        assert v.counters(signal.SIGCONT)["spans"] == 1
        assert s.recv(100).startswith(b"HTTP/1.1 200")


def test_lines_are_there_when_the_answer_is(view):
    v = view("--quiet")
    for i in range(1, 50):
        v.post(request(span(id=i)))
        assert len(v.lines()) == i


def test_json_to_standard_output():
    with subprocess.Popen(
        [VIEW, "--listen", "127.0.0.1:0", "--json", "-", "--count"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        url = process.stderr.readline().decode().split()[-1]
        requests.post(url + "/v1/traces", data=request(span()), headers=PROTOBUF, timeout=10)
        process.terminate()
        out, err = process.communicate(timeout=10)
    assert json.loads(out)["name"] == "GET /"
    assert err.startswith(b"spans=1 traces=1 ")


def test_json_that_cannot_be_written(tmp_path):
    process = run("--json", tmp_path / "no" / "dir", "--listen", "127.0.0.1:0")
    assert process.returncode == 1
    assert process.stderr == f"autotrace-view: cannot open {tmp_path}/no/dir: No such file or directory\n"


# --- what it draws ---


def waterfall(text):
    """(service, label, duration and note) of each row."""
    rows = []
    for line in text.splitlines():
        match = re.match(r"  (\S+)  (.*?)  +[█▏▎▍▌▋▊▉]+ +(\d.*)", line)
        if match:
            rows.append(match.groups())
    return rows


def test_spans_of_several_processes_become_one_waterfall(view):
    v = view("--quiet-after", "500")
    v.post(request(span(id=3, parent=2, name="GET /b", start=3, end=8), service="cart"))
    call = span(id=2, parent=1, name="GET", kind=3, start=2, end=9)
    v.post(request(span(id=1, name="GET /a", end=10), call, service="edge"))
    v.post(request(span(id=5, parent=77, name="lost", start=4, end=5, status=(2, "broken"))))
    head = v.process.stdout.readline().decode()
    assert head == (
        "trace 00000000000000000000000000000001  2024-05-01 12:00:00.123Z  4 spans  3 services  10.00 ms"
        "  1 error  1 without its parent (?)\n"
    )
    rows = waterfall("".join(v.process.stdout.readline().decode() for _ in range(4)))
    assert rows == [
        ("edge", "← GET /a", "10.00 ms"),
        ("edge", "└─ → GET", "7.00 ms"),
        ("cart", "   └─ ← GET /b", "5.00 ms"),
        ("shop", "? ← lost", "1.00 ms  error: broken"),
    ]
    assert "\033" not in v.stop()


def test_a_late_span_has_the_trace_drawn_again(view):
    v = view("--quiet-after", "50")
    v.post(request(span()))
    assert "1 span  " in v.process.stdout.readline().decode()
    v.post(request(span(id=2, parent=1)))
    assert "2 spans  1 service  10.00 ms  1 drawn before\n" in v.stop()


def test_attributes_links_and_pids_on_demand(view):
    v = view("--attributes", "--pid", "--ascii", env={"COLUMNS": "60"})
    v.post(request(span(attrs={"key": "v" * 100, "n": 5})))
    out = v.stop()
    assert "  shop[4711]  < GET /  =" in out
    assert re.search(r"^ +key = v+~$", out, re.M) and re.search(r"^ +n = 5$", out, re.M)
    assert out.isascii()


def test_eviction_is_counted(view):
    v = view("--max-traces", "2", "--quiet-after", "100000")
    v.post(request(*[span(trace=i, id=i) for i in range(1, 6)]))
    out = v.stop()
    assert out.count("trace 0") == 2
    assert out.splitlines()[-1].endswith(" evicted_traces=3 evicted_spans=3")
    v = view("--max-spans", "3", "--quiet-after", "100000")
    v.post(request(*[span(id=i) for i in range(1, 6)]))
    assert "3 spans  1 service  10.00 ms  2 had no room" in v.stop()


def test_memory_stays_bounded(view):
    v = view("--quiet-after", "3600000", "--attributes", "--max-traces", "100")
    for round in range(20):
        v.post(request(*[span(trace=round * 1000 + i + 1, attrs={"a": "x" * 1000}) for i in range(1000)]))
    status = Path(f"/proc/{v.process.pid}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+)", status)[1]) < 40000
    assert v.counters()["evicted_traces"] == 19900


# --- collector trouble ---


def test_fail_first_then_serve(view):
    v = view("--quiet", "--fail", "429:7", "--fail-first", "2")
    answers = [v.post(request(span(id=i + 1))) for i in range(4)]
    assert [a.status_code for a in answers] == [429, 429, 200, 200]
    assert [a.headers.get("Retry-After") for a in answers] == ["7", "7", None, None]
    assert fields(answers[0].content)[1] == 14
    assert len(v.lines()) == 2
    counters = v.counters()
    assert (counters["spans"], counters["requests"], counters["refused"]) == (2, 4, 2)


def test_fail_always_and_drop(view):
    v = view("--quiet", "--fail", "500")
    assert [v.post(request(span())).status_code for _ in range(3)] == [500] * 3
    v.stop()
    v = view("--quiet", "--fail", "drop", "--fail-first", "1")
    with pytest.raises(requests.ConnectionError):
        v.post(request(span()))
    assert alive(v)


def test_delay_holds_each_answer_but_not_the_others(view):
    v = view("--quiet", "--delay", "300")
    begin = time.monotonic()
    sockets = []
    body = request(span())
    for _ in range(5):
        sockets.append(socket.create_connection(("127.0.0.1", v.port), 5))
        sockets[-1].sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
    for s in sockets:
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
        s.close()
    assert 0.29 < time.monotonic() - begin < 1.2


def test_the_end_does_not_wait_for_delays(view):
    v = view("--quiet", "--delay", "60000")
    with socket.create_connection(("127.0.0.1", v.port), 5) as s:
        s.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 2\r\n\r\n{}"
        )
        time.sleep(0.2)
        assert v.counters()["requests"] == 1
        assert s.recv(1000).startswith(b"HTTP/1.1 200")
    assert v.code == 0


# --- start and end ---


def run(*arguments):
    return subprocess.run([VIEW, *arguments], capture_output=True, text=True, timeout=10)


def test_a_port_in_use_is_one_clear_line(view):
    v = view("--quiet")
    process = run("--listen", f"127.0.0.1:{v.port}")
    assert (process.returncode, process.stdout) == (1, "")
    assert process.stderr == f"autotrace-view: cannot listen on 127.0.0.1:{v.port}: Address already in use\n"


@pytest.mark.parametrize(
    "arguments",
    [["--nonsense"], ["--max-spans", "x"], ["--fail", "200"], ["--listen", "nowhere"], ["stray"], ["--json"]],
)
def test_bad_options(arguments):
    process = run(*arguments)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith("autotrace-view: ")
    assert process.stderr.endswith("\nTry 'autotrace-view --help'.\n")
    assert process.stderr.count("\n") == 2


def test_help_version_and_duration():
    assert run("--help").stdout.startswith("usage: autotrace-view ")
    assert re.fullmatch(r"autotrace-view \d+\.\d+\.\d+\n", run("--version").stdout)
    begin = time.monotonic()
    process = run("--listen", "127.0.0.1:0", "--duration", "1")
    assert process.returncode == 0 and 0.9 < time.monotonic() - begin < 3
    assert re.fullmatch(r"listening on http://127\.0\.0\.1:\d+\n", process.stdout)


def test_ipv6():
    with subprocess.Popen([VIEW, "--listen", "[::1]:0"], stdout=subprocess.PIPE) as process:
        url = process.stdout.readline().decode().split()[-1]
        assert url.startswith("http://[::1]:")
        assert requests.get(url, timeout=10).status_code == 404
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_bytes_attributes_are_base64(view):
    v = view("--quiet")
    v.post(json_request(attributes=[{"key": "k", "value": {"bytesValue": "AAH/"}}]), JSON)
    assert base64.b64decode(v.lines()[0]["attributes"]["k"]) == b"\0\1\xff"
