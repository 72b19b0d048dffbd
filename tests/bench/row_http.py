"""Rows nginx…, flask and node: requests per second with and without the preload, in turns.

Every round starts the server anew, warms it up and then lets wrk loose on it; the order of the arms changes. The spans
go to autotrace-view and, where its own work would count against the server, in an arm of their own to a sink that only
counts them, as if the backend were elsewhere. Both share the load's core where cores are told apart.
"""

import machine
import servers
from figure import Found
from load import wrk
from process import Trouble


class Round:
    """One run of wrk at a fresh server; collector None: without the preload."""

    def __init__(self, bench, collector):
        server = bench.start(bench.place, traced=collector, cores=bench.cores)
        try:
            self._measure(bench, server, collector)
        except (FileNotFoundError, Trouble) as fault:
            arm = f"reporting to {collector.process.name}" if collector else "without the preload"
            state = machine.state(server.worker)
            raise Trouble(f"{fault}; {server.name} {arm}, worker {state}: {server.output()[-2000:]}") from None
        self.spans = servers.Spans(server.stop())

    def _measure(self, bench, server, collector):
        bench.load(server, 1)
        before, collected = machine.cpu(server.worker), collector.cpu() if collector else 0
        self.load = bench.load(server, bench.seconds)
        per = 1e6 / self.load.requests
        after = machine.cpu(server.worker)
        self.program_us, self.exporter_us = (per * (b - a) for a, b in zip(before, after))
        self.busy = (self.program_us + self.exporter_us) * self.load.rate / 1e4
        self.collector_us = per * (collector.cpu() - collected) if collector else 0


class Bench:
    """A server's rounds: without the preload, and with it and one of the collectors."""

    def __init__(self, settings, place, start, seconds, threads, connections, pin):
        self.place, self.start, self.seconds = place, start, settings.seconds(seconds)
        self.threads, self.connections = threads, connections
        self.cores = self.load_cores = None
        mine = machine.cores()
        if pin and len(mine) < 2:
            raise Trouble("needs two cores: one for the server, one for the load")
        if pin:
            self.cores, self.load_cores = {mine[0]}, {mine[1]}
        self.collectors = []

    def collector(self, sink):
        self.collectors.append(servers.Collector(self.place, self.load_cores, sink))
        return self.collectors[-1]

    def load(self, server, seconds):
        return wrk(self.place, server.port, seconds, self.threads, self.connections, cores=self.load_cores)

    def round(self, collector):
        return Round(self, collector)


def _row(settings, place, name, start, setup, seconds, threads, connections, goal, pin=True, view=True):
    bench, rounds = Bench(settings, place, start, seconds, threads, connections, pin), settings.rounds(8)
    found = Found(f"{setup}; {rounds} rounds of {bench.seconds} s each")
    sinks = [("backend elsewhere", bench.collector(sink=True))]
    views = [("autotrace-view beside it", bench.collector(sink=False))] if view else []
    plain, sunk, *viewed = settings.turns(rounds, [None] + [c for _, c in sinks + views], bench.round)

    def both(value, with_=sunk):
        return [value(r) for r in with_], [value(r) for r in plain]

    for arm, (where, _) in zip([sunk, *viewed], sinks + views):
        rates, short = both(lambda r: r.load.rate, arm), f"{name}: requests, {where}"
        found.add(f"requests, {where}", "1/s", "ratio", *rates, goal=goal, short=short)
    found.add("requests in a second of its CPU", "1/s", "ratio", *both(lambda r: 1e6 / (r.program_us + r.exporter_us)))
    found.add("latency, median", "µs", "ratio", *both(lambda r: r.load.median_us))
    found.add("latency, 99 %", "µs", "ratio", *both(lambda r: r.load.p99_us))
    found.add("CPU of the program's threads", "µs/request", "difference", *both(lambda r: r.program_us))
    found.add("CPU of the exporter's thread", "µs/request", "value", [r.exporter_us for r in sunk])
    found.add("CPU of both threads in all", "% of a core", "difference", *both(lambda r: r.busy))
    for arm in viewed:
        found.add("CPU of autotrace-view (another process)", "µs/request", "value", [r.collector_us for r in arm])
    _account(found, [plain, sunk, *viewed], bench.collectors)
    return found


def _account(found, rounds, collectors):
    """Dropped spans, and whether what the programs delivered is what the collectors got."""
    for with_, collector in zip(rounds[1:], collectors):
        name, counted = collector.process.name, collector.stop()
        finished, lost = (sum(getattr(r.spans, k) for r in with_) for k in ("finished", "lost"))
        causes = sorted({r.spans.causes for r in with_ if r.spans.causes})
        share = f"{100 * lost / max(finished, 1):.2f} %"
        found.notes.append(
            f"to {name}: {finished:,} spans, {lost:,} of them dropped and counted ({share})"
            + (f", in one round: {causes[-1]}" if causes else "")
        )
        if counted["spans"] != finished - lost:
            found.wrong.append(f"{finished - lost:,} spans delivered by the program's count, {counted['spans']:,} got")
        if counted["malformed"]:
            found.wrong.append(f"{counted['malformed']:,} malformed")
        requests = sum(r.load.requests for r in with_)
        if finished < requests:
            found.wrong.append(f"{requests:,} requests were answered, {finished:,} spans finished")
    for arm, name in zip(rounds, ("without", "with the sink", "with autotrace-view")):
        errors = sum(r.load.errors for r in arm)
        if errors:
            found.wrong.append(f"wrk saw {errors} errors {name}")


def nginx_light(settings, place):
    """nginx, one worker, `wrk -t2 -c4`, nothing pinned."""
    setup = "nginx, one worker, `return 200`, keep-alive; `wrk -t2 -c4`; all share the machine's cores"
    return _row(settings, place, "nginx, `wrk -t2 -c4`", servers.nginx, setup, 10, 2, 4, (">=", 0.94), pin=False)


def nginx_full(settings, place):
    """nginx, one worker saturated: worker and exporter on one core, `wrk -t1 -c32` on the other."""
    setup = "nginx's worker and exporter on one core, saturated; `wrk -t1 -c32` and the collector on the other"
    return _row(settings, place, "nginx saturated", servers.nginx, setup, 10, 1, 32, (">=", 0.90))


def nginx_page_light(settings, place):
    """nginx with a page and a log as it is installed, `wrk -t2 -c4`, nothing pinned."""
    setup = "nginx, one worker, a page of 615 bytes and an access log; `wrk -t2 -c4`; all share the machine's cores"
    name = "nginx with a page, `wrk -t2 -c4`"
    return _row(settings, place, name, servers.nginx_page, setup, 10, 2, 4, (">=", 0.94), pin=False, view=False)


def nginx_page_full(settings, place):
    """nginx with a page and a log as it is installed, saturated like nginx-saturated."""
    setup = "nginx's worker (a page of 615 bytes, an access log) and exporter on one core, saturated; `wrk -t1 -c32`"
    name = "nginx with a page, saturated"
    return _row(settings, place, name, servers.nginx_page, setup, 10, 1, 32, (">=", 0.90), view=False)


def flask(settings, place):
    """gunicorn with one sync worker and Flask on one core, `wrk -t1 -c8` on the other."""
    setup = "gunicorn (one sync worker) with Flask on one core, saturated; `wrk -t1 -c8` on the other"
    return _row(settings, place, "gunicorn/Flask saturated", servers.gunicorn, setup, 8, 1, 8, (">=", 0.98), view=False)


def node(settings, place):
    """Node's http server on one core, `wrk -t1 -c100` on the other."""
    setup = "Node's `http` on one core, saturated; `wrk -t1 -c100` on the other"
    return _row(settings, place, "Node http saturated", servers.node, setup, 8, 1, 100, (">=", 0.92), view=False)
