"""What is asked for an account: all at first, to the last page; then what is new and what was missed."""

from collections import Counter

import pytest
from accounts import MARKET, OTHER, every, exchange_of_one, owner, settled, trade
from memory_journal import MemoryJournal

from recorder.capture.account import AccountRounds
from recorder.capture.asked import Asked, read_asked
from recorder.client.errors import RestError
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
    fault = Fault("http", at=0.0, seconds=600.0, status=404, path="/open/api/v2/position")
    async with (
        exchange_of_one(limits=False, faults=(fault,)) as exchange,
        owner(exchange) as trader,
        owner(exchange, old_paths=True) as client,
    ):
        await trade(trader)
        await settled()
        found = await AccountRounds(trader, Asked()).snapshot()
        assert "HTTP 404" in found.failures[0]
        assert (found.positions, found.records["fills"] > 0) == ([], True)
        old = await AccountRounds(client, Asked()).snapshot()
        assert [position.market for position in old.positions] == [MARKET]


@pytest.mark.long
async def test_what_is_new_is_looked_for_again_where_a_round_broke_off(floor):
    _, trader, client = floor
    rounds = AccountRounds(client, Asked())
    await rounds.snapshot()
    await trade(trader, OTHER)
    await settled()
    [third] = {market.name for market in await client.market.markets()} - {MARKET, OTHER}
    rounds.asked.touched.add(third)
    asked, client.account.fills = client.account.fills, broken
    with pytest.raises(RestError):
        await rounds.snapshot()
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
