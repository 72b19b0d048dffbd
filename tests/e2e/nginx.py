"""An nginx for the tests: the configuration with everything they ask it for, and its start."""

import os
import time

from rig import free_port, program

SERVER = """
		location / { root %(root)s; }
		location /static404 { root %(root)s; error_page 404 /missing.html; }
		location /return/ { return 204; }
		location /broken/ { return 500; }
		location /redirect/ { return 302 /index.html; }
		location /proxy/ {
			proxy_pass http://upstream;
			proxy_set_header Host $http_host;
			proxy_set_header Connection "";
		}
		location /once/ {
			proxy_pass http://%(upstream)s;
			proxy_http_version 1.0;
			proxy_set_header Connection close;
		}
		location /unbuffered/ { proxy_pass http://upstream; proxy_buffering off; proxy_request_buffering off; }
		location /down/ { proxy_pass http://127.0.0.1:%(dead)d; }
		location /retry/ { proxy_pass http://two; }
		location /upgrade/ {
			proxy_pass http://upstream;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection upgrade;
		}
		location /patience/ { proxy_pass http://same; proxy_read_timeout 200ms; }
		location /limit/ { proxy_pass http://upstream; proxy_read_timeout 300ms; }
"""

CONFIG = """
daemon off;
worker_processes %(workers)d;
worker_shutdown_timeout 2s;
error_log stderr;
pid %(root)s/nginx.pid;
%(user)s
events { worker_connections 256; }
http {
	access_log off;
	types { text/html html; text/plain txt; }
	sendfile on;
	large_client_header_buffers 4 32k;
	client_body_temp_path %(root)s/body;
	proxy_temp_path %(root)s/proxy;
	fastcgi_temp_path %(root)s/fastcgi;
	uwsgi_temp_path %(root)s/uwsgi;
	scgi_temp_path %(root)s/scgi;
	proxy_http_version 1.1;
	proxy_set_header Connection "";
	gzip on;
	gzip_types text/plain;
	gzip_min_length 100;
	upstream upstream { server %(upstream)s; keepalive 16; }
	upstream same { server %(upstream)s; server %(upstream)s; }
	upstream two { server 127.0.0.1:%(dead)d; server %(upstream)s backup; }
	server {
		listen 127.0.0.1:%(port)d;
		listen [::1]:%(port)d;
		listen unix:%(root)s/nginx.sock;
		%(server)s
	}
}
"""


def start(rig, upstream, service="nginx", workers=1, server=SERVER, env=None, name="nginx", traced=True):
    """Starts it; its port and its directory are in .port and .root, a port nobody listens at in .dead."""
    root = rig.directory / name
    root.mkdir(exist_ok=True)
    (root / "index.html").write_text("<p>hello</p>")
    (root / "missing.html").write_text("<p>not here</p>")
    (root / "text.txt").write_text("words and words " * 1000)
    (root / "big.bin").write_bytes(bytes(range(256)) * 32768)
    for _ in range(5):
        values = {
            "root": root, "workers": workers, "upstream": upstream, "port": free_port(), "dead": free_port(),
            "user": "user root;" if os.geteuid() == 0 else "",
        }  # fmt: skip
        values["server"] = server % values
        config = root / "nginx.conf"
        config.write_text(CONFIG % values)
        command = [program("nginx"), "-e", "stderr", "-p", root, "-c", config]
        started = rig.start(command, service, env=env, traced=traced)
        started.port, started.dead, started.root = values["port"], values["dead"], root
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and started.process.poll() is None:
            if (root / "nginx.pid").exists() and (root / "nginx.pid").read_text().strip() == str(started.pid):
                return started
            time.sleep(0.02)
        assert "Address already in use" in started.output(), started.output()
    raise AssertionError("no free port for nginx")
