"""The interposed calls do what they did: results, errno, bytes and descriptors, with and without us.

tests/programs/hooks_calls.c has a section for each row of libc/calls.def; each runs alone and under the preload, and
prints the same. The other programs are the ones that make life hard for a guest.
"""

import re
import subprocess

import pytest

from rig import BUILD, LIBRARY, environment

PROGRAMS = BUILD / "tests/programs"
CALLS = PROGRAMS / "hooks_calls"


def run(command, *libraries, timeout=20, **env):
    command = [str(c) for c in command]
    done = subprocess.run(
        command,
        env=environment(LD_PRELOAD=":".join(str(p) for p in libraries) or None, **env),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def traced(command, spans, *more, **env):
    settings = {"OTEL_TRACES_EXPORTER": "line", "AUTOTRACE_CONSOLE_FILE": spans, "AUTOTRACE_INJECT": "false", **env}
    return run(command, LIBRARY, *more, **settings)


def rows():
    if not CALLS.exists():
        return []
    return run([CALLS])[1].split("\n")[:-1]


def test_every_row_of_the_table_has_a_section():
    assert len(rows()) > 60
    assert [r for r in rows() if r.endswith(" missing")] == []


@pytest.mark.parametrize("row", rows())
def test_a_call_does_what_it_did(tmp_path, row):
    plain = run([CALLS, row])
    again = run([CALLS, row])
    assert plain == again, "the section itself does not do the same twice"
    assert plain[0] == 0 and plain[1], plain
    assert traced([CALLS, row], tmp_path / "spans") == plain
    assert run([CALLS, row], LIBRARY, AUTOTRACE_DISABLED="true") == plain
