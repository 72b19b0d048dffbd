"""The proof that nothing is lost in silence: every request that nginx answered is a span received or one counted.

wrk stops in the middle of requests, so its count is not the truth: nginx may have answered up to one request more for
each of wrk's connections. nginx's own access log has one line for each request that it answered, whatever became of
the client, and its stub_status counter the same number; neither knows of us.

	log            = lines of the access log: wrk's requests, those it did not wait for, ours for the status page
	status         = requests by stub_status
	wrk, own       = answers that wrk read; requests for the status page
	finished, lost = spans finished, and those of them counted as dropped, by the worker's line at its exit
	received       = spans by the collector's count; traces: how many different trace ids they have

	log = status;  finished = log;  received + lost = log;  traces = received;  malformed = 0
	0 <= log - own - wrk <= wrk's runs x connections
"""

import re

import machine
import servers
from load import wrk
from process import until


class Account:
    """The numbers of one run and what is wrong with them."""

    def __init__(self, **numbers):
        self.__dict__.update(numbers)

    def left(self):
        """Requests that wrk did not wait for."""
        return self.log - self.own - self.answered

    def faults(self):
        rules = (
            (self.log == self.status, f"access log {self.log} = stub_status {self.status}"),
            (self.finished == self.log, f"finished {self.finished} = log {self.log}"),
            (
                self.received + self.lost == self.log,
                f"received {self.received} + dropped {self.lost} = log {self.log}",
            ),
            (self.traces == self.received, f"traces {self.traces} = received {self.received}"),
            (self.malformed == 0, f"malformed {self.malformed} = 0"),
            (
                0 <= self.left() <= self.unread,
                f"0 <= log {self.log} - own {self.own} - wrk {self.answered} <= open at wrk's stops {self.unread}",
            ),
            (self.errors == 0, f"errors seen by wrk {self.errors} = 0"),
        )
        return [f"not true: {text}" for holds, text in rules if not holds]

    def __str__(self):
        return (
            f"{self.received:,} spans received + {self.lost:,} counted as dropped = {self.received + self.lost:,}; "
            f"requests answered: {self.log:,} by nginx's access log, {self.status:,} by its stub_status "
            f"({self.answered:,} read by wrk, {self.left()} that it did not wait for, {self.own} for the status page); "
            f"{self.traces:,} different traces, {self.malformed} malformed spans"
        )


def _load(place, server, wanted, log, connections):
    """wrk until nginx has answered `wanted` requests, the last of them on connections of their own."""
    runs, rate, seconds = [], None, 1
    keep_alive = wanted * 0.98
    while not runs or _lines(log) < keep_alive:
        if rate:
            seconds = max(1, min(10, round((keep_alive - _lines(log)) / rate)))
        runs.append(wrk(place, server.port, seconds, 1, connections))
        rate = runs[-1].rate
    while True:
        runs.append(wrk(place, server.port, 1, 1, connections, headers=("Connection: close",)))
        if _lines(log) >= wanted:
            return runs


def _lines(path):
    with open(path, "rb") as log:
        return sum(block.count(b"\n") for block in iter(lambda: log.read(1 << 20), b""))


def _last_status(server):
    """Requests by stub_status once no connection but our own is left, and how often it was asked."""
    pages = []

    def look():
        pages.append(servers.get(server.port, "/status"))
        return int(re.search(r"Active connections: (\d+)", pages[-1])[1]) == 1

    until(look, 20, "nginx keeps connections that wrk has left")
    return int(re.search(r"^\s*\d+ \d+ (\d+)", pages[-1], re.M)[1]), len(pages)


def run(place, wanted, traced=True, connections=32):
    """`wanted` requests or some more at an nginx; returns the Account (None if not traced) and the worker's memory."""
    log = place.file("access.log")
    collector = servers.Collector(place) if traced else None
    server = servers.nginx(place, collector, access_log=log)
    runs = _load(place, server, wanted, log, connections)
    status, own = _last_status(server)
    memory = machine.memory(server.worker)
    spans = servers.Spans(server.stop())
    if not traced:
        return None, memory
    counted = collector.stop()
    account = Account(
        log=_lines(log), status=status, own=own, answered=sum(r.requests for r in runs),
        unread=connections * len(runs), errors=sum(r.errors for r in runs), finished=spans.finished, lost=spans.lost,
        received=counted["spans"], traces=counted["traces"], malformed=counted["malformed"],
    )  # fmt: skip
    return account, memory
