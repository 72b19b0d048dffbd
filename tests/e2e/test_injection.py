"""The bytes a client sends: those it would have sent without us, and one header line in each head.

Each scenario of tests/programs/inject_client.c runs twice against a server that keeps every byte: alone, and under the
preload. What the calls returned must be the same; so must the bytes, once our line is taken out again.
"""

import array
import os
import re
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

import pytest

from rig import BUILD, LIBRARY, environment, until

CLIENT = BUILD / "tests/programs/inject_client"
SUPPORT = Path(__file__).parents[1] / "support"
OURS = re.compile(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-0[13]\r\n")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Sink:
    """Keeps the bytes of each connection, and answers at its end as often as there were heads."""

    def __init__(self, address=None, slow=False, reset=False, deaf=False):
        self.slow, self.reset, self.deaf = slow, reset, deaf
        self.streams, self.descriptors, self.ended = [], 0, []
        self.listener = socket.socket(socket.AF_UNIX if address else socket.AF_INET)
        if slow or deaf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        self.listener.bind(address or ("127.0.0.1", 0))
        self.listener.listen(600)
        self.address = address or str(self.listener.getsockname()[1])
        self.open = []
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            stream = bytearray()
            self.streams.append(stream)
            self.open.append(connection)
            if not self.deaf:
                threading.Thread(target=self.keep, args=(connection, stream), daemon=True).start()

    def keep(self, connection, stream):
        room = socket.CMSG_SPACE(4)
        try:
            while True:
                data, control, _, _ = connection.recvmsg(61 if self.slow else 65536, room)
                for _, _, value in control:
                    got = array.array("i")
                    got.frombytes(value)
                    self.descriptors += len(got)
                    for fd in got:
                        os.close(fd)
                if not data:
                    break
                stream += data
                if self.slow:
                    time.sleep(0.0005)
                if self.reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    break
            if not self.reset:
                connection.sendall(ANSWER * max(1, stream.count(b" HTTP/1.")))
        except OSError:
            pass
        connection.close()
        self.ended.append(connection)

    def settle(self, expected):
        """Until every connection has been accepted and kept to its end."""
        until(lambda: len(self.streams) >= expected, what=f"{expected} connections")
        until(lambda: len(self.ended) == len(self.streams), what="their ends")

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        for connection in self.open:
            connection.close()


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    path = tmp_path_factory.mktemp("shim") / "short_writes.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", path, SUPPORT / "short_writes.c"], check=True)
    return path


class Run:
    def __init__(self, done, sink, spans):
        self.code, self.log, self.errors = done.returncode, done.stdout.decode(), done.stderr.decode()
        self.streams = [bytes(s) for s in sink.streams]
        self.descriptors = sink.descriptors
        self.spans = spans


def run(tmp_path, scenario, traced, unix=False, preload=(), env=None, **how):
    name = "traced" if traced else "plain"
    sink = Sink(str(tmp_path / (name + ".sock")) if unix else None, **how)
    spans = tmp_path / (name + ".spans")
    libraries = ([str(LIBRARY)] if traced else []) + [str(p) for p in preload]
    settings = {"OTEL_TRACES_EXPORTER": "line", "AUTOTRACE_CONSOLE_FILE": spans, **(env or {})}
    done = subprocess.run(
        [CLIENT, scenario, sink.address],
        env=environment(LD_PRELOAD=":".join(libraries) or None, **settings),
        capture_output=True,
        timeout=60,
        check=False,
    )
    result = Run(done, sink, spans.read_text() if spans.exists() else "")
    if not sink.deaf and result.code == 0:
        sink.settle(int(re.search(r"^dialled (\d+) -$", result.log, re.M)[1]))
    result.streams = [bytes(s) for s in sink.streams]
    sink.close()
    return result


def without(stream):
    """The stream without our lines, and how many there were."""
    for line in OURS.finditer(stream):  # inside a head: behind a line of it, in front of the empty one
        assert re.search(rb"[^\r\n]\r?\n$", stream[: line.start()][-3:]), stream[:200]
        assert re.match(rb"\r?\n", stream[line.end() :]), stream[line.start() :][:200]
    return OURS.subn(b"", stream)


def heads(stream):
    return len(re.findall(rb"(?:GET|PUT|POST|OPTIONS|get) \S+ HTTP/1\.[01]\r?\n", stream))


def both(tmp_path, scenario, exact=True, **how):
    plain = run(tmp_path, scenario, False, **how)
    traced = run(tmp_path, scenario, True, **how)
    assert plain.code == 0, (plain.log, plain.errors)
    assert traced.code == 0, (traced.log, traced.errors)
    assert traced.errors == plain.errors == ""
    if exact:
        assert traced.log == plain.log
    assert traced.descriptors == plain.descriptors
    assert len(traced.streams) == len(plain.streams)
    return plain, traced


def same_but_for_ours(plain, traced, expected=None):
    """Byte for byte; every head has our line unless the test expects another count."""
    for before, after in zip(plain.streams, traced.streams):
        assert b"traceparent" not in before
        rest, count = without(after)
        assert rest == before
        assert count == (heads(before) if expected is None else expected)
        for part in re.split(rb"\r?\n\r?\n", after):
            assert part.count(b"traceparent:") <= 1


# fmt: off
SIMPLE = [
    "write", "send", "sendmmsg", "writev", "sendmsg", "bytewise", "chunked", "odd_lines", "large_heads",
    "sendfile_body", "splice_body", "bad_pointers", "bad_lengths",
]
# fmt: on


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
@pytest.mark.parametrize("scenario", SIMPLE)
def test_every_head_has_our_line_and_nothing_else_is_different(tmp_path, scenario, unix):
    plain, traced = both(tmp_path, scenario, unix=unix)
    same_but_for_ours(plain, traced)
    assert sum(heads(s) for s in plain.streams) > 0
    assert traced.spans.count(" CLIENT ") == sum(heads(s) for s in plain.streams)


def test_an_address_with_the_head_is_passed_on(tmp_path):
    plain, traced = both(tmp_path, "sendto")
    same_but_for_ours(plain, traced)


def test_an_address_that_a_unix_socket_refuses_is_refused(tmp_path):
    plain, traced = both(tmp_path, "sendto", unix=True)
    assert "EISCONN" in plain.log
    same_but_for_ours(plain, traced)


def test_descriptors_travel_with_the_head(tmp_path):
    plain, traced = both(tmp_path, "control", unix=True)
    assert traced.descriptors == 3
    same_but_for_ours(plain, traced)


def test_pipelined_requests_each_have_our_line_up_to_the_cap_of_one_write(tmp_path):
    plain, traced = both(tmp_path, "pipelined")
    same_but_for_ours(plain, traced, expected=12 + 10 + 10)


def test_a_head_over_the_cap_goes_as_it_is(tmp_path):
    plain, traced = both(tmp_path, "too_large_a_head")
    same_but_for_ours(plain, traced, expected=0)


def test_an_application_s_own_context_stays_alone(tmp_path):
    plain = run(tmp_path, "own_context", False)
    traced = run(tmp_path, "own_context", True)
    assert traced.streams == plain.streams
    assert traced.log == plain.log
    assert traced.spans == ""


def test_other_protocols_go_as_they_are(tmp_path):
    plain, traced = both(tmp_path, "strangers")
    same_but_for_ours(plain, traced, expected=0)


@pytest.mark.parametrize("scenario", ["write", "writev", "bytewise"])
def test_the_switch_turns_every_change_off(tmp_path, scenario):
    plain, traced = both(tmp_path, scenario, env={"AUTOTRACE_INJECT": "false"})
    assert traced.streams == plain.streams
    assert traced.spans.count(" CLIENT ") == sum(heads(s) for s in plain.streams)


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
@pytest.mark.parametrize("scenario", ["no_room_blocking", "no_room_nonblocking"])
def test_a_send_buffer_without_room(tmp_path, scenario, unix):
    """How much is taken at a time is the kernel's affair; that it is all of it, in order, is ours."""
    plain, traced = both(tmp_path, scenario, unix=unix, slow=True)
    same_but_for_ours(plain, traced)


def test_a_time_limit_on_a_blocking_socket(tmp_path):
    both(tmp_path, "time_limit", deaf=True)


def test_closing_at_once(tmp_path):
    plain, traced = both(tmp_path, "close_at_once")
    same_but_for_ours(plain, traced)


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_broken_pipes_and_their_signal(tmp_path, unix):
    plain, traced = both(tmp_path, "broken_pipes", unix=unix)
    assert "EPIPE" in plain.log and "pipes 3" in plain.log
    assert [without(s)[0] for s in traced.streams] == plain.streams


@pytest.mark.parametrize("unix", [False, True], ids=["tcp", "unix"])
def test_a_reset_by_the_peer(tmp_path, unix):
    plain, _ = both(tmp_path, "reset", unix=unix, reset=True)
    assert "EPIPE" in plain.log


@pytest.mark.parametrize("scenario", ["cuts", "cuts_and_bytes"])
def test_the_kernel_takes_any_number_of_bytes(tmp_path, shim, scenario):
    plain, traced = both(tmp_path, scenario, preload=[shim])
    assert len(plain.streams) > 120
    same_but_for_ours(plain, traced)


def test_who_was_to_write_the_rest_is_cancelled(tmp_path, shim):
    """What is left of our line leaves all the same, with whoever writes next; and sendfile is no cancellation point."""
    plain, traced = both(tmp_path, "cut_and_cancelled", preload=[shim])
    assert len(plain.streams) > 120 and "should not be" not in plain.log
    assert [without(s)[0] for s in traced.streams] == plain.streams
    assert sum(without(s)[1] for s in traced.streams) > 100


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 54, 55, 56, 70, 100])
def test_every_write_is_short(tmp_path, shim, limit):
    """More heads than a write may change are changed by later ones, since the first writes are short."""
    plain, traced = both(tmp_path, "always_short", preload=[shim], env={"SHORT_ALWAYS": limit})
    same_but_for_ours(plain, traced)


# ---- values that a proxy passes on ----

CAME_WITH = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def proxy(tmp_path, shim):
    sink = Sink()
    spans = tmp_path / "spans"
    process = subprocess.Popen(
        [CLIENT, "proxy", sink.address],
        env=environment(
            LD_PRELOAD=f"{LIBRARY}:{shim}", OTEL_TRACES_EXPORTER="line", AUTOTRACE_CONSOLE_FILE=spans,
            OTEL_BSP_SCHEDULE_DELAY=20,
        ),  # fmt: skip
        stdout=subprocess.PIPE,
    )
    process.sink, process.spans = sink, spans
    process.port = int(process.stdout.readline())
    yield process
    process.kill()
    process.wait()
    sink.close()


def passed_on(proxy, line):
    """What arrives behind the proxy of a request with this extra line; and what was sent to it."""
    request = f"GET /via HTTP/1.1\r\nHost: a\r\ntraceparent: {CAME_WITH}\r\n{line}Accept: */*\r\n\r\n".encode()
    before = len(proxy.sink.streams)
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.settimeout(10)
        client.sendall(request)
        answer = b""
        while data := client.recv(4096):
            answer += data
    assert answer == ANSWER
    (arrived,) = proxy.sink.streams[before:]
    return request, bytes(arrived)


def value_in(stream):
    (value,) = re.findall(rb"traceparent: ([^\r]*)\r\n", stream)
    return value.decode()


def client_spans(proxy, count):
    def found():
        text = proxy.spans.read_text() if proxy.spans.exists() else ""
        ids = re.findall(r" CLIENT .* span=([0-9a-f]{16}) parent=", text)
        return len(ids) >= count and ids

    return until(found, what=f"{count} client spans")


def test_a_passed_on_value_is_rewritten_where_it_stands(proxy):
    request, arrived = passed_on(proxy, "")
    value = value_in(arrived)
    assert arrived.replace(value.encode(), CAME_WITH.encode()) == request
    assert value[:36] == CAME_WITH[:36] and value[53:] == "01"
    assert value[36:52] == client_spans(proxy, 1)[0] != CAME_WITH[36:52]


def test_a_passed_on_value_is_whole_however_little_is_taken(proxy):
    """The kernel takes n bytes: ours, begun, is ended by ours."""
    values = []
    for n in range(0, 175):
        request, arrived = passed_on(proxy, f"X-Short: {n}\r\n")
        values.append(value_in(arrived))
        assert arrived.replace(values[-1].encode(), CAME_WITH.encode()) == request, n
        assert values[-1][:36] == CAME_WITH[:36], n
    ids = client_spans(proxy, 175)
    assert sorted(v[36:52] for v in values) == sorted(ids)


def test_a_value_cut_by_the_proxy_itself_is_the_old_or_the_new_one(proxy):
    """What has left cannot be changed: then the whole value stays as it came, never half of it."""
    rewritten = 0
    for n in range(1, 170):
        request, arrived = passed_on(proxy, f"X-Two: {n}\r\n")
        value = value_in(arrived)
        assert arrived.replace(value.encode(), CAME_WITH.encode()) == request, n
        begins = request.index(CAME_WITH.encode())
        assert (value == CAME_WITH) == (begins < n < len(request) - 1), n
        rewritten += value != CAME_WITH
    assert rewritten > 40
    assert len(client_spans(proxy, 169)) == 169
