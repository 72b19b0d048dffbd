"""Python says which request its tasks, jobs and callbacks work for; and nothing else of it changes."""

import asyncio
import os
import re
import subprocess
import zipapp
from pathlib import Path

import pytest

from rig import APPS, BUILD, LIBRARY, PYTHON, environment, respond

MANY = 64
CALLS = {"sleep": 2, "gather": 3, "pool": 2, "executor": 2, "thread": 1}
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
PLUG = BUILD / "tests/programs/held.so"
OTHERS = sorted(PYENV.glob("versions/3.*/bin/python"))
KNOWN = [PYTHON, *(p for p in OTHERS if int(p.parts[-3].split(".")[1]) >= 8)]


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(lambda connection, head, body: respond(b"ok"))


def url(peer):
    return f"http://127.0.0.1:{peer.port}"


async def visit(port, paths):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        await reader.readexactly(int(re.search(rb"ength: (\d+)", head)[1]))
    writer.close()


def ask_many(port, paths, each=2):
    """Every path, MANY connections at once, `each` on one."""

    async def everybody():
        rows = [paths[i : i + each] for i in range(0, len(paths), each)]
        for i in range(0, len(rows), MANY):
            await asyncio.gather(*(visit(port, row) for row in rows[i : i + MANY]))

    asyncio.run(everybody())


def judge(spans, wanted):
    """Every call has the request in its URL for its parent; `wanted` calls in all."""
    served = {s.id: s["url.path"] for s in spans if s.kind == "server"}
    calls = [s for s in spans if s.kind == "client"]
    assert len(calls) == wanted
    for call in calls:
        truth = re.search(r"//[^/]+(/.*)/\d+$", call["url.full"])[1]
        assert served.get(call.parent) == truth, call
        assert call.rule == "bridge", call


def run_kind(shared, server, kind, requests, each=2):
    take = shared.fresh()
    ask_many(server.port, [f"/{kind}/{n}" for n in range(requests)], each)
    spans = take(requests * (1 + CALLS[kind]), seconds=20)
    judge(spans, requests * CALLS[kind])


def start(shared, command, peer, *more, **env):
    # 32,768 spans wait at most, so that a burst loses none.
    env = {"OTEL_BSP_MAX_QUEUE_SIZE": 32768, **env}
    started = shared.start([*command, url(peer), *more], "loops", env=env)
    started.port = int(started.find(r"listening on (\d+)")[1])
    return started


@pytest.fixture(scope="module")
def loops(shared, peer):
    return start(shared, [PYTHON, APPS / "loops.py"], peer)


@pytest.mark.parametrize("kind", CALLS)
def test_asyncio(shared, loops, kind):
    run_kind(shared, loops, kind, 2 * MANY)


def test_a_worker_of_the_whole_program_works_for_nobody(shared, loops):
    take = shared.fresh()
    ask_many(loops.port, [f"/queue/{n}" for n in range(40)])
    spans = take(80)
    assert all(not s.parent and s.rule == "none" for s in spans if s.kind == "client")


def test_a_call_after_the_answer_has_no_parent(shared, loops):
    take = shared.fresh()
    ask_many(loops.port, [f"/late/{n}" for n in range(40)], each=1)
    spans = take(80)
    assert all(not s.parent for s in spans if s.kind == "client")


def test_a_child_of_a_job(shared, loops):
    take = shared.fresh()
    ask_many(loops.port, ["/fork/1"])
    spans = take(2)
    assert not [s for s in spans if s.kind == "client" and s.parent not in (None, spans[0].id)]


# --- how a Python is started ---


def test_isolated(shared, peer):
    run_kind(shared, start(shared, [PYTHON, "-I", "-S", APPS / "loops.py"], peer), "gather", 20)


def test_zipapp(shared, peer, tmp_path):
    (tmp_path / "app").mkdir()
    (tmp_path / "app/__main__.py").write_bytes((APPS / "loops.py").read_bytes())
    zipapp.create_archive(tmp_path / "app", tmp_path / "app.pyz")
    run_kind(shared, start(shared, [PYTHON, tmp_path / "app.pyz"], peer), "executor", 20)


def test_venv(shared, peer, tmp_path):
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, env=environment())
    run_kind(shared, start(shared, [tmp_path / "venv/bin/python", APPS / "loops.py"], peer), "gather", 20)


def test_sitecustomize(shared, peer, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import asyncio, concurrent.futures.thread\n")
    server = start(shared, [PYTHON, APPS / "loops.py"], peer, PYTHONPATH=tmp_path)
    run_kind(shared, server, "executor", 20)


@pytest.mark.parametrize("python", OTHERS or [None], ids=lambda p: p and p.parts[-3])
def test_other_versions(shared, peer, python):
    if not python:
        pytest.skip(f"no other Python in {PYENV}")
    minor = int(python.parts[-3].split(".")[1])
    if minor < 7:
        pytest.skip(f"3.{minor} has no asyncio.run")
    server = start(shared, [python, APPS / "loops.py"], peer)
    if minor >= 8:
        run_kind(shared, server, "gather", MANY)
        run_kind(shared, server, "executor", MANY)
        return
    take = shared.fresh()
    ask_many(server.port, [f"/sleep/{n}" for n in range(20)])
    assert not [s for s in take(60) if s.rule == "bridge"]


# --- uvloop, uvicorn ---


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_uvicorn(shared, peer, loop):
    pytest.importorskip("uvicorn")
    pytest.importorskip(loop)
    command = [PYTHON, "-m", "uvicorn", "--port", "0", "--loop", loop, "--no-access-log", "ring:app"]
    server = shared.start(command, "ring", env={"PEER": url(peer), "OTEL_BSP_MAX_QUEUE_SIZE": 32768})
    server.port = int(server.find(r"running on http://127.0.0.1:(\d+)")[1])
    run_kind(shared, server, "gather", 2 * MANY)
    run_kind(shared, server, "sleep", 2 * MANY)


@pytest.fixture(scope="module")
def uvloops(shared, peer):
    pytest.importorskip("uvloop")
    script = f"import runpy, uvloop\nuvloop.install()\nrunpy.run_path({str(APPS / 'loops.py')!r}, run_name='__main__')"
    server = start(shared, [PYTHON, "-c", script], peer)
    take = shared.fresh()
    ask_many(server.port, ["/sleep/0"])  # from its first answer on the bridge knows the protocol
    take(3)
    return server


@pytest.mark.parametrize("kind", ["sleep", "gather", "executor"])
def test_a_connection_s_own_task_on_uvloop(shared, uvloops, kind):
    run_kind(shared, uvloops, kind, 2 * MANY)


@pytest.mark.parametrize(("kind", "each"), [("queue", 2), ("late", 1), ("late", 4)])
def test_nobody_s_work_on_uvloop(shared, uvloops, kind, each):
    """The next request of a connection may have come before what is called late."""
    take = shared.fresh()
    ask_many(uvloops.port, [f"/{kind}/{n}" for n in range(80)], each)
    assert all(not s.parent and s.rule == "none" for s in take(160) if s.kind == "client")


# --- greenlets ---


@pytest.fixture(scope="module", params=["gevent", "eventlet"])
def green(request, shared, peer):
    return start(shared, [PYTHON, APPS / "green.py", request.param], peer)


@pytest.mark.parametrize(("kind", "calls"), [("pool", 2), ("plain", 2), ("spawn", 3), ("threads", 2)])
def test_greenlets(shared, green, kind, calls):
    take = shared.fresh()
    ask_many(green.port, [f"/{kind}/{n}" for n in range(2 * MANY)])
    judge(take(2 * MANY * (1 + calls), seconds=20), 2 * MANY * calls)


@pytest.mark.parametrize("kind", ["queue", "late"])
def test_a_greenlet_that_works_for_nobody(shared, green, kind):
    take = shared.fresh()
    ask_many(green.port, [f"/{kind}/{n}" for n in range(40)], each=1)
    assert all(not s.parent and s.rule == "none" for s in take(80) if s.kind == "client")


# --- nothing else changes ---

LOOK = """
import asyncio, sys, threading, warnings, concurrent.futures
async def main():
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    await asyncio.get_running_loop().run_in_executor(None, int)
    await asyncio.to_thread(int)
    server.close()
asyncio.run(main())
import inspect
loop = asyncio.new_event_loop()
print(*sorted(sys.modules))
print(sys.flags, sys.path, sys.warnoptions, threading.active_count())
print(inspect.signature(asyncio.Handle), inspect.signature(loop.run_forever), loop.run_forever.__doc__)
loop.close()
print(*sorted(__import__("os").environ.keys() - {"LD_PRELOAD"}))
sys.exit(7)
"""


def look(*options, python=PYTHON, **env):
    plain = environment(AUTOTRACE_EXPORTER=None, OTEL_TRACES_EXPORTER="none", **env)
    return [
        subprocess.run([python, *options, "-c", LOOK], env=e, capture_output=True, timeout=30, check=False)
        for e in (plain, {**plain, "LD_PRELOAD": str(LIBRARY)})
    ]


@pytest.mark.parametrize("options", ["", "-I", "-S", "-W error", "-bb -W error", "-O"])
def test_nothing_else_is_seen(options):
    without, traced = look(*options.split())
    assert without.returncode == 7, without.stderr.decode()
    assert (traced.returncode, traced.stdout, traced.stderr) == (7, without.stdout, without.stderr)


def test_opt_out(shared, peer):
    server = start(shared, [PYTHON, APPS / "loops.py"], peer, AUTOTRACE_BRIDGES="none")
    take = shared.fresh()
    ask_many(server.port, [f"/sleep/{n}" for n in range(20)])
    assert not [s for s in take(60) if s.rule == "bridge"]


FOREIGN = """
import sys, types
events = types.ModuleType("asyncio.events")
class Handle: pass
events.Handle = Handle
base = types.ModuleType("asyncio.base_events")
class BaseEventLoop:
    def run_forever(self): pass
base.BaseEventLoop = BaseEventLoop
was = BaseEventLoop.run_forever
sys.modules["asyncio.events"], sys.modules["asyncio.base_events"] = events, base
import socket
socket.socketpair()
for _ in range(1000): pass
print(BaseEventLoop.run_forever is was)
"""


def test_a_foreign_runtime_is_left_alone_with_one_line():
    env = environment(LD_PRELOAD=LIBRARY, OTEL_TRACES_EXPORTER="none")
    done = subprocess.run([PYTHON, "-c", FOREIGN], env=env, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, b"True\n"), done.stderr.decode()
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and "asyncio is not as expected" in lines[0], lines


@pytest.mark.parametrize("how", ["let", "kept"])
@pytest.mark.parametrize("python", KNOWN, ids=lambda p: str(p).split("/")[-3])
def test_nobody_waits_for_the_interpreter_while_holding_a_lock(python, how):
    env = environment(LD_PRELOAD=LIBRARY, OTEL_TRACES_EXPORTER="none")
    command = [python, APPS / "held.py", PLUG, how]
    done = subprocess.run(command, env=env, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"done\n", b"")


AT_EXIT = """
import asyncio, atexit, socket
def late():
    for end in socket.socketpair():
        end.close()
    socket.create_server(("127.0.0.1", 0)).close()
    asyncio.run(asyncio.sleep(0))
    print("end")
atexit.register(late)
"""


@pytest.mark.parametrize("python", KNOWN, ids=lambda p: str(p).split("/")[-3])
def test_exit_functions_may_make_sockets(python, tmp_path):
    """The first that the library sees of this Python, and once more."""
    env = environment(LD_PRELOAD=LIBRARY, OTEL_TRACES_EXPORTER="none")
    (tmp_path / "module.py").write_text(AT_EXIT)
    for how in (["-c", AT_EXIT], ["-m", "module"]):
        done = subprocess.run([python, *how], env=env, cwd=tmp_path, capture_output=True, timeout=30, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"end\n", b"")


def test_loops_in_other_threads(shared, peer):
    """The main thread waits for ever; loops run in others."""
    code = APPS / "loops.py"
    script = (
        "import sys, threading, asyncio, runpy\n"
        f"sys.argv = [{str(code)!r}, *sys.argv[1:]]\n"
        f"t = threading.Thread(target=runpy.run_path, args=[{str(code)!r}], kwargs=dict(run_name='__main__'))\n"
        "t.start(); t.join()\n"
    )
    server = start(shared, [PYTHON, "-c", script], peer)
    run_kind(shared, server, "gather", 40)
