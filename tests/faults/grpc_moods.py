"""What a collector of OTLP/gRPC can do: answers as in moods.py, for a link that speaks HTTP/2. Fed by receiver.py.

A link is a Stream: the connection, its HTTP/2 (h2) and the stream that is asking.
"""

import gzip
import struct

import h2.config
import h2.connection
import h2.events
from grpc_collector import message, partial, retry_info  # noqa: F401

import moods
from moods import Mood

KIND = ("content-type", "application/grpc")


class Stream:
    def __init__(self, socket, connection, number):
        self.socket, self.h2, self.number = socket, connection, number

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def sendall(self, data):
        self.socket.sendall(data)

    def close(self):
        self.socket.shutdown(2)


def calls(socket):
    """Of a connection: (stream, plain message) for each call that came whole."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    connection.initiate_connection()
    socket.sendall(connection.data_to_send())
    bodies = {}
    while data := socket.recv(65536):
        whole = []
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                bodies[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                bodies[event.stream_id] += event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                whole.append(event.stream_id)
        socket.sendall(connection.data_to_send())
        for number in whole:
            body = bodies.pop(number)
            packed, size = struct.unpack_from(">BI", body)
            assert size == len(body) - 5
            yield Stream(socket, connection, number), gzip.decompress(body[5:]) if packed else body[5:]


def status(code, text="", details=None, body=b"", rejected=0, http=200, only=False, then=None):
    """A whole answer; only: the status stands in its head; code None: it has none. then: what follows."""

    def answer(link, _request, _patience):
        said = [] if code is None else [("grpc-status", str(code)), ("grpc-message", text)]
        said += [("grpc-status-details-bin", details)] if details else []
        head = [(":status", str(http)), KIND if http == 200 else ("content-type", "text/html")]
        if only or http != 200:
            link.h2.send_headers(link.number, head + said, end_stream=True)
        else:
            link.h2.send_headers(link.number, head)
            link.h2.send_data(link.number, message(body), end_stream=not said)
            if said:
                link.h2.send_headers(link.number, said, end_stream=True)
        link.flush()
        if then:
            then(link)
        return code == 0, rejected

    answer.brief = True
    return answer


def reset(code):
    def answer(link, _request, _patience):
        link.h2.reset_stream(link.number, code)
        link.flush()
        return False, 0

    answer.brief = True
    return answer


def _go(link, last=None):
    link.h2.close_connection(last_stream_id=link.number if last is None else last)
    link.flush()


def goaway(link, _request, _patience):
    """The connection goes, and this call was not looked at."""
    _go(link, 0)
    link.close()
    return False, 0


def frames(data):
    """Bytes that are no HTTP/2."""

    def answer(link, _request, _patience):
        link.sendall(data)
        return False, 0

    return answer


WELL = status(0)
IN_TURN = moods.in_turn(status(13), WELL)
LAST_CALL = status(0, then=_go)
PARTIAL = status(0, body=partial(7, "too old"), rejected=7)


def mood(answer, **more):
    return Mood(answer, grpc=True, **more)
