"""asyncio's own server and clients, in every way that moves work about. GET /KIND/ID makes its calls to argv[1] as
/KIND/ID/0, /1, ...; the answer is the text of argv[2:] (nothing: "ok").

sleep: after a sleep; gather: three at once; pool: on connections that all share; executor: by threads; thread: by a
thread and the loop in it; queue: by a worker of the whole program, woken by whoever comes first; late: after the
answer; fork: by a child that runs urllib.
"""

import asyncio
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

HOST, PORT = sys.argv[1].rsplit("/", 1)[1].split(":")
idle = []
pool = ThreadPoolExecutor(4)
limit = waiting = None


async def exchange(streams, path):
    reader, writer = streams
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


async def call(path):
    streams = await asyncio.open_connection(HOST, int(PORT))
    await exchange(streams, path)
    streams[1].close()


async def call_pooled(path):
    async with limit:
        streams = idle.pop() if idle else await asyncio.open_connection(HOST, int(PORT))
        await exchange(streams, path)
        idle.append(streams)


def fetch(path):
    urllib.request.urlopen(f"http://{HOST}:{PORT}{path}").read()


def in_a_thread(path):
    asyncio.run(call(path))


async def work():
    while True:
        path, done = await waiting.get()
        await call(path)
        done.set()


async def on_sleep(path):
    await asyncio.sleep(0.005)
    await call(path + "/0")
    await asyncio.sleep(0.001)
    await call(path + "/1")


async def on_gather(path):
    await asyncio.gather(*(call(f"{path}/{n}") for n in range(3)))


async def on_pool(path):
    await asyncio.gather(*(call_pooled(f"{path}/{n}") for n in range(2)))


async def on_executor(path):
    loop = asyncio.get_running_loop()
    jobs = [loop.run_in_executor(None, fetch, path + "/0"), loop.run_in_executor(pool, fetch, path + "/1")]
    await asyncio.gather(*jobs)


async def on_thread(path):
    await asyncio.get_running_loop().run_in_executor(pool, in_a_thread, path + "/0")


async def on_queue(path):
    done = asyncio.Event()
    waiting.put_nowait((path + "/0", done))
    await done.wait()


async def on_fork(path):
    code = "import sys, urllib.request as u; u.urlopen(sys.argv[1]).read()"
    command = [sys.executable, "-c", code, f"http://{HOST}:{PORT}{path}/0"]
    await asyncio.get_running_loop().run_in_executor(pool, subprocess.check_call, command)


async def serve(reader, writer):
    text = " ".join(sys.argv[2:]).encode() or b"ok"
    try:
        while True:
            path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
            kind = path.split("/")[1]
            if kind != "late":
                await globals()["on_" + kind](path)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))
            await writer.drain()
            if kind == "late":
                await call(path + "/0")
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    global limit, waiting
    limit, waiting = asyncio.Semaphore(3), asyncio.Queue()
    worker = asyncio.create_task(work())
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print("listening on", server.sockets[0].getsockname()[1], flush=True)
    await worker


if __name__ == "__main__":
    threading.current_thread().name = "loops"
    asyncio.run(main())
