"""Runs one command to its end, with everything it starts, and says how it ended.

  warden.py RESULT SECONDS COMMAND...

Started by run_once.py, once for each run. Orphans of the command become children of this process, so that all of
them are found: what still lives when the command has ended is named in RESULT (JSON: status, left, seconds) and
killed, each by its id. Not its job: what the command printed.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
GRACE = 1.0  # seconds that processes of an ended command may take to end by themselves


def reap():
    """Collects the children that have ended, but for the command itself."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def descendants():
    """{id: name} of all processes below this one that still live."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text(errors="replace")
        except OSError:
            continue
        end = stat.rindex(")")
        state, parent = stat[end + 2 :].split()[:2]
        parents[int(entry.name)] = int(parent)
        if state != "Z":
            names[int(entry.name)] = stat[stat.index("(") + 1 : end]
    ours, more = set(), {os.getpid()}
    while more:
        ours |= more
        more = {pid for pid, parent in parents.items() if parent in more} - ours
    return {pid: name for pid, name in names.items() if pid in ours and pid != os.getpid()}


def clear(grace):
    """Waits for what is left, then kills it; returns the names of what had to be killed."""
    deadline = time.monotonic() + grace
    while True:
        reap()
        left = descendants()
        if not left or time.monotonic() >= deadline:
            break
        time.sleep(0.02)
    names = sorted(left.values())
    while left:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
        reap()
        left = descendants()
    return names


class Late(Exception):
    """The command's time is over."""


def late(*_):
    raise Late


def await_end(pid, seconds):
    """Waits for the command, and takes the orphans that end meanwhile; says how the command ended."""
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        while True:
            child, status = os.waitpid(-1, 0)
            if child == pid:
                code = os.waitstatus_to_exitcode(status)
                return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
    except Late:
        return f"not ended after {seconds:.0f} s"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    clear(0)
    os._exit(1)


def main():
    result, seconds, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, stop)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    env = dict(os.environ)
    preload = env.pop("WARDEN_PRELOAD", None)  # this process itself runs without it
    if preload:
        env["LD_PRELOAD"] = preload
    began = time.monotonic()
    try:
        child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
        status = await_end(child.pid, seconds)
    except OSError as fault:
        status = f"cannot be started: {fault.strerror}"
    took = time.monotonic() - began
    left = clear(GRACE)
    result.write_text(json.dumps({"status": status, "left": left, "seconds": took}))


if __name__ == "__main__":
    main()
