"""Lakes of an account's rows to ask questions of, and the answers as dicts."""

from account_lakes import add_rows
from asked_lakes import lake_at, rows_as
from funding_lakes import add_states

from analytics import open_lake


def rows(lake, query):
    relation = lake.sql(query)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def lake_of(data_dir, states=(), markets=(), **tables):
    with lake_at(data_dir) as day:
        if states:
            add_states(day, states)
        if markets:
            day.add("markets", rows_as("markets", markets))
        add_rows(day, **tables)
    return open_lake(data_dir)
