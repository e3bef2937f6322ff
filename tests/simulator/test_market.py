import itertools
import math
from collections import defaultdict
from decimal import Decimal

import msgspec
import pytest

from recorder.exchange.encoding import encode_push, kline_result, trade_result
from recorder.exchange.messages import parse
from recorder.simulator.catalogue import market_spec
from recorder.simulator.market import BookChanged, CandleChanged, LivingMarket, Style, Traded

NS = 1_000_000_000
START = 1_795_392_000 * NS + 123_456_789  # a quarter of a second into a whole eight hours


def living(rank=0, start=START, **style):
    return LivingMarket(market_spec(rank, 1), start, Style(**style))


def told(events):
    """Events as bytes, to be compared."""
    return [
        msgspec.json.encode(msgspec.structs.asdict(e) if isinstance(e, msgspec.Struct) else e) for e in events
    ]


def trades_of(events):
    return [event.trade for event in events if isinstance(event, Traded)]


def test_the_same_seed_and_start_tell_the_same_story_however_often_it_is_asked():
    at_once = living().advance(START + 65 * NS)
    market = living()
    by_steps = [event for step in range(1, 1301) for event in market.advance(START + step * NS // 20)]
    assert len(at_once) > 500
    assert told(at_once) == told(by_steps)


def test_another_seed_tells_another_story():
    assert told(living().advance(START + 5 * NS)) != told(living(seed=2).advance(START + 5 * NS))


def test_events_come_in_the_order_of_their_times():
    times = [event.t_ns for event in living().advance(START + 30 * NS)]
    assert times == sorted(times)
    assert times[0] > START


@pytest.mark.parametrize("rank", [0, 5, 18, 25])
@pytest.mark.parametrize("order", ["ohlc", "ochl"])
def test_candles_equal_the_trades_exactly(rank, order):
    market = living(rank, order=order, rate=2)
    events = market.advance(START + 200 * NS)
    minutes = defaultdict(list)
    for trade in trades_of(events):
        minutes[int(trade.time) // 60 * 60].append(trade)
    pushed = {}
    for event in events:
        if isinstance(event, CandleChanged):
            push = parse(encode_push("kline", kline_result(event.period, event.rows)))
            assert not push.faults
            pushed |= {candle.time: candle for candle in push.candles}
    assert len(pushed) == 4
    closed = sorted(pushed)[:-1]
    for time in closed:
        prices = [Decimal(trade.price) for trade in minutes[time]]
        candle = pushed[time]
        figures = [Decimal(value) for value in (candle.open, candle.high, candle.low, candle.close)]
        assert figures == [prices[0], max(prices), min(prices), prices[-1]]
        assert Decimal(candle.volume) == sum(Decimal(trade.amount) for trade in minutes[time])
        assert Decimal(candle.amount) == sum(Decimal(t.amount) * Decimal(t.price) for t in minutes[time])
        row = next(row for row in market.history("1min", time, time))
        assert row in [row for event in events if isinstance(event, CandleChanged) for row in event.rows]


def test_a_longer_candle_equals_its_trades_too():
    market = living(12)
    trades = trades_of(market.advance(START + 290 * NS))
    row = market.history("5min", START // NS // 300 * 300, 2**40)[-1]
    prices = [Decimal(trade.price) for trade in trades]
    assert [Decimal(value) for value in row[1:6]] == [
        prices[0], max(prices), min(prices), prices[-1], sum(Decimal(trade.amount) for trade in trades),
    ]  # fmt: skip


def test_at_a_minutes_turn_both_candles_are_pushed_and_later_only_the_running_one():
    start = START + 58 * NS
    events = [
        event for event in living(3, start=start).advance(start + 10 * NS) if isinstance(event, CandleChanged)
    ]
    two = [event for event in events if len(event.rows) == 2]
    assert len(two) == 1
    assert two[0].rows[1][0] - two[0].rows[0][0] == 60
    assert two[0].t_ns - two[0].rows[1][0] * NS < NS


def test_trade_ids_are_contiguous_and_a_restarted_market_uses_none_twice():
    first = [trade.id for trade in trades_of(living(rate=4).advance(START + 60 * NS))]
    assert first == list(range(START // 1_000_000, START // 1_000_000 + len(first)))
    restart = START + 60 * NS
    again = trades_of(living(start=restart, rate=4).advance(restart + 10 * NS))
    assert again[0].id > first[-1]


def test_trades_hit_the_book_buys_at_the_asks_and_sells_at_the_bids():
    market = living(2)
    for step in range(1, 4_000):
        book = market.book
        asks = {market.spec.price(key) for key in book.asks.keys}
        bids = {market.spec.price(-key) for key in book.bids.keys}
        until = market.next_ns
        for trade in trades_of(market.advance(until)):
            assert trade.price in (asks if trade.type == "buy" else bids), step


def test_books_come_at_most_each_half_second_and_only_when_they_changed():
    events = [event for event in living().advance(START + 20 * NS) if isinstance(event, BookChanged)]
    gaps = [later.t_ns - earlier.t_ns for earlier, later in itertools.pairwise(events)]
    assert min(gaps) >= NS // 2
    texts = [bytes(event.result["asks"]) + bytes(event.result["bids"]) for event in events]
    assert all(earlier != later for earlier, later in itertools.pairwise(texts))


def test_candles_are_told_at_the_rhythm_that_is_set_and_a_minute_soon_after_its_end():
    start = START // NS // 60 * 60 * NS
    events = living(rate=4, candle_s=6.0, start=start).advance(start + 200 * NS)
    times = [event.t_ns for event in events if isinstance(event, CandleChanged)]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {6 * NS}
    turned = [e for e in events if isinstance(e, CandleChanged) and len(e.rows) == 2]
    assert [event.t_ns // NS - start // NS for event in turned] == [60, 120, 180]


def test_a_lively_hour_brings_more_trades_and_wider_moves_than_a_quiet_one():
    hour = START // NS // 3_600 % 24
    trades, steps = [], []
    for activity in (0.25, 4.0):
        market = living(rate=0.5, hours=tuple(activity if at == hour else 1.0 for at in range(24)))
        trades.append(len(trades_of(market.advance(START + 60 * NS))))
        fairs = []
        for second in range(61, 661):
            market.advance(START + second * NS)
            fairs.append(market.figures.fair)
        moves = [math.log(later / earlier) for earlier, later in itertools.pairwise(fairs)]
        steps.append(math.sqrt(sum(move**2 for move in moves) / len(moves)))
    assert trades[1] > 6 * trades[0]
    assert 3.5 < steps[1] / steps[0] < 4.5  # the square root of 16


def test_a_higher_rate_brings_more_trades_and_books():
    slow, fast = living(5).advance(START + 30 * NS), living(5, rate=5).advance(START + 30 * NS)
    assert len(trades_of(fast)) > 3 * len(trades_of(slow))
    assert len(fast) > 3 * len(slow)


@pytest.mark.parametrize("rank", [0, 5, 14, 18, 40, 150])
def test_every_push_is_read_by_the_protocol_and_keeps_to_the_markets_steps(rank):
    market = living(rank, rate=3)
    spec = market.spec
    tick = Decimal(spec.tick_units).scaleb(-spec.price_prec)
    lot = Decimal(1).scaleb(-spec.amount_prec)
    events = market.advance(START + 20 * NS)
    for event in events:
        if isinstance(event, Traded):
            push = parse(encode_push("trade", trade_result(event.trade)))
            pairs = [(trade.price, trade.amount) for trade in push.trades]
        elif isinstance(event, BookChanged):
            push = parse(encode_push("depth", event.result))
            pairs = [*push.book.asks, *push.book.bids]
            assert len(push.book.asks) == len(push.book.bids) == 20
        else:
            continue
        assert push.notices == ()
        for price, amount in pairs:
            assert Decimal(price) % tick == 0
            assert Decimal(amount) % lot == 0
            assert Decimal(amount) > 0
    assert events


def test_the_spread_is_mostly_a_few_ticks_and_the_book_stays_near_its_fundamental():
    for rank in (0, 1, 4, 16):
        market = living(rank)
        spreads, drift = [], []
        for step in range(1, 1_201):
            market.advance(START + step * NS // 10, depth=False, periods=())
            spreads.append(market.book.ask - market.book.bid)
            drift.append(abs((market.book.ask + market.book.bid) / 2 / market.figures.fair - 1))
        assert sorted(spreads)[len(spreads) // 2] <= 5
        assert max(drift) < 0.005


# --- the state ---


def test_the_state_has_exactly_the_documented_fields_in_their_types(frames):
    documented = msgspec.json.decode((frames / "rest_state.json").read_bytes())["data"]
    state = living().state()
    assert list(state) == list(documented)
    assert {name: type(value) for name, value in state.items()} == {
        name: type(value) for name, value in documented.items()
    }


def test_the_figures_of_the_day_are_those_of_its_1440_minutes():
    market = living(9)
    market.advance(START + 190 * NS)
    now_s = (START + 190 * NS) // NS
    rows = market.history("1min", now_s // 60 * 60 - 1_439 * 60, now_s)
    traded = [row for row in rows if row[5] != "0"]
    state = market.state()
    assert len(rows) == 1_440
    assert Decimal(state["volume"]) == sum(Decimal(row[5]) for row in rows)
    assert Decimal(state["amount"]) == sum(Decimal(row[6]) for row in rows)
    assert Decimal(state["high"]) == max(Decimal(row[2]) for row in traded)
    assert Decimal(state["low"]) == min(Decimal(row[3]) for row in traded)
    assert state["open"] == traded[0][1]
    assert state["last"] == rows[-1][4]
    change = (Decimal(state["last"]) - Decimal(state["open"])) / Decimal(state["open"])
    assert abs(Decimal(state["change"]) - change) < Decimal("1e-15")


def test_funding_counts_down_in_whole_minutes_and_settles_at_the_boundary():
    boundary = (START // NS // 28_800 + 1) * 28_800
    start = (boundary - 125) * NS
    market = living(0, start=start)
    minutes = []
    for second in range(1, 125):
        market.advance(start + second * NS)
        minutes.append(market.state()["funding_time"])
    before = market.state()
    assert minutes == sorted(minutes, reverse=True)
    assert minutes[0] == 2
    assert minutes[-1] == 0
    market.advance(boundary * NS)
    after = market.state()
    assert after["funding_rate_last"] == before["funding_rate_next"]
    assert after["funding_rate_next"] == before["funding_rate_predict"]
    assert after["funding_time"] == 480


@pytest.mark.parametrize(("rank", "hours"), [(0, 8), (6, 4), (16, 1)])
def test_markets_settle_each_at_their_own_interval(rank, hours):
    market = living(rank, start=START // NS // 86_400 * 86_400 * NS)
    assert market.state()["funding_time"] == hours * 60


def test_mark_index_and_open_interest_live():
    market = living()
    seen = defaultdict(set)
    for second in range(1, 30):
        market.advance(START + second * NS)
        for name, value in market.state().items():
            seen[name].add(value)
    for name in ("sign_price", "index_price", "position_amount", "sell_total", "buy_total", "volume", "last"):
        assert len(seen[name]) > 5, name


def test_flow_counts_the_last_thousand_trades_by_side():
    market = living(rate=10)
    trades = trades_of(market.advance(START + 60 * NS))
    assert len(trades) > 1_500
    state = market.state()
    for side, name in (("buy", "buy_total"), ("sell", "sell_total")):
        assert Decimal(state[name]) == sum(Decimal(t.amount) for t in trades[-1_000:] if t.type == side)


def test_deals_are_the_newest_fifty_without_their_market(frames):
    documented = msgspec.json.decode((frames / "rest_deals.json").read_bytes())["data"][0]
    market = living()
    trades = trades_of(market.advance(START + 60 * NS))
    rows = market.recent()
    assert [row["id"] for row in rows] == [trade.id for trade in reversed(trades[-50:])]
    assert set(rows[0]) == set(documented)
