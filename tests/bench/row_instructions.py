"""Row instructions: what callgrind counts per request, in the worker's thread and in the exporter's.

Two runs with different numbers of requests are subtracted, so that start and end cancel out.
"""

import re
import socket

import servers
from figure import Found
from process import Trouble, tool

REQUEST = b"GET /users/42?x=1 HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n\r\n"
ENDING = b"hello world\n"


def _ask(port, count):
    """So many requests, one after the other; nginx ends a connection after 1000."""
    done = 0
    while done < count:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            for _ in range(min(1000, count - done)):
                connection.sendall(REQUEST)
                got = b""
                while not got.endswith(ENDING):
                    data = connection.recv(65536)
                    if not data:
                        raise Trouble("nginx under callgrind closed the connection")
                    got += data
                done += 1


def _instructions(place, collector, count):
    """Instructions of each thread of an nginx that answers so many requests, the program's first; and its spans."""
    out = place.file("callgrind")
    wrapper = [tool("valgrind"), "--tool=callgrind", "--separate-threads=yes", f"--callgrind-out-file={out}"]
    more = {"OTEL_BSP_SCHEDULE_DELAY": 1000, "OTEL_BSP_MAX_QUEUE_SIZE": 16384, "AUTOTRACE_EXIT_TIMEOUT": 20000}
    server = servers.nginx(
        place, collector, master=False, wrapper=wrapper, patience=60, more=more if collector else None
    )
    _ask(server.port, count)
    spans = servers.Spans(server.stop(90))
    threads = {}
    for path in sorted(place.root.glob(out.name + "-*")):
        text = path.read_text(errors="replace")
        thread = int(re.search(r"^thread:\s*(\d+)", text, re.M)[1])
        threads[thread] = threads.get(thread, 0) + int(re.search(r"^(?:summary|totals):\s*(\d+)", text, re.M)[1])
    if 1 not in threads:
        raise Trouble(f"callgrind wrote nothing: {server.output()[-2000:]}")
    return threads[1], sum(n for thread, n in threads.items() if thread != 1), spans


def instructions(settings, place):
    """Instructions per request by callgrind: nginx's worker and the exporter, each by itself."""
    few, many = (512, 1536) if settings.quick else (1024, 5120)
    found = Found(f"callgrind; nginx, one process, one keep-alive client; {many} requests less {few}")
    collector = servers.Collector(place)
    per = {}
    for traced in (None, collector):
        less, more = (_instructions(place, traced, n) for n in (few, many))
        per[bool(traced)] = tuple((more[i] - less[i]) / (many - few) for i in (0, 1))
        if traced and less[2].finished + more[2].finished != few + many:
            found.wrong.append(f"{few + many} requests, {less[2].finished + more[2].finished} spans finished")
        if traced and less[2].lost + more[2].lost:
            found.wrong.append(f"{less[2].lost + more[2].lost} spans dropped")
    collector.stop()
    short = "nginx's thread: instructions", "exporter's thread: instructions"
    with_, without = per[True], per[False]
    found.add("instructions of nginx's thread", "1/request", "difference", [with_[0]], [without[0]], short=short[0])
    found.add("instructions of the exporter's thread", "1/span", "value", [with_[1]], short=short[1])
    return found
