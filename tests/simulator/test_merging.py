"""Books in the steps of price that are asked for."""

from decimal import Decimal

import pytest

from recorder.simulator.merging import merged_book, step_of
from recorder.simulator.refused import RefusedError

BTC = {"market": "BTCUSDT"}


def levels(side):
    return [(Decimal(price), Decimal(quantity)) for price, quantity in side]


def test_asks_are_counted_at_the_next_step_above_and_bids_at_the_next_below():
    book = {
        "asks": [["100.1", "1"], ["100.5", "2"], ["101", "3"], ["101.01", "0.5"]],
        "bids": [["99.9", "1.25"], ["99.5", "2"], ["99", "3"]],
        "last": "100",
    }
    assert merged_book(book, Decimal(1)) == {
        "asks": [["101", "6"], ["102", "0.5"]],
        "bids": [["99", "6.25"]],
        "last": "100",
    }
    assert merged_book(book, Decimal("0.01")) == book


@pytest.mark.parametrize("merge", ["x", "-1", "nan", "1e9", "inf", [], "0" * 30])
def test_what_is_no_step_is_refused(merge):
    with pytest.raises(RefusedError):
        step_of(merge)


@pytest.mark.parametrize("merge", [None, "", "0", 0, "0.00"])
def test_whole_books_are_asked_for_by_0_and_by_nothing(merge):
    assert step_of(merge) is None


async def test_a_call_gives_the_books_that_the_market_list_offers(simulated):
    async with simulated(markets=1, limits=False, rate=0.01) as client:
        _, listed = await client.get("list")
        assert len(listed["data"][0]["merges"]) == 3
        sums = set()
        for merge in listed["data"][0]["merges"]:
            _, body = await client.get("depth", **BTC, merge=merge)
            asks = levels(body["data"]["asks"])
            assert all(price % Decimal(merge) == 0 for price, _ in asks if merge != "0")
            assert [price for price, _ in asks] == sorted({price for price, _ in asks})
            sums.add(sum(quantity for _, quantity in asks))
        assert len(sums) == 1


async def test_each_subscriber_gets_books_in_its_own_steps_until_it_asks_others(simulated, push):
    async with simulated(markets=1, rate=10) as client:

        async def pushed(merge):
            await client.ask(method="subscribe.depth", params={**BTC, "merge": merge}, id=merge)
            client.seen.clear()
            for _ in range(3):
                message = await client.until(push("depth"))
            return levels(message["result"]["bids"])

        whole = await pushed("0")
        coarse = await pushed("100")
        assert all(price % 100 == 0 for price, _ in coarse)
        assert len(coarse) < len(whole) == len(await pushed("0"))


async def test_a_subscription_to_no_step_is_refused(simulated):
    async with simulated(markets=1) as client:
        reply = await client.ask(method="subscribe.depth", params={**BTC, "merge": "-1"}, id=1)
        assert reply["error"]["code"] == 20_022
