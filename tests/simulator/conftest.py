"""A simulated exchange on a free port, and a client that is nobody's code but the libraries'."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
import websockets

from recorder.simulator.server import Exchange
from recorder.simulator.settings import SimulatorSettings

DEADLINE_S = 8.0
FRAMES = Path(__file__).parents[1] / "fixtures" / "frames"


class Client:
    """Raw texts over the WebSocket and raw GETs; everything received is kept."""

    def __init__(self, exchange, ws, session):
        self.exchange = exchange
        self.ws = ws
        self.session = session
        self.seen = []

    async def send(self, **message):
        await self.ws.send(json.dumps(message))

    async def next(self):
        """The next frame that is JSON text; others are kept as they are."""
        message = await asyncio.wait_for(self.ws.recv(), DEADLINE_S)
        with suppress(ValueError, RecursionError):
            message = json.loads(message)
        self.seen.append(message)
        return message

    async def until(self, condition, deadline_s=DEADLINE_S):
        """The first frame from now on that meets the condition."""
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            message = await self.next()
            if condition(message):
                return message
        raise AssertionError(f"nothing met the condition; the last was {self.seen[-1:]}")

    async def ask(self, **message):
        """Send a request and return its reply."""
        await self.send(**message)
        return await self.until(lambda reply: is_reply(reply, message["method"]))

    async def get(self, path, **query):
        """(status, body) of a GET, JSON decoded where it is JSON."""
        url = f"{self.exchange.rest_url}/open/api/v2/market/{path}"
        async with self.session.get(url, params=query) as response:
            if response.content_type == "application/json":
                return response.status, await response.json()
            return response.status, await response.text()

    async def answered(self, condition, path, **query):
        """Ask again and again, within the venue's rates, until the answer meets the condition."""
        end = time.monotonic() + DEADLINE_S
        while not condition(answer := await self.get(path, **query)):
            assert time.monotonic() < end, f"the last answer was {answer}"
            await asyncio.sleep(0.15)


def is_reply(message, method):
    return isinstance(message, dict) and message.get("method") == method


def pushed(stream):
    """A condition for `Client.until`: a push of the stream."""
    return lambda message: isinstance(message, dict) and message.get("method") == f"update.{stream}"


@asynccontextmanager
async def connected(record=None, **settings):
    """A running exchange and a client on it."""
    exchange = Exchange(SimulatorSettings(**settings), record=record)
    await exchange.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            websockets.connect(exchange.ws_url, max_size=2**24, max_queue=None, compression=None) as ws,
        ):
            yield Client(exchange, ws, session)
    finally:
        await exchange.stop()
    assert exchange.failed_steps == 0


@pytest.fixture
def simulated():
    """The context manager that gives a connected client: `async with simulated(markets=3) as client`."""
    return connected


@pytest.fixture
def frames():
    """The directory of literal frames."""
    return FRAMES


@pytest.fixture
def push():
    """Conditions by stream."""
    return pushed


async def poll(condition, deadline_s=DEADLINE_S):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the condition never came true"
        await asyncio.sleep(0.01)


@pytest.fixture
def eventually():
    """Wait until a condition holds, or fail at the deadline."""
    return poll
