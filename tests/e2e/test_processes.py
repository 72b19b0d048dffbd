"""Processes made and changed in every way: children that no fork handler has seen, children in our memory, many forks
under load, rights given up, limits.
"""

import os
import re
import resource
import socket
import subprocess
from pathlib import Path

import pytest

from rig import APPS, BUILD, PYTHON, Collector, Wire

PROCESSES = BUILD / "tests/programs/processes"
NEVER = 600000  # a schedule delay that only a flush can beat


@pytest.fixture
def take(shared):
    return shared.fresh()


def does(rig, *arguments, **more):
    result = rig.run([PROCESSES, *arguments], "processes", **more)
    assert (result.code, result.err) == (0, ""), (result.out, result.err)
    assert result.out.endswith("ok\n")
    return result


def by_process(spans):
    """How many spans each process made, most first; no two processes have an instance id in common."""
    pids = [s.pid for s in spans]
    assert len({(s.pid, s.resource["service.instance.id"]) for s in spans}) == len(set(pids))
    return sorted((pids.count(pid) for pid in set(pids)), reverse=True)


def whole(spans):
    """Every request was answered."""
    assert {(s.code, s.error) for s in spans} <= {(200, None)}, spans
    return spans


# --- children that no fork handler has seen ---


@pytest.mark.parametrize("end", ["_exit", "exit"])
@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.parametrize("how", ["fork", "inline", "_Fork", "clone", "clone3"])
def test_a_child_by_a_bare_system_call(shared, take, how, when, end):
    """It is traced as itself, reports nothing of its parent's, and ends without delay."""
    result = does(shared, "bare", how, when, end, env={"OTEL_BSP_SCHEDULE_DELAY": NEVER})
    assert int(re.search(r"took (\d+) ms", result.out)[1]) < 300
    spans = whole(take(6 if when == "late" else 4))
    child = int(re.search(r"child (\d+)", result.out)[1])
    assert sum(s.pid == child for s in spans) == 2
    assert len(by_process(spans)) == 2


def test_a_bare_child_of_a_program_with_threads(shared, take):
    """No thread can be made there: another one may have held malloc's lock. Its spans are counted as lost."""
    result = shared.run([PROCESSES, "bare", "fork", "threads", "_exit"], quiet=False)
    assert (result.code, result.out.splitlines()[-1]) == (0, "ok")
    child = re.search(r"child (\d+) took (\d+) ms", result.out)
    assert int(child[2]) < 300
    assert re.findall(r"autotrace: (\d+): lost (\d+) of (\d+)", result.err) == [(child[1], "2", "2")]
    assert by_process(whole(take(4))) == [4]


@pytest.mark.parametrize("end", ["_exit", "exec"])
@pytest.mark.parametrize("how", ["clone_vm", "vfork"])
def test_a_child_in_our_memory(shared, take, how, end):
    """What it closes is its own, its end is not ours: the parent's open request is answered as ever."""
    began = does(shared, how, end).seconds
    assert began < 5
    assert by_process(whole(take(6))) == [6]


# --- the usual ways ---


@pytest.mark.parametrize("how, counts", [("double_fork", [2, 2]), ("daemon", [2, 2]), ("commands", [40])])
def test_ordinary_children(shared, take, how, counts):
    """double fork, daemon(), posix_spawn, system and popen between requests: each process has its own spans."""
    result = shared.run([PROCESSES, how], "processes")
    assert (result.code, result.err) == (0, "")
    assert by_process(whole(take(sum(counts)))) == counts


def test_python_runs_commands_while_it_serves(shared, take):
    """subprocess uses vfork and closes everything in its parent's memory, by eight threads at once."""
    server = shared.python("forking.py", "thread", service="runner")
    wires = [Wire(server.port) for _ in range(8)]
    for turn in range(10):
        for n, wire in enumerate(wires):
            wire.send(f"GET /run{turn}-{n} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        wires = [(wire.answer().status, wire.close(), Wire(server.port))[2] for wire in wires]
    for wire in wires:
        wire.close()
    assert by_process(whole(take(80, 20))) == [80]
    server.stop()


@pytest.mark.parametrize("errors", ["log", "connection"])
def test_a_superserver_s_child(shared, take, errors):
    """One connection on 0 and 1, and on 2 as well: requests read from one are answered on another."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        served, _ = listener.accept()
    with client, served:
        err = served if errors == "connection" else subprocess.DEVNULL
        command = [PYTHON, APPS / "superserved.py"]
        child = subprocess.Popen(command, env=shared.env("inetd"), stdin=served, stdout=served, stderr=err)
        served.close()
        client.settimeout(20)
        for i in range(3):
            client.sendall(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % i)
            answer = b""
            while not answer.endswith(b"yes"):
                answer += client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 OK")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(4096) == b""
        assert child.wait(20) == 0
    assert [s.attrs["url.path"] for s in whole(take(3))] == ["/0", "/1", "/2"]


def test_forks_under_load(shared, tmp_path):
    """While two threads trace and the exporter sends; every hundredth child traces, too. No deadlock, no long wait, and
    nothing arrives that nobody made. (tests/faults/forks: ten thousand, for each thing the exporter may be doing.)"""
    collector = Collector(tmp_path, keep=False)  # there are some hundred thousand
    result = shared.run(
        [PROCESSES, "forks", 2000, 2, 100], "forks", timeout=120, quiet=False,
        env={"OTEL_BSP_SCHEDULE_DELAY": 20, "AUTOTRACE_LOG_LEVEL": "error",
             "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint},
    )  # fmt: skip
    print(result.out)
    assert (result.code, result.out.splitlines()[-1]) == (0, "ok"), result.err
    assert float(re.search(r"([\d.]+) at 99 %", result.out)[1]) < 50
    exchanges = int(re.search(r"(\d+) exchanges", result.out)[1])
    assert 0 < collector.stop()["spans"] <= 2 * (exchanges + 20)


# --- rights ---


def root_only():
    if os.geteuid() != 0:
        pytest.skip("only root can give up rights")


@pytest.mark.parametrize("when", ["before", "after"])
def test_rights_are_given_up(shared, take, when):
    """By all threads, ours too; and spans go on."""
    root_only()
    does(shared, "nobody", when)
    whole(take(2 if when == "before" else 4))


@pytest.mark.parametrize("what", ["user", "mount", "setns"])
def test_a_program_without_spans_is_alone(shared, take, what):
    """unshare(CLONE_NEWUSER) and its kin refuse processes with threads."""
    plain = shared.run([PROCESSES, "alone", what], traced=False)
    if plain.code:
        pytest.skip(f"not allowed here: {plain.err}")
    does(shared, "alone", what)
    take(2)


# --- limits ---


def test_sixteen_descriptors(shared, take):
    does(shared, "limited", resource.RLIMIT_NOFILE, 16)
    whole(take(40))


def test_no_thread_can_be_made(shared, take):
    """One line says so, one what was lost; the program knows nothing of it."""
    root_only()
    user = {"user": 65534, "group": 65534, "extra_groups": []}
    result = shared.run([PROCESSES, "limited", resource.RLIMIT_NPROC, 0], quiet=False, **user)
    assert (result.code, result.out) == (0, "ok\n")
    assert result.err.count("refuses a thread") == 1 and "lost 40 of 40" in result.err
    take(0)


@pytest.mark.parametrize("room", [1, 4, 16, 256])
def test_little_address_space(shared, room):
    """MiB beyond what the program has at its start: it keeps half of what is left for itself in any case."""
    result = shared.run([PROCESSES, "little_room", room], quiet=False)
    assert (result.code, result.out.splitlines()[-1]) == (0, "ok"), (result.out, result.err)
    assert len(result.err.splitlines()) <= 2, result.err
    shared.fresh(0.3)


@pytest.mark.parametrize("way", ["alone", "cancelled", "thread", "joined", "threads", "child", "destructor"])
def test_the_first_thread_leaves(shared, take, way):
    """libc ends a process with its last thread. Ours does not count: the program ends as without us."""
    program = BUILD / "tests/programs/leavers"
    plain = shared.run([program, way], "leavers", traced=False)
    ours = shared.run([program, way], "leavers", env={"AUTOTRACE_EXIT_TIMEOUT": 5000})
    assert (ours.code, sorted(ours.out.splitlines()), ours.err) == (0, sorted(plain.out.splitlines()), "")
    assert "exit handlers run" in plain.out
    take(2 * sum(line in ("the first thread", "a thread", "a child", "a destructor") for line in ours.out.splitlines()))
