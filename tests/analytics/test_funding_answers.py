"""What is made of settlements: now, predictions, carry, days, ranks. Expected figures are closed forms."""

import math

import pytest
from asked_lakes import graded, lake_at, rows_as
from funding_lakes import HOUR_S, LATER, NEW, OLD, a_state, add_states, around, found, seconds, state

from analytics import open_lake

RATES = (OLD, NEW, LATER, OLD, 4e-4)
"""AAA's rates: before 8:00, and charged at 8, 12, 16 and 24 o'clock."""
MARKS = (50.0, 100.0, 80.0, 40.0)
ENDS = ("8:00", "12:00", "16:00", "24:00")


def states_of_aaa():
    """A market that settles every 4 h, then every 8 h; AAA's last state is at 24:02:30."""
    states = []
    for rank, (ends, following) in enumerate(zip(ENDS, (*ENDS[1:], "32:00"), strict=True)):
        rates = (*RATES, LATER)[rank : rank + 3]
        states += around(ends, following, *rates, mark_price=MARKS[rank], index_price=50.0)
    return states


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """AAA; BBB that lost two settlements; CCC that stopped; DDD before its first; EEE without states; FFF
    that settles every hour; GGG that settled in a pause."""
    made = tmp_path_factory.mktemp("lake")
    bbb = [
        *around("8:00", "12:00", OLD, NEW, LATER, market="BBB", mark_price=10.0),
        state("15:55", "16:00", LATER, OLD, market="BBB"),
        *around("16:00", "17:00", LATER, OLD, NEW, market="BBB")[2:],
        *around("17:00", "18:00", OLD, NEW, OLD, market="BBB", mark_price=20.0),
    ]
    bbb.append(state("24:01", "25:00", OLD, 3e-5, market="BBB"))
    ccc = around("8:00", "9:00", market="CCC") + around("9:00", "10:00", NEW, 9e-4, 9e-4, market="CCC")
    ddd = [state("24:00:10", "25:30", OLD, NEW, market="DDD", mark_price=3.0, index_price=2.0)]
    fff = around("23:00", "24:00", OLD, NEW, OLD, market="FFF")
    fff += around("24:00", "25:00", NEW, OLD, NEW, market="FFF")
    ggg = around("20:00", "28:00", OLD, NEW, LATER, market="GGG")
    ggg.append(state("24:01", "26:00", 9e-4, OLD, market="GGG"))
    with lake_at(made) as day:
        add_states(day, states_of_aaa() + bbb + ccc + ddd + fff + ggg)
        grades = [graded(minute, "B", seconds=45.0) for minute in range(1_440)] + [graded(0, market="EEE")]
        day.add("coverage", rows_as("coverage", grades))
    return open_lake(made)


def rows(lake, columns, view, market="AAA", order="1"):
    query = f"SELECT {columns} FROM {view} WHERE market = '{market}' ORDER BY {order}"
    return [tuple(row.values()) for row in found(lake, query)]


class TestNow:
    COLUMNS = (
        "ts_recv, ts_next, minutes_left, funding_rate_last, funding_rate_next, interval_hours, apr_next, "
        "ts_settled, mark_price, premium, age_seconds"
    )

    def test_the_coming_settlement_and_what_it_is_a_year(self, lake):
        [row] = rows(lake, self.COLUMNS, "funding_now")
        newest, coming = seconds("24:02:30"), seconds("32:00")
        minutes = (coming - newest) // 60
        expected = (
            newest,
            coming,
            minutes,
            4e-4,
            LATER,
            8,
            LATER * 8760 / 8,
            seconds("24:00"),
            40.0,
            -0.2,
            0,
        )
        assert row == pytest.approx(expected)

    def test_how_well_it_was_seen_is_of_the_last_hours_judged_minutes(self, lake):
        assert rows(lake, "coverage, grade", "funding_now") == [(0.75, "B")]

    def test_before_the_first_settlement_the_interval_is_unknown_and_never_taken_for_8_hours(self, lake):
        columns = "ts_next, minutes_left, funding_rate_next, interval_hours, apr_next, ts_settled, premium"
        [row] = rows(lake, columns, "funding_now", "DDD")
        assert row == (seconds("25:30"), 89, NEW, None, None, None, 0.5)

    def test_asked_for_a_span_a_market_without_a_settlement_yet_is_told_of_by_its_newest_state(self, lake):
        asked = lake.ask("funding_now", "DDD", start="2026-11-23")
        assert asked.project("funding_rate_next, ts_settled").fetchall() == [(NEW, None)]

    def test_asked_of_one_market_its_age_is_against_the_newest_of_all(self, lake):
        [[age]] = lake.ask("funding_now", "BBB").project("age_seconds").fetchall()
        assert age == seconds("24:02:30") - seconds("24:01")

    @pytest.mark.parametrize(
        ("market", "settled", "coming"), [("BBB", "18:00", "25:00"), ("GGG", "20:00", "26:00")]
    )
    def test_settlements_hidden_since_the_last_one_leave_the_interval_open(
        self, lake, market, settled, coming
    ):
        columns = "ts_next, interval_hours, apr_next, ts_settled"
        expected = (seconds(coming), None, None, seconds(settled))
        assert rows(lake, columns, "funding_now", market) == [expected]


@pytest.fixture(scope="module")
def told_by_the_minute(tmp_path_factory):
    """A market that settles at 8 and 12 o'clock and charges 8 and 12 bps; what is announced is 0.01 bps by
    minute of the interval, what is predicted twice that; a state in the middle of each minute."""
    made = tmp_path_factory.mktemp("lake")
    states = []
    for minute in range(4 * 60, 12 * 60 + 15):
        began = minute // 240 * 4
        into = minute - began * 60
        rates = {"funding_rate_next": into * 1e-6, "funding_rate_predict": into * 2e-6}
        coming = (began + 4) * HOUR_S
        states.append(a_state(minute * 60 + 30, coming, funding_rate_last=began * 1e-4, **rates))
    few = [state("7:43:30", "8:00", OLD, 3e-4), state("7:49:30", "8:00", OLD, 4e-4)]
    few = [row | {"market": "FEW"} for row in [*few, *around("8:00", "16:00")]]
    with lake_at(made) as day:
        add_states(day, states + few)
    return open_lake(made)


class TestPredictions:
    def test_each_lead_has_what_was_told_so_long_before(self, told_by_the_minute):
        columns = (
            "lead_minutes, rate_next, next_age_seconds, next_error_bps, rate_predict, predict_error_bps, "
            "predict_lead_minutes"
        )
        view = "(SELECT * FROM funding_predictions WHERE hour(ts_settled) = 12)"
        told = rows(told_by_the_minute, columns, view)
        assert [row[0] for row in told] == [1, 5, 15, 30, 60, 120, 240, 480]
        for lead, *figures in told[:6]:
            minute = 240 - lead - 1
            expected = (minute * 1e-6, 30, minute * 0.01 - 12, minute * 2e-6, minute * 0.02 - 12, lead + 240)
            assert figures == pytest.approx(expected)

    def test_before_the_interval_another_settlement_was_told(self, told_by_the_minute):
        view = "(SELECT * FROM funding_predictions WHERE hour(ts_settled) = 12 AND lead_minutes >= 240)"
        assert rows(told_by_the_minute, "rate_next", view) == [(None,), (None,)]

    def test_what_was_told_too_long_before_the_lead_is_left_out(self, told_by_the_minute):
        told = dict(rows(told_by_the_minute, "lead_minutes, rate_next", "funding_predictions", "FEW"))
        assert told == {1: NEW, 5: None, 15: 3e-4, 30: None, 60: None, 120: None, 240: None, 480: None}

    def test_errors_are_the_moments_of_the_differences(self, told_by_the_minute):
        columns = (
            "lead_minutes, settlements, next_n, next_mean_bps, next_mae_bps, next_rmse_bps, predict_n, "
            "predict_mean_bps, predict_mae_bps, predict_rmse_bps, coverage"
        )
        found_errors = rows(told_by_the_minute, columns, "funding_prediction_errors")
        for lead, *figures in found_errors[:6]:
            minute = 240 - lead - 1
            first, second, predicted = minute * 0.01 - 8, minute * 0.01 - 12, minute * 0.02 - 12
            mean, rms = (first + second) / 2, math.hypot(first, second) / math.sqrt(2)
            own = (1, predicted, abs(predicted), abs(predicted))
            assert figures == pytest.approx((2, 2, mean, abs(mean), rms, *own, 1))
        assert found_errors[7][1:] == (2, 0, None, None, None, 0, None, None, None, 0)


class TestCarry:
    COLUMNS = (
        "long_carry, short_carry, long_carry_quote, short_carry_quote, long_carry_total, short_carry_total, "
        "long_carry_quote_total, short_carry_quote_total, settlements, unproven, unpriced, intervals_unproven"
    )

    def test_a_long_pays_a_positive_rate_and_a_short_is_paid_it(self, lake):
        expected, total, quote = [], 0.0, 0.0
        for number, (rate, mark) in enumerate(zip(RATES[1:], MARKS, strict=True), 1):
            total, quote = total + rate, quote + rate * mark
            paid = (-rate, rate, -rate * mark, rate * mark, -total, total, -quote, quote)
            expected.append((*paid, number, 0, 0, 0))
        for row, of_row in zip(
            rows(lake, self.COLUMNS, "funding_carry", order="settlements"), expected, strict=True
        ):
            assert row == pytest.approx(of_row)

    def test_what_is_unproven_is_counted_and_not_taken_for_zero(self, lake):
        columns = (
            "short_carry, short_carry_quote, short_carry_total, short_carry_quote_total, settlements, "
            "unproven, unpriced, intervals_unproven"
        )
        expected = [
            (NEW, 2e-3, NEW, 2e-3, 1, 0, 0, 0),
            (None, None, NEW, 2e-3, 2, 1, 1, 1),
            (OLD, None, NEW + OLD, 2e-3, 3, 1, 2, 2),
            (NEW, 4e-3, 2 * NEW + OLD, 6e-3, 4, 1, 2, 2),
            (None, None, 2 * NEW + OLD, 6e-3, 5, 2, 3, 3),
        ]
        for row, of_row in zip(
            rows(lake, columns, "funding_carry", "BBB", "settlements"), expected, strict=True
        ):
            assert row == pytest.approx(of_row)


class TestDays:
    COLUMNS = (
        "CAST(date AS VARCHAR), day, settlements, proven, rate_sum, apr_mean, hours_proven, apr_realised, "
        "coverage, grade"
    )

    def test_a_day_has_the_settlements_from_midnight_to_midnight(self, lake):
        first, second = rows(lake, self.COLUMNS, "funding_1d")
        year = (LATER + OLD) * 8760 / 8
        assert first == (
            "2026-11-22",
            0,
            3,
            3,
            pytest.approx(0),
            *map(pytest.approx, (year, 8, year, 0.75)),
            "B",
        )
        year = 4e-4 * 8760 / 8
        midnight = seconds("24:00")
        assert second == (
            "2026-11-23",
            midnight,
            1,
            1,
            4e-4,
            *map(pytest.approx, (year, 8, year)),
            None,
            None,
        )

    def test_by_name_it_is_asked_with_a_bucket(self, lake):
        asked = lake.funding("AAA", every="1d")
        assert (
            asked.rows() == lake.sql("SELECT * FROM funding_1d WHERE market = 'AAA' ORDER BY day").fetchall()
        )

    @pytest.mark.parametrize("every", ["1h", "8h", "12h"])
    def test_any_bucket_has_the_settlements_that_fall_into_it(self, lake, every):
        asked, settled = lake.funding("AAA", every=every), lake.funding("AAA")
        hours = int(every[:-1])
        expected = {}
        for ts, rate in settled.select("ts_settled", "funding_rate").rows():
            start = ts.replace(hour=ts.hour // hours * hours, minute=0, second=0)
            count, total = expected.get(start, (0, 0.0))
            expected[start] = count + 1, total + rate
        own = asked.columns[2]
        found = asked.filter(asked["settlements"] > 0).sort(own)
        assert dict(zip(found[own], found["settlements"], strict=True)) == {
            start: count for start, (count, _) in expected.items()
        }
        assert found["rate_sum"].to_list() == pytest.approx([total for _, total in expected.values()])

    def test_a_year_is_made_of_the_hours_that_are_proven(self, lake):
        [row] = rows(lake, "settlements, proven, rate_sum, hours_proven, apr_realised", "funding_1d", "BBB")
        assert row == pytest.approx((5, 3, 2 * NEW + OLD, 1, NEW * 8760))

    def test_a_day_without_settlements_has_none_and_no_figure(self, lake):
        columns = "settlements, proven, rate_sum, apr_mean, hours_proven, apr_realised, grade"
        assert rows(lake, columns, "funding_1d", "EEE") == [(0, 0, None, None, None, None, "A")]


def test_markets_are_ranked_by_what_they_pay_now_and_paid_in_all(lake):
    columns = "market, rank_next, apr_next, rank_realised, apr_realised, hours_proven, proven, settlements"
    ranked = [tuple(row.values()) for row in found(lake, f"SELECT {columns} FROM funding_ranking ORDER BY 1")]
    assert ranked == [
        ("AAA", 2, *approx(LATER * 8760 / 8), 4, *approx(2e-4 * 8760 / 16, 16), 4, 4),
        ("BBB", None, None, 2, *approx(NEW * 8760, 1), 3, 5),
        ("CCC", None, *approx(9e-4 * 8760), 1, *approx(9e-4 * 8760, 1), 2, 2),
        ("DDD", None, None, None, None, None, 0, 0),
        ("FFF", 1, *approx(NEW * 8760), 3, *approx(OLD * 8760, 1), 2, 2),
        ("GGG", None, None, None, None, None, 1, 1),
    ]


def approx(*figures):
    return [pytest.approx(figure) for figure in figures]
