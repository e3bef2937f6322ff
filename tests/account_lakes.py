"""Rows of an account, made one by one, and the rows of one whose owner trades at random."""

import datetime as dt
from decimal import Decimal

from lakedays import DAY_US, HOUR_US, SECOND_US, rows_of

from recorder.lake.store.tables import TABLES

ASSET = "USDT"
FUNDING_HOURS = 4
NOTHING = Decimal(0)


def _row(name, ts, market=None, *, recv=None, source="rest", seq=0, **columns):
    row = dict.fromkeys(TABLES[name].schema.names)
    row |= {
        name: Decimal(str(value)) if isinstance(value, float) else value for name, value in columns.items()
    }
    row |= {"ts_recv": DAY_US + (ts if recv is None else recv), "source": source, "seq": seq}
    return row | ({} if market is None else {"market": market})


def line(ts, ledger_id, business, change, balance, *, asset=ASSET, **more):
    """A line of the ledger at `ts` us after the day's begin."""
    money = {"change": Decimal(str(change)), "balance": Decimal(str(balance))}
    told = {"ledger_id": ledger_id, "business": business, "asset": asset, "ts_event": DAY_US + ts}
    return _row("account_ledger", ts, **told, **money, **more)


def assets(ts, balance, unrealised=0.0, *, asset=ASSET, margin=0.0, frozen=0.0, **more):
    """An answer or a push about one currency."""
    money = {"balance": balance, "profit_unrealised": unrealised, "margin": margin, "frozen": frozen}
    money = {name: Decimal(str(value)) for name, value in money.items()}
    available = money["balance"] - money["margin"] - money["frozen"]
    return _row("account_assets", ts, asset=asset, available=available, **money, **more)


def answer(ts, call, records=0, *, until=None, **more):
    """An answer about the account at `ts`; of a history, up to when it was asked for."""
    told = {"call": call, "records": records, "ts_until": None if until is None else DAY_US + until}
    return _row("account_answers", ts, **told, **more)


def position(ts, quantity, open_price=100.0, *, market="AAA", position_id=1, realised=None, **more):
    """A position as it was told at `ts`; `quantity` below 0 is short. Pushes tell what it has `realised`."""
    quantity = Decimal(str(quantity))
    told = {
        "position_id": position_id,
        "side": "short" if quantity < 0 else "long",
        "position_type": "isolated",
        "quantity": abs(quantity),
        "open_price": Decimal(str(open_price)),
        "margin": Decimal(10),
        "maintenance_margin": Decimal(2),
        "leverage": Decimal(10),
        "liquidation_price": Decimal(90),
        "profit_unrealised": NOTHING,
        "profit_realised": None if realised is None else Decimal(str(realised)),
        "ts_created": DAY_US + ts,
        "ts_updated": DAY_US + ts,
    }
    return _row("account_positions", ts, market, source="rest" if realised is None else "ws", **told | more)


def fill(ts, quantity, price=100.0, *, market="AAA", order_id=1, role="taker", fee=0.0, profit=None, **more):
    """A fill; `quantity` below 0 is sold."""
    quantity, price = Decimal(str(quantity)), Decimal(str(price))
    told = {
        "order_id": order_id,
        "side": "sell" if quantity < 0 else "buy",
        "quantity": abs(quantity),
        "price": price,
        "turnover": abs(quantity) * price,
        "fee": Decimal(str(fee)),
        "profit": None if profit is None else Decimal(str(profit)),
        "role": role,
        "place": 1,
        "ts_event": DAY_US + ts,
    }
    return _row("account_fills", ts, market, **told | more)


def order(ts, order_id, quantity, *, market="AAA", updated=None, filled=0.0, price_mean=None, **more):
    """A version of an order made at `ts`; `quantity` below 0 sells."""
    quantity, filled = Decimal(str(quantity)), Decimal(str(filled))
    updated = ts if updated is None else updated
    told = {
        "order_id": order_id,
        "side": "sell" if quantity < 0 else "buy",
        "order_type": "limit",
        "status": "filled" if filled == abs(quantity) else "open",
        "quantity": abs(quantity),
        "quantity_filled": filled,
        "price": NOTHING,
        "price_mean": None if price_mean is None else Decimal(str(price_mean)),
        "turnover": filled * Decimal(str(price_mean or 0)),
        "fee": NOTHING,
        "ts_created": DAY_US + ts,
        "ts_updated": DAY_US + updated,
        "ts_event": DAY_US + updated,
    }
    return _row("account_orders", updated, market, **told | more)


class RandomOwner:
    """Trades at random, is pushed three changes of four, asked about each hour, and charged every 4 h."""

    def __init__(self, chance, markets=("AAA", "BBB")):
        self.chance, self.markets = chance, markets
        self.balance, self.ids = NOTHING, 0
        self.held = dict.fromkeys(markets, NOTHING)
        self.realised = dict.fromkeys(markets, NOTHING)
        self.rows = {name: [] for name in TABLES if name.startswith("account_")}

    def day(self):
        """The rows of a day, by table."""
        self.rows = {name: [] for name in self.rows}
        times = [(self.chance.randrange(24 * HOUR_US), self.trade) for _ in range(60)]
        times += [(hour * HOUR_US + 7, self.ask) for hour in range(24)]
        times += [(hour * HOUR_US, self.settle) for hour in range(0, 24, FUNDING_HOURS)]
        if not self.ids:
            self.post(0, "Deposit", Decimal(1000))
        for ts, act in sorted(times, key=lambda each: each[0]):
            act(ts)
        return self.rows

    def next_id(self):
        self.ids += 1
        return self.ids

    def post(self, ts, business, change):
        self.balance += change
        self.rows["account_ledger"].append(line(ts, self.next_id(), business, change, self.balance))

    def tell(self, ts, market, **more):
        told = position(
            ts, self.held[market], market=market, position_id=self.markets.index(market),
            realised=self.realised[market], seq=self.next_id(), **more,
        )  # fmt: skip
        self.rows["account_positions"].append(told)

    def trade(self, ts):
        market = self.chance.choice(self.markets)
        quantity = Decimal(self.chance.randrange(-90, 90) or 1) / 10
        price = Decimal(10_000 + self.chance.randrange(-50, 50)) / 100
        closes = quantity * self.held[market] < 0
        fee = round(abs(quantity) * price / 2000, 4)
        profit = round(Decimal(self.chance.randrange(-99, 99)) / 7, 4) if closes else None
        made = {"market": market, "order_id": self.next_id()}
        self.rows["account_orders"].append(
            order(max(0, ts - 5 * SECOND_US), made["order_id"], quantity, market=market, updated=ts,
                  filled=abs(quantity), price_mean=price, seq=made["order_id"])
        )  # fmt: skip
        role = self.chance.choice(["maker", "taker"])
        made |= {"role": role, "fee": fee, "profit": profit}
        self.rows["account_fills"].append(fill(ts, quantity, price, **made))
        self.post(ts, "Trading fee", -fee)
        if profit is not None:
            self.post(ts, "Close pnl", profit)
        self.held[market] += quantity
        self.realised[market] += (profit or NOTHING) - fee
        if self.chance.random() < 0.75:
            self.tell(ts, market, event=2)
        self.rows["account_assets"].append(assets(ts, self.balance, 1.25, source="ws", seq=self.next_id()))

    def ask(self, ts):
        seq = self.next_id()
        self.rows["account_assets"].append(assets(ts, self.balance, -0.5, margin=20, seq=seq))
        self.rows["account_answers"].append(answer(ts, "position_pending", seq=seq + 1))
        self.rows["account_answers"].append(answer(ts, "asset_history", until=ts - SECOND_US, seq=seq + 2))
        for number, market in enumerate(self.markets):
            if self.held[market]:
                told = position(ts, self.held[market], market=market, position_id=number, seq=seq + 1)
                self.rows["account_positions"].append(told)

    def settle(self, ts):
        for market in self.markets:
            if self.held[market]:
                charge = round(self.held[market] * Decimal(self.chance.randrange(-90, 90)) / 1000, 12)
                self.realised[market] -= charge
                self.post(ts + SECOND_US, "Funding fee", -charge)
                self.tell(ts + SECOND_US, market, event=2)


def add_rows(day, **tables):
    """Put rows of any days into a lake, by table, each into a file of its own day."""
    for name, rows in tables.items():
        by_date = {}
        for row in rows:
            us = row[TABLES[name].time]
            by_date.setdefault(str(dt.datetime.fromtimestamp(us / 1e6, dt.UTC).date()), []).append(row)
        for date, of_date in by_date.items():
            day.add(name, rows_of(TABLES[name], of_date), date=date)
