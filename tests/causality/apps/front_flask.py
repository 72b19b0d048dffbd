"""WSGI: GET /KIND/ID makes its calls to /KIND/ID/0, /1, ... with requests, from threads. Alone: Flask's own server.

BACKENDS (a list of HOST:PORT), DATABASE (HOST:PORT), TICK (seconds between calls of a thread that works for nobody).
"""

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import flask
import requests

BACKENDS = os.environ["BACKENDS"].split(",")
DATABASE = os.environ["DATABASE"].rsplit(":", 1)
TICK = float(os.environ["TICK"])

app = flask.Flask(__name__)
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
pool = ThreadPoolExecutor(16)
mine = threading.local()


def call(n, path=None):
    url = f"http://{BACKENDS[n % len(BACKENDS)]}{path or flask.request.path}/{n}"
    try:
        return session.get(url, timeout=10).status_code
    except requests.RequestException:
        return 0


def query():
    if not hasattr(mine, "database"):
        mine.database = socket.create_connection((DATABASE[0], int(DATABASE[1])))
    mine.database.sendall(b"select\n")
    return mine.database.recv(100)


def one():
    return [call(0)]


def seq():
    return [call(n) for n in range(3)]


def nap():
    time.sleep(0.003)
    first = call(0)
    time.sleep(0.002)
    return [first, call(1)]


def db():
    query()
    first = call(0)
    query()
    return [first, call(1)]


def fan():
    """A thread for each call."""
    path, out = flask.request.path, []
    threads = [threading.Thread(target=lambda n=n: out.append(call(n, path))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return out


def pool_job(path):
    return [call(n, path) for n in range(2)]


def hand():
    """One job of a pool does it all."""
    return pool.submit(pool_job, flask.request.path).result()


def spread():
    """Three jobs of a pool at once."""
    path = flask.request.path
    return list(pool.map(lambda n: call(n, path), range(3)))


KINDS = {f.__name__: f for f in (one, seq, nap, db, fan, hand, spread)}


@app.get("/<kind>/<number>")
def serve(kind, number):
    return {"id": number, "calls": KINDS[kind]()}


def tick():
    with requests.Session() as own:
        for n in range(1 << 30):
            time.sleep(TICK)
            try:
                own.get(f"http://{BACKENDS[0]}/tick/{n}/0", timeout=10)
            except requests.RequestException:
                pass


if TICK:
    threading.Thread(target=tick, daemon=True).start()

if __name__ == "__main__":
    import werkzeug.serving

    server = werkzeug.serving.make_server("127.0.0.1", 0, app, threaded=True)
    print("listening on", server.port, flush=True)
    server.serve_forever()
