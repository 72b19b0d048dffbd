"""A web server that does what the case of curl asks for: web.py PORT_FILE UNIX_SOCKET. Ends on SIGTERM."""

import gzip
import os
import re
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BIG = bytes(range(256)) * 4096
ADDED = {"traceparent", "tracestate", "baggage"}  # what injection may add


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def address_string(self):
        return "client"

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 1970 00:00:00 GMT"

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def echo(self, body):
        names = [f"{n}: {v}" for n, v in self.headers.items() if n.lower() not in ADDED and n != "User-Agent"]
        names = [re.sub(r"(Host: .*):\d+", r"\1:PORT", n) for n in names]
        boundary = (self.headers.get("Content-Type") or "").rpartition("boundary=")[2] or "-" * 70
        text = "\n".join([f"{self.command} {self.path.split('localhost')[-1]}", *names, f"body {len(body)}", ""])
        return text.replace(boundary, "BOUNDARY").encode() + body.replace(boundary.encode(), b"BOUNDARY")[:2000]

    def everything(self):
        path = self.path.split("?")[0]
        body = self.body()
        does = getattr(self, "do_" + path.strip("/").split("/")[0].replace("-", "_"), None)
        if does:
            does(path)
        else:
            self.answer(200, self.echo(body), Content_Type="text/plain")

    do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = do_HEAD = do_PATCH = everything

    def do_status(self, path):
        self.answer(int(path.split("/")[2]), b"status\n")

    def do_redirect(self, path):
        left = int(path.split("/")[2])
        self.answer(302, Location=f"/redirect/{left - 1}" if left else "/echo")

    def do_cookie(self, _):
        self.answer(200, str(self.headers.get("Cookie")).encode() + b"\n", Set_Cookie="n=1; Path=/")

    def do_auth(self, _):
        wanted = self.headers.get("Authorization")
        if wanted:
            self.answer(200, wanted.encode() + b"\n")
        else:
            self.answer(401, b"who?\n", WWW_Authenticate='Basic realm="r"')

    def do_gzip(self, _):
        self.answer(200, gzip.compress(BIG, mtime=0), Content_Encoding="gzip")

    def do_big(self, _):
        first, last = 0, len(BIG) - 1
        given = self.headers.get("Range")
        if not given:
            self.answer(200, BIG, Accept_Ranges="bytes")
            return
        a, b = given.removeprefix("bytes=").split("-")
        first, last = (int(a), int(b) if b else last) if a else (len(BIG) - int(b), last)
        self.answer(206, BIG[first : last + 1], Content_Range=f"bytes {first}-{last}/{len(BIG)}")

    def do_chunked(self, _):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Trailer", "X-Sum")
        self.end_headers()
        for i in range(1, 50):
            self.wfile.write(b"%x\r\n%s\r\n" % (i * 3, b"abc" * i))
        self.wfile.write(b"0\r\nX-Sum: 42\r\n\r\n")

    def do_close(self, _):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(BIG[:5000])

    def do_short(self, _):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x" * 10)

    def do_nothing(self, _):
        self.close_connection = True

    def do_slow(self, _):
        time.sleep(2)
        self.answer(200, b"late\n")

    def do_raw(self, _):
        self.close_connection = True
        self.wfile.write(b"no status line at all\n")

    def do_hints(self, _):
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.answer(200, b"hinted\n")


class Silent:
    """Clients that hang up are part of the case."""

    daemon_threads = True

    def handle_error(self, *_):
        pass


class TcpServer(Silent, ThreadingHTTPServer):
    pass


class UnixServer(Silent, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    pass


def main():
    server = TcpServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=UnixServer(sys.argv[2], Handler).serve_forever, daemon=True).start()
    with open(sys.argv[1] + ".new", "w") as out:
        out.write(str(server.server_address[1]))
    os.rename(sys.argv[1] + ".new", sys.argv[1])
    server.serve_forever()


if __name__ == "__main__":
    main()
