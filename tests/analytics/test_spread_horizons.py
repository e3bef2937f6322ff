"""What trades cost and what became of the mid after them, against plain twins and worked by hand."""

from collections import defaultdict

import pytest
from asked_lakes import gap, graded, lake_at, rows_as
from book_twins import DAY_LENGTH_US, alike, mid_at, rows, standing, stays, two_days
from lakedays import HOUR_US, MINUTE_US, SECOND_US, book, trade

from analytics import open_lake

HORIZONS = (1, 5, 30, 60, 300)
FIGURES = ("effective_spread_bps", "realised_spread_bps", "impact_bps")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return two_days(tmp_path_factory.mktemp("lake"), 41)


@pytest.fixture(scope="module")
def books(lake):
    return standing(lake)


@pytest.fixture(scope="module")
def expected(lake, books):
    """{(market, date, trade_id, horizon_s): (trade, its figures)} from the definitions."""
    found = {}
    for each in rows(lake, "SELECT *, unix_micros(ts_event) AS us FROM trades"):
        of_day = books[each["market"], each["date"]]
        before = mid_at(of_day, each["us"], strictly=True)
        twice = 2e4 if each["side"] == "buy" else -2e4
        for horizon in HORIZONS:
            after = mid_at(of_day, each["us"] + horizon * SECOND_US, strictly=False)
            figures = [None, None, None]
            if before is not None:
                figures[0] = twice * (each["price"] - before) / before
                if after is not None:
                    figures[1] = twice * (each["price"] - after) / before
                    figures[2] = twice * (after - before) / before
            key = (each["market"], each["date"], each["trade_id"], horizon)
            found[key] = (each, before, after, figures)
    return found


def test_each_trade_is_what_the_definitions_say_at_each_horizon(lake, expected):
    found = rows(lake, "SELECT * FROM trade_costs")
    assert len(found) == len(expected) == 2 * 3 * 300 * len(HORIZONS)
    for row in found:
        _, before, after, figures = expected[row["market"], row["date"], row["trade_id"], row["horizon_s"]]
        assert alike(
            [row["mid_before"], row["mid_after"], *(row[name] for name in FIGURES)], [before, after, *figures]
        )
    assert sum(row["mid_after"] is None for row in found) > 100
    assert sum(row["impact_bps"] is not None for row in found) > 1_000


def test_effective_is_realised_plus_impact(lake):
    for view in ("trade_costs", "spread_horizons_1h"):
        known = rows(lake, f"SELECT {', '.join(FIGURES)} FROM {view} WHERE impact_bps IS NOT NULL")
        assert known
        assert all(
            alike(effective, realised + impact) for effective, realised, impact in map(dict.values, known)
        )


def test_five_seconds_are_those_of_the_stored_sums(lake):
    """Those that compaction sums up: another way to the same mids, in numpy."""
    stored = rows(
        lake,
        "SELECT market, sum(realised_bps_turnover) AS realised, sum(impact_bps_turnover) AS impact "
        "FROM closed_minutes GROUP BY market ORDER BY market",
    )
    computed = rows(
        lake,
        "SELECT market, sum(realised_spread_bps * price * quantity) AS realised, "
        "sum(impact_bps * price * quantity) AS impact FROM trade_costs "
        "WHERE horizon_s = 5 AND date = (SELECT min(date) FROM trades) GROUP BY market ORDER BY market",
    )
    assert len(stored) == 3
    assert all(
        alike(list(one.values()), list(other.values())) for one, other in zip(stored, computed, strict=True)
    )


def test_each_minutes_books_are_counted_with_the_seconds_in_which_they_stood(lake, books):
    expected = defaultdict(lambda: [0, 0.0, None])
    for (market, _), of_day in books.items():
        for one in of_day:
            expected[market, one["us"] // MINUTE_US * MINUTE_US][0] += 1
            if one["mid"] is not None:
                for minute, us in stays(one, MINUTE_US):
                    expected[market, minute][1] += us / 1e6
    for row in rows(lake, "SELECT market, unix_micros(minute) AS us, grade FROM coverage"):
        expected[row["market"], row["us"]][2] = row["grade"]
    found = rows(lake, "SELECT *, unix_micros(minute) AS us FROM observed_1m")
    assert len(found) == len({(row["market"], row["us"]) for row in found})
    assert {(row["market"], row["us"]) for row in found} >= {
        key for key, each in expected.items() if any(each)
    }
    for row in found:
        figures = [row["snapshots"], row["observed_seconds"], row["grade"]]
        assert alike(figures, expected[row["market"], row["us"]])
        assert alike(row["coverage"], row["observed_seconds"] / 60)


def test_each_hour_is_weighted_by_the_turnover_of_its_measured_trades(lake, books, expected):
    observed = defaultdict(int)
    for (market, _), of_day in books.items():
        for one in of_day:
            if one["mid"] is not None:
                for hour, us in stays(one, HOUR_US):
                    observed[market, hour] += us
    sums = defaultdict(lambda: defaultdict(float))
    for (market, _, _, horizon), (each, before, after, figures) in expected.items():
        hour = sums[market, each["us"] // HOUR_US * HOUR_US, horizon]
        turnover = each["price"] * each["quantity"]
        hour["trades"] += 1
        hour["turnover"] += turnover
        if before is not None and after is not None:
            hour["measured_trades"] += 1
            hour["measured"] += turnover
            for name, figure in zip(FIGURES, figures, strict=True):
                hour[name] += figure * turnover
    found = rows(lake, "SELECT *, unix_micros(hour) AS us FROM spread_horizons_1h WHERE trades > 0")
    assert {(row["market"], row["us"], row["horizon_s"]) for row in found} == set(sums)
    for row in found:
        hour = sums[row["market"], row["us"], row["horizon_s"]]
        coverage = observed[row["market"], row["us"]] / HOUR_US
        assert (row["trades"], row["measured_trades"]) == (hour["trades"], hour["measured_trades"])
        assert alike([row["measured"], row["coverage"]], [hour["measured"] / hour["turnover"], coverage])
        told = coverage >= 0.1 and row["measured"] >= 0.1
        means = [hour[name] / hour["measured"] if told else None for name in FIGURES]
        assert alike([row[name] for name in FIGURES], means)
    assert sum(row["impact_bps"] is not None for row in found) >= 3 * len(HORIZONS)
    assert any(row["impact_bps"] is None for row in found)


def costs(data_dir, books, *trades, gaps=()):
    """The rows of trade_costs of one open day, by horizon, trades in order."""
    with lake_at(data_dir) as day:
        day.add("depth", *books)
        day.add("trades", *trades)
        day.add("gaps", rows_as("gaps", gaps))
        return rows(open_lake(data_dir), "SELECT * FROM trade_costs ORDER BY ts_event, trade_id, horizon_s")


def at(ts, mid):
    return book(ts, bids=[(mid - 0.5, 1.0)], asks=[(mid + 0.5, 1.0)], seq=ts)


class TestByHand:
    """A trade at 100.5 when the mid was 100, which then went to 101, 102 and 99."""

    BOOKS = tuple(
        at(second * SECOND_US, mid) for second, mid in ((0, 100.0), (2, 101.0), (6, 102.0), (40, 99.0))
    )

    def test_a_buy(self, tmp_path):
        found = costs(tmp_path, self.BOOKS, trade(SECOND_US, 1, 100.5))
        assert [row["mid_after"] for row in found] == [101.0, 102.0, 102.0, 99.0, None]
        assert [row["effective_spread_bps"] for row in found] == pytest.approx([100.0] * 5)
        assert [row["realised_spread_bps"] for row in found[:4]] == pytest.approx([-100, -300, -300, 300])
        assert [row["impact_bps"] for row in found[:4]] == pytest.approx([200, 400, 400, -200])
        assert found[4]["realised_spread_bps"] is found[4]["impact_bps"] is None

    def test_a_sell_at_the_same_price_got_more_than_the_mid(self, tmp_path):
        found = costs(tmp_path, self.BOOKS, trade(SECOND_US, 1, 100.5, side="sell"))
        assert found[0]["effective_spread_bps"] == pytest.approx(-100.0)
        assert found[3]["realised_spread_bps"] == pytest.approx(-300.0)

    def test_a_book_of_the_very_instant_is_after_the_trade_and_up_to_the_horizon(self, tmp_path):
        [first, *_] = costs(tmp_path, self.BOOKS, trade(2 * SECOND_US, 1, 100.5))
        assert (first["mid_before"], first["mid_after"]) == (100.0, 101.0)
        [_, five, *_] = costs(tmp_path / "b", self.BOOKS, trade(SECOND_US, 1, 100.5))
        assert five["mid_after"] == 102.0

    def test_no_mid_is_taken_from_within_a_gap(self, tmp_path):
        """Books were missed from 3 s to 6 s: what stood at 3 s is not believed in 5 s after the trade."""
        missed = gap(3 * SECOND_US, 6 * SECOND_US)
        found = costs(tmp_path, self.BOOKS, trade(SECOND_US - 1, 1, 100.5), gaps=[missed])
        assert [row["mid_after"] for row in found] == [100.0, None, 102.0, 99.0, None]

    def test_no_mid_is_taken_from_the_next_day(self, tmp_path):
        with lake_at(tmp_path) as day:
            day.add("depth", at(DAY_LENGTH_US - 3 * SECOND_US, 100.0))
            day.add("depth", at(DAY_LENGTH_US, 101.0), date="2026-11-23")
            day.add("trades", trade(DAY_LENGTH_US - 2 * SECOND_US, 1, 100.5))
            query = "SELECT mid_after FROM trade_costs ORDER BY horizon_s"
            found = [row["mid_after"] for row in rows(open_lake(tmp_path), query)]
        assert found == [100.0, None, None, None, None]

    def test_a_trade_without_a_book_before_it_is_there_without_figures(self, tmp_path):
        found = costs(tmp_path, [at(SECOND_US, 100.0)], trade(SECOND_US // 2, 1, 100.5))
        assert [row["mid_after"] for row in found[:2]] == [100.0, 100.0]
        assert {row[name] for row in found for name in FIGURES} == {None}


def test_a_trade_has_the_grade_of_its_minute_and_the_share_in_which_its_books_were_recorded(tmp_path):
    with lake_at(tmp_path) as day:
        day.add("depth", at(0, 100.0))
        day.add("trades", trade(70 * SECOND_US, 1), trade(200 * SECOND_US, 2))
        day.add("coverage", rows_as("coverage", [graded(1, "B", depth_seconds=45.0)]))
        found = rows(open_lake(tmp_path), "SELECT * FROM trade_costs WHERE horizon_s = 30 ORDER BY trade_id")
    assert [(row["grade"], row["coverage"]) for row in found] == [("B", 0.75), (None, None)]


@pytest.mark.parametrize(("quantity", "told"), [(9.0, True), (9.01, False)])
def test_an_hour_needs_a_tenth_of_its_turnover_measured(tmp_path, quantity, told):
    """Books for seven minutes; a trade of 1 within them, and another one an age after the last."""
    with lake_at(tmp_path) as day:
        day.add("depth", *(at(minute * MINUTE_US, 100.0) for minute in range(7)))
        trades = trade(MINUTE_US + 1, 1, 100.0, 1.0), trade(HOUR_US - 1, 2, 100.0, quantity)
        day.add("trades", *trades)
        query = "SELECT * FROM spread_horizons_1h WHERE horizon_s = 1"
        [row] = rows(open_lake(tmp_path), query)
    assert (row["trades"], row["measured_trades"]) == (2, 1)
    assert row["measured"] == pytest.approx(1 / (1 + quantity))
    assert {row[name] for name in FIGURES} == ({0.0} if told else {None})
