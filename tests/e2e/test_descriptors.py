"""A traced program's table of descriptors is its own."""

import os
import platform

import pytest

from rig import PYTHON, ask, only, until

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
