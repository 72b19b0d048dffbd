"""Runs one command to its end, with everything it starts, and says how it ended.

  warden.py RESULT SECONDS COMMAND...

Started by run_once.py, once for each run. Orphans of the command become children of this process, so that all of
them are found: what still lives when the command has ended is named in RESULT (JSON: status, left, seconds, holders,
stood) and killed, each by its id. Meanwhile it looks in which processes the library is: holders has the number of them
for each program. It looks every 50 ms, so it misses programs that are done sooner. stood: how many seconds it could not
look at all, because the machine, or everything in it, stood still; time-outs mean nothing then, and its own is as much
longer. Not its job: what the command printed.

Environment, for itself alone: WARDEN_PRELOAD, the command's LD_PRELOAD; WARDEN_LIBRARY, the library's path.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
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


def processes():
    """The ids of all processes."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def look_at(pid):
    """Name, state and parent of a process; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    end = stat.rindex(")")
    state, parent = stat[end + 2 :].split()[:2]
    return stat[stat.index("(") + 1 : end], state, int(parent)


def descendants():
    """{id: name} of all processes below this one that still live."""
    parents, names = {}, {}
    for pid in processes():
        if found := look_at(pid):
            name, state, parents[pid] = found
            if state != "Z":
                names[pid] = name
    ours, more = set(), {os.getpid()}
    while more:
        ours |= more
        more = {pid for pid, parent in parents.items() if parent in more} - ours
    return {pid: name for pid, name in names.items() if pid in ours and pid != os.getpid()}


class Watch(threading.Thread):
    """Looks in which processes below this one the library is, until it is told to end."""

    PERIOD = 0.05  # seconds between two looks
    STILL = 2.0  # seconds, from which on it is not the load that kept us from looking

    def __init__(self, library):
        super().__init__(daemon=True)
        self.library = library
        self.seen = set()  # (process id, program) that have it
        self.stood = 0.0  # seconds
        self.ours = {os.getpid()}  # this process and those below it
        self.foreign = set()  # the others, which never become ours: they are looked at once
        self.done = threading.Event()

    def tell_apart(self):
        """Brings ours and foreign up to date."""
        there = processes()
        self.ours &= there
        self.foreign &= there
        found = {pid: look_at(pid) for pid in there - self.ours - self.foreign}
        new = {pid: stat[2] for pid, stat in found.items() if stat}
        while more := {pid for pid, parent in new.items() if parent in self.ours} - self.ours:
            self.ours |= more
        self.foreign |= new.keys() - self.ours

    def look(self):
        self.tell_apart()
        for pid in self.ours - {os.getpid()}:
            try:
                program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                if (pid, program) not in self.seen and self.library in Path(f"/proc/{pid}/maps").read_text():
                    self.seen.add((pid, program))
            except OSError:  # it is gone, or another user's
                pass

    def run(self):
        before = time.monotonic()
        while not self.done.wait(self.PERIOD):
            now = time.monotonic()
            if now - before > self.STILL:
                self.stood += now - before
            before = now
            self.look()

    def end(self):
        """Returns {program: how many processes had the library}."""
        self.done.set()
        self.join()
        return Counter(program for _, program in self.seen)


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


def await_end(pid, seconds, watch):
    """Waits for the command, and takes the orphans that end meanwhile; says how the command ended."""
    signal.signal(signal.SIGALRM, late)
    given, wanted = 0.0, seconds
    while given < wanted:
        try:
            signal.setitimer(signal.ITIMER_REAL, wanted - given)
            while True:
                child, status = os.waitpid(-1, 0)
                if child == pid:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    code = os.waitstatus_to_exitcode(status)
                    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
        except Late:
            time.sleep(2 * watch.PERIOD)  # it may have to see first that we stood still
            given, wanted = wanted, seconds + min(watch.stood, seconds)
    return f"not ended after {seconds:.0f} s"


def stop(*_):
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    clear(0)
    os._exit(1)


def main():
    result, seconds, command = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    env = dict(os.environ)
    preload = env.pop("WARDEN_PRELOAD", None)
    watch = Watch(env.pop("WARDEN_LIBRARY"))
    if preload:
        env["LD_PRELOAD"] = preload
    watch.start()
    began = time.monotonic()
    try:
        child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, start_new_session=True)
        status = await_end(child.pid, seconds, watch)
    except OSError as fault:
        status = f"cannot be started: {fault.strerror}"
    took = time.monotonic() - began
    holders = watch.end()
    left = clear(GRACE)
    told = {"status": status, "left": left, "seconds": took, "holders": holders, "stood": watch.stood}
    result.write_text(json.dumps(told))


if __name__ == "__main__":
    main()
