"""The typed client against the simulated exchange: two readings of the same document, over real sockets."""

import asyncio
import time
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

from recorder.client.client import Client
from recorder.client.errors import DeniedError, NoCredentialsError, RestError
from recorder.client.stream import Arrived, Break
from recorder.client.trading import Stops
from recorder.exchange.account import AssetPush, OrderPush, PositionPush
from recorder.exchange.candles import KlinePush
from recorder.exchange.endpoints import ENDPOINTS
from recorder.exchange.enums import MarginChange, OrderStatus, PositionSide, PositionType, Side, StopStatus
from recorder.exchange.lifecycle import State
from recorder.exchange.pushes import DepthPush, StatePush, TradePush
from recorder.exchange.refusals import AMOUNT_OVER_LIMIT, Denial
from recorder.exchange.signing import Credentials
from recorder.exchange.topics import Topic
from recorder.simulator.faults import Fault
from recorder.simulator.server import Exchange
from recorder.simulator.settings import SimulatorSettings

MARKET = "BTCUSDT"


@asynccontextmanager
async def exchange_and_client(key=None, faults=(), **options):
    exchange = Exchange(SimulatorSettings(port=0, markets=3, accounts=1, faults=faults))
    await exchange.start()
    try:
        ((name, real),) = exchange.credentials.items()
        who = Credentials.of(name, key or real)
        async with Client(
            exchange.rest_url, exchange.ws_url, credentials=who, trading=True, **options
        ) as client:
            yield exchange, client
    finally:
        await exchange.stop()


async def every(records):
    return [record async for record in records]


async def play(client):
    """Every call once, each with something to tell."""
    assert {market.name for market in await client.market.markets()} > {MARKET}
    await client.market.candles(MARKET)
    await client.market.trades(MARKET)
    last = Decimal((await client.market.state(MARKET)).last)
    states = await client.market.states()
    assert (states[MARKET].market, type(states[MARKET].funding_time)) == (MARKET, int)
    book = await client.market.book(MARKET)
    low, high = (str((Decimal(book.bids[0][0]) * share).quantize(Decimal(1))) for share in
                 (Decimal("0.9"), Decimal("1.1")))  # fmt: skip
    account, trading = client.account, client.trading
    await trading.set_leverage(MARKET, "10", PositionType.ISOLATED)
    assert (await account.leverage(MARKET)).leverage == 10
    bought = await trading.market_order(MARKET, Side.BUY, "0.02", stops=Stops(stop_loss=low))
    rested = await trading.limit_order(MARKET, Side.BUY, low, Decimal("0.01"))
    assert [order.order_id for order in await every(account.open_orders(MARKET))] == [rested]
    (position,) = await account.positions()
    assert (position.market, position.side, position.amount) == (MARKET, PositionSide.LONG, Decimal("0.02"))
    await trading.close_stop(MARKET, position.position_id, Stops(take_profit=high))
    room = await account.adjustable_margin(MARKET, position.position_id)
    after = await trading.adjust_margin(MARKET, MarginChange.INCREASE, "100")
    assert after.margin_amount - position.margin_amount == 100 <= room.available
    for _ in range(2):
        await trading.stop_order(MARKET, Side.SELL, low, str(last), "0.01")
    (stop, _) = await every(account.open_stops(MARKET))
    await trading.cancel_stop(MARKET, stop.contract_order_id)
    await trading.cancel_all_stops(MARKET)
    assert {each.status for each in await every(account.finished_stops())} == {StopStatus.CANCELLED}
    assert await trading.cancel_order(MARKET, rested) == rested
    await trading.limit_order(MARKET, Side.BUY, low, "0.01")
    await trading.cancel_all_orders(MARKET)
    await trading.close_limit(MARKET, position.position_id, "0.01", low)
    await trading.close_market(MARKET, position.position_id)
    assert await account.positions() == []
    assert (await account.order(MARKET, bought)).status is OrderStatus.FILLED
    (asset,) = [each for each in await account.assets() if each.asset == "USDT"]
    return (
        asset,
        await every(account.ledger("USDT")),
        await every(account.fills(MARKET)),
        await every(account.finished_orders(MARKET)),
    )


@pytest.mark.parametrize("body", ["form", "json"])
async def test_every_call_of_the_document_succeeds_and_nothing_in_the_answers_is_odd(body):
    async with exchange_and_client(body=body, page_size=3) as (_, client):
        await play(client)
        assert set(client.rest.turns) == {endpoint.name for endpoint in ENDPOINTS}
        assert client.notices == {}


async def test_the_ledger_adds_up_to_the_balance_and_says_what_the_fills_say():
    async with exchange_and_client(page_size=3) as (_, client):
        asset, ledger, fills, orders = await play(client)
    assert sum(entry.change for entry in ledger) == asset.balance_total == ledger[0].balance
    assert [entry.time for entry in ledger] == sorted((entry.time for entry in ledger), reverse=True)
    assert len({entry.id for entry in ledger}) == len(ledger)
    filled = sum(order.filled for order in orders)
    assert sum(fill.amount for fill in fills) == filled == Decimal("0.04")
    fees = -sum(entry.change for entry in ledger if entry.business == "Trading fee")
    assert abs(fees - sum(fill.deal_fee for fill in fills)) <= Decimal("0.0001") * len(fills)


async def test_positions_answer_at_the_documents_old_place_too():
    async with exchange_and_client(old_paths=True) as (_, client):
        await client.trading.market_order(MARKET, Side.SELL, "0.01")
        assert [position.side for position in await client.account.positions()] == [PositionSide.SHORT]


async def test_a_refusal_has_the_familys_code():
    async with exchange_and_client() as (_, client):
        with pytest.raises(RestError) as caught:
            await client.trading.limit_order(MARKET, Side.BUY, "1000", "100000")
    assert caught.value.code == AMOUNT_OVER_LIMIT


async def test_a_wrong_key_is_told_from_a_wrong_time():
    async with exchange_and_client(key="another") as (_, client):
        with pytest.raises(DeniedError) as caught:
            await client.account.assets()
    assert caught.value.denial is Denial.WRONG_KEY


async def test_a_clock_that_is_a_minute_off_is_found_out():
    async with exchange_and_client(faults=(Fault(kind="skew", at=0, seconds=60),)) as (exchange, client):
        while exchange.now_ns() < time.time_ns() + 50 * 10**9:
            await client.market.trades(MARKET)
        assert await client.account.assets()
        assert client.rest.clock.offset_s == pytest.approx(60, abs=1.5)


class TestStreams:
    async def test_every_stream_of_the_document_is_read(self):
        async with exchange_and_client() as (_, client):
            topics = [Topic("trade", MARKET), Topic("depth", MARKET), Topic("kline", MARKET, "1min"),
                      Topic("state"), Topic("position"), Topic("order"), Topic("asset")]  # fmt: skip
            wanted = {TradePush, DepthPush, KlinePush, StatePush, PositionPush, OrderPush, AssetPush}
            async with client.stream(*topics) as stream, asyncio.timeout(20):
                await until(stream, DepthPush)
                await client.trading.market_order(MARKET, Side.BUY, "0.01")
                wanted -= {DepthPush}
                async for arrived in stream:
                    wanted.discard(type(arrived.push))
                    if not wanted:
                        break
        assert client.notices == {}

    async def test_what_an_order_does_is_pushed_as_it_stands_in_the_answers(self):
        async with exchange_and_client() as (_, client):
            async with client.stream(Topic("order"), Topic("asset")) as stream, asyncio.timeout(20):
                number = await subscribed(stream, client)
                order = await until(stream, OrderPush, lambda push: push.order.status is OrderStatus.FILLED)
            assert (await client.account.order(MARKET, number)) == order.order

    async def test_after_a_lost_connection_it_is_signed_anew_and_the_break_is_told(self):
        async with (
            exchange_and_client() as (exchange, client),
            client.stream(Topic("order")) as stream,
            asyncio.timeout(20),
        ):
            await subscribed(stream, client)
            await until(stream, OrderPush)
            exchange._abort(Fault(kind="abort", at=0))
            broken = await anext(breaks(stream))
            number = await client.trading.market_order(MARKET, Side.BUY, "0.01")
            again = await until(stream, OrderPush, lambda push: push.order.order_id == number)
        assert broken.start_ns < broken.end_ns
        assert broken.reason
        assert again.order.order_id == number

    async def test_a_wrong_key_ends_a_private_stream_with_what_to_do(self):
        async with (
            exchange_and_client(key="another") as (_, client),
            client.stream(Topic("asset")) as stream,
            asyncio.timeout(20),
        ):
            with pytest.raises(DeniedError, match="check the client's id and key"):
                await anext(aiter(stream))

    async def test_a_skewed_clock_is_found_before_a_stream_is_signed(self):
        faults = (Fault(kind="skew", at=0, seconds=60),)
        async with exchange_and_client(faults=faults) as (exchange, client):
            while exchange.now_ns() < time.time_ns() + 50 * 10**9:  # noqa: ASYNC110  # as the clock says
                await asyncio.sleep(0.05)
            async with client.stream(Topic("order")) as stream, asyncio.timeout(20):
                await subscribed(stream, client)
                assert (await until(stream, OrderPush)).order.market == MARKET

    async def test_without_credentials_or_an_address_it_is_refused_with_what_is_missing(self):
        with pytest.raises(ValueError, match="no ws_url"):
            Client("http://127.0.0.1:9").stream(Topic("state"))
        with pytest.raises(NoCredentialsError, match="credentials"):
            Client("http://127.0.0.1:9", "ws://127.0.0.1:9").stream(Topic("order"))

    async def test_whoever_reads_too_slowly_is_told_of_a_break(self, monkeypatch):
        monkeypatch.setattr("recorder.client.stream.BACKLOG", 5)
        async with exchange_and_client() as (_, client):
            topics = [Topic("depth", market.name) for market in await client.market.markets()]
            async with client.stream(*topics) as stream, asyncio.timeout(20):
                while stream._broken is None:  # noqa: ASYNC110  # nothing tells of it
                    await asyncio.sleep(0.05)
                broken = await anext(breaks(stream))
        assert "waited to be read" in broken.reason


async def until(stream, kind, condition=lambda _: True):
    """The first push of a kind that meets a condition."""
    async for arrived in stream:
        if isinstance(arrived, Arrived) and isinstance(arrived.push, kind) and condition(arrived.push):
            return arrived.push
    raise AssertionError("the stream ended")


async def breaks(stream):
    async for arrived in stream:
        if isinstance(arrived, Break):
            yield arrived


async def subscribed(stream, client):
    """Order something once the stream flows: the order's id."""
    while stream._session.state is not State.LIVE:  # noqa: ASYNC110  # nothing tells of it
        await asyncio.sleep(0.02)
    return await client.trading.market_order(MARKET, Side.BUY, "0.01")
