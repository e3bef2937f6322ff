"""Charts draw what the views answer, break where nothing is known, and say why where there is nothing."""

import functools
import html
import itertools
import re
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from asked_lakes import fill, lake_at
from drawings import marks_of, rows_of_chart, shapes_of, svg_of, width_of
from once import once

from analytics import charts, open_lake
from analytics.charts import calendar
from analytics.charts.gaps import by_markets, on_venue_clock
from analytics.charts.theme import DARK, GRADES, LIGHT
from analytics.errors import NothingToShowError

DAY = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
HOSTILE = "</script><b>&\"'"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    def make(data_dir):
        with lake_at(data_dir) as day:
            fill(day, 31, books=150, trades=150)
            fill(day, 32, books=150, trades=150, later=1)

    return open_lake(once(tmp_path_factory, "lake-of-charts", make))


def asked(lake, name, market=None):
    return lake.ask(name, market).pl()


DRAWN = {
    "funding_map": lambda lake: charts.funding_map(lake.funding()),
    "funding_next": lambda lake: charts.funding_next(asked(lake, "funding_now")),
    "spread_map": lambda lake: charts.spread_map(lake.spread(every="1h")),
    "depth_map": lambda lake: charts.depth_map(lake.liquidity(every="1h")),
    "coverage_map": lambda lake: charts.coverage_map(asked(lake, "coverage_1h"), asked(lake, "gaps")),
    "price": lambda lake: charts.price(lake.volume("AAA", every="15m")),
    "volume": lambda lake: charts.volume(lake.volume("AAA", every="15m")),
    "spread": lambda lake: charts.spread(lake.spread("AAA", every="1h")),
    "depth": lambda lake: charts.depth(lake.liquidity("AAA", every="1h")),
    "basis": lambda lake: charts.basis(lake.basis("AAA", every="1h")),
    "open_interest": lambda lake: charts.open_interest(lake.open_interest("AAA", every="1h")),
    "over_time": lambda lake: charts.over_time(asked(lake, "funding_carry"), "short_carry_total", "paid"),
    "funding_charged": lambda lake: charts.funding_charged(asked(lake, "account_funding")),
    "profit_parts": lambda lake: charts.profit_parts(asked(lake, "account_performance_1d")),
    "trading_costs": lambda lake: charts.trading_costs(asked(lake, "account_fill_costs")),
    "spread_kept": lambda lake: charts.spread_kept(asked(lake, "account_fill_costs")),
    "or_words": lambda lake: charts.or_words(lambda: charts.spread(lake.spread("AAA", every="1h"))),
    "volume_profile": lambda lake: charts.volume_profile(
        asked(lake, "volume_profile_1d", "AAA"), asked(lake, "value_area_1d", "AAA")
    ),
}


@pytest.mark.parametrize("name", DRAWN)
def test_each_chart_keeps_to_the_schema_draws_and_is_described(lake, name):
    chart = DRAWN[name](lake)
    assert sum(marks_of(svg_of(chart)).values()) > 0
    assert len(chart.to_dict(validate=False)["description"]) > 20


def test_every_public_chart_is_drawn_here():
    assert set(DRAWN) == set(charts.__all__)


@pytest.mark.parametrize("name", sorted(set(DRAWN) - {"volume_profile", "coverage_map", "or_words"}))
def test_a_chart_of_no_rows_says_why(lake, name):
    empty = type("Empty", (), {
        "ask": lambda _, *asked: lake.ask(*asked).limit(0),
        **{
            each: lambda _, *asked, each=each, **how: getattr(lake, each)(*asked, **how).clear()
            for each in ("funding", "spread", "liquidity", "volume", "basis", "open_interest")
        },
    })()  # fmt: skip
    with pytest.raises(NothingToShowError, match=r"^[A-Z].*\.$"):
        DRAWN[name](empty)


def test_where_there_is_nothing_to_show_the_reason_can_be_drawn_in_words(lake):
    empty = asked(lake, "account_positions_1h").clear()
    draw = functools.partial(
        charts.over_time, empty, "margin_ratio", "margin", why="No position was isolated."
    )
    drawn = charts.or_words(draw)
    assert "No position was isolated." in svg_of(drawn)


def by_the_hour(hours, **columns):
    """A frame of one market with a row an hour, these after the day's begin."""
    made = {"market": "AAA", "date": DAY.date(), "hour": [DAY + at * HOUR for at in hours]}
    return pl.DataFrame(made | {"coverage": 1.0, "grade": "A"} | columns)


class TestFunding:
    COLUMNS = (
        *("market", "ts_settled", "interval_hours", "funding_rate", "rate_announced", "mark_price"),
        *("apr", "capped"),
    )

    def settled(self, *rows):
        """Rows of funding_settlements as (market, hours after the day's begin, interval, apr)."""
        made = [
            (market, DAY + at * HOUR, hours, apr, apr, 1.0, apr, apr is not None)
            for market, at, hours, apr in rows
        ]
        types = dict.fromkeys(self.COLUMNS[2:7], pl.Float64) | {"capped": pl.Boolean}
        return pl.DataFrame(made, schema=self.COLUMNS, orient="row", schema_overrides=types)

    def test_what_is_proven_is_filled_what_is_not_is_a_frame_or_a_ring(self):
        frame = self.settled(
            ("AAA", 8, None, None), ("AAA", 16, 8.0, 0.1), ("AAA", 20, 4.0, -0.3), ("BBB", 16, 8.0, None)
        )
        drawn = shapes_of(svg_of(charts.funding_map(frame)))
        assert [shape.get("fill", "none") != "none" for shape in drawn["rect"]] == [True, True, False]
        assert len(drawn["symbol"]) == 1

    def test_a_rectangle_is_as_long_as_its_interval(self):
        frame = self.settled(("AAA", 16, 8.0, 0.1), ("AAA", 20, 4.0, -0.3))
        long, short = map(width_of, shapes_of(svg_of(charts.funding_map(frame)))["rect"])
        assert long == pytest.approx(2 * short, rel=0.01)

    def test_the_sign_is_a_colour_of_its_own(self):
        frame = self.settled(("AAA", 16, 8.0, 0.1), ("AAA", 20, 4.0, -0.1))
        paid, got = (shape["fill"] for shape in shapes_of(svg_of(charts.funding_map(frame)))["rect"])
        assert rgb(paid)[0] > rgb(paid)[2]
        assert rgb(got)[0] < rgb(got)[2]

    def test_zero_is_in_the_middle_and_a_great_rate_does_not_bleach_the_others(self):
        rates = [("AAA", 8 * at, 8.0, apr) for at, apr in enumerate((0.0, 0.1, 29.0, -0.1), 1)]
        chart = charts.funding_map(self.settled(*rates))
        drawn = [rgb(shape["fill"]) for shape in shapes_of(svg_of(chart))["rect"]]
        none, little, much, got = (max(colour) - min(colour) for colour in drawn)
        assert none < 5
        assert little > 20
        assert got > 20
        assert much > little
        scale = chart.to_dict()["layer"][0]["encoding"]["color"]["scale"]
        assert (scale["domain"], scale["domainMid"]) == ([-50, 50], 0)

    def test_settlements_without_a_proven_interval_are_told_of(self):
        with pytest.raises(NothingToShowError, match="2 settlements were seen"):
            charts.funding_map(self.settled(("AAA", 8, None, None), ("BBB", 8, None, None)))

    def test_announced_rates_are_bars_from_the_highest_to_the_lowest(self):
        told = dict.fromkeys(("funding_rate_last", "mark_price", "index_price"), 1.0) | {
            "minutes_left": 9,
            "premium": 0.0,
        }
        frame = pl.DataFrame({"market": ["A", "B", "C"], "funding_rate_next": [0.0, 2e-4, -1e-4]} | told)
        chart = charts.funding_next(frame).to_dict()
        assert chart["encoding"]["y"]["scale"]["domain"] == ["B", "A", "C"]


class TestLines:
    def test_a_line_breaks_where_a_bucket_is_unknown_or_not_there(self):
        frame = by_the_hour([0, 1, 2, 3, 5, 6], open_interest=[1.0, 2.0, None, 4.0, 5.0, 6.0])
        frame = frame.with_columns(notional=1.0, change=1.0, mark_price=1.0)
        [line] = shapes_of(svg_of(charts.open_interest(frame)))["line"]
        assert line["d"].count("M") == 3

    def test_the_vwap_since_midnight_is_all_turnover_over_all_volume_of_the_day(self):
        hours = [0, 1, 3, 24, 25]
        volume, turnover = [2.0, 1.0, None, 4.0, 1.0], [200.0, 103.0, None, 480.0, 110.0]
        frame = by_the_hour(
            hours, volume=volume,  # no turnover: an inverse market has none
            vwap=[None if not size else paid / size for size, paid in zip(volume, turnover, strict=True)],
        ).with_columns(date=pl.col("hour").dt.date(), trades=1)  # fmt: skip
        frame = frame.with_columns(pl.lit(100.0).alias(name) for name in ("open", "high", "low", "close"))
        rows = rows_of_chart(charts.price(frame))
        told = {row["t"]: row["day_vwap"] for row in rows if row["vwap"] is not None}
        assert list(told.values()) == pytest.approx([100, 303 / 3, 120, 590 / 5])

    def test_buys_are_drawn_upwards_and_sells_downwards(self):
        frame = by_the_hour([0], turnover=[10.0], buy_turnover=[4.0], imbalance=[-0.2], trades=[3])
        buy, sell, _ = shapes_of(svg_of(charts.volume(frame)))["rect"]
        heights = [float(shape["d"].partition("v")[2].partition("h")[0]) for shape in (buy, sell)]
        assert heights[1] == pytest.approx(1.5 * heights[0], rel=0.02)
        assert buy["fill"] != sell["fill"]

    def test_charts_that_stand_together_keep_their_pointers_apart(self, lake):
        both = charts.price(lake.volume("AAA", every="15m")) & charts.spread(lake.spread("AAA", every="1h"))
        names = [each["name"] for each in both.to_dict(validate=False)["params"]]
        assert names == ["under_price", "under_spread"]

    def test_of_mark_and_mid_the_one_that_lies_beneath_is_wider(self):
        frame = by_the_hour([0, 1], basis_bps=[1.0, 2.0], mid_basis_bps=[1.0, 2.0], last_basis_bps=[1.0, 2.0])
        frame = frame.with_columns(pl.lit(1.0).alias(name) for name in ("mark_price", "index_price", "mid"))
        mark, mid = shapes_of(svg_of(charts.basis(frame)))["line"]
        assert float(mark["stroke-width"]) > 2 * float(mid["stroke-width"])

    def test_a_figure_of_markets_is_a_line_each_that_breaks_where_it_is_unknown(self):
        frame = by_the_hour([0, 1, 2, 4], spread=[1.0, None, 2.0, 3.0])
        frame = pl.concat([frame, frame.with_columns(market=pl.lit("BBB"), spread=1.0)])
        first, second = shapes_of(svg_of(charts.over_time(frame, "spread", "spread")))["line"]
        assert (first["d"].count("M"), second["d"].count("M")) == (3, 2)
        assert first["stroke"] != second["stroke"]

    def test_the_hours_of_every_axis_are_of_24(self):
        drawn = svg_of(charts.over_time(by_the_hour(range(18), spread=1.0), "spread", "spread"))
        assert "16:00" in drawn
        assert "PM" not in drawn

    def test_the_axis_is_of_the_span_that_is_asked_for_in_utc(self):
        frame = by_the_hour([1], open_interest=[1.0], notional=[1.0], change=[1.0], mark_price=[1.0])
        drawn = svg_of(charts.open_interest(frame, (DAY, DAY + 3 * HOUR)))
        assert "22 November 2026, UTC" in drawn
        assert ["00:00" in drawn or "22 Nov" in drawn, "03:00" in drawn] == [True, True]


class TestMaps:
    def spread(self, *values):
        names = ("effective_spread_bps", "realised_spread_bps", "impact_bps", "spread_min", "spread_max")
        frame = by_the_hour(range(len(values)), relative_spread_bps=list(values))
        return frame.with_columns(*(pl.lit(1.0).alias(name) for name in names), snapshots=1)

    def test_what_is_unknown_is_not_drawn(self):
        frame = self.spread(1.0, None, 3.0)
        assert marks_of(svg_of(charts.spread_map(frame))) == {"rect": 2}

    def test_a_spread_of_zero_or_less_has_the_colour_of_the_least(self):
        frame = self.spread(0.0, -1.0, 1.0, 10.0)
        fills = [shape["fill"] for shape in shapes_of(svg_of(charts.spread_map(frame)))["rect"]]
        assert fills[0] == fills[1] == fills[2] != fills[3]

    def test_markets_are_rows_in_the_order_given_those_without_a_figure_too(self):
        chart = charts.spread_map(self.spread(1.0), ["ZZZ", "AAA"]).to_dict()
        assert chart["encoding"]["y"]["scale"]["domain"] == ["ZZZ", "AAA"]

    def test_any_name_of_a_market_is_shown_as_it_is(self):
        frame = self.spread(1.0).with_columns(market=pl.lit(HOSTILE))
        drawn = svg_of(charts.spread_map(frame))
        assert html.escape(HOSTILE, quote=False) in drawn
        assert HOSTILE not in drawn


class TestProfile:
    def frames(self, days=1, volume=True):
        """Three prices a day with volumes 1, 6 and 3: the area is the upper two."""
        at = [DAY + timedelta(days=each) for each in range(days) for _ in range(3)]
        sizes = [1.0, 6.0, 3.0] * days
        rows = {"market": "AAA", "day": at, "bin": [10, 11, 12] * days, "bin_width": 0.5}
        rows |= {"low": [5.0, 5.5, 6.0] * days, "high": [5.5, 6.0, 6.5] * days, "trades": [1, 2, 5] * days}
        rows |= {"volume": sizes, "buy_volume": sizes, "share": [each / 10 for each in sizes]}
        areas = {"market": "AAA", "day": at[::3], "point_of_control": 5.75}
        profile = pl.DataFrame(rows)
        if not volume:
            unknown = pl.lit(None, pl.Float64)
            profile = profile.with_columns(unknown.alias(name) for name in ("volume", "buy_volume", "share"))
        return profile, pl.DataFrame(areas | {"value_area_low": 5.5, "value_area_high": 6.5})

    def test_bins_are_the_point_of_control_the_value_area_and_the_rest(self):
        rows = rows_of_chart(charts.volume_profile(*self.frames()))
        assert [row["part"] for row in rows] == ["other", "point of control", "value area"]

    def test_bars_are_as_long_as_their_volumes(self):
        bars = shapes_of(svg_of(charts.volume_profile(*self.frames())))["rect"]
        assert [width_of(bar) for bar in bars] == pytest.approx([100, 600, 300], rel=0.01)

    def test_days_stand_beside_one_another_the_last_seven_at_most(self):
        rows = rows_of_chart(charts.volume_profile(*self.frames(9)))
        assert sorted({row["begin"] for row in rows}) == [0, 1, 2, 3, 4, 5, 6]
        assert rows[0]["date_text"] == "24 November 2026"
        assert all(row["begin"] < row["end"] < row["begin"] + 1 for row in rows)

    def test_a_day_of_which_too_little_is_known_counts_trades(self):
        chart = charts.volume_profile(*self.frames(volume=False))
        assert [row["end"] for row in rows_of_chart(chart)] == [1, 2, 5]
        assert chart.to_dict()["encoding"]["x"]["title"] == "trades, 22 November 2026"


class TestCalendar:
    def gaps(self, *changes):
        """Rows of the table gaps: an hour without trades, and what is otherwise about each."""
        hour = {"ts_start": DAY + HOUR, "ts_end": DAY + 2 * HOUR}
        row = {"stream": "trade", "market": "AAA", "reason": "disconnect", "repaired": "none", "detail": ""}
        row |= hour | {"remains_start": DAY + HOUR, "remains_end": DAY + 2 * HOUR, "minute": None}
        row |= {"lag_low_us": 0, "lag_high_us": 0}
        types = dict.fromkeys((*hour, "remains_start", "remains_end", "minute"), pl.Datetime("us", "UTC"))
        types |= {"lag_low_us": pl.Int64, "lag_high_us": pl.Int64, "market": pl.String}
        return pl.DataFrame([row, *(row | each for each in changes)], schema_overrides=types)[1:]

    def coverage(self, grades="AD", markets=("AAA", "BBB")):
        shares = {f"share_{grade.lower()}": 0.25 for grade in GRADES}
        seen = {f"{each}_coverage": 1.0 for each in ("trade", "depth", "kline", "state")}
        frames = [
            by_the_hour(range(len(grades)), **shares, **seen, judged=1.0).with_columns(
                market=pl.lit(market), grade=pl.Series(list(grades))
            )
            for market in markets
        ]
        return pl.concat(frames)

    def test_a_bucket_has_the_colour_of_its_grade(self):
        drawn = shapes_of(svg_of(charts.coverage_map(self.coverage("ABCD", ["AAA"]), self.gaps().clear())))
        assert [shape["fill"] for shape in drawn["rect"]] == list(GRADES.values())

    def test_the_worse_a_grade_the_darker(self):
        lights = [luminance(colour) for colour in GRADES.values()]
        assert all(better > worse + 0.1 for better, worse in itertools.pairwise(lights))

    def test_a_gap_is_in_the_row_of_its_market_and_one_of_all_in_every_row(self):
        gaps = self.gaps({}, {"market": None, "stream": None, "reason": "crash"})
        rows = rows_of_chart(charts.coverage_map(self.coverage(), gaps), 1)
        assert sorted((row["market"], row["reason"], row["stream"]) for row in rows) == [
            ("AAA", "crash", "all"), ("AAA", "disconnect", "trade"), ("BBB", "crash", "all")
        ]  # fmt: skip

    def test_streams_that_fell_out_together_are_one_bar(self):
        rows = rows_of_chart(charts.coverage_map(self.coverage(), self.gaps({}, {"stream": "depth"})), 1)
        assert [row["stream"] for row in rows] == ["depth, trade"]

    def test_what_is_repaired_does_not_look_like_what_is_missing(self):
        repaired = {"repaired": "fully", "remains_start": None, "remains_end": None, "reason": "crash"}
        drawn = svg_of(charts.coverage_map(self.coverage(), self.gaps({}, repaired)))
        missing, whole = shapes_of(drawn)["rect"][-2:]
        assert missing["fill"] != whole["fill"]

    def test_of_many_gaps_the_longest_are_drawn(self, monkeypatch):
        monkeypatch.setattr(calendar, "MOST_GAPS", 2)
        ends = [{"ts_end": DAY + HOUR + minutes * MINUTE, "reason": str(minutes)} for minutes in (1, 9, 5)]
        rows = rows_of_chart(charts.coverage_map(self.coverage(), self.gaps(*ends)), 1)
        assert {row["reason"] for row in rows} == {"9", "5"}

    def test_what_fell_out_together_is_told_once(self):
        pairs = [("AAA", "trade"), ("BBB", "trade"), ("AAA", "depth"), ("BBB", "depth"), (None, "state")]
        together = [{"market": market, "stream": stream} for market, stream in pairs]
        alone = {"market": "BBB", "reason": "silence", "remains_end": DAY + 3 * HOUR}
        told = by_markets(on_venue_clock(self.gaps(*together, alone), DAY + 5 * HOUR), 2)
        assert told.select("stream", "everywhere", "markets", "remains_seconds").rows() == [
            ("trade", False, ["BBB"], 7200.0), ("depth, state, trade", True, [], 3600.0)
        ]  # fmt: skip

    def test_gaps_are_told_by_the_venues_clock(self):
        lagging = {"lag_low_us": 1_000_000, "lag_high_us": 3_000_000}
        by_candle = {"minute": DAY + 7 * MINUTE, "lag_low_us": None, "lag_high_us": None}
        still_open = {"ts_end": None, "remains_end": None} | lagging
        placed = on_venue_clock(self.gaps(lagging, by_candle, still_open), DAY + 5 * HOUR)
        second = timedelta(seconds=1)
        assert list(placed.select("from", "to").iter_rows()) == [
            (DAY + HOUR - 3 * second, DAY + 2 * HOUR - second),
            (DAY + 7 * MINUTE, DAY + 8 * MINUTE),
            (DAY + HOUR - 3 * second, DAY + 5 * HOUR),
        ]
        assert placed["remains_seconds"].to_list() == [3600, 3600, 4 * 3600 + 1]


def test_light_and_dark_differ_in_ink_and_agree_in_everything_else():
    differing = {key for key in LIGHT if LIGHT[key] != DARK[key]}
    assert differing == {"style", "axis", "legend", "range"}
    assert luminance(LIGHT["axis"]["labelColor"]) < 0.2
    assert luminance(DARK["axis"]["labelColor"]) > 0.35


def rgb(colour):
    """Red, green and blue, 0 to 255, of `#rrggbb` or `rgb(r, g, b)`."""
    if colour.startswith("#"):
        return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return [int(part) for part in re.findall(r"\d+", colour)]


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    parts = [part / 255 for part in rgb(colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
