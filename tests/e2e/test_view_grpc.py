"""autotrace-view over gRPC: real clients (grpcio, the exporter), and peers that speak no, or bad, HTTP/2."""

import gzip
import os
import socket
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("h2", reason="no h2 for Python")
grpc = pytest.importorskip("grpc", reason="no grpcio for Python")

import h2.config  # noqa: E402
import h2.connection  # noqa: E402
import h2.events  # noqa: E402

from emit import Run  # noqa: E402
from grpc_collector import PATH  # noqa: E402
from test_view import View, fields, request, run, span  # noqa: E402

CODE = grpc.StatusCode


class GrpcView(View):
    def __init__(self, directory, *options, **more):
        port = directory / "grpc-port"
        super().__init__(directory, "--grpc", "127.0.0.1:0", "--grpc-port-file", port, *options, **more)
        deadline = time.monotonic() + 5
        while not port.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.grpc = int(port.read_text())

    def channel(self, **options):
        given = [(f"grpc.{k}", v) for k, v in options.items()]
        return grpc.insecure_channel(f"127.0.0.1:{self.grpc}", options=[*given, ("grpc.enable_retries", 0)])

    def call(self, body, path=PATH, **how):
        """(code, answer or details) of one call with a channel of its own."""
        with self.channel(max_send_message_length=-1) as channel:
            try:
                return CODE.OK, channel.unary_unary(path)(body, timeout=30, **how)
            except grpc.RpcError as error:
                return error.code(), error.details()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.grpc), timeout=10)


@pytest.fixture
def view(tmp_path):
    running = []

    def start(*options, **more):
        running.append(GrpcView(tmp_path, "--quiet", *options, **more))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        one.process.stdout.close()
        one.process.stderr.close()


def alive(v):
    return v.call(request(span())) == (CODE.OK, b"") and v.post(request(span())).status_code == 200


class Peer:
    """HTTP/2 by hand: one call after the other on one connection."""

    HEAD = [(":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", "x"), ("te", "trailers"),
            ("content-type", "application/grpc")]  # fmt: skip

    def __init__(self, v):
        self.socket = v.connect()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.answers, self.resets, self.ended, self.going = {}, {}, set(), None

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, body, head=None, end=True):
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, head or self.HEAD, end_stream=body is None)
        for i in range(0, len(body or b""), 16000):
            self.flush()
            while self.h2.local_flow_control_window(stream) < 16000 and self.read(-1, once=True):
                pass
            self.h2.send_data(stream, body[i : i + 16000])
        if end and body is not None:
            self.h2.end_stream(stream)
        self.flush()
        return stream

    def read(self, stream, once=False):
        """Header, trailers and the like of an answer, as one dictionary; None: the connection ended."""
        while stream not in self.ended:
            data = self.socket.recv(65536)
            if not data:
                return None
            for event in self.h2.receive_data(data):
                if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                    self.answers.setdefault(event.stream_id, {}).update(dict(event.headers))
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    self.resets[event.stream_id] = event.error_code
                    self.ended.add(event.stream_id)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    self.going = event.error_code
            self.flush()
            if once:
                return True
        return self.answers.get(stream)

    def changed(self, **fields):
        wanted = {k.replace("_", "-"): v for k, v in fields.items()}
        head = [(n, wanted.pop(n.strip(":"), v)) for n, v in self.HEAD]
        return [(n, v) for n, v in [*head, *wanted.items()] if v is not None]


def message(body, packed=0):
    return struct.pack(">BI", packed, len(body)) + body


# --- calls ---


def test_spans_go_where_those_of_http_go(view):
    v = view()
    assert v.call(request(span(id=1), span(id=2, parent=1))) == (CODE.OK, b"")
    assert v.post(request(span(id=3))).status_code == 200
    assert [line["span_id"][-1] for line in v.lines()] == ["1", "2", "3"]
    counters = v.counters()
    assert (counters["spans"], counters["traces"], counters["requests"], counters["malformed"]) == (3, 1, 2, 0)


def test_empty_request(view):
    v = view()
    assert v.call(b"") == (CODE.OK, b"")


def test_gzip(view):
    v = view()
    with v.channel(default_compression_algorithm=2) as channel:
        body = request(*[span(id=i + 1) for i in range(200)])
        assert channel.unary_unary(PATH)(body, timeout=10, compression=grpc.Compression.Gzip) == b""
    assert len(v.lines()) == 200
    assert v.counters()["bytes"] < len(body) / 2


def test_partial_success(view):
    v = view()
    code, answer = v.call(request(span(id=1), span(id=2, raw_trace=b"\0" * 16)))
    assert code == CODE.OK
    partial = fields(fields(answer)[1])
    assert (partial[1], partial[2].decode()) == (1, "rejected spans: trace id is all zero (1)")


def test_a_large_message(view):
    v = view()
    body = request(*[span(id=i + 1, name="x" * 1000) for i in range(8000)])
    assert len(body) > 8 << 20 and v.call(body) == (CODE.OK, b"")
    assert v.counters()["spans"] == 8000


@pytest.mark.parametrize(
    "body, path, code, words",
    [
        (b"\xff" * 50, PATH, CODE.INVALID_ARGUMENT, ""),
        (b"\x0a\x05abc", PATH, CODE.INVALID_ARGUMENT, ""),
        (b"", PATH[:-1], CODE.UNIMPLEMENTED, "TraceService/Export"),
        (b"", PATH.replace("trace", "metrics"), CODE.UNIMPLEMENTED, ""),
        (b"", "/", CODE.UNIMPLEMENTED, ""),
        (b"x" * ((64 << 20) + 1), PATH, CODE.RESOURCE_EXHAUSTED, "64 MiB"),
    ],
    ids=range(6),
)
def test_refused(view, body, path, code, words):
    v = view()
    got, details = v.call(body, path)
    assert got == code and words in details
    assert alive(v)
    assert v.counters()["refused"] == 1


def test_a_bomb(view):
    v = view()
    p = Peer(v)
    stream = p.ask(message(gzip.compress(bytes(80 << 20)), 1), p.changed(grpc_encoding="gzip"))
    assert p.read(stream)["grpc-status"] == "8"
    stream = p.ask(message(request(span())))
    assert p.read(stream)["grpc-status"] == "0"


@pytest.mark.parametrize(
    "body, fields, status",
    [
        (b"", {}, "13"),
        (None, {}, "13"),
        (message(b"")[:4], {}, "13"),
        (message(request(span()))[:-1], {}, "13"),
        (message(b"") * 2, {}, "13"),
        (message(b"", 1), {}, "13"),
        (message(b"no gzip", 1), {"grpc_encoding": "gzip"}, "3"),
        (message(b""), {"grpc_encoding": "snappy"}, "12"),
        (message(b""), {"grpc_encoding": "identity"}, "0"),
        (message(b""), {"grpc_encoding": "gzip"}, "0"),
        (message(b""), {"content_type": "application/grpc+proto"}, "0"),
        (message(b""), {"content_type": "application/grpc; charset=utf-8"}, "0"),
        (struct.pack(">BI", 0, (64 << 20) + 1), {}, "8"),
        (message(b""), {"x": "y" * 20000}, "8"),
    ],
    ids=range(14),
)
def test_status_by_hand(view, body, fields, status):
    v = view()
    p = Peer(v)
    answer = p.read(p.ask(body, p.changed(**fields)))
    assert answer[":status"] == "200" and answer["content-type"] == "application/grpc"
    assert answer["grpc-status"] == status
    assert p.read(p.ask(message(request(span()))))["grpc-status"] == "0"


@pytest.mark.parametrize(
    "fields, status", [({"content_type": "application/json"}, "415"), ({"content_type": None}, "415"),
                       ({"content_type": "application/grpc-web"}, "415"), ({"method": "GET"}, "405")],
)  # fmt: skip
def test_no_call_of_grpc(view, fields, status):
    v = view()
    p = Peer(v)
    answer = p.read(p.ask(message(b""), p.changed(**fields)))
    assert answer == {":status": status}
    assert p.read(p.ask(message(b"")))["grpc-status"] == "0"


def test_refused_before_its_body(view):
    """Nothing of what follows is taken: the answer is there, and the stream ends."""
    v = view()
    p = Peer(v)
    stream = p.ask(b"abc", p.changed(path="/x"), end=False)
    assert p.read(stream)["grpc-status"] == "12"
    assert p.read(p.ask(message(b"")))["grpc-status"] == "0"


def test_many_streams_and_connections(view):
    v = view()
    with v.channel() as channel, ThreadPoolExecutor(16) as pool:
        export = channel.unary_unary(PATH)
        bodies = [request(span(trace=i + 1, id=i + 1)) for i in range(400)]
        futures = [export.future(body, timeout=30) for body in bodies]
        assert all(f.result() == b"" for f in futures)
        assert all(code == CODE.OK for code, _ in pool.map(v.call, bodies[:60]))
    assert v.counters()["spans"] == 460


def test_more_streams_than_allowed(view):
    v = view()
    p = Peer(v)
    streams = [p.ask(None if i % 2 else b"", end=False) for i in range(0, 150)]
    p.ask(message(b""))
    deadline = time.monotonic() + 5
    while 7 not in p.resets.values() and time.monotonic() < deadline:
        p.socket.settimeout(0.2)
        try:
            p.read(-1)
        except TimeoutError:
            pass
        except h2.exceptions.ProtocolError:
            break
    assert len(streams) == 150 and alive(v)


# --- trouble on demand ---


def test_fail_is_an_http_status(view):
    v = view("--fail", "503:2", "--fail-first", "1")
    code, _ = v.call(request(span()))
    assert code == CODE.UNAVAILABLE and alive(v)


def test_drop(view):
    v = view("--fail", "drop", "--fail-first", "1")
    assert v.call(request(span()))[0] == CODE.UNAVAILABLE
    assert alive(v)


def test_delay(view):
    v = view("--delay", "400")
    began = time.monotonic()
    assert v.call(request(span()))[0] == CODE.OK and 0.39 < time.monotonic() - began < 3
    with v.channel() as channel:
        future = channel.unary_unary(PATH).future(request(span()), timeout=10)
        while len(v.lines()) < 2:
            time.sleep(0.01)
        v.stop()
        assert future.result() == b""  # the end does not wait


# --- what is no HTTP/2, or bad ---

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, payload=b"", flags=0, stream=0, size=None):
    return struct.pack(">I", len(payload) if size is None else size)[1:] + bytes((kind, flags)) + struct.pack(
        ">I", stream) + payload  # fmt: skip


SETTINGS = PREFACE + frame(4)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        PREFACE + b"\xff" * 100,
        SETTINGS + frame(0, b"x", stream=0),
        SETTINGS + frame(0, b"x", stream=5),
        SETTINGS + frame(1, b"\xff" * 100, 5, 1),
        SETTINGS + frame(1, b"\x3f\xe1\xff\xff\xff\xff\x0f", 5, 1),
        SETTINGS + frame(9, b"", 4, 1),
        SETTINGS + frame(8, b"\0\0\0\0"),
        SETTINGS + frame(0, b"", stream=1, size=(1 << 24) - 1),
        SETTINGS + frame(7, bytes(8)),
        SETTINGS + frame(6, bytes(8)) * 20000,
        SETTINGS + frame(4) * 20000,
        SETTINGS + b"".join(frame(1, b"\x82", 4, 2 * i + 1) + frame(3, bytes(4), 0, 2 * i + 1) for i in range(20000)),
        SETTINGS + frame(1, b"\x82", 0, 1) + frame(9, b"\x40\x01a\x01b" * 1000, 0, 1) * 200,
        SETTINGS + os.urandom(5000),
    ],
    ids=range(16),
)
def test_bad_frames(view, data):
    v = view()
    with v.connect() as peer:
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass
        except OSError:
            pass
    assert alive(v)


def test_a_peer_that_does_not_read(view):
    v = view()
    with v.connect() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.settimeout(1)
        before = rss(v)
        try:
            peer.sendall(SETTINGS + frame(6, bytes(8)) * 900)
            for _ in range(2000):
                peer.sendall(frame(6, bytes(8)) * 100)
        except OSError:
            pass
        assert rss(v) - before < 8 << 10
        assert alive(v)


def rss(v):
    with open(f"/proc/{v.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# --- with the exporter, and options ---


@pytest.mark.parametrize("gzip_", ["none", "gzip"])
def test_the_exporter(view, gzip_):
    v = view()
    r = Run([3000, "patient=1", "fork=1"], {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": f"127.0.0.1:{v.grpc}",
        "OTEL_EXPORTER_OTLP_INSECURE": "true", "OTEL_EXPORTER_OTLP_COMPRESSION": gzip_,
        "AUTOTRACE_EXIT_TIMEOUT": "20000"})  # fmt: skip
    assert r.lost == 0 and r.lines == []
    assert v.counters()["spans"] == 6000


def test_options(tmp_path, view):
    v = view()
    process = run("--listen", "127.0.0.1:0", "--grpc", f"127.0.0.1:{v.grpc}")
    assert process.returncode == 1 and "Address already in use (--grpc off does without)" in process.stderr
    assert run("--listen", "127.0.0.1:0", "--grpc", "nowhere").returncode == 2
    process = run("--listen", "127.0.0.1:0", "--grpc", "off", "--duration", "1")
    assert (process.returncode, process.stdout.count("listening")) == (0, 1)
    process = run("--listen", "127.0.0.1:0", "--grpc", "[::1]:0", "--duration", "1")
    assert process.returncode in (0, 1) and ("listening for gRPC on http://[::1]:" in process.stdout or process.stderr)
