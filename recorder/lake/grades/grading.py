"""The grade of a market-minute, from its witnesses. Pure.

Two witnesses tell the same minute independently: the trades, and the venue's own candle.

    A  both were received as they happened, and agree on volume, turnover, high, low and close
    B  they agree, and an answer by REST gave some of it, or closed a gap that touches the minute
    C  one witness only: the candle (trades were not received at all), or the trades (no candle)
    D  they disagree, or what is missing of either touches the minute, or there is neither

A flat candle with volume 0 and no trade is a proven quiet minute, whichever way the candle came: venues push
what changes. The tolerances come from the market's
own precision: volume must agree to half a unit of the quantity's last place; turnover to half a unit of the
quote currency's last place a trade, for a venue may round each trade's value; prices must be equal. Where the
market's precision is unknown only the resolution of float64 is granted.

An inverse market counts contracts, and its turnover is in the base currency: the sum of quantity / price
times the contract's value, which the market list does not tell but which is a power of ten.
"""

from dataclasses import dataclass
from typing import Final

MINUTE_S: Final = 60.0
EPSILON: Final = 2.0**-52
CONTRACT_VALUES: Final = (1.0, 10.0, 100.0, 1_000.0)
"""Quote units a contract of an inverse market stands for."""


@dataclass(frozen=True, slots=True)
class Precision:
    """The last places of a market's figures; 0 where the market list did not tell."""

    quantity: float = 0.0
    quote: float = 0.0
    base: float = 0.0


@dataclass(frozen=True, slots=True)
class Traded:
    """What the trades of a minute say; prices NaN where there was none. `rest` counts those by REST."""

    count: int
    rest: int
    volume: float
    turnover: float
    inverse_turnover: float
    open: float
    high: float
    low: float
    close: float


@dataclass(frozen=True, slots=True)
class Told:
    """What the minute's candle says."""

    open: float
    high: float
    low: float
    close: float
    volume: float
    turnover: float | None
    source: str


@dataclass(frozen=True, slots=True)
class Observed:
    """How the minute was observed, in seconds of the venue's clock.

    `recorded_s`: the trade stream was meant to be recorded; `unseen_s`: of that, what a gap leaves missing;
    `trades_touched`: a gap in trades, repaired or not, lies in the minute, or a part of it was not recorded.
    `candle_recorded`, `candle_touched`, `candle_unproven`: the same of the candle, whose last version counts.
    `depth_lost`: books were recorded, and none came although no gap is known.
    """

    recorded_s: float
    unseen_s: float
    trades_touched: bool
    candle_recorded: bool
    candle_touched: bool
    candle_unproven: bool
    depth_lost: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The grade, why it is not A, and the streams of which more was missed than gaps tell, with how far it is
    repaired."""

    grade: str
    reason: str
    missed: str

    @property
    def misses_trades(self) -> bool:
        """Whether its witnesses show trades to be absent that nothing gave back."""
        return "trade=none" in self.missed or (self.grade == "D" and "trade=partly" in self.missed)


def judge(traded: Traded, told: Told | None, observed: Observed, precision: Precision) -> Verdict:
    """Grade one minute."""
    differs = "" if told is None else disagreement(traded, told, precision)
    grade, reason = _grade(traded, told, observed, differs)
    missed = ",".join(_missed(traded, told, observed, differs, grade))
    return Verdict(grade, reason, missed)


def proves_whole(traded: Traded, told: Told | None, precision: Precision) -> bool:
    """Whether the candle tells that no trade of those there were is missing, whatever gaps say."""
    return told is not None and traded.count > 0 and not disagreement(traded, told, precision)


def _grade(traded: Traded, told: Told | None, observed: Observed, differs: str) -> tuple[str, str]:
    blind = traded.count == 0 and observed.unseen_s >= observed.recorded_s
    if told is None:
        return _without_candle(traded, observed, blind=blind)
    if observed.candle_unproven:
        return "D", "a gap touches the candle's end"
    if blind:
        return "C", "candle only"
    if observed.unseen_s > 0:
        return "D", "; ".join(filter(None, [f"a gap of {observed.unseen_s:.3f} s in trades", differs]))
    if differs:
        return "D", differs
    repaired = _repaired(traded, told, observed)
    return ("B", f"agrees after repair: {repaired}") if repaired else ("A", "")


def _without_candle(traded: Traded, observed: Observed, *, blind: bool) -> tuple[str, str]:
    if observed.unseen_s > 0:
        return "D", f"no candle, and a gap of {observed.unseen_s:.3f} s in trades"
    if traded.count or (not observed.candle_recorded and not blind):
        return "C", "trades only"
    return "D", "no candle and no trade"


def _repaired(traded: Traded, told: Told, observed: Observed) -> str:
    """By what the minute was made whole, "" where nothing had to be."""
    reasons = []
    if traded.rest:
        reasons.append(f"{traded.rest} trades by REST")
    if told.source == "rest" and told.volume:
        reasons.append("candle by REST")
    if observed.trades_touched and not traded.rest:
        reasons.append("a gap in trades in which none was missed")
    if observed.candle_touched and told.source != "rest":
        reasons.append("a gap at the candle's end")
    return ", ".join(reasons)


def disagreement(traded: Traded, told: Told, precision: Precision) -> str:
    """In what trades and candle differ, "" where they agree."""
    slack = precision.quantity / 2 + (traded.count + 2) * EPSILON * told.volume
    if abs(traded.volume - told.volume) > slack:
        return f"volume {traded.volume:.15g} by trades, {told.volume:.15g} by candle"
    if traded.count == 0:
        return ""
    for name in ("high", "low", "close"):
        ours, theirs = getattr(traded, name), getattr(told, name)
        if ours != theirs:
            return f"{name} {ours:.15g} by trades, {theirs:.15g} by candle"
    if told.turnover is not None and not _turnover_agrees(traded, told.turnover, precision):
        return f"turnover {traded.turnover:.15g} by trades, {told.turnover:.15g} by candle"
    return ""


def _turnover_agrees(traded: Traded, turnover: float, precision: Precision) -> bool:
    resolution = (traded.count + 2) * EPSILON * abs(turnover)
    if abs(traded.turnover - turnover) <= (traded.count + 1) * precision.quote / 2 + resolution:
        return True
    slack = (traded.count + 1) * precision.base / 2 + resolution
    return any(abs(value * traded.inverse_turnover - turnover) <= slack for value in CONTRACT_VALUES)


def _missed(traded: Traded, told: Told | None, observed: Observed, differs: str, grade: str) -> list[str]:
    """`stream=how far repaired` for what the witnesses show to be missing beside the gaps that are known.

    Where trades fall short of the candle, known gaps may or may not account for all of it: any trade of the
    minute may be missing.
    """
    found = []
    lost = bool(differs) and told is not None and not traded.volume > told.volume
    if lost and grade == "D" and observed.recorded_s > 0:
        found.append("trade=none")
    elif observed.recorded_s >= MINUTE_S and not observed.trades_touched:
        if told is None and traded.count == 0 and observed.candle_recorded:
            found.append("trade=none")
        elif traded.rest:
            found.append("trade=fully" if grade == "B" else "trade=partly")
    if observed.candle_recorded and not observed.candle_touched:
        stale = bool(differs) and told is not None and traded.volume > told.volume
        if told is None or (stale and told.source != "rest"):
            found.append("kline=none")
        elif told.source == "rest" and told.volume:
            found.append("kline=fully")
    if observed.depth_lost and told is None and traded.count == 0:
        found.append("depth=none")
    return found
