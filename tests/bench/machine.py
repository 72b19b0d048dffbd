"""What the machine is, what it is busy with, and what processes and threads use of it. Reads /proc; owns nothing."""

import os
import platform
import re
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def cores():
    """The cores we may use."""
    return sorted(os.sched_getaffinity(0))


def load():
    """The load average of the last minute."""
    return os.getloadavg()[0]


def _busy_seconds():
    """CPU seconds that all cores have been busy so far."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = (
        int(n) for n in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / TICK


def foreign(seconds=1.0):
    """Cores that others keep busy: measured while we do nothing for so many seconds."""
    before, began = _busy_seconds(), time.monotonic()
    time.sleep(seconds)
    return max(0.0, (_busy_seconds() - before) / (time.monotonic() - began))


def describe():
    """Name and value of what a reader of the figures wants to know."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^(?:model name|Model)\s*:\s*(.*)$", text, re.M)
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1])
    libc = " ".join(platform.libc_ver())
    return {
        "processor": model[1] if model else platform.machine(),
        "cores": len(cores()),
        "memory": f"{memory / 1048576:.1f} GiB",
        "kernel": platform.release(),
        "libc": libc.strip() or "unknown",
    }


def children(pid):
    """Ids of a process's children."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        if int(stat[stat.rindex(")") + 2 :].split()[1]) == pid:
            found.append(int(entry.name))
    return sorted(found)


def thread_cpu(pid):
    """CPU seconds of each thread so far: {thread id: (name, seconds)}. FileNotFoundError: there is no such process."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            nanoseconds = int((task / "schedstat").read_text().split()[0])
        except OSError:
            continue
        found[int(task.name)] = (name, nanoseconds / 1e9)
    return found


def state(pid):
    """What a process does, for a message: "running", "sleeping in ep_poll", "gone"."""
    try:
        word = re.search(r"^State:\s+\S+ \((.*)\)", Path(f"/proc/{pid}/status").read_text(), re.M)[1]
        where = Path(f"/proc/{pid}/wchan").read_text()
    except OSError:
        return "gone"
    return f"{word} in {where}" if where.strip("0") else word


def cpu(pid):
    """CPU seconds of a process so far: those of the program's threads and those of the exporter's."""
    exporter = program = 0.0
    for name, seconds in thread_cpu(pid).values():
        if name == "autotrace":
            exporter += seconds
        else:
            program += seconds
    return program, exporter


def memory(pid):
    """KiB of a process that are resident: VmRSS, Pss (shared pages shared out) and private ones."""
    status = Path(f"/proc/{pid}/status").read_text()
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()

    def field(text, name):
        return sum(int(n) for n in re.findall(rf"^{name}:\s+(\d+) kB", text, re.M))

    return {
        "rss": field(status, "VmRSS"),
        "pss": field(rollup, "Pss"),
        "private": field(rollup, "Private_Clean") + field(rollup, "Private_Dirty"),
    }
