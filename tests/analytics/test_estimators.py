"""The estimators of arrays: what theory expects of a Brownian motion, figures by hand, invariances."""

import math

import numpy as np
import pytest

from analytics import estimators

SIGMA = 0.01
"""Standard deviation of a bar's return."""
ZETA_3 = 1.2020569031595942
BARS = 30_000
STEPS = 64


def brownian_bars(seed, *, drift=0.0, opening=0.0, bars=BARS):
    """Open, high, low, close of a Brownian motion of the logarithm, jumps of deviation `opening` between.

    A path of 64 steps a bar; between two steps the extremes are drawn from the law of the extremes of a
    Brownian bridge, so that ranges are those of the continuous path.
    """
    chance = np.random.default_rng(seed)
    deviation = SIGMA / math.sqrt(STEPS)
    steps = chance.normal(drift / STEPS, deviation, (bars, STEPS))
    path = np.concatenate([np.zeros((bars, 1)), np.cumsum(steps, axis=1)], axis=1)
    start, end = path[:, :-1], path[:, 1:]

    def reach():
        spread = -2 * deviation**2 * np.log(chance.random((bars, STEPS)))
        return np.sqrt((end - start) ** 2 + spread)

    high, low = ((start + end + reach()) / 2).max(axis=1), ((start + end - reach()) / 2).min(axis=1)
    close = path[:, -1]
    jumps = chance.normal(0, 1, bars) * opening
    open_ = np.cumsum(jumps) + np.concatenate([[0.0], np.cumsum(close)[:-1]])
    return tuple(np.exp(open_ + each) for each in (np.zeros(bars), high, low, close))


def is_within(found, expected, deviation, count):
    """Whether a mean of so many is within four standard errors."""
    return abs(found - expected) < 4 * deviation / math.sqrt(count)


class TestBrownianMotion:
    """Expectation sigma^2; the variance of one bar's estimate is the published one."""

    def test_parkinson(self):
        """Its variance is 9 zeta(3) / (4 ln 2)^2 - 1 = 0.407 sigma^4."""
        _, high, low, _ = brownian_bars(1)
        deviation = SIGMA**2 * math.sqrt(9 * ZETA_3 / (4 * math.log(2)) ** 2 - 1)
        assert is_within(estimators.parkinson(high, low), SIGMA**2, deviation, BARS)
        each = np.log(high / low) ** 2 / (4 * math.log(2))
        assert each.std() == pytest.approx(deviation, rel=0.03)

    def test_garman_klass(self):
        """7.4 times as efficient as the squared return with its 2 sigma^4 (Garman and Klass 1980)."""
        bars = brownian_bars(2)
        assert is_within(estimators.garman_klass(*bars), SIGMA**2, SIGMA**2 * math.sqrt(2 / 7.4), BARS)

    @pytest.mark.parametrize("drift", [0.0, 0.5, -2.0])
    def test_rogers_satchell_whatever_the_drift(self, drift):
        """Its variance without drift is 0.331 sigma^4 (Rogers and Satchell 1991)."""
        bars = brownian_bars(3, drift=drift * SIGMA)
        each = [estimators.rogers_satchell(*(side[at::30] for side in bars)) for at in range(30)]
        assert is_within(float(np.mean(each)), SIGMA**2, float(np.std(each, ddof=1)), 30)
        if drift == 0:
            error = np.std(each, ddof=1) * math.sqrt(BARS / 30)
            assert error == pytest.approx(SIGMA**2 * math.sqrt(0.331), rel=0.4)

    def test_the_others_take_a_drift_for_volatility(self):
        bars = brownian_bars(3, drift=2 * SIGMA)
        assert estimators.parkinson(bars[1], bars[2]) > 1.5 * SIGMA**2
        assert estimators.garman_klass(*bars) > 1.1 * SIGMA**2

    @pytest.mark.parametrize("drift", [0.0, 1.0])
    def test_yang_zhang_counts_what_lies_between_bars(self, drift):
        bars = brownian_bars(4, drift=drift * SIGMA, opening=SIGMA / 2)
        pieces = [tuple(side[at : at + 30] for side in bars) for at in range(0, BARS, 30)]
        each = [estimators.yang_zhang(*piece) for piece in pieces]
        assert is_within(float(np.mean(each)), 1.25 * SIGMA**2, float(np.std(each, ddof=1)), len(each))

    def test_yang_zhang_varies_less_than_returns_do(self):
        """The sample variance of n returns has 2 / (n - 1) sigma^4: theirs less than a fifth of it."""
        bars = brownian_bars(4)
        each = [estimators.yang_zhang(*(side[at : at + 30] for side in bars)) for at in range(0, BARS, 30)]
        assert np.var(each) < 0.2 * 2 / 28 * SIGMA**4

    def test_realised_and_bipower(self):
        """Their variances by n are 2 and 2.609 sigma^4 (Barndorff-Nielsen and Shephard 2004)."""
        change = np.random.default_rng(5).normal(0, SIGMA, 100_000)
        assert is_within(estimators.realised(change), SIGMA**2, SIGMA**2 * math.sqrt(2), 100_000)
        assert is_within(estimators.bipower(change), SIGMA**2, SIGMA**2 * math.sqrt(2.609), 100_000)
        assert estimators.jump_share(change) < 0.02

    def test_jumps_are_in_realised_and_not_in_bipower(self):
        """Ten jumps of 30 sigma in 10,000 bars: 0.9 sigma^2 of variance a bar, 0.47 of the whole."""
        change = np.random.default_rng(6).normal(0, SIGMA, 10_000)
        change[500::1000] += 30 * SIGMA
        assert estimators.realised(change) == pytest.approx(1.9 * SIGMA**2, rel=0.05)
        assert estimators.bipower(change) == pytest.approx(SIGMA**2, rel=0.1)
        assert estimators.jump_share(change) == pytest.approx(0.9 / 1.9, abs=0.05)

    def test_means_of_bars_move_by_two_thirds(self):
        """Working 1960: in continuous time 2 / 3 of the variance, of a mean of m points (2 + 1 / m^2) / 3."""
        steps = np.random.default_rng(7).normal(0, SIGMA / math.sqrt(STEPS), BARS * STEPS)
        means = np.exp(np.cumsum(steps).reshape(BARS, STEPS)).mean(axis=1)
        deviation = SIGMA**2 * math.sqrt(2 * (1 + 2 / 4**2))  # neighbouring changes correlate by 1 / 4
        assert is_within(estimators.realised_of_means(means), SIGMA**2, deviation, BARS)


class TestByHand:
    def test_a_year_has_365_days_of_minutes(self):
        assert estimators.annual(0.0004, 365) == pytest.approx(0.02 * math.sqrt(365))
        assert estimators.annual(1e-6) == pytest.approx(0.001 * math.sqrt(525_600))

    def test_bipower_is_the_sum_with_the_small_sample_factor(self):
        """pi / 2 x n / (n - 1) x sum, by n, of 1, 2, 3, 4 hundredths."""
        change = np.array([0.01, -0.02, 0.03, -0.04])
        whole = math.pi / 2 * 4 / 3 * (0.01 * 0.02 + 0.02 * 0.03 + 0.03 * 0.04)
        assert estimators.bipower(change) == pytest.approx(whole / 4)
        assert estimators.realised(change) == pytest.approx(0.003 / 4)
        assert estimators.jump_share(change) == pytest.approx(max(0, 1 - whole / 0.003))

    def test_one_bar_of_powers_of_e(self):
        """Open 1, high e^2, low e^-1, close e: range 3, body 1; (2 - 1) 2 + (-1 - 1) (-1) = 4."""
        bar = [np.array([math.exp(power)]) for power in (0, 2, -1, 1)]
        assert estimators.parkinson(bar[1], bar[2]) == pytest.approx(9 / (4 * math.log(2)))
        assert estimators.garman_klass(*bar) == pytest.approx(4.5 - (2 * math.log(2) - 1))
        assert estimators.rogers_satchell(*bar) == pytest.approx(4)

    def test_yang_zhang_of_three_bars(self):
        """Two bars follow another: openings 1 and 3, bodies 2 and 0, corners 0 and 1; k = 0.34 / 4.34."""
        powers = [(0, 0, 0, 0), (1, 3, 1, 3), (6, 7, 6, 6)]
        bars = [np.exp(np.array(side, float)) for side in zip(*powers, strict=True)]
        k = 0.34 / 4.34
        assert estimators.yang_zhang(*bars) == pytest.approx(2 + k * 2 + (1 - k) * 0.5)

    def test_what_was_not_seen_is_not_bridged(self):
        close = np.array([100.0, 101.0, np.nan, 200.0, 202.0, 200.0])
        change = estimators.returns(close)
        assert np.isnan(change).tolist() == [True, False, True, True, False, False]
        known = [math.log(1.01)] * 3
        assert estimators.realised(change) == pytest.approx(sum(each**2 for each in known) / 3)
        assert estimators.bipower(change) == pytest.approx(math.pi / 2 * known[0] ** 2)

    def test_nothing_seen_is_nothing_said(self):
        nothing = np.array([np.nan, np.nan])
        four = (nothing,) * 4
        found = [estimators.realised(nothing), estimators.bipower(nothing), estimators.jump_share(nothing)]
        found += [estimators.parkinson(nothing, nothing), estimators.garman_klass(*four)]
        found += [estimators.rogers_satchell(*four), estimators.yang_zhang(*four), estimators.roll(nothing)]
        found += [estimators.amihud(nothing, np.array([1.0, 0.0])), estimators.kyle(nothing, nothing).slope]
        assert all(map(math.isnan, found))

    def test_roll(self):
        """Changes +2, 0, -2, +2: products 0, 0, -4, of mean -4 / 3; a trend has no spread."""
        assert estimators.roll(np.array([99.0, 101, 101, 99, 101])) == pytest.approx(2 * math.sqrt(4 / 3))
        assert math.isnan(estimators.roll(np.array([1.0, 2, 3, 4])))

    def test_roll_finds_the_spread_of_prices_that_bounce(self):
        """A random walk of mids, each trade at a bid or ask 1 apart by chance (Roll 1984)."""
        chance = np.random.default_rng(8)
        mids = 1_000 + np.cumsum(chance.normal(0, 0.2, 200_000))
        prices = mids + chance.choice([-0.5, 0.5], 200_000)
        assert estimators.roll(prices) == pytest.approx(1, rel=0.02)

    def test_amihud(self):
        change, turnover = np.array([np.nan, 10.0, -30.0, 7.0]), np.array([5.0, 2.0, 1.0, 0.0])
        assert estimators.amihud(change, turnover) == pytest.approx(17.5)

    def test_kyle_of_three_points(self):
        """(0, 0), (1, 2), (2, 1): slope 1/2, a quarter explained, t = sqrt(1/3); of a level price slope 0."""
        x = np.array([0.0, 1, 2, np.nan])
        line = estimators.kyle(np.array([0.0, 2, 1, 5]), x)
        assert line == pytest.approx((0.5, math.sqrt(1 / 3), 0.25, 3))
        level = estimators.kyle(np.zeros(4), x)
        assert (level.slope, level.n) == (0, 3)
        assert math.isnan(level.r2)
        assert math.isnan(estimators.kyle(x, np.ones(4)).slope)


class TestVpin:
    def test_a_trade_across_a_border_is_divided(self):
        """3 bought, 5 sold, 2 bought in two buckets of 5: 3 and 2, then 2 and 3."""
        bought, sold = estimators.volume_buckets(np.array([3.0, 5, 2]), np.array([3.0, 0, 2]), 2)
        assert (bought.tolist(), sold.tolist()) == ([3, 2], [2, 3])

    def test_it_is_of_the_last_buckets(self):
        found = estimators.vpin(np.array([1.0, 0, 0.5, 1]), np.array([0.0, 1, 0.5, 0]), window=2)
        assert found[1:].tolist() == [1, 0.5, 0.5]
        assert math.isnan(found[0])
        assert np.isnan(estimators.vpin(np.ones(3), np.ones(3))).all()

    def test_tossed_sides_give_the_mean_distance_of_a_random_walk(self):
        """sqrt(2 / (pi m)) of m trades a bucket; one bucket deviates by sqrt((1 - 2 / pi) / m)."""
        chance = np.random.default_rng(9)
        m, buckets = 400, 2_000
        ones = np.ones(m * buckets)
        bought, sold = estimators.volume_buckets(ones, chance.integers(0, 2, m * buckets) * ones, buckets)
        found = estimators.vpin(bought, sold, window=buckets)[-1]
        assert is_within(found, math.sqrt(2 / (math.pi * m)), math.sqrt((1 - 2 / math.pi) / m), buckets)

    def test_bulk_volume_is_divided_by_the_normal_distribution(self):
        """Changes +1, -1, +1, -1 deviate by 1: 84.13 % bought, as much sold; a level price halves."""
        change, volume = np.array([1.0, -1, 1, -1]), np.array([10.0, 10, 20, 20])
        found = estimators.bulk_bought(change, volume)
        assert found == pytest.approx(np.array([0.841345, 0.158655] * 2) * volume, abs=1e-4)
        assert estimators.bulk_bought(np.zeros(4), volume).tolist() == (volume / 2).tolist()


class TestInvariances:
    BARS = brownian_bars(10, opening=SIGMA, bars=500)

    def of(self, open_, high, low, close):
        change = estimators.returns(close)
        return (
            estimators.realised(change),
            estimators.bipower(change),
            estimators.parkinson(high, low),
            estimators.garman_klass(open_, high, low, close),
            estimators.rogers_satchell(open_, high, low, close),
            estimators.yang_zhang(open_, high, low, close),
        )

    def test_the_unit_of_the_price_does_not_matter(self):
        assert self.of(*(side * 1_000 for side in self.BARS)) == pytest.approx(self.of(*self.BARS))

    def test_the_price_the_other_way_round_is_as_volatile(self):
        open_, high, low, close = self.BARS
        assert self.of(1 / open_, 1 / low, 1 / high, 1 / close) == pytest.approx(self.of(*self.BARS))

    def test_time_run_backwards_is_as_volatile_by_ranges(self):
        open_, high, low, close = (side[::-1] for side in self.BARS)
        found = self.of(close, high, low, open_)
        assert found[2:5] == pytest.approx(self.of(*self.BARS)[2:5])

    def test_moves_twice_as_large_are_twice_the_volatility(self):
        once, twice = self.of(*self.BARS), self.of(*(side**2 for side in self.BARS))
        assert twice == pytest.approx([4 * one for one in once])
