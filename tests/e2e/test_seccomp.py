"""A program that filters its own system calls (seccomp) and is killed for any that it did not mean to make."""

import socket
import threading

import pytest

from rig import BUILD

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"


def serve(connection):
    """Answers requests until the client leaves."""
    rest = b""
    while data := connection.recv(4096):
        rest += data
        while b"\r\n\r\n" in rest:
            rest = rest.split(b"\r\n\r\n", 1)[1]
            connection.sendall(ANSWER)
    connection.close()


def run(rig, how, **more):
    """Runs confined.c; the exit code, and the spans' count that has to come is the caller's."""
    listener = socket.create_server(("127.0.0.1", 0))
    ours, theirs = socket.socketpair()
    threads = [
        threading.Thread(target=lambda: serve(listener.accept()[0])),
        threading.Thread(target=serve, args=(ours,)),
    ]
    for thread in threads:
        thread.start()
    command = [BUILD / "tests/programs/confined", how, listener.getsockname()[1], theirs.fileno()]
    done = rig.run(command, "confined", pass_fds=[theirs.fileno()], **more)
    theirs.close()
    for thread in threads:
        thread.join(10)
    listener.close()
    return done


@pytest.mark.parametrize("how", ["prctl", "syscall", "all-threads"])
def test_no_call_of_ours_behind_a_filter(rig, how):
    done = run(rig, how)
    assert done.code == 0, (done.code, done.err)
    (span,) = rig.take(1)
    assert span["url.path" if span.kind == "SERVER" else "url.full"].endswith("/x")


def test_asking_for_filters_changes_nothing(rig):
    done = run(rig, "probe")
    assert done.code == 0, (done.code, done.err)
    assert len(rig.take(2)) == 2
