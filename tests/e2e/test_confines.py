"""Processes that are given little: memory, stack, and a file system with nothing in it. They do what they did, and are
traced."""

import contextlib
import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from rig import BUILD, LIBRARY, environment, free_port, program

PROGRAMS = BUILD / "tests/programs"
PRELOADED = PROGRAMS / "preloaded"
THREADS = PROGRAMS / "hooks_threads"
MIB = 1 << 20

# --- memory ---


class Group:
    """A control group with a limit on memory, without swap where that can be forbidden."""

    def __init__(self, limit):
        if os.geteuid() != 0:
            pytest.skip("only root can make a control group")
        name = f"autotrace-test-{os.getpid()}"
        unified, old = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
        controllers = unified / "cgroup.controllers"
        if controllers.exists() and "memory" in controllers.read_text().split():
            self.path, files = unified / name, ["memory.max", "memory.swap.max"]
        elif (old / "memory.limit_in_bytes").exists():
            self.path, files = old / name, ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
        else:
            pytest.skip("no control group of either version limits memory here")
        try:
            self.path.mkdir()
            (self.path / files[0]).write_text(str(limit))
            with contextlib.suppress(OSError):
                (self.path / files[1]).write_text(str(limit) if files[1].endswith("in_bytes") else "0")
        except OSError as error:
            self.close()
            pytest.skip(f"a control group cannot be limited here: {error}")
        print(f"limited by {self.path / files[0]}")

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def close(self):
        with contextlib.suppress(OSError):
            self.path.rmdir()


@pytest.fixture
def group():
    made = []

    def make(limit):
        made.append(Group(limit))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("there", [True, False], ids=["collector", "nobody"])
def test_a_control_group_with_little_memory(shared, group, there):
    """30,000 exchanges by short threads in 40 MiB (15 alone), the queue full when nobody listens: nobody is killed,
    and what is lost is counted."""
    inside = group(40 * MIB)
    plain = shared.run([THREADS, "many"], traced=False, preexec_fn=inside.enter)
    assert plain.code == 0, (plain.code, plain.err)
    env = {} if there else {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    result = shared.run([THREADS, "many"], "confined", env=env, quiet=False, timeout=60, preexec_fn=inside.enter)
    assert (result.code, result.out.splitlines()[-1]) == (0, "ok"), (result.code, result.err)
    lost = re.search(r"lost (\d+) of 60000 spans", result.err)
    assert there or lost, result.err
    shared.fresh(0.5)


# --- stack ---


@pytest.mark.parametrize("kib", [64, 128])
def test_a_small_stack(tmp_path, kib):
    """For the main thread, and by default for all others."""
    spans = tmp_path / "spans"

    def limit():
        resource.setrlimit(resource.RLIMIT_STACK, (kib << 10, kib << 10))

    def run(**more):
        done = subprocess.run([PRELOADED, "thread_ends"], env=environment(**more), preexec_fn=limit, timeout=30,
                              capture_output=True, text=True, check=False)  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    assert run() == (0, "ok\n", "")
    assert run(LD_PRELOAD=LIBRARY, OTEL_TRACES_EXPORTER="line", AUTOTRACE_CONSOLE_FILE=spans) == (0, "ok\n", "")
    assert spans.read_text().count(" SERVER ") == 8


# --- file system ---


def test_a_file_system_with_nothing_in_it(shared, tmp_path):
    """Its root is read-only; there is no /proc, no /tmp, no /dev, no /etc and no /sys."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a file system of its own")
    take = shared.fresh()
    root = tmp_path / "root"
    (root / "usr").mkdir(parents=True)
    for name in ("lib", "lib64"):
        if os.path.islink(f"/{name}"):
            (root / name).symlink_to(os.readlink(f"/{name}"))
    shutil.copy(LIBRARY, root / "library.so")
    shutil.copy(PRELOADED, root / "program")
    script = """
        mount --make-rprivate / && mount --bind $0 $0 && mount --bind /usr $0/usr &&
        mount -o remount,bind,ro $0/usr && mount -o remount,bind,ro $0 || exit 77
        ! touch $0/file 2>/dev/null || exit 78
        exec chroot $0 /usr/bin/env ${PRELOAD:+LD_PRELOAD=$PRELOAD} /program thread_ends
    """
    command = [program("unshare"), "-m", "/bin/sh", "-c", script, root]
    plain = shared.run(command, traced=False)
    if plain.code == 77:
        pytest.skip(f"nothing can be mounted here: {plain.err}")
    assert (plain.code, plain.out) == (0, "ok\n"), plain.err
    env = {"LD_PRELOAD": None, "PRELOAD": "/library.so"}
    result = shared.run(command, "nothing", env=env)
    assert (result.code, result.out) == (0, "ok\n"), result.err
    spans = take(16)
    assert {s.code for s in spans} == {200} and not any(s.error for s in spans)
