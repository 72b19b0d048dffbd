"""A server on greenlets: argv[1] is gevent or eventlet, everything monkey patched. GET /KIND/ID makes its calls to
argv[2] as /KIND/ID/0, /1, ...

plain: before and after a sleep; spawn: by two greenlets, and one that begins later; threads: by two threads; pool:
by jobs of a thread pool that is made by the first request; queue: by a worker of the whole program; late: after the
answer.
"""

import sys

if sys.argv[1] == "gevent":
    import gevent.monkey

    gevent.monkey.patch_all()
    spawn, later, finish = gevent.spawn, gevent.spawn_later, gevent.Greenlet.join
else:
    import eventlet

    eventlet.monkey_patch()
    spawn, later, finish = eventlet.spawn, eventlet.spawn_after, eventlet.greenthread.GreenThread.wait

import queue
import socket
import threading
import time
import urllib.request

pool = None
jobs = queue.Queue()


def call(path):
    urllib.request.urlopen(sys.argv[2] + path).read()


def on_plain(path):
    call(path + "/0")
    time.sleep(0.005)
    call(path + "/1")


def on_spawn(path):
    for one in [spawn(call, path + "/0"), spawn(call, path + "/1"), later(0.002, call, path + "/2")]:
        finish(one)


def on_threads(path):
    threads = [threading.Thread(target=call, args=[f"{path}/{n}"]) for n in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def on_pool(path):
    global pool
    if not pool:
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(4)
    for one in [pool.submit(call, f"{path}/{n}") for n in range(2)]:
        one.result()


def on_queue(path):
    done = threading.Event()
    jobs.put((path + "/0", done))
    done.wait()


def work():
    while True:
        path, done = jobs.get()
        call(path)
        done.set()


def serve(connection):
    stream = connection.makefile("rb")
    while True:
        line = stream.readline()
        if not line:
            return
        path = line.split()[1].decode()
        while stream.readline() != b"\r\n":
            pass
        kind = path.split("/")[1]
        if kind != "late":
            globals()["on_" + kind](path)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if kind == "late":
            call(path + "/0")


spawn(work)
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print("listening on", listener.getsockname()[1], flush=True)
while True:
    spawn(serve, listener.accept()[0])
