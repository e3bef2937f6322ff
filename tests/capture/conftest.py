"""A scripted venue on a real socket, and waiting by condition."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress

import pytest
import websockets
from memory_journal import MemoryJournal
from websockets.exceptions import ConnectionClosed

DEADLINE_S = 10.0


async def poll(condition, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.005)


@pytest.fixture
def journal():
    return MemoryJournal()


@pytest.fixture
def eventually():
    """Wait until a condition holds, or fail at the deadline."""
    return poll


class Venue:
    """A scripted server: `play(ws, number, asked)` is what it does with its connection of that number."""

    def __init__(self, play):
        self.play = play
        self.asked = []
        self.sockets = []
        self.url = None

    async def handle(self, ws):
        self.sockets.append(ws)
        self.asked.append([])
        with suppress(ConnectionClosed):
            await self.play(ws, len(self.asked), self.asked[-1])

    def methods(self, number):
        return [request["method"] for request in self.asked[number - 1]]


@asynccontextmanager
async def serving(play, **options):
    venue = Venue(play)
    async with websockets.serve(venue.handle, "127.0.0.1", 0, compression=None, **options) as server:
        venue.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield venue


async def obliging(ws, _number, asked):
    """Acknowledge everything, and push one frame for each subscription."""
    async for text in ws:
        await oblige(ws, text, asked)


async def oblige(ws, text, asked):
    request = json.loads(text)
    asked.append(request)
    await ws.send(json.dumps({"id": request["id"], "method": request["method"], "result": "success"}))
    action, _, stream = request["method"].partition(".")
    if action == "subscribe":
        await ws.send(f'{{"id":0,"method":"update.{stream}","result":{json.dumps(request["params"])}}}')


@pytest.fixture
def serve():
    """The context manager that runs a scripted venue: `async with serve(play) as venue`."""
    return serving


@pytest.fixture
def play():
    """The script of a venue that does all it is asked."""
    return obliging


@pytest.fixture
def answer_one():
    """What that script does with one text."""
    return oblige
