"""`autotrace status`: what a traced process sees and delivers, read out of it while it runs on."""

import json
import os
import re
import signal
import socket
import subprocess

import pytest

from rig import BUILD, LIBRARY, PYTHON, ask, environment, free_port, until

CLI = BUILD / "autotrace"
NOBODY = 65534

# Reads what comes on each connection, and answers HTTP/1 only.
LISTENER = """
import os, socket, sys, threading
s = socket.create_server(("127.0.0.1", 0))
print("listening on", s.getsockname()[1], flush=True)
def talk(c):
    while data := c.recv(4096):
        if data.startswith(b"GET "):
            c.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
while True:
    threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
"""


def status(*arguments, code=0, **popen):
    done = subprocess.run(
        [CLI, "status", *map(str, arguments)], env=environment(), capture_output=True, timeout=30, check=False, **popen
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout.decode()


def glance(pid, code=0, **popen):
    return json.loads(status("--json", pid, code=code, **popen))


def setting(seen, name):
    return [(s["value"], s["origin"], s.get("used") or s.get("by")) for s in seen["settings"] if s["name"] == name]


@pytest.fixture
def listener(rig):
    def start(traced=True, **env):
        started = rig.start([PYTHON, "-u", "-c", LISTENER], "listener", traced, env)
        started.port = int(started.find(r"listening on (\d+)")[1])
        return started

    return start


@pytest.fixture
def say():
    """Sends bytes on a connection that stays open; returns what is answered to a GET."""
    sockets = []

    def send(port, data):
        sockets.append(socket.create_connection(("127.0.0.1", port), timeout=10))
        sockets[-1].sendall(data)
        return sockets[-1].recv(99) if data.startswith(b"GET ") else b""

    yield send
    for one in sockets:
        one.close()


# --- before anything was seen ---


def test_before_the_first_span(listener):
    server = listener()
    seen = glance(server.pid)
    assert seen["traced"] and seen["state"] == "traced" and seen["service"] == "listener"
    assert seen["hints"][0].startswith("no connection was seen")
    assert seen["exporter"]["thread"] is False and seen["spans"]["finished"] == 0
    assert os.listdir(f"/proc/{server.pid}/task") == [str(server.pid)]
    shown = status(server.pid)
    assert shown.startswith(f"{server.pid} python3.11 (service listener): traced\n  -> ")
    assert "has no thread yet" in shown


def test_it_goes_on_undisturbed(listener):
    """Neither stopped, nor woken, nor attached to; and it gets nothing by which it could know."""
    server = listener()

    def traces():
        with open(f"/proc/{server.pid}/status") as file:
            lines = [line for line in file if re.match("State|TracerPid|Threads|(non)?voluntary", line)]
        return lines, sorted(os.listdir(f"/proc/{server.pid}/fd"))

    until(lambda: traces()[0][0].startswith("State:\tS"), what="a sleep")
    before = traces()
    for _ in range(20):
        status(server.pid)
    assert traces() == before and "TracerPid:\t0\n" in before[0]


# --- what was seen ---


def test_connections_by_verdict(listener, say):
    server = listener()
    say(server.port, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
    until(lambda: glance(server.pid)["connections"]["tls_unread"] == 1, what="the verdict")
    assert glance(server.pid)["hints"] == ["all traffic is TLS that is not seen into (`autotrace check PID` says why)"]
    say(server.port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
    say(server.port, b"SSH-2.0-client\r\n")
    say(server.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: sum(list(glance(server.pid)["connections"].values())[3:]) == 4, what="the verdicts")
    seen = glance(server.pid)["connections"]
    expected = {"accepted": 4, "tls_unread": 1, "http2": 1, "other": 1, "http1_server": 1}
    assert seen == {**dict.fromkeys(seen, 0), **expected}
    assert "connections  4 accepted, 1 http1 server, 1 tls unread, 1 http2, 1 other\n" in status(server.pid)


def test_requests_parents_and_delivery(rig):
    peer = rig.peer()
    server = rig.python("plain.py", peer.url)
    for i in range(3):
        ask(server.port, f"/call/{i}")
    rig.take(6)
    until(lambda: glance(server.pid)["spans"]["delivered"] == 6, what="the delivery")
    seen = glance(server.pid)
    assert seen["requests"]["served"] == seen["requests"]["made"] == seen["parents"]["thread"] == 3
    assert seen["requests"]["headers_added"] == 3 and seen["requests"]["open"] == 0
    spans = {"finished": 6, "delivered": 6, "lost": 0, "waiting": 0, "in_delivery": 0, "waiting_max": 2048}
    assert seen["spans"].items() >= spans.items()
    assert seen["exporter"]["thread"] and seen["exporter"]["destination"] == f"{rig.collector.endpoint}/v1/traces"
    assert seen["exporter"]["last_success_unix_nano"] > seen["started_unix_nano"] and seen["hints"] == []
    assert seen["counters"]["spans_exported"] == 6


def test_spans_that_wait(listener, say):
    server = listener(OTEL_BSP_SCHEDULE_DELAY=60000)
    say(server.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: glance(server.pid)["spans"]["finished"] == 1, what="the span")
    assert glance(server.pid)["spans"]["waiting"] == 1
    assert glance(server.pid)["hints"] == ["spans that wait for their batch (OTEL_BSP_SCHEDULE_DELAY): 1"]


def test_a_collector_that_refuses_and_then_returns(rig, listener, say):
    port = free_port()
    endpoint = f"http://user:secret@127.0.0.1:{port}"
    server = listener(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, OTEL_EXPORTER_OTLP_TIMEOUT=60000)
    say(server.port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    until(lambda: glance(server.pid)["exporter"]["failing_since_unix_nano"], what="the failure")
    seen = glance(server.pid)
    (hint,) = seen["hints"]
    assert hint.startswith("the collector takes no spans: ") and f"127.0.0.1:{port}/v1/traces, since " in hint
    assert "secret" not in json.dumps(seen) and "secret" not in status("--all", server.pid)
    assert seen["spans"]["in_delivery"] == 1 and seen["exporter"]["last_error"]
    with socket.create_server(("127.0.0.1", port)) as collector:
        collector.settimeout(20)
        connection = collector.accept()[0]
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        until(lambda: glance(server.pid)["spans"]["delivered"] == 1, what="the delivery")
        connection.close()
    assert glance(server.pid)["hints"] == [] and "last failure" in status(server.pid)


def test_a_forked_worker_has_numbers_of_its_own(rig):
    server = rig.gunicorn("shop:app")
    (worker,) = until(lambda: open(f"/proc/{server.pid}/task/{server.pid}/children").read().split(), what="a worker")
    ask(server.port, "/quick")
    until(lambda: glance(worker)["spans"]["delivered"] == 1, what="the delivery")
    assert glance(server.pid)["spans"]["finished"] == 0
    listed = json.loads(status("--json"))
    assert {s["pid"] for s in listed} >= {server.pid, int(worker)}
    assert f"{worker:>7} python3.11       app                      1         1         1       0  traced\n" in status()


# --- settings ---


def test_settings_with_their_origin(listener):
    server = listener(
        OTEL_BSP_MAX_QUEUE_SIZE="many", OTEL_LOG_LEVEL="info", AUTOTRACE_LOG_LEVEL="none", AUTOTRACE_INJEKT="1",
        OTEL_EXPORTER_OTLP_HEADERS="key=secret", OTEL_PROPAGATORS="tracecontext,xray", OTEL_TRACES_SAMPLER="",
    )  # fmt: skip
    seen = glance(server.pid)
    assert setting(seen, "OTEL_SERVICE_NAME") == [("listener", "environment", None)]
    assert setting(seen, "OTEL_BSP_MAX_QUEUE_SIZE") == [("many", "fallback", "2048")]
    assert setting(seen, "OTEL_LOG_LEVEL") == [("info", "overruled", "AUTOTRACE_LOG_LEVEL")]
    assert setting(seen, "AUTOTRACE_LOG_LEVEL") == [("none", "environment", None)]
    assert setting(seen, "OTEL_PROPAGATORS") == [("tracecontext,xray", "fallback", "tracecontext")]
    assert setting(seen, "OTEL_EXPORTER_OTLP_HEADERS") == [("(not shown)", "environment", None)]
    assert setting(seen, "OTEL_TRACES_SAMPLER") == [("parentbased_always_on", "default", None)]
    named = [w.split(":")[0] for w in seen["warnings"]]
    assert named == ["OTEL_PROPAGATORS", "OTEL_BSP_MAX_QUEUE_SIZE", "AUTOTRACE_INJEKT"]
    assert any("a setting cannot be used" in h for h in seen["hints"])
    assert "OTEL_BSP_MAX_QUEUE_SIZE=many (fallback: not usable, it is 2048)\n" in status(server.pid)
    assert "(default)" not in status(server.pid) and "OTEL_BSP_SCHEDULE_DELAY=40 (environment)" in status(server.pid)
    assert "OTEL_TRACES_EXPORTER=otlp (default)" in status("--all", server.pid)


# --- why nothing is seen ---


@pytest.mark.parametrize(
    "env, traced, words",
    [
        ({"AUTOTRACE_DISABLED": "1"}, False, "switched off by AUTOTRACE_DISABLED"),
        ({"AUTOTRACE_EXCLUDE": "python3*"}, False, "excluded by AUTOTRACE_EXCLUDE"),
        ({"AUTOTRACE_INCLUDE": "nginx"}, False, "not named by AUTOTRACE_INCLUDE"),
        ({"OTEL_TRACES_EXPORTER": "none", "AUTOTRACE_INJECT": "false"}, False, "without an exporter"),
        ({"OTEL_TRACES_EXPORTER": "none"}, True, "OTEL_TRACES_EXPORTER=none: spans go nowhere"),
        ({"OTEL_TRACES_SAMPLER": "always_off"}, True, "the sampler is always_off: no span is kept"),
        ({"OTEL_SDK_DISABLED": "true"}, True, "OTEL_SDK_DISABLED=true: no spans are made"),
    ],
)
def test_why_nothing_is_seen(listener, env, traced, words):
    server = listener(**env)
    seen = glance(server.pid, code=0 if traced else 1)
    assert seen["traced"] == traced
    assert any(h.startswith(words) for h in [seen["state"], *seen["hints"]]), seen
    assert words in status(server.pid, code=0 if traced else 1)


def test_without_the_library(listener):
    server = listener(traced=False)
    seen = glance(server.pid, code=1)
    assert (seen["traced"], seen["state"]) == (False, "not traced: the library is not mapped")
    assert "restart it with `autotrace run`" in seen["hints"][0]


def test_a_static_program(tmp_path):
    source = tmp_path / "static.c"
    source.write_text("#include <unistd.h>\nint main(void) { pause(); return 0; }\n")
    subprocess.run(["gcc", "-static", "-o", tmp_path / "static", source], check=True)
    process = subprocess.Popen([tmp_path / "static"], env=environment(LD_PRELOAD=LIBRARY))
    try:
        until(lambda: "static" in os.readlink(f"/proc/{process.pid}/exe"), what="exec")
        assert glance(process.pid, code=1)["hints"] == ["statically linked"]
    finally:
        process.kill()
        process.wait()


def test_nobody_there():
    assert glance(2**22 - 1, code=1)["state"] == "there is no such process"
    assert "expected one process id" in subprocess.run([CLI, "status", "x"], capture_output=True).stderr.decode()


# --- who may look ---


def as_nobody():
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_its_own_user_may_and_others_may_not(rig, listener):
    mine = listener()
    theirs = rig.start([PYTHON, "-u", "-c", LISTENER], "theirs", preexec_fn=as_nobody)
    theirs.find("listening")
    scope = "/proc/sys/kernel/yama/ptrace_scope"
    if not os.path.exists(scope) or open(scope).read() == "0\n":
        assert glance(theirs.pid, preexec_fn=as_nobody)["service"] == "theirs"
    assert glance(theirs.pid)["service"] == "theirs"
    seen = glance(mine.pid, code=1, preexec_fn=as_nobody)
    assert (seen["traced"], seen["state"]) == (False, "cannot be told: it may not be looked at")
    done = subprocess.run([CLI, "status"], env=environment(), capture_output=True, preexec_fn=as_nobody)
    assert done.returncode == 0 and b"of other users could not be looked at" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a container")
def test_in_a_container():
    """A process name space and a /proc of its own; of what is killed nothing is left."""
    script = (
        f"LD_PRELOAD={LIBRARY} sleep 60 & while ! {CLI} status $! >/dev/null; do sleep 0.05; done; "
        f"{CLI} status $!; kill -9 $!; wait $!; {CLI} status"
    )
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", "--ipc", "/bin/bash", "-c", script],
        env=environment(), capture_output=True, timeout=30,
    )  # fmt: skip
    out = done.stdout.decode()
    assert " sleep: traced\n" in out and out.endswith("no traced process was found\n"), (out, done.stderr)


# --- what is read is foreign ---


# Maps a file of that name and writes a board into it: rows that lead nowhere or to the mapping's very end, endless
# texts, absurd counts.
LIAR = """
import ctypes, mmap, random, struct, sys, time
file = open(sys.argv[1], "r+b")
m = mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE)
here = ctypes.addressof(ctypes.c_char.from_buffer(m))
at = random.Random(int(sys.argv[2]))
places = [0, 1, here, here + 4096, here + 8190, 2**47 - 4, 2**63, 2**64 - 8]
names = ["counters", "counters.names", "counters.losses", "settings", "warnings", "delivery.error", "sampler", "x"]
for i, name in enumerate(names):
    m[5000 + 20 * i : 5000 + 20 * i + len(name) + 1] = name.encode() + bytes(1)
    places += 2 * [here + 5000 + 20 * i]
sizes = [0, 1, 4, 7, 8, 64, 3000, 65537, 2**32 - 1]
rows = b"".join(
    struct.pack("<QQII", at.choice(places), at.choice(places), at.randrange(8), at.choice(sizes)) for _ in range(120)
)
count, state = at.choice([0, 1, 120, 2**32 - 1]), at.choice(places)
head = struct.pack("<16sIIII32sQ", b"autotrace board", 1, 24, count, 0, b"v" * 32, state)
m[: len(head + rows)] = head + rows
print("listening", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("seed", range(20))
def test_a_board_of_lies(tmp_path, seed):
    fake = tmp_path / "libautotrace.so"
    fake.write_bytes(b"A" * 8192)
    liar = subprocess.Popen([PYTHON, "-c", LIAR, fake, str(seed)], stdout=subprocess.PIPE, env=environment())
    try:
        assert liar.stdout.readline() == b"listening\n"
        assert glance(liar.pid, code=1)["traced"] is False
        assert "\x1b" not in status(liar.pid, code=1)
    finally:
        liar.send_signal(signal.SIGKILL)
        liar.wait()
        liar.stdout.close()
