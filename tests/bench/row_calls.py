"""Rows calls and exec: nanoseconds per interposed call, and what a program's start costs more. Run the C programs."""

import statistics

import servers
from figure import Found
from process import LIBRARY, built, environment, preloaded

# The case of bench_calls, what it is called in the table, and the goal in nanoseconds more.
CASES = (
    ("read_zero", "read of /dev/zero, 1 byte", 15),
    ("write_null", "write to /dev/null, 1 byte", 15),
    ("pipe", "write and read of a pipe, 1 byte", 15),
    ("pipe_waited", "the same, of a pipe that a loop waits for", 15),
    ("tcp_opaque", "send and recv on a TCP connection that is not HTTP", 15),
    ("epoll_wait", "epoll_wait, nothing ready", None),
    ("http_served", "recv and send of an HTTP server, keep-alive, a span for two calls", None),
    ("http_called", "send and recv of an HTTP client, keep-alive, a span for two calls", None),
)


def calls(settings, place):
    """Nanoseconds added to a call, on descriptors that do not matter and on those that are traced."""
    rounds, repeats = settings.rounds(7), 40 if settings.quick else 200
    found = Found(
        "what a call takes longer than the bare system call beside it, both ends of a connection in one thread; "
        f"{rounds} pairs of medians of {repeats}"
    )
    collector = servers.Collector(place)
    program = built("tests/bench/bench_calls")
    lost = []

    def one(traced):
        log = place.file("bench_calls.err")
        env = preloaded(collector.endpoint, "bench") if traced else environment()
        with open(log, "wb") as err:
            out = place.run([program, repeats], env, stderr=err)
        spans = servers.Spans(log.read_text(errors="replace"))
        if traced:
            lost.append((spans.lost, spans.finished))
        return {name: float(more) for name, _, more in (line.split("\t") for line in out.splitlines())}

    plain, preload = settings.turns(rounds, (False, True), one)
    for case, name, goal in CASES:
        with_, without = [r[case] for r in preload], [r[case] for r in plain]
        limit = ("<=", goal) if goal else None
        found.add(name, "ns/call", "difference", with_, without, goal=limit, short=name)
    collector.stop()
    spans, dropped = sum(f for _, f in lost), sum(n for n, _ in lost)
    found.notes.append(f"{spans:,} spans, {dropped:,} of them dropped and counted")
    if not spans:
        found.wrong.append("no span was made")
    return found


def start(settings, place):
    """Milliseconds from the start of /bin/true to its end."""
    pairs = 50 if settings.quick else 1000
    out = place.run([built("tests/bench/bench_exec"), LIBRARY, pairs])
    rows = [[float(n) / 1000 for n in line.split()] for line in out.splitlines()]
    found = Found(f"posix_spawn of /bin/true to its exit, {pairs} pairs in turns")
    without, with_, cpu_without, cpu_with = (list(column) for column in zip(*rows))
    name = "exec of /bin/true"
    found.add(name, "ms", "difference", with_, without, goal=("<=", 0.5), whole=False, short=name)
    found.add("CPU of it", "ms", "difference", cpu_with, cpu_without, whole=False)
    first = [statistics.quantiles(column, n=10)[0] for column in (without, with_)]
    found.notes.append(f"first decile against first decile: {first[1] - first[0]:+.3f} ms")
    return found
