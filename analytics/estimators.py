"""Estimators of volatility, spread and price impact, as functions of arrays: for notebooks, and to be read.

The views of the same names answer them for a lake; these take any bars. Bars are arrays of one length, in
order: prices in quote units, returns natural logarithms of price ratios. A NaN is what was not seen: it is
left out, with whatever would have been measured across it; a result is NaN where nothing is left. Volumes
are positive, and have no NaN.

Variances are per bar, and mean what was measured: `annual` makes of one the yearly volatility, a fraction.
"""

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MINUTES_A_YEAR: Final = 365 * 1_440
DAYS_A_YEAR: Final = 365
BUCKETS: Final = 50
"""Buckets of volume in a day, and of which VPIN is taken."""


def annual(variance: float, bars_a_year: float = MINUTES_A_YEAR) -> float:
    """The yearly volatility (fraction) of a variance per bar. The market never closes: a year is 365 days."""
    return math.sqrt(max(0.0, variance) * bars_a_year)


def returns(close: Floats) -> Floats:
    """ln(close / close of the bar before); of the first bar NaN."""
    found = np.full(len(close), np.nan)
    found[1:] = np.diff(np.log(close))
    return found


# --- variance per bar -------------------------------------------------------------------------------


def realised(change: Floats) -> float:
    """The mean of the squared returns."""
    return _mean(change**2)


def bipower(change: Floats) -> float:
    """pi / 2 times the mean of |r| |r before| (Barndorff-Nielsen and Shephard 2004): variance without jumps.

    A jump stands in two products, each time beside an ordinary return, and counts for less the shorter the
    bars. The mean of the n - 1 products is their sum by n, with the small-sample factor n / (n - 1).
    """
    return math.pi / 2 * _mean(np.abs(change[1:] * change[:-1]))


def jump_share(change: Floats) -> float:
    """Share of the realised variance that came in jumps, 0 to 1; NaN where nothing moved."""
    whole = realised(change)
    return max(0.0, 1 - bipower(change) / whole) if whole > 0 else math.nan


def parkinson(high: Floats, low: Floats) -> float:
    """From the range (Parkinson 1980), for which a Brownian motion's squared range is 4 ln 2 variances."""
    return _mean(np.log(high / low) ** 2) / (4 * math.log(2))


def garman_klass(open_: Floats, high: Floats, low: Floats, close: Floats) -> float:
    """From range and body (Garman and Klass 1980, the form without cross terms); takes the drift to be 0."""
    squared_range, squared_body = np.log(high / low) ** 2, np.log(close / open_) ** 2
    return _mean(squared_range / 2 - (2 * math.log(2) - 1) * squared_body)


def rogers_satchell(open_: Floats, high: Floats, low: Floats, close: Floats) -> float:
    """From range and body whatever the drift is (Rogers and Satchell 1991)."""
    return _mean(_corners(open_, high, low, close))


def yang_zhang(open_: Floats, high: Floats, low: Floats, close: Floats) -> float:
    """With what lies between two bars, whatever the drift is (Yang and Zhang 2000).

    The variance of the openings against the close before, plus k times that of the bodies, plus 1 - k times
    Rogers' and Satchell's, over the n bars that follow another: k = 0.34 / (1.34 + (n + 1) / (n - 1)).
    """
    before = np.concatenate([[np.nan], close[:-1]])
    parts = np.array([np.log(open_ / before), np.log(close / open_), _corners(open_, high, low, close)])
    opening, body, corners = parts[:, ~np.isnan(parts).any(axis=0)]
    n = len(opening)
    if n < 2:
        return math.nan
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    return float(opening.var(ddof=1) + k * body.var(ddof=1) + (1 - k) * corners.mean())


def realised_of_means(mean_price: Floats) -> float:
    """From prices that are means over each bar: 3 / 2 of their mean squared return.

    Changes of the means of a random walk have two thirds of its variance (Working 1960).
    """
    return 1.5 * realised(returns(mean_price))


def _corners(open_: Floats, high: Floats, low: Floats, close: Floats) -> Floats:
    above = np.log(high / close) * np.log(high / open_)
    below = np.log(low / close) * np.log(low / open_)
    return np.asarray(above + below, np.float64)


# --- spread, impact ---------------------------------------------------------------------------------


def roll(price: Floats) -> float:
    """The spread, in units of the price, from the bounce between bid and ask alone (Roll 1984).

    2 sqrt(-c), c the covariance of neighbouring changes, taken about 0; NaN where c is not negative, as it
    is by chance or where prices trend.
    """
    change = np.diff(price)
    covariance = _mean(change[1:] * change[:-1])
    return 2 * math.sqrt(-covariance) if covariance < 0 else math.nan


def amihud(change: Floats, turnover: Floats) -> float:
    """Illiquidity (Amihud 2002): mean |return| by turnover, over bars with turnover.

    In units of the returns by units of the turnover: bps per million quote, if they are given in these.
    """
    traded = turnover > 0
    return _mean(np.abs(change[traded]) / turnover[traded])


class Line(NamedTuple):
    """A least-squares line: `slope` with its `t_stat`, the share `r2` of variance explained, `n` points."""

    slope: float
    t_stat: float
    r2: float
    n: int


def kyle(change: Floats, signed_turnover: Floats) -> Line:
    """Price impact of signed flow (Kyle 1985): the line of the changes on what takers bought less sold."""
    known = ~(np.isnan(change) | np.isnan(signed_turnover))
    x, y = signed_turnover[known], change[known]
    n = len(x)
    if n < 3 or np.ptp(x) == 0:
        return Line(math.nan, math.nan, math.nan, n)
    x, y = x - x.mean(), y - y.mean()
    xx, xy, yy = float(x @ x), float(x @ y), float(y @ y)
    slope = xy / xx
    if yy == 0:
        return Line(slope, math.nan, math.nan, n)
    r2 = min(1.0, xy * xy / (xx * yy))
    t_stat = math.copysign(math.sqrt(r2 * (n - 2) / (1 - r2)), slope) if r2 < 1 else math.nan
    return Line(slope, t_stat, r2, n)


# --- toxicity of flow -------------------------------------------------------------------------------


def volume_buckets(quantity: Floats, bought: Floats, count: int = BUCKETS) -> tuple[Floats, Floats]:
    """What was bought and what was sold in each of `count` buckets of equal volume.

    `bought` is the part of each trade's (or bar's) quantity that the taker bought: all or nothing where sides
    are known. A trade across a border is divided there.
    """
    upto = np.concatenate([[0.0], np.cumsum(quantity)])
    bought_upto = np.concatenate([[0.0], np.cumsum(bought)])
    borders = np.linspace(0.0, upto[-1], count + 1)
    buys = np.diff(np.interp(borders, upto, bought_upto))
    return buys, np.diff(borders) - buys


def vpin(bought: Floats, sold: Floats, window: int = BUCKETS) -> Floats:
    """VPIN (Easley, Lopez de Prado and O'Hara 2012) after each bucket, 0 to 1.

    Over the last `window` buckets the sum of |bought - sold| by that of their volumes; NaN until there are as
    many.
    """
    found = np.full(len(bought), np.nan)
    if len(bought) >= window:
        ones = np.ones(window)
        uneven = np.convolve(np.abs(bought - sold), ones, "valid")
        found[window - 1 :] = uneven / np.convolve(bought + sold, ones, "valid")
    return found


def bulk_bought(change: Floats, volume: Floats) -> Floats:
    """What was bought of each bar's volume, guessed from its price change alone, as in the paper on VPIN: the
    normal distribution of the change in units of the changes' standard deviation, about 0."""
    deviation = math.sqrt(_mean(change**2))
    scaled = change / deviation if deviation > 0 else np.zeros(len(change))
    shares = [(1 + math.erf(each / math.sqrt(2))) / 2 for each in scaled]
    return np.asarray(volume * shares, np.float64)


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan
