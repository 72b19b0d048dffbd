"""Which processes are traced: the kill switch, its file, include and exclude. Who says what is wrong with settings."""

import os
import re
import subprocess

import pytest

from rig import BUILD, LIBRARY, PYTHON, ask, environment, program

CLI = BUILD / "autotrace"
BAD = {"OTEL_BSP_SCHEDULE_DELAY": "soon", "OTEL_TRACES_EXPORTER": "none"}


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer()


def curl(shared, peer, command=None, **env):
    """Runs curl, or a command with {url} in it; the number of its spans."""
    take = shared.fresh()
    command = command or [program("curl"), "-s", "{url}"]
    done = shared.run([str(c).replace("{url}", peer.url) for c in command], env=env)
    assert (done.code, done.out) == (0, "peer"), done.err
    spans = shared.collector.new()
    take(len(spans), settle=0)
    return len(spans)


@pytest.mark.parametrize(
    "env, spans",
    [
        ({}, 1),
        ({"AUTOTRACE_EXCLUDE": "curl"}, 0),
        ({"AUTOTRACE_EXCLUDE": "bash, */curl"}, 0),
        ({"AUTOTRACE_EXCLUDE": "curl -s http://127*"}, 0),
        ({"AUTOTRACE_EXCLUDE": "curl -x*,wget,url"}, 1),
        ({"AUTOTRACE_INCLUDE": "curl"}, 1),
        ({"AUTOTRACE_INCLUDE": "/usr/bin/c*"}, 1),
        ({"AUTOTRACE_INCLUDE": "nginx,* serve*"}, 0),
        ({"AUTOTRACE_INCLUDE": "curl", "AUTOTRACE_EXCLUDE": "*"}, 0),
        ({"AUTOTRACE_DISABLED": "1"}, 0),
        ({"AUTOTRACE_DISABLED": "0"}, 1),
    ],
)
def test_by_name_path_and_arguments(shared, peer, env, spans):
    assert curl(shared, peer, **env) == spans


def test_a_script_goes_by_its_own_name_and_by_its_interpreter(shared, peer, tmp_path):
    script = tmp_path / "fetch-it"
    script.write_text(
        f"#!{PYTHON}\nimport sys, urllib.request\n"
        "print(urllib.request.urlopen(sys.argv[1]).read().decode(), end='')\n"
    )
    script.chmod(0o755)
    assert curl(shared, peer, [script, "{url}"]) == 1
    for pattern in "fetch-it", script, "python3*", f"python3* {script} *":
        assert curl(shared, peer, [script, "{url}"], AUTOTRACE_EXCLUDE=pattern) == 0, pattern


def test_children_of_the_excluded_are_judged_on_their_own(shared, peer):
    """The preload is passed on; bash itself is as if we were not there."""
    shell = ["/bin/bash", "-c", "grep -c '^Threads:.1$' /proc/$$/status >/dev/null && curl -s {url}; exit $?"]
    assert curl(shared, peer, shell, AUTOTRACE_EXCLUDE="bash") == 1
    assert curl(shared, peer, shell, AUTOTRACE_INCLUDE="curl") == 1
    assert curl(shared, peer, shell, AUTOTRACE_EXCLUDE="curl") == 0


def test_run_has_options_for_both(shared, peer):
    url = [program("curl"), "-s", "{url}"]
    assert curl(shared, peer, [CLI, "run", "--exclude", "wget,curl", "--", *url], LD_PRELOAD=None) == 0
    assert curl(shared, peer, [CLI, "run", "--include", "curl", *url], LD_PRELOAD=None) == 1


@pytest.mark.parametrize(
    "env, words",
    [
        ({"AUTOTRACE_EXCLUDE": "sleep 1*"}, "excluded by AUTOTRACE_EXCLUDE"),
        ({"AUTOTRACE_INCLUDE": "nginx"}, "not named by AUTOTRACE_INCLUDE"),
        ({"AUTOTRACE_DISABLED": "yes"}, "switched off by AUTOTRACE_DISABLED=yes"),
    ],
)
def test_check_knows_it_before(env, words):
    done = subprocess.run([CLI, "check", "--lib", LIBRARY, "sleep", "10"], env=environment(**env), capture_output=True)
    assert done.returncode == 1 and words in done.stdout.decode().splitlines()[0], done.stdout


# --- the kill switch ---


def calls_of(command, **env):
    """The system calls a command makes, by strace."""
    strace = [program("strace"), "-f", "-qq", "-E", f"LD_PRELOAD={LIBRARY}"]
    done = subprocess.run([*strace, *command], env=environment(**env), capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stderr.decode()


def test_the_kill_switch_comes_first():
    """Not even the file is looked for; no memory, no thread, no line, whatever else is set."""
    bad = {"OTEL_BSP_SCHEDULE_DELAY": "soon", "AUTOTRACE_EXCLUDE": "true", "AUTOTRACE_NONSENSE": "1"}
    on, off = (calls_of(["/bin/true"], AUTOTRACE_DISABLED=v, **bad) for v in ("0", "1"))
    assert "/etc/autotrace/disabled" in on and "/proc/self/exe" in on
    assert "/etc/autotrace" not in off and "/proc/self/exe" not in off and "autotrace:" not in off
    by_the_loader, _, by_us = off.rpartition("munmap(")
    assert by_the_loader and re.fullmatch(r".* = 0\nexit_group\(0\) += \?\n", by_us), off


def test_the_file_switches_off_what_starts(tmp_path):
    """In a mount namespace of its own, since it is the machine's file."""
    if os.geteuid() != 0:
        pytest.skip("only root can put a file into /etc")
    talk = tmp_path / "talk.py"
    talk.write_text(
        "import socket\n"
        "a, b = socket.socketpair()\n"
        "a.send(b'GET / HTTP/1.1\\r\\n\\r\\n'), b.recv(999)\n"
        "b.send(b'HTTP/1.1 204 None\\r\\n\\r\\n'), a.recv(999)\n"
    )
    for made, expected in ("/etc/autotrace/disabled", False), ("/etc/autotrace/enabled", True):
        spans = tmp_path / f"spans-{expected}"
        lay = f"mount -t tmpfs none /etc && mkdir /etc/autotrace && touch {made} && "
        command = ["unshare", "-m", "/bin/sh", "-c", f"{lay} LD_PRELOAD={LIBRARY} exec {PYTHON} {talk}"]
        env = environment(OTEL_TRACES_EXPORTER="line", AUTOTRACE_CONSOLE_FILE=spans)
        done = subprocess.run(command, env=env, capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        assert spans.exists() == expected


# --- warnings ---


def test_a_shell_full_of_commands_does_not_repeat_a_bad_setting(shared, peer):
    loop = ["/bin/sh", "-c", "for i in 1 2 3 4 5; do /bin/true; /bin/ls / >/dev/null; done"]
    assert shared.run(loop, env=BAD).err == ""


def test_it_is_said_with_the_first_traffic(shared, peer):
    done = shared.run([program("curl"), "-s", peer.url, peer.url], env=BAD, quiet=False)
    assert [line.split(": ", 2)[2] for line in done.err.splitlines()] == [
        'OTEL_BSP_SCHEDULE_DELAY: "soon" is not a number of milliseconds, 0 to 2147483647; using 5000'
    ]


def test_processes_that_were_forked_say_it_once_together(rig):
    """A master that forks its workers, as most servers do."""
    server = rig.gunicorn("shop:app", "--workers", "3", env=BAD)
    server.quiet = False
    for _ in range(30):
        assert ask(server.port, "/quick").status == 200
    assert server.output().count("autotrace: ") == 1, server.output()
