"""A market's day against a plain twin: every derived column, and every sum of its minutes, exactly."""

import itertools
import math
from collections import defaultdict

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from lakedays import DAY_US, HOUR_US, MINUTE_US, SECOND_US, book, rows_of, state, trade

from recorder.lake.days.levels import Side, near_and_price
from recorder.lake.days.marketday import MarketDay
from recorder.lake.spans import spans_of
from recorder.lake.store.minutes import COLUMNS
from recorder.lake.store.tables import DEPTH, MINUTES, STATE, TRADES

STALE_US = 60 * SECOND_US
END_US = 24 * HOUR_US


def roll_up(books=(), trades=(), states=(), missed=(), cuts=()):
    """(books, trades, minutes) as rows, from a market's day whose rows come in blocks cut at `cuts`."""
    day = MarketDay("AAA", DAY_US, tuple((DAY_US + start, DAY_US + end) for start, end in missed))
    cut = [iter(blocks(rows_of(*rows), cuts)) for rows in ((DEPTH, books), (TRADES, trades), (STATE, states))]
    got_books = [row for block in day.books(cut[0]) for row in plain(block)]
    got_trades = [row for block in day.trades(cut[1]) for row in plain(block)]
    day.add_states(cut[2])
    return got_books, got_trades, plain(day.minutes())


def blocks(table, cuts):
    edges = sorted({0, table.num_rows, *(cut for cut in cuts if cut < table.num_rows)})
    return [table.slice(start, end - start) for start, end in itertools.pairwise(edges)]


def plain(table):
    """Rows as dictionaries, times as microseconds since the day began."""
    rows = []
    for column in table.schema:
        if pa.types.is_timestamp(column.type):
            place = table.schema.get_field_index(column.name)
            table = table.set_column(place, column.name, table[column.name].cast(pa.int64()))
    for row in table.to_pylist():
        times = [name for name in row if name.startswith("ts_") or name == "minute"]
        rows.append(row | {name: row[name] - DAY_US for name in times if row[name] is not None})
    return rows


# --- the twin, from the definitions ----------------------------------------------------------------


def twin_stood_us(books, at, missed):
    ts, recv = books[at]["ts_event"], books[at]["ts_recv"]
    ends = [END_US, ts + STALE_US]
    if at + 1 < len(books):
        ends.append(books[at + 1]["ts_event"])
    for start, end in missed:
        if start <= recv < end:
            return 0
        if start > recv:
            ends.append(ts + start - recv)
    return min(ends) - ts


def twin_mid(row):
    bid, ask = row["bid_price"], row["ask_price"]
    return None if bid is None or ask is None else (bid + ask) / 2


def twin_mid_at(books, stood, at, *, strictly):
    earlier = [
        place
        for place, row in enumerate(books)
        if row["ts_event"] < at or (row["ts_event"] == at and not strictly)
    ]
    if not earlier:
        return None
    last = earlier[-1]
    return twin_mid(books[last]) if at - books[last]["ts_event"] <= stood[last] else None


def twin_near(levels, mid):
    return sum((price * amount for price, amount in levels if abs(price - mid) <= mid * 0.001), 0.0)


def twin_taken_at(levels):
    left, bought = 10_000.0, 0.0
    for price, amount in levels:
        part = min(price * amount, left)
        left -= part
        bought += part / price
    return 10_000.0 / bought if left == 0 else None


class TwinMinute:
    """One minute, its rows added in their order."""

    def __init__(self):
        self.sums = defaultdict(float)
        self.counts = defaultdict(int)
        self.us = defaultdict(int)
        self.spreads, self.trades, self.states = [], [], []
        self.stood = False

    def add_book(self, row, us):
        self.stood = True
        seconds = us / 1e6
        mid, index, mark, last = twin_mid(row), row["index_price"], row["mark_price"], row["last"]
        if mid is not None:
            spread = row["ask_price"] - row["bid_price"]
            bid, ask = row["bid_quantity"], row["ask_quantity"]
            self.spreads.append(spread)
            self.us["observed"] += us
            self.add(seconds, spread=spread, relative_spread_bps=1e4 * spread / mid, mid=mid)
            self.add(seconds, bid_quantity=bid, ask_quantity=ask, imbalance=(bid - ask) / (bid + ask))
            bids, asks = (
                [(level["price"], level["quantity"]) for level in row[side]] for side in ("bids", "asks")
            )
            self.add(seconds, bid_depth=twin_near(bids, mid), ask_depth=twin_near(asks, mid))
            bought_at, sold_at = twin_taken_at(asks), twin_taken_at(bids)
            if bought_at is not None:
                self.us["cost_buy"] += us
                self.add(seconds, cost_buy_bps=1e4 * (bought_at / mid - 1))
            if sold_at is not None:
                self.us["cost_sell"] += us
                self.add(seconds, cost_sell_bps=1e4 * (1 - sold_at / mid))
            if bought_at is not None and sold_at is not None and index is not None:
                self.us["premium"] += us
                above, below = max(0.0, sold_at / index - 1), max(0.0, 1 - bought_at / index)
                self.add(seconds, premium_bps=1e4 * (above - below))
        if index is not None and mark is not None:
            self.us["basis"] += us
            self.add(seconds, index_price=index, mark_price=mark, basis_bps=1e4 * (mark / index - 1))
        if index is not None and mid is not None:
            self.us["mid_basis"] += us
            self.add(seconds, mid_basis_bps=1e4 * (mid / index - 1))
        if index is not None and last is not None:
            self.us["last_basis"] += us
            self.add(seconds, last_price=last, last_basis_bps=1e4 * (last / index - 1))

    def add(self, seconds, **values):
        for name, value in values.items():
            self.sums[f"{name}_seconds"] += value * seconds

    def add_trade(self, row, before, after):
        self.trades.append(row)
        price, amount = row["price"], row["quantity"]
        turnover = price * amount
        self.count("", volume=amount, turnover=turnover)
        if row["side"] == "buy":
            self.count("buy_", volume=amount, turnover=turnover)
        twice = 2e4 if row["side"] == "buy" else -2e4
        if before is None:
            return
        effective = twice * (price - before) / before
        self.count("effective_", bps=effective, turnover=turnover, bps_turnover=effective * turnover)
        if after is None:
            return
        realised, impact = twice * (price - after) / before, twice * (after - before) / before
        self.count("realised_", bps=realised, turnover=turnover, bps_turnover=realised * turnover)
        self.sums["impact_bps"] += impact
        self.sums["impact_bps_turnover"] += impact * turnover

    def count(self, kind, **values):
        self.counts[f"{kind}trades"] += 1
        for name, value in values.items():
            self.sums[kind + name] += value

    def row(self, minute):
        first = min(self.trades, key=lambda row: (row["ts_event"], row["trade_id"]), default=None)
        last = max(self.trades, key=lambda row: (row["ts_event"], row["trade_id"]), default=None)
        prices = [row["price"] for row in self.trades]
        known = [row["open_interest"] for row in self.states if row["open_interest"] is not None]
        values = {
            "open": first and first["price"],
            "close": last and last["price"],
            "ts_first": first and first["ts_event"],
            "ts_last": last and last["ts_event"],
            "high": max(prices, default=None),
            "low": min(prices, default=None),
            "spread_min": min(self.spreads, default=None),
            "spread_max": max(self.spreads, default=None),
            "open_interest_first": known[0] if known else None,
            "open_interest_last": known[-1] if known else None,
            "ts_state_last": self.states[-1]["ts_recv"] if self.states else None,
        }
        for name, column in COLUMNS.items():
            if column.kind == "count":
                values[name] = self.counts[name]
            elif column.kind == "sum":
                values[name] = self.sums[name]
        values |= {f"{name}_seconds": us / 1e6 for name, us in self.us.items()}
        return {"market": "AAA", "minute": minute * MINUTE_US} | values


def twin(books, trades, states, missed):
    """(dt of each book, mid_before of each trade, rows of minutes)."""
    minutes = defaultdict(TwinMinute)
    stood = [twin_stood_us(books, at, missed) for at in range(len(books))]
    for row, us in zip(books, stood, strict=True):
        ts = row["ts_event"]
        minutes[ts // MINUTE_US].counts["snapshots"] += 1
        for minute in {ts // MINUTE_US, (ts + us) // MINUTE_US}:
            start, end = max(ts, minute * MINUTE_US), min(ts + us, (minute + 1) * MINUTE_US)
            if start < end:
                minutes[minute].add_book(row, end - start)
    before = [twin_mid_at(books, stood, row["ts_event"], strictly=True) for row in trades]
    for row, mid in zip(trades, before, strict=True):
        after = twin_mid_at(books, stood, row["ts_event"] + 5 * SECOND_US, strictly=False)
        minutes[row["ts_event"] // MINUTE_US].add_trade(row, mid, after)
    for row in states:
        minute = minutes[row["ts_recv"] // MINUTE_US]
        minute.counts["state_rows"] += 1
        minute.states.append(row)
    return [us / 1e6 for us in stood], before, [minutes[minute].row(minute) for minute in sorted(minutes)]


# --- rows of every kind ----------------------------------------------------------------------------

prices = st.integers(9_990, 10_010).map(lambda ticks: ticks / 100)
amounts = st.sampled_from([0.1, 1.0, 3.5, 40.0, 99.99, 1_000.0])
maybe = st.none() | prices
near = st.integers(0, 200 * SECOND_US)
times = st.one_of(
    near,
    near.map(lambda us: us // SECOND_US * SECOND_US),  # equal times, and exactly five seconds apart
    near.map(lambda us: END_US - 1 - us),
)
ladders = st.lists(st.tuples(prices, amounts), max_size=4)
spans = st.lists(st.tuples(times, st.integers(1, 30 * SECOND_US)), max_size=3).map(
    lambda found: spans_of((start, start + length) for start, length in found)
)


@st.composite
def books_of_a_day(draw):
    rows = []
    for ts in draw(st.lists(times, max_size=12)):
        bids, asks = draw(ladders), draw(ladders)
        recv = ts + draw(st.sampled_from([0, 20_000, -1_200_000]))
        sides = {"bids": sorted(bids, reverse=True), "asks": sorted(asks)}
        others = {name: draw(maybe) for name in ("index_price", "mark_price", "last")}
        rows.append(book(ts, recv=recv, seq=draw(st.integers(0, 3)), **sides, **others))
    return rows


@st.composite
def trades_of_a_day(draw):
    ids = draw(st.permutations(range(draw(st.integers(0, 10)))))
    sides = st.sampled_from(["buy", "sell"])
    return [
        trade(draw(times), number, draw(prices), draw(amounts), draw(sides), seq=draw(st.integers(0, 3)))
        for number in ids
    ]


states_of_a_day = st.lists(st.builds(state, times, maybe, seq=st.integers(0, 3)), max_size=6)
cut_places = st.sets(st.integers(1, 11), max_size=4)


@settings(max_examples=60, deadline=None)
@given(books_of_a_day(), trades_of_a_day(), states_of_a_day, spans, cut_places)
def test_every_column_is_what_the_definitions_say_however_the_rows_are_cut(
    books, trades, states, missed, cuts
):
    got_books, got_trades, got_minutes = roll_up(books, trades, states, missed, cuts)
    ordered = plain(rows_of(STATE, states))
    dt, mid_before, minutes = twin(got_books, got_trades, ordered, missed)
    assert [row["dt"] for row in got_books] == dt
    assert [row["mid_before"] for row in got_trades] == mid_before
    assert got_minutes == minutes


# --- the definitions, one by one -------------------------------------------------------------------


def dts(*books, missed=()):
    return [row["dt"] for row in roll_up(books, missed=missed)[0]]


class TestStanding:
    def test_a_book_stands_until_the_next_one_of_its_market(self):
        assert dts(book(0), book(1_500_000), book(END_US - SECOND_US)) == [1.5, 60.0, 1.0]

    def test_of_books_of_one_instant_only_the_last_by_seq_stands(self):
        assert dts(book(0, seq=1), book(0, seq=2), book(SECOND_US)) == [0.0, 1.0, 60.0]

    def test_a_gap_ends_it_in_the_recorders_clock(self):
        """Received 0.2 s after the event, the gap begins 2 s after the receipt."""
        missed = [(2_200_000, 9_000_000)]
        assert dts(book(0, recv=200_000), book(10 * SECOND_US), missed=missed) == [2.0, 60.0]

    def test_what_was_received_within_a_gap_does_not_stand(self):
        missed = [(SECOND_US, 3 * SECOND_US)]
        assert dts(book(SECOND_US), book(3 * SECOND_US), book(4 * SECOND_US), missed=missed) == [
            0.0,
            1.0,
            60.0,
        ]

    def test_an_open_gap_has_no_end(self):
        assert dts(book(0), book(2 * SECOND_US), missed=[(SECOND_US, 2**61)]) == [1.0, 0.0]


class TestMidBefore:
    def mids(self, books, *trades, missed=()):
        return [row["mid_before"] for row in roll_up(books, trades, missed=missed)[1]]

    def test_it_is_that_of_the_last_book_strictly_before_the_trade(self):
        books = [book(0), book(1_000_000, bids=[(200.0, 1.0)], asks=[(202.0, 1.0)])]
        assert self.mids(books, trade(1_000_000, 1), trade(1_000_001, 2)) == [100.5, 201.0]

    def test_it_is_null_before_the_first_book_and_after_one_went_stale(self):
        trades = (trade(5, 1), trade(STALE_US + 10, 2), trade(STALE_US + 11, 3))
        assert self.mids([book(10)], *trades) == [None, 100.5, None]

    def test_it_is_null_where_a_side_is_empty(self):
        assert self.mids([book(0, asks=[])], trade(1, 1)) == [None]

    def test_it_is_null_within_a_gap(self):
        missed = [(SECOND_US, 5 * SECOND_US)]
        assert self.mids([book(0)], trade(SECOND_US, 1), trade(SECOND_US + 1, 2), missed=missed) == [
            100.5,
            None,
        ]


class TestMinutes:
    def minute(self, *, books=(), trades=(), states=(), number=0):
        return roll_up(books, trades, states)[2][number]

    def test_a_standing_book_is_split_at_the_minutes_boundary(self):
        rows = roll_up([book(45 * SECOND_US)])[2]
        assert [(row["minute"], row["snapshots"], row["observed_seconds"]) for row in rows] == [
            (0, 1, 15.0),
            (MINUTE_US, 0, 45.0),
        ]
        assert [row["spread_seconds"] for row in rows] == [15.0, 45.0]

    def test_a_minute_seen_whole_has_exactly_sixty_seconds(self):
        books = [book(ts) for ts in range(0, 2 * MINUTE_US, 70_001)]
        assert self.minute(books=books)["observed_seconds"] == 60.0

    def test_a_book_that_never_stood_is_counted_and_nothing_else(self):
        row = self.minute(books=[book(0, seq=1), book(0, seq=2, asks=[])])
        assert (row["snapshots"], row["observed_seconds"], row["spread_min"]) == (2, 0.0, None)

    def test_costs_and_depth_are_those_of_the_visible_levels(self):
        """Half of the 10,000 at 100.5, half at 102: the mid is 100."""
        asks = [(100.5, 5_000 / 100.5), (102.0, 1_000.0)]
        row = self.minute(books=[book(0, bids=[(99.5, 10.0), (99.95, 3.0)], asks=asks), book(MINUTE_US)])
        mean = 10_000 / (5_000 / 100.5 + 5_000 / 102.0)
        assert row["cost_buy_bps_seconds"] / row["cost_buy_seconds"] == pytest.approx(1e4 * (mean / 100 - 1))
        assert row["cost_sell_seconds"] == 0.0
        assert row["bid_depth_seconds"] == pytest.approx(99.95 * 3.0 * 60)
        assert row["ask_depth_seconds"] == 0.0

    def test_effective_is_realised_plus_impact(self):
        books = [book(0), book(3 * SECOND_US, bids=[(101.0, 1.0)], asks=[(102.0, 1.0)])]
        row = self.minute(books=books, trades=[trade(SECOND_US, 1, 101.0)])
        assert row["effective_bps"] == pytest.approx(2e4 * 0.5 / 100.5)
        assert row["realised_bps"] == pytest.approx(2e4 * (101.0 - 101.5) / 100.5)
        assert row["effective_bps"] == pytest.approx(row["realised_bps"] + row["impact_bps"])

    def test_open_and_close_go_by_time_and_trade_id_not_by_arrival(self):
        trades = [trade(7, 12, 3.0, seq=1), trade(7, 11, 2.0, seq=2), trade(3, 9, 1.0, seq=3)]
        row = self.minute(trades=trades)
        assert (row["open"], row["close"], row["ts_first"], row["ts_last"]) == (1.0, 3.0, 3, 7)

    def test_minutes_have_the_catalogues_columns_and_each_is_explained(self):
        assert MINUTES.schema.names == ["market", "minute", *COLUMNS]
        assert all(column.text for column in COLUMNS.values())

    def test_a_market_without_rows_has_no_minutes(self):
        assert roll_up() == ([], [], [])


def test_levels_that_offer_nothing_are_passed_over():
    """Garbage is recorded as it came: a level without price or quantity must not spoil the sums."""
    side = Side(np.array([0, 3]), np.array([0.0, 100.0, -5.0]), np.array([5.0, 200.0, 1.0]))
    near_quote, price = near_and_price(side, np.array([100.0]))
    assert (near_quote[0], price[0]) == (20_000.0, 100.0)


def test_a_level_exactly_ten_bps_from_the_mid_is_near_it():
    side = Side(np.array([0, 2]), np.array([999.0, 998.5]), np.array([2.0, 1.0]))
    assert near_and_price(side, np.array([1_000.0]))[0].tolist() == [2 * 999.0]


def test_a_book_without_levels_holds_nothing():
    near_quote, price = near_and_price(Side(np.array([0, 0]), np.empty(0), np.empty(0)), np.array([100.0]))
    assert near_quote[0] == 0.0
    assert math.isnan(price[0])
