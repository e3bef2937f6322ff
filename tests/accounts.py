"""An account of a simulated exchange with something to tell, and what a lake says of it."""

import asyncio
import time
from contextlib import asynccontextmanager
from decimal import Decimal

from journals import Lake

from recorder.client.client import Client
from recorder.client.trading import Stops
from recorder.exchange.enums import PositionType, Side
from recorder.exchange.signing import Credentials
from recorder.lake.store.account import COLUMNS
from recorder.simulator.server import Exchange
from recorder.simulator.settings import SimulatorSettings

MARKET, OTHER = "BTCUSDT", "ETHUSDT"
SETTLED_S = 3.2
"""What happened less long ago is for the next round."""


@asynccontextmanager
async def exchange_of_one(**settings):
    exchange = Exchange(SimulatorSettings(**{"port": 0, "markets": 3, "accounts": 1, **settings}))
    await exchange.start()
    try:
        yield exchange
    finally:
        await exchange.stop()


def owner(exchange, **options):
    """The account's own client, which may trade."""
    [(name, key)] = exchange.credentials.items()
    credentials = Credentials.of(name, key)
    return Client(exchange.rest_url, exchange.ws_url, credentials=credentials, trading=True, **options)


def environment(exchange):
    [(name, key)] = exchange.credentials.items()
    return {
        "RECORDER_REST_URL": exchange.rest_url,
        "RECORDER_WS_URL": exchange.ws_url,
        "RECORDER_CLIENT_ID": name,
        "RECORDER_CLIENT_KEY": key,
    }


async def trade(client, market=MARKET, rounds=1):
    """Buys and sells, a limit order that rests, one that is cancelled, and stops."""
    trading = client.trading
    await client.market.markets()
    last = Decimal((await client.market.state(market)).last)
    low, high = (str((last * share).quantize(Decimal(1))) for share in (Decimal("0.8"), Decimal("1.2")))
    await trading.set_leverage(market, "10", PositionType.ISOLATED)
    for _ in range(rounds):
        await trading.market_order(market, Side.BUY, "0.02", stops=Stops(stop_loss=low))
        await trading.market_order(market, Side.SELL, "0.01")
    await trading.limit_order(market, Side.BUY, low, "0.01")
    cancelled = await trading.limit_order(market, Side.BUY, low, "0.02")
    await trading.cancel_order(market, cancelled)
    await trading.stop_order(market, Side.SELL, high, str(last), "0.01")
    await trading.stop_order(market, Side.SELL, high, str(last), "0.02")
    stops = [stop async for stop in client.account.open_stops(market)]
    await trading.cancel_stop(market, stops[0].contract_order_id)


async def settled():
    """Until all that has happened is old enough to be asked for."""
    await asyncio.sleep(SETTLED_S)


def told_of(table, record):
    """A record's money, times and ids as the table has them."""
    found = []
    for column in COLUMNS[table]:
        value = getattr(record, column.wire)
        if column.kind == "word" and value is not None:
            value = value.name.lower()
        found.append(round(value * 1e6) if column.kind == "time" and value is not None else value)
    return tuple(found)


def rows(data_dir, table, more="", where="true"):
    """A table's rows as `told_of` has records."""
    columns = [
        f"epoch_us({column.name})" if column.kind == "time" else column.name for column in COLUMNS[table]
    ]
    return Lake(data_dir).rows(table, ", ".join(columns) + more, f"WHERE {where}")


async def every(records):
    return [record async for record in records]


def now_s():
    return int(time.time())
