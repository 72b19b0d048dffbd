"""wrk: load for a server, and what came of it."""

from process import HERE, Trouble, tool


class Load:
    """What wrk did in one run."""

    def __init__(self, output):
        try:
            totals = next(line for line in output.splitlines() if line.startswith("totals ")).split()[1:]
            bad = next(line for line in output.splitlines() if line.startswith("not2xx ")).split()[1]
        except StopIteration:
            raise Trouble(f"wrk gave no totals: {output[-2000:]}") from None
        self.requests, microseconds, *errors, self.median_us, self.p99_us = (int(n) for n in totals)
        self.seconds = microseconds / 1e6
        self.errors = sum(errors) + int(bad)
        self.rate = self.requests / self.seconds


def wrk(place, port, seconds, threads, connections, cores=None, headers=()):
    """Requests as fast as they are answered, for whole seconds."""
    command = [tool("wrk"), f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    command += ["-s", HERE / "wrk.lua"]
    for header in headers:
        command += ["-H", header]
    out = place.run([*command, f"http://127.0.0.1:{port}/"], seconds=seconds + 30, cores=cores)
    load = Load(out)
    if not load.requests:
        raise Trouble(f"no request was answered: {out[-2000:]}")
    return load
