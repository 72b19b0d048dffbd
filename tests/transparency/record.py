"""The page that keeps the results of a whole run, in Markdown. Fed by the runner; writes nothing itself."""

import datetime
import subprocess
import sys
from pathlib import Path

import report

HERE = Path(__file__).parent
sys.path.insert(1, str(HERE.parent / "bench"))
import machine  # noqa: E402

HEAD = """# What differs under the preload

{sentence}.

Made by `tests/transparency/run --record` (`make transparency-record`) from [list](list), {jobs} rows at a time, on:
{where}.
How it is compared stands in [tests/README.md](../README.md#transparency). Each row was run once without and once with
the preload, tracing and exporting; what differed was run again, three times each way and more where that left a
doubt. Compared are outcomes of tests, exit status, lines on stderr and processes left behind. A process counts when
it was seen with the library in it, which a short-lived one may not be.
"""

COLUMNS = (
    "", "tests", "skipped", "fail without, too", "compared", "real", "flaky", "spans", "processes", "s without",
    "s with", "runs each way",
)  # fmt: skip


def commit():
    """What was built, as far as git knows."""
    words = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def summary(verdicts):
    """A row for each group."""
    lines = ["| | rows | tests | compared | real differences | flaky | not compared | spans | processes |"]
    lines.append("|---" + "|--:" * 8 + "|")
    for name, n in report.groups(verdicts):
        told = (n.rows, n.tests, n.compared, n.real, n.flaky, n.broken, n.spans, n.processes)
        lines.append(f"| {name} | {' | '.join(f'{number:,}' for number in told)} |")
    return lines


def row(verdict):
    """A row's line; its programs with the library in them."""
    tests = verdict.tests()
    bare, traced = verdict.bare[0], verdict.traced[0]
    holders = verdict.holders()
    programs = ", ".join(f"{name} {n}" for name, n in sorted(holders.items()))
    told = [
        f"{verdict.row.name}",
        len(tests),
        sum(t.lower().startswith("skip") for t in tests),
        verdict.failed_both_ways(),
        len(bare.seen),
        len(verdict.real),
        len(verdict.flaky),
        traced.spans,
        programs,
        f"{bare.seconds:.1f}",
        f"{traced.seconds:.1f}",
        len(verdict.bare),
    ]
    return f"| {' | '.join(f'{one:,}' if isinstance(one, int) else one for one in told)} |"


def page(verdicts, seconds, jobs):
    """The whole page."""
    where = {**machine.describe(), "date": datetime.date.today().isoformat(), "commit": commit()}
    told = ", ".join(f"{name} {value}" for name, value in where.items())
    sentence = report.sentence(verdicts, seconds)
    lines = [HEAD.format(sentence=sentence[0].upper() + sentence[1:], jobs=jobs, where=told), *summary(verdicts), ""]
    lines += ["## Each row", "", f"| {' | '.join(COLUMNS)} |", "|---" + "|--:" * (len(COLUMNS) - 1) + "|"]
    lines += [*(row(v) for v in verdicts if v.bare and v.traced), ""]
    notes = [f"- {v.row.name}: {v.row.reason}" for v in verdicts if v.row.reason]
    if notes:
        lines += ["Notes:", "", *notes, ""]
    told = [report.line(v) for v in verdicts if v.word != "same"]
    lines += ["## What differed", ""]
    lines += ["```text", *told, "```"] if told else ["Nothing."]
    return "\n".join(lines) + "\n"
