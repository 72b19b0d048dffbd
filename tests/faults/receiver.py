"""A collector with a mood that can be changed while it runs. Fed by the traced programs, read by trial.py.

Keeps each body that it got whole, with the moment and what it answered; they are decoded at the end, so that decoding
takes no time from what is being measured. One thread for each connection. A change of mood ends all connections.
"""

import gzip
import socket
import threading
import time

import grpc_moods
import h2.exceptions
from collector import read_protobuf


class Receipt:
    """A body that came whole. acknowledged and rejected: what its sender was told; left: when the sender, having been
    told, ended the connection, which would have served for the next body."""

    def __init__(self, mood, body):
        self.mood, self.body, self.when = mood, body, time.monotonic()
        self.acknowledged, self.rejected, self.left = False, 0, None

    def unheard(self, until):
        """Before that moment the sender left: it waited no longer, and the answer came too late."""
        if self.left and self.left < until:
            self.acknowledged, self.rejected = False, 0

    def spans(self):
        return read_protobuf(self.body)


class Receiver:
    def __init__(self, mood, contexts):
        self.contexts = contexts  # name -> ssl context
        self.receipts = []
        self.connections = 0  # accepted so far
        self._lock = threading.Lock()
        self._open = set()
        self._listener, self._fillers = None, []
        self._mood, self._patience = None, threading.Event()
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.be(mood)

    # --- moods ---

    def be(self, mood):
        """From now on; what is open is cut."""
        self._patience.set()
        with self._lock:
            if self._mood is None or mood.listening != self._mood.listening:
                self._deafen()
                self._listen(mood.listening)
            self._mood, self._patience = mood, threading.Event()
            for link in self._open:
                _shut(link)

    def close(self):
        self._patience.set()
        with self._lock:
            self._deafen()
            for link in self._open:
                _shut(link)

    def _listen(self, how):
        if how == "no":
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(0 if how == "full" else 64)
        self._listener = listener
        if how == "yes":
            threading.Thread(target=self._welcome, args=(listener,), daemon=True).start()
            return
        for _ in range(4):  # the queue is full after the first: a connection more gets no answer
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def _deafen(self):
        for one in (*self._fillers, *([self._listener] if self._listener else ())):
            _shut(one)
            one.close()
        self._listener, self._fillers = None, []

    # --- connections ---

    def _welcome(self, listener):
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                mood, patience = self._mood, self._patience
                self.connections += 1
                self._open.add(link)
            threading.Thread(target=self._serve, args=(link, mood, patience), daemon=True).start()

    def _serve(self, link, mood, patience):
        wrapped = link
        try:
            if mood.meet and not mood.tls:
                mood.meet(link, patience)
                return
            if mood.tls:
                wrapped = self.contexts[mood.tls].wrap_socket(link, server_side=True)
                with self._lock:
                    self._open.add(wrapped)
            (self._talk_grpc if mood.grpc else self._talk)(wrapped, mood, patience)
        except (OSError, ValueError, h2.exceptions.ProtocolError):
            pass  # the other side has left, or was cut off
        finally:
            with self._lock:
                self._open.discard(link)
                self._open.discard(wrapped)
            for one in (link, wrapped):
                one.close()

    def _talk(self, link, mood, patience):
        rest, receipt = b"", None
        while True:
            while b"\r\n\r\n" not in rest:
                data = link.recv(65536)
                if not data:
                    self._left(mood, receipt)
                    return
                rest += data
            top, rest = rest.split(b"\r\n\r\n", 1)
            fields = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in top.decode("latin-1").split("\r\n")[1:])
            }
            pieces, have, need = [rest], len(rest), int(fields["content-length"])
            while have < need:
                pieces.append(link.recv(1 << 20))
                have += len(pieces[-1])
                if not pieces[-1]:
                    return
            body = b"".join(pieces)
            body, rest = body[:need], body[need:]
            if fields.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            receipt = Receipt(mood, body)
            if not self._answer(link, fields, receipt, patience):
                return

    def _talk_grpc(self, link, mood, patience):
        for stream, body in grpc_moods.calls(link):
            if not self._answer(stream, {}, Receipt(mood, body), patience):
                return

    def _answer(self, link, fields, receipt, patience):
        """False: the mood is over."""
        mood = receipt.mood
        with self._lock:
            self.receipts.append(receipt)
        if patience.wait(mood.delay) and mood.delay:
            return False
        if not hasattr(mood.answer, "brief"):
            mood.answer(link, fields, patience)
            return True
        with self._lock:  # what counts as told was told: a change of mood does not cut it
            if mood is not self._mood:
                return False
            receipt.acknowledged, receipt.rejected = mood.answer(link, fields, patience)
        return True

    def _left(self, mood, receipt):
        with self._lock:
            if receipt and mood is self._mood:
                receipt.left = time.monotonic()


def _shut(link):
    try:
        socket.socket.shutdown(link, socket.SHUT_RDWR)  # SSLSocket's own would go on in plain text
    except OSError:
        pass
