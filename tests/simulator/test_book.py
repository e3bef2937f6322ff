from random import Random

from recorder.simulator.book import MAX_FILLS, OrderBook
from recorder.simulator.catalogue import market_spec


def living_book(rank=0, levels=20):
    return OrderBook(market_spec(rank, 1), Random(7), levels)


def test_no_edit_and_no_taker_ever_crosses_the_book_or_thins_it_out():
    chance = Random(3)
    for rank in (0, 1, 14, 18, 30):
        book = living_book(rank)
        fair = float(book.bid)
        for _ in range(3_000):
            fair += chance.gauss(0, 2)
            if chance.random() < 0.7:
                book.edit(fair)
            else:
                book.take(chance.random() < 0.5, 1 + int(chance.expovariate(1 / book._spec.order_lots)))
            assert book.bid < book.ask
            for side in (book.asks, book.bids):
                assert len(side.keys) == len(side.lots) == 20
                assert side.keys == sorted(set(side.keys))
                assert min(side.lots) > 0


def test_an_edit_is_small_most_levels_stay():
    book = living_book()
    kept = []
    for _ in range(500):
        before = set(zip(book.asks.keys, book.asks.lots, strict=True))
        book.edit(book.bid + 0.5)
        after = set(zip(book.asks.keys, book.asks.lots, strict=True))
        kept.append(len(before & after))
    assert min(kept) >= 14
    assert sum(kept) / len(kept) > 18


def test_a_taker_gets_the_prices_of_the_levels_it_hits_best_first():
    book = living_book()
    there = list(zip(book.asks.keys, book.asks.lots, strict=True))[:3]
    fills = book.take(buy=True, lots=there[0][1] + there[1][1] + 1)
    assert fills == [there[0], there[1], (there[2][0], 1)]
    assert book.ask == there[2][0]


def test_a_taker_never_reaches_further_than_the_limit():
    assert len(living_book().take(buy=False, lots=10**12)) == MAX_FILLS


def test_the_json_of_a_side_is_its_levels_with_prices_and_quantities():
    book = living_book(levels=2)
    spec = book._spec
    levels = [
        [spec.price(-key), spec.amount(lots)]
        for key, lots in zip(book.bids.keys, book.bids.lots, strict=True)
    ]
    assert book.bids.json(50).decode().replace('"', "'") == str(levels).replace(" ", "")
