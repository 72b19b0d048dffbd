"""http.server with a thread for each connection, which hands its work to a pool; urllib makes the calls. Environment:
as front_flask.py."""

import os
import queue
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BACKENDS = os.environ["BACKENDS"].split(",")
DATABASE = os.environ["DATABASE"].rsplit(":", 1)
TICK = float(os.environ["TICK"])
pool = ThreadPoolExecutor(16)
jobs = queue.SimpleQueue()


def call(path, n):
    try:
        with urllib.request.urlopen(f"http://{BACKENDS[n % len(BACKENDS)]}{path}/{n}", timeout=10) as answer:
            return answer.read() and answer.status
    except (OSError, urllib.error.HTTPError):
        return 0


def seq(path):
    return [call(path, n) for n in range(3)]


def nap(path):
    time.sleep(0.003)
    return [call(path, 0)]


def db(path):
    with socket.create_connection((DATABASE[0], int(DATABASE[1]))) as link:
        link.sendall(b"select\n")
        link.recv(100)
    return [call(path, 0), call(path, 1)]


def work():
    """A pool of our own making: threads around a queue."""
    while True:
        function, path, done = jobs.get()
        done.append(function(path))
        done[0].set()


def own(path):
    done = [threading.Event()]
    jobs.put((seq, path, done))
    done[0].wait()
    return done[1]


KINDS = {
    "hand": lambda path: pool.submit(seq, path).result(),
    "spread": lambda path: list(pool.map(lambda n: call(path, n), range(3))),
    "nap": lambda path: pool.submit(nap, path).result(),
    "db": lambda path: pool.submit(db, path).result(),
    "own": own,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = repr(KINDS[self.path.split("/")[1]](self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def tick():
    for n in range(1 << 30):
        time.sleep(TICK)
        call(f"/tick/{n}", 0)


for _ in range(8):
    threading.Thread(target=work, daemon=True).start()
if TICK:
    threading.Thread(target=tick, daemon=True).start()
server = Server(("127.0.0.1", 0), Handler)
print("listening on", server.server_port, flush=True)
server.serve_forever()
