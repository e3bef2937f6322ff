"""Open interest: its changes, against the price and against what was turned over."""

import datetime as dt

import pytest
from asked_lakes import graded, lake_at, moved, rows_as
from lakedays import HOUR_US, MINUTE_US, SECOND_US, book, state, trade

from analytics import open_lake

DAY_S = 86_400


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def lake_of(data_dir, later=None, **tables):
    """A lake of tables' rows; of `later` on the next day."""
    with lake_at(data_dir) as day:
        for name, of_table in tables.items():
            day.add(name, rows_as(name, of_table))
        for name, of_table in (later or {}).items():
            day.add(name, rows_as(name, moved(of_table, 1)), date="2026-11-23")
    return open_lake(data_dir)


def hourly(figures):
    """Trades and states of hours, as {hour: (price, open interest)}; each at the hour's end."""
    trades = [
        trade(hour * HOUR_US + 59 * MINUTE_US, hour, price)
        for hour, (price, _) in figures.items()
        if price is not None
    ]
    states = [
        state(hour * HOUR_US + 59 * MINUTE_US, open_interest, seq=hour)
        for hour, (_, open_interest) in figures.items()
        if open_interest is not None
    ]
    return {"trades": trades, "state": states}


class TestAgainstThePrice:
    def ask(self, lake, columns):
        relation = lake.sql(f"SELECT hour, {columns} FROM price_open_interest_1h ORDER BY hour")
        begin = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
        return {round((row[0] - begin).total_seconds() / 3600): row[1:] for row in relation.fetchall()}

    def test_each_quadrant_has_its_words(self, tmp_path):
        lake = lake_of(
            tmp_path,
            **hourly({0: (100, 10), 1: (101, 12), 2: (102, 11), 3: (99, 15), 4: (98, 9)}),
        )
        assert {hour: row[0] for hour, row in self.ask(lake, "quadrant").items()} == {
            0: None,
            1: "long build-up",
            2: "short covering",
            3: "short build-up",
            4: "long unwinding",
        }

    def test_changes_are_since_the_hour_before(self, tmp_path):
        lake = lake_of(tmp_path, **hourly({0: (100, 10), 1: (125, 8)}))
        columns = "price, price_change, open_interest, open_interest_change, open_interest_change_share"
        assert self.ask(lake, columns)[1] == pytest.approx((125, 0.25, 8, -2, -0.2), rel=1e-12)

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ((100, 10), (100, 12)),
            ((100, 10), (101, 10)),
            ((None, 10), (101, 12)),
            ((100, None), (101, 12)),
        ],
        ids=["same price", "same open interest", "no price before", "no open interest before"],
    )
    def test_there_is_none_where_either_is_unchanged_or_unknown(self, tmp_path, before, after):
        found = self.ask(lake_of(tmp_path, **hourly({3: before, 4: after})), "quadrant")
        assert found[4] == (None,)

    def test_there_is_none_over_an_hour_that_is_absent(self, tmp_path):
        lake = lake_of(tmp_path, **hourly({0: (100, 10), 2: (101, 12), 3: (102, 13)}))
        found = self.ask(lake, "quadrant, price_change, open_interest_change")
        assert found[2] == (None, None, None)
        assert found[3][0] == "long build-up"

    def test_there_is_none_to_or_from_an_hour_that_was_hardly_observed(self, tmp_path):
        hours = hourly({0: (100, 10), 1: (101, 12), 2: (102, 13), 3: (103, 14)})
        coverage = [
            graded(at, state_seconds=6.0 if at // 60 == 1 else 60.0, trade_seconds=60.0 if at // 60 else 30.0)
            for at in range(240)
            if at // 60 != 1 or at < 90
        ]
        found = self.ask(lake_of(tmp_path, coverage=coverage, **hours), "quadrant, coverage")
        assert found == {
            0: (None, 0.5), 1: (None, pytest.approx(0.05)), 2: (None, 1.0), 3: ("long build-up", 1.0),
        }  # fmt: skip

    def test_midnight_is_no_edge(self, tmp_path):
        lake = lake_of(tmp_path, **hourly({23: (100, 10)}), later=hourly({0: (99, 9)}))
        assert self.ask(lake, "quadrant")[24] == ("long unwinding",)


class TestTurnover:
    def of_day(self, data_dir, **tables):
        [row] = rows(lake_of(data_dir, **tables), "SELECT * FROM turnover_1d")
        return row

    def marked(self, hours):
        """Books and states that make an open interest of 10 at a mark price of 100 + hour."""
        books = [
            book(hour * HOUR_US + second * SECOND_US, mark_price=100.0 + hour, index_price=100.0, seq=second)
            for hour in hours
            for second in range(0, 3600, 60)
        ]
        return {"depth": books, "state": [state(hour * HOUR_US, 10.0, seq=hour) for hour in hours]}

    def test_it_is_the_days_turnover_over_the_mean_of_the_hours_notionals(self, tmp_path):
        trades = [trade(0, 1, 100.0, 30.0), trade(1, 2, 50.0, 20.0)]
        row = self.of_day(tmp_path, trades=trades, **self.marked((0, 5, 10)))
        assert (row["trades"], row["volume"], row["turnover"], row["mean_trade"]) == (2, 50, 4000, 2000)
        assert row["open_interest_notional"] == pytest.approx(10 * 105, rel=1e-12)
        assert row["turnover_ratio"] == pytest.approx(4000 / 1050, rel=1e-12)

    def test_two_hours_of_open_interest_are_too_few(self, tmp_path):
        row = self.of_day(tmp_path, trades=[trade(0, 1)], **self.marked((0, 5)))
        assert (row["open_interest_notional"], row["turnover_ratio"]) == (None, None)

    @pytest.mark.parametrize(("candles", "share"), [(144, 0.75), (143, None)])
    def test_trades_are_held_against_candles_where_there_are_any(self, tmp_path, candles, share):
        told = [graded(at, volume=3.0, candle_volume=4.0) for at in range(candles)]
        row = self.of_day(tmp_path, coverage=[*told, graded(1439, volume=500.0), graded(1438)])
        assert row["trades_to_candles"] == share
        assert row["candle_volume"] == 4 * candles

    @pytest.mark.parametrize(
        ("second", "volume", "share"), [(DAY_S - 120, 8.0, 0.25), (DAY_S - 121, None, None)]
    )
    def test_trades_are_held_against_a_state_that_was_told_at_the_days_end(
        self, tmp_path, second, volume, share
    ):
        early = state(0, seq=1) | {"volume": 999.0}
        late = [state(second * SECOND_US, seq=seq) | {"volume": 8.0 - 2 + seq} for seq in (1, 2)]
        row = self.of_day(tmp_path, trades=[trade(0, 1, quantity=2.0)], state=[early, *late])
        assert (row["state_volume"], row["trades_to_state"]) == (volume, share)

    def test_a_day_observed_for_less_than_a_tenth_has_no_figures(self, tmp_path):
        coverage = [graded(at, volume=3.0, candle_volume=4.0) for at in range(143)]
        row = self.of_day(tmp_path, trades=[trade(0, 1)], coverage=coverage, **self.marked(range(4)))
        assert row["trades"] == 1
        names = ("turnover", "mean_trade", "turnover_ratio", "trades_to_candles", "trades_to_state")
        assert {name: row[name] for name in names} == dict.fromkeys(names)


class TestByTheMinute:
    def test_it_is_the_last_one_told_and_changes_since_the_last_one_known(self, tmp_path):
        told = [
            state(0, 10.0),
            state(30 * SECOND_US, 11.0, seq=1),
            state(MINUTE_US, None, seq=2),
            state(2 * MINUTE_US, 9.5, seq=3),
        ]
        lake = lake_of(tmp_path, state=told)
        found = rows(lake, "SELECT open_interest, change FROM open_interest_1m ORDER BY minute")
        assert [(row["open_interest"], row["change"]) for row in found] == [
            (11.0, None), (None, None), (9.5, -1.5),
        ]  # fmt: skip
