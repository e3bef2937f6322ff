"""Carry is funding and basis less what going in and out costs: worked by hand on a few hours."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from analytics.carry import COSTS, Terms, carried, conclusion, equity
from analytics.errors import NothingToShowError

DAY = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)
TERMS = Terms(fee_bps=1.0, hedge_bps=2.0, leverage=5.0)


def basis_of(*mids_bps, index=100.0, market="AAA"):
    """Rows of basis_1h from midnight; the index is 100 unless told for each hour."""
    hours = range(len(mids_bps))
    prices = index if isinstance(index, list) else [index] * len(mids_bps)
    rows = {"hour": [DAY + at * HOUR for at in hours], "mid_basis_bps": list(mids_bps), "index_price": prices}
    return pl.DataFrame({"market": market} | rows, schema_overrides={"mid_basis_bps": pl.Float64})


def settled(*rows, market="AAA"):
    """Rows of funding_settlements as (hour, rate), at a mark price of 100."""
    made = [(market, DAY + at * HOUR, rate, 100.0) for at, rate in rows]
    types = {"market": pl.String, "ts_settled": pl.Datetime("us", "UTC")}
    types |= {"funding_rate": pl.Float64, "mark_price": pl.Float64}
    return pl.DataFrame(made, schema=types, orient="row")


def cost_of(sell, buy, *, hours=24, notional=1e4, market="AAA"):
    """Rows of cost_profile_1h, all hours alike."""
    rows = {"hour": [DAY + at * HOUR for at in range(hours)], "notional": notional}
    costs = {"cost_bps_sell": sell, "cost_bps_buy": buy}
    types = dict.fromkeys(costs, pl.Float64)
    return pl.DataFrame({"market": market} | rows | costs, schema_overrides=types)


class TestEquity:
    def test_funding_counts_from_the_end_of_the_first_hour_to_the_start_of_the_last(self):
        path = equity(settled((0, 1.0), (1, 1e-4), (3, 2e-4), (4, 1.0)), basis_of(0, 0, 0, 0))
        assert path["funding_bps"].to_list() == pytest.approx([0, 1, 1, 3])
        assert path["settlements"].to_list() == [0, 1, 1, 2]

    def test_a_short_earns_what_the_basis_falls_by(self):
        path = equity(settled(), basis_of(10, 4, 13))
        sold_at = 100 * (1 + 10 / 1e4)
        assert path["basis_bps"].to_list() == pytest.approx([0, 600 / sold_at, -300 / sold_at])
        assert path["equity_bps"].to_list() == path["basis_bps"].to_list()

    def test_a_rate_is_paid_on_the_mark_price_of_then(self):
        path = equity(settled((1, 1e-4)), basis_of(0, 0, index=[50.0, 100.0]))
        assert path["funding_bps"].to_list() == pytest.approx([0, 2])

    def test_a_charge_that_is_not_proven_is_counted_and_in_no_sum(self):
        path = equity(settled((1, 1e-4), (2, None), (3, 1e-4)), basis_of(0, 0, 0, 0))
        assert path["funding_bps"].to_list() == pytest.approx([0, 1, 1, 2])
        assert path["unknown"].to_list() == [0, 0, 1, 1]

    def test_an_hour_without_a_basis_has_no_row(self):
        path = equity(settled((1, 1e-4)), basis_of(0, None, 0))
        assert path["hour"].to_list() == [DAY, DAY + 2 * HOUR]
        assert path["funding_bps"].to_list() == pytest.approx([0, 1])


class TestCarried:
    @pytest.fixture(scope="class")
    @classmethod
    def row(cls):
        """A hold of 2 h that is paid 20 bps, then 10 bps; the basis falls by about 5 bps."""
        path = equity(settled((1, 2e-3), (3, 1e-3)), basis_of(5, 0, 3, 0))
        [row] = carried(path, cost_of(sell=0.5, buy=1.5), TERMS).to_dicts()
        return row

    def test_the_columns_add_up(self, row):
        paid = sum(row[name] for name in COSTS)
        assert (row["book_bps"], row["fee_bps"], row["hedge_bps"]) == (2, 2, 4)
        assert row["net_bps"] == pytest.approx(row["funding_bps"] + row["basis_bps"] - paid)
        assert row["net_quote"] == pytest.approx(row["net_bps"])

    def test_a_year_is_as_the_hours_were(self, row):
        assert row["hours"] == 2
        assert row["apr"] == pytest.approx(row["net_bps"] / 1e4 * 8760 / 2)
        assert row["apr_margin"] == pytest.approx(5 * row["apr"])
        assert row["apr_capital"] == pytest.approx(row["apr"] / 1.2)

    def test_costs_are_earned_by_the_settlement_that_reaches_them(self, row):
        assert row["earned_after"] == 1
        assert (row["needed"], row["needed_hours"]) == (1, pytest.approx(8 / row["funding_bps"] * 2))

    def test_risk_is_of_the_equity_before_costs(self):
        path = equity(settled(), basis_of(0, -4, 6, 2, index=[100.0, 100.0, 102.0, 100.0]))
        [row] = carried(path, cost_of(1, 1), TERMS).to_dicts()
        assert row["drawdown_bps"] == pytest.approx(4 + 6 * 1.02)
        assert row["deviation_bps"] == pytest.approx(path["equity_bps"].diff().std())
        assert row["margin_used"] == pytest.approx(5 * (102 * (1 + 6e-4) / 100 - 1))

    def test_a_book_that_is_too_thin_at_one_end_leaves_the_net_unknown(self):
        path = equity(settled((1, 1e-4)), basis_of(0, 0, 0))
        [row] = carried(path, cost_of(sell=1, buy=None), TERMS).to_dicts()
        assert (row["net_bps"], row["apr"], row["funding_bps"]) == (None, None, pytest.approx(1))

    def test_where_shorts_pay_costs_are_never_earned(self):
        path = equity(settled((1, -1e-4)), basis_of(0, 0, 0))
        [row] = carried(path, cost_of(1, 1), TERMS).to_dicts()
        assert (row["earned_after"], row["needed"], row["needed_hours"]) == (None, None, None)

    def test_each_size_is_a_row(self):
        path = equity(settled((1, 1e-2)), basis_of(0, 0, 0))
        costs = pl.concat([cost_of(1, 1, notional=1e3), cost_of(9, 9, notional=1e5)])
        few, many = carried(path, costs, TERMS).to_dicts()
        assert few["net_bps"] - many["net_bps"] == pytest.approx(16)

    def test_two_hours_are_no_hold(self):
        with pytest.raises(NothingToShowError, match="long enough"):
            carried(equity(settled(), basis_of(0, 0)), cost_of(1, 1), TERMS)


class TestConclusion:
    def told(self, notional=1e4):
        """AAA earns its costs by its funding, BBB pays as a short; a larger order costs AAA all of it."""
        path = equity(
            pl.concat([settled((1, 2e-3)), settled((1, -1e-4), market="BBB")]),
            pl.concat([basis_of(0, 0, 0), basis_of(0, 0, 0, market="BBB")]),
        )
        costs = [cost_of(1, 1, market=market) for market in ("AAA", "BBB")]
        costs.append(cost_of(50, 50, notional=1e5))
        return conclusion(carried(path, pl.concat(costs), TERMS), notional, TERMS)

    def test_it_names_who_earned_the_costs_and_who_lost(self):
        told = self.told()
        assert "worth its costs in 1 of 2 markets: AAA (+12.0 bps)." in told
        assert "1 market lost; most of all BBB (-9.00 bps)." in told

    def test_it_says_what_it_was_made_of(self):
        assert "funding +9.50 bps, basis 0.00 bps, against 2.00 bps to the book" in self.told().replace(
            "+0", "0"
        )

    def test_it_says_how_long_it_takes(self):
        assert "earned after 1 settlement or 24 minutes (AAA) there alone." in self.told()
        assert "In 1 market shorts were not paid on the whole" in self.told()

    def test_it_says_which_size_earned_most(self):
        assert self.told().endswith("most quote units were earned by AAA with 10,000 (+12.00).")

    def test_where_no_size_earns_it_says_so(self):
        path = equity(settled((1, 0.0)), basis_of(0, 0, 0))
        told = conclusion(carried(path, cost_of(1, 1), TERMS), 1e4, TERMS)
        assert "not worth its costs in any of 1 market." in told
        assert told.endswith("No size would have earned anything in any market.")

    def test_a_size_that_no_book_held_leaves_it_open(self):
        assert "nothing follows" in self.told(notional=5e6)
