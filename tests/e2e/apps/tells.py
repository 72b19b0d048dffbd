"""For servers of WSGI and ASGI: each answer tells the traceparent that came."""


def wsgi(environ, start_response):
    body = environ.get("HTTP_TRACEPARENT", "none").encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


async def asgi(scope, receive, send):
    assert scope["type"] == "http"
    body = dict(scope["headers"]).get(b"traceparent", b"none")
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
