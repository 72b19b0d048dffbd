"""A Flask application that knows nothing of tracing. ?url= names whom to call."""

import http.client
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import requests
from flask import Flask, Response, request

app = Flask(__name__)
session = requests.Session()
pool = ThreadPoolExecutor(1)
pool.submit(int).result()  # its thread is older than any request


@app.get("/quick")
@app.get("/users/<int:number>")
def quick(number=0):
    return "quick"


@app.get("/slow")
def slow():
    time.sleep(float(request.args.get("s", "0.2")))
    return "slow"


@app.get("/fail")
def fail():
    raise RuntimeError("on purpose")


@app.post("/length")
def length():
    return str(len(request.get_data()))


@app.get("/stream")
def stream():
    def pieces():
        for n in range(5):
            time.sleep(0.01)
            yield f"piece {n}\n"

    return Response(pieces(), mimetype="text/plain")


@app.get("/call/<path:rest>")
def call(rest):
    headers = {n: v for n, v in request.headers if n.lower() in request.args.get("pass", "").split(",")}
    return requests.get(request.args["url"] + "/" + rest, headers=headers, timeout=5).text


@app.get("/session/<path:rest>")
def kept(rest):
    return session.get(request.args["url"] + "/" + rest, timeout=5).text


@app.get("/post")
def post():
    return requests.post(request.args["url"], data="x" * 1000, timeout=5).text


@app.get("/urllib")
def by_urllib():
    with urllib.request.urlopen(request.args["url"], timeout=5) as answer:
        return answer.read()


@app.get("/client")
def by_client():
    connection = http.client.HTTPConnection(urlsplit(request.args["url"]).netloc, timeout=5)
    connection.request("PUT", "/put", body=iter([b"one", b"two"]), headers={"X-Chunked": "yes"})
    return connection.getresponse().read()


@app.get("/twice")
def twice():
    url = request.args["url"]
    return requests.get(url + "/1", timeout=5).text + requests.get(url + "/2", timeout=5).text


@app.get("/refused")
def refused():
    try:
        requests.get(request.args["url"], timeout=2)
    except requests.RequestException as error:
        return type(error).__name__, 502
    return "", 500


@app.get("/threads")
def threads():
    work = [threading.Thread(target=requests.get, args=(f"{request.args['url']}/{n}",)) for n in range(4)]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    return "joined"


@app.get("/pool/<path:rest>")
def pooled(rest):
    """The call is made by the pool's thread; the request stays open for a while after it."""
    text = pool.submit(requests.get, f"{request.args['url']}/{rest}", timeout=5).result().text
    time.sleep(float(request.args.get("s", "0")))
    return text


@app.get("/late")
def late():
    """Answers, and makes a call when the answer is out."""
    url = request.args["url"]

    def later():
        time.sleep(0.2)
        requests.get(url, timeout=5)

    threading.Thread(target=later).start()
    return "answered"


@app.get("/command")
def command():
    return subprocess.run(["curl", "-s", request.args["url"]], capture_output=True, check=True).stdout


@app.post("/harness")
def harness():
    """What the W3C's validation of trace context asks of a service."""
    for one in request.get_json():
        requests.post(one["url"], json=one["arguments"], timeout=5)
    return "done"
