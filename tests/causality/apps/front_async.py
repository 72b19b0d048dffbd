"""asyncio: ASGI (for uvicorn) and, alone, aiohttp's server. GET /KIND/ID makes its calls to /KIND/ID/0, /1, ...

Environment: as front_flask.py; CLIENT: aiohttp or httpx; LOOP: uvloop, when this is the server itself.
"""

import asyncio
import json
import os
import socket
import urllib.request

BACKENDS = os.environ["BACKENDS"].split(",")
DATABASE = os.environ["DATABASE"].rsplit(":", 1)
TICK = float(os.environ["TICK"])
CLIENT = os.environ.get("CLIENT", "aiohttp")
idle = []  # connections to the database
client = None


async def open_client():
    global client
    if CLIENT == "httpx":
        import httpx

        client = httpx.AsyncClient(limits=httpx.Limits(max_connections=100, max_keepalive_connections=50))
    else:
        import aiohttp

        client = aiohttp.ClientSession()
    if TICK:
        asyncio.get_running_loop().ticker = asyncio.create_task(tick())


async def get(url):
    if CLIENT == "httpx":
        import httpx

        try:
            return (await client.get(url, timeout=10)).status_code
        except httpx.HTTPError:
            return 0
    import aiohttp

    try:
        async with client.get(url) as answer:
            await answer.read()
            return answer.status
    except aiohttp.ClientError:
        return 0


async def call(path, n):
    return await get(f"http://{BACKENDS[n % len(BACKENDS)]}{path}/{n}")


async def tick():
    for n in range(1 << 30):
        await asyncio.sleep(TICK)
        await get(f"http://{BACKENDS[0]}/tick/{n}/0")


async def query():
    link = idle.pop() if idle else await asyncio.open_connection(DATABASE[0], int(DATABASE[1]))
    link[1].write(b"select\n")
    await link[0].readline()
    idle.append(link)


async def one(path):
    return [await call(path, 0)]


async def seq(path):
    return [await call(path, n) for n in range(3)]


async def nap(path):
    await asyncio.sleep(0.003)
    first = await call(path, 0)
    await asyncio.sleep(0.002)
    return [first, await call(path, 1)]


async def db(path):
    await query()
    first = await call(path, 0)
    await query()
    return [first, await call(path, 1)]


async def fan(path):
    return await asyncio.gather(*(call(path, n) for n in range(3)))


def block(path):
    try:
        with urllib.request.urlopen(f"http://{BACKENDS[0]}{path}/0", timeout=10) as answer:
            return answer.read() and answer.status
    except OSError:
        return 0


async def executor(path):
    loop = asyncio.get_running_loop()
    return [await loop.run_in_executor(None, block, path), await call(path, 1)]


KINDS = {f.__name__: f for f in (one, seq, nap, db, fan, executor)}


async def serve(path):
    return json.dumps(await KINDS[path.split("/")[1]](path)).encode()


async def app(scope, receive, send):
    """ASGI."""
    if scope["type"] == "lifespan":
        await receive()
        await open_client()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await client.close() if CLIENT == "aiohttp" else await client.aclose()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = await serve(scope["path"])
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def alone():
    from aiohttp import web

    async def handle(request):
        return web.Response(body=await serve(request.path))

    await open_client()
    site = web.Application()
    site.router.add_get("/{kind}/{number:.*}", handle)
    runner = web.AppRunner(site)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    await web.SockSite(runner, listener).start()
    print("listening on", listener.getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    if os.environ.get("LOOP") == "uvloop":
        import uvloop

        uvloop.install()
    asyncio.run(alone())
