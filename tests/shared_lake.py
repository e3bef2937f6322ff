"""One open lake for many tests, each of which asks about rows of a market of its own."""

import datetime as dt
import itertools
import math

from asked_lakes import rows_as


class SharedLake:
    """Answers of views about rows, which become those of a market that nobody else has."""

    def __init__(self, day, lake):
        self.day, self.lake, self.markets = day, lake, itertools.count()

    def ask(self, view, **tables):
        """The view's rows about these rows of tables (`trades=[...]`), in the order of its third column."""
        market = f"M{next(self.markets)}"
        for name, rows in tables.items():
            for date, of_date in itertools.groupby(rows, key=_date_of):
                own = [row | {"market": market} for row in of_date]
                self.day.add(name, rows_as(name, own), date=date)
        return answers(self.lake, f"SELECT * FROM {view} WHERE market = '{market}' ORDER BY 3")


def _date_of(row):
    us = row.get("minute") or row["ts_event"]
    return str(dt.datetime.fromtimestamp(us / 1e6, dt.UTC).date())


def answers(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def same(one, other):
    """Whether two rows are equal, but for the last bits of numbers."""
    return all(
        math.isclose(value, other[name], rel_tol=1e-12, abs_tol=1e-12)
        if isinstance(value, float)
        else value == other[name]
        for name, value in one.items()
    )
