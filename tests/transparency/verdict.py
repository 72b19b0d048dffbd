"""Is a row the same with and without the preload? Makes the runs, repeats them where they differ, and decides.

Fed by run_once.py; feeds run and report.py. One thing compared (a test's outcome, the exit status, a line of stderr,
a process left behind) has one value in each run. Where the first two runs differ in it, both ways are run again:

  same      the first two runs agree
  flaky     a value of one way was seen the other way as well, or too seldom to say more
  real      the two ways have no value in common and each has only one; or, after further runs, a value was seen
            three times one way and never the other way

A run during which the machine stood still for seconds (somebody stopped it, or all that runs in it) says little: where
the first two differ, it is made again, and later ones are made again as well, up to three times; what was thrown away
is told. Where only tests differ and the command can be narrowed to their classes, the further runs are; CPython's long
modules could not be repeated otherwise.
"""

import copy
import sys
import time
import traceback
from collections import Counter

from parsers import PARSERS
from row import names
from run_once import Trouble, run_once

NOTHING = "-"  # the value of what a run did not show


class Finding:
    """One thing that differed: what was seen each way, how often, and whether it is a real difference."""

    def __init__(self, key, bare, traced):
        self.what, self.name = key
        self.bare, self.traced = Counter(bare), Counter(traced)

    @property
    def certain(self):
        """No value in common, and each way has one only."""
        return len(self.bare) == len(self.traced) == 1 and self.bare.keys() != self.traced.keys()

    @property
    def overlap(self):
        """Each way's values were seen the other way too: nothing but chance."""
        return self.bare.keys() == self.traced.keys()

    @property
    def real(self):
        one_sided = ((self.bare, self.traced), (self.traced, self.bare))
        often = any(n >= 3 and value not in other for one, other in one_sided for value, n in one.items())
        return self.certain or often


class Verdict:
    """What became of a row."""

    def __init__(self, row):
        self.row = row
        self.bare, self.traced = [], []  # Runs, the first one first
        self.findings = []
        self.trouble = None  # why the row says nothing: a failure as well
        self.thrown = 0  # runs that do not count, because the machine stood still
        self.seconds = 0.0  # that all runs took, with what is around them

    @property
    def real(self):
        return [f for f in self.findings if f.real]

    @property
    def flaky(self):
        return [f for f in self.findings if not f.real]

    @property
    def good(self):
        return not self.trouble and not self.real

    @property
    def word(self):
        return "broken" if self.trouble else "DIFFERS" if self.real else "flaky" if self.findings else "same"

    def tests(self):
        return self.bare[0].tests() if self.bare else []

    def holders(self):
        """{program: how many of its processes were seen with the library}, of the traced run that shows the most."""
        return max((run.holders for run in self.traced), key=lambda h: sum(h.values()), default={})

    def failed_both_ways(self):
        if not PARSERS[self.row.parser].outcomes:
            return 0
        return sum(not t.startswith(("ok", "skip", "PASS", "XFAIL")) for t in self.tests())


def differing(verdict, keys=None):
    """Findings among all runs so far: of these keys, or of whatever the first two runs differ in."""
    bare, traced = verdict.bare[0].seen, verdict.traced[0].seen
    if keys is None:
        keys = [k for k in {**bare, **traced} if bare.get(k, NOTHING) != traced.get(k, NOTHING)]

    def values(runs, key):
        return [run.seen.get(key, NOTHING) for run in runs]

    return [Finding(key, values(verdict.bare, key), values(verdict.traced, key)) for key in keys]


def again(verdict, row, times):
    for _ in range(times):
        for runs, traced in ((verdict.bare, False), (verdict.traced, True)):
            runs.append(undisturbed(verdict, row, traced, run_once(row, traced)))


def undisturbed(verdict, row, traced, run):
    """The run, or, if the machine stood still meanwhile, another one."""
    for _ in range(3):
        if not run.stood:
            break
        verdict.thrown += 1
        run = run_once(row, traced)
    return run


def first_runs(verdict, row):
    """One each way; one that was disturbed counts all the same when it is like the other."""
    verdict.bare, verdict.traced = [run_once(row, False)], [run_once(row, True)]
    if differing(verdict):
        verdict.bare = [undisturbed(verdict, row, False, verdict.bare[0])]
        verdict.traced = [undisturbed(verdict, row, True, verdict.traced[0])]


def narrowed(row, findings):
    """The row for what differs, where that is possible; else the row itself."""
    if any(f.what not in ("test", "end") for f in findings):
        return row
    command = PARSERS[row.parser].narrow(row.command, [f.name for f in findings if f.what == "test"])
    if command is None:
        return row
    less = copy.copy(row)
    less.command = command
    return less


def tell(row, less, findings):
    """One line for who waits."""
    what = ", ".join(sorted({f"{f.what} {f.name}"[:80] for f in findings})[:3])
    part = "" if less is row else " (their classes)"
    print(f"transparency: {row.name}: {len(findings)} to run again{part}: {what}", file=sys.stderr, flush=True)


def untraced(verdict, program):
    """Programs that must have been seen with the library and were not."""
    seen = {name for run in verdict.traced for name in run.holders}
    return sorted(one for one in {*verdict.row.traced, *filter(None, [program])} if not names(one) & seen)


def sanity(verdict, parser):
    """Why the runs prove nothing, or None."""
    first = verdict.bare[0]
    if parser.must_pass and not first.passed:
        return f"fails without the preload: {first.seen['end', 'exit status']}\n{first.err[-1500:]}"
    if not first.tests():
        return f"shows no test: {(first.err or first.out)[-1500:]}"
    if any(run.holders for run in verdict.bare):
        return "the library was there without the preload"
    if lacking := untraced(verdict, parser.program):
        return f"the library was not seen in: {', '.join(lacking)}"
    if "spans" in verdict.row.marks and not any(run.spans for run in verdict.traced):
        return "no span was delivered: the program was not traced"
    return None


def judge(row, repeat):
    """Runs a row both ways and decides. repeat: how often each way where the first two differ."""
    verdict = Verdict(row)
    parser = PARSERS[row.parser]
    began = time.monotonic()
    missing = row.missing()
    if missing:
        verdict.trouble = f"missing: {', '.join(missing)} (scripts/install-deps transparency installs what it needs)"
        return verdict
    try:
        first_runs(verdict, row)
        verdict.findings = differing(verdict)
        if verdict.findings and repeat:
            keys = [(f.what, f.name) for f in verdict.findings]
            less = narrowed(row, verdict.findings)
            tell(row, less, verdict.findings)
            again(verdict, less, repeat)
            verdict.findings = differing(verdict, keys)
            if not all(f.certain or f.overlap for f in verdict.findings):
                again(verdict, less, repeat)
                verdict.findings = differing(verdict, keys)
        while untraced(verdict, parser.program) and len(verdict.traced) < 3:  # a short-lived one can be missed
            verdict.traced.append(run_once(row, True))
        verdict.trouble = sanity(verdict, parser)
    except Trouble as trouble:
        verdict.trouble = str(trouble)
    except Exception:  # one row's trouble is not the others'
        verdict.trouble = traceback.format_exc()
    verdict.seconds = time.monotonic() - began
    return verdict
