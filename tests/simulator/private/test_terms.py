import pytest

from recorder.simulator.catalogue import market_spec
from recorder.simulator.private.terms import terms_of
from recorder.simulator.private.units import ONE, exact


@pytest.mark.parametrize("rank", [0, 5, 18, 40, 90])
def test_values_are_exact_in_every_market(rank):
    terms = terms_of(market_spec(rank, 1))
    ticks, lots = terms.spec.start_ticks, terms.spec.order_lots
    assert exact(terms.value(ticks, lots)) == terms.spec.turnover(ticks * lots)


def test_the_tier_is_that_of_the_leverage():
    terms = terms_of(market_spec(0, 1))
    assert [tier.leverage for tier in terms.tiers] == [3, 5, 8, 10, 15, 20, 30, 50, 100]
    assert [terms.tier(leverage).maintenance for leverage in (20, 100)] == [2_000_000, 500_000]
    assert terms.tier(100).lots < terms.tier(3).lots
    assert [terms.allows(leverage) for leverage in (20, 21, 0)] == [True, False, False]


def test_prices_and_quantities_are_whole_steps_of_the_market():
    terms = terms_of(market_spec(7, 1))  # ticks of 0.05, quantities of 0.01
    assert [terms.ticks(text) for text in ("690", "690.05", "690.01", "0", "-5", "")] == [
        13_800, 13_801, None, None, None, None,
    ]  # fmt: skip
    assert [terms.lots(text) for text in ("1", "0.01", "0.001", "0", "x")] == [100, 1, None, None, None]
    assert terms.unit_price(terms.value(13_800, 250), 250) == 690 * ONE
