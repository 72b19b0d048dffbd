"""Spans that outlive their process: SIGKILL, exits without waiting, forks, full disks, and what must be left alone."""

import os
import re
import resource
import signal
import struct
import subprocess
import sys
import time
from glob import glob
from pathlib import Path

import pytest

from rig import BUILD, PYTHON, Wire, ask, environment, program, respond, until

sys.path.insert(0, str(Path(__file__).parents[1] / "spool"))
from kill import CONFIRM, Killing, look_into  # noqa: E402

EMIT = BUILD / "tests" / "programs" / "emit"
FETCH = BUILD / "tests" / "programs" / "fetch"
AUTOTRACE = BUILD / "autotrace"
NOWHERE = "http://127.0.0.1:1"
NEVER = 600000


@pytest.fixture
def spool(rig):
    return rig.directory / "spool"


def files(spool):
    return sorted(spool.glob("*.spool")) if spool.exists() else []


def left_by_emit(rig, spool, count=5, **more):
    """A file with `count` spans of a killed process; its process id."""
    env = {"AUTOTRACE_SPOOL_DIR": spool, "OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE, "OTEL_LOG_LEVEL": "none", **more}
    command = [str(EMIT), str(count), "linger=60000"]
    process = subprocess.Popen(command, env=rig.env("gone", LD_PRELOAD=None, **env), stdout=subprocess.DEVNULL)
    kill_with(spool, process, count)
    return process.pid


def kill_with(spool, process, count):
    """Kills a process once its file has that many spans, and its resource."""

    def complete():
        for path in files(spool):
            if path.name.startswith(f"{process.pid}-"):
                left, _, described = look_into(path)
                return described and len(left) == count
        return False

    until(complete, what="the spool file")
    process.kill()
    process.wait()


def flush(rig, spool, *options, endpoint=None, code=0):
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT=endpoint or rig.collector.endpoint)
    done = subprocess.run(
        [AUTOTRACE, "flush", *options, spool], env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


# --- killed ---


def test_thirty_rounds(tmp_path):
    killing = Killing(tmp_path, seed=20)
    killing.run(30)
    figures = killing.judge()
    assert not figures["missing"] and not figures["strange"] and not figures["twice"], figures
    assert figures["finished"] > 500, figures
    assert not killing.leftovers() and killing.log.read_text() == ""
    killing.collector.stop()


def test_killed_children(tmp_path):
    """Each process has a file of its own."""
    killing = Killing(tmp_path, seed=21, processes=3)
    killing.run(10)
    figures = killing.judge()
    assert not figures["missing"] and not figures["strange"] and not figures["twice"], figures
    assert figures["finished"] > 100, figures
    killing.collector.stop()


def test_nginx_worker_killed(rig, spool):
    """A worker dies, its siblings and its successor live: what it had finished comes by one of them."""
    import nginx

    spool.mkdir(mode=0o1777)
    spool.chmod(0o1777)
    env = {"AUTOTRACE_SPOOL_DIR": spool, "OTEL_BSP_SCHEDULE_DELAY": NEVER}
    server = nginx.start(rig, "127.0.0.1:1", workers=1, env=env)
    names = [f"/{n}" for n in range(20)]
    with Wire(server.port) as wire:
        for name in names:
            wire.ask(name)
        (path,) = files(spool)
        until(lambda: len(look_into(path)[0]) == len(names), what="the last span")
        os.kill(int(path.name.split("-")[0]), signal.SIGKILL)
    until(lambda: ask_or_none(server.port), what="the next worker")
    server.stop()
    rig.programs.remove(server)  # it tells of the kill, which would count as a crash
    spans = rig.take(21)
    assert sorted(s["url.path"] for s in spans if s["url.path"] != "/again") == sorted(names)
    assert len({s.pid for s in spans}) == 2 and not files(spool)


def ask_or_none(port):
    try:
        return ask(port, "/again")
    except (OSError, AssertionError):
        return None


def test_original_resource(rig, spool):
    """Whose spans they were, what was to be hidden, how routes were named: as in the process that died."""
    pid = left_by_emit(
        rig, spool, 3, OTEL_RESOURCE_ATTRIBUTES="team=blue", AUTOTRACE_ROUTES="/api/{all}/{who}/{what}",
    )  # fmt: skip
    assert "3 spans of 1 files delivered" in flush(rig, spool).stdout
    for span in rig.take(3):
        assert (span.service, span.pid, span.resource["team"]) == ("gone", pid, "blue")
        assert span.resource["process.executable.name"] == "emit" and span.resource["host.name"]
        assert span["http.route"] == "/api/{all}/{who}/{what}"
    assert not files(spool)


def test_redaction_of_the_dead(rig, spool):
    command = [str(EMIT), "1", "attr=pin=4711&a=b", "linger=60000"]
    env = {"AUTOTRACE_SPOOL_DIR": spool, "OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE, "AUTOTRACE_REDACT_QUERY_ADD": "pin"}
    process = subprocess.Popen(
        command, env=rig.env("gone", LD_PRELOAD=None, OTEL_LOG_LEVEL="none", **env), stdout=subprocess.DEVNULL
    )
    kill_with(spool, process, 1)
    flush(rig, spool)
    (span,) = rig.take(1)
    assert span["url.query"] == "pin=REDACTED&a=b"


def test_before_the_resource_is_known(rig, spool):
    """Killed within the first millisecond: what the user said, and who it was, is there all the same."""
    pid = left_by_emit(rig, spool, 2, OTEL_RESOURCE_ATTRIBUTES="team=blue")
    (path,) = files(spool)
    data = bytearray(path.read_bytes())
    struct.pack_into("<Q", data, 96, 0)
    path.write_bytes(data)
    flush(rig, spool)
    for span in rig.take(2):
        assert (span.service, span.pid, span.resource["team"]) == ("gone", pid, "blue")
        assert span.resource["process.executable.name"] == "emit"


def test_next_process(rig, spool):
    pid = left_by_emit(rig, spool, 700)
    peer = rig.peer()
    result = rig.run([FETCH, "exit", peer.port, 0], env={"AUTOTRACE_SPOOL_DIR": spool})
    assert result.code == 0
    spans = rig.take(701)
    assert sum(s.pid == pid for s in spans) == 700 and not files(spool)


def test_next_process_in_another_time(rig, spool):
    """The program's clock, ten years ahead here, makes nobody's file too old: files carry the kernel's time."""
    found = glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        pytest.skip("libfaketime is not installed")
    left_by_emit(rig, spool)
    env = {"AUTOTRACE_SPOOL_DIR": spool, "LD_PRELOAD": found[0], "FAKETIME": "+10y"}
    env["AUTOTRACE_EXIT_TIMEOUT"] = 20000
    rig.run([EMIT, "1"], "next", env=env, quiet=False)
    assert sorted(s.service for s in rig.take(6)) == ["gone"] * 5 + ["next"]


def test_two_at_once(rig, spool):
    """Several recoverers, and each file is delivered by one."""
    for _ in range(4):
        left_by_emit(rig, spool, 600)
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT=rig.collector.endpoint)
    both = [subprocess.Popen([AUTOTRACE, "flush", spool], env=env, stdout=subprocess.PIPE) for _ in range(4)]
    said = b"".join(p.communicate(timeout=30)[0] for p in both).decode()
    assert sum(map(int, re.findall(r"(\d+) spans of", said))) == 2400, said
    rig.take(2400)
    assert not files(spool)


def test_a_recoverer_that_is_killed(rig, spool):
    """What it had delivered is not delivered again."""
    left_by_emit(rig, spool, 2000)
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT=rig.collector.endpoint)
    first = subprocess.Popen([AUTOTRACE, "flush", spool], env=env, stdout=subprocess.DEVNULL)
    until(lambda: len(rig.collector.all()) >= 512, what="the first batch")
    first.kill()
    first.wait()
    time.sleep(0.2)
    before = len(rig.collector.all())
    done = flush(rig, spool)
    unsure = int((re.findall(r"(\d+) of them had been on their way", done.stdout) or ["0"])[0])
    time.sleep(0.2)
    spans = rig.collector.all()
    assert len({(s.trace, s.id) for s in spans}) == 2000
    assert len(spans) - 2000 <= unsure <= 512 and before >= 512


# --- ends without a kill ---


def test_nothing_stays_behind(rig, spool):
    peer = rig.peer()
    assert rig.run([FETCH, "exit", peer.port, 0], env={"AUTOTRACE_SPOOL_DIR": spool}).code == 0
    rig.take(1)
    assert list(spool.iterdir()) == [] and spool.stat().st_mode & 0o777 == 0o700


def test_left_instead_of_waiting(rig, spool):
    """A command that does not wait at its end leaves its span, under its whole resource."""
    peer = rig.peer()
    env = {"AUTOTRACE_SPOOL_DIR": spool, "AUTOTRACE_EXIT_TIMEOUT": 0, "OTEL_BSP_SCHEDULE_DELAY": NEVER}
    for _ in range(3):
        assert rig.run([FETCH, "exit", peer.port, 0], env=env).code == 0
    assert len(files(spool)) == 3
    assert "3 spans of 3 files delivered\n" == flush(rig, spool).stdout
    assert all(s.resource["host.name"] and s.resource["process.owner"] for s in rig.take(3))


def test_no_collector_at_exit(rig, spool):
    """What cannot be delivered is no loss: it is in the spool, and nothing is said."""
    peer = rig.peer()
    env = {"AUTOTRACE_SPOOL_DIR": spool, "OTEL_EXPORTER_OTLP_ENDPOINT": NOWHERE}
    result = rig.run([FETCH, "exit", peer.port, 0], env=env)
    assert result.seconds < 2 and len(files(spool)) == 1
    flush(rig, spool)
    rig.take(1)


def test_a_collector_that_comes_back(rig, spool):
    """With a spool nothing is given up while there is room."""
    from collector import Answer, Collector

    with Collector(always=Answer(status=503)) as c:
        command = [str(EMIT), "100", "linger=3000"]
        env = {"AUTOTRACE_SPOOL_DIR": spool, "OTEL_EXPORTER_OTLP_ENDPOINT": c.url(), "OTEL_EXPORTER_OTLP_TIMEOUT": 200}
        process = subprocess.Popen(
            command, env=rig.env("back", LD_PRELOAD=None, OTEL_LOG_LEVEL="none", **env), stdout=subprocess.PIPE
        )
        until(lambda: len(c.requests) >= 2, what="two attempts")
        c.always = Answer()
        out = process.communicate(timeout=20)[0].decode()
        assert '"spans_exported": 100' in out and '"lost": 0' in out, out
        assert len(c.spans) == 100


def test_exec_and_fork(rig, spool):
    """The child has its own file; what a program leaves at exec is empty and goes with the next look."""
    peer = rig.peer()
    script = f"""
import os, urllib.request
urllib.request.urlopen('{peer.url}/parent').read()
if os.fork() == 0:
    urllib.request.urlopen('{peer.url}/child').read()
    os._exit(0)
os.wait()
os.execv('{FETCH}', ['fetch', 'exit', '{peer.port}', '0'])
"""
    assert rig.run([PYTHON, "-c", script], env={"AUTOTRACE_SPOOL_DIR": spool}).code == 0
    spans = rig.take(3)
    assert len({s.resource["service.instance.id"] for s in spans}) == 3
    assert not files(spool)


def test_run_option(rig, spool):
    """The path is made absolute: the command may be at home elsewhere."""
    peer = rig.peer()
    command = [AUTOTRACE, "run", "--spool", "spool", "--", program("sh"), "-c", f"cd /; exec {FETCH} exit {peer.port}"]
    env = {"LD_PRELOAD": None, "AUTOTRACE_EXIT_TIMEOUT": 0, "OTEL_BSP_SCHEDULE_DELAY": NEVER}
    rig.run(command, env=env, cwd=rig.directory)
    assert len(files(spool)) == 1
    flush(rig, spool)
    rig.take(1)


# --- what the library says, and does without ---


def once(rig, spool, **popen):
    """A command with a spool that cannot be had: it is traced all the same, and one line says so."""
    peer = rig.peer()
    result = rig.run([FETCH, "exit", peer.port, 0], env={"AUTOTRACE_SPOOL_DIR": spool}, quiet=False, **popen)
    rig.take(1)
    assert result.code == 0 and len(result.err.splitlines()) == 1, result.err
    assert "spans wait in memory only" in result.err
    return result.err


def test_disk_full(rig, spool):
    spool.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", spool], check=False)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        assert "error 28" in once(rig, spool)
        assert list(spool.iterdir()) == []
    finally:
        subprocess.run(["umount", spool], check=True)


def test_directories_that_will_not_do(rig, spool):
    assert "no absolute path" in once(rig, "relative/path")
    assert "cannot be made" in once(rig, "/proc/here/there")
    spool.mkdir()
    spool.chmod(0o777)
    assert "not sticky" in once(rig, spool)
    spool.chmod(0o700)
    if os.geteuid() == 0:
        os.chown(spool, 4321, 4321)
        assert "somebody else" in once(rig, spool)
        os.chown(spool, 0, 0)
    link = spool.parent / "link"
    link.symlink_to(spool)
    assert "no directory" in once(rig, link)


def test_file_size_limit(rig, spool):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

    assert "error 27" in once(rig, spool, preexec_fn=limit)


# --- what is left alone ---


def test_living_files(rig, spool):
    env = {"AUTOTRACE_SPOOL_DIR": spool, "OTEL_BSP_SCHEDULE_DELAY": NEVER}
    server = rig.start([CONFIRM, rig.directory / "cells"], "alive", env=env)
    port = int(server.find(r"listening on (\d+)")[1])
    ask(port, "/0/0/0")
    until(lambda: files(spool) and look_into(files(spool)[0])[2], what="its file")
    assert flush(rig, spool).stdout == "0 spans of 0 files delivered, 1 files in use\n"
    server.stop(signal.SIGKILL)
    assert flush(rig, spool).stdout.startswith("1 spans of 1 files delivered")
    rig.take(1)


def test_version_from_the_future(rig, spool):
    left_by_emit(rig, spool)
    (path,) = files(spool)
    data = bytearray(path.read_bytes())
    data[8] += 1
    path.write_bytes(data)
    done = flush(rig, spool, code=1)
    assert "1 files of another version left alone" in done.stdout
    assert done.stderr.count("\n") == 1 and "another version" in done.stderr
    assert path.read_bytes() == data
    peer = rig.peer()
    result = rig.run([FETCH, "exit", peer.port, 0], env={"AUTOTRACE_SPOOL_DIR": spool}, quiet=False)
    rig.take(1)
    assert len(result.err.splitlines()) == 1 and "another version, left alone" in result.err


def test_damaged_and_foreign(rig, spool):
    """A torn record is skipped and counted; the others come. What is no spool file stays."""
    left_by_emit(rig, spool, 9)
    (path,) = files(spool)
    data = bytearray(path.read_bytes())
    data[65536 + 100] ^= 1
    path.write_bytes(data)
    (spool / "notes.spool").write_text("not one of ours")
    (spool / "empty.spool").write_bytes(b"")
    (spool / "readme.txt").write_text("hello")
    (spool / "link.spool").symlink_to("/etc/passwd")
    os.mkfifo(spool / "pipe.spool")
    (spool / "directory.spool").mkdir()
    done = flush(rig, spool)
    assert done.stdout.startswith("8 spans of 1 files delivered") and "1 places unreadable" in done.stdout
    rig.take(8)
    assert {p.name for p in spool.iterdir()} == {
        "notes.spool", "empty.spool", "readme.txt", "link.spool", "pipe.spool", "directory.spool",
    }  # fmt: skip


def test_cut_file(rig, spool):
    """As after a power cut: what is whole comes."""
    left_by_emit(rig, spool, 50)
    (path,) = files(spool)
    os.truncate(path, 65536 + 10000)
    done = flush(rig, spool)
    count = int(done.stdout.split()[0])
    assert 10 < count < 50 and "places unreadable" in done.stdout
    rig.take(count)


def test_too_old(rig, spool):
    left_by_emit(rig, spool, 6)
    (path,) = files(spool)
    os.utime(path, (1, 1))
    assert "6 spans dropped: too old" in flush(rig, spool, code=1).stdout
    assert not files(spool)


def test_limit_on_what_is_left(rig, spool):
    """The collector stays away: the oldest go, and are counted."""
    for _ in range(3):
        left_by_emit(rig, spool, 4)
        time.sleep(0.02)
    size = files(spool)[0].stat().st_size
    env = environment(OTEL_EXPORTER_OTLP_ENDPOINT=NOWHERE, AUTOTRACE_SPOOL_LIMIT=2 * size + 100000)
    done = subprocess.run([AUTOTRACE, "flush", spool], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "4 spans dropped" in done.stdout, (done.stdout, done.stderr)
    assert len(files(spool)) == 2
    assert flush(rig, spool).stdout.startswith("8 spans of 2 files")
    rig.take(8)


# --- autotrace flush ---


def test_flush_says_what_is_wrong(rig, spool):
    left_by_emit(rig, spool, 2)
    done = flush(rig, spool, endpoint=NOWHERE, code=1)
    assert "1 files could not be delivered" in done.stdout and "cannot be reached" in done.stderr
    assert flush(rig, spool, "--endpoint", rig.collector.endpoint, endpoint=NOWHERE).stdout.startswith("2 spans")
    rig.take(2)
    assert "No such file" in flush(rig, rig.directory / "nothing", code=125).stderr


def test_flush_usage(rig):
    for arguments in ([], ["a", "b"], ["--nonsense"], ["--endpoint"]):
        done = subprocess.run(
            [AUTOTRACE, "flush", *arguments], env=environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 2 and done.stderr.startswith("autotrace: flush: "), done
    done = subprocess.run([AUTOTRACE, "flush", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "--endpoint" in done.stdout


def test_flush_looks_up_names(rig, spool):
    """The program is static and yet knows the names of this machine."""
    left_by_emit(rig, spool, 2)
    port = rig.collector.endpoint.split(":")[-1]
    name = os.uname().nodename
    try:
        import socket

        if not socket.gethostbyname(name).startswith("127."):
            pytest.skip(f"{name} does not lead to loopback")
    except OSError:
        pytest.skip(f"{name} has no address")
    flush(rig, spool, endpoint=f"http://{name}:{port}")
    rig.take(2)
