"""Questions about the account by name: `lake.account.equity(every="1h")`.

Money is exact (`Decimal(38, 20)`), figures against the market are floats. What each column says, `describe`
of the view tells.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias

import duckdb
import polars as pl

from analytics.errors import HorizonError
from analytics.spans import Moment

Market: TypeAlias = str | Iterable[str] | None
"""One market, several, or (None) all."""


HORIZONS_S: Final = (1, 5, 30, 60, 300)
"""How long after a fill the mid is looked at again, as in `account_fill_costs`."""


class Ask(Protocol):
    """How a view is asked."""

    def __call__(
        self, name: str, market: Market = None, *, start: Moment | None = None, end: Moment | None = None
    ) -> duckdb.DuckDBPyRelation: ...


By: TypeAlias = Callable[[str, str, Market, Moment | None, Moment | None], pl.DataFrame]
"""Subject, bucket, market, start and end."""


class Account:
    """What a lake knows of the account whose recorder it is. Without one every answer has no rows.

    `start`, `end` and `every` are those of `Lake`.
    """

    def __init__(self, ask: Ask, by: By) -> None:
        self._ask = ask
        self._by = by

    def equity(
        self, *, start: Moment | None = None, end: Moment | None = None, every: str = "1h"
    ) -> pl.DataFrame:
        """What it was worth, by currency, and how much of it was held. Columns of `account_equity_1m`."""
        return self._by("account_equity", every, None, start, end)

    def pnl(
        self, *, start: Moment | None = None, end: Moment | None = None, every: str = "1d"
    ) -> pl.DataFrame:
        """What the ledger gained and lost by what, by currency, exactly. Columns of `account_pnl_1m`."""
        return self._by("account_pnl", every, None, start, end)

    def performance(self, *, start: Moment | None = None, end: Moment | None = None) -> pl.DataFrame:
        """Profit, return and drawdown by day, and of what. Columns of `account_performance_1d`."""
        return _frame(self._ask("account_performance_1d", start=start, end=end))

    def summary(self) -> pl.DataFrame:
        """Return, volatility, Sharpe ratio and worst drawdown over all days. Columns of `account_summary`."""
        return _frame(self._ask("account_summary"))

    def exposure(
        self, *, start: Moment | None = None, end: Moment | None = None, every: str = "1h"
    ) -> pl.DataFrame:
        """What was held in all markets together, and at what leverage. Columns of `account_exposure_1m`."""
        return self._by("account_exposure", every, None, start, end)

    def positions(
        self,
        market: Market = None,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        every: str = "1h",
    ) -> pl.DataFrame:
        """What was held, at what margin, how far from liquidation. Columns of `account_positions_1m`."""
        return self._by("account_positions", every, market, start, end)

    def now(self, market: Market = None) -> pl.DataFrame:
        """What is held now, with the next funding. Columns of `account_positions_now`."""
        return _frame(self._ask("account_positions_now", market))

    def results(
        self, market: Market = None, *, start: Moment | None = None, end: Moment | None = None
    ) -> pl.DataFrame:
        """What each position brought, added up from its parts. Columns of `account_position_results`."""
        return _frame(self._ask("account_position_results", market, start=start, end=end))

    def funding(
        self,
        market: Market = None,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        every: str | None = None,
    ) -> pl.DataFrame:
        """Each settlement by the ledger, the position and the recorded rate. Columns of `account_funding`.

        With `every="1d"`, the day's sums by market, with the columns of `account_funding_1d`.
        """
        if every is not None:
            return self._by("account_funding", every, market, start, end)
        return _frame(self._ask("account_funding", market, start=start, end=end))

    def execution(
        self,
        market: Market = None,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        every: str = "1d",
    ) -> pl.DataFrame:
        """Slippage, spread paid, fees and participation. Columns of `account_execution_1m`."""
        return self._by("account_execution", every, market, start, end)

    def fills(
        self,
        market: Market = None,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        horizon_s: int = 5,
    ) -> pl.DataFrame:
        """Each fill against the market, looked at again 1, 5, 30, 60 or 300 s later.

        Columns of `account_fill_costs`. Raises HorizonError for another horizon.
        """
        if isinstance(horizon_s, bool) or horizon_s not in HORIZONS_S:
            offered = ", ".join(map(str, HORIZONS_S))
            raise HorizonError(f"{horizon_s!r} is no horizon: fills are looked at again after {offered} s")
        asked = self._ask("account_fill_costs", market, start=start, end=end)
        return _frame(asked.filter(f"horizon_s = {int(horizon_s)}"))

    def orders(
        self, market: Market = None, *, start: Moment | None = None, end: Moment | None = None
    ) -> pl.DataFrame:
        """Each order against the mid when it was sent. Columns of `account_order_costs`."""
        return _frame(self._ask("account_order_costs", market, start=start, end=end))

    def by_market(self) -> pl.DataFrame:
        """What was done, earned and paid in each market. Columns of `account_by_market`."""
        return _frame(self._ask("account_by_market"))


def _frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    frame: pl.DataFrame = relation.pl()
    return frame
