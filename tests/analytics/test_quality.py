"""What a feed turned out to be like, by market and day: each figure from rows made for it."""

import time

import pytest
from journals import Recorder, book, push, trade

from analytics import open_lake
from recorder.lake.publishing.follow import publish_once

DAY_S = int(time.time()) // 86_400 * 86_400 - 86_400
"""Yesterday."""
HOUR_S = int(time.time()) // 3_600 * 3_600 - 3_600
"""The last whole hour: every minute of it is settled, and few have followed it."""
TOPICS = (("trade", "AAA"), ("depth", "AAA"), ("kline", "AAA", "1min"), ("state",))


def recorded(data_dir, fill, begin_s=HOUR_S):
    recorder = Recorder(data_dir)
    recorder.now_ns = int((begin_s - 10) * 1e9)
    recorder.session(
        ("trade", "AAA"), ("depth", "AAA"), ("kline", "AAA", "1min"), ("state",), markets=("AAA",)
    )
    fill(recorder)
    recorder.at(10).stop()
    publish_once(data_dir)


def quality(data_dir, columns):
    relation = open_lake(data_dir).sql(f"SELECT {columns} FROM quality WHERE market = 'AAA' AND trades > 0")
    [row] = relation.fetchall()
    return row


def at(recorder, second, lag_s=0.005, begin_s=HOUR_S):
    recorder.now_ns = int((begin_s + second + lag_s) * 1e9)
    return recorder


def kline(open_s, row, order="ohlc"):
    o, h, low, c, v = row
    prices = [o, h, low, c] if order == "ohlc" else [o, c, h, low]
    return push("kline", {"data": [[open_s, *prices, v, "9", "AAA"]], "market": "AAA", "period": "1min"})


def test_lags_are_quantiles_of_pushes_in_whole_milliseconds(tmp_path):
    def fill(recorder):
        for number in range(1, 101):
            happened = HOUR_S + number
            at(recorder, number, lag_s=number / 1000 + 0.0003).frames(trade("AAA", number, time_s=happened))

    recorded(tmp_path, fill)
    assert quality(tmp_path, "trade_lag_p50_ms, trade_lag_p99_ms, depth_lag_p50_ms") == (50, 99, None)


def test_a_step_of_a_clock_shows_in_the_lags(tmp_path):
    def fill(recorder):
        for number in range(1, 240, 10):
            lag_s = 0.005 if number < 120 else 1.305
            at(recorder, number, lag_s=lag_s).frames(trade("AAA", number, time_s=HOUR_S + number))

    recorded(tmp_path, fill)
    steps, greatest = quality(tmp_path, "lag_steps, lag_step_max_ms")
    assert steps == 1
    assert greatest == pytest.approx(1300, abs=1)


@pytest.mark.parametrize(("above", "meaning", "share"), [("buy", "taker", 0.75), ("sell", "maker", 0.25)])
def test_what_side_means_is_found_against_the_book_before_each_trade(tmp_path, above, meaning, share):
    below = "sell" if above == "buy" else "buy"

    def fill(recorder):
        at(recorder, 1).frames(book("AAA", (HOUR_S + 1) * 1000, bid="100", ask="102"))
        for number, price in enumerate(("102", "101.5", "103", "100"), 2):
            side = below if price in ("103", "100") else above
            at(recorder, number).frames(trade("AAA", number, price=price, side=side, time_s=HOUR_S + number))
        at(recorder, 10).frames(trade("AAA", 20, price="101", side="buy", time_s=HOUR_S + 10))

    recorded(tmp_path, fill)
    assert quality(tmp_path, "sides_compared, side_agreement, side_is") == (4, share, meaning)


def test_trade_ids_are_contiguous_and_how_sure_that_is(tmp_path):
    def fill(recorder):
        for number in [*range(1, 61), *range(64, 104)]:
            at(recorder, number).frames(trade("AAA", number, time_s=HOUR_S + number))

    recorded(tmp_path, fill)
    found = quality(tmp_path, "trades, id_steps, id_skips, ids_missing, id_skips_max")
    assert found == (100, 99, 1, 3, pytest.approx(4 / 99))


@pytest.mark.parametrize(
    ("orders", "seen"), [("ohlc ohlc", "ohlc"), ("ochl ochl", "ochl"), ("ohlc ochl", "both")]
)
def test_the_candle_columns_that_were_seen(tmp_path, orders, seen):
    def fill(recorder):
        at(recorder, 1).frames(trade("AAA", 1, time_s=HOUR_S + 1))
        for minute, order in enumerate(orders.split()):
            row = ("100", "103", "99", "101", "2")
            at(recorder, 61 + 60 * minute).frames(kline(HOUR_S + 60 * minute, row, order))

    recorded(tmp_path, fill)
    assert quality(tmp_path, "column_order") == (seen,)


def test_the_states_volume_is_compared_with_a_whole_day_of_candles(tmp_path):
    def fill(recorder):
        rows = [[DAY_S - 86_400 + 60 * minute, *["100"] * 4, "2", "9"] for minute in range(1, 1_441)]
        at(recorder, 1, begin_s=DAY_S).frames(trade("AAA", 1, time_s=DAY_S + 1))
        at(recorder, 2, begin_s=DAY_S).candles("AAA", DAY_S - 86_400, DAY_S, *rows)
        fields = {"market": "AAA", "volume": "2880", "last": "100"}
        at(recorder, 50, begin_s=DAY_S).frames(push("state", {"AAA": fields}))

    recorded(tmp_path, fill, DAY_S)
    assert quality(tmp_path, "state_volume_ratio") == (1.0,)


def test_the_short_form_has_the_contracts_columns(tmp_path):
    recorded(tmp_path, lambda recorder: at(recorder, 1).frames(trade("AAA", 1, time_s=HOUR_S + 1)))
    relation = open_lake(tmp_path).sql("SELECT * FROM quality_1d")
    assert set(relation.columns) >= {
        "market", "day", "share_a", "share_b", "share_c", "share_d", "trade_gap_seconds",
        "depth_gap_seconds",
        "kline_gap_seconds", "state_gap_seconds", "lag_p50_ms", "lag_p99_ms", "side_agreement",
        "column_order",
    }  # fmt: skip
    assert str(relation.types[relation.columns.index("day")]) == "TIMESTAMP WITH TIME ZONE"
