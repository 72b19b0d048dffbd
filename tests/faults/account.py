"""Where every request's span went.

Fed by trial.py with what load, receiver and program say; finds what does not add up.

	requests     answered by the program, by the load's count
	delivered    spans in bodies whose sender was told that they were taken, without those it was told are refused
	dropped      spans that the program counted as lost, by cause
	copies       spans that came again because the answer to the first body was withheld (delivery is at least once)
	unthanked    spans that came, but in no body that was acknowledged: the program had to count them as dropped

	requests = delivered + dropped;  no span is acknowledged twice
"""

import re


class Account:
    def __init__(self, requests, receipts, ended, row):
        self.requests = requests
        told = [r for r in receipts if r.acknowledged]
        ids = [[number(s) for s in r.spans()] for r in receipts]
        taken = [n for r, batch in zip(receipts, ids) if r.acknowledged for n in batch]
        came = [n for batch in ids for n in batch]
        self.rejected = sum(min(r.rejected, len(batch)) for r, batch in zip(receipts, ids))
        self.delivered = len(taken) - self.rejected
        self.twice = len(taken) - len(set(taken))
        self.copies = len(came) - len(set(came))
        self.unthanked = len(set(came) - set(taken))
        self.strange = len([n for n in set(came) if not 0 <= n < requests])
        self.bodies, self.acknowledged = len(receipts), len(told)
        self.finished, self.dropped, self.causes = ended
        self.row = row

    def faults(self):
        row, causes = self.row, self.causes
        rules = [
            (self.finished == self.requests, f"spans finished {self.finished} = requests {self.requests}"),
            (
                self.delivered + self.dropped == self.requests,
                f"delivered {self.delivered} + dropped {self.dropped} = requests {self.requests}",
            ),
            (sum(causes.values()) == self.dropped, f"sum of {causes} = dropped {self.dropped}"),
            (self.twice == 0, f"acknowledged twice {self.twice} = 0"),
            (self.strange == 0, f"spans of no request {self.strange} = 0"),
            (
                causes.get("rejected by the backend", 0) == self.rejected,
                f"counted as rejected {causes.get('rejected by the backend', 0)} = told {self.rejected}",
            ),
        ]
        if row.witnessed:
            failed = causes.get("export failed", 0)
            rules.append((failed == self.unthanked, f"counted as failed {failed} = came in vain {self.unthanked}"))
        return [f"not true: {text}" for holds, text in rules if not holds]

    def odd_causes(self):
        """Causes that are not this row's."""
        return sorted(set(self.causes) - set(self.row.causes))


def number(span):
    """The request that a span of the load's server is of; -1: none."""
    found = re.fullmatch(r"/r/(\d+)", span["attributes"].get("url.path", ""))
    return int(found[1]) if found else -1


ENDED = re.compile(
    r"^autotrace: \d+: (?:lost (?P<lost>\d+) of (?P<of>\d+) spans: (?P<causes>[^;\n]*)(?P<more>;.*)?"
    r"|(?P<finished>\d+) spans finished, (?P<delivered>\d+) delivered)$"
)


def ended(line):
    """(finished, dropped, {cause: spans}) of a program's last line; None: it is another line."""
    found = ENDED.match(line)
    if not found:
        return None
    if found["finished"]:
        return int(found["finished"]), int(found["finished"]) - int(found["delivered"]), {}
    causes = {text: int(n) for n, text in (c.split(" ", 1) for c in found["causes"].split(", "))}
    return int(found["of"]), int(found["lost"]), causes
