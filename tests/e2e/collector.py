"""An OTLP receiver that misbehaves on demand, and a reader of the protobuf it gets."""

import gzip
import json
import socket
import ssl
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stillness import late


# --- protobuf, as it comes over the wire ---


def varint(data, i):
    value = shift = 0
    while True:
        byte = data[i]
        value |= (byte & 127) << shift
        i, shift = i + 1, shift + 7
        if byte < 128:
            return value, i


def fields(data):
    """(number, value) of each field; numbers are unsigned."""
    i = 0
    while i < len(data):
        key, i = varint(data, i)
        kind = key & 7
        if kind == 0:
            value, i = varint(data, i)
        elif kind == 1:
            value, i = struct.unpack_from("<Q", data, i)[0], i + 8
        elif kind == 2:
            size, i = varint(data, i)
            assert i + size <= len(data), "a length beyond the end"
            value, i = data[i : i + size], i + size
        elif kind == 5:
            value, i = struct.unpack_from("<I", data, i)[0], i + 4
        else:
            raise AssertionError(f"wire type {kind}")
        yield key >> 3, value


def group(data):
    out = {}
    for number, value in fields(data):
        out.setdefault(number, []).append(value)
    return out


def any_value(data):
    for number, value in fields(data):
        if number == 1:
            return value.decode()
        if number == 3:
            return value - (1 << 64) if value >> 63 else value
        if number == 5:
            return [any_value(v) for v in group(value).get(1, [])]
        return value
    return None


def attributes(messages):
    out = {}
    for message in messages:
        pair = group(message)
        key = pair[1][0].decode()
        assert key not in out, f"{key} twice"
        out[key] = any_value(pair[2][0])
    return out


def read_protobuf(body):
    spans = []
    for resource_spans in group(body)[1]:
        rs = group(resource_spans)
        resource = attributes(group(rs[1][0]).get(1, []))
        for scope_spans in rs[2]:
            for span in group(scope_spans).get(2, []):
                s = group(span)
                assert len(s[1][0]) == 16 and len(s[2][0]) == 8
                spans.append(
                    {
                        "trace": s[1][0].hex(),
                        "span": s[2][0].hex(),
                        "parent": s.get(4, [b""])[0].hex(),
                        "name": s[5][0].decode(),
                        "kind": s[6][0],
                        "start": s[7][0],
                        "end": s[8][0],
                        "attributes": attributes(s.get(9, [])),
                        "resource": resource,
                    }
                )
    return spans


def json_attributes(members):
    def value(v):
        (kind, raw), = v.items()
        return int(raw) if kind == "intValue" else raw

    return {m["key"]: value(m["value"]) for m in members}


def read_json(body):
    spans = []
    for rs in json.loads(body)["resourceSpans"]:
        resource = json_attributes(rs["resource"]["attributes"])
        for scope in rs["scopeSpans"]:
            for s in scope["spans"]:
                assert len(s["traceId"]) == 32 and len(s["spanId"]) == 16
                spans.append(
                    {
                        "trace": s["traceId"],
                        "span": s["spanId"],
                        "parent": s.get("parentSpanId", ""),
                        "name": s["name"],
                        "kind": s["kind"],
                        "start": int(s["startTimeUnixNano"]),
                        "end": int(s["endTimeUnixNano"]),
                        "attributes": json_attributes(s.get("attributes", [])),
                        "resource": resource,
                    }
                )
    return spans


# --- the receiver ---


class Answer:
    """What a request gets. delay: seconds before it; cut: the connection is closed instead."""

    def __init__(self, status=200, headers=None, body=b"", delay=0, cut=False, raw=None):
        self.status, self.headers, self.body = status, headers or {}, body
        self.delay, self.cut, self.raw = delay, cut, raw


class Request:
    def __init__(self, path, headers, body):
        self.path, self.headers, self.body = path, headers, body
        self.when, self.late = time.monotonic(), late()


class Collector:
    """Answers the first requests as told by `answers`, all others with `always`. Counts the spans of
    those that it answered with 200."""

    def __init__(self, answers=(), always=None, tls=None, family=socket.AF_INET, port=0):
        self.answers, self.always = list(answers), always or Answer()
        self.requests, self.lock = [], threading.Lock()
        self.spans = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                outer.serve(self)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            address_family = family
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.server = Server((host, port), Handler)
        if tls:
            self.server.socket = tls.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def serve(self, h):
        body = h.rfile.read(int(h.headers["Content-Length"]))
        with self.lock:
            self.requests.append(Request(h.path, h.headers, body))
            answer = self.answers.pop(0) if self.answers else self.always
        time.sleep(answer.delay)
        if answer.cut or answer.raw is not None:
            h.wfile.write(answer.raw or b"")
            h.wfile.flush()
            h.connection.shutdown(socket.SHUT_RDWR)
            h.close_connection = True
            return
        if answer.status == 200:
            plain = gzip.decompress(body) if h.headers["Content-Encoding"] == "gzip" else body
            json_body = h.headers["Content-Type"] == "application/json"
            spans = read_json(plain) if json_body else read_protobuf(plain)
            with self.lock:
                self.spans += spans
        h.send_response(answer.status)
        for name, value in answer.headers.items():
            h.send_header(name, value)
        h.send_header("Content-Length", str(len(answer.body)))
        h.end_headers()
        h.wfile.write(answer.body)

    def between(self, i, k):
        """Seconds from request i to request k, without those in which the machine stood still."""
        a, b = self.requests[i], self.requests[k]
        return b.when - a.when - (b.late - a.late)

    def url(self, host="127.0.0.1", scheme="http"):
        return f"{scheme}://{host}:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()


def server_tls(cert, key, client_ca=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context
