"""The program `autotrace`: what `run` hands to the command, what `check` says of real and made-up programs.

It is copied to a directory that every user can read and runs with stand-ins for the library, so that these tests say
nothing about tracing itself.
"""
import json
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD_DIR", os.path.join(ROOT, "build"))
NOBODY = 65534

# Exports what the real library interposes, as far as these tests care, and passes nothing on: it is only read.
LIBRARY = "".join(
    'long at_%s(void) __asm__("%s"); long at_%s(void) { return -1; }\n' % (n, n, n)
    for n in "accept accept4 connect recv send readv writev sendto recvfrom autotrace_version".split()
)
INERT = "int autotrace_inert = 1;\n"
SERVER = """
#include <sys/socket.h>
int main(int count, char **arguments)
{ return count > 1 ? accept4(count, 0, 0, 0) + (int)recv(count, arguments, 0, 0) : 7; }
"""


@pytest.fixture(scope="module")
def place():
    """A directory with the program, the stand-ins, and programs of every kind."""
    path = tempfile.mkdtemp(prefix="autotrace-cli.", dir="/tmp")
    os.chmod(path, 0o755)
    shutil.copy(os.path.join(BUILD, "autotrace"), path)
    compiled(path, "libautotrace.so", INERT, "-shared", "-fPIC")
    os.mkdir(os.path.join(path, "exports"))
    compiled(path, "exports/libautotrace.so", LIBRARY, "-shared", "-fPIC")
    compiled(path, "server", SERVER)
    yield path
    shutil.rmtree(path)


def compiled(place, name, source, *flags):
    path = os.path.join(place, name)
    subprocess.run(["gcc", "-x", "c", "-w", "-o", path, "-", "-x", "none", *flags], input=source, text=True, check=True)
    return path


def written(place, name, text, mode=0o755):
    path = os.path.join(place, name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def autotrace(place, *arguments, env=None, **options):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "AUTOTRACE_", "LD_"))}
    clean.update(env or {})
    return subprocess.run([os.path.join(place, "autotrace"), *arguments], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=60, env=clean, **options)


def environment(place, *options, env=None):
    """The environment that a command gets from `autotrace run` with these options."""
    done = autotrace(place, "run", *options, "--", "/usr/bin/env", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def check(place, *arguments, **options):
    """Exit code, first line and the other lines of `autotrace check`, compared with the exporting stand-in."""
    done = autotrace(place, "check", "--lib", os.path.join(place, "exports/libautotrace.so"), *arguments, **options)
    assert done.stderr == ""
    first, _, rest = done.stdout.partition("\n")
    return done.returncode, first, rest


# ---- run -------------------------------------------------------------------


def test_nothing_but_the_preload_without_options(place):
    before = {"PATH": os.environ["PATH"], "HOME": "/"}
    done = subprocess.run([os.path.join(place, "autotrace"), "run", "env"], env=before, text=True, capture_output=True,
                          check=True)
    got = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert got == {**before, "LD_PRELOAD": os.path.join(place, "libautotrace.so")}


def test_options_become_variables(place):
    got = environment(place, "--service-name", "shop", "--endpoint=https://collector:4318", "--exporter", "otlp",
                      "--console", "--resource", "team=a,b", "--resource", "k=v", "--sampler", "traceidratio:0.25",
                      "--no-inject", "--log-level", "debug")
    assert got["OTEL_SERVICE_NAME"] == "shop"
    assert got["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://collector:4318"
    assert got["OTEL_TRACES_EXPORTER"] == "otlp,console"
    assert got["OTEL_RESOURCE_ATTRIBUTES"] == "team=a%2Cb,k=v"
    assert got["OTEL_TRACES_SAMPLER"] == "traceidratio"
    assert got["OTEL_TRACES_SAMPLER_ARG"] == "0.25"
    assert got["AUTOTRACE_INJECT"] == "false"
    assert got["AUTOTRACE_LOG_LEVEL"] == "debug"


def test_options_meet_what_is_set_already(place):
    got = environment(place, "--console", "--resource", "a=new", "--sampler", "always_on",
                      env={"OTEL_TRACES_EXPORTER": "otlp", "OTEL_RESOURCE_ATTRIBUTES": "a=old,b=x%20y",
                           "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"})
    assert got["OTEL_TRACES_EXPORTER"] == "console"
    assert got["OTEL_RESOURCE_ATTRIBUTES"] == "b=x%20y,a=new"
    assert got["OTEL_TRACES_SAMPLER"] == "always_on"
    assert "OTEL_TRACES_SAMPLER_ARG" not in got


def test_an_existing_preload_stays(place):
    library = os.path.join(place, "libautotrace.so")
    link = os.path.join(place, "link.so")
    other = compiled(place, "other.so", "int other = 1;\n", "-shared", "-fPIC")
    os.symlink("libautotrace.so", link)
    assert environment(place, env={"LD_PRELOAD": other})["LD_PRELOAD"] == library + ":" + other
    assert environment(place, env={"LD_PRELOAD": library})["LD_PRELOAD"] == library
    assert environment(place, env={"LD_PRELOAD": "%s %s" % (other, link)})["LD_PRELOAD"] == library + ":" + other


def test_the_library_is_really_loaded(place):
    done = autotrace(place, "run", "cat", "/proc/self/maps")
    assert os.path.join(place, "libautotrace.so") in done.stdout


def test_where_the_library_is_looked_for(place):
    alone = os.path.join(place, "prefix/bin")
    os.makedirs(alone)
    shutil.copy(os.path.join(place, "autotrace"), alone)
    done = autotrace(alone, "run", "true")
    assert done.returncode == 125
    assert done.stderr.count("\n") == 1
    assert os.path.join(alone, "libautotrace.so") in done.stderr
    assert os.path.join(alone, "../lib/libautotrace.so") in done.stderr
    os.mkdir(os.path.join(place, "prefix/lib"))
    shutil.copy(os.path.join(place, "libautotrace.so"), os.path.join(place, "prefix/lib"))
    assert autotrace(alone, "run", "true").returncode == 0
    got = environment(alone, env={"AUTOTRACE_LIB": os.path.join(place, "libautotrace.so")})
    assert got["LD_PRELOAD"] == os.path.join(place, "libautotrace.so")
    done = autotrace(place, "run", "--lib", "/no/such.so", "true")
    assert (done.returncode, done.stderr.count("\n")) == (125, 1)
    assert "/no/such.so" in done.stderr


@pytest.mark.parametrize("name", ["a b", "a:b", "a$b"])
def test_a_path_that_a_preload_cannot_hold(place, name):
    os.mkdir(os.path.join(place, name))
    library = shutil.copy(os.path.join(place, "libautotrace.so"), os.path.join(place, name))
    done = autotrace(place, "run", "--lib", library, "true")
    assert (done.returncode, done.stderr.count("\n")) == (125, 1)
    assert library in done.stderr and "LD_PRELOAD" in done.stderr


def test_a_relative_library_becomes_absolute(place):
    done = autotrace(place, "run", "--lib", "libautotrace.so", "env", cwd=place)
    assert "LD_PRELOAD=%s\n" % os.path.join(place, "libautotrace.so") in done.stdout


def test_it_executes_and_never_forks(place):
    child = subprocess.Popen([os.path.join(place, "autotrace"), "run", "sh", "-c", "echo $$; echo $PPID; kill -9 $$"],
                             stdout=subprocess.PIPE, text=True)
    out, _ = child.communicate(timeout=30)
    assert out.split() == [str(child.pid), str(os.getpid())]
    assert child.returncode == -signal.SIGKILL


def test_as_the_first_process_of_a_container(place):
    prefix = ["unshare", "--pid", "--fork"]
    if not shutil.which("unshare") or subprocess.run(prefix + ["true"], capture_output=True).returncode != 0:
        pytest.skip("this user may not create a pid namespace")
    done = subprocess.run(prefix + [os.path.join(place, "autotrace"), "run", "sh", "-c", "echo $$; exit 9"],
                          capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (9, "1\n")


def test_arguments_and_exit_code_pass(place):
    done = autotrace(place, "run", "sh", "-c", 'printf "%s|" "$@"; exit 42', "sh", "", "a b", "--help", "*")
    assert (done.returncode, done.stdout) == (42, "|a b|--help|*|")


def test_descriptors_pass_and_none_is_added(place):
    command = ["/usr/bin/python3", "-c", "import os; print(sorted(os.listdir('/proc/self/fd')))"]
    with tempfile.TemporaryFile() as file:
        keep = [file.fileno()]
        bare = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, pass_fds=keep)
        assert str(file.fileno()) in bare.stdout
        assert autotrace(place, "run", *command, pass_fds=keep).stdout == bare.stdout


@pytest.mark.parametrize("command, code, message", [
    ("no-such-command", 127, "autotrace: no-such-command: command not found\n"),
    ("/no/such/file", 127, "autotrace: /no/such/file: No such file or directory\n"),
    ("/etc/passwd", 126, "autotrace: /etc/passwd: Permission denied\n"),
    ("/tmp", 126, "autotrace: /tmp: Is a directory\n"),
    ("/etc/passwd/x", 126, "autotrace: /etc/passwd/x: Not a directory\n"),
    ("", 127, "autotrace: : command not found\n"),
])
def test_commands_that_cannot_be_executed(place, command, code, message):
    done = autotrace(place, "run", command)
    assert (done.returncode, done.stderr, done.stdout) == (code, message, "")


def test_the_first_executable_in_path_is_taken(place):
    for name, mode in ("p1", 0o644), ("p2", 0o755):
        os.mkdir(os.path.join(place, name))
        written(place, name + "/tool", "#!/bin/sh\necho %s\n" % name, mode)
    path = "%s/p1:%s/p2" % (place, place)
    assert autotrace(place, "run", "tool", env={"PATH": path}).stdout == "p2\n"
    assert autotrace(place, "run", "tool", env={"PATH": place + "/p1"}).returncode == 126


def test_scripts(place):
    script = written(place, "script", "#!/bin/sh\necho $LD_PRELOAD\n")
    assert autotrace(place, "run", script).stdout == os.path.join(place, "libautotrace.so") + "\n"
    bare = written(place, "bare", "echo bare\n")
    assert autotrace(place, "run", bare).stdout == "bare\n"
    broken = written(place, "broken", "#!/no/such/interpreter\n")
    done = autotrace(place, "run", broken)
    assert done.returncode == 127
    assert "interpreter" in done.stderr and done.stderr.count("\n") == 1


def test_it_runs_what_it_cannot_trace_and_says_so(place):
    static = compiled(place, "static", SERVER, "-static")
    done = autotrace(place, "run", static)
    assert done.returncode == 7
    assert done.stderr == "autotrace: warning: %s is statically linked: it will run, but untraced\n" % static
    script = written(place, "by-static", "#!%s\n" % static)
    done = autotrace(place, "run", script)
    assert (done.stderr.count("\n"), static in done.stderr) == (1, True)


def test_it_warns_of_set_uid_programs_only_where_privileges_are_gained(place):
    path = shutil.copy("/usr/bin/env", os.path.join(place, "env-as-owner"))
    os.chmod(path, 0o4755)
    done = autotrace(place, "run", path)
    assert done.stderr == "" and "LD_PRELOAD=" in done.stdout
    if os.geteuid() != 0:
        pytest.skip("only root can start a program as another user")
    done = autotrace(place, "run", path, user=NOBODY)
    assert done.returncode == 0
    assert done.stderr == "autotrace: warning: %s is set-uid to user 0: it will run, but untraced\n" % path


def test_a_library_that_would_keep_the_program_from_starting_is_left_out(place):
    os.mkdir(os.path.join(place, "new"))
    versions = written(place, "new/versions", "GLIBC_9.9 { at_new; };\n")
    compiled(place, "new/libc.so.6", "void at_new(void) {}\n", "-shared", "-fPIC", "-nostdlib",
             "-Wl,-soname,libc.so.6,--version-script=" + versions)
    library = compiled(place, "new/libautotrace.so", "void at_new(void); void f(void) { at_new(); }\n", "-shared",
                       "-fPIC", "-nostdlib", os.path.join(place, "new/libc.so.6"))
    assert subprocess.run(["/bin/true"], env={"LD_PRELOAD": library}, capture_output=True).returncode != 0
    done = autotrace(place, "run", "--lib", library, "--service-name", "x", "env")
    assert done.returncode == 0
    assert "OTEL_SERVICE_NAME=x\n" in done.stdout and "LD_PRELOAD" not in done.stdout
    assert "GLIBC_9.9" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [
    ["run"], ["run", "--"], ["run", "--nonsense", "true"], ["run", "-x", "true"], ["run", "--service-name"],
    ["run", "--resource", "novalue", "true"], ["run", "--resource", "=v", "true"], ["run", "--sampler", ":1", "true"],
    ["run", "--endpoint", "collector:4318", "true"], ["check"], ["check", ""], ["check", "--nonsense", "x"], [],
    ["bogus"], ["help", "bogus"],
])
def test_usage_errors_are_one_line_and_exit_code_2(place, arguments):
    done = autotrace(place, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("autotrace: ") and done.stderr.count("\n") == 1


def test_help_and_version(place):
    with open(os.path.join(ROOT, "include/autotrace.h")) as header:
        version = header.read().split('AUTOTRACE_VERSION "')[1].split('"')[0]
    for spelling in "version", "--version":
        done = autotrace(place, spelling)
        assert (done.returncode, done.stdout) == (0, "autotrace %s\n" % version)
    for arguments in ["help"], ["--help"], ["help", "run"], ["run", "--help"], ["help", "check"], ["check", "--help"]:
        done = autotrace(place, *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) > 4
    assert "OTEL_SERVICE_NAME" in autotrace(place, "help", "run").stdout


# ---- check: programs -------------------------------------------------------


def test_check_a_server(place):
    code, first, rest = check(place, os.path.join(place, "server"))
    assert (code, first) == (0, os.path.join(place, "server") + ": can be traced")
    assert "server calls accept4 recv" in rest or "server calls recv accept4" in rest
    assert "takes connections, makes none" in rest
    assert "autotrace_version" not in rest


@pytest.mark.parametrize("program, code, words", [
    ("nginx", 0, ["runtime: nginx", "takes connections and makes connections", "libssl"]),
    ("/usr/bin/python3", 0, ["runtime: Python", "takes connections and makes connections"]),
    ("curl", 0, ["libcurl", "runtime: curl"]),
    ("redis-server", 3, ["partly", "Redis"]),
    ("gunicorn", 0, ["is run by /usr/bin/python3", "runtime: Python"]),
    ("java", 3, ["partly", "TLS is written in Java"]),
])
def test_check_programs_of_this_system(place, program, code, words):
    path = os.environ["PATH"] + ":/usr/sbin"
    found = shutil.which(program, path=path)
    if not found:
        pytest.skip(program + " is not installed")
    got, first, rest = check(place, program, env={"PATH": path})
    assert got == code, first + rest
    assert first.startswith(found + ": ")
    for word in words:
        assert word in first + rest


def test_check_tls_inside_the_executable(place):
    source = SERVER + "int SSL_read(void *s) { return s != 0; }\n"
    for name, flags in ("exported", ["-rdynamic"]), ("hidden", []):
        code, first, _ = check(place, compiled(place, name, source, *flags))
        assert code == 3
        assert "partly: OpenSSL is inside the executable" in first
    code, first, rest = check(place, compiled(place, "stripped", source, "-s"))
    assert (code, "OpenSSL" in rest) == (0, False)


def test_check_node(place):
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed")
    with open(node, "rb") as file:
        inside = b"\0SSL_read\0" in file.read() and b"libssl.so" not in subprocess.run(
            ["readelf", "-d", node], capture_output=True).stdout
    code, first, rest = check(place, node)
    assert code == 0, first
    assert ("OpenSSL is inside Node, whose bridge sees its plaintext" in rest) == inside
    assert "runtime: Node.js" in rest


@pytest.mark.parametrize("flags, words", [
    (["-static"], "statically linked (no dynamic loader runs, so LD_PRELOAD has no effect)"),
    (["-static-pie"], "statically linked, as a static-pie"),
    (["-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1"], "linked with musl libc"),
    (["-Wl,--dynamic-linker=/no/ld.so"], "without its dynamic loader: there is no file /no/ld.so"),
    (["-DGO"], "written in Go"),
    (["-DGO", "-s"], "written in Go"),
    (["-shared", "-fPIC"], "a shared library, not a program"),
    (["-c"], "not a program"),
])
def test_check_programs_that_no_preload_reaches(place, flags, words):
    source = SERVER + """
#ifdef GO
__attribute__((section(".go.buildinfo"), used)) static const char mark[] = "go";
#endif
"""
    path = compiled(place, "unreachable", source, *flags)
    os.chmod(path, 0o755)
    code, first, rest = check(place, path)
    assert code == 1
    assert first.startswith(path + ": cannot be traced: ")
    assert words in first
    assert "protocols:" not in rest
    os.remove(path)


def test_check_another_machine(place):
    with open(os.path.join(place, "server"), "rb") as file:
        data = bytearray(file.read())
    struct.pack_into("=H", data, 18, 22)
    path = os.path.join(place, "foreign")
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, 0o755)
    code, first, _ = check(place, path)
    assert code == 1
    assert "built for s390x while libautotrace.so is built for" in first


def test_check_programs_that_gain_privileges(place):
    path = shutil.copy(os.path.join(place, "server"), os.path.join(place, "privileged"))
    os.chmod(path, 0o4755)
    code, first, _ = check(place, path)
    assert (code, "set-uid to user" in first, "secure execution" in first) == (1, True, True)
    os.chmod(path, 0o2755)
    assert "set-gid to group" in check(place, path)[1]
    os.chmod(path, 0o755)
    assert check(place, path)[0] == 0
    code, first, _ = check(place, "su")
    assert (code, "set-uid to user 0" in first) == (1, True)


def test_check_file_capabilities(place):
    path = shutil.copy(os.path.join(place, "server"), os.path.join(place, "capable"))
    try:
        os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 10, 0, 0, 0))
    except OSError as error:
        pytest.skip("file capabilities cannot be set: %s" % error)
    code, first, _ = check(place, path)
    assert (code, "file capabilities" in first) == (1, True)


def test_check_scripts(place):
    python = os.path.realpath(sys.executable)
    code, first, rest = check(place, written(place, "app1", "#!%s -u\n" % python))
    assert code == 0 and first.endswith("app1: can be traced")
    assert "is run by %s (#!%s -u)" % (python, python) in rest
    code, _, rest = check(place, written(place, "app2", "#!/usr/bin/env -S A=1 server\n"),
                          env={"PATH": place + ":/bin"})
    assert code == 0 and "is run by %s/server" % place in rest
    code, _, rest = check(place, written(place, "app3", "#!%s/app1\n" % place))
    assert code == 0 and rest.count("is run by") == 2
    code, first, _ = check(place, written(place, "app4", "#!/no/such\n"))
    assert code == 1 and "interpreter cannot be executed: /no/such" in first
    code, first, _ = check(place, written(place, "app5", "#!%s/app5\n" % place))
    assert code == 1 and "without end" in first
    code, first, rest = check(place, written(place, "app6", "echo\n"))
    assert code == 0 and "has no #! line" in rest
    code, first, _ = check(place, written(place, "app7", "\x01\x00\x02"))
    assert code == 1 and "neither an ELF file nor a script" in first


def test_check_what_is_no_program(place):
    assert check(place, "no-such-command")[:2] == (1, "no-such-command: cannot be traced: not found "
                                                      "(no such command in PATH)")
    assert check(place, "/no/such/file")[0] == 1
    assert check(place, "/tmp")[:2] == (1, "/tmp: cannot be traced: a directory")
    assert check(place, "/etc/passwd")[:2] == (1, "/etc/passwd: cannot be traced: not executable: /etc/passwd")
    assert check(place, written(place, "damaged", "\x7fELF\x02\x01\x01"))[1].endswith("ends in the middle of its "
                                                                                        "ELF headers")


def test_check_an_unreadable_program(place):
    path = shutil.copy(os.path.join(place, "server"), os.path.join(place, "unreadable"))
    os.chmod(path, stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    as_other = {"user": NOBODY} if os.geteuid() == 0 else {}
    code, first, _ = check(place, path, **as_other)
    assert (code, first) == (1, "%s: cannot be examined: %s: Permission denied (it may still be executable: ask as its "
                                "owner or as root)" % (path, path))


def test_check_without_the_library(place):
    alone = os.path.join(place, "alone")
    os.mkdir(alone)
    shutil.copy(os.path.join(place, "autotrace"), alone)
    done = autotrace(alone, "check", os.path.join(place, "server"))
    assert done.returncode == 0
    assert "libautotrace.so was not found" in done.stdout


def test_check_sees_other_tracers(place):
    server = os.path.join(place, "server")
    assert "already instrumented" not in check(place, server)[2]
    rest = check(place, server, env={"JAVA_TOOL_OPTIONS": "-javaagent:/opt/agent.jar"})[2]
    assert "already instrumented, it seems: a Java agent: JAVA_TOOL_OPTIONS=-javaagent:/opt/agent.jar" in rest
    assert "already instrumented" in check(place, server, "-javaagent:/x.jar")[2]
    for variable in "OTEL_SDK_DISABLED", "AUTOTRACE_DISABLED":
        code, first, _ = check(place, server, env={variable: "True"})
        assert (code, "switched off by %s=True" % variable in first) == (1, True)
        assert check(place, server, env={variable: "false"})[0] == 0


def test_check_sees_io_uring(place):
    compiled(place, "liburing.so.2", "int io_uring_queue_init(void) { return 0; }\n", "-shared", "-fPIC",
             "-Wl,-soname,liburing.so.2")
    path = compiled(place, "uring", SERVER + "int f(void) { return io_uring_queue_init(); }\n",
                    os.path.join(place, "liburing.so.2"), "-Wl,-rpath,$ORIGIN")
    code, first, _ = check(place, path)
    assert (code, "partly: can use io_uring" in first) == (3, True)


@pytest.mark.parametrize("tags", ["--enable-new-dtags", "--disable-new-dtags"])
def test_check_finds_calls_in_libraries(place, tags):
    os.makedirs(os.path.join(place, "deep"), exist_ok=True)
    compiled(place, "deep/libnet.so", "int connect(void); int net(void) { return connect(); }\n", "-shared", "-fPIC")
    path = compiled(place, "client", "int net(void); int main(void) { return net(); }\n",
                    os.path.join(place, "deep/libnet.so"), "-Wl,%s,-rpath,$ORIGIN/deep" % tags)
    os.rename(os.path.join(place, "deep/libnet.so"), os.path.join(place, "deep/moved"))
    rest = check(place, path)[2]
    assert "libraries: not found: %s/deep/libnet.so (it would not start here)" % place in rest
    compiled(place, "deep/libnet.so", "int connect(void); int net(void) { return connect(); }\n", "-shared", "-fPIC",
             "-Wl,-soname,libnet.so")
    path = compiled(place, "client", "int net(void); int main(void) { return net(); }\n",
                    os.path.join(place, "deep/libnet.so"), "-Wl,%s,-rpath,$ORIGIN/deep" % tags)
    rest = check(place, path)[2]
    assert "makes connections, takes none" in rest
    assert "libnet.so calls connect" in rest
    assert rest.count("calls:") == 1


def test_check_finds_libraries_by_variable(place):
    os.mkdir(os.path.join(place, "by-variable"))
    library = compiled(place, "by-variable/libvar.so", "int connect(void); int var(void) { return connect(); }\n",
                       "-shared", "-fPIC", "-Wl,-soname,libvar.so")
    path = compiled(place, "variable", "int var(void); int main(void) { return var(); }\n", library)
    assert "not found: libvar.so" in check(place, path)[2]
    rest = check(place, path, env={"LD_LIBRARY_PATH": "/nowhere:" + os.path.dirname(library)})[2]
    assert "not found" not in rest and "libvar.so calls connect" in rest


def test_check_json(place):
    done = autotrace(place, "check", "--json", os.path.join(place, "server"))
    report = json.loads(done.stdout)
    assert (report["verdict"], report["traced"]) == ("can", False)
    assert report["subject"] == os.path.join(place, "server")
    assert {"topic", "level", "what"} <= set(report["findings"][0])
    report = json.loads(autotrace(place, "check", "--json", compiled(place, "s", SERVER, "-static")).stdout)
    assert (report["verdict"], report["reason"]) == ("cannot", "statically linked")
    done = autotrace(place, "check", "--json", os.fsdecode(b"/no\xffsuch"))
    assert json.loads(done.stdout)["subject"] == "/no?such"


# ---- check: processes ------------------------------------------------------


@pytest.fixture
def started(place):
    """Starts programs that wait, and ends them."""
    children = []

    def start(*command, **options):
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)
        children.append(child)
        assert child.stdout.readline() == "ready\n"
        return child.pid

    yield start
    for child in children:
        child.kill()
        child.communicate()


WAIT = ["/bin/sh", "-c", "echo ready; read x"]


def test_check_a_process(place, started):
    pid = started(*WAIT)
    code, first, rest = check(place, str(pid))
    assert (code, first) == (0, "%d (%s): can be traced" % (pid, os.path.realpath("/bin/sh")))
    assert "now: not traced" in rest and "autotrace run" in rest
    assert "user: %d" % os.getuid() in rest


def test_check_a_traced_process(place, started):
    pid = started(os.path.join(place, "autotrace"), "run", *WAIT)
    code, first, rest = check(place, str(pid))
    assert (code, first) == (0, "%d (%s): is traced" % (pid, os.path.realpath("/bin/sh")))
    assert "now: %s is mapped" % os.path.join(place, "libautotrace.so") in rest
    assert "LD_PRELOAD=" in rest
    report = json.loads(autotrace(place, "check", "--json", str(pid)).stdout)
    assert (report["verdict"], report["traced"]) == ("can", True)


def test_check_a_process_that_only_reads_the_library(place, started):
    code = ("import mmap; f = open(%r, 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ);"
            "print('ready', flush=True); input()" % os.path.join(place, "libautotrace.so"))
    pid = started("/usr/bin/python3", "-c", code)
    status, first, rest = check(place, str(pid))
    assert (status, first.endswith("can be traced"), "now: not traced" in rest) == (0, True, True)
    assert rest.count("%s calls" % os.path.basename(os.path.realpath("/usr/bin/python3"))) == 1


def test_check_a_process_whose_preload_is_missing(place, started):
    pid = started(*WAIT, env={"LD_PRELOAD": "/gone/libautotrace.so"}, stderr=subprocess.DEVNULL)
    code, first, _ = check(place, str(pid))
    assert (code, "LD_PRELOAD names /gone/libautotrace.so, which is not there" in first) == (1, True)


def test_check_a_process_in_another_root_and_replaced_files(place, started):
    path = shutil.copy(os.path.realpath("/bin/sh"), os.path.join(place, "shell"))
    pid = started(path, *WAIT[1:])
    os.remove(path)
    code, first, rest = check(place, str(pid))
    assert (code, first) == (0, "%d (%s): can be traced" % (pid, path))
    assert "%s was replaced or removed since the start" % path in rest


def test_check_a_process_with_a_filter(place, started):
    code = ("import ctypes; c = ctypes.CDLL(None); c.prctl(38, 1, 0, 0, 0);"
            "f = (ctypes.c_ulong * 1)(0x7fff000000000006); "
            "p = ctypes.create_string_buffer(16); ctypes.memmove(p, (1).to_bytes(8, 'little'), 8);"
            "ctypes.memmove(ctypes.addressof(p) + 8, ctypes.addressof(f).to_bytes(8, 'little'), 8);"
            "assert c.prctl(22, 2, p, 0, 0) == 0; print('ready', flush=True); input()")
    pid = started("/usr/bin/python3", "-c", code)
    status, _, rest = check(place, str(pid))
    assert status == 0
    assert "seccomp: a filter of system calls is active" in rest
    assert "no_new_privs is set" in rest


def test_check_processes_that_are_not_there_or_not_readable(place, started):
    code, first, _ = check(place, "2147483646")
    assert (code, first) == (1, "2147483646: cannot be traced: not found: there is no process 2147483646")
    assert check(place, "99999999999999999999")[0] == 1
    assert check(place, "0")[0] == 1
    zombie = subprocess.Popen(["/bin/true"])
    time.sleep(0.3)
    code, first, _ = check(place, str(zombie.pid))
    zombie.wait()
    assert (code, first) == (1, "%d: cannot be traced: a zombie: it has ended already" % zombie.pid)
    if os.geteuid() != 0:
        pytest.skip("only root can start a process of another user")
    pid = started(*WAIT)
    code, first, _ = check(place, str(pid), user=NOBODY)
    assert (code, "Permission denied (ask as the same user or as root)" in first) == (1, True)
    assert first.startswith("%d: cannot be examined" % pid)
