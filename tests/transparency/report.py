"""The words: a line for each row, the differences, the counts at the end. Fed by verdict.py; prints nothing itself."""

import difflib

from verdict import NOTHING


def counted(number, one, many=None):
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def values(counter):
    return " or ".join(f"{'nothing' if v == NOTHING else v} ({n}x)" for v, n in counter.most_common())


def finding(found):
    """The lines that tell one difference."""
    kind = "REAL" if found.real else "flaky"
    bare, traced = (next(iter(c)) for c in (found.bare, found.traced))
    if "\n" in bare and "\n" in traced:
        lines = difflib.unified_diff(bare.splitlines(), traced.splitlines(), "without", "with", n=1, lineterm="")
        return [f"    {kind}: {found.what} {found.name}", *(f"        {line}" for line in lines)]
    return [
        f"    {kind}: {found.what}: {found.name}",
        f"        without: {values(found.bare)}",
        f"        with:    {values(found.traced)}",
    ]


def line(verdict):
    """One row's line, and below it what was found."""
    row = verdict.row
    if not verdict.bare or not verdict.traced:
        return "\n".join([f"{verdict.word:8} {row.name}", f"    {verdict.trouble}"])
    tests = verdict.tests()
    skipped = sum(t.lower().startswith("skip") for t in tests)
    told = [counted(len(tests), "test")]
    if skipped:
        told.append(f"{skipped} skipped both ways")
    if verdict.failed_both_ways():
        told.append(f"{verdict.failed_both_ways()} failing without the preload")
    told.append(counted(verdict.traced[0].spans, "span"))
    told.append(f"the library in {counted(sum(verdict.holders().values()), 'process', 'processes')}")
    told.append(f"{verdict.bare[0].seconds:.1f} s without, {verdict.traced[0].seconds:.1f} s with")
    if len(verdict.bare) > 1:
        told.append(f"{len(verdict.bare)} runs each way in {verdict.seconds:.0f} s")
    if verdict.thrown:
        told.append(f"{counted(verdict.thrown, 'run')} not counted, the machine stood still")
    lines = [f"{verdict.word:8} {row.name}: {', '.join(told)}"]
    if row.reason:
        lines.append(f"    note: {row.reason}")
    if verdict.trouble:
        lines.append(f"    {verdict.trouble}")
    for found in verdict.findings:
        lines += finding(found)
    return "\n".join(lines)


def group(name):
    return name.split("/")[0]


class Counts:
    """What some rows come to."""

    def __init__(self, verdicts):
        self.rows = len(verdicts)
        self.tests = sum(len(v.tests()) for v in verdicts)
        self.compared = sum(len(v.bare[0].seen) for v in verdicts if v.bare)
        self.real = sum(len(v.real) for v in verdicts)
        self.flaky = sum(len(v.flaky) for v in verdicts)
        self.broken = sum(bool(v.trouble) for v in verdicts)
        self.spans = sum(v.traced[0].spans for v in verdicts if v.traced)
        self.processes = sum(sum(v.holders().values()) for v in verdicts)


def groups(verdicts):
    """[name of a group, its Counts], and at last those of all."""
    found = {}
    for verdict in verdicts:
        found.setdefault(group(verdict.row.name), []).append(verdict)
    return [(name, Counts(some)) for name, some in [*found.items(), ("all", verdicts)]]


def sentence(verdicts, seconds):
    bad = [v.row.name for v in verdicts if not v.good]
    verdict = f"not transparent, or not shown to be: {', '.join(bad)}" if bad else "no difference"
    return f"{verdict}; {counted(len(verdicts), 'row')}, {seconds:.0f} s"


def end(verdicts, seconds):
    """The counts."""
    lines = ["", f"{'':16} rows  tests  compared  differences  flaky  broken  spans  processes"]
    for name, n in groups(verdicts):
        lines.append(
            f"{name:16} {n.rows:4} {n.tests:6} {n.compared:9} {n.real:12} {n.flaky:6} {n.broken:7} {n.spans:6} "
            f"{n.processes:10}"
        )
    return "\n".join([*lines, "", f"transparency: {sentence(verdicts, seconds)}"])
