"""A server with more to do than its requests: busy.py PEER FIRST. From FIRST seconds after the start it scrapes PEER,
in a thread, all the time.

/call/X calls PEER/X over a kept connection; /during answers when 99 scrapes have been made meanwhile; /late answers and
calls afterwards; /stream calls, and then goes on sending until the client leaves.
"""

import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

PEER, FIRST = sys.argv[1], float(sys.argv[2])
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=1))
scraped = 0


def scrape():
    global scraped
    time.sleep(FIRST)
    with requests.Session() as own:
        while True:
            own.get(f"{PEER}/metrics/{scraped}", timeout=5)
            scraped += 1
            time.sleep(0.002)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        what = self.path.split("/")[1]
        if what == "stream":
            self.stream()
            return
        if what == "during":
            enough = scraped + 99
            while scraped < enough:
                time.sleep(0.001)
        body = session.get(f"{PEER}{self.path}", timeout=5).content if what == "call" else b"done"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if what == "late":
            session.get(f"{PEER}{self.path}", timeout=5)

    def stream(self):
        session.get(f"{PEER}{self.path}", timeout=5)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"data: x\n\n")
                time.sleep(0.02)
        except OSError:
            pass

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=scrape, daemon=True).start()
print("listening on", server.server_port, flush=True)
server.serve_forever()
