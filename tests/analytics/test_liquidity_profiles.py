"""How much stood how near the mid, and what amounts cost: by hour, against plain twins and worked by hand."""

from collections import defaultdict

import pytest
from asked_lakes import graded, lake_at, rows_as
from book_twins import alike, rows, standing, stays, two_days
from lakedays import HOUR_US, MINUTE_US, book

from analytics import open_lake

BANDS = (1, 5, 10, 25, 50, 100)
NOTIONALS = (1e3, 1e4, 1e5, 1e6)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    return two_days(tmp_path_factory.mktemp("lake"), 21)


@pytest.fixture(scope="module")
def hours(lake):
    """{(market, hour): [(book, seconds)]} of the books with both sides."""
    found = defaultdict(list)
    for (market, _), books in standing(lake).items():
        for one in books:
            if one["mid"] is not None:
                for hour, us in stays(one, HOUR_US):
                    found[market, hour].append((one, us / 1e6))
    return found


def levels(one, side):
    return [(level["price"], level["quantity"]) for level in one[side]]


def mean(figures):
    """Of pairs of a figure and its seconds: the mean without those of None; None if half or more are."""
    known = [(figure, seconds) for figure, seconds in figures if figure is not None]
    deep = sum(seconds for _, seconds in known)
    if deep <= sum(seconds for _, seconds in figures) / 2:
        return None
    return sum(figure * seconds for figure, seconds in known) / deep


def near(one, side, bps):
    return sum(
        price * quantity
        for price, quantity in levels(one, side)
        if abs(price - one["mid"]) <= one["mid"] * bps / 1e4
    )


def seen(one, side, bps):
    return max(abs(price - one["mid"]) for price, _ in levels(one, side)) >= one["mid"] * bps / 1e4


def price_of(one, side, notional):
    """What the base that an amount takes from a side comes to; None where the side holds less."""
    left, base = notional, 0.0
    for price, quantity in levels(one, side):
        part = min(left, price * quantity)
        left, base = left - part, base + part / price
    return notional / base if left == 0 else None


def test_every_hours_depth_is_what_the_definition_says(lake, hours):
    found = rows(lake, "SELECT *, unix_micros(hour) AS us FROM depth_profile_1h WHERE observed_seconds > 0")
    assert {(row["market"], row["us"], row["within_bps"]) for row in found} == {
        (*key, bps) for key in hours for bps in BANDS
    }
    for row in found:
        books, bps = hours[row["market"], row["us"]], row["within_bps"]
        seconds = sum(part for _, part in books)
        assert alike([row["observed_seconds"], row["coverage"]], [seconds, seconds / 3600])
        figures = [mean([(near(one, side, bps), part) for one, part in books]) for side in ("bids", "asks")]
        figures += [
            mean([(float(seen(one, side, bps)), part) for one, part in books]) for side in ("bids", "asks")
        ]
        names = ("bid_depth", "ask_depth", "bid_complete", "ask_complete")
        assert alike([row[name] for name in names], figures if seconds >= 360 else [None] * 4)


def test_every_hours_costs_are_what_the_definition_says(lake, hours):
    found = rows(lake, "SELECT *, unix_micros(hour) AS us FROM cost_profile_1h WHERE observed_seconds > 0")
    assert {(row["market"], row["us"], row["notional"]) for row in found} == {
        (*key, notional) for key in hours for notional in NOTIONALS
    }
    for row in found:
        books, notional = hours[row["market"], row["us"]], row["notional"]
        seconds = sum(part for _, part in books)
        bought = [(price_of(one, "asks", notional), one["mid"], part) for one, part in books]
        sold = [(price_of(one, "bids", notional), one["mid"], part) for one, part in books]
        figures = [
            mean([(price and 1e4 * (price / mid - 1), part) for price, mid, part in bought]),
            mean([(price and 1e4 * (1 - price / mid), part) for price, mid, part in sold]),
            *(sum(part for price, _, part in side if price) / seconds for side in (bought, sold)),
        ]
        names = ("cost_bps_buy", "cost_bps_sell", "deep_share_buy", "deep_share_sell")
        assert alike([row[name] for name in names], figures if seconds >= 360 else [None] * 4)


def test_what_is_stored_by_the_minute_is_in_the_profiles(lake):
    """Depth within 10 bps and the cost of 10,000, which compaction sums up in numpy."""
    pairs = rows(
        lake,
        "SELECT l.bid_depth, d.bid_depth, l.ask_depth, d.ask_depth, l.cost_bps_buy, c.cost_bps_buy, "
        "l.cost_bps_sell, c.cost_bps_sell FROM liquidity_1h l "
        "JOIN depth_profile_1h d ON d.market = l.market AND d.hour = l.hour AND d.within_bps = 10 "
        "JOIN cost_profile_1h c ON c.market = l.market AND c.hour = l.hour AND c.notional = 1e4 "
        "WHERE l.coverage > 0",
    )
    assert len(pairs) >= 8
    for row in pairs:
        values = list(row.values())
        assert alike(values[::2], values[1::2])
    assert any(row["cost_bps_buy"] is not None for row in pairs)


# --- by hand -------------------------------------------------------------------------------------


def profile(data_dir, view, *books, coverage=(), where="true"):
    with lake_at(data_dir) as day:
        day.add("depth", *books)
        day.add("coverage", rows_as("coverage", coverage))
        return rows(open_lake(data_dir), f"SELECT * FROM {view} WHERE {where} ORDER BY hour, 4")


def all_hour(**sides):
    """The same book every minute of an hour."""
    return [book(at * MINUTE_US, **sides) for at in range(60)]


def test_depth_adds_up_outwards_and_says_how_far_it_was_seen(tmp_path):
    """The mid is 1,000: bids 0.5, 2 and 30 bps below it, asks 0.5 and 10 bps above."""
    bids = [(999.95, 1.0), (999.8, 2.0), (997.0, 3.0)]
    found = profile(tmp_path, "depth_profile_1h", *all_hour(bids=bids, asks=[(1000.05, 1.0), (1001.0, 2.0)]))
    assert [row["within_bps"] for row in found] == list(BANDS)
    near_bids = 999.95, 999.95 + 1999.6, 999.95 + 1999.6 + 2991.0
    assert [row["bid_depth"] for row in found] == pytest.approx([near_bids[at] for at in (0, 1, 1, 1, 2, 2)])
    assert [row["bid_complete"] for row in found] == [1, 1, 1, 1, 0, 0]
    assert [row["ask_depth"] for row in found] == pytest.approx([1000.05] * 2 + [3002.05] * 4)
    assert [row["ask_complete"] for row in found] == [1, 1, 1, 0, 0, 0]


def test_each_band_ends_where_it_says(tmp_path):
    """A level of 1 just within each band and one of 2 just beyond it: each band has those up to its own."""
    away = [(1000.0 * bps / 1e4 * part, size) for bps in BANDS for part, size in ((0.99, 1), (1.01, 2))]
    sides = {
        "bids": [(1000.0 - step, size / (1000.0 - step)) for step, size in away],
        "asks": [(1000.0 + step, size / (1000.0 + step)) for step, size in away],
    }
    found = profile(tmp_path, "depth_profile_1h", *all_hour(**sides))
    expected = [1.0 + 3 * at for at in range(len(BANDS))]
    assert [row["bid_depth"] for row in found] == pytest.approx(expected)
    assert [row["ask_depth"] for row in found] == pytest.approx(expected)
    assert {row["bid_complete"] for row in found} == {row["ask_complete"] for row in found} == {1.0}
    nearer = {side: levels[:-1] for side, levels in sides.items()}  # the last one is 99 bps away now
    found = profile(tmp_path / "nearer", "depth_profile_1h", *all_hour(**nearer))
    assert [row["bid_complete"] for row in found] == [1, 1, 1, 1, 1, 0]


def test_a_side_that_holds_the_amount_to_the_last_is_deep_enough(tmp_path):
    found = profile(tmp_path, "cost_profile_1h", *all_hour(bids=[(100.0, 10.0)], asks=[(125.0, 8.0)]))
    assert (
        [row["deep_share_buy"] for row in found] == [row["deep_share_sell"] for row in found] == [1, 0, 0, 0]
    )
    assert found[0]["cost_bps_buy"] == pytest.approx(1e4 * (125 / 112.5 - 1))


def test_the_complete_share_is_of_time(tmp_path):
    """A quarter of an hour the asks are seen to 30 bps, then to 20."""
    near_asks, far_asks = ([(1000.05, 1.0), (1000.0 + bps / 10, 1.0)] for bps in (20, 30))
    books = [
        book(at * MINUTE_US, bids=[(999.95, 1.0)], asks=far_asks if at < 15 else near_asks)
        for at in range(60)
    ]
    found = profile(tmp_path, "depth_profile_1h", *books, where="within_bps = 25")
    assert [row["ask_complete"] for row in found] == [pytest.approx(0.25)]


def test_costs_rise_with_the_amount_until_the_book_is_too_thin(tmp_path):
    """Asks of 1,000 at 101 and of 1,000,000 at 102, bids of 50,000 at 99: the mid is 100."""
    sides = {"asks": [(101.0, 1e3 / 101), (102.0, 1e6 / 102)], "bids": [(99.0, 5e4 / 99)]}
    found = profile(tmp_path, "cost_profile_1h", *all_hour(**sides))
    assert [row["notional"] for row in found] == list(NOTIONALS)
    means = [
        1e3 / (1e3 / 101),
        *(amount / (1e3 / 101 + (amount - 1e3) / 102) for amount in NOTIONALS[1:]),
    ]
    assert [row["cost_bps_buy"] for row in found] == pytest.approx([1e4 * (mean / 100 - 1) for mean in means])
    assert [row["cost_bps_sell"] for row in found] == [pytest.approx(100), pytest.approx(100), None, None]
    assert [row["deep_share_buy"] for row in found] == [1, 1, 1, 1]
    assert [row["deep_share_sell"] for row in found] == [1, 1, 0, 0]


@pytest.mark.parametrize(("minutes", "cost"), [(30, None), (31, 100.0)])
def test_a_cost_needs_a_book_deep_enough_for_more_than_half_of_the_time(tmp_path, minutes, cost):
    books = [
        book(at * MINUTE_US, bids=[(99.0, 1.0)], asks=[(101.0, 1e4 if at < minutes else 1.0)])
        for at in range(60)
    ]
    [row] = profile(tmp_path, "cost_profile_1h", *books, where="notional = 1e4")
    assert row["cost_bps_buy"] == (cost and pytest.approx(cost))
    assert row["deep_share_buy"] == pytest.approx(minutes / 60)
    assert row["cost_bps_sell"] is None


def test_a_book_over_the_turn_of_an_hour_counts_in_both(tmp_path):
    books = [book(at * MINUTE_US + MINUTE_US // 2) for at in range(90)]
    found = profile(tmp_path, "depth_profile_1h", *books, where="within_bps = 100")
    assert [row["observed_seconds"] for row in found] == [59.5 * 60, 30.5 * 60]
    assert [row["bid_depth"] for row in found] == pytest.approx([100.0] * 2)


@pytest.mark.parametrize(("view", "count"), [("depth_profile_1h", 6), ("cost_profile_1h", 4)])
def test_an_hour_without_books_is_there_with_its_grade_and_without_figures(tmp_path, view, count):
    graded_hours = [graded(at, "B" if at == 70 else "A") for at in range(60, 120)]
    books = [book(at * MINUTE_US // 12) for at in range(70)]  # 405 s: enough for figures
    found = profile(tmp_path, view, *books, coverage=graded_hours)
    assert len(found) == 2 * count
    assert {row["grade"] for row in found[:count]} == {None}
    assert {(row["grade"], row["coverage"], row["observed_seconds"]) for row in found[count:]} == {
        ("B", 0, 0)
    }
    figures = [
        [value for name, value in row.items() if name.endswith(("depth", "share_buy"))] for row in found
    ]
    assert all(None not in each for each in figures[:1])
    assert all(value is None for each in figures[count:] for value in each)
