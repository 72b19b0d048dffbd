"""Both ends of a traced program: clients that ask it, backends and a database that it asks. Fed by run with a stack's
row; tells judge.py what truly happened. All of it runs in one event loop.

Every request is GET /KIND/ID with an ID of its own; a call that is made for it has its path and one segment more
(/KIND/ID/0), or the very same path where the program is a proxy. So the path of a call says whose it is.
"""

import asyncio
import random
import socket
import struct
from collections import Counter

ANSWER_TIMEOUT = 30  # seconds: a request without an answer by then has failed


class Weather:
    """What chance does to a cell: seeded, so that a run can be had again."""

    def __init__(self, seed, faults=True, leaving=0.03):
        self.dice = random.Random(seed)
        self.faults, self.leaving = faults, leaving

    def delay(self):
        """Seconds until a backend answers."""
        return 0 if self.dice.random() < 0.2 else self.dice.uniform(0.001, 0.02)

    def fate(self):
        """What a backend does: answers well, answers 503, or cuts the connection."""
        chance = self.dice.random() if self.faults else 1
        return "cut" if chance < 0.02 else "503" if chance < 0.06 else "well"

    def leaves(self):
        """Seconds after which a client leaves without its answer, or None."""
        return self.dice.uniform(0, 0.015) if self.dice.random() < self.leaving else None


class Backend(asyncio.Protocol):
    """One connection of a program to a backend."""

    def __init__(self, scene):
        self.scene, self.rest, self.link = scene, b"", None

    def connection_made(self, transport):
        self.link = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.rest += data
        while b"\r\n\r\n" in self.rest:
            head, self.rest = self.rest.split(b"\r\n\r\n", 1)
            line = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            if not line[1].startswith("/tick/"):
                self.scene.arrived[line[1]] += 1
            weather = self.scene.weather
            asyncio.get_running_loop().call_later(weather.delay(), self.answer, weather.fate(), weather.dice.random())

    def answer(self, fate, form):
        if fate == "cut":
            self.link.abort()
        elif fate == "503":
            self.link.write(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 5\r\n\r\nlater")
        elif form < 0.2:
            self.link.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nback\r\n3\r\nend\r\n0\r\n\r\n")
        else:
            self.link.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nbackend")


class Database(asyncio.Protocol):
    """One connection to something that speaks no HTTP: a line for a line, after a while."""

    def __init__(self, scene):
        self.scene, self.rest, self.link = scene, b"", None

    def connection_made(self, transport):
        self.link = transport

    def data_received(self, data):
        self.rest += data
        while b"\n" in self.rest:
            line, self.rest = self.rest.split(b"\n", 1)
            asyncio.get_running_loop().call_later(self.scene.weather.delay(), self.link.write, b"row " + line + b"\n")


class Scene:
    """The servers that programs call, and what they were asked. Open from the first program to the last."""

    def __init__(self):
        self.arrived = Counter()  # path -> how often it was asked for, without the timers'
        self.weather = Weather(0)
        self.servers = []
        self.backends, self.database = [], None  # "127.0.0.1:PORT"

    async def open(self):
        loop = asyncio.get_running_loop()
        for kind in (Backend, Backend, Database):
            made = await loop.create_server(lambda kind=kind: kind(self), "127.0.0.1", 0, backlog=512)
            self.servers.append(made)
            self.backends.append("127.0.0.1:%d" % made.sockets[0].getsockname()[1])
        self.database = self.backends.pop()

    def close(self):
        for server in self.servers:
            server.close()


class Load:
    """N clients that share out the requests of a cell. answered: paths with their answer read whole; left: paths whose
    client went away; failed: paths that got no proper answer though their client stayed. sent: how often each path was
    sent: a server that closes a kept connection gets the request once more."""

    def __init__(self, port, paths, clients, weather):
        self.port, self.paths, self.clients, self.weather = port, iter(paths), clients, weather
        self.answered, self.left, self.failed, self.sent = [], [], [], Counter()

    async def run(self):
        await asyncio.gather(*(self.client(n) for n in range(self.clients)))

    async def client(self, number):
        """Every fourth connects anew for each request, the others keep their connection."""
        link = None
        for path in self.paths:
            used = link is not None
            try:
                link = link or await self.connect()
                link = await self.request(link, path, number % 4 == 3)
            except (OSError, EOFError, ValueError, asyncio.TimeoutError):
                self.hang_up(link)
                link = None
                if not used or not await self.again(path):
                    self.failed.append(path)
            await asyncio.sleep(self.weather.dice.uniform(0, 0.002))
        self.hang_up(link)

    async def again(self, path):
        """A kept connection may close while a request is on its way: that is no failure."""
        try:
            link = await self.request(await self.connect(), path, True)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError):
            return False
        self.hang_up(link)
        return True

    async def connect(self):
        return await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), ANSWER_TIMEOUT)

    async def request(self, link, path, once):
        """Returns the connection when it can be used again, else None."""
        reader, writer = link
        self.sent[path] += 1
        close = "Connection: close\r\n" if once else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: front.example\r\n{close}\r\n".encode())
        leaves = self.weather.leaves()
        if leaves is None:
            stays = await asyncio.wait_for(self.answer(reader), ANSWER_TIMEOUT)
            self.answered.append(path)
            if stays and not once:
                return link
        else:
            await asyncio.sleep(leaves)
            self.left.append(path)
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.hang_up(link)
        return None

    async def answer(self, reader):
        """Reads an answer to its end; whether the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        fields = dict(line.partition(":")[::2] for line in head.split("\r\n")[1:] if line)
        fields = {name: value.strip() for name, value in fields.items()}
        if fields.get("transfer-encoding") == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                await reader.readexactly(size + 2)
            await reader.readuntil(b"\r\n")
        elif "content-length" in fields:
            await reader.readexactly(int(fields["content-length"]))
        else:
            await reader.read()
            return False
        return "close" not in fields.get("connection", "") and not head.startswith("http/1.0")

    @staticmethod
    def hang_up(link):
        if link:
            link[1].close()
