"""Says whether a series of measurements stays flat. Pure: fed by the watch, feeds the report.

The rule: what came before the warm-up's end (the first quarter) does not count. Through the rest a line is laid by
least squares; where the line rises by more than the series may over that stretch, the series grows. A second look
takes what one line may miss: the lowest value of the last third must not lie above the highest of the first.
"""

WARM_UP = 0.25

# name: (what it may rise by, as a share of its mean; and at least; unit of the report, its size, its decimals)
LIMITS = {
    "rss": (0.03, 512 * 1024, "KiB", 1024, 0),
    "descriptors": (0.0, 1.0, "", 1, 1),
    "threads": (0.0, 1.0, "", 1, 1),
}


def line(points):
    """(mean, slope per second) of [(second, value)]."""
    count = len(points)
    middle = sum(t for t, _ in points) / count
    mean = sum(v for _, v in points) / count
    spread = sum((t - middle) ** 2 for t, _ in points)
    slope = sum((t - middle) * (v - mean) for t, v in points) / spread if spread else 0.0
    return mean, slope


class Verdict:
    """What came of one series: first, last (means of the stretch's first and last tenth), rise, limit, and flat."""

    def __init__(self, kind, points):
        share, least, self.unit, self.size, self.digits = LIMITS[kind]
        self.kind = kind
        begin, end = points[0][0], points[-1][0]
        kept = [(t, v) for t, v in points if t >= begin + WARM_UP * (end - begin)]
        if len(kept) < 20:
            raise ValueError(f"{len(kept)} measurements of {kind} after the warm-up: too few to judge")
        mean, slope = line(kept)
        tenth, third = len(kept) // 10, len(kept) // 3
        self.first = sum(v for _, v in kept[:tenth]) / tenth
        self.last = sum(v for _, v in kept[-tenth:]) / tenth
        self.high = max(v for _, v in kept)
        self.stretch = kept[-1][0] - kept[0][0]
        self.rise = slope * self.stretch
        self.limit = max(share * mean, least)
        step = min(v for _, v in kept[-third:]) - max(v for _, v in kept[:third])
        self.flat = self.rise <= self.limit and step <= self.limit

    def text(self, value):
        return f"{value / self.size:,.{self.digits}f}"
