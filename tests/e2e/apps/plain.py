"""http.server with a thread for each connection; GET /call/… calls the URL in argv[1]."""

import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = b"plain"
        if self.path.startswith("/call/"):
            with urllib.request.urlopen(sys.argv[1] + self.path[5:]) as answer:
                body = answer.read()
        self.reply(body)

    def do_POST(self):
        self.reply(b"%d" % len(self.rfile.read(int(self.headers["Content-Length"]))))

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("listening on", server.server_port, flush=True)
server.serve_forever()
