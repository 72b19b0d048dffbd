"""An HTTPS server with a thread for each connection: argv is certificate, key, and perhaps the clients' authority.

GET /call/… calls the URL in $CALLS (verified by $CA); other answers tell the traceparent that came.
"""

import os
import ssl
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (self.headers.get("traceparent") or "none").encode()
        if self.path.startswith("/call/"):
            body = self.call(os.environ["CALLS"] + self.path[5:])
        self.reply(body)

    def call(self, url):
        try:
            with urllib.request.urlopen(url, context=ssl.create_default_context(cafile=os.environ["CA"])) as answer:
                return answer.read()
        except OSError as error:
            return repr(error).encode()

    def do_POST(self):
        self.reply(b"%d" % len(self.rfile.read(int(self.headers["Content-Length"]))))

    def reply(self, body):
        if self.path == "/until-close":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
if len(sys.argv) > 3:
    context.load_verify_locations(sys.argv[3])
    context.verify_mode = ssl.CERT_REQUIRED
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("listening on", server.server_port, flush=True)
server.serve_forever()
