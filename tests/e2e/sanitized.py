"""Programs under the library built with a sanitizer, and built with it themselves: make check-asan and its kin.

SANITIZER is address, undefined or thread; BUILD_DIR a build with SAN= the same. A finding ends the program with an
exit code of its own and is told on its stderr.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

import test_neighbours as neighbours
from rig import BUILD, LIBRARY, respond

RUNTIMES = {"address": "libasan.so", "undefined": "libubsan.so", "thread": "libtsan.so"}
SUPPRESSIONS = Path(__file__).parents[1] / "tsan.supp"
PROGRAMS = BUILD / "tests/programs"


@pytest.fixture(scope="module")
def preload():
    """The runtime before us: it wants to be there first."""
    name = RUNTIMES[os.environ["SANITIZER"]]
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout
    return f"{os.path.realpath(found.strip())}:{LIBRARY}"


def clean(text):
    assert not re.search(r"Sanitizer|runtime error", text), text[:6000]


def test_a_server_with_threads(shared, preload):
    peer = shared.peer(lambda connection, head, body: respond(b"peer"))
    env = {"LD_PRELOAD": preload, "OTEL_BSP_SCHEDULE_DELAY": 5, "TSAN_OPTIONS": f"suppressions={SUPPRESSIONS}"}
    server = neighbours.serve(shared, env=env)
    since = time.time()
    for _ in range(5):
        neighbours.work(server, peer, calls=40)
    neighbours.check(shared.take(600, seconds=30), since)
    assert server.stop(seconds=30) == 0, server.output()[:6000]
    clean(server.output())


SCENARIOS = [
    ("hooks_guest", "calls_only"), ("hooks_guest", "dup2_everywhere"), ("hooks_guest", "closed_everywhere"),
    ("hooks_guest", "passed_connections"), ("hooks_guest", "many_children"), ("hooks_guest", "full_table"),
    ("hooks_threads", "storm"), ("hooks_threads", "cancel"),
]  # fmt: skip


@pytest.mark.parametrize("program, scenario", SCENARIOS)
def test_rough_programs(shared, preload, tmp_path, program, scenario):
    command = [PROGRAMS / program, scenario, *([tmp_path] if program == "hooks_guest" else [])]
    # ThreadSanitizer holds handlers back and calls them where nothing is interrupted, without the kernel's frame by
    # which the library knows a handler; so it may make its thread there, which the runtime would then complain of.
    env = {"LD_PRELOAD": preload, "TSAN_OPTIONS": f"suppressions={SUPPRESSIONS}:report_signal_unsafe=0"}
    result = shared.run(command, env=env, timeout=120, quiet=False)
    clean(result.err)
    assert result.code == 0 and result.out.endswith("ok\n"), (result.code, result.out, result.err)
