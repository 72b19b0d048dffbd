"""A process for each connection; /fork makes one more in the middle of a request, /run runs commands."""

import os
import socketserver
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/fork"):
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        if self.path.startswith("/run"):
            subprocess.run(["true"], check=True)
            subprocess.run("exit 0", shell=True, check=True)
            subprocess.run(["true"], check=True, preexec_fn=os.getpid, close_fds=False)
            os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
            assert os.system("exit 0") == 0
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Forking(socketserver.ForkingMixIn, HTTPServer):
    block_on_close = True


class Threading(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True


server = {"fork": Forking, "thread": Threading}[sys.argv[1]](("127.0.0.1", 0), Handler)
print("listening on", server.server_port, flush=True)
server.serve_forever()
