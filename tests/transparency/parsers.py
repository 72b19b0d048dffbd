"""What a command's output says about single tests: a table of parsers.

Feeds run_once.py. Each parser turns what a run left (standard output, standard error, a report file) into
{name of a test: its outcome}. A parser may complete the command, so that it writes such a report; {report} in a
command stands for that file.
"""

import os
import re
from xml.etree import ElementTree

from normal import line, lines

PYTHON = "/usr/bin/python3"


def gather(pairs):
    """{name: outcome}; a name that comes more than once has its outcomes joined."""
    found = {}
    for name, outcome in pairs:
        found[name] = f"{found[name]}, {outcome}" if name in found else outcome
    return found


def junit_outcome(case, places):
    for child in case:
        if child.tag == "skipped":
            reason = (child.text or child.get("message") or "").strip()
            return f"skipped: {line(reason, places)}"
        if child.tag in ("failure", "error"):
            kind = child.get("type") or (child.get("message") or "").split(":")[0]
            return f"{child.tag}: {line(kind, places)}"
    return "ok" if case.get("outcome") is None else case.get("outcome")


def junit(left):
    """The report file in JUnit's form, as pytest --junit-xml={report} and others write it."""
    try:
        root = ElementTree.fromstring(left.report.read_text())
    except (OSError, ElementTree.ParseError) as fault:
        return {"(report)": f"none: {type(fault).__name__}"}
    cases = [c for c in root.iter("testcase") if c.get("name")]
    names = [".".join(n for n in (c.get("classname"), c.get("name")) if n) for c in cases]
    return gather((line(name, left.places), junit_outcome(case, left.places)) for name, case in zip(names, cases))


def unittest(left):
    """Lines "test_x (module.Class) ... ok" of unittest -v."""
    form = re.compile(
        r"^(\w+ \([\w.<>]+\))(?: \[.*\])?(?:\n[^\n]*?)? \.\.\. .*?(ok|FAIL|ERROR|expected failure|unexpected success|"
        r"skipped\b[^\n]*)$",
        re.M,
    )
    return gather((m[1], line(m[2])) for m in form.finditer(left.err + "\n" + left.out))


def tap(left):
    """Lines "ok 3 - name # directive" of the Test Anything Protocol."""
    form = re.compile(r"^\s*(not ok|ok)\b\s*(\d*)\s*-?\s*([^#\n]*?)\s*(?:#\s*(\w+).*)?$", re.M)
    return gather(
        ((m[3] or m[2]), f"{m[1]} {m[4].upper()}" if m[4] else m[1]) for m in form.finditer(left.out)
    )  # fmt: skip


def pytest(left):
    """Lines "file.py::test PASSED" of pytest -v."""
    form = re.compile(r"^(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b", re.M)
    return gather((m[1], m[2]) for m in form.finditer(left.out))


def observations(left):
    """Lines "name: value", in any order; what has another form is an observation of its own."""
    pairs = []
    for text in lines(left.out, left.places):
        name, colon, value = text.partition(": ")
        pairs.append((name, value) if colon else (f"the line {text!r}", "there"))
    return gather(pairs)


def output(left):
    """Standard output as a whole, normalised."""
    return {"(standard output)": "\n".join(lines(left.out, left.places))}


def regrtest_command(words, report, seconds):
    """CPython's own runner, for the modules and options in the row."""
    command = [PYTHON, "-m", "test", "--fail-env-changed", "--timeout", str(max(seconds - 10, 10))]
    return [*command, "-u", "subprocess", "--junit-xml", str(report), *words]


def regrtest_narrow(words, names):
    """Only the classes of these tests; None where the difference is not in tests alone."""
    classes = sorted({name.rpartition(".")[0].partition(" ")[0] for name in names})
    return [*words, *(w for c in classes for w in ("-m", f"{c}.*"))] if all(classes) else None


def regrtest_noise(err):
    """Without the account of a failed test, which its outcome tells; so that its class alone can be run again."""
    return re.sub(r"^test \S+ failed -- (?:Traceback.*\n(?:.+\n)*\n?|multiple errors.*\n?)", "", err, flags=re.M)


def whole(_words, _names):
    return None


def as_given(words, report, _seconds):
    return [word.replace("{report}", str(report)) for word in words]


class Parser:
    """A way to read results."""

    def __init__(self, read, command=as_given, narrow=whole, noise=str, **more):
        self.read = read  # a run's Left -> {test: outcome}
        self.command = command  # completes the row's command
        self.narrow = narrow  # the row's command for some of its tests, or None
        self.noise = noise  # what of standard error is compared
        self.module = more.get("module")  # of Python's, that has to be there
        self.program = more.get("program")  # that runs the tests, where the command does not say so
        self.outcomes = more.get("outcomes", True)  # a test passes, fails or is skipped; else it is a value of any kind
        self.must_pass = more.get("must_pass", False)  # a row whose bare run fails proves nothing


PARSERS = {
    "regrtest": Parser(
        junit, command=regrtest_command, narrow=regrtest_narrow, noise=regrtest_noise,
        module="test.test_socket", program=os.path.basename(os.path.realpath(PYTHON)),
    ),  # fmt: skip
    "junit": Parser(junit),
    "unittest": Parser(unittest),
    "tap": Parser(tap),
    "pytest": Parser(pytest),
    "observations": Parser(observations, outcomes=False, must_pass=True),
    "output": Parser(output, outcomes=False),
}
