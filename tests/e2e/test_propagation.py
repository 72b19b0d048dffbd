"""Context from process to process: W3C, baggage and B3, sampling, what an application sends itself, the switches."""

import json

import pytest

import nginx
from rig import PYTHON, Wire, ask, fields, is_child, only, program, respond, values

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(lambda connection, head, body: respond(b"peer"))


@pytest.fixture
def take(shared):
    return shared.fresh()


@pytest.fixture
def settled(shared):
    """take() for a test that comes behind some that take nothing."""
    return shared.fresh(after=0.3)


@pytest.fixture(scope="module")
def app(shared):
    return shared.gunicorn("shop:app", "--threads", "4", service="app")


@pytest.fixture(scope="module")
def front(shared, peer):
    through = 'location / { proxy_pass http://upstream; proxy_set_header Connection ""; }'
    return nginx.start(shared, f"127.0.0.1:{peer.port}", server=through)


@pytest.fixture
def variant(rig, peer):
    """A Python server with further settings that passes every request on by a call of its own."""
    return lambda **env: rig.python("plain.py", peer.url, service="variant", env=env)


def context(head):
    """Of a request that left: the headers that carry context."""
    names = ("traceparent", "tracestate", "baggage", "b3", "x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags")
    return [f for f in fields(head) if f[0] in names]


# --- traceparent and tracestate, as the W3C's validation has it ---


class Harness:
    """Asks a service to call back, and looks at what comes."""

    def __init__(self, rig, app):
        self.peer = rig.peer(lambda connection, head, body: respond(b""))
        self.app = app

    def __call__(self, headers, callbacks=1):
        self.peer.heads.clear()
        calls = [{"url": f"{self.peer.url}/callback/{n}", "arguments": []} for n in range(callbacks)]
        sent = [("Content-Type", "application/json"), *headers]
        assert ask(self.app.port, "/harness", "POST", sent, json.dumps(calls).encode()).body == b"done"
        assert len(self.peer.heads) == callbacks
        found = []
        for head in self.peer.heads:
            (parent,) = values(head, "traceparent")
            version, trace, span, flags = parent.split("-")
            assert version == "00" and len(trace) == 32 and len(span) == 16 and len(flags) == 2
            assert trace != "0" * 32 and span != "0" * 16 and parent == parent.lower()
            states = values(head, "tracestate")
            assert len(states) <= 1
            found.append((trace, span, flags, states[0] if states else None))
        return found if callbacks > 1 else found[0]


@pytest.fixture(scope="module")
def harness(shared, app):
    return Harness(shared, app)


ID = "12345678901234567890123456789012"
SPAN = "1234567890123456"
GOOD = f"00-{ID}-{SPAN}-01"

CONTINUED = [
    [("traceparent", GOOD)],
    [("TraceParent", GOOD)],
    [("TrAcEpArEnT", GOOD)],
    [("TRACEPARENT", GOOD)],
    [("traceparent", f"  {GOOD}")],
    [("traceparent", f"\t{GOOD}")],
    [("traceparent", f"{GOOD} \t ")],
    [("traceparent", f"cc-{ID}-{SPAN}-01")],
    [("traceparent", f"cc-{ID}-{SPAN}-01-what-the-future-will-be-like")],
    [("traceparent", f"00-{ID}-{SPAN}-ff")],
]

RESTARTED = [
    [],
    [("traceparent", f"00-{ID}-{SPAN}-01"), ("traceparent", f"00-{ID}-{SPAN}-01")],
    [("traceparent", f"00-{ID}-{SPAN}-01"), ("traceparent", "00-" + "2" * 32 + "-" + "2" * 16 + "-01")],
    [("trace-parent", GOOD)],
    [("trace.parent", GOOD)],
    [("traceparent", f"{GOOD}.")],
    [("traceparent", f"{GOOD}-")],
    [("traceparent", f"{GOOD}-what-the-future-will-be-like")],
    [("traceparent", f"cc-{ID}-{SPAN}-01.what-the-future-will-not-be-like")],
    [("traceparent", f"ff-{ID}-{SPAN}-01")],
    [("traceparent", f".0-{ID}-{SPAN}-01")],
    [("traceparent", f"0.-{ID}-{SPAN}-01")],
    [("traceparent", f"000-{ID}-{SPAN}-01")],
    [("traceparent", f"0-{ID}-{SPAN}-01")],
    [("traceparent", f"00-{'0' * 32}-{SPAN}-01")],
    [("traceparent", f"00-.{ID[1:]}-{SPAN}-01")],
    [("traceparent", f"00-{ID[:31]}.-{SPAN}-01")],
    [("traceparent", f"00-{ID}3-{SPAN}-01")],
    [("traceparent", f"00-{ID[1:]}-{SPAN}-01")],
    [("traceparent", f"00-{ID}-{'0' * 16}-01")],
    [("traceparent", f"00-{ID}-.{SPAN[1:]}-01")],
    [("traceparent", f"00-{ID}-{SPAN}7-01")],
    [("traceparent", f"00-{ID}-{SPAN[1:]}-01")],
    [("traceparent", f"00-{ID}-{SPAN}-.0")],
    [("traceparent", f"00-{ID}-{SPAN}-0.")],
    [("traceparent", f"00-{ID}-{SPAN}-001")],
    [("traceparent", f"00-{ID}-{SPAN}-1")],
    [("traceparent", f"00-{'ABCDEF' * 5}12-{SPAN}-01")],
    [("traceparent", "")],
]


@pytest.mark.parametrize("headers", CONTINUED, ids=lambda h: repr(h[0][1])[:60])
def test_continued(harness, headers):
    trace, span, flags, _ = harness(headers)
    assert trace == ID and span != SPAN and int(flags, 16) & 1


@pytest.mark.parametrize("headers", RESTARTED, ids=lambda h: repr(h)[:60])
def test_restarted(harness, headers):
    """A new trace, and nothing of the old one's state."""
    trace, _, _, state = harness([*headers, ("tracestate", "foo=1")])
    assert trace not in (ID, "2" * 32) and state is None


LONG = "z" * 256

STATES = [
    (["foo=1"], "foo=1"),
    (["foo=1,bar=2"], "foo=1,bar=2"),
    (["foo=1", "bar=2"], "foo=1,bar=2"),
    (["foo=1 \t , \t bar=2, \t baz=3"], "foo=1,bar=2,baz=3"),
    (["foo=1,,,", "", "bar=2"], "foo=1,bar=2"),
    (["foo=1,"], "foo=1"),
    ([""], None),
    (["fw529a3039@dt=FfACxyz,t61rcWkgMzE@x=1".lower()], "fw529a3039@dt=ffacxyz,t61rcwkgmze@x=1"),
    ([f"{LONG}=1"], f"{LONG}=1"),
    ([f"{LONG}z=1"], None),
    (["foo@=1,bar=2"], "foo@=1,bar=2"),
    (["@foo=1,bar=2"], None),
    (["foo@bar@baz=1"], "foo@bar@baz=1"),
    (["foo =1"], None),
    (["FOO=1"], None),
    (["foo.bar=1"], None),
    (["foo=bar=baz"], None),
    (["foo=,bar=3"], None),
    (["foo"], None),
    (["0123456789=1,a_-*/=!#$%&'()*+-./:;<>?@[]^_`{|}~"], "0123456789=1,a_-*/=!#$%&'()*+-./:;<>?@[]^_`{|}~"),
    ([",".join(f"bar{n:02d}={n:02d}" for n in range(32))], ",".join(f"bar{n:02d}={n:02d}" for n in range(32))),
    ([",".join(f"bar{n:02d}={n:02d}" for n in range(33))], None),
]


@pytest.mark.parametrize("lines, expected", STATES, ids=lambda v: repr(v)[:50])
def test_tracestate(harness, lines, expected):
    """Whatever becomes of tracestate, the trace goes on."""
    trace, _, _, state = harness([("traceparent", GOOD), *(("tracestate", line) for line in lines)])
    assert (trace, state) == (ID, expected)


def test_tracestate_with_a_key_twice(harness):
    for line in ("foo=1,foo=1", "foo=1,foo=2", "foo=1,bar=2,foo=3"):
        _, _, _, state = harness([("traceparent", GOOD), ("tracestate", line)])
        assert "foo=" in state


def test_tracestate_name_in_any_case(harness):
    for name in ("tracestate", "TraceState", "TRACESTATE"):
        assert harness([("traceparent", GOOD), (name, "foo=1")])[3] == "foo=1"
    for name in ("trace-state", "trace.state"):
        assert harness([("traceparent", GOOD), (name, "foo=1")])[3] is None


def test_several_calls_of_a_request(harness, settled):
    found = harness([("traceparent", GOOD), ("tracestate", "a=1")], callbacks=5)
    assert {trace for trace, *_ in found} == {ID} and len({span for _, span, *_ in found}) == 5
    assert {state for *_, state in found} == {"a=1"}
    spans = settled(6)
    served = only(spans, kind="server")
    assert served.parent == SPAN and served.state == "a=1"
    assert {s.id for s in spans if is_child(s, served)} == {span for _, span, *_ in found}


@pytest.mark.parametrize("sent, left", [("01", "01"), ("03", "03"), ("ff", "03"), ("05", "01")])
def test_flags(harness, sent, left):
    """Sampled as we decide, random as it came, nothing else."""
    assert harness([("traceparent", f"00-{ID}-{SPAN}-{sent}")])[2] == left


def test_flags_of_a_new_trace(harness):
    assert harness([])[2] == "03"


# --- baggage ---


@pytest.mark.parametrize(
    "lines, expected",
    [
        (["a=1,b=2;p=q"], ["a=1,b=2;p=q"]),
        (["a=1", "b=2"], ["a=1,b=2"]),
        (["user%20id=%C3%A9"], ["user%20id=%C3%A9"]),
        ([",".join(f"k{n}=1" for n in range(65))], []),
        (["no value"], []),
    ],
    ids=lambda v: repr(v)[:30],
)
def test_baggage(app, peer, settled, lines, expected):
    headers = [("traceparent", TRACEPARENT), *(("baggage", line) for line in lines)]
    ask(app.port, f"/call/x?url={peer.url}", headers=headers)
    assert values(peer.heads[-1], "baggage") == expected
    settled(2)


def test_baggage_without_a_trace(app, peer, take):
    ask(app.port, f"/call/x?url={peer.url}", headers=[("baggage", "a=1")])
    assert values(peer.heads[-1], "baggage") == ["a=1"]
    take(2)


def test_baggage_of_the_application(app, peer, take):
    """Flask's handler passes the header on itself: it leaves once."""
    ask(app.port, f"/call/x?url={peer.url}&pass=baggage", headers=[("baggage", "a=1")])
    assert values(peer.heads[-1], "baggage") == ["a=1"]
    take(2)


# --- what the application sends itself ---


def test_application_passes_on(app, peer, take):
    """A handler that copies traceparent: rewritten in place, a span of ours, tracestate left alone."""
    headers = [("traceparent", TRACEPARENT), ("tracestate", "k=v")]
    ask(app.port, f"/call/x?url={peer.url}&pass=traceparent,tracestate", headers=headers)
    spans = take(2)
    served, called = only(spans, kind="server"), only(spans, kind="client")
    assert is_child(called, served) and called.rule == "header"
    assert values(peer.heads[-1], "traceparent") == [f"00-{TRACE}-{called.id}-01"]
    assert values(peer.heads[-1], "tracestate") == ["k=v"]


def test_instrumented_client(shared, peer, take):
    """Its own trace is kept, and there is no second span."""
    own = f"00-{'a' * 32}-{'b' * 16}-01"
    for name in ("traceparent", "Traceparent"):
        shared.run([program("curl"), "-s", "-H", f"{name}: {own}", peer.url])
        assert values(peer.heads[-1], "traceparent") == [own]
    take(0)


def test_instrumented_handler(shared, peer, take):
    """An application with an SDK of its own inside a request: the SDK's header leaves as it is."""
    own = f"00-{TRACE}-{'b' * 16}-01"
    script = f"""
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        urllib.request.urlopen(urllib.request.Request('{peer.url}', headers={{'traceparent': '{own}'}})).read()
        self.send_response(200); self.send_header('Content-Length', '0'); self.end_headers()
s = HTTPServer(('127.0.0.1', 0), Handler)
print('listening on', s.server_port, flush=True)
s.serve_forever()
"""
    server = shared.start([PYTHON, "-c", script], "sdk")
    ask(int(server.find(r"listening on (\d+)")[1]), "/", headers=[("traceparent", TRACEPARENT)])
    (span,) = take(1)
    assert (span.kind, span.trace, span.parent) == ("server", TRACE, PARENT)
    assert values(peer.heads[-1], "traceparent") == [own]


# --- a proxy that passes everything on ---


def test_proxy_in_place(front, peer, take):
    sent = [("X-A", "1"), ("traceparent", TRACEPARENT), ("X-B", "2"), ("tracestate", "a=1"), ("baggage", "b=2")]
    ask(front.port, "/x", headers=sent)
    served, called = take(2)
    assert is_child(called, served) and served.parent == PARENT
    got = [f for f in fields(peer.heads[-1]) if f[0] not in ("host", "connection")]
    expected = [(n.lower(), v) for n, v in sent]
    expected[1] = ("traceparent", f"00-{TRACE}-{called.id}-01")
    assert got == expected


def test_proxy_of_a_kept_connection(front, peer, take):
    with Wire(front.port) as wire:
        for n in range(10):
            wire.ask("/x", headers=[("traceparent", f"00-{n + 1:032x}-{PARENT}-01")])
    spans = take(20)
    for n, head in enumerate(peer.heads[-10:]):
        called = only(spans, kind="client", trace=f"{n + 1:032x}")
        assert values(head, "traceparent") == [f"00-{n + 1:032x}-{called.id}-01"]


@pytest.mark.parametrize("bad", ["00-" + "0" * 32 + f"-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01"])
def test_proxy_of_nonsense(front, peer, take, bad):
    """Of the right length it is replaced: one traceparent leaves and it is the right one."""
    ask(front.port, "/x", headers=[("traceparent", bad)])
    served, called = take(2)
    assert is_child(called, served) and served.parent is None
    assert values(peer.heads[-1], "traceparent") == [f"00-{called.trace}-{called.id}-03"]


# --- B3 ---


def test_b3(rig, variant, peer):
    server = variant(OTEL_PROPAGATORS="b3")
    ask(server.port, "/call/x", headers=[("b3", f"{TRACE}-{PARENT}-1"), ("traceparent", f"00-{ID}-{SPAN}-01")])
    served, called = rig.take(2)
    assert (served.trace, served.parent) == (TRACE, PARENT) and is_child(called, served)
    assert context(peer.heads[-1]) == [("b3", f"{TRACE}-{called.id}-1")]
    ask(server.port, "/call/x", headers=[("b3", f"{TRACE[16:]}-{PARENT}-d-{SPAN}")])
    served, called = rig.take(2)
    assert served.trace == "0" * 16 + TRACE[16:]
    assert context(peer.heads[-1]) == [("b3", f"{served.trace}-{called.id}-d")]
    ask(server.port, "/call/x", headers=[("b3", f"{TRACE}-{PARENT}-0")])
    ((name, value),) = context(peer.heads[-1])
    assert (name, value[:33], value[-2:]) == ("b3", f"{TRACE}-", "-0")
    rig.take(0)
    ask(server.port, "/call/x", headers=[("b3", f"{TRACE}-{PARENT}")])
    rig.take(2)
    assert context(peer.heads[-1])[0][1].endswith("-1")


def test_b3multi(rig, variant, peer):
    server = variant(OTEL_PROPAGATORS="b3multi")
    sent = [("X-B3-TraceId", TRACE), ("X-B3-SpanId", PARENT), ("X-B3-ParentSpanId", SPAN), ("X-B3-Sampled", "1")]
    ask(server.port, "/call/x", headers=sent)
    served, called = rig.take(2)
    assert (served.trace, served.parent) == (TRACE, PARENT) and is_child(called, served)
    assert context(peer.heads[-1]) == [("x-b3-traceid", TRACE), ("x-b3-spanid", called.id), ("x-b3-sampled", "1")]
    ask(server.port, "/call/x", headers=[*sent[:2], ("X-B3-Sampled", "0")])
    rig.take(0)
    found = dict(context(peer.heads[-1]))
    assert (found["x-b3-traceid"], found["x-b3-sampled"]) == (TRACE, "0")


def test_several_propagators(rig, variant, peer):
    server = variant(OTEL_PROPAGATORS="tracecontext,b3,b3multi,baggage")
    ask(server.port, "/call/x", headers=[("traceparent", TRACEPARENT), ("baggage", "a=1")])
    served, called = rig.take(2)
    assert served.trace == TRACE
    assert sorted(context(peer.heads[-1])) == [
        ("b3", f"{TRACE}-{called.id}-1"), ("baggage", "a=1"), ("traceparent", f"00-{TRACE}-{called.id}-01"),
        ("x-b3-sampled", "1"), ("x-b3-spanid", called.id), ("x-b3-traceid", TRACE),
    ]  # fmt: skip


def test_b3_through_a_proxy(rig, peer):
    through = "location / { proxy_pass http://upstream; }"
    env = {"OTEL_PROPAGATORS": "b3,b3multi"}
    server = nginx.start(rig, f"127.0.0.1:{peer.port}", server=through, env=env)
    ask(server.port, "/x", headers=[("b3", f"{TRACE}-{PARENT}-1")])
    served, called = rig.take(2)
    assert is_child(called, served) and served.trace == TRACE
    assert values(peer.heads[-1], "b3") == [f"{TRACE}-{called.id}-1"]
    ask(server.port, "/x", headers=[("X-B3-TraceId", TRACE), ("X-B3-SpanId", PARENT), ("X-B3-Sampled", "1")])
    served, called = rig.take(2)
    assert is_child(called, served) and served.trace == TRACE
    assert values(peer.heads[-1], "x-b3-spanid") == [called.id]
    assert values(peer.heads[-1], "x-b3-traceid") == [TRACE]


# --- sampling ---

SAMPLERS = [
    # sampler, argument, sampled: without parent, with a sampled one, with one that is not
    ("always_on", None, True, True, True),
    ("always_off", None, False, False, False),
    ("traceidratio", "0", False, False, False),
    ("traceidratio", "1", True, True, True),
    ("parentbased_always_on", None, True, True, False),
    ("parentbased_always_off", None, False, True, False),
    ("parentbased_traceidratio", "0.0", False, True, False),
    ("parentbased_traceidratio", "1.0", True, True, False),
]


@pytest.mark.parametrize("name, arg, alone, below, below_unsampled", SAMPLERS)
def test_samplers(rig, variant, peer, name, arg, alone, below, below_unsampled):
    """The parent that counts is the remote one; what is not sampled goes on with flags that say so."""
    server = variant(OTEL_TRACES_SAMPLER=name, OTEL_TRACES_SAMPLER_ARG=arg)
    cases = [(None, alone), ("01", below), ("00", below_unsampled)]
    for flags, sampled in cases:
        headers = [("traceparent", f"00-{TRACE}-{PARENT}-{flags}")] if flags else []
        ask(server.port, "/call/x", headers=[*headers, ("tracestate", "a=1")])
        (left,) = values(peer.heads[-1], "traceparent")
        assert int(left[-2:], 16) & 1 == sampled
        if flags:
            assert left[3:35] == TRACE and left[36:52] != PARENT
            assert values(peer.heads[-1], "tracestate") == ["a=1"]
    spans = rig.take(2 * sum(sampled for _, sampled in cases))
    assert all(s.flags & 1 for s in spans)


def test_ratio(rig, variant, peer):
    """The trace id decides, so all services decide alike: its low 56 bits are at least the threshold."""
    server = variant(OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="0.25")
    for low, sampled in [("bfffffffffffff", 0), ("c0000000000000", 1), ("00000000000001", 0), ("ffffffffffffff", 1)]:
        ask(server.port, "/call/x", headers=[("traceparent", f"00-{'1' * 18}{low}-{PARENT}-00")])
        assert values(peer.heads[-1], "traceparent")[0][-2:] == f"0{sampled}"
    assert len(rig.take(4)) == 4


# --- the environment of a command ---


def test_parent_from_the_environment(shared, peer, take):
    env = {"TRACEPARENT": TRACEPARENT, "TRACESTATE": "a=1", "BAGGAGE": "b=2"}
    shared.run([program("curl"), "-s", f"{peer.url}/1", f"{peer.url}/2"], env=env)
    first, second = take(2)
    for span in (first, second):
        assert (span.trace, span.parent, span.rule, span.state) == (TRACE, PARENT, "environment", "a=1")
        assert span.flags & 0x300 == 0x300
    assert context(peer.heads[-1]) == [
        ("traceparent", f"00-{TRACE}-{second.id}-01"), ("tracestate", "a=1"), ("baggage", "b=2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "env",
    [{"AUTOTRACE_ENV_CONTEXT": "false", "TRACEPARENT": TRACEPARENT}, {"TRACEPARENT": "00-zz"}, {"TRACEPARENT": ""}],
)
def test_no_parent_from_the_environment(shared, peer, take, env):
    shared.run([program("curl"), "-s", peer.url], env=env, quiet=False)
    (span,) = take(1)
    assert span.parent is None and span.trace != TRACE


def test_unsampled_parent_from_the_environment(shared, peer, take):
    shared.run([program("curl"), "-s", peer.url], env={"TRACEPARENT": TRACEPARENT[:-1] + "0"})
    take(0)
    assert values(peer.heads[-1], "traceparent")[0][-2:] == "00"


def test_servers_do_not_take_their_parent_from_the_environment(rig, variant):
    server = variant(TRACEPARENT=TRACEPARENT)
    ask(server.port, "/x")
    assert rig.take(1)[0].parent is None


# --- the switches ---


@pytest.mark.parametrize("env", [{"AUTOTRACE_INJECT": "false"}, {"OTEL_PROPAGATORS": "none"}])
def test_nothing_is_added(rig, variant, peer, env):
    server = variant(**env)
    ask(server.port, "/call/x", headers=[("traceparent", TRACEPARENT), ("tracestate", "a=1")])
    served, called = rig.take(2)
    assert context(peer.heads[-1]) == [] and is_child(called, served)
    assert (served.parent == PARENT) == ("AUTOTRACE_INJECT" in env)


def test_off(rig, variant, peer):
    ask(variant(AUTOTRACE_DISABLED="true").port, "/call/x", headers=[("traceparent", TRACEPARENT)])
    rig.take(0)
    assert context(peer.heads[-1]) == []


def test_a_disabled_sdk_passes_on_what_came_and_adds_nothing(rig, variant, peer):
    """"This setting has no effect on propagators": as an API without an SDK does it."""
    server = variant(OTEL_SDK_DISABLED="TRUE", OTEL_PROPAGATORS="tracecontext,baggage,b3")
    sent = [("traceparent", TRACEPARENT), ("tracestate", "a=1"), ("baggage", "k=v")]
    ask(server.port, "/call/x", headers=sent)
    left = context(peer.heads[-1])
    assert [h for h in left if h[0] != "b3"] == sent and values(peer.heads[-1], "b3") == [f"{TRACE}-{PARENT}-1"]
    ask(server.port, "/call/x", headers=[("baggage", "k=v")])
    assert context(peer.heads[-1]) == [("baggage", "k=v")]
    ask(server.port, "/call/x")
    assert context(peer.heads[-1]) == []
    rig.take(0)


def test_no_exporter_still_passes_context_on(rig, variant, peer):
    ask(variant(OTEL_TRACES_EXPORTER="none").port, "/call/x", headers=[("traceparent", TRACEPARENT)])
    rig.take(0)
    (left,) = values(peer.heads[-1], "traceparent")
    assert left[3:35] == TRACE and left[36:52] != PARENT and left[-2:] == "01"
