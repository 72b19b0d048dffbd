"""Becomes a daemon as of old: two forks, a session, every descriptor closed; then serves and calls.

daemon.py FILE URL
"""

import os
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

where, url = sys.argv[1], sys.argv[2]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with urllib.request.urlopen(url) as answer:
            body = answer.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.closerange(0, 65536)
assert os.open("/dev/null", os.O_RDWR) == 0
os.dup2(0, 1)
os.dup2(0, 2)
server = HTTPServer(("127.0.0.1", 0), Handler)
with open(where + ".new", "w", encoding="ascii") as file:
    file.write(f"{os.getpid()} {server.server_port}")
os.rename(where + ".new", where)
for _ in range(3):
    server.handle_request()
sys.exit(0)
