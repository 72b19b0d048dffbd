"""The table of stacks: what is started, what it is asked for, and what recall is expected. Fed to run.

start(stage) starts a stack's programs and returns the port to ask; it raises Trouble when something is missing.
"""

import os

from process import PYTHON
from stage import APPS

EVENT_LOOP = 0.99
EXACT = 1.0


class Stack:
    """A row.

    name      what it is called on the command line
    what      one line for people
    packages  Debian's packages that it needs
    start     function of a stage (stage.py); returns the port
    kinds     what it is asked for: the first segment of a path
    recall    least recall, for each number of clients
    why       the reason, where the recall asked for is below what such a stack should have
    proxy     its calls have the path of the request itself
    tick      it has a timer that calls for nobody
    tiers     (service, proxy) of its programs, from the first to the last
    leaving   share of requests whose client leaves early
    requests  by clients, where it is not as for the others
    whole     least share of complete traces
    """

    def __init__(self, name, what, packages, start, kinds, recall, why="", proxy=False, **more):
        self.name, self.what, self.packages, self.start = name, what, packages.split(), start
        self.kinds, self.recall, self.why = kinds.split(), recall, why
        self.tick = more.get("tick", not proxy)
        self.tiers = more.get("tiers", [(name, proxy)])
        self.requests = more.get("requests", {})
        self.leaving, self.whole = more.get("leaving", 0.03), more.get("whole", 0)

    def least(self, clients):
        """The recall that must be, with so many clients."""
        return self.recall[clients] if isinstance(self.recall, dict) else self.recall


SYNC = "one seq nap db"


def python(script, *arguments, **env):
    def start(stage):
        return stage.says([PYTHON, APPS / script, *arguments], r"listening on (\d+)", PYTHONUNBUFFERED=1, **env)

    return start


def gunicorn(*options):
    def start(stage):
        command = [stage.tool("gunicorn"), "--chdir", APPS, "--bind", "127.0.0.1:0", "--backlog", 512, *options]
        port = stage.says([*command, "front_flask:app"], r"Listening at: http://\S+:(\d+)")
        stage.last.find("Booting worker")
        return port

    return start


def uvicorn(loop, client):
    def start(stage, **how):
        command = [stage.tool("uvicorn"), "--app-dir", APPS, "--port", 0, "--loop", loop, "--no-access-log"]
        return stage.says([*command, "front_async:app"], r"running on http://127.0.0.1:(\d+)", CLIENT=client, **how)

    return start


def node(**env):
    def start(stage, **how):
        return stage.says([stage.tool("node"), APPS / "front.js"], r"listening on (\d+)", **env, **how)

    return start


def java(stage):
    classes = stage.compile([stage.tool("javac"), "-d", "{out}", APPS / "Front.java"])
    return stage.says([stage.tool("java"), "-cp", classes, "Front"], r"listening on (\d+)")


def fills(command, config, **values):
    """A server with a configuration."""

    def start(stage, **how):
        made = {name: value() for name, value in values.items()}
        upstream = {"upstream": stage.scene.backends[0], **how.pop("also", {})}
        return stage.told([stage.tool(command[0]), *command[1:]], config, {**made, **upstream}, **how)

    return start


def nginx(workers):
    command = ["nginx", "-e", "stderr", "-p", "{root}", "-c", "{config}"]
    return fills(command, "nginx.conf", user=lambda: "user root;" if os.geteuid() == 0 else "", workers=lambda: workers)


def puma(stage):
    command = [stage.tool("puma"), "--bind", "tcp://127.0.0.1:0", "--threads", "16:16", "--environment", "production"]
    return stage.says([*command, APPS / "front.ru"], r"Listening on http://127.0.0.1:(\d+)")


def php(stage):
    command = [stage.tool("php"), "-S", "127.0.0.1:{port}", APPS / "front.php"]
    return stage.told(command, None, {}, PHP_CLI_SERVER_WORKERS=8)


def epoll(stage):
    return stage.says([stage.built("tests/causality/front")], r"listening on (\d+)")


def chain(stage):
    """nginx -> uvicorn -> Node."""
    last = node(CLIENT="http")(stage, service="chain-node")
    middle = uvicorn("asyncio", "aiohttp")(stage, service="chain-uvicorn", backends=[f"127.0.0.1:{last}"])
    return nginx(1)(stage, service="chain-nginx", also={"upstream": f"127.0.0.1:{middle}"})


FLASK = "python3-flask python3-requests"
ASYNC = "one seq nap db fan executor"
GREEN = "one seq nap db fan thread own each hand spread"
STACKS = [
    Stack("flask", "Flask's development server, requests", FLASK, python("front_flask.py"), SYNC + " fan", EXACT),
    Stack(
        "gunicorn-sync", "gunicorn, 4 sync workers, Flask, requests", FLASK + " gunicorn",
        gunicorn("--workers", 4), SYNC, EXACT,
    ),
    Stack(
        "gunicorn-gthread", "gunicorn, 16 threads, Flask, requests", FLASK + " gunicorn",
        gunicorn("--worker-class", "gthread", "--threads", 16), SYNC + " fan", EXACT,
    ),
    Stack(
        "gunicorn-gevent", "gunicorn, gevent, Flask, requests", FLASK + " gunicorn python3-gevent",
        gunicorn("--worker-class", "gevent"), SYNC + " fan hand spread", EVENT_LOOP,
    ),
    Stack(
        "gevent", "gevent's own server, its pools, requests", "python3-gevent python3-requests",
        python("front_green.py", HUB="gevent"), GREEN, EVENT_LOOP,
    ),
    Stack(
        "eventlet", "eventlet's own server, its pools, requests", "python3-eventlet python3-requests",
        python("front_green.py", HUB="eventlet"), GREEN, EVENT_LOOP,
    ),
    Stack(
        "python-pool", "http.server, ThreadPoolExecutor, urllib", "python3", python("front_pool.py"),
        "hand spread nap db", EVENT_LOOP,
    ),
    Stack(
        "python-queue", "http.server, threads of the program around a queue, urllib", "python3",
        python("front_pool.py"), "own", 0,
        "Python hands no context through a queue: who takes an item may gather many for one call, and nobody says "
        "whose that is",
    ),
    Stack(
        "flask-pool", "Flask's development server, ThreadPoolExecutor, requests", FLASK,
        python("front_flask.py"), "hand spread", EVENT_LOOP,
    ),
    Stack(
        "uvicorn", "uvicorn (asyncio), aiohttp's client", "uvicorn python3-aiohttp",
        uvicorn("asyncio", "aiohttp"), ASYNC, EVENT_LOOP,
    ),
    Stack(
        "uvicorn-httpx", "uvicorn (asyncio), httpx", "uvicorn python3-httpx", uvicorn("asyncio", "httpx"), ASYNC,
        EVENT_LOOP,
    ),
    Stack(
        "uvicorn-uvloop", "uvicorn (uvloop), aiohttp's client", "uvicorn python3-uvloop python3-aiohttp",
        uvicorn("uvloop", "aiohttp"), ASYNC, EVENT_LOOP,
    ),
    Stack(
        "aiohttp", "aiohttp, server and client", "python3-aiohttp", python("front_async.py"), ASYNC, EVENT_LOOP,
    ),
    Stack(
        "aiohttp-uvloop", "the same with uvloop", "python3-aiohttp python3-uvloop",
        python("front_async.py", LOOP="uvloop"), ASYNC, EVENT_LOOP,
    ),
    Stack("node-fetch", "Node http, fetch", "nodejs", node(CLIENT="fetch"), SYNC + " fan", EVENT_LOOP),
    Stack("node-http", "Node http, http.request, keep-alive agent", "nodejs", node(CLIENT="http"), SYNC + " fan",
          EVENT_LOOP),
    Stack(
        "node-agent", "the same, an agent of 8 sockets for each host", "nodejs", node(CLIENT="http", AGENT=8),
        SYNC + " fan", EVENT_LOOP,
    ),
    Stack("jvm", "JVM HttpServer with an executor, HttpClient", "default-jdk-headless", java, SYNC + " fan hand",
          EVENT_LOOP),
    Stack(
        "nginx", "nginx, 1 worker, kept connections to its upstream", "nginx-light", nginx(1), "one", EXACT, proxy=True,
    ),
    Stack("nginx-4", "the same, 4 workers", "nginx-light", nginx(4), "one", EXACT, proxy=True),
    Stack(
        "apache", "Apache httpd (event), kept connections to its upstream", "apache2-bin",
        fills(
            ["apache2", "-DFOREGROUND", "-d", "{root}", "-f", "{config}"], "apache.conf",
            user=lambda: "User nobody\nGroup nogroup" if os.geteuid() == 0 else "",
            modules=lambda: "/usr/lib/apache2/modules",
        ), "one", EXACT, proxy=True,
    ),
    Stack(
        "haproxy", "HAProxy, kept connections to its upstream", "haproxy",
        fills(["haproxy", "-db", "-f", "{config}"], "haproxy.cfg"), "one", EXACT, proxy=True,
    ),
    Stack("puma", "puma, 16 threads, net/http", "puma ruby-rack", puma, SYNC + " fan", 0.6,
          "Ruby keeps its threads for later ones, and puma's reactor reads for its workers"),
    Stack("php", "PHP's own server, 8 workers, ext/curl", "php-cli php-curl", php, SYNC + " fan", EXACT, tick=False),
    Stack("epoll", "a C server of one thread around epoll", "gcc", epoll, SYNC + " fan", 0.1,
          "what speaks no HTTP (its timers, its database) tells nobody whose it is"),
    Stack(
        "chain", "nginx -> uvicorn (aiohttp's client) -> Node (http.request)",
        "nginx-light uvicorn python3-aiohttp nodejs", chain, SYNC + " fan", EVENT_LOOP, tick=False, leaving=0,
        whole=0.99, tiers=[("chain-nginx", True), ("chain-uvicorn", False), ("chain-node", False)],
        requests={64: 10000},
    ),
]  # fmt: skip
BY_NAME = {stack.name: stack for stack in STACKS}
QUICK = ["flask", "gunicorn-gthread", "python-pool", "aiohttp", "node-http", "nginx"]
