"""The table of stacks: what is started, what it is asked for, and what recall is expected. Fed to run.

start(stage) starts a stack's programs and returns the port to ask; it raises Trouble when something is missing.
"""

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
    whole     least share of complete traces
    """

    def __init__(self, name, what, packages, start, kinds, recall, why="", proxy=False, **more):
        self.name, self.what, self.packages, self.start = name, what, packages.split(), start
        self.kinds, self.recall, self.why = kinds.split(), recall, why
        self.tick = more.get("tick", not proxy)
        self.tiers = more.get("tiers", [(name, proxy)])
        self.leaving, self.whole = more.get("leaving", 0.03), more.get("whole", 0)

    def least(self, clients):
        """The recall that must be, with so many clients."""
        return self.recall[clients] if isinstance(self.recall, dict) else self.recall


SYNC = "one seq nap db"
NOT_YET = "as measured so far"


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
    def start(stage):
        command = [stage.tool("uvicorn"), "--app-dir", APPS, "--port", 0, "--loop", loop, "--no-access-log"]
        return stage.says([*command, "front_async:app"], r"running on http://127.0.0.1:(\d+)", CLIENT=client)

    return start


def node(**env):
    def start(stage):
        return stage.says([stage.tool("node"), APPS / "front.js"], r"listening on (\d+)", **env)

    return start


def java(stage):
    classes = stage.compile([stage.tool("javac"), "-d", "{out}", APPS / "Front.java"])
    return stage.says([stage.tool("java"), "-cp", classes, "Front"], r"listening on (\d+)")


FLASK = "python3-flask python3-requests"
ASYNC = "one seq nap db fan executor"
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
        gunicorn("--worker-class", "gevent"), SYNC + " fan hand", EVENT_LOOP,
    ),
    Stack(
        "python-pool", "http.server, ThreadPoolExecutor and a pool around a queue, urllib", "python3",
        python("front_pool.py"), "hand spread nap db own", EVENT_LOOP,
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
]  # fmt: skip
BY_NAME = {stack.name: stack for stack in STACKS}
QUICK = ["flask", "python-pool", "aiohttp", "node-http"]
