"""A venue that shares no code with the product: the protocol as its documents have it, on loopback.

It runs in the test's own event loop. `send` pushes one frame to whoever subscribed to its topic and writes
down what was sent when, so that a test can compare the lake with the wire.
"""

import asyncio
import json
import time
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

CANDLES_AN_ANSWER = 500


def described(name):
    return {
        "type": 1, "leverages": ["3", "5"], "name": name, "stock": name[:3], "money": "USDT", "fee_prec": 5,
        "tick_size": "0.01", "stock_prec": 8, "money_prec": 2, "amount_prec": 4, "amount_min": "0.0001",
        "available": True, "limits": [["2500.0001", "3", "0.15"]], "sort": 1,
    }  # fmt: skip


@dataclass
class Venue:
    markets: list = field(default_factory=lambda: ["AAA", "BBB"])
    rest_status: int = 200
    close_at_once: bool = False
    acknowledge: bool = True
    sent: list = field(default_factory=list)
    """(wall seconds, stream, market, result) of every push that a live subscriber was sent."""
    connects: int = 0
    made: dict = field(default_factory=dict)
    """Market -> every trade that happened, pushed or not; the deals endpoint tells the last 50."""
    candles: dict = field(default_factory=dict)
    """(market, period) -> {open seconds: row}; an answer holds the newest CANDLES_AN_ANSWER of them."""
    calls: list = field(default_factory=list)
    """(monotonic seconds, endpoint) of every REST call."""
    sockets: dict = field(default_factory=dict)
    """Socket -> set of (stream, market)."""

    async def __aenter__(self):
        app = web.Application()
        for name in ("list", "deals", "kline", "state/all"):
            app.router.add_get(f"/open/api/v2/market/{name}", self._rest)
        app.router.add_get("/ws", self._socket)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self.rest_url, self.ws_url = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    @property
    def environment(self):
        return {"RECORDER_REST_URL": self.rest_url, "RECORDER_WS_URL": self.ws_url}

    async def _rest(self, request):
        endpoint = request.path.removeprefix("/open/api/v2/market/")
        self.calls.append((time.monotonic(), endpoint))
        if self.rest_status != 200:
            page = "<html>the gateway is tired</html>"
            return web.Response(status=self.rest_status, text=page, content_type="text/html")
        data = {
            "list": lambda _: [described(name) for name in self.markets],
            "deals": self._deals,
            "kline": self._klines,
            "state/all": lambda _: {name: {"market": name, "last": "1"} for name in self.markets},
        }[endpoint](request.query)
        return web.json_response({"code": 0, "msg": "success", "data": data})

    def _deals(self, query):
        newest = self.made.get(query["market"], [])[-50:]
        return [{name: deal[name] for name in deal if name != "market"} for deal in reversed(newest)]

    def _klines(self, query):
        rows = self.candles.get((query["market"], query["type"]), {})
        wanted = [open_s for open_s in rows if int(query["start_time"]) <= open_s <= int(query["end_time"])]
        return [rows[open_s] for open_s in sorted(wanted)[-CANDLES_AN_ANSWER:]]

    async def trade(self, market, trade, *, push=True):
        """A trade happens; it is pushed, unless it is to be missed."""
        self.made.setdefault(market, []).append(trade)
        if push:
            await self.send("trade", market, trade)

    async def _socket(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connects += 1
        if self.close_at_once:
            await socket.close()
            return socket
        self.sockets[socket] = set()
        try:
            async for message in socket:
                if message.type == WSMsgType.TEXT:
                    await self._answer(socket, json.loads(message.data))
        finally:
            self.sockets.pop(socket, None)
        return socket

    async def _answer(self, socket, request):
        action, _, stream = request["method"].partition(".")
        topic = (stream, request.get("params", {}).get("market"))
        if action == "subscribe":
            self.sockets[socket].add(topic)
        elif action == "unsubscribe":
            self.sockets[socket].discard(topic)
        if self.acknowledge:
            await socket.send_json(
                {"error": None, "result": {"status": "success"}, "id": request.get("id", 0)}
            )

    def topics(self):
        return set().union(*self.sockets.values())

    async def send(self, stream, market, result):
        """Push one frame to its subscribers; it counts as sent only where there was one."""
        text = json.dumps(
            {"id": 0, "method": f"update.{stream}", "result": result, "error": None}, separators=(",", ":")
        )
        await self.send_text(text, stream, market, result)

    async def send_text(self, text, stream, market, result=None):
        for socket, topics in list(self.sockets.items()):
            if (stream, market) in topics and not socket.closed:
                moment = time.time()
                with suppress(
                    ConnectionError
                ):  # the client has gone: it was sent all the same, into the void
                    await socket.send_str(text)
                if result is not None:
                    self.sent.append((moment, stream, market, result))

    def abort(self):
        """Tear every connection down as a dying gateway does: no close frame."""
        for socket in list(self.sockets):
            self.sockets.pop(socket)
            socket._req.transport.abort()


async def until(condition, deadline_s=20.0, what="the condition"):
    """Wait for a condition, not for a time."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true within {deadline_s} s"
        await asyncio.sleep(0.01)
