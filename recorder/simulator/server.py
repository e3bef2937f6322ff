"""The simulated exchange on a loopback port: REST under /open/api/v2/... and the WebSocket at /ws."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog
from aiohttp import WSMsgType, web

from recorder.simulator.faults import Fault, FaultClock
from recorder.simulator.gateway import Gateway
from recorder.simulator.hub import Connection, Hub
from recorder.simulator.living import LivingExchange
from recorder.simulator.mischief import Mischief, garbage
from recorder.simulator.private.gate import Gate
from recorder.simulator.private.keys import credentials
from recorder.simulator.private.rest import PrivateInterface
from recorder.simulator.private.streams import PrivateStreams
from recorder.simulator.public_rest import RestInterface
from recorder.simulator.record import Record
from recorder.simulator.replay import Replay
from recorder.simulator.requests import answer
from recorder.simulator.settings import SimulatorSettings
from recorder.simulator.source import Source

WS_PATH: Final = "/ws"
PUMP_EVERY_S: Final = 0.01
MAX_CONNECTIONS: Final = 1_000
MAX_REQUEST_BYTES: Final = 64 * 1024
CLOSE_WAIT_S: Final = 2.0
BEGIN_QUIET_S: Final = 1.0
"""A recording begins when clients have asked nothing more for so long: a client that needs many requests
to subscribe everything misses nothing either."""
BEGIN_WITHIN_S: Final = 10.0
"""But no later than this after the first subscription."""

log = structlog.get_logger()


class Exchange:
    """Owns the port, the pump and the source. `record` names a file for its own record of what it did."""

    def __init__(self, settings: SimulatorSettings, record: Path | None = None) -> None:
        self.settings = settings
        self._started_ns = time.time_ns()
        self._started_s = time.monotonic()
        self._skew_ns = 0
        self._source: Source = (
            LivingExchange(settings, self._started_ns)
            if settings.replay is None
            else Replay(settings.replay, settings.speed, keep_time=settings.keep_time)
        )
        self.venue = self._source.venue
        self._gate = Gate(self.credentials, settings.allowed_addresses, repeats=settings.repeat_nonces)
        self._private = PrivateStreams(self.venue, self._gate, self._clock_ns)
        self._record = None if record is None else Record(record)
        self._hub = Hub(self._record)
        self._mischief = Mischief()
        self._script = FaultClock(settings.faults)
        self._runner: web.AppRunner | None = None
        self._pump: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._begun = False
        self._begin_s: float | None = None
        self._begin_by_s = 0.0
        self._port = 0
        self.failed_steps = 0

    @property
    def rest_url(self) -> str:
        """The REST base: paths of the protocol follow it."""
        return f"http://{self.settings.host}:{self._port}"

    @property
    def ws_url(self) -> str:
        """The WebSocket."""
        return f"ws://{self.settings.host}:{self._port}{WS_PATH}"

    @property
    def credentials(self) -> dict[str, str]:
        """Keys of the accounts by client id; they open nothing but this exchange."""
        return credentials(self.settings.seed, self.settings.accounts)

    @property
    def sent(self) -> Counter[tuple[str, str | None]]:
        """Pushes sent by (stream, market), counted once a connection; market is None for state."""
        return self._hub.sent

    def now_ns(self) -> int:
        """The exchange's clock: the wall clock of the start carried on by the monotonic one, plus skew."""
        return self._started_ns + int((time.monotonic() - self._started_s) * 1e9) + self._skew_ns

    def _clock_ns(self) -> int:
        return self._source.clock_ns(self.now_ns())

    async def start(self) -> None:
        """Listen and let the markets live. Raises OSError where the port is taken."""
        gateway = Gateway(self._mischief, self._record, self.now_ns, WS_PATH)
        app = web.Application(middlewares=[gateway.middleware()])
        rest = RestInterface(self._source, self._clock_ns, limits=self.settings.limits)
        private = PrivateInterface(
            self.venue, self._gate, self._clock_ns, self._advance, limits=self.settings.limits
        )
        app.add_routes([*rest.routes(), *private.routes(), web.get(WS_PATH, self._serve_socket)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_WAIT_S)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self._port = self._runner.addresses[0][1]
        self._pump = asyncio.create_task(self._run(), name="simulator pump")

    async def stop(self) -> None:
        """Close every connection politely and release the port."""
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        self._hub.flush()
        for connection in tuple(self._hub.connections.values()):
            self._close_soon(connection)
        if self._closing:
            _, late = await asyncio.wait(self._closing, timeout=CLOSE_WAIT_S)
            for task in late:
                task.cancel()
            for connection in tuple(self._hub.connections.values()):
                connection.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._record is not None:
            self._record.close()

    # --- the pump ---

    async def _run(self) -> None:
        while True:
            try:
                self._step()
            except Exception:
                self.failed_steps += 1
                log.exception("simulator step failed", failed=self.failed_steps)
            await asyncio.sleep(PUMP_EVERY_S)

    def _step(self) -> None:
        now_s = time.monotonic()
        for fault in self._script.due(now_s - self._started_s):
            self._strike(fault, now_s)
        if self._begin_s is not None and now_s >= min(self._begin_s, self._begin_by_s) and not self._begun:
            self._begun = True
            self._source.begin(self.now_ns())
        for push in self._mischief.released(now_s):
            self._hub.publish(push)
        self._advance()
        self._hub.flush()
        if self._record is not None:
            self._record.flush()
        for connection in tuple(self._hub.connections.values()):
            if connection.open and now_s - connection.heard_s > self.settings.idle_close_s:
                self._close_soon(connection)

    def _advance(self) -> None:
        """The source comes to the present, and what is new in it is sent."""
        now_s = time.monotonic()
        for push in self._source.advance(self.now_ns(), self._hub.wanted):
            by = self._mischief.withholds(push, now_s)
            if by is None:
                self._hub.publish(push)
            elif by != "late":
                self._hub.lose(push, by)
        self._tell()

    def _tell(self) -> None:
        """What happened to accounts is pushed to their owners; only a silence of everything stops that."""
        if self.venue is None or not self.venue.desk.news:
            return
        now_s = time.monotonic()
        for number, push in self._private.pushes(self.venue.news()):
            if self._mischief.silent(push, now_s):
                self._hub.lose(push, "silence")
            elif number in self._hub.connections:
                self._hub.deliver(self._hub.connections[number], push)

    def _strike(self, fault: Fault, now_s: float) -> None:
        """A fault of the script happens."""
        log.info("simulated fault", kind=fault.kind)
        if self._record is not None:
            self._record.fault(fault)
        strikes: dict[str, Callable[[Fault], None]] = {
            "drop": self._drop,
            "abort": self._abort,
            "garbage": self._garbage,
            "duplicates": self._duplicates,
            "skew": self._skew,
            "list": self._list,
            "delist": self._delist,
        }
        strike = strikes.get(fault.kind)
        if strike is not None:
            strike(fault)
        else:
            self._mischief.begin(fault, now_s)

    def _victims(self, fault: Fault) -> list[Connection]:
        there = [connection for connection in self._hub.connections.values() if connection.open]
        return there[: fault.connections] if fault.connections else there

    def _drop(self, fault: Fault) -> None:
        for connection in self._victims(fault):
            self._close_soon(connection)

    def _abort(self, fault: Fault) -> None:
        for connection in self._victims(fault):
            connection.abort()

    def _garbage(self, fault: Fault) -> None:
        market = next(iter(self._source.names()), "BTCUSDT")
        for payload, opcode in garbage(fault, market, self.now_ns() // 1_000_000_000):
            for connection in self._victims(fault):
                self._hub.garbage(connection, payload, opcode)

    def _duplicates(self, fault: Fault) -> None:
        recent = [push for push in self._hub.recent if fault.stream in (None, push.topic.stream)]
        for push in recent[-fault.count :]:
            self._hub.publish(push, again=True)

    def _skew(self, fault: Fault) -> None:
        self._skew_ns += int(fault.seconds * 1e9)

    def _list(self, fault: Fault) -> None:
        self._source.list_market(fault.market, self.now_ns())

    def _delist(self, fault: Fault) -> None:
        self._source.delist_market(fault.market or "")

    def _close_soon(self, connection: Connection) -> None:
        connection.open = False
        task = asyncio.create_task(connection.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    # --- the port ---

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        """One client from its handshake to its end."""
        ws = web.WebSocketResponse(compress=False, max_msg_size=MAX_REQUEST_BYTES, timeout=CLOSE_WAIT_S)
        await ws.prepare(request)
        transport = request.transport
        if transport is None:
            return ws
        full = len(self._hub.connections) >= MAX_CONNECTIONS
        if full or self._mischief.refusing(time.monotonic()):
            await ws.close(code=1013, message=b"try again later")
            return ws
        connection = self._hub.join(ws, transport)
        try:
            while connection.open:
                message = await ws.receive()
                if message.type is not WSMsgType.TEXT:
                    break
                connection.heard_s = time.monotonic()
                self._answer(message.data, connection)
        finally:
            self._hub.leave(connection)
            self._private.leave(connection.number)
        return ws

    def _answer(self, text: str, connection: Connection) -> None:
        self._tell()  # what was before a subscription is not pushed to it
        snapshot = answer(text, connection, self._hub, self._source, self._private)
        if snapshot is not None and self._mischief.silent(snapshot, time.monotonic()):
            self._hub.lose(snapshot, "silence")
        elif snapshot is not None:
            self._hub.deliver(connection, snapshot)
        connection.flush()
        if connection.topics and not self._begun:
            now_s = time.monotonic()
            if self._begin_s is None:
                self._begin_by_s = now_s + BEGIN_WITHIN_S
            self._begin_s = now_s + BEGIN_QUIET_S


async def serve(settings: SimulatorSettings, ready: Callable[[str, str], None] | None = None) -> None:
    """Run an exchange until cancelled; `ready` is told the REST and the WebSocket URL."""
    exchange = Exchange(settings)
    await exchange.start()
    if ready is not None:
        ready(exchange.rest_url, exchange.ws_url)
    try:
        await asyncio.Event().wait()
    finally:
        await exchange.stop()
