"""WSGI on greenlets, alone: gevent's or eventlet's own server (HUB), everything monkey patched. GET /KIND/ID makes its
calls to /KIND/ID/0, /1, ... with requests. Environment: as front_flask.py."""

import os

HUB = os.environ["HUB"]
if HUB == "gevent":
    import gevent.monkey

    gevent.monkey.patch_all()
    import gevent.pool
    import gevent.pywsgi

    spawn, later, pool = gevent.spawn, gevent.spawn_later, gevent.pool.Pool(100)
    result = gevent.Greenlet.get
    spread_over = pool.map
else:
    import eventlet

    eventlet.monkey_patch()
    import eventlet.wsgi

    spawn, later, pool = eventlet.spawn, eventlet.spawn_after, eventlet.GreenPool(100)
    result = eventlet.greenthread.GreenThread.wait
    spread_over = pool.imap

import json  # noqa: E402
import socket  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from concurrent.futures import ThreadPoolExecutor  # noqa: E402

import requests  # noqa: E402

BACKENDS = os.environ["BACKENDS"].split(",")
DATABASE = os.environ["DATABASE"].rsplit(":", 1)
TICK = float(os.environ["TICK"])
session = requests.Session()
session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
threads = ThreadPoolExecutor(16)
idle = []  # connections to the database


def call(path, n):
    try:
        return session.get(f"http://{BACKENDS[n % len(BACKENDS)]}{path}/{n}", timeout=10).status_code
    except requests.RequestException:
        return 0


def query():
    link = idle.pop() if idle else socket.create_connection((DATABASE[0], int(DATABASE[1])))
    link.sendall(b"select\n")
    link.recv(100)
    idle.append(link)


def seq(path):
    return [call(path, n) for n in range(3)]


def nap(path):
    time.sleep(0.003)
    first = call(path, 0)
    time.sleep(0.002)
    return [first, call(path, 1)]


def db(path):
    query()
    first = call(path, 0)
    query()
    return [first, call(path, 1)]


def fan(path):
    """A greenlet for each call; the last begins later."""
    started = [spawn(call, path, 0), spawn(call, path, 1), later(0.002, call, path, 2)]
    return [result(one) for one in started]


def thread(path):
    """Threads, which are greenlets here."""
    out = []
    started = [threading.Thread(target=lambda n=n: out.append(call(path, n))) for n in range(2)]
    for one in started:
        one.start()
    for one in started:
        one.join()
    return out


KINDS = {
    "one": lambda path: [call(path, 0)],
    "seq": seq,
    "nap": nap,
    "db": db,
    "fan": fan,
    "thread": thread,
    "own": lambda path: result(pool.spawn(seq, path)),
    "each": lambda path: list(spread_over(lambda n: call(path, n), range(3))),
    "hand": lambda path: threads.submit(seq, path).result(),
    "spread": lambda path: list(threads.map(lambda n: call(path, n), range(3))),
}


def app(environ, start):
    path = environ["PATH_INFO"]
    body = json.dumps(KINDS[path.split("/")[1]](path)).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def tick():
    with requests.Session() as own:
        for n in range(1 << 30):
            time.sleep(TICK)
            try:
                own.get(f"http://{BACKENDS[0]}/tick/{n}/0", timeout=10)
            except requests.RequestException:
                pass


if TICK:
    spawn(tick)
if HUB == "gevent":
    server = gevent.pywsgi.WSGIServer(("127.0.0.1", 0), app, backlog=512, log=None, error_log=None)
    server.start()
    print("listening on", server.server_port, flush=True)
    server.serve_forever()
else:
    listener = eventlet.listen(("127.0.0.1", 0), backlog=512)
    print("listening on", listener.getsockname()[1], flush=True)
    eventlet.wsgi.server(listener, app, log_output=False, debug=False, max_size=2000)
