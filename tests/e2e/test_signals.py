"""Signal handlers that meet the hooks at bad moments: the first span, longjmp, many at once, small stacks."""

import re

import pytest

from rig import BUILD
from test_hooks import number, run, spans_of, traced

SIGNALS = BUILD / "tests/programs/signals"
STEPPED = BUILD / "tests/programs/stepped"


@pytest.mark.parametrize("how", ["first_span", "first_span_alternate", "first_span_nodefer"])
def test_no_thread_is_made_in_a_handler(tmp_path, how):
    """The first spans of the process are finished in a handler; the exporter starts behind it and loses none."""
    spans = tmp_path / "spans"
    assert traced([SIGNALS, how], spans) == (0, "ok\n", "")
    assert len(spans_of(spans, "SERVER")) == len(spans_of(spans, "CLIENT")) == 3


def test_spans_of_handlers_alone(tmp_path):
    """At the end of the program at the latest."""
    spans = tmp_path / "spans"
    assert traced([SIGNALS, "only_spans"], spans) == (0, "ok\n", "")
    assert len(spans_of(spans, "SERVER")) == 1


def lost_by_jumps(err, spans):
    """What each process lost: at most the span that was being finished when the handler jumped the first time."""
    told = re.findall(r"autotrace: \d+: (?:(\d+) spans finished|lost (\d+) of (\d+) spans: (.*))", err)
    assert len(told) == len(err.splitlines()), err
    assert {causes for *_, causes in told} <= {"", "1 cut off by a signal handler"}
    lost = sum(int(n or 0) for _, n, *_ in told)
    assert len(spans.read_text().splitlines()) + lost == sum(int(all_well or of) for all_well, _, of, _ in told)
    return len(told)


@pytest.mark.parametrize("how", ["jump", "jump_alternate"])
def test_a_handler_that_leaves_by_longjmp(tmp_path, how):
    """Thousands of times out of whatever we were doing: no lock stays held, the thread is seen again."""
    spans = tmp_path / "spans"
    more = {"OTEL_BSP_MAX_QUEUE_SIZE": 400000, "AUTOTRACE_EXIT_TIMEOUT": 8000, "AUTOTRACE_LOG_LEVEL": "info"}
    code, out, err = traced([SIGNALS, how], spans, timeout=60, **more)
    print(out)
    assert (code, out.splitlines()[-1]) == (0, "ok"), err
    assert float(re.search(r"waited ([\d.]+) ms", out)[1]) < 1000
    assert "traced 150" in out
    assert lost_by_jumps(err, spans) == 1


TAKEN_AWAY = [("jump", 0, 1999), ("jump", 2, 199), ("cancel", 2, 399), ("exit", 0, 3999), ("exit", 2, 599)]


@pytest.mark.parametrize("how, warm, stride", TAKEN_AWAY)
def test_a_thread_that_is_taken_away_at_any_instruction(tmp_path, how, warm, stride):
    """One in so many of the first call's instructions, of the third's: each in a process of its own, which goes on."""
    spans = tmp_path / "spans"
    more = {"AUTOTRACE_EXIT_TIMEOUT": 8000, "AUTOTRACE_LOG_LEVEL": "info"}
    code, out, err = traced([STEPPED, how, warm, 1, stride], spans, timeout=120, **more)
    assert (code, out.splitlines()[-1]) == (0, "ok"), err
    assert lost_by_jumps(err, spans) == len(out.splitlines()) > 8
    assert how != "cancel" or "lost" not in err
    assert min(int(n) for n in re.findall(r"(\d+) spans finished|of (\d+) spans", err) for n in n if n) >= 10 + 2 * warm


def test_a_thread_that_is_taken_away_and_never_calls_again(tmp_path):
    """What it has left half done it does not give up: others are served as ever, and what is lost by it is counted."""
    spans = tmp_path / "spans"
    more = {"AUTOTRACE_EXIT_TIMEOUT": 300, "AUTOTRACE_LOG_LEVEL": "info"}
    code, out, err = traced([STEPPED, "still", 2, 1, 599], spans, timeout=120, **more)
    assert (code, out.splitlines()[-1]) == (0, "ok"), err
    told = re.findall(r"autotrace: \d+: (?:(\d+) spans finished|lost (\d+) of (\d+) spans: (.*))", err)
    assert len(told) == len(err.splitlines()) == len(out.splitlines()) > 8
    assert {re.sub(r"\d+ ", "", causes) for *_, causes in told} <= {"", "not delivered before exit"}
    finished = [int(all_well or of) for all_well, _, of, _ in told]
    assert min(finished) >= 2 + 2 * 5
    assert len(spans.read_text().splitlines()) == sum(finished) - sum(int(lost or 0) for _, lost, *_ in told)


@pytest.mark.parametrize("how", ["storm", "storm_small"])
def test_handlers_that_write_nested_and_on_a_small_stack(tmp_path, how):
    """Three timers, whose handlers write to traced and other descriptors; the stack is just large enough for three."""
    spans = tmp_path / "spans"
    assert traced([SIGNALS, how], spans, timeout=60, OTEL_BSP_MAX_QUEUE_SIZE=200000) == (0, "ok\n", "")
    assert len(spans_of(spans, "SERVER")) >= 20000


def test_how_much_of_a_handler_s_stack_we_need(tmp_path):
    plain = number(run([SIGNALS, "painted"])[1])
    ours = number(traced([SIGNALS, "painted"], tmp_path / "spans")[1])
    print(f"stack touched in a handler: {plain} bytes alone, {ours} bytes with us")
    assert ours - plain < 3072
