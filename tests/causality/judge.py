"""Truth against spans. Fed by run with what traffic.py knows and the spans of one cell; feeds report.py.

A call's true parent is the server span of its own process whose path is the call's, less the last segment (the very
same path for a proxy). Calls of a timer (/tick/...) have none.

	right     linked to its true parent
	wrong     linked to anything else; a tick that is linked at all
	unlinked  has a parent in truth, and none in its span; or reached a backend and has no span
	late      made after its request was over (its client left): rightly without a parent
"""

from collections import Counter
from urllib.parse import urlsplit

EXAMPLES = 8


class Span:
    """What is needed of a span as autotrace-view wrote it down."""

    def __init__(self, line):
        attrs = line["attributes"]
        self.id, self.trace, self.parent = line["span_id"], line["trace_id"], line.get("parent_span_id")
        self.kind, self.start, self.end = line["kind"], line["start_unix_nano"], line["end_unix_nano"]
        self.path = attrs.get("url.path") if self.kind == "server" else urlsplit(attrs.get("url.full", "")).path
        self.path = self.path or ""
        self.rule = attrs.get("autotrace.link.rule", "?")
        self.service = line["resource"]["service.name"]
        self.links = {link["span_id"] for link in line["links"]}

    def __repr__(self):
        return f"{self.service} {self.kind} {self.path} {self.trace[:6]}/{self.id[:4]}<{(self.parent or '-')[:4]}"


def number(path):
    """The request's number in a path, or None."""
    parts = path.split("/")
    return int(parts[2]) if len(parts) > 2 and parts[2].isdigit() and parts[1] != "tick" else None


def kind(path):
    return path.split("/")[1]


class Verdict:
    """The calls of one service in one cell."""

    def __init__(self, service, proxy):
        self.service, self.proxy = service, proxy
        self.right = self.wrong = self.unlinked = self.late = self.missing = self.ticks = 0
        self.by_link = 0  # of the unlinked: a span link names the true parent
        self.rules = {}  # rule -> [right, wrong]
        self.kinds = {}  # kind -> Counter
        self.examples = []

    def own(self, path):
        """The path of the request that a call was made for."""
        return path if self.proxy else path.rsplit("/", 1)[0]

    def judge(self, spans, arrived):
        """spans: this service's; arrived: path -> how often a backend was asked it, or None where it is not known."""
        served, known = {}, {}
        for span in spans:
            known[span.id] = span
            if span.kind == "server":
                served.setdefault(span.path, []).append(span)
        calls = [s for s in spans if s.kind == "client"]
        for call in calls:
            self.one(call, served.get(self.own(call.path), []), known)
        if arrived is not None:
            self.count_missing(arrived, Counter(call.path for call in calls))

    def one(self, call, owners, known):
        if kind(call.path) == "tick":
            self.ticks += 1
            if call.parent:
                self.tally(call, "wrong", known)
            return
        true = [o for o in owners if o.id == call.parent and o.trace == call.trace]
        if call.parent:
            self.tally(call, "right" if true else "wrong", known)
        elif owners and all(o.end < call.start for o in owners):
            self.tally(call, "late", known)
        else:
            self.by_link += any(o.id in call.links for o in owners)
            self.tally(call, "unlinked", known)

    def tally(self, call, what, known):
        setattr(self, what, getattr(self, what) + 1)
        self.kinds.setdefault(kind(call.path), Counter())[what] += 1
        if what in ("right", "wrong"):
            self.rules.setdefault(call.rule, [0, 0])[what == "wrong"] += 1
        if what == "wrong" and len(self.examples) < EXAMPLES:
            self.examples.append(f"{call.rule}: {call} has parent {known.get(call.parent, 'unknown')}")

    def count_missing(self, arrived, seen):
        for path, count in arrived.items():
            gone = max(0, count - seen[path])
            if gone:
                self.missing += gone
                self.unlinked += gone
                self.kinds.setdefault(kind(path), Counter())["unlinked"] += gone

    @property
    def precision(self):
        linked = self.right + self.wrong
        return self.right / linked if linked else 1.0

    @property
    def recall(self):
        due = self.right + self.unlinked + self.wrong_calls
        return self.right / due if due else 1.0

    @property
    def wrong_calls(self):
        """Wrong links of calls that have a true parent."""
        return self.wrong - self.kinds.get("tick", Counter())["wrong"]


def unserved(spans, answered, sent):
    """Paths that were answered and do not have exactly one server span; those that were sent again may have more."""
    count = Counter(s.path for s in spans if s.kind == "server")
    return [path for path in answered if not 1 <= count[path] <= sent[path]]


def whole(spans, answered, tiers, arrived):
    """How many of the answered requests came as one complete, correctly nested trace.

    tiers: (service, proxy) from the first to the last; arrived: path -> how often the last tier asked a backend."""
    traces = {}
    for span in spans:
        traces.setdefault(number(span.path), []).append(span)
    asked = {}
    for path, count in arrived.items():
        asked[number(path)] = asked.get(number(path), 0) + count
    return sum(_is_whole(traces.get(number(p), []), tiers, asked.get(number(p), 0)) for p in answered)


def _is_whole(spans, tiers, asked):
    by_id = {s.id: s for s in spans}
    roots = [s for s in spans if not s.parent]
    if len(roots) != 1 or len({s.trace for s in spans}) != 1:
        return False
    names = [service for service, _ in tiers]
    proxy = dict(tiers)
    if (roots[0].service, roots[0].kind) != (names[0], "server"):
        return False
    for span in spans:
        parent = by_id.get(span.parent)
        if span is roots[0]:
            continue
        if not parent:
            return False
        if span.kind == "client":
            own = span.path if proxy[span.service] else span.path.rsplit("/", 1)[0]
            fits = (parent.service, parent.kind, parent.path) == (span.service, "server", own)
        else:
            before = names[names.index(span.service) - 1]
            fits = (parent.service, parent.kind, parent.path) == (before, "client", span.path)
        if not fits:
            return False
    clients = Counter(s.service for s in spans if s.kind == "client")
    servers = Counter(s.service for s in spans if s.kind == "server")
    return clients[names[-1]] == asked and all(clients[a] == servers[b] for a, b in zip(names, names[1:]))
