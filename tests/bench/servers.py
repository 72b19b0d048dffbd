"""The servers that are measured, and the collector they report to. Fed by the rows; owns nothing but configurations.

A server is a Process with .port and .worker, the id of the process that answers requests.
"""

import os
import re
import signal
import time
import urllib.request

import machine
from process import HERE, PYTHON, Trouble, built, environment, free_port, preloaded, tool, until

NGINX = """
daemon off;
%(user)s
master_process %(master)s;
worker_processes 1;
error_log stderr;
pid %(root)s/nginx.pid;
events { worker_connections 1024; }
http {
	log_format status '$status $connection';
	access_log %(access_log)s;
	default_type text/plain;
	%(more)s
	client_body_temp_path %(root)s/body;
	proxy_temp_path %(root)s/proxy;
	fastcgi_temp_path %(root)s/fastcgi;
	uwsgi_temp_path %(root)s/uwsgi;
	scgi_temp_path %(root)s/scgi;
	server {
		listen 127.0.0.1:%(port)d;
		%(page)s
		location = /status { stub_status; }
	}
}
"""

# A page as the packages bring it: a file of this many bytes, sent as their configuration does, and a line in the log.
PAGE_BYTES = 615
PAGE = "root %s; location / { index index.html; }"
SENDING = "sendfile on; tcp_nopush on; tcp_nodelay on; types_hash_max_size 2048;"
REPLY = 'location / { return 200 "hello world\\n"; }'

# Lines of the library on a program's stderr: spans finished and lost by each process of it.
ENDED = re.compile(
    r"^autotrace: (?P<pid>\d+): (?:lost (?P<lost>\d+) of (?P<of>\d+) spans.*?: (?P<causes>.*)"
    r"|(?P<finished>\d+) spans finished, (?P<delivered>\d+) delivered.*)$",
    re.M,
)


class Spans:
    """What the processes of a program say at their end about their spans."""

    def __init__(self, output):
        lines = list(ENDED.finditer(output))
        self.finished = sum(int(m["of"] or m["finished"]) for m in lines)
        self.lost = sum(int(m["lost"] or 0) for m in lines)
        self.causes = "; ".join(m["causes"] for m in lines if m["causes"])


class Collector:
    """A running autotrace-view, or the sink that only counts."""

    def __init__(self, place, cores=None, sink=False):
        view = [built("autotrace-view"), "--listen", "127.0.0.1:0", "--quiet", "--count"]
        command = [built("tests/bench/bench_sink")] if sink else view
        self.process = place.start(command, environment(), cores=cores)
        self.endpoint = self.process.find(r"listening on (http://\S+)")[1]

    def cpu(self):
        return sum(machine.cpu(self.process.pid))

    def stop(self):
        """Ends it; returns its counters."""
        last = self.process.stop().strip().splitlines()[-1]
        return {k: int(v) for k, v in re.findall(r"(\w+)=(\d+)", last)}


def _env(traced, service, more=None):
    return preloaded(traced.endpoint, service, **(more or {})) if traced else environment(**(more or {}))


def _worker_of(server):
    def look():
        if server.handle.poll() is not None:
            raise Trouble(f"{server.name} ended: {server.output()[-2000:]}")
        return machine.children(server.pid)

    return until(look, 20, f"no worker of {server.name}")[0]


def get(port, path="/"):
    """One request on a connection of its own, by a client that is not traced; returns the body."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return answer.read().decode()


def nginx_page(place, traced=None, cores=None):
    """nginx as it is installed: a page from the disk, sendfile, an access log."""
    root = place.directory("www")
    (root / "index.html").write_bytes(b"<p>" + b"w" * (PAGE_BYTES - 3))
    return nginx(place, traced, cores, access_log=root / "access.log", page=PAGE % root)


def nginx(
    place, traced=None, cores=None, access_log=None, master=True, wrapper=(), patience=20, more=None, page=None
):  # fmt: skip
    """nginx with one worker; traced: the collector it reports to; page: its locations, else a fixed reply."""
    for _ in range(5):
        root = place.directory("nginx")
        values = {
            "root": root, "port": free_port(), "master": "on" if master else "off",
            "access_log": f"{access_log} status" if access_log else "off",
            "user": "user root;" if os.geteuid() == 0 else "",
            "page": page or REPLY, "more": SENDING if page else "",
        }  # fmt: skip
        (root / "nginx.conf").write_text(NGINX % values)
        command = [*wrapper, tool("nginx"), "-e", "stderr", "-p", root, "-c", root / "nginx.conf"]
        server = place.start(command, _env(traced, "nginx", more), cores=cores, stop_with=signal.SIGQUIT)
        server.port = values["port"]
        deadline = time.monotonic() + patience
        while server.handle.poll() is None and time.monotonic() < deadline:
            pid_file = root / "nginx.pid"
            if pid_file.exists() and pid_file.read_text().strip():
                server.worker = _worker_of(server) if master else server.pid
                return server
            time.sleep(0.01)
        if "Address already in use" not in server.output():
            break
    raise Trouble(f"nginx does not start: {server.output()[-2000:]}")


def gunicorn(place, traced=None, cores=None):
    """gunicorn with one sync worker and a Flask application."""
    command = [PYTHON, tool("gunicorn"), "--bind", "127.0.0.1:0", "--workers", "1", "--worker-tmp-dir", place.root]
    command += ["--chdir", HERE / "apps", "hello_flask:app"]
    server = place.start(command, _env(traced, "gunicorn"), cores=cores)
    server.port = int(server.find(r"Listening at: http://\S+:(\d+)")[1])
    server.worker = int(server.find(r"Booting worker with pid: (\d+)")[1])
    get(server.port)
    return server


def node(place, traced=None, cores=None):
    """Node's http server."""
    server = place.start([tool("node"), HERE / "apps/hello_node.js"], _env(traced, "node"), cores=cores)
    server.port = int(server.find(r"listening on (\d+)")[1])
    server.worker = server.pid
    return server
