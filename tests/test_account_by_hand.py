"""`recorder account`, as a user types it, against the simulated exchange."""

import asyncio
import os
import stat
from collections import Counter
from decimal import Decimal

import pytest
from accounts import (
    MARKET,
    OTHER,
    environment,
    every,
    exchange_of_one,
    owner,
    rows,
    settled,
    told_of,
    trade,
)
from commands import recorder, recorder_here
from journals import Lake

from recorder.simulator.faults import Fault


async def account(data_dir, exchange, *more, **other):
    """The command, in a thread: the exchange answers meanwhile."""
    given = {**environment(exchange), **other}
    return await asyncio.to_thread(recorder, "account", "--data-dir", data_dir, *more, **given)


async def test_what_the_exchange_tells_is_in_the_lake_once_and_exactly(tmp_path):
    async with exchange_of_one(limits=False) as exchange, owner(exchange, page_size=3) as client:
        await trade(client, rounds=3)
        await trade(client, OTHER)
        await settled()
        shown = await account(tmp_path, exchange)
        assert (shown.returncode, shown.stderr) == (0, "")
        told = client.account
        stops = [*await every(told.open_stops()), *await every(told.finished_stops())]
        orders = [*await every(told.open_orders())]
        fills = []
        for market in (MARKET, OTHER):
            orders += await every(told.finished_orders(market))
            fills += await every(told.fills(market))
        ledger = await every(told.ledger())
        [asset] = await told.assets()
    for table, records in (
        ("account_orders", orders),
        ("account_stop_orders", stops),
        ("account_fills", fills),
        ("account_ledger", ledger),
    ):
        assert len(records) > 3
        told = Counter(told_of(table, record) for record in records)
        assert Counter(rows(tmp_path, table)) == told, table
    [(summed, balance)] = Lake(tmp_path).rows("account_ledger", "sum(change), max_by(balance, ledger_id)")
    assert summed == balance == asset.balance_total
    [(balance,)] = Lake(tmp_path).rows("account_assets", "balance", "WHERE asset = 'USDT'")
    assert balance == asset.balance_total
    held = Lake(tmp_path).rows("account_positions", "market, side, quantity", "ORDER BY ALL")
    assert held == [(MARKET, "long", Decimal("0.03")), (OTHER, "long", Decimal("0.01"))]
    terms = Lake(tmp_path).rows(
        "account_leverage", "DISTINCT market, leverage", "WHERE position_id IS NOT NULL"
    )
    assert sorted(terms) == [(MARKET, 10), (OTHER, 10)]
    assert "USDT" in shown.stdout
    assert f"{MARKET} long isolated" in shown.stdout
    assert f"{len(ledger)} lines of the ledger" in shown.stdout
    assert "Recorded: 1 asset, 2 positions," in shown.stdout


@pytest.mark.long
async def test_a_second_time_asks_for_what_is_new_and_adds_only_that(tmp_path):
    async with exchange_of_one(limits=False) as exchange, owner(exchange) as client:
        await settled()
        await account(tmp_path, exchange)
        before = len(rows(tmp_path, "account_ledger"))
        await trade(client)
        await settled()
        assert (await account(tmp_path, exchange)).returncode == 0
        assert (await account(tmp_path, exchange)).returncode == 0
        ledger = await every(client.account.ledger())
        orders = await every(client.account.finished_orders(MARKET))
    assert before == 1
    assert len(rows(tmp_path, "account_ledger")) == len(ledger)
    assert len(rows(tmp_path, "account_fills")) > 0
    finished = rows(tmp_path, "account_orders", where="status IN ('filled', 'cancelled')")
    assert len(finished) == len(orders)
    shown = await asyncio.to_thread(recorder, "rebuild", "--verify", "--data-dir", tmp_path)
    assert shown.returncode == 0, shown.stdout + shown.stderr


@pytest.mark.long
async def test_a_part_that_is_not_answered_fails_with_a_message_and_the_others_are_recorded(tmp_path):
    fault = Fault("http", at=0.0, seconds=600.0, status=503, path="/open/api/v2/order/stop/finished")
    async with exchange_of_one(limits=False, faults=(fault,)) as exchange, owner(exchange) as client:
        await trade(client)
        await settled()
        shown = await account(tmp_path, exchange)
    assert shown.returncode == 1
    assert "did not answer all of it" in shown.stderr
    assert "order/stop/finished: the venue answered HTTP 503" in shown.stdout
    assert len(rows(tmp_path, "account_fills")) > 0


async def test_what_it_writes_is_its_owners_alone(tmp_path):
    async with exchange_of_one() as exchange:
        await account(tmp_path, exchange)
    private = [tmp_path / "journal" / "account", *(tmp_path / "lake").glob("account_*")]
    assert len(private) == 9
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o700}


async def test_a_wrong_key_is_said_with_what_to_do(tmp_path):
    async with exchange_of_one() as exchange:
        shown = await account(tmp_path, exchange, RECORDER_CLIENT_KEY="wrong-key-of-tests")
    assert shown.returncode == 1
    assert "check the client's id and key" in shown.stderr
    assert "wrong-key-of-tests" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "RECORDER_REST_URL is not set"),
        ({"RECORDER_REST_URL": "http://127.0.0.1:1"}, "RECORDER_CLIENT_ID and RECORDER_CLIENT_KEY are not"),
        (
            {"RECORDER_REST_URL": "http://127.0.0.1:1", "RECORDER_CLIENT_ID": "x"},
            "RECORDER_CLIENT_KEY is not set, though RECORDER_CLIENT_ID is",
        ),
        (
            {
                "RECORDER_REST_URL": "http://127.0.0.1:1",
                "RECORDER_CLIENT_ID": "x",
                "RECORDER_CLIENT_KEY": os.fsdecode(b"k\xff\xfe"),
            },
            "RECORDER_CLIENT_KEY is not UTF-8",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path, given, words):
    shown = recorder_here("account", "--data-dir", tmp_path, **given)
    assert (shown.returncode, words in shown.stderr) == (2, True)


def test_a_venue_that_is_not_there_is_a_message(tmp_path):
    given = {"RECORDER_CLIENT_ID": "x", "RECORDER_CLIENT_KEY": "y", "RECORDER_REST_URL": "http://127.0.0.1:1"}
    shown = recorder_here("account", "--data-dir", tmp_path, **given)
    assert (shown.returncode, "Traceback" in shown.stderr) == (1, False)
    assert "GET /open/api/v2/asset/query" in shown.stderr
