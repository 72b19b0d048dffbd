"""A name server for one name, and a view of the file system in which it is the resolver. Needs to be root.

It listens on port 53 of an address in 127.0.0.0/8 that was drawn by lot; the program under test sees its own
/etc/resolv.conf, /etc/nsswitch.conf and /etc/hosts through a mount namespace.
"""

import os
import random
import shutil
import socket
import struct
import subprocess
import threading

NAME = "collector.test"
NXDOMAIN, SERVFAIL = 3, 2
SILENT = "silent"


def possible():
    """None, or why it cannot be done here."""
    if os.geteuid() != 0:
        return "a resolver on port 53 and a mount namespace need root"
    if not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        return "no mount namespaces here"
    return None


class NameServer:
    """answer: an IPv4 address, a response code, or SILENT."""

    def __init__(self, place, answer):
        self.answer = answer
        self._ended = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.{random.randint(2, 254)}"
        self._socket.bind((self.address, 53))
        root = place.directory("names")
        files = {
            "resolv.conf": f"nameserver {self.address}\n",
            "nsswitch.conf": "hosts: dns\n",
            "hosts": "127.0.0.1 localhost\n",
        }
        mounts = []
        for name, text in files.items():
            (root / name).write_text(text)
            mounts.append(f"mount --bind {root / name} /etc/{name}")
        # The preload begins behind the mounts.
        self.wrapper = (
            "unshare", "-m", "sh", "-c",
            " && ".join(mounts) + ' && export LD_PRELOAD="${FAULTS_PRELOAD-}" && exec "$@"', "sh",
        )  # fmt: skip
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while not self._ended:
            try:
                question, who = self._socket.recvfrom(512)
                reply = self._reply(question) if len(question) > 16 else None
                if reply:
                    self._socket.sendto(reply, who)
            except OSError:
                return

    def _reply(self, question):
        answer = self.answer
        end = question.index(b"\0", 12) + 5
        kind = struct.unpack(">H", question[end - 4 : end - 2])[0]
        found = b""
        if answer == SILENT:
            return None
        if isinstance(answer, str) and kind == 1:
            found = b"\xc0\x0c\0\1\0\1" + struct.pack(">IH", 1, 4) + socket.inet_aton(answer)
        code = answer if isinstance(answer, int) else 0
        flags = struct.pack(">HHHHH", 0x8180 | code, 1, 1 if found else 0, 0, 0)
        return question[:2] + flags + question[12:end] + found

    def close(self):
        self._ended = True
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
