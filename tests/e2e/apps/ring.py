"""ASGI without any framework: as loops.py, the peer in $PEER."""

import os
import sys

sys.argv = [sys.argv[0], os.environ["PEER"]]
import loops  # noqa: E402


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await getattr(loops, "on_" + scope["path"].split("/")[1])(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
