"""Tells whether the demo's spans are the traces they should be: check.py FILE-OF-AUTOTRACE-VIEW TRACES

Exit code 0: they are; 1: not yet, or not, and says what is missing.
"""

import json
import sys
from collections import defaultdict

# From the outermost to the innermost span: service, kind.
CHAIN = [("nginx", "server"), ("nginx", "client"), ("shop", "server"), ("shop", "client"), ("stock", "server")]


def read(path):
    traces = defaultdict(list)
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            span = json.loads(line)
            traces[span["trace_id"]].append(span)
    return traces


def fault(spans):
    """What is wrong with a trace, or None."""
    spans.sort(key=lambda span: span["start_unix_nano"])
    found = [(span["resource"]["service.name"], span["kind"]) for span in spans]
    if found != CHAIN:
        return f"expected the spans {CHAIN}, got {found}"
    parents = [None] + [span["span_id"] for span in spans[:-1]]
    if [span.get("parent_span_id") for span in spans] != parents:
        return "a span does not hang below the one that caused it"
    named = [span["kind"] == "client" or span["name"] == f"GET {span['attributes']['http.route']}" for span in spans]
    if not all(named):
        return f"a name is not the method and the route: {[span['name'] for span in spans]}"
    return None


def main():
    traces = read(sys.argv[1])
    faults = [f"trace {name}: {fault(spans)}" for name, spans in traces.items() if fault(spans)]
    if len(traces) != int(sys.argv[2]):
        faults.append(f"expected {sys.argv[2]} traces, got {len(traces)}")
    codes = {span["attributes"].get("http.response.status_code") for spans in traces.values() for span in spans}
    if not faults and codes != {200, 500, 502}:
        faults.append(f"expected answers 200, 500 and 502, got {codes}")
    for line in faults:
        print("demo:", line, file=sys.stderr)
    return 1 if faults else 0


sys.exit(main())
