"""Volume by price, and the value area: against decimals, and against the procedure as a loop."""

import random
from decimal import Decimal

import pytest
from asked_lakes import DAY_LENGTH_US, described, graded, lake_at, moved, rows_as
from lakedays import DAY_US, trade

from analytics import open_lake


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def lake_of(data_dir, trades, markets=(), coverage=()):
    with lake_at(data_dir) as day:
        day.add("trades", rows_as("trades", trades))
        day.add("markets", rows_as("markets", markets))
        day.add("coverage", rows_as("coverage", coverage))
    return open_lake(data_dir)


def traded(sizes, *, market="AAA", seed=0):
    """A trade of each size at its price."""
    chance = random.Random(seed)
    return [
        trade(
            chance.randrange(DAY_LENGTH_US), number, price, size, chance.choice(["buy", "sell"]),
            market=market,
        )
        for number, (price, size) in enumerate(sizes)
    ]  # fmt: skip


WIDTHS = (
    (100.0, 0.001, 0.05),  # 5 bps is 50 ticks
    (100.1, 0.001, 0.05),
    (99.9, 0.001, 0.02),  # 49.95 ticks
    (61_680.9, 0.1, 20.0),  # 308.4045 ticks
    (61_680.9, 0.3, 30.0),  # 102.8015 ticks
    (200.0, 0.01, 0.1),
    (400.0, 0.01, 0.2),
    (0.5, 0.001, 0.001),  # a quarter of a tick
    (4_001.25, 0.25, 1.25),  # 8.0025 ticks
    (1.2, 0.00005, 0.0005),  # 12 ticks
    (50_000.0, 5.0, 25.0),  # 5 ticks
    (0.0000123, 1e-10, 5e-9),  # 61.5 ticks
    (100.0, None, 0.05),
    (3_000.0, None, 1.0),
)
"""Price, tick and the width that follows."""


class TestBins:
    def test_they_are_a_round_number_of_ticks_of_at_most_five_bps_of_the_vwap(self, tmp_path):
        trades = [
            trade(0, 1, price, 3.0, market=f"M{number:02d}") for number, (price, *_) in enumerate(WIDTHS)
        ]
        ticks = [described(f"M{number:02d}", tick_size) for number, (_, tick_size, _) in enumerate(WIDTHS)]
        found = rows(lake_of(tmp_path, trades, ticks), "SELECT * FROM volume_profile_1d ORDER BY market")
        assert [row["bin_width"] for row in found] == [width for *_, width in WIDTHS]
        assert all(row["low"] <= price < row["high"] for row, (price, *_) in zip(found, WIDTHS, strict=True))

    def test_a_price_at_the_edge_of_a_bin_is_the_least_of_that_bin(self, tmp_path):
        ticks = [Decimal(text) for text in ("0.001", "0.25", "0.00005", "3", "0.03")]
        numbers = range(20_001, 20_201)
        trades = [
            row
            for tick in ticks
            for row in traded([(float(tick * number), 1.0) for number in numbers], market=str(tick))
        ]
        lake = lake_of(tmp_path, trades, [described(str(tick), float(tick)) for tick in ticks])
        found = rows(lake, "SELECT * FROM volume_profile_1d ORDER BY market, bin")
        assert [row["trades"] for row in found] == [9, *[10] * 19, 1] * len(ticks)
        for row in found:
            width = 10 * Decimal(row["market"])
            assert row["low"] == pytest.approx(float(row["bin"] * width), rel=1e-15)
            assert row["high"] == pytest.approx(float((row["bin"] + 1) * width), rel=1e-15)

    def test_the_edges_are_the_decimals_that_were_meant(self, tmp_path):
        lake = lake_of(
            tmp_path, traded([(99 + number / 100, 1.0) for number in range(200)]), [described("AAA", 0.001)]
        )
        lows = [row["low"] for row in rows(lake, "SELECT * FROM volume_profile_1d ORDER BY low")]
        assert lows == [round(99 + number * 0.02, 2) for number in range(100)]

    def test_the_tick_is_the_one_that_was_told_up_to_that_day_or_first_after_it(self, tmp_path):
        def told(days_later, hours, tick_size):
            at = DAY_US + days_later * DAY_LENGTH_US + hours * 3_600_000_000
            return described("AAA", tick_size) | {"ts_recv": at}

        days = [told(1, 3, 0.5), told(1, 5, 0.7), told(3, 0, 1.0), told(5, 0, None)]
        with lake_at(tmp_path) as day:
            for later in (0, 1, 2, 4, 6):
                date = f"2026-11-{22 + later}"
                day.add("trades", rows_as("trades", moved([trade(9, 1, 100.0)], later)), date=date)
            for row in days:
                date = f"2026-11-{22 + (row['ts_recv'] - DAY_US) // DAY_LENGTH_US}"
                day.add("markets", rows_as("markets", [row]), date=date)
        found = rows(open_lake(tmp_path), "SELECT day(date) AS day, bin_width FROM volume_profile_1d")
        widths = {row["day"]: row["bin_width"] for row in found}
        assert widths == pytest.approx({22: 0.7, 23: 0.7, 24: 0.7, 26: 1.0, 28: 1.0}, rel=1e-15)


class TestProfile:
    def test_each_bin_holds_its_trades_and_the_shares_are_of_the_day(self, tmp_path):
        chance = random.Random(3)
        trades = traded(
            [
                (round(chance.gauss(100, 0.3), 3), round(chance.expovariate(0.5) + 0.001, 3))
                for _ in range(400)
            ]
        )
        found = rows(lake_of(tmp_path, trades, [described("AAA", 0.001)]), "SELECT * FROM volume_profile_1d")
        [width] = {Decimal(str(row["bin_width"])) for row in found}
        expected = {}
        for each in trades:
            expected.setdefault(int(Decimal(str(each["price"])) // width), []).append(each)
        volume = sum(each["quantity"] for each in trades)
        assert {row["bin"] for row in found} == set(expected)
        for row in found:
            own = expected[row["bin"]]
            assert row["trades"] == len(own)
            sums = {
                "volume": sum(each["quantity"] for each in own),
                "turnover": sum(each["quantity"] * each["price"] for each in own),
                "buy_volume": sum(each["quantity"] for each in own if each["side"] == "buy"),
                "share": sum(each["quantity"] for each in own) / volume,
            }
            assert {name: row[name] for name in sums} == pytest.approx(sums, rel=1e-12, abs=1e-12)
        assert sum(row["share"] for row in found) == pytest.approx(1, rel=1e-12)

    def test_a_day_observed_for_less_than_a_tenth_has_counts_alone(self, tmp_path):
        coverage = [graded(at) for at in range(143)]
        lake = lake_of(tmp_path, [trade(0, 1)], [described("AAA")], coverage)
        [row] = rows(lake, "SELECT trades, volume, turnover, buy_volume, share FROM volume_profile_1d")
        assert row == {"trades": 1, "volume": None, "turnover": None, "buy_volume": None, "share": None}
        [area] = rows(
            lake, "SELECT point_of_control, value_area_low, value_area_high, bins FROM value_area_1d"
        )
        assert area == {
            "point_of_control": None,
            "value_area_low": None,
            "value_area_high": None,
            "bins": 1,
        }


def value_area(sizes):
    """Of volumes by whole price: point of control, lowest and highest price of the area, step by step."""
    total = sum(sizes.values())
    middle = (min(sizes) + max(sizes)) / 2
    control = min(sizes, key=lambda price: (-sizes[price], abs(price - middle), price))
    low = high = control
    held = sizes[control]
    while held < 0.7 * total - 1e-9:
        above = sizes.get(high + 1, 0) if high < max(sizes) else -1
        below = sizes.get(low - 1, 0) if low > min(sizes) else -1
        if above >= below:
            high += 1
            held += above
        else:
            low -= 1
            held += below
    return control, low, high


class TestValueArea:
    def ask(self, data_dir, profiles):
        """The area of each profile, of volumes by whole price at a tick of 1."""
        names = {f"M{number:04d}": sizes for number, sizes in enumerate(profiles)}
        trades = [row for name, sizes in names.items() for row in traded(sizes.items(), market=name)]
        lake = lake_of(data_dir, trades, [described(name, 1.0) for name in names])
        found = {row["market"]: row for row in rows(lake, "SELECT * FROM value_area_1d")}
        return [found[name] for name in names]

    def test_by_hand(self, tmp_path):
        sizes = {96: 3, 97: 8, 98: 5, 99: 10, 100: 30, 101: 12, 102: 1, 103: 20, 104: 11}
        # 30 of 100; + 12 (101) over 10; + 10 (99) over 1; + 5 (98) over 1; + 8 (97) over 1; + 3 (96) over 1;
        # the way down is at its end with 68, so the thin 102 is passed, then 103: 69, 89.
        [row] = self.ask(tmp_path, [sizes])
        assert (row["value_area_low"], row["value_area_high"], row["point_of_control"]) == (96, 104, 100.5)
        assert (row["value_area_share"], row["value_area_bins"], row["bins"], row["volume"]) == (
            pytest.approx(0.89), 8, 9, 100,
        )  # fmt: skip

    def test_by_an_example_that_is_passed_on_with_the_procedure(self, tmp_path):
        """150 at 106; 90 above over 70 below; 80 over 70; 70 below over 50: 390 of 554, 388 was wanted."""
        sizes = {103: 34, 104: 40, 105: 70, 106: 150, 107: 90, 108: 80, 109: 50, 110: 40}
        [row] = self.ask(tmp_path, [sizes])
        assert (row["value_area_low"], row["value_area_high"], row["point_of_control"]) == (105, 109, 106.5)
        assert row["value_area_share"] == pytest.approx(390 / 554)

    def test_of_two_points_of_control_the_one_nearer_to_the_middle_is_taken_then_the_lower(self, tmp_path):
        profiles = [{100: 5, 101: 1, 102: 1, 103: 5, 104: 1}, {100: 5, 101: 1, 102: 5}]
        found = self.ask(tmp_path, profiles)
        assert [row["point_of_control"] for row in found] == [103.5, 100.5]

    def test_it_ends_where_exactly_seven_tenths_are_held(self, tmp_path):
        [row] = self.ask(tmp_path, [{99: 1, 100: 4, 101: 3, 102: 2}])
        assert (row["value_area_low"], row["value_area_high"]) == (100, 102)
        assert row["value_area_share"] == pytest.approx(0.7)

    def test_of_equals_the_upper_one_is_added(self, tmp_path):
        profiles = [{98: 1, 99: 2, 100: 5, 101: 2, 102: 1}, {99: 2, 100: 5, 101: 2}]
        found = self.ask(tmp_path, profiles)
        areas = [(row["value_area_low"], row["value_area_high"]) for row in found]
        assert areas == [(99, 102), (100, 102)]

    def test_a_bin_without_a_trade_is_passed_like_one_of_no_volume(self, tmp_path):
        [row] = self.ask(tmp_path, [{97: 1, 98: 1, 99: 1, 100: 5, 102: 4}])
        assert (row["value_area_low"], row["value_area_high"]) == (97, 103)

    def test_a_day_of_one_price_is_its_own_area(self, tmp_path):
        [row] = self.ask(tmp_path, [{100: 5}])
        assert (row["point_of_control"], row["value_area_low"], row["value_area_high"]) == (100.5, 100, 101)
        assert row["value_area_share"] == 1

    def test_it_is_what_the_procedure_gives_step_by_step(self, tmp_path):
        chance = random.Random(5)
        profiles = []
        for number in range(300):
            prices = range(1_000, 1_000 + chance.choice([1, 2, 5, 12, 30]))
            greatest = chance.choice([1, 3, 9, 1000])
            sizes = {price: chance.randrange(greatest + 1) for price in prices}
            if number % 3 == 0:
                sizes = {price: size / 8 + chance.random() for price, size in sizes.items()}
            profiles.append({price: size for price, size in sizes.items() if size > 0} or {1_000: 1})
        found = self.ask(tmp_path, profiles)
        for sizes, row in zip(profiles, found, strict=True):
            control, low, high = value_area(sizes)
            given = (row["point_of_control"], row["value_area_low"], row["value_area_high"])
            assert given == (control + 0.5, low, high + 1), sizes
            inside = [size for price, size in sizes.items() if low <= price <= high]
            assert row["value_area_bins"] == len(inside)
            assert row["value_area_share"] == pytest.approx(sum(inside) / sum(sizes.values()), rel=1e-12)
