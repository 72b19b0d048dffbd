"""The faults: what goes wrong, what the program may say, why spans may be lost. Fed by moods.py, run by trial.py.

	says      the warnings in their order, a pattern each; no more and no fewer are allowed
	causes    the causes of loss that are allowed in the counters
	witnessed bodies come whole to the receiver, so that the count of "export failed" can be held against it
	well      the mood before and after
	name      how the receiver is called; answers of the name server before or after, and in trouble
	first     the trouble is there before the program is
	resumes   seconds after the return within which spans must be delivered again
"""

import grpc_moods as grpc
import moods
import names
from moods import WELL, Mood

FULL, FAILED, REJECTED = "queue full", "export failed", "rejected by the backend"


class Row:
    def __init__(
        self, name, trouble, says, causes=(FAILED, FULL), witnessed=False, well=None, resumes=8, first=False,
        resolver=None, away=False,
    ):  # fmt: skip
        self.name, self.trouble, self.says, self.causes, self.witnessed = name, trouble, says, causes, witnessed
        self.well = well or Mood(WELL)
        self.resumes, self.first, self.resolver = resumes, first, resolver
        self.away = away  # the answer points to another receiver, which must not be visited


def unreachable(text=""):
    return (rf"otlp: \S+ cannot be reached: .*{text}",)


def answers(code):
    return (rf"otlp: \S+ answers with status {code}\b",)


def http(code, headers=(), says=None, causes=(FAILED,), witnessed=True, **more):
    """An answer with this status; `causes` is what is final by OTLP/HTTP."""
    name = ", ".join([str(code), *(f"{n}: {v}" for n, v in (() if callable(headers) else headers))])
    return Row(name, Mood(moods.status(code, headers)), says or answers(code), causes, witnessed, **more)


def named(row, name):
    row.name = name
    return row


def broken(name, answer, says=None, **more):
    return Row(name, Mood(answer), says or unreachable(), **more)


def tls(name, trouble, says):
    return Row(f"TLS: {name}", trouble, unreachable(says), well=Mood(WELL, tls="good"), resumes=8)


def look_up(name, answer, says, first=True, resumes=16, trouble=None):
    """resumes: the C library asks a silent server for ten seconds."""
    return Row(
        f"DNS: {name}", trouble or Mood(WELL), unreachable(says), first=first, resolver=("127.0.0.1", answer),
        resumes=resumes,
    )  # fmt: skip


def call(name, answer, says, causes=(FAILED,), witnessed=True, **more):
    """A collector of OTLP/gRPC."""
    trouble = answer if isinstance(answer, Mood) else grpc.mood(answer)
    return Row(f"gRPC: {name}", trouble, says, causes, witnessed, well=grpc.mood(grpc.WELL), **more)


BIG = 100 << 20
AGAIN = {"causes": (FAILED, FULL), "witnessed": True}
MANY = b"X-Many: yes\r\n" * 5000
CHUNKED = moods.head(200, (("Transfer-Encoding", "chunked"),))


def big_body():
    return moods.endless(moods.head(200, (("Content-Type", moods.PROTOBUF),), BIG), bytes(65536))


ROWS = [
    # nobody there
    Row("absent", Mood(listening="no"), unreachable("refused|connect"), first=True),
    Row("stopped, and back", Mood(listening="no"), unreachable()),
    Row("connections hang", Mood(listening="full"), unreachable()),
    # there, but not answering
    Row("silent", Mood(moods.silent), unreachable("timed out")),
    Row("reads one byte a second", Mood(meet=moods.slow_reader), unreachable()),
    Row("hangs up at once", Mood(meet=moods.hang_up), unreachable()),
    broken("closes before its answer", moods.cut(), **AGAIN),
    broken("closes in its first line", moods.cut(b"HTTP/1.1 2"), **AGAIN),
    broken("closes in its head", moods.cut(b"HTTP/1.1 200 OK\r\nContent-"), unreachable("within its head"), **AGAIN),
    broken("closes in its body", moods.cut(moods.head(200, (), 100) + b"0123456789"), **AGAIN),
    broken("resets", moods.reset, **AGAIN),
    broken("answers one byte a second", moods.drip(moods.head(200, (("X-Slow", "y" * 1000),), 0)), **AGAIN),
    # refusals
    Row("400 with a reason", Mood(moods.refused(400, "bad batch")), (r"status 400: bad batch",), (FAILED,), True),
    http(401),
    http(403),
    http(404),
    http(408),
    http(413),
    http(500),
    http(501),
    http(429, **AGAIN),
    http(429, (("Retry-After", "1"),), **AGAIN),
    http(429, (("Retry-After", "4"),), **AGAIN),
    named(http(429, moods.in_a_while(4), **AGAIN), "429, Retry-After: a date"),
    http(429, (("Retry-After", "soon"),), **AGAIN),
    http(502, **AGAIN),
    http(503, **AGAIN),
    http(503, (("Retry-After", "1"),), **AGAIN),
    http(504, **AGAIN),
    # redirects are not followed
    http(301, (("Location", "/v1/traces"),)),
    http(307, (("Location", "/v1/traces"),)),
    http(308, (("Location", "https://127.0.0.1/v1/traces"),)),
    named(http(307, away=True), "307, Location: another host"),
    # no answers to rely on
    broken("garbage", moods.cut(b"Who are you?\r\n\r\n"), unreachable("not HTTP/1.1"), **AGAIN),
    broken("zeros", moods.cut(bytes(4096)), unreachable("not HTTP/1.1"), **AGAIN),
    Row("speaks gRPC (HTTP/2)", Mood(meet=moods.babble(moods.FRAMES)), unreachable("not HTTP/1.1")),
    Row("speaks SSH", Mood(meet=moods.babble(b"SSH-2.0-OpenSSH_9.2\r\n")), unreachable("not HTTP/1.1")),
    broken("a body of 100 MB", big_body(), unreachable("4 MiB"), **AGAIN),
    broken("endless body", moods.endless(moods.head(200), bytes(65536)), unreachable("4 MiB"), **AGAIN),
    broken("endless header", moods.endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65536), unreachable("too long"),
           **AGAIN),
    broken("endless headers", moods.endless(b"HTTP/1.1 200 OK\r\n", MANY), unreachable("64 KiB"), **AGAIN),
    broken("endless interim answers", moods.endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
           unreachable("64 KiB"), **AGAIN),
    broken("endless trailers", moods.endless(CHUNKED + b"0\r\n", MANY), unreachable("64 KiB"), **AGAIN),
    broken("endless chunk extension", moods.endless(CHUNKED + b"1;x=", b"x" * 65536), **AGAIN),
    named(http(101, says=unreachable("timed out"), **AGAIN), "101, and no more"),
    broken("100, and no more", moods.cut(b"HTTP/1.1 100 Continue\r\n\r\n"), **AGAIN),
    broken("a negative length", moods.cut(moods.head(200, (), -1)), **AGAIN),
    broken("a malformed chunk", moods.cut(CHUNKED + b"zz\r\n"), **AGAIN),
    # accepted, after a fashion
    Row("closes after each answer, unannounced", Mood(moods.take_and_close), (), ()),
    Row("200, part of it refused", Mood(moods.partial(7, "too old")), (r"accepts only a part: too old",), (REJECTED,),
        True),
    Row("200, malformed body", Mood(moods.accept(b"\xff" * 200)), (), (), True),
    Row("200, a web page", Mood(moods.accept(b"<html>" * 1000, "text/html")), (), (), True),
    Row("slow: answers after 0.3 s", Mood(WELL, delay=0.3), (), (FULL,), True),
    Row("flaps: every other answer is 500", Mood(moods.in_turn(moods.status(500), WELL)), answers(500), (FAILED,),
        True),
    Row("204", Mood(moods.status(204)), (), (), True),
    # TLS
    tls("expired certificate", Mood(WELL, tls="expired"), "expired"),
    tls("certificate of another name", Mood(WELL, tls="wrong name"), ""),
    tls("unknown authority", Mood(WELL, tls="untrusted"), "certificate"),
    tls("handshake hangs", Mood(meet=moods.mute), "timed out"),
    tls("hangs up in the handshake", Mood(meet=moods.hang_up), ""),
    tls("the port speaks plain HTTP", Mood(meet=moods.reply(moods.head(400, (("Connection", "close"),), 0))), ""),
    # gRPC
    call("absent", Mood(listening="no"), unreachable("refused|connect"), witnessed=False, causes=(FAILED, FULL)),
    call("silent", moods.silent, unreachable("timed out"), **AGAIN),
    call("INVALID_ARGUMENT", grpc.status(3, "bad%20batch"), (r"status INVALID_ARGUMENT: bad batch",)),
    call("UNAVAILABLE", grpc.status(14), answers("UNAVAILABLE"), **AGAIN),
    call("UNAVAILABLE, in the head", grpc.status(14, only=True), answers("UNAVAILABLE"), **AGAIN),
    call("UNAVAILABLE, RetryInfo of 1 s", grpc.status(14, details=grpc.retry_info(1)), answers("UNAVAILABLE"), **AGAIN),
    call("RESOURCE_EXHAUSTED", grpc.status(8), answers("RESOURCE_EXHAUSTED")),
    call("RESOURCE_EXHAUSTED, RetryInfo of 4 s", grpc.status(8, details=grpc.retry_info(4)),
         answers("RESOURCE_EXHAUSTED"), **AGAIN),
    call("no status", grpc.status(None), answers("UNKNOWN")),
    call("a proxy's 503", grpc.status(None, http=503), answers("UNAVAILABLE"), **AGAIN),
    call("a proxy's 404", grpc.status(None, http=404), answers("UNIMPLEMENTED")),
    call("resets the stream", grpc.reset(8), unreachable("CANCEL"), **AGAIN),
    call("refuses the stream", grpc.reset(7), unreachable(), **AGAIN),
    call("goes away before the answer", grpc.goaway, unreachable(), **AGAIN),
    call("goes away after each answer", grpc.LAST_CALL, (), ()),
    call("hangs up at once", Mood(meet=moods.hang_up), unreachable(), witnessed=False, causes=(FAILED, FULL)),
    call("frames that are none", grpc.frames(b"\xff" * 4096), unreachable(), **AGAIN),
    call("the port speaks HTTP/1.1", Mood(meet=moods.reply(moods.head(400, (), 0))), unreachable("not HTTP/2"),
         witnessed=False, causes=(FAILED, FULL)),
    call("OK, part of it refused", grpc.PARTIAL, (r"accepts only a part: too old",), (REJECTED,)),
    call("flaps: every other answer is INTERNAL", grpc.IN_TURN, answers("INTERNAL")),
    # names
    look_up("no answer", names.SILENT, ""),
    look_up("NXDOMAIN", names.NXDOMAIN, ""),
    look_up("SERVFAIL", names.SERVFAIL, ""),
    look_up("an address nobody has", "240.0.0.1", ""),
    look_up("stopped, and its name hangs", names.SILENT, "", first=False, trouble=Mood(listening="no")),
]
