"""The transparency runner: what it calls same, real and flaky; what it takes for no proof; what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rig import BUILD

RUNNER = Path(__file__).parents[1] / "transparency" / "run"
sys.path.insert(0, str(RUNNER.parent))

import parsers
import row
import verdict

LOADED = "grep -q libautotrace.so /proc/self/maps"
# Says 0, 1 and 2 in turns, so that the runs differ at first, and neither way has values of its own.
TURNS = 'n=$(cat turn 2>/dev/null || echo 0); echo $((n + 1)) >turn; echo "x: $((n % 3))"'


def environment(place):
    return {"PATH": os.environ["PATH"], "BUILD_DIR": str(BUILD), "TMPDIR": str(place), "PYTHONDONTWRITEBYTECODE": "1"}


def runner(place, *words):
    """Runs it in a directory that is its place for temporary files as well."""
    command = [sys.executable, RUNNER, *words]
    return subprocess.run(command, cwd=place, env=environment(place), capture_output=True, text=True, timeout=60)


def shell(place, text, parser="observations"):
    return runner(place, "--parser", parser, "--", "sh", "-c", text)


def left(place):
    return sorted(path.name for path in place.iterdir() if path.name.startswith("att."))


def test_same(tmp_path):
    done = shell(tmp_path, "echo ok 1 - a; sleep 0.3; echo some words >&2; exit 3", "tap")
    assert done.returncode == 0, done
    assert done.stdout.startswith("same     command: 1 test, 0 spans, the library in 2 processes, ")
    assert "transparency: no difference; 1 row" in done.stdout and left(tmp_path) == []


@pytest.mark.parametrize(
    "text, told",
    [
        (f"{LOADED} && echo a: 1 || echo a: 2", ["REAL: test: a", "without: 2 (4x)", "with:    1 (4x)"]),
        (f"echo ok 1 - a; {LOADED} && exit 3; exit 2", ["REAL: end: exit status", "exit 2 (4x)", "exit 3 (4x)"]),
        (f"echo a: 1; {LOADED} && echo words >&2; :", ["REAL: stderr: words", "nothing (4x)", "there (4x)"]),
        (f"echo a: 1; {LOADED} && sleep 30 & sleep 0.2", ["REAL: process left behind: sleep", "nothing (4x)"]),
    ],
    ids=["outcome", "status", "stderr", "left behind"],
)
def test_a_real_difference(tmp_path, text, told):
    done = shell(tmp_path, text, "tap" if text.startswith("echo ok") else "observations")
    assert done.returncode == 1 and done.stdout.startswith("DIFFERS  command: "), done
    assert [one for one in told if one not in done.stdout] == [], done.stdout
    assert "not transparent, or not shown to be: command" in done.stdout


def test_a_flaky_one_is_told_with_what_was_seen_each_way(tmp_path):
    done = shell(tmp_path, TURNS)
    assert done.returncode == 0 and "transparency: no difference; 1 row" in done.stdout, done
    assert "flaky    command" in done.stdout and "flaky: test: x" in done.stdout
    assert "without: 0 (2x) or 2 (1x) or 1 (1x)" in done.stdout
    assert "with:    1 (2x) or 0 (1x) or 2 (1x)" in done.stdout


def test_what_is_not_traced_proves_nothing():
    """A row that names a program in which the library is not seen, or expects spans that do not come."""
    one = row.Row("one", "observations", 20, ["sh", "-c", "echo a: 1; env -u LD_PRELOAD sleep 0.4"], traced=["sleep"])
    assert verdict.judge(one, 0).trouble == "the library was not seen in: sleep"
    one = row.Row("one", "observations", 20, ["sh", "-c", "echo a: 1; sleep 0.4"], traced=["sleep"], marks=["spans"])
    assert verdict.judge(one, 0).trouble == "no span was delivered: the program was not traced"


def test_the_account_of_a_failed_test_is_no_noise():
    account = "test test_x failed -- Traceback (most recent call last):\n  File x\nOSError: y\n\n"
    assert parsers.regrtest_noise(f"some\n{account}words\n") == "some\nwords\n"
    several = "test test_x failed -- multiple errors occurred; run in verbose mode for details\n"
    assert parsers.regrtest_noise(f"{several}some\nwords\n") == "some\nwords\n"
    assert parsers.regrtest_noise("Traceback (most recent call last):\nwords\n").startswith("Traceback")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_leaves_nothing_behind(tmp_path, number):
    words = ["--", "sh", "-c", f"sleep 300 & echo $! >{tmp_path}/child.new; mv child.new child; wait"]
    command = [sys.executable, RUNNER, *words]
    running = subprocess.Popen(
        command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 20
        while not (tmp_path / "child").exists():
            assert time.monotonic() < deadline and running.poll() is None
            time.sleep(0.02)
        assert left(tmp_path)
        running.send_signal(number)
        _, err = running.communicate(timeout=20)
    finally:
        running.kill()
        running.wait()
    assert running.returncode == 128 + number and err == f"transparency: stopped by {number.name}\n"
    assert left(tmp_path) == []
    child = int((tmp_path / "child").read_text())
    assert not Path(f"/proc/{child}").exists()
