"""From a process's beginning to its end: pre-fork servers, daemons, exec, every way to exit, no collector,
bare places.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import nginx
from rig import BUILD, LIBRARY, PYTHON, APPS, Wire, ask, free_port, is_child, only, program, respond, until

FETCH = BUILD / "tests" / "programs" / "fetch"
SOURCE = Path(__file__).parents[1] / "programs" / "fetch.c"
NEVER = 600000  # a schedule delay that only a flush can beat


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(lambda connection, head, body: respond(b"peer"))


@pytest.fixture
def take(shared):
    return shared.fresh()


def instances(spans):
    """One instance id for each process, and no two alike."""
    pairs = {(s.pid, s.resource["service.instance.id"]) for s in spans}
    assert len({pid for pid, _ in pairs}) == len({instance for _, instance in pairs}) == len(pairs)
    return {pid for pid, _ in pairs}


def exactly(spans, names):
    """Each request has its one span."""
    assert Counter(s["url.path"] for s in spans) == Counter(names)


def storm(port, names, threads=8):
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda name: ask(port, name), names))
    assert {a.status for a in answers} <= {200, 404}
    return answers


# --- servers of several processes ---


def test_nginx_reloads(rig):
    """Two workers, and two new ones after SIGHUP; what the old ones had not sent yet leaves as they end."""
    server = nginx.start(rig, "127.0.0.1:1", workers=2, env={"OTEL_BSP_SCHEDULE_DELAY": NEVER})
    before = [f"/before-{n}" for n in range(60)]
    storm(server.port, before)
    server.process.send_signal(signal.SIGHUP)
    spans = rig.take(60)
    exactly(spans, before)
    old = instances(spans)
    after = [f"/after-{n}" for n in range(60)]
    until(lambda: not [pid for pid in old if os.path.exists(f"/proc/{pid}")], what="the old workers' end")
    storm(server.port, after)
    assert server.stop() == 0
    spans = rig.take(60)
    exactly(spans, after)
    assert not old & instances(spans) and server.pid not in instances(spans)


@pytest.mark.parametrize("options", [[], ["--preload"], ["--max-requests", "7"]], ids=["plain", "preload", "recycled"])
def test_gunicorn_prefork(rig, options):
    env = {"OTEL_BSP_SCHEDULE_DELAY": NEVER}
    server = rig.gunicorn("shop:app", "--workers", "3", *options, env=env)
    storm(server.port, ["/slow?s=0.05"] * 45, 6)
    # One on its way out dies of the master's SIGTERM: Python has put the default action back by then.
    leaving = re.findall(r"Worker exiting \(pid: (\d+)\)", server.output())
    until(lambda: not [pid for pid in leaving if os.path.exists(f"/proc/{pid}")], what="the recycled workers' end")
    assert server.stop() == 0
    spans = rig.take(45)
    exactly(spans, ["/slow"] * 45)
    pids = instances(spans)
    assert server.pid not in pids and len(pids) >= 2


def test_process_for_each_connection(rig):
    server = rig.python("forking.py", "fork", service="forking", env={"OTEL_BSP_SCHEDULE_DELAY": NEVER})
    names = [f"/x{n}" for n in range(24)]
    answers = storm(server.port, names, 4)
    spans = rig.take(24)
    exactly(spans, names)
    assert instances(spans) == {int(a.body) for a in answers}


def test_fork_in_a_request(rig):
    """The child ends at once and reports nothing: the request is its parent's."""
    server = rig.python("forking.py", "thread", service="forking")
    names = [f"/fork{n}" for n in range(24)]
    storm(server.port, names)
    spans = rig.take(24)
    exactly(spans, names)
    assert instances(spans) == {server.pid}


def test_commands_in_requests(rig):
    """vfork, posix_spawn, fork and exec by many threads at once, under load."""
    server = rig.python("forking.py", "thread", service="runner")
    names = [f"/run{n}" for n in range(40)]
    storm(server.port, names)
    exactly(rig.take(40), names)


def test_daemon(rig, peer):
    """Every descriptor closed, ours too as far as it knows; and still it reports."""
    where = rig.directory / "daemon"
    command = [PYTHON, APPS / "daemon.py", where, peer.url]
    assert rig.run(command, "daemon", env={"OTEL_BSP_SCHEDULE_DELAY": NEVER}).code == 0
    until(where.exists, what="the daemon")
    pid, port = map(int, where.read_text().split())
    try:
        for _ in range(3):
            assert ask(port).body == b"peer"
        until(lambda: not os.path.exists(f"/proc/{pid}"), what="the daemon's end")
    finally:
        if os.path.exists(f"/proc/{pid}"):
            os.kill(pid, signal.SIGKILL)
    spans = rig.take(6)
    assert instances(spans) == {pid}
    served = [s for s in spans if s.kind == "server"]
    assert [sum(is_child(s, one) for s in spans) for one in served] == [1, 1, 1]


# --- exec ---


def test_exec_chain(shared, peer, take):
    shell = program("sh")
    curl = f"exec {program('curl')} -s {peer.url}/x"
    assert shared.run([shell, "-c", f"exec env A=1 {shell} -c '{curl}'"], "chain").out == "peer"
    (span,) = take(1)
    assert span.resource["process.executable.name"] == "curl" and span.service == "chain"


def test_spans_leave_before_exec(shared, peer, take):
    """What the old program did is sent before the new one takes its place."""
    script = f"import os, urllib.request; urllib.request.urlopen('{peer.url}').read(); os.execvp('true', ['true'])"
    assert shared.run([PYTHON, "-c", script], env={"OTEL_BSP_SCHEDULE_DELAY": NEVER}).code == 0
    take(1)


def test_a_failed_exec_changes_nothing(shared, peer, take):
    script = f"""
import os, urllib.request
urllib.request.urlopen('{peer.url}/1').read()
try:
    os.execv('/nowhere/at/all', ['x'])
except FileNotFoundError:
    urllib.request.urlopen('{peer.url}/2').read()
"""
    assert shared.run([PYTHON, "-c", script], env={"OTEL_BSP_SCHEDULE_DELAY": NEVER}).code == 0
    assert len(take(2)) == 2


def test_run_as_the_entry_point(shared, peer, take):
    """autotrace run execs: the program has its process id."""
    result = shared.run(
        [BUILD / "autotrace", "run", "--service-name", "entry", "--", "sh", "-c", f"echo $$; exec curl -s {peer.url}"],
        env={"LD_PRELOAD": None},
    )
    (span,) = take(1)
    assert (span.service, str(span.pid)) == ("entry", result.out.split("\n")[0])


# --- the ends ---


@pytest.mark.parametrize("how", ["return", "exit", "_exit", "_Exit", "quick_exit", "thread"])
def test_exit(shared, peer, take, how):
    result = shared.run([FETCH, how, peer.port, 7], env={"OTEL_BSP_SCHEDULE_DELAY": NEVER})
    assert result.code == 7 and result.out == result.err == ""
    (span,) = take(1)
    assert (span.kind, span.code, span["url.full"]) == ("client", 200, "http://fetch.example/fetch")


@pytest.mark.parametrize("how, code", [("os._exit(3)", 3), ("sys.exit(4)", 4), ("", 0)])
def test_exit_of_python(shared, peer, take, how, code):
    script = f"import os, sys, urllib.request; urllib.request.urlopen('{peer.url}').read(); {how}"
    assert shared.run([PYTHON, "-c", script], env={"OTEL_BSP_SCHEDULE_DELAY": NEVER}).code == code
    take(1)


def test_exit_of_node(shared, peer, take):
    script = f"fetch('{peer.url}').then((r) => r.text()).then(() => process.exit(5))"
    assert shared.run([program("node"), "-e", script], env={"OTEL_BSP_SCHEDULE_DELAY": NEVER}).code == 5
    take(1)


def test_sigterm_when_asked_for(shared, peer, take):
    """The default action, with a flush before it; the status is a signal's."""
    env = {"OTEL_BSP_SCHEDULE_DELAY": NEVER, "AUTOTRACE_FLUSH_ON_SIGTERM": "true"}
    assert shared.run([FETCH, "raise", peer.port], env=env).code == -signal.SIGTERM
    take(1)
    started = shared.start([FETCH, "pause", peer.port], env=env)
    started.find("waiting")
    assert started.stop() == -signal.SIGTERM
    take(1)


def test_sigterm_otherwise(shared, peer, take):
    """No handler of ours: nothing is seen, nothing is changed, the status is a signal's."""
    assert shared.run([FETCH, "raise", peer.port], env={"OTEL_BSP_SCHEDULE_DELAY": NEVER}).code == -signal.SIGTERM
    take(0)
    started = shared.start([FETCH, "pause", peer.port])
    started.find("waiting")
    status = Path(f"/proc/{started.pid}/status").read_text()
    caught = int([line for line in status.splitlines() if line.startswith("SigCgt")][0].split()[1], 16)
    assert caught & (1 << (signal.SIGTERM - 1)) == 0
    take(1)
    started.stop()


def test_open_requests_at_exit(rig):
    """A request that nobody will answer any more is reported as it is."""
    script = """
import os, socket
s = socket.create_server(('127.0.0.1', 0))
print('listening on', s.getsockname()[1], flush=True)
c = s.accept()[0]
c.recv(1000)
os._exit(0)
"""
    server = rig.start([PYTHON, "-c", script], "leaver")
    with Wire(int(server.find(r"listening on (\d+)")[1])) as wire:
        wire.send(b"GET /open HTTP/1.1\r\nHost: x\r\n\r\n")
        assert wire.more() == b""
    (span,) = rig.take(1)
    assert (span["url.path"], span.status, span.error, span.code) == ("/open", "error", "process_exit", None)


# --- no collector ---


@pytest.fixture
def nobody():
    """An endpoint that refuses."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture
def black_hole():
    """An endpoint that takes every byte and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


@pytest.fixture
def full():
    """An endpoint whose queue is full: connections are never made."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(address)
        fillers.append(filler)
    yield f"http://127.0.0.1:{address[1]}"
    for one in (*fillers, listener):
        one.close()


@pytest.mark.parametrize("kind", ["nobody", "black_hole", "full"])
@pytest.mark.parametrize("limit", [None, 100, 0])
def test_short_lived_without_a_collector(shared, peer, request, kind, limit):
    """curl ends with its own status and output, at most the time-out later, with at most one line."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": request.getfixturevalue(kind), "AUTOTRACE_EXIT_TIMEOUT": limit}
    command = [program("curl"), "-s", peer.url]
    plain = shared.run(command, traced=False)
    traced = shared.run(command, env=env, quiet=False)
    assert (traced.code, traced.out) == (0, plain.out) == (0, "peer")
    assert traced.seconds - plain.seconds < (500 if limit is None else limit) / 1000 + 0.15
    assert len(traced.err.splitlines()) <= 1 and "autotrace: " in traced.err + "autotrace: "


def test_nothing_to_report_costs_no_time(shared, black_hole):
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": black_hole}
    assert min(shared.run(["/bin/true"], env=env).seconds for _ in range(5)) < 0.1


def test_server_without_a_collector(rig, nobody):
    """It serves as ever, and says so once."""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": nobody, "OTEL_BSP_MAX_QUEUE_SIZE": 64}
    server = nginx.start(rig, "127.0.0.1:1", env=env)
    server.quiet = False
    storm(server.port, ["/index.html"] * 300)
    time.sleep(0.3)
    assert server.stop() == 0
    said = [line for line in server.output().splitlines() if "autotrace:" in line]
    assert 1 <= len(said) <= 2 and "spans" in said[-1], said


def test_collector_that_comes_later(rig, peer):
    """Back-off, then delivery: nothing is lost that the queue could hold."""
    port = free_port()
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}", "OTEL_EXPORTER_OTLP_TIMEOUT": 20000}
    server = nginx.start(rig, "127.0.0.1:1", env=env)
    server.quiet = False
    storm(server.port, [f"/early{n}" for n in range(20)])
    time.sleep(0.3)
    late = rig.directory / "late.jsonl"
    command = [BUILD / "autotrace-view", "--listen", f"127.0.0.1:{port}", "--json", late, "--quiet"]
    rig.start(command, traced=False)
    until(lambda: late.exists() and late.read_bytes().count(b"\n") == 20, 15, "delivery")


# --- what must not be seen ---


def test_an_idle_program_is_left_alone(shared):
    """No thread, no descriptor that counts, before there is something to report."""
    script = """
import os, time
print(sorted(int(n) for n in os.listdir('/proc/self/fd'))[:4], len(os.listdir('/proc/self/task')))
s = os.open('/dev/null', os.O_RDONLY); print(s)
"""
    plain = shared.run([PYTHON, "-c", script], traced=False).out
    assert shared.run([PYTHON, "-c", script]).out == plain


def test_descriptor_2_may_be_somebodys_file(shared, peer, nobody, tmp_path):
    script = f"""
import os, urllib.request
os.close(2)
assert os.open('{tmp_path}/data', os.O_CREAT | os.O_WRONLY) == 2
urllib.request.urlopen('{peer.url}').read()
os.write(2, b'data')
"""
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": nobody}
    assert shared.run([PYTHON, "-c", script], env=env, quiet=False).code == 0
    assert (tmp_path / "data").read_bytes() == b"data"


def test_few_descriptors(shared, peer, take):
    script = f"""
import resource, urllib.request
resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
for n in range(20):
    assert urllib.request.urlopen('{peer.url}').read() == b'peer'
"""
    assert shared.run([PYTHON, "-c", script]).code == 0
    take(20)


def test_descriptors_are_not_inherited(shared, peer):
    script = f"""
import subprocess, urllib.request, time
urllib.request.urlopen('{peer.url}').read(); time.sleep(0.2)
print(subprocess.run(
    'echo /proc/self/fd/*', shell=True, close_fds=False, capture_output=True, text=True, env={{}}).stdout)
"""
    traced, plain = (shared.run([PYTHON, "-c", script], traced=t).out for t in (True, False))
    assert len(traced.split()) == len(plain.split())


def test_strict_loading(shared):
    assert shared.run(["/bin/true"], env={"LD_BIND_NOW": "1"}).code == 0
    assert shared.run(["/bin/sh", "-c", "exit 5"], env={"LD_BIND_NOW": "1"}).code == 5


# --- bare places ---


def into_root(root):
    """The command that runs the next one with nothing but `root`; a skip where that is not allowed."""
    if os.geteuid() == 0:
        return [program("chroot"), root]
    command = [program("unshare"), "--user", "--map-root-user", program("chroot"), root]
    if subprocess.run([*command[:3], "true"], capture_output=True, check=False).returncode:
        pytest.skip("neither root nor user namespaces: no chroot")
    return command


def libraries(path):
    """What the loader would take: the C library and the loader itself."""
    out = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return {word for line in out.splitlines() for word in line.split() if word.startswith("/")}


def test_nothing_but_the_program_and_the_library(shared, peer, take, tmp_path):
    """Like a container built from nothing: no /proc, no /etc, no certificates, no libcurl."""
    root = tmp_path / "root"
    needed = libraries(FETCH)
    assert libraries(LIBRARY) <= needed | {str(LIBRARY)}
    for path in needed:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    shutil.copy(LIBRARY, root / "libautotrace.so")
    shutil.copy(FETCH, root / "fetch")
    command = [str(c) for c in (*into_root(root), "/fetch", "return", peer.port, 6)]
    # The path is the one inside; a chroot that is traced itself would not find the library.
    script = f"import os; os.environ['LD_PRELOAD'] = '/libautotrace.so'; os.execv({command[0]!r}, {command!r})"
    result = shared.run([PYTHON, "-c", script], "bare", env={"LD_PRELOAD": None})
    assert (result.code, result.out) == (6, ""), result.err
    (span,) = take(1)
    assert (span.service, span.code) == ("bare", 200) and span.resource["service.instance.id"]


def compiled(tmp_path, *flags):
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    out = tmp_path / "fetch"
    command = ["gcc", "-g", *flags, "-pthread", "-o", out, SOURCE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"gcc cannot do {flags}: {done.stderr[-200:]}")
    return out


@pytest.mark.parametrize("how", ["preloaded", "unordered", "static"])
def test_address_sanitizer(shared, peer, take, tmp_path, how):
    """A program built with -fsanitize=address, its leak check included."""
    static = ["-static-libasan"] if how == "static" else []
    built = compiled(tmp_path, "-fsanitize=address", *static)
    env = {"ASAN_OPTIONS": "detect_leaks=1"}
    if how == "preloaded":
        runtime = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
        env["LD_PRELOAD"] = f"{os.path.realpath(runtime.stdout.strip())}:{LIBRARY}"
    if how == "unordered":
        env["ASAN_OPTIONS"] += ":verify_asan_link_order=0"
    for end in ("return", "_exit", "thread"):
        result = shared.run([built, end, peer.port, 3], env=env)
        assert (result.code, result.err) == (3, "")
    take(3)


def test_thread_sanitizer(shared, peer, take, tmp_path):
    built = compiled(tmp_path, "-fsanitize=thread")
    result = shared.run([built, "thread", peer.port, 3])
    assert (result.code, result.err) == (3, "")
    take(1)


def test_static_program(shared, peer, take, tmp_path):
    """Nothing to hook; nothing breaks."""
    built = compiled(tmp_path, "-static")
    assert shared.run([built, "return", peer.port, 3]).code == 3
    take(0)


def test_two_copies_in_the_preload(shared, peer, take):
    """Named twice, it works once."""
    result = shared.run([FETCH, "return", peer.port, 3], env={"LD_PRELOAD": f"{LIBRARY}:{LIBRARY}"})
    assert result.code == 3 and only(take(1), kind="client").code == 200
