"""What a collector can do to those who bring it spans: the scripts of one connection. Fed by receiver.py.

A mood says whether anybody listens, what happens when a connection is made, and what a request gets. An answer is a
function (link, request, patience) -> (acknowledged, rejected): whether the client was told in full, by a 2xx, that the
body was taken, and how many of its spans were told to be refused. patience is an Event that is set when the mood ends.
"""

import email.utils
import itertools
import socket
import struct
import time

PROTOBUF = "application/x-protobuf"


class Mood:
    """listening: "yes", "no" (connections are refused) or "full" (they hang); tls: which of the pki's contexts speaks,
    None: plain; grpc: calls are read, not requests; meet: what happens on a new connection instead of that; answer:
    what a request gets, after delay seconds."""

    def __init__(self, answer=None, meet=None, listening="yes", tls=None, delay=0, grpc=False):
        self.answer, self.meet, self.listening, self.tls, self.delay = answer, meet, listening, tls, delay
        self.grpc = grpc


def head(status, headers=(), length=None):
    lines = [f"HTTP/1.1 {status} Because", *(f"{name}: {value}" for name, value in headers)]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


# --- answers that are HTTP ---


def status(code, headers=(), body=b"", taken=None, rejected=0):
    """A whole answer. headers may be a function that makes them."""

    def answer(link, _request, _patience):
        given = headers() if callable(headers) else headers
        link.sendall(head(code, given, None if code == 204 else len(body)) + body)
        return (200 <= code < 300 if taken is None else taken), rejected

    answer.brief = True  # given while no change of mood can cut it
    return answer


def accept(body=b"", kind=PROTOBUF, rejected=0):
    return status(200, (("Content-Type", kind),), body, rejected=rejected)


def in_a_while(seconds):
    """Retry-After as a date, so many seconds from now."""
    return lambda: (("Retry-After", email.utils.formatdate(time.time() + seconds, usegmt=True)),)


def partial(rejected, message):
    """google.protobuf by hand: ExportTraceServiceResponse{partial_success{rejected_spans, error_message}}."""
    text = message.encode()
    inner = bytes((0x08, rejected, 0x12, len(text))) + text
    return accept(bytes((0x0A, len(inner))) + inner, rejected=rejected)


def refused(code, text):
    """A failure that says why, as a google.rpc.Status."""
    return status(code, (("Content-Type", PROTOBUF),), bytes((0x08, 3, 0x12, len(text))) + text.encode())


# --- answers that are not ---


def silent(_link, _request, patience):
    patience.wait()
    return False, 0


def cut(text=b""):
    """Some bytes, then an orderly end."""

    def answer(link, _request, _patience):
        link.sendall(text)
        link.close()
        return False, 0

    return answer


def reset(link, _request, _patience):
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()
    return False, 0


def endless(begin, again):
    """Something, then something else for ever."""

    def answer(link, _request, patience):
        link.sendall(begin)
        while not patience.is_set():
            link.sendall(again)
        return False, 0

    return answer


def drip(text):
    """One byte a second."""

    def answer(link, _request, patience):
        for byte in text:
            link.sendall(bytes((byte,)))
            if patience.wait(1):
                break
        return False, 0

    return answer


# --- connections on which no request is read ---


def mute(_link, patience):
    """Says nothing and reads nothing: for TLS, a handshake that hangs."""
    patience.wait()


def slow_reader(link, patience):
    while not patience.wait(1):
        link.recv(1)


def hang_up(link, _patience):
    link.close()


def babble(text):
    """Speaks first, as a server of another protocol does, and waits until the client leaves."""

    def meet(link, patience):
        link.sendall(text)
        while not patience.is_set() and link.recv(65536):
            pass

    return meet


def reply(text):
    """To whatever comes first; then it hangs up."""

    def meet(link, _patience):
        if link.recv(65536):
            link.sendall(text)

    return meet


WELL = accept()


def take_and_close(link, request, patience):
    """Takes the body and hangs up, as a balancer does with a connection that is idle."""
    told = WELL(link, request, patience)
    link.close()
    return told


take_and_close.brief = True


def in_turn(*answers):
    """The first answer, the second, and so on, and again from the first."""
    rest = itertools.cycle(answers)

    def answer(*args):
        return next(rest)(*args)

    answer.brief = True
    return answer
FRAMES = b"\0\0\x06\4\0\0\0\0\0\0\5\0\0\x40\0" + b"\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\1"  # HTTP/2: SETTINGS, GOAWAY
