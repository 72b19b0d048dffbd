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
    if verdict.failed_both_ways() and row.parser not in ("observations", "output"):
        told.append(f"{verdict.failed_both_ways()} failing without the preload")
    told.append(counted(verdict.traced[0].spans, "span"))
    told.append(f"{verdict.bare[0].seconds:.1f} s without, {verdict.traced[0].seconds:.1f} s with")
    if len(verdict.bare) > 1:
        told.append(f"{len(verdict.bare)} runs each way")
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


def end(verdicts, seconds):
    """The counts."""
    lines = ["", f"{'':16} rows  tests  compared  differences  flaky  broken  spans"]
    groups = {}
    for verdict in verdicts:
        groups.setdefault(group(verdict.row.name), []).append(verdict)
    for name, some in [*groups.items(), ("all", verdicts)]:
        lines.append(
            f"{name:16} {len(some):4} {sum(len(v.tests()) for v in some):6} "
            f"{sum(len(v.bare[0].seen) for v in some if v.bare):9} {sum(len(v.real) for v in some):12} "
            f"{sum(len(v.flaky) for v in some):6} {sum(bool(v.trouble) for v in some):7} "
            f"{sum(r.spans for v in some for r in v.traced[:1]):6}"
        )
    bad = [v.row.name for v in verdicts if not v.good]
    lines.append("")
    verdict = f"not transparent, or not shown to be: {', '.join(bad)}" if bad else "no difference"
    lines.append(f"transparency: {verdict}; {counted(len(verdicts), 'row')}, {seconds:.0f} s")
    return "\n".join(lines)
