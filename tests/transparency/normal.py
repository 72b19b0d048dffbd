"""Texts without what differs between any two runs: ids, ports, times, addresses, names of temporary files.

Feeds the parsers and the comparison. A word replaced here cannot show as a difference, so there is little of it.
"""

import re

RULES = (
    (r"\x1b\[[0-9;?]*[A-Za-z]", ""),
    (r"0x[0-9a-fA-F]+", "ADDRESS"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "UUID"),
    (r"\b\d{4}[-/]\d\d[-/]\d\d\b", "DATE"),
    (r"\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(\d+ )?\w{3} [ \d]\d?( \d{4})?", "DATE"),
    (r"\b\d{1,2}:\d\d:\d\d([.,]\d+)?\b", "TIME"),
    (r"\b\d+(\.\d+)? ?(s|sec|secs|seconds?|ms|us|µs|minutes?)\b", "DURATION"),
    (r"\b\d+\.\d+([eE][-+]?\d+)?\b(?!\.\d)", "N"),
    (r"(?i)\b(pid|process|thread|port|tid)([ =:#(]*)\d+", r"\1\2N"),
    (r"\b(Thread|Process|Task|Dummy|ForkPoolWorker|SpawnPoolWorker|ForkProcess|SpawnProcess)-\d+(:\d+)*", r"\1-N"),
    (r"\[\d+\]", "[N]"),
    (r"(?<=:)\d{4,5}\b", "PORT"),
    (r"\btmp[a-z0-9_]{8}\b", "TMPNAME"),
    (r"@test_\d+_tmp\w*", "TMPNAME"),
    (r"\bpsm_[0-9a-f]{8}\b", "TMPNAME"),
    (r"\btest_python_\w+", "TMPNAME"),
    (r"\b\d{4,}\b", "N"),
)
RULES = tuple((re.compile(pattern), word) for pattern, word in RULES)


def line(text, places=()):
    """One line; places: directories of this run, each shown as DIR."""
    for place in places:
        text = text.replace(str(place), "DIR")
    for pattern, word in RULES:
        text = pattern.sub(word, text)
    return text.rstrip()


def lines(text, places=()):
    return [line(one, places) for one in text.splitlines()]
