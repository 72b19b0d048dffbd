"""The interposed calls do what they did: results, errno, bytes and descriptors, with and without us.

build/tests/hooks/hooks has a test for each row of libc/calls.def. It says itself what must come of each call, and
prints what did: the same with and without us. The other programs are the ones that make life hard for a guest.
"""

import contextlib
import difflib
import itertools
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig import BUILD, LIBRARY, Collector, environment, until

PROGRAMS = BUILD / "tests/programs"
HOOKS = BUILD / "tests/hooks/hooks"


def begin(command, *libraries, **env):
    return subprocess.Popen(
        [str(c) for c in command],
        env=environment(LD_PRELOAD=":".join(str(p) for p in libraries) or None, **env),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def result_of(process, timeout=20):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def run(command, *libraries, timeout=20, **env):
    return result_of(begin(command, *libraries, **env), timeout)


def traced(command, spans, *more, timeout=20, **env):
    settings = {"OTEL_TRACES_EXPORTER": "line", "AUTOTRACE_CONSOLE_FILE": spans, **env}
    return run(command, LIBRARY, *more, timeout=timeout, **settings)


# ---- a test for each hook ----


def rows():
    return run([HOOKS])[1].split() if HOOKS.exists() else []


@pytest.fixture(scope="module")
def collector(tmp_path_factory):
    one = Collector(tmp_path_factory.mktemp("hooks"))
    yield one
    one.stop()


def difference(plain, ours):
    """What differs in exit code, transcript and stderr; empty when all is the same."""
    if plain == ours:
        return ""
    lines = [one.splitlines() for one in (plain[1], ours[1])]
    text = itertools.islice(difflib.unified_diff(*lines, "alone", "traced", lineterm="", n=6), 60)
    ends = (f"{how}: exit code {one[0]} {one[2][:2000]}" for how, one in (("alone", plain), ("traced", ours)))
    return "\n".join([*text, *ends])


def compare(*row, **settings):
    """Runs a test both ways at the same time. What is seen once in three times is the machine's mood, and printed."""
    for _ in range(3):
        alone, ours = begin([HOOKS, *row]), begin([HOOKS, *row], LIBRARY, **settings)
        plain, ours = result_of(alone), result_of(ours)
        found = difference(plain, ours)
        if plain[0] != 0 or not plain[1] or plain[2]:
            found = f"it fails alone: {plain[0]} {plain[2][:2000]}"
        if not found:
            return ours[1]
        print(found)
    pytest.fail(found)


def test_there_is_a_row_for_each_call():
    assert len(rows()) > 60


@pytest.mark.parametrize("row", rows())
def test_a_call_does_what_it_did(collector, row):
    """While spans are delivered, so that the exporter's thread is at work beside it."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": 5}
    settings |= {"OTEL_BSP_MAX_QUEUE_SIZE": 20000, "AUTOTRACE_EXIT_TIMEOUT": 5000}
    compare(row, HOOKS_TRACED=1, **settings)


def test_calls_do_what_they_did_when_switched_off():
    for row in ("read", "sendmsg", "close_range", "vfork", "syscall"):
        compare(row, AUTOTRACE_DISABLED="true")


def key(span):
    """As span_hook_NAME announces it."""
    path = span.attrs.get("url.path") or re.sub(r"^http://[^/]*", "", span.attrs.get("url.full", "-"))
    parent = "child" if span.parent else "root"
    return f"{span.kind} {path} {span.code or 0} {span.error or '-'} {parent}"


def announced(out):
    return sorted(re.findall(r"^(?:server|client) .*", out, re.M))


def observe(row, endpoint):
    """Plays the row's scene; returns the spans it says must arrive."""
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": 60000}
    settings |= {"OTEL_SERVICE_NAME": f"hook.{row}", "AUTOTRACE_EXIT_TIMEOUT": 5000}
    code, out, err = run([HOOKS, "span", row], LIBRARY, HOOKS_TRACED=1, **settings)
    assert (code, err) == (0, ""), (row, code, err)
    return announced(out)


def missed(collector, wanted, service):
    """Of each row of `wanted`, what came for service.row in place of it."""
    came = {}

    def whole():
        spans = [s for s in collector.all() if s.service.startswith(f"{service}.")]
        came.update({row: sorted(key(s) for s in spans if s.service == f"{service}.{row}") for row in wanted})
        return all(len(came[row]) >= len(wanted[row]) for row in wanted)

    with contextlib.suppress(AssertionError):
        until(whole, 5)
    return [f"{row}: {came[row]}, not {wanted[row]}" for row in wanted if came[row] != wanted[row]]


def test_each_hook_observes(collector):
    """A scene for each row in which it alone does what makes a span, or gives a span its parent."""
    with ThreadPoolExecutor(4) as pool:
        wanted = dict(zip(rows(), pool.map(observe, rows(), itertools.repeat(collector.endpoint)), strict=True))
    assert all(wanted.values())
    different = missed(collector, wanted, "hook")
    assert not different, "\n".join(different)


def cancel(row, endpoint):
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": 60000, "HOOKS_TRACED": 1}
    settings |= {"OTEL_SERVICE_NAME": f"cancel.{row}", "AUTOTRACE_EXIT_TIMEOUT": 5000}
    return announced(compare("cancel", row, **settings))


def test_cancelled_in_each_call(collector):
    """A thread ends there or goes on as it does without us, cleans up once, and leaves no lock of ours behind: others
    use what it had in hand, and are traced."""
    with ThreadPoolExecutor(4) as pool:
        wanted = dict(zip(rows(), pool.map(cancel, rows(), itertools.repeat(collector.endpoint)), strict=True))
    assert all(wanted.values())
    different = missed(collector, wanted, "cancel")
    assert not different, "\n".join(different)


# ---- rough treatment ----

GUEST = PROGRAMS / "hooks_guest"
THREADS = PROGRAMS / "hooks_threads"


def spans_of(path, kind):
    text = path.read_text() if path.exists() else ""
    return [line for line in text.splitlines() if f" {kind} " in line]


# What each scenario finishes before it takes the exporter's file away, or in all: server spans at least.
# fmt: off
ROUGH = {
    "calls_only": 5, "dup2_everywhere": 1, "files_everywhere": 1, "closed_everywhere": 5, "all_numbers": 2,
    "reused_numbers": 4, "passed_connections": 3, "many_children": 20,
}
# fmt: on


@pytest.mark.parametrize("scenario", ROUGH)
def test_descriptors_treated_roughly(tmp_path, scenario):
    """The program's bytes are where they belong, ours are in no file of its; and it is still traced."""
    plain = run([GUEST, scenario, tmp_path])
    spans = tmp_path / "spans"
    code, out, err = traced([GUEST, scenario, tmp_path], spans)
    assert plain == (0, "ok\n", "")
    assert (code, out) == (0, "ok\n")
    if scenario not in ("dup2_everywhere", "files_everywhere"):  # these took our stderr, or the file
        assert err == ""
    assert len(spans_of(spans, "SERVER")) >= ROUGH[scenario]
    assert len(spans_of(spans, "CLIENT")) >= ROUGH[scenario]


def test_our_stderr_and_sockets_receive_no_byte_of_theirs_with_a_collector(tmp_path):
    """The same with an exporter that has sockets, and warnings to tell: nobody listens there."""
    for scenario in ("dup2_everywhere", "files_everywhere", "closed_everywhere"):
        code, out, err = run(
            [GUEST, scenario, tmp_path], LIBRARY, OTEL_BSP_SCHEDULE_DELAY=10, AUTOTRACE_LOG_LEVEL="debug",
            OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        )  # fmt: skip
        assert (code, out) == (0, "ok\n"), (scenario, err)
        assert all(line.startswith("autotrace: ") for line in err.splitlines()), err


def test_descriptors_beyond_a_small_table(tmp_path):
    spans = tmp_path / "spans"
    code, out, err = traced([GUEST, "high_numbers", tmp_path], spans)
    print(out)  # names the numbers that the limit forbids here
    used = re.findall(r"^at (\d+)$", out, re.M)
    assert code == 0 and err == "" and out.endswith("ok\n")
    assert len(used) >= 2
    assert len(spans_of(spans, "SERVER")) == len(used)
    assert len(spans_of(spans, "CLIENT")) == len([n for n in used if int(n) < 1048576])


def test_a_storm_of_signals(tmp_path):
    spans = tmp_path / "spans"
    code, out, err = traced([THREADS, "storm"], spans, OTEL_BSP_MAX_QUEUE_SIZE=100000)
    assert (code, out, err) == (0, "ok\n", "")
    assert len(spans_of(spans, "SERVER")) >= 20000


@pytest.mark.parametrize("scenario", ["cancel", "smallest"])
def test_threads_treated_roughly(tmp_path, scenario):
    spans = tmp_path / "spans"
    assert traced([THREADS, scenario], spans, OTEL_BSP_MAX_QUEUE_SIZE=20000) == (0, "ok\n", "")
    assert len(spans_of(spans, "SERVER")) >= 20


def number(output):
    return int(re.search(r"(\d+)", output)[1])


def test_how_much_of_a_stack_we_need(tmp_path):
    plain = number(run([THREADS, "painted"])[1])
    ours = number(traced([THREADS, "painted"], tmp_path / "spans", AUTOTRACE_INJECT="true")[1])
    print(f"stack touched: {plain} bytes alone, {ours} bytes with us")
    assert ours - plain < 3072


def test_ten_thousand_short_threads(tmp_path):
    code, out, err = run([THREADS, "many"], LIBRARY, OTEL_TRACES_EXPORTER="none")
    assert code == 0 and err == "", err
    assert number(out) < 2048, out


# ---- other preloads, and none ----


def jemalloc():
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for line in known.splitlines():
        if "libjemalloc.so.2" in line and "x86-64" in line:
            return line.split(" => ")[1]
    pytest.skip("libjemalloc2 is not installed")


@pytest.mark.parametrize("ours_first", [True, False])
@pytest.mark.parametrize("scenario", ["calls_only", "many_children"])
def test_beside_another_allocator(tmp_path, ours_first, scenario):
    spans = tmp_path / "spans"
    order = [LIBRARY, jemalloc()] if ours_first else [jemalloc(), LIBRARY]
    result = run(
        [GUEST, scenario, tmp_path], *order, OTEL_TRACES_EXPORTER="line", AUTOTRACE_CONSOLE_FILE=spans
    )  # fmt: skip
    assert result == (0, "ok\n", "")
    assert len(spans_of(spans, "SERVER")) >= 5


def test_listed_twice_and_copied(tmp_path):
    copy = tmp_path / "copy.so"
    copy.write_bytes(LIBRARY.read_bytes())
    for others in ([LIBRARY], [copy], [copy, LIBRARY]):
        spans = tmp_path / f"spans{len(others)}{others[0].name}"
        assert traced([GUEST, "calls_only", tmp_path], spans, *others) == (0, "ok\n", "")
        assert len(spans_of(spans, "SERVER")) == 5
        assert len(spans_of(spans, "CLIENT")) == 5


def test_bound_at_once(tmp_path):
    assert run(["/bin/true"], LIBRARY, LD_BIND_NOW=1) == (0, "", "")
    assert run([GUEST, "calls_only", tmp_path], LIBRARY, LD_BIND_NOW=1, OTEL_TRACES_EXPORTER="none")[:2] == (0, "ok\n")


@pytest.mark.parametrize("switch", ["AUTOTRACE_DISABLED", "OTEL_SDK_DISABLED"])
def test_switched_off_there_is_nothing_of_ours(tmp_path, switch):
    """No descriptor, no thread, no line, no header."""
    script = "import os; print(sorted(os.listdir('/proc/self/fd')), len(os.listdir('/proc/self/task')))"
    plain = run(["/usr/bin/python3", "-c", script])
    assert run(["/usr/bin/python3", "-c", script], LIBRARY, **{switch: "true"}) == plain
    assert traced([GUEST, "calls_only", tmp_path], tmp_path / "spans", **{switch: "true"}) == (0, "ok\n", "")
    assert not (tmp_path / "spans").exists()


def test_subprocesses_of_python_close_everything_and_harm_nothing(tmp_path):
    script = """
import subprocess, os
for i in range(10):
    assert subprocess.run(["/bin/echo", str(i)], capture_output=True, close_fds=True).stdout == b"%d\\n" % i
    shell = ["/bin/sh", "-c", "ls /proc/self/fd | wc -l"]
    assert subprocess.run(shell, capture_output=True, preexec_fn=lambda: None).returncode == 0
try:
    subprocess.run(["/nowhere"])
except FileNotFoundError as error:
    print(error)
os.closerange(3, 100000)
print(subprocess.run(["/bin/false"]).returncode)
"""
    plain = run(["/usr/bin/python3", "-c", script])
    assert plain[0] == 0
    assert traced(["/usr/bin/python3", "-c", script], tmp_path / "spans") == plain
