"""A traced program's descriptors are its own: what it closes, opens and replaces, and what stays of it."""

import os
import platform
import re
import socket
import subprocess

import pytest

from rig import BUILD, PYTHON, ask, free_port, only, respond, until

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print("port", server.server_port, flush=True)
server.serve_forever()
"""


def table(pid):
    return {n: os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")}


def test_nothing_of_ours_is_in_it(rig):
    release = tuple(int(n) for n in platform.release().split(".")[:2])
    if release < (5, 9):
        pytest.skip("Linux before 5.9: a thread cannot leave the table with one call")
    program = rig.start([PYTHON, "-c", SERVER], service="server", env={"OTEL_BSP_SCHEDULE_DELAY": "100"})
    port = int(program.find(r"port (\d+)").group(1))
    before = table(program.pid)
    assert ask(port, "/a").status == 200
    only(rig.take(1), kind="server")
    assert len(os.listdir(f"/proc/{program.pid}/task")) == 2
    until(lambda: table(program.pid) == before, what="the table without the connection")


@pytest.fixture(scope="module")
def peer(shared):
    return shared.peer(lambda connection, head, body: respond(b"peer"))


# --- rough treatment, with spans on their way all the time ---

GUEST = BUILD / "tests/programs/hooks_guest"

# How many calls to itself each scenario of tests/programs/hooks_guest.c makes: as many server and client spans.
ROUGH = {
    "calls_only": 5, "dup2_everywhere": 6, "files_everywhere": 6, "closed_everywhere": 5, "all_numbers": 2,
    "closed_to_65535": 4, "closed_ranges": 10, "full_table": 6, "other_things_on_2": 4, "many_children": 20,
}  # fmt: skip
KERNELS = pytest.mark.parametrize("kernel", ["today's", "old"])


def treat(rig, scenario, directory, kernel, **env):
    """Runs it traced; the program's word that each byte and descriptor is where it belongs is the first test."""
    command = [GUEST, scenario, directory, *(["old"] if kernel == "old" else [])]
    plain = rig.run(command, traced=False)
    assert plain.code == 0 and plain.out.endswith("ok\n"), plain.out + plain.err
    settings = {"OTEL_BSP_SCHEDULE_DELAY": 10, "AUTOTRACE_EXIT_TIMEOUT": 8000, **env}
    return plain, rig.run(command, env=settings, quiet=False)


@KERNELS
@pytest.mark.parametrize("scenario", ROUGH)
def test_spans_are_delivered_whatever_becomes_of_descriptors(shared, tmp_path, scenario, kernel):
    """By OTLP. On an old kernel the exporter's sockets are in the program's table, where they are found and taken."""
    take = shared.fresh()
    plain, traced = treat(shared, scenario, tmp_path, kernel)
    assert (traced.code, traced.err) == (0, "")
    if kernel != "old":
        assert traced.out == plain.out  # where it counts its descriptors, there are as many
    spans = take(2 * ROUGH[scenario], seconds=10)
    assert len([s for s in spans if s.kind == "server"]) == ROUGH[scenario]


@KERNELS
@pytest.mark.parametrize("exporter", ["line", "console"])
@pytest.mark.parametrize("scenario", ["closed_to_65535", "closed_ranges", "closed_everywhere", "full_table"])
def test_spans_on_stdout_go_on(shared, tmp_path, scenario, exporter, kernel):
    """The exporter prints to the program's stdout, by a copy in the program's table."""
    out = tmp_path / "out"
    with open(out, "wb") as file:
        done = subprocess.run(
            [GUEST, scenario, tmp_path, *(["old"] if kernel == "old" else [])], stdout=file, stderr=subprocess.PIPE,
            env=shared.env(OTEL_TRACES_EXPORTER=exporter, AUTOTRACE_EXIT_TIMEOUT=8000), timeout=30, check=False,
        )  # fmt: skip
    text = out.read_text()
    assert (done.returncode, done.stderr) == (0, b"")
    lines = text.splitlines()
    assert lines.count("ok") == 1
    wanted = {"line": r" SERVER ", "console": r'"kind": "SpanKind.SERVER"'}[exporter]
    assert len(re.findall(wanted, text)) == ROUGH[scenario], text[:2000]


@pytest.mark.parametrize("scenario", ["dup2_everywhere", "files_everywhere", "closed_to_65535", "other_things_on_2"])
@KERNELS
def test_what_took_2_gets_no_line_of_ours(shared, tmp_path, scenario, kernel):
    """Nobody takes the spans, and there is much to say about that."""
    port = free_port()
    _, traced = treat(
        shared, scenario, tmp_path, kernel, AUTOTRACE_LOG_LEVEL="debug", AUTOTRACE_EXIT_TIMEOUT=200,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", OTEL_EXPORTER_OTLP_TIMEOUT=100,
    )  # fmt: skip
    assert traced.code == 0 and traced.out.endswith("ok\n"), traced.out + traced.err
    assert all(line.startswith("autotrace: ") for line in traced.err.splitlines()), traced.err


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_connection_on_0_1_and_2(shared, peer, tmp_path, family):
    """As inetd starts its servers: what is said on stderr is said to the client. We say nothing there."""
    if family == socket.AF_INET:
        listener = socket.create_server(("127.0.0.1", 0))
        ours = socket.create_connection(listener.getsockname())
        theirs = listener.accept()[0]
        listener.close()
    else:
        ours, theirs = socket.socketpair()
    nobody = f"http://127.0.0.1:{free_port()}"
    env = shared.env("inetd", OTEL_TRACES_SAMPLER="nonsense", OTEL_EXPORTER_OTLP_ENDPOINT=nobody)
    env["AUTOTRACE_EXIT_TIMEOUT"], env["OTEL_EXPORTER_OTLP_TIMEOUT"] = "400", "100"
    command = [BUILD / "tests/programs/fetch", "return", str(peer.port), "3"]
    done = subprocess.run(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env, timeout=20, check=False)
    theirs.close()
    assert done.returncode == 3
    assert ours.recv(1000) == b""
    ours.close()
    # The same setting, and a stderr like others: it is told.
    told = shared.run(command, env={"OTEL_TRACES_SAMPLER": "nonsense"}, quiet=False)
    assert "OTEL_TRACES_SAMPLER" in told.err
