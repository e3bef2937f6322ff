"""What is asked for an account: all at first, to the last page; then what is new and what was missed."""

import contextlib
import os
import time
from collections import Counter

import pytest
from accounts import MARKET, OTHER, every, exchange_of_one, owner, settled, trade
from memory_journal import MemoryJournal
from venues import gateway, said

from recorder.capture.account import AccountRounds, Snapshot
from recorder.capture.asked import Asked, read_asked
from recorder.client.client import Client
from recorder.client.errors import RestError
from recorder.exchange.enums import Side
from recorder.exchange.signing import Credentials
from recorder.simulator.faults import Fault

WHO = Credentials.of("client-of-tests", "key-of-tests")


def asked_of(journal):
    return Counter(call for call, *_ in journal.rest)


@pytest.fixture
async def floor():
    """An account that has traded, and a client of three records a page with its journal."""
    journal = MemoryJournal()
    async with (
        exchange_of_one(limits=False) as exchange,
        owner(exchange) as trader,
        owner(exchange, journal=journal, page_size=3) as client,
    ):
        await trade(trader)
        await settled()
        yield journal, trader, client


async def test_every_page_is_asked_for_until_a_short_one(floor):
    journal, trader, client = floor
    found = await AccountRounds(client, Asked()).snapshot()
    lines = await every(trader.account.ledger())
    pages = asked_of(journal)["asset_history"]
    assert found.records["ledger"] == len(lines) > 3
    assert pages == len(lines) // 3 + 1


async def test_markets_that_the_account_never_touched_are_looked_at_when_there_is_time(floor):
    journal, _, client = floor
    rounds = AccountRounds(client, Asked())
    found = await rounds.snapshot()
    assert {params["market"] for call, params, *_ in journal.rest if call == "order_deals"} == {MARKET}
    rounds.want([MARKET, OTHER])
    while rounds.waiting:
        await rounds.next_market(found)
    assert {params["market"] for call, params, *_ in journal.rest if call == "order_deals"} == {
        MARKET,
        OTHER,
    }
    assert rounds.asked.touched == {MARKET}


@pytest.mark.long
async def test_later_rounds_ask_only_for_what_came_since(floor):
    journal, trader, client = floor
    first = AccountRounds(client, Asked())
    await first.snapshot()
    since = first.asked.until_s["ledger"]
    journal.rest.clear()
    await AccountRounds(client, first.asked).snapshot()
    starts = {params.get("start_time") for call, params, *_ in journal.rest if call == "asset_history"}
    assert starts == {str(since - 300)}
    await trade(trader, OTHER)
    await settled()
    rounds = AccountRounds(client, first.asked)
    await rounds.snapshot()
    assert rounds.asked.touched == {MARKET, OTHER}


async def test_an_order_that_is_no_longer_open_is_asked_for_by_its_number(floor):
    journal, trader, client = floor
    rounds = AccountRounds(client, Asked())
    await rounds.snapshot()
    [name] = rounds.asked.open
    await trader.trading.cancel_order(MARKET, int(name))
    journal.rest.clear()
    await rounds.snapshot()
    [(_, params, *_)] = [answer for answer in journal.rest if answer[0] == "order_detail"]
    assert (params["order_id"], rounds.asked.open) == (name, {})


async def test_a_balance_that_changed_for_no_known_reason_says_so(floor):
    _, _, client = floor
    rounds = AccountRounds(client, Asked())
    assert not (await rounds.snapshot()).unexplained
    rounds.asked.until_s["ledger"] -= 10_000
    assert (await rounds.snapshot()).unexplained


async def test_a_question_that_the_venue_never_answers_costs_itself_alone():
    fault = Fault("http", at=0.0, seconds=600.0, status=404, path="/open/api/v2/setting")
    async with (
        exchange_of_one(limits=False, faults=(fault,)) as exchange,
        owner(exchange) as client,
    ):
        with contextlib.suppress(RestError):  # it sets a leverage, which cannot be had here
            await trade(client)
        await client.trading.market_order(MARKET, Side.BUY, "0.01")
        await settled()
        found = await AccountRounds(client, Asked()).snapshot()
    assert "HTTP 404" in found.failures[0]
    assert [position.market for position in found.positions] == [MARKET]
    assert found.records["fills"] > 0  # one, or one a level that it took


async def test_an_odd_entry_among_the_assets_costs_itself_alone():
    async def handler(request):
        if request.path.endswith("asset/query"):
            return said(0, "success", {"USDT": {"available": "1"}, "total_usd": "12.5"})
        return await Past()(request)

    async with gateway(handler) as url, Client(url, credentials=WHO) as client:
        found = await AccountRounds(client, Asked()).snapshot()
        assert [asset.asset for asset in found.assets] == ["USDT"]
        assert client.notices["asset is not an object"] == 1
    assert found.failures == []


class Failing:
    """A venue that answers some questions with an error that passes."""

    def __init__(self, fails):
        self.fails = fails
        self.past = Past()

    async def __call__(self, request):
        if self.fails(request.path.rpartition("v2/")[2], request.query.get("market")):
            return said(10_500, "internal error")
        return await self.past(request)


@pytest.fixture
def _short_pauses(monkeypatch):
    monkeypatch.setattr("recorder.client.throttle.FIRST_PAUSE_S", 0.001)


@pytest.mark.usefixtures("_short_pauses")
class TestFailuresThatPass:
    async def test_a_market_that_always_fails_keeps_no_other_from_being_asked(self):
        venue = Failing(lambda name, market: name == "order/deals" and market == "AAA")
        async with gateway(venue) as url, Client(url, credentials=WHO) as client:
            rounds = AccountRounds(client, Asked())
            found = await rounds.snapshot()
            rounds.want(["AAA", "BBB", "CCC"])
            while rounds.waiting:
                await rounds.next_market(found)
            assert {"fills BBB", "fills CCC", "orders AAA"} <= rounds.asked.until_s.keys()
            assert (len(found.failures), found.may_pass) == (1, True)
            again = await rounds.snapshot()  # looks at it again
        assert "fills AAA" not in rounds.asked.until_s
        assert len(again.failures) == 1

    async def test_a_call_that_always_fails_keeps_no_other_from_being_asked(self):
        venue = Failing(lambda name, _: name in ("asset/history", "order/stop/finished", "order/pending"))
        async with gateway(venue) as url, Client(url, credentials=WHO) as client:
            rounds = AccountRounds(client, Asked(touched={"AAA"}))
            rounds.pushed(b'{"method": "update.order", "result": {"order_id": 1, "market": "AAA"}}')
            found = await rounds.snapshot()
        assert len(found.failures) == 3
        assert {"fills AAA", "orders AAA"} <= rounds.asked.until_s.keys()

    async def test_a_venue_that_answers_nothing_is_asked_no_more_in_a_round(self):
        venue = Failing(lambda name, _: name not in ("asset/query", "position/pending"))
        async with gateway(venue) as url, Client(url, credentials=WHO) as client:
            rounds = AccountRounds(client, Asked())
            with pytest.raises(RestError, match="internal error"):
                await rounds.snapshot()
            rounds.want(["AAA", "BBB"])
            with pytest.raises(RestError, match="internal error"):
                await rounds.next_market(Snapshot())
        assert list(rounds.waiting) == ["BBB", "AAA"]


async def test_orders_that_vanish_are_asked_for_in_the_next_rounds_where_they_are_many(monkeypatch):
    monkeypatch.setattr("recorder.capture.account.VANISHED_LIMIT", 2)
    venue = Past()
    asked = Asked(open={str(number): "AAA" for number in range(5)})
    async with gateway(venue) as url, Client(url, credentials=WHO) as client:
        for left in (3, 1, 0):
            await AccountRounds(client, asked).snapshot()
            assert len(asked.open) == left
    assert sorted(query["order_id"] for name, query in venue.asked if name == "order/detail") == list("01234")


class Past:
    """An account as a venue tells of it: answers by path, and what was asked."""

    def __init__(self, **lists):
        self.lists = lists
        self.asked = []

    async def __call__(self, request):
        name, query = request.path.rpartition("v2/")[2], request.query
        self.asked.append((name, dict(query)))
        if name == "asset/query":
            return said(0, "success", {"USDT": {"available": "1"}})
        if "page" not in query:
            return said(0, "success", [] if name == "position/pending" else {})
        page, size = int(query["page"]), int(query["page_size"])
        records = self.lists.get(name.replace("/", "_"), [])[(page - 1) * size : page * size]
        return said(0, "success", {"records": records, "page": page, "page_size": size, "count": 0})

    def pages(self, name):
        return sum(1 for asked, _ in self.asked if asked == name)


def stop(number):
    return {"contract_order_id": str(number), "market": MARKET, "update_time": 1_600_000_000, "status": 3}


async def test_finished_stops_are_asked_to_where_they_are_known_over_restarts_too():
    venue = Past(order_stop_finished=[stop(number) for number in range(1_000)])
    asked = Asked()
    async with gateway(venue) as url, Client(url, credentials=WHO) as client:
        await AccountRounds(client, asked).snapshot()
        assert venue.pages("order/stop/finished") == 11
        venue.asked.clear()
        await AccountRounds(client, asked).snapshot()
    assert venue.pages("order/stop/finished") == 2


async def test_a_stop_that_waited_is_looked_for_among_the_finished_ones_however_far_back_it_stands():
    venue = Past(
        order_stop_finished=[stop(number) for number in range(1_000)], order_stop_pending=[stop(7_777)]
    )
    async with gateway(venue) as url, Client(url, credentials=WHO) as client:
        rounds = AccountRounds(client, Asked())
        await rounds.snapshot()
        venue.lists["order_stop_pending"], venue.asked = [], []
        venue.lists["order_stop_finished"].insert(650, stop(7_777))
        await rounds.snapshot()
        assert venue.pages("order/stop/finished") == 7
        await rounds.snapshot()
    assert venue.pages("order/stop/finished") == 9


async def test_a_history_is_asked_for_anew_from_where_the_venues_clock_was_set_back_to():
    venue, now_s = Past(), int(time.time())
    asked = Asked(until_s={"ledger": now_s + 3_600})
    async with gateway(venue) as url, Client(url, credentials=WHO) as client:
        await AccountRounds(client, asked).snapshot()
    [question] = [query for name, query in venue.asked if name == "asset/history"]
    assert int(question["start_time"]) <= now_s - 300 < now_s - 10 <= int(question["end_time"])
    assert asked.until_s["ledger"] == int(question["end_time"])


def test_what_was_open_is_as_whoever_asked_last_says(tmp_path):
    whose = read_asked(tmp_path, WHO).whose
    for age_s, name, number in ((60, "aaa", "2"), (600, "zzz", "1")):
        directory = tmp_path / "journal" / name
        directory.mkdir(parents=True)
        Asked(whose, {"ledger": age_s}, open={number: MARKET}, stops={number}).save(directory)
        at_s = time.time() - age_s
        os.utime(directory / "account.json", (at_s, at_s))
    found = read_asked(tmp_path, WHO)
    assert (found.until_s, found.open, found.stops) == ({"ledger": 600}, {"2": MARKET}, {"2"})


@pytest.mark.long
async def test_what_is_new_is_looked_for_again_where_it_was_not_answered(floor):
    _, trader, client = floor
    rounds = AccountRounds(client, Asked())
    await rounds.snapshot()
    await trade(trader, OTHER)
    await settled()
    [third] = {market.name for market in await client.market.markets()} - {MARKET, OTHER}
    rounds.asked.touched.add(third)
    asked, client.account.fills = client.account.fills, broken
    assert (await rounds.snapshot()).may_pass
    client.account.fills = asked
    assert f"fills {third}" not in rounds.asked.until_s
    assert not (await rounds.snapshot()).unexplained
    assert f"fills {third}" in rounds.asked.until_s


async def broken(*_, **__):
    """A venue that does not answer now."""
    raise RestError("not now", retryable=True)
    yield


def test_what_was_asked_for_is_known_to_all_recorders_of_the_account_alone(tmp_path):
    for name, until_s, who in (("main", 5, WHO), ("other", 9, WHO), ("third", 99, Credentials.of("x", "y"))):
        directory = tmp_path / "journal" / name
        directory.mkdir(parents=True)
        asked = read_asked(tmp_path, who)
        asked.until_s = {"ledger": until_s, f"fills {name}": 1}
        asked.save(directory)
    (tmp_path / "journal" / "broken").mkdir()
    (tmp_path / "journal" / "broken" / "account.json").write_text("{")
    assert read_asked(tmp_path, WHO).until_s == {"ledger": 9, "fills main": 1, "fills other": 1}
    kept = (tmp_path / "journal" / "main" / "account.json").read_text()
    assert "client-of-tests" not in kept
