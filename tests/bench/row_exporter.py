"""Row exporter: what the exporter's thread can take, alone on a core. Runs bench_export."""

import re

from figure import Found
from process import Trouble, built


def _numbers(out):
    """The figures that bench_export prints, by name."""
    wanted = {
        "rate": r"^delivered\s+([\d.]+) spans/s",
        "ns": r"^CPU of the exporter's thread\s+([\d.]+) ns/span",
        "share": r"^its share of a core\s+([\d.]+) %",
        "dropped": r"^dropped\s+(\d+) of \d+",
    }
    found = {name: re.search(pattern, out, re.M) for name, pattern in wanted.items()}
    if not all(found.values()) or "not everything was delivered" in out:
        raise Trouble(f"bench_export said: {out}")
    return {name: float(match[1]) for name, match in found.items()}


def exporter(settings, place):
    """Spans per second that the exporter delivers with none dropped, and its CPU at 10,000 spans per second."""
    program, runs = built("tests/bench/bench_export"), settings.rounds(5)
    most, paced = (200000, 20000) if settings.quick else (3000000, 100000)
    found = Found(f"spans of 14 attributes; the exporter alone on a core, producer and sink on another; {runs} runs")
    full = [_numbers(place.run([program, most])) for _ in range(runs)]
    steady = [_numbers(place.run([program, paced, 10000])) for _ in range(runs)]
    rate, share = [n["rate"] for n in full], [n["share"] for n in steady]
    short = "exporter on one core: spans delivered"
    found.add("spans delivered", "1/s", "value", rate, goal=(">=", 200000), short=short)
    found.add("CPU of the exporter's thread at that rate", "ns/span", "value", [n["ns"] for n in full])
    found.add("CPU at 10,000 spans/s", "% of a core", "value", share, short="exporter: CPU at 10,000 spans/s")
    dropped = sum(n["dropped"] for n in full), sum(n["dropped"] for n in steady)
    found.notes.append(f"dropped: {dropped[0]:.0f} at full rate, {dropped[1]:.0f} at 10,000 spans/s")
    if any(dropped):
        found.wrong.append("spans were dropped")
    return found
