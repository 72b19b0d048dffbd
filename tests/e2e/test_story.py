"""AUTOTRACE_LOG_LEVEL=debug tells the story of each connection on stderr, readable and bounded."""

import re
import socket
import time

import pytest

from rig import Wire, ask, program, until

DEBUG = {"AUTOTRACE_LOG_LEVEL": "debug"}


def story(text):
    """The lines without process id, ids of spans and ports."""
    lines = [line.split(": ", 2)[2] for line in text.splitlines() if line.startswith("autotrace: ")]
    for pattern, instead in (r"\b[0-9a-f]{16}\b", "ID"), (r"port \d+", "port N"), (r"^fd \d+", "fd N"):
        lines = [re.sub(pattern, instead, line) for line in lines]
    return lines


@pytest.fixture
def server(rig):
    def start(**env):
        started = rig.python("plain.py", rig.peer().url, env=env)
        started.quiet = False
        return started

    return start


def test_of_a_request_and_the_call_it_causes(rig, server):
    one = server(**DEBUG)
    trace = ("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    ask(one.port, "/call/x?token=secret", headers=[trace])
    rig.take(2)
    until(lambda: sum("closed" in x for x in story(one.output())) == 2, what="the end of the story")
    told = story(one.output())
    assert told[:10] == [
        "fd N: accepted from 127.0.0.1 port N",
        "fd N: serves GET /call/x?...: span ID, parent ID (remote)",
        "fd N: HTTP/1, as server",
        "fd N: connected to 127.0.0.1 port N",
        "fd N: calls GET /x?...: span ID, parent ID (thread)",
        "fd N: HTTP/1, as client",
        "fd N: answered with status 200: span ID is finished",
        "fd N: closed",
        "fd N: answered with status 200: span ID is finished",
        "fd N: closed",
    ], told
    assert "secret" not in one.output()


def test_of_what_is_not_http_and_of_what_fails(rig, server):
    one = server(**DEBUG)
    with socket.create_connection(("127.0.0.1", one.port)) as s:
        s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 32 + b"\r\n\r\n")
        one.find("TLS that is not seen into")
    with Wire(one.port) as wire:
        wire.send(b"GET /a HTTP/1.1\r\nHost: \x1b[31mx\r\n\r\n")
    url = "http://user:password@127.0.0.1:1/x"
    done = rig.run([program("curl"), "-s", url], env=DEBUG, quiet=False)
    told = story(done.err)
    assert "fd N: cannot connect to 127.0.0.1 port N" in told or "fd N: is connecting to 127.0.0.1 port N" in told
    assert "password" not in done.err and "\x1b" not in one.output()
    rig.fresh()


def test_of_a_proxy_s_absolute_target_without_credentials(rig, server):
    one = server(**DEBUG)
    with socket.create_connection(("127.0.0.1", one.port)) as s:
        s.sendall(b"GET http://user:password@host/x?k=v HTTP/1.1\r\nHost: x\r\n\r\n")
        one.find("serves GET host/x")
    assert "password" not in one.output()


def test_there_is_none_unless_asked_for(rig, server):
    one = server(AUTOTRACE_LOG_LEVEL="info")
    ask(one.port, "/x")
    rig.take(1)
    assert story(one.output()) == []


def test_it_is_bounded(rig):
    """More than 500 lines in a second are counted instead."""
    peer = rig.peer()
    many = [program("curl"), "-s", "-o", "/dev/null", f"{peer.url}/[1-2000]"]
    began = time.monotonic()
    done = rig.run(many, env={**DEBUG, "OTEL_BSP_MAX_QUEUE_SIZE": 20000}, quiet=False)
    seconds = int(time.monotonic() - began) + 2
    told = story(done.err)
    assert done.code == 0 and len(told) <= min(502 * seconds, 7000), "2,000 requests have 8,000 steps"
    rig.fresh()
