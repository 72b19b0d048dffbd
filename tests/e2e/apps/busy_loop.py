"""busy.py as an event loop: aiohttp, server and client; what it does for nobody is a task."""

import asyncio
import sys

import aiohttp
from aiohttp import web

PEER, FIRST = sys.argv[1], float(sys.argv[2])
scraped, running, client = 0, set(), None


def spawn(work):
    running.add(asyncio.create_task(work))


async def fetch(path):
    async with client.get(PEER + path) as answer:
        return await answer.read()


async def scrape():
    global scraped
    await asyncio.sleep(FIRST)
    while True:
        await fetch(f"/metrics/{scraped}")
        scraped += 1
        await asyncio.sleep(0.002)


async def later(path):
    await asyncio.sleep(0.05)
    await fetch(path)


async def stream(request):
    await fetch(request.path)
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    while True:
        await answer.write(b"data: x\n\n")
        await asyncio.sleep(0.02)


async def handle(request):
    what = request.path.split("/")[1]
    if what == "stream":
        return await stream(request)
    if what == "during":
        enough = scraped + 99
        while scraped < enough:
            await asyncio.sleep(0.001)
    if what == "late":
        spawn(later(request.path))
    return web.Response(body=await fetch(request.path) if what == "call" else b"done")


async def main():
    global client
    client = aiohttp.ClientSession()
    site = web.Application()
    site.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    spawn(scrape())
    print("listening on", runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
