"""What memcached answers: memcached_client.py PORT UNIX_SOCKET."""

import socket
import sys
import threading


class Client:
    def __init__(self, where):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
        self.socket.settimeout(20)
        self.socket.connect(where if isinstance(where, str) else ("127.0.0.1", where))
        self.file = self.socket.makefile("rb")

    def line(self):
        return self.file.readline().rstrip().decode()

    def ask(self, command, data=None):
        text = f"{command}\r\n".encode() + (data + b"\r\n" if data is not None else b"")
        self.socket.sendall(text)
        return self.line()

    def get(self, *keys, command="get"):
        found = {}
        answer = self.ask(f"{command} {' '.join(keys)}")
        while answer != "END":
            _, key, flags, size, *_cas = answer.split()
            found[key] = (int(flags), self.file.read(int(size)))
            self.file.read(2)
            answer = self.line()
        return found


def many(where, number, results):
    """One of several clients at once: sets, reads in one go, counts, and pipelines."""
    client = Client(where)
    for i in range(300):
        client.ask(f"set k{number}.{i} {i} 0 {i % 50}", b"x" * (i % 50))
    found = client.get(*(f"k{number}.{i}" for i in range(300)))
    right = sum(found[f"k{number}.{i}"] == (i, b"x" * (i % 50)) for i in range(300) if f"k{number}.{i}" in found)
    client.socket.sendall(b"".join(b"incr shared 1\r\n" for _ in range(200)))
    for _ in range(200):
        client.line()
    results[number] = right


def talk(name, where):
    client = Client(where)
    for command, data in (
        ("set a 5 0 3", b"abc"), ("add a 0 0 1", b"z"), ("replace b 0 0 1", b"z"), ("append a 0 0 2", b"de"),
        ("prepend a 0 0 1", b"_"), ("set n 0 0 2", b"10"), ("incr n 5", None), ("decr n 100", None),
        ("incr a 1", None), ("touch a 100", None), ("delete missing", None), ("delete n", None),
        ("set long 0 0 1000000", b"y" * 1000000), ("set over 0 0 2000000", b"y" * 2000000), ("bogus", None),
        ("get " + "k" * 300, None), ("verbosity 0", None), ("flush_all 100", None), ("mn", None),
    ):  # fmt: skip
        print(f"{name}, {command[:20]}: {client.ask(command, data)}")
    print(f"{name}, get: {client.get('a', 'missing')} {len(client.get('long').get('long', (0, b''))[1])}")
    cas = client.ask("gets a").split()[-1]
    client.file.read(8)
    client.line()
    print(f"{name}, cas: {client.ask(f'cas a 0 0 1 {cas}', b'1')} {client.ask(f'cas a 0 0 1 {cas}', b'2')}")
    client.ask("set shared 0 0 1", b"0")
    results = {}
    threads = [threading.Thread(target=many, args=(where, n, results)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{name}, eight clients: {sorted(results.items())}")
    print(f"{name}, counted: {client.get('shared')}")
    print(f"{name}, version: {client.ask('version').split()[0]}")


for name, where in (("tcp", int(sys.argv[1])), ("unix", sys.argv[2])):
    talk(name, where)
