"""What being preloaded brings with it: early and late calls, another C library, numbers used again, rights, cost."""

import os
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

from rig import BUILD, LIBRARY, Wire, environment, program

SUPPORT = os.path.join(os.path.dirname(__file__), "../support")
PRELOADED = BUILD / "tests/programs/preloaded"
HOOKS = BUILD / "tests/hooks/hooks"
GUEST = BUILD / "tests/programs/hooks_guest"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Builds one of support/*.c as a library."""
    directory = tmp_path_factory.mktemp("libraries")

    def build(name):
        path = directory / f"{name}.so"
        source = os.path.join(SUPPORT, f"{name}.c")
        subprocess.run([program("gcc"), "-O1", "-shared", "-fPIC", "-pthread", "-o", path, source], check=True)
        return path

    return build


def run(command, *libraries, **env):
    done = subprocess.run(
        [str(c) for c in command], env=environment(LD_PRELOAD=":".join(map(str, libraries)) or None, **env),
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def to_a_file(path):
    return {"OTEL_TRACES_EXPORTER": "line", "AUTOTRACE_CONSOLE_FILE": path}


def spans_of(path, kind):
    text = path.read_text() if path.exists() else ""
    return [line for line in text.splitlines() if f" {kind} " in line]


# --- another C library ---

# What has no system call of its own, or is jumped to.
NEVER_LACKING = """
    fdopen fclose pthread_create quick_exit syscall prctl dlopen vfork
    execve execv execvp execvpe execl execlp execle fexecve
"""


def names():
    listing = os.path.join(os.path.dirname(__file__), "../../scripts/list-exports")
    listed = subprocess.run([listing], capture_output=True, text=True, check=True).stdout.split()
    return [n for n in listed if n not in NEVER_LACKING.split() and not n.startswith("autotrace_")]


@pytest.mark.parametrize("scenario", ["calls_only", "closed_everywhere", "passed_connections", "many_children"])
def test_a_c_library_that_lacks_the_originals(library, tmp_path, scenario):
    """Whatever is missing is done by system call: the program and its spans are as ever."""
    spans = tmp_path / "spans"
    lacking = f" {' '.join(names())} "
    assert " read " in lacking and " close_range " in lacking
    result = run([GUEST, scenario, tmp_path], LIBRARY, library("lacking"), LACKING=lacking, **to_a_file(spans))
    assert result == (0, "ok\n", "")
    assert len(spans_of(spans, "SERVER")) >= 3


@pytest.mark.parametrize("row", ["execveat", "epoll_pwait2", "close_range", "closefrom", "pselect"])
def test_a_call_that_this_c_library_lacks(library, row):
    """Newer ones, and those whose system call is not the call itself."""
    plain = run([HOOKS, row])
    assert plain[0] == 0 and plain[1], plain
    env = {"LACKING": f" {row} ", "OTEL_TRACES_EXPORTER": "none", "AUTOTRACE_INJECT": "false", "HOOKS_TRACED": "1"}
    assert run([HOOKS, row], LIBRARY, library("lacking"), **env) == plain


# --- before our constructor, after our destructor ---


def test_calls_before_our_constructor_and_after_our_destructor(library, tmp_path):
    spans = tmp_path / "spans"
    early = library("early")
    plain = run([GUEST, "calls_only", tmp_path], early)
    assert (plain[0], sorted(plain[1].split()), plain[2]) == (0, ["after", "before", "ok"], "")
    assert run([GUEST, "calls_only", tmp_path], LIBRARY, early, **to_a_file(spans)) == plain
    assert len(spans_of(spans, "SERVER")) == 5


def test_calls_before_all_constructors(tmp_path):
    """By DT_PREINIT_ARRAY, when no library has begun."""
    spans = tmp_path / "spans"
    plain = run([PRELOADED, "preinit"])
    assert plain == (0, "7 before\nok\n", "")
    assert run([PRELOADED, "preinit"], LIBRARY, **to_a_file(spans)) == plain
    assert (len(spans_of(spans, "SERVER")), len(spans_of(spans, "CLIENT"))) == (1, 1)


def test_requests_when_a_thread_ends(tmp_path):
    """By destructors of keys, twice over, and of thread-local objects (__cxa_thread_atexit_impl)."""
    spans = tmp_path / "spans"
    assert run([PRELOADED, "thread_ends"], LIBRARY, **to_a_file(spans)) == (0, "ok\n", "")
    assert (len(spans_of(spans, "SERVER")), len(spans_of(spans, "CLIENT"))) == (8, 8)


def test_objects_of_threads_make_requests_when_they_are_destroyed(tmp_path):
    """C++: thread_local ones of threads that return, exit and are main's, and a static one behind all of them."""
    spans, made = tmp_path / "spans", tmp_path / "thread_objects"
    source = os.path.join(SUPPORT, "thread_objects.cc")
    subprocess.run([program("g++"), "-std=c++17", "-O1", "-pthread", "-o", made, source], check=True)
    # Those of one thread are made together: four threads, two objects each.
    plain = run([made])
    assert plain == (0, "9 requests\n", "")
    assert run([made], LIBRARY, **to_a_file(spans)) == plain
    assert (len(spans_of(spans, "SERVER")), len(spans_of(spans, "CLIENT"))) == (9, 9)


@pytest.mark.parametrize("binding", ["lazy", "now"])
def test_calls_before_we_are_relocated(library, tmp_path, binding):
    """By the resolver of an indirect function in a library that the linker takes up before us."""
    source, made = tmp_path / "main.c", tmp_path / "main"
    source.write_text('int resolver_did(void);\nint printf(const char *, ...);\n'
                      'int main(void) { printf("%x\\n", resolver_did()); return 0; }\n')  # fmt: skip
    subprocess.run([program("gcc"), "-o", made, source, library("resolver")], check=True)
    env = {"LD_BIND_NOW": "1"} if binding == "now" else {}
    plain = run([made], **env)
    assert plain == (0, "3ff\n", "")
    assert run([made], LIBRARY, OTEL_TRACES_EXPORTER="none", **env) == plain


# --- what a program brings and is given ---

LIBRARIES = {
    "libcurl.so.4": ["curl_easy_init", "curl_multi_perform"],
    "libssl.so.3": ["SSL_new", "SSL_CTX_new"],
    "libcrypto.so.3": ["EVP_DigestInit_ex", "RAND_bytes"],
    "libz.so.1": ["deflate", "inflate"],
}


def test_the_program_s_libraries_are_its_own(tmp_path):
    """Those that the bundle has too: what the program links to and looks up is found where it is without us."""
    known = subprocess.run([program("ldconfig"), "-p"], capture_output=True, text=True, check=True).stdout
    paths = [re.search(rf"{re.escape(name)} .*x86-64.* => (\S+)", known) for name in LIBRARIES]
    if not all(paths):
        pytest.skip(f"not all of {' '.join(LIBRARIES)} are installed")
    names = [name for some in LIBRARIES.values() for name in some]
    source = tmp_path / "asks.c"
    source.write_text(
        "#define _GNU_SOURCE\n#include <dlfcn.h>\n#include <stdio.h>\n"
        + "".join(f"extern int {name}();\n" for name in names)
        + "static void ask(const char *name, void *linked)\n{\n\tDl_info at;\n"
        "\tputs(dladdr(linked, &at) ? at.dli_fname : name);\n"
        '\tif (dlsym(RTLD_DEFAULT, name) != linked)\n\t\tprintf("%s is looked up elsewhere\\n", name);\n}\n'
        + "int main(void)\n{\n"
        + "".join(f'\task("{name}", (void *){name});\n' for name in names)
        + '\tputs("ok");\n}\n'
    )
    made = tmp_path / "asks"
    subprocess.run([program("gcc"), "-w", "-fPIC", "-o", made, source, *(found[1] for found in paths)], check=True)
    plain = run([made])
    assert plain[0] == 0 and plain[1].endswith("ok\n") and "elsewhere" not in plain[1], plain
    assert run([made], LIBRARY, **to_a_file(tmp_path / "spans")) == plain


def test_a_socket_that_was_there_before_the_program(shared):
    """Socket activation: descriptor 3 listens, and nobody has seen how it came to."""
    take = shared.fresh()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = os.fork()
        if child == 0:
            os.dup2(listener.fileno(), 3)
            env = shared.env("activated", LISTEN_FDS=1, LISTEN_PID=os.getpid())
            os.execve(PRELOADED, ["preloaded", "activated"], env)
        with Wire(listener.getsockname()[1]) as wire:
            assert wire.ask("/activated").status == 200
        assert os.waitpid(child, 0)[1] == 0
    (span,) = take(1)
    assert (span.kind, span["url.path"], span.code) == ("server", "/activated", 200)


# --- numbers used again ---


def test_a_number_is_used_again_while_it_is_closed(library, tmp_path):
    """Between the close that frees it and the return from that close; the new connection is not the old one."""
    spans = tmp_path / "spans"
    shim = library("reused")
    assert run([PRELOADED, "reused"], shim) == (0, "ok\n", "")
    assert run([PRELOADED, "reused"], LIBRARY, shim, **to_a_file(spans)) == (0, "ok\n", "")
    served = spans_of(spans, "SERVER")
    assert len(served) == 2 and all(" 200" in line for line in served), served
    assert len(spans_of(spans, "CLIENT")) == 2


def test_a_connection_is_replaced(tmp_path):
    """dup2 onto it is its end, as close would be."""
    spans = tmp_path / "spans"
    env = {"OTEL_TRACES_EXPORTER": "console", "AUTOTRACE_CONSOLE_FILE": spans}
    assert run([PRELOADED, "replaced"], LIBRARY, **env) == (0, "ok\n", "")
    errors = re.findall(r'"error.type": "(\w+)"', spans.read_text())
    assert errors and set(errors) == {"connection_closed"}, spans.read_text()


def test_a_request_that_is_peeked_at_is_one(tmp_path):
    spans = tmp_path / "spans"
    assert run([PRELOADED, "peeked"], LIBRARY, **to_a_file(spans)) == (0, "ok\n", "")
    served = spans_of(spans, "SERVER")
    assert len(served) == 1 and " 200 " in served[0], served


def test_a_number_of_ours_is_taken_unseen(shared):
    """One exporter prints to stdout, so the other one's sockets are in the program's table: nothing goes to whoever
    has the number now, and it is not closed."""
    take = shared.fresh()
    result = shared.run([PRELOADED, "taken"], env={"OTEL_TRACES_EXPORTER": "otlp,line", "OTEL_BSP_SCHEDULE_DELAY": 10})
    assert (result.code, result.err, result.out.count("ok\n")) == (0, "", 1)
    take(4)


def test_a_handler_makes_a_request_while_a_read_waits(tmp_path):
    """The wait is the program's, no work of ours: what interrupts it is seen."""
    spans = tmp_path / "spans"
    assert run([PRELOADED, "handled"], LIBRARY, **to_a_file(spans)) == (0, "ok\n", "")
    assert (len(spans_of(spans, "SERVER")), len(spans_of(spans, "CLIENT"))) == (1, 1)


# --- programs that gain rights ---

# A library of libc's own that hardly anybody preloads: in a mount namespace it becomes ours, since the loader takes
# only set-uid libraries of its own directories into a program that gains rights.
STAND_IN = "libpcprofile.so"


def test_a_program_that_gains_rights(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can make a set-uid program of somebody else")
    known = subprocess.run([program("ldconfig"), "-p"], capture_output=True, text=True, check=True).stdout
    there = re.search(rf"{STAND_IN} .*x86-64.* => (\S+)", known)
    path = there[1] if there else f"/usr/lib/x86_64-linux-gnu/{STAND_IN}"
    if not os.path.exists(path):
        pytest.skip(f"{path} is not there to be replaced")
    with tempfile.TemporaryDirectory(prefix="autotrace-e2e-") as directory:
        os.chmod(directory, 0o755)
        ours, made = os.path.join(directory, "library"), os.path.join(directory, "program")
        shutil.copy(LIBRARY, ours)
        shutil.copy(PRELOADED, made)
        os.chown(made, 65534, 65534)
        os.chmod(ours, 0o4755)
        os.chmod(made, 0o755)
        spans = os.path.join(directory, "spans")

        def attempt():
            script = f'mount --bind {ours} {path} && LD_PRELOAD={STAND_IN} exec "$0" "$@"'
            env = environment(**to_a_file(spans))
            done = subprocess.run(
                [program("unshare"), "-m", "/bin/sh", "-c", script, made, "secure"], env=env, capture_output=True,
                text=True, timeout=30, check=False,
            )  # fmt: skip
            return done.returncode, done.stdout, done.stderr, os.path.exists(spans)

        assert attempt() == (0, "AT_SECURE 0, preloaded\nok\n", "", True)
        os.remove(spans)
        os.chmod(made, 0o4755)
        assert attempt() == (0, "AT_SECURE 1, preloaded\nok\n", "", False)


# --- forks ---


def test_children_have_numbers_of_their_own(tmp_path):
    """What a child draws at random is neither its parent's nor its sister's."""
    spans = tmp_path / "spans"
    assert run([PRELOADED, "forked", 4], LIBRARY, OTEL_TRACES_EXPORTER="console", AUTOTRACE_CONSOLE_FILE=spans,
               AUTOTRACE_EXIT_TIMEOUT=5000) == (0, "ok\n", "")  # fmt: skip
    ids = re.findall(r'"span_id": "(?:0x)?([0-9a-f]{16})"', spans.read_text())
    assert len(ids) == 10 and len(set(ids)) == 10, ids


# --- who asks for a library ---


def test_plug_ins_are_looked_for_where_the_program_says(tmp_path):
    """dlopen looks along the run path of whoever calls it: that is still the program."""
    (tmp_path / "plug-ins").mkdir()
    source = os.path.join(SUPPORT, "../programs/preloaded.c")
    made = tmp_path / "made"
    path = "-Wl,-rpath,$ORIGIN/plug-ins,--enable-new-dtags"
    subprocess.run([program("gcc"), "-D_GNU_SOURCE", "-O1", "-pthread", path, "-o", made, source], check=True)
    empty = ["-x", "c", "/dev/null"]
    subprocess.run([program("gcc"), "-shared", "-fPIC", "-o", tmp_path / "plug-ins/plugin.so", *empty], check=True)
    for disabled in ("false", "true"):
        assert run([made, "plugin"], LIBRARY, AUTOTRACE_DISABLED=disabled) == (0, "found\nok\n", "")


# --- cost ---


def system_calls(tmp_path, count, *libraries, **env):
    log = tmp_path / "strace"
    preload = ["-E", "LD_PRELOAD=" + ":".join(map(str, libraries))] if libraries else []
    command = [program("strace"), "-f", "-qq", "-o", log, *preload, PRELOADED, "files", str(count)]
    assert run(command, **env) == (0, "ok\n", "")
    return log.read_text().splitlines()


@pytest.mark.parametrize("disabled", ["false", "true"])
def test_what_is_of_no_interest_costs_no_system_call(tmp_path, disabled):
    """Files and pipes: each number is looked at once, by asking for a socket's option; switched off not even that."""
    env = {"AUTOTRACE_DISABLED": disabled, "OTEL_TRACES_EXPORTER": "none"}
    once, often = (system_calls(tmp_path, n, LIBRARY, **env) for n in (1, 300))
    plain = [system_calls(tmp_path, n) for n in (1, 300)]
    assert len(often) - len(once) == len(plain[1]) - len(plain[0])
    assert any("getsockopt(" in line for line in often) == (disabled == "false")
