import itertools
from random import Random

from recorder.simulator.catalogue import market_spec
from recorder.simulator.figures import PREMIUM, RATE_CAP, Figures, capped_rate


def test_a_small_premium_leaves_the_interest_and_a_great_one_is_capped():
    assert capped_rate(0.0) == 10_000
    assert capped_rate(0.0004) == 10_000
    assert capped_rate(0.001) == 50_000
    assert capped_rate(0.5) == RATE_CAP
    assert capped_rate(-0.5) == -RATE_CAP


def test_the_prediction_follows_the_mean_premium_since_the_last_settlement():
    figures = Figures(market_spec(0, 1), Random(1), 1_000)
    for second in range(1_001, 1_200):
        figures.step(second, figures.index * 1.002)
    assert figures.rate_predict > 100_000
    figures.step(figures.settles_s, figures.index * 1.0)
    assert abs(figures.rate_predict) < 60_000


def test_settlement_moves_the_rates_up_one_place():
    figures = Figures(market_spec(0, 1), Random(1), 1_000)
    figures.rate_last, figures.rate_next, figures.rate_predict = 1, 2, 3
    figures.step(figures.settles_s, float(figures.index))
    assert (figures.rate_last, figures.rate_next) == (2, 3)
    assert figures.settles_s == 57_600


def test_what_a_market_pays_beyond_its_index_changes_from_one_settlement_to_the_next_but_not_wholly():
    figures, rates = Figures(market_spec(0, 1), Random(3), 0), []
    for _ in range(400):
        figures.settles_s = 0
        figures.step(1, float(figures.index))
        rates.append(figures._bias)
    pairs = list(itertools.pairwise(rates))
    mean = sum(rates) / len(rates)
    variance = sum((rate - mean) ** 2 for rate in rates) / len(rates)
    together = sum((one - mean) * (two - mean) for one, two in pairs) / len(pairs)
    assert 0.7 < together / variance < 0.9
    assert 0.7 * PREMIUM < variance**0.5 < 1.3 * PREMIUM
