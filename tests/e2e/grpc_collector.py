"""An OTLP/gRPC receiver that misbehaves on demand, frame by frame: what grpcio's server would never do."""

import base64
import gzip
import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.settings

from collector import Request, read_protobuf, server_tls
from stillness import late

PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
OK, CANCELLED, UNKNOWN, RESOURCE_EXHAUSTED, UNAVAILABLE = 0, 1, 2, 8, 14


def length(n):
    out = b""
    while n > 127:
        out, n = out + bytes((n & 127 | 128,)), n >> 7
    return out + bytes((n,))


def member(number, data):
    return bytes((number << 3 | 2,)) + length(len(data)) + data


def retry_info(seconds=None, nanos=0):
    """grpc-status-details-bin: google.rpc.Status with a RetryInfo in it; None: one without a delay."""
    delay = b"" if seconds is None else member(1, b"\x08" + length(seconds) + b"\x10" + length(nanos))
    url = b"type.googleapis.com/google.rpc.RetryInfo"
    other = member(3, member(1, b"type.googleapis.com/google.rpc.Help") + member(2, b"\x0a\x00"))
    status = b"\x08\x08" + other + member(3, member(1, url) + member(2, delay))
    return base64.b64encode(status).decode().rstrip("=")


def partial(rejected, message):
    inner = (b"\x08" + length(rejected) if rejected else b"") + member(2, message.encode())
    return member(1, inner)


def message(body, packed=0):
    return struct.pack(">BI", packed, len(body)) + body


class Answer:
    """status, message, details: of gRPC, in the trailers, or in the head when `only`; None: not told. http, kind:
    status and content-type; body: the message; raw: instead of it, with its prefix. act: what happens instead, a
    function of (connection, stream); after: what happens behind it, likewise. delay: seconds before."""

    def __init__(self, status=OK, message=None, details=None, only=False, http=200, kind="application/grpc", body=b"",
                 raw=None, act=None, delay=0, after=None, fields=()):
        self.status, self.message, self.details, self.only = status, message, details, only
        self.http, self.kind, self.body, self.raw = http, kind, body, raw
        self.act, self.delay, self.after, self.fields = act, delay, after, fields

    def trailers(self):
        out = [] if self.status is None else [("grpc-status", str(self.status))]
        out += [("grpc-message", self.message)] if self.message is not None else []
        return out + ([("grpc-status-details-bin", self.details)] if self.details is not None else [])

    def give(self, link, stream):
        if self.act:
            self.act(link, stream)
            return
        head = [(":status", str(self.http)), *([("content-type", self.kind)] if self.kind else []), *self.fields]
        if self.only:
            link.h2.send_headers(stream, [*head, *self.trailers()], end_stream=True)
        else:
            link.h2.send_headers(stream, head)
            data = message(self.body) if self.raw is None else self.raw
            for i in range(0, len(data), 16384):
                link.h2.send_data(stream, data[i : i + 16384])
            if not self.trailers():
                link.h2.send_data(stream, b"", end_stream=True)
            if self.trailers():
                link.h2.send_headers(stream, self.trailers(), end_stream=True)
        link.flush()
        if self.after:
            self.after(link, stream)


def reset(code):
    def act(link, stream):
        link.h2.reset_stream(stream, code)
        link.flush()

    return act


def goaway(last=None, code=0, close=True):
    """Says that it goes, without an answer to this stream when last is below it."""

    def act(link, stream):
        link.h2.close_connection(code, last_stream_id=stream if last is None else last)
        link.flush()
        if close:
            link.cut()

    return act


def cut(link, _stream):
    link.cut()


def silent(_link, _stream):
    pass


def write(data):
    """Bytes that are no frames."""

    def act(link, _stream):
        link.socket.sendall(data)

    return act


class Link:
    """A connection."""

    def __init__(self, outer, sock):
        self.outer, self.socket, self.bodies, self.heads = outer, sock, {}, {}
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    def flush(self):
        data = self.h2.data_to_send()
        if data:
            self.socket.sendall(data)

    def cut(self):
        self.socket.shutdown(socket.SHUT_RDWR)

    def run(self):
        self.h2.initiate_connection()
        self.flush()
        while data := self.socket.recv(65536):
            for event in self.h2.receive_data(data):
                self.handle(event)
            self.flush()

    def handle(self, event):
        if isinstance(event, h2.events.RequestReceived):
            self.heads[event.stream_id], self.bodies[event.stream_id] = dict(event.headers), b""
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.flush()
            self.outer.serve(self, event.stream_id, self.heads.pop(event.stream_id), self.bodies.pop(event.stream_id))


class GrpcCollector:
    """Answers the first calls as told by `answers`, all others with `always`. Counts the spans of those that it
    answered with OK. greet: bytes to say instead of anything of HTTP/2."""

    def __init__(self, answers=(), always=None, tls=None, greet=None):
        self.answers, self.always, self.tls, self.greet = list(answers), always or Answer(), tls, greet
        self.requests, self.spans, self.lock, self.connections, self.open = [], [], threading.Lock(), 0, set()
        if tls:
            tls.set_alpn_protocols(["h2"])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.welcome, daemon=True)
        self.thread.start()

    def welcome(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.open.add(sock)
            threading.Thread(target=self.talk, args=(sock,), daemon=True).start()

    def talk(self, sock):
        plain = sock
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            if self.greet is not None:
                sock.recv(65536)
                sock.sendall(self.greet)
            else:
                Link(self, sock).run()
        except (OSError, ValueError, h2.exceptions.ProtocolError):
            pass
        finally:
            with self.lock:
                self.open.discard(plain)
            sock.close()

    def serve(self, link, stream, head, body):
        with self.lock:
            self.requests.append(Request(head[":path"], head, body))
            answer = self.answers.pop(0) if self.answers else self.always
        time.sleep(answer.delay)
        if answer.status == OK and not answer.act:
            packed, size = struct.unpack_from(">BI", body)
            assert size == len(body) - 5
            assert packed == (head.get("grpc-encoding") == "gzip")
            spans = read_protobuf(gzip.decompress(body[5:]) if packed else body[5:])
            with self.lock:
                self.spans += spans
        answer.give(link, stream)

    def between(self, i, k):
        a, b = self.requests[i], self.requests[k]
        return b.when - a.when - (b.late - a.late)

    def url(self, host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}"

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


