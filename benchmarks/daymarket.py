"""One market's rows of a generated day: books, trades, states, candles and grades, all of them vectorised."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recorder.lake.arrays import Bools, Floats, Ints
from recorder.lake.store.columns import doubles, origin, over, table, timestamps
from recorder.lake.store.files import as_us
from recorder.lake.store.table import PRECISE
from recorder.lake.store.tables import COVERAGE, DEPTH, KLINES, LEVELS, MARKETS, STATE, TRADES
from recorder.lake.units import DAY_US, MINUTE_US, SECOND_US
from recorder.simulator.catalogue import MarketSpec

DAY_START_US: Final = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * 1_000_000
MINUTES: Final = DAY_US // MINUTE_US
LATENCY_US: Final = 20_000
JITTER_US: Final = 3_000
BURSTS: Final = 0.4
"""The shape of the waits between books: below 1 they come in bursts."""
BOOKS_A_SILENCE: Final = 20_000
SILENCE_US: Final = 100 * SECOND_US
MOVES: Final = 0.3
"""How often a mid moves between two books ..."""
STAYS: Final = 0.6
"""... and how often a level's quantity does not change."""
LEAST_TICKS: Final = 200
"""No price walks below this."""


class MarketRows:
    """The rows of one market, as a recorder would have published them: `books` are to be made first."""

    def __init__(self, spec: MarketSpec, chance: np.random.Generator, rows_per_us: float) -> None:
        """`rows_per_us` is the pace of the whole feed, which `seq` counts."""
        self._spec = spec
        self._chance = chance
        self._pace = rows_per_us
        self._books_us: Ints = np.zeros(0, np.int64)
        self._bids: Ints = np.zeros(0, np.int64)
        self._asks: Ints = np.zeros(0, np.int64)

    def books(self, count: int, levels: int) -> pa.Table:
        """Rows of `depth`."""
        spec, chance = self._spec, self._chance
        self._books_us = DAY_START_US + self._times(count)
        moves = chance.integers(-spec.gap_ticks, spec.gap_ticks, count, endpoint=True)
        moves[chance.random(count) > MOVES] = 0
        floor = LEAST_TICKS
        self._bids = np.abs(spec.start_ticks - floor + np.cumsum(moves)) + floor
        wide = chance.geometric(0.6, (count, 1)) + spec.gap_ticks // 4
        self._asks = self._bids + self._held(wide, 0.8)[:, 0]
        bids = self._side(self._bids, levels, -1)
        asks = self._side(self._asks, levels, 1)
        index = self._bids + self._held(chance.integers(-3, 4, (count, 1)) * spec.gap_ticks, 0.9)[:, 0]
        mark = index + self._held(chance.integers(-1, 2, (count, 1)), 0.9)[:, 0]
        columns = {
            "market": self._name(count),
            "ts_event": timestamps(self._books_us),
            **self._received(self._books_us),
            "bids": _lists(*bids),
            "asks": _lists(*asks),
            "last": doubles(self._price(self._bids)),
            "index_price": doubles(self._price(index)),
            "mark_price": doubles(self._price(mark)),
            "dt": pa.nulls(count, pa.float64()),
        }
        for side, (prices, quantities) in {"bid": bids, "ask": asks}.items():
            columns[f"{side}_price"] = doubles(prices[:, 0].copy())
            columns[f"{side}_quantity"] = doubles(quantities[:, 0].copy())
        return table(DEPTH.schema, columns)

    def trades(self, count: int) -> pa.Table:
        """Rows of `trades`: a fifth of them on the millisecond of a book, all at its prices or beyond."""
        chance = self._chance
        book = np.sort(chance.integers(0, len(self._books_us), count))
        late = chance.integers(0, 300, count) * (chance.random(count) > 0.2)
        ts = np.minimum(self._books_us[book] + late * 1_000, DAY_START_US + DAY_US - 1_000)
        order = np.argsort(ts, kind="stable")
        ts, book = ts[order], book[order]
        buys = chance.random(count) < 0.5
        deeper = np.where(chance.random(count) < 0.1, self._spec.gap_ticks, 0)
        ticks = np.where(buys, self._asks[book] + deeper, self._bids[book] - deeper)
        columns = {
            "market": self._name(count),
            "trade_id": over(np.arange(count) + 1_000_000_000, pa.int64()),
            "ts_event": timestamps(ts),
            **self._received(ts),
            "side": pa.array(np.where(buys, "buy", "sell")),
            "price": doubles(self._price(ticks)),
            "quantity": doubles(self._quantity(self._lots((count, 1), 0.8))[:, 0].copy()),
            "mid_before": pa.nulls(count, pa.float64()),
        }
        return table(TRADES.schema, columns)

    def states(self, a_minute: int) -> pa.Table:
        """Rows of `state`: so many a minute."""
        chance, count, step_us = self._chance, MINUTES * a_minute, MINUTE_US // a_minute
        ts = DAY_START_US + np.arange(count) * step_us + chance.integers(0, step_us, count)
        book = np.maximum(np.searchsorted(self._books_us, ts) - 1, 0)
        price = self._price(self._bids[book])
        interest = self._quantity(5_000 * self._spec.order_lots + chance.integers(-99, 99, count).cumsum())
        to_funding = self._spec.funding_s * SECOND_US - ts % (self._spec.funding_s * SECOND_US)
        rate = np.round(1e-4 + 1e-6 * np.cumsum(chance.normal(size=count)), 8)
        columns = {field.name: doubles(price) for field in STATE.schema if field.type == pa.float64()}
        columns |= {name: doubles(rate) for name in columns if name.startswith("funding_rate")}
        columns |= {name: doubles(interest) for name in ("open_interest", "sell_total", "buy_total")}
        columns |= self._received(ts)
        columns |= {
            "market": self._name(count),
            "ts_recv": timestamps(ts),
            "funding_minutes": over(to_funding // MINUTE_US, pa.int64()),
            "ts_funding": timestamps(ts + to_funding),
            "insurance": pa.repeat(pa.scalar(Decimal("1234567.89"), PRECISE), count),
        }
        return table(STATE.schema, columns)

    def described(self) -> pa.Table:
        """The row of `markets`."""
        spec = self._spec
        row = dict.fromkeys(MARKETS.schema.names) | {"market": spec.name, "base": spec.stock}
        row |= {"quote": spec.money, "type": "linear", "available": True, "ts_recv": DAY_START_US}
        row |= {"tick_size": float(spec.price(1)), "amount_min": float(spec.amount(1))}
        row |= {"precisions": dict.fromkeys(("base", "quote", "amount", "fee"), 8)}
        return pa.Table.from_pylist([row | {"leverages": [], "limits": []}], schema=MARKETS.schema)

    @property
    def books_a_minute(self) -> Ints:
        return np.bincount((self._books_us - DAY_START_US) // MINUTE_US, minlength=MINUTES)

    def _name(self, count: int) -> pa.Array:
        return pa.repeat(self._spec.name, count)

    def _times(self, count: int) -> Ints:
        """Milliseconds of a day in order, no two alike, as microseconds since its begin."""
        waits = self._chance.gamma(BURSTS, size=count + 1)
        waits *= DAY_US * 0.9 / waits.sum()
        silent = self._chance.integers(0, count + 1, count // BOOKS_A_SILENCE)
        waits[silent] += SILENCE_US
        at = np.cumsum(waits)
        places = np.arange(count)
        at_ms = (at[:-1] * (DAY_US / 1_000 / at[-1])).astype(np.int64) - places
        return (np.minimum(np.maximum.accumulate(at_ms), DAY_US // 1_000 - count) + places) * 1_000

    def _received(self, ts: Ints) -> dict[str, pa.Array]:
        """Where rows came from: received in order, and counted with those of all markets."""
        late = LATENCY_US + self._chance.exponential(JITTER_US, len(ts)).astype(np.int64)
        ts_recv = np.maximum.accumulate(ts + late)
        places = np.arange(len(ts))
        frames = ((ts_recv - DAY_START_US) * self._pace).astype(np.int64) - places
        return origin(ts_recv, np.maximum.accumulate(frames) + places)

    def _side(self, best: Ints, levels: int, direction: int) -> tuple[Floats, Floats]:
        """Prices and quantities of a side, a row a book: each level a few ticks behind the one before."""
        shape = (len(best), levels)
        steps = self._held(self._chance.integers(1, 3 * self._spec.gap_ticks, shape, endpoint=True), STAYS)
        steps[:, 0] = 0
        prices = self._price(best[:, None] + direction * np.cumsum(steps, axis=1))
        return prices, self._quantity(self._held(3 * self._lots(shape, 1.2), STAYS))

    def _lots(self, shape: tuple[int, ...], sigma: float) -> Ints:
        """Quantities about a taker's usual order."""
        lots = self._spec.order_lots * np.exp(sigma * self._chance.standard_normal(shape, np.float32))
        return np.asarray(np.maximum(1, lots.astype(np.int64)))

    def _held(self, values: NDArray[np.int64], stays: float) -> NDArray[np.int64]:
        """Down each column, a value stays as it was so often."""
        changed: Bools = self._chance.random(values.shape, np.float32) >= stays
        changed[0] = True
        rows = np.arange(len(values))[:, None]
        last = np.maximum.accumulate(np.where(changed, rows, 0), axis=0)
        return np.take_along_axis(values, last, axis=0)

    def _price(self, ticks: Ints) -> Floats:
        """Ticks as the doubles nearest to the wire's decimals."""
        prices: Floats = ticks * self._spec.tick_units / 10.0**self._spec.price_prec
        return prices

    def _quantity(self, lots: Ints) -> Floats:
        quantities: Floats = lots / 10.0**self._spec.amount_prec
        return quantities


def _lists(prices: Floats, quantities: Floats) -> pa.Array:
    """Levels as the column of a side."""
    books, levels = prices.shape
    fields = [LEVELS.value_type.field(name) for name in ("price", "quantity")]
    numbers = [doubles(prices.ravel()), doubles(quantities.ravel())]
    offsets = over(np.arange(books + 1, dtype=np.int32) * levels, pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(numbers, fields=fields), type=LEVELS)


class Coverage:
    """The candles of a market's trades, and the grade of each of its minutes: nearly all are whole."""

    def __init__(self, spec: MarketSpec, chance: np.random.Generator, trades: pa.Table) -> None:
        self._name = pa.repeat(spec.name, MINUTES)
        self._chance = chance
        self._minute_us = DAY_START_US + np.arange(MINUTES) * MINUTE_US
        price, quantity = (np.asarray(trades[name].combine_chunks()) for name in ("price", "quantity"))
        minute = (as_us(trades["ts_event"]) - DAY_START_US) // MINUTE_US
        self._trades = np.bincount(minute, minlength=MINUTES)
        self._volume: Floats = np.bincount(minute, quantity, MINUTES).astype(np.float64)
        self._turnover: Floats = np.bincount(minute, price * quantity, MINUTES).astype(np.float64)
        ends = np.cumsum(self._trades)
        close = price[np.maximum(ends - 1, 0)]
        begun = np.flatnonzero(self._trades)
        self._prices = {name: np.append(price[0], close[:-1]) for name in ("open", "high", "low")}
        self._prices["close"] = close
        starts = (ends - self._trades)[begun]
        self._prices["open"][begun] = price[starts]
        self._prices["high"][begun] = np.maximum.reduceat(price, starts)
        self._prices["low"][begun] = np.minimum.reduceat(price, starts)

    def candles(self) -> pa.Table:
        """Rows of `klines`; a minute without a trade has the price before it."""
        columns = origin(self._minute_us + 61 * SECOND_US, np.arange(MINUTES))
        columns |= {name: doubles(values) for name, values in self._prices.items()}
        columns |= {"market": self._name, "period": pa.repeat("1min", MINUTES)}
        columns |= {"ts_open": timestamps(self._minute_us), "column_order": pa.repeat("ohlc", MINUTES)}
        columns |= {"volume": doubles(self._volume), "turnover": doubles(self._turnover)}
        return table(KLINES.schema, columns)

    def grades(self, books: Ints) -> pa.Table:
        """Rows of `coverage`, with so many books a minute."""
        traded = self._trades > 0
        sums = {"volume": self._volume, "turnover": self._turnover}
        counts = {"trades": self._trades, "sides_compared": self._trades, "sides_agreed": self._trades}
        counts |= {"depth_rows": books, "state_rows": np.ones(MINUTES, np.int64)}
        columns: dict[str, Any] = {
            field.name: pa.array(np.zeros(MINUTES, field.type.to_pandas_dtype()))
            for field in COVERAGE.schema
            if field.type in (pa.int64(), pa.float64())
        }
        columns |= {name: over(values, pa.int64()) for name, values in counts.items()}
        columns |= {name: over(values, pa.float64(), traded) for name, values in self._prices.items()}
        columns |= {f"candle_{name}": doubles(values) for name, values in (self._prices | sums).items()}
        columns |= {name: doubles(values) for name, values in sums.items()}
        columns |= {
            f"{stream}_seconds": doubles(np.full(MINUTES, 60.0))
            for stream in ("trade", "depth", "kline", "state")
        }
        columns |= {name: pa.repeat("", MINUTES) for name in ("reason", "missed")}
        columns |= {
            "market": self._name,
            "minute": timestamps(self._minute_us),
            "grade": pa.array(self._chance.choice(list("ABCD"), MINUTES, p=[0.97, 0.01, 0.01, 0.01])),
            "candle_source": pa.repeat("ws", MINUTES),
            "due_from": timestamps(self._minute_us),
            "due_until": timestamps(self._minute_us + MINUTE_US + LATENCY_US),
        }
        return table(COVERAGE.schema, columns)
