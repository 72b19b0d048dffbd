"""An Apache httpd for the tests."""

import os

from rig import free_port, program

MODULES = "/usr/lib/apache2/modules"

CONFIG = """
ServerRoot %(root)s
ServerName localhost
PidFile %(root)s/httpd.pid
Listen 127.0.0.1:%(port)d
Mutex file:%(root)s default
ErrorLog /dev/stderr
LoadModule mpm_%(mpm)s_module %(modules)s/mod_mpm_%(mpm)s.so
LoadModule authz_core_module %(modules)s/mod_authz_core.so
LoadModule proxy_module %(modules)s/mod_proxy.so
LoadModule proxy_http_module %(modules)s/mod_proxy_http.so
DocumentRoot %(root)s/htdocs
%(user)s
%(workers)s
ProxyPass /proxy/ %(upstream)s/ enablereuse=on
ProxyPass /down/ http://127.0.0.1:%(dead)d/
ProxyPreserveHost on
"""

WORKERS = {
    "event": "StartServers 1\nServerLimit 2\nThreadsPerChild 8\nMaxRequestWorkers 16\nMinSpareThreads 1",
    "worker": "StartServers 1\nServerLimit 2\nThreadsPerChild 8\nMaxRequestWorkers 16\nMinSpareThreads 1",
    "prefork": "StartServers 2\nMinSpareServers 1\nMaxSpareServers 4\nMaxRequestWorkers 4",
}


def start(rig, mpm, upstream, service="apache"):
    """Starts it; its port is in .port, a port nobody listens at in .dead."""
    root = rig.open_directory()
    (root / "htdocs").mkdir()
    (root / "htdocs" / "index.html").write_text("<p>hello</p>")
    (root / "htdocs" / "big.bin").write_bytes(bytes(4 << 20))
    values = {
        "root": root, "mpm": mpm, "modules": MODULES, "port": free_port(), "dead": free_port(), "upstream": upstream,
        "user": "User nobody\nGroup nogroup" if os.geteuid() == 0 else "", "workers": WORKERS[mpm],
    }  # fmt: skip
    (root / "httpd.conf").write_text(CONFIG % values)
    command = [program("apache2"), "-DFOREGROUND", "-d", root, "-f", root / "httpd.conf"]
    started = rig.start(command, service)
    started.port, started.dead = values["port"], values["dead"]
    started.find("resuming normal operations")
    return started
