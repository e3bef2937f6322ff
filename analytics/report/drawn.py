"""The charts of a report as the page's script takes them: specifications, or sentences that say why not."""

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import polars as pl
from altair.utils.schemapi import debug_mode

from analytics import charts
from analytics.charts.parts import Chart
from analytics.charts.theme import UNSEEN
from analytics.errors import NothingToShowError
from analytics.report.gather import Frames
from analytics.report.scope import Scope

Drawing: TypeAlias = dict[str, Any] | str


def maps(frames: Frames, scope: Scope) -> dict[str, Drawing]:
    """The charts of all markets, by the names that the page knows them by."""
    markets = scope.mapped
    of_map, of_calendar = scope.reach(scope.map_every), scope.reach(scope.calendar_every)
    coverage = functools.partial(charts.coverage_map, frames.coverage, frames.gaps)
    drawings = {
        "funding": _drawn(functools.partial(charts.funding_map, frames.settlements, markets, of_map)),
        "spread": _drawn(functools.partial(charts.spread_map, frames.spread_map, markets, of_map)),
        "depth": _drawn(functools.partial(charts.depth_map, frames.depth_map, markets, of_map)),
        "coverage": _drawn(functools.partial(coverage, markets, of_calendar)),
    }
    for drawing in drawings.values():
        _ground(drawing)
    if frames.is_young:
        drawings["funding"] = _drawn(functools.partial(charts.funding_next, frames.announced, markets))
    return drawings


def of_market(frames: Frames, scope: Scope, market: str) -> dict[str, Drawing]:
    """The charts of one market, likewise."""

    def own(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(pl.col("market") == market)

    by_time: dict[str, tuple[Callable[..., Chart], pl.DataFrame]] = {
        "price": (charts.price, frames.volume),
        "volume": (charts.volume, frames.volume),
        "spread": (charts.spread, frames.spread),
        "depth": (charts.depth, frames.depth),
        "basis": (charts.basis, frames.basis),
        "open_interest": (charts.open_interest, frames.open_interest),
    }
    every = {"price": scope.trade_every, "volume": scope.trade_every}
    drawings = {}
    for name, (chart, rows) in by_time.items():
        bucket = every.get(name, scope.line_every)
        drawings[name] = _drawn(functools.partial(chart, own(rows), scope.reach(bucket), bucket))
    profile = functools.partial(charts.volume_profile, own(frames.profile), own(frames.areas))
    return drawings | {"profile": _drawn(profile)}


def _drawn(make: Callable[[], Chart]) -> Drawing:
    try:
        with debug_mode(arg=False):  # that each chart keeps to the schema is for the tests: it takes seconds
            spec: dict[str, Any] = make().to_dict(validate=False)
    except NothingToShowError as error:
        return str(error)
    del spec["config"]  # the page brings the one of its colours
    spec["datasets"] = {name: _columns(rows) for name, rows in spec["datasets"].items()}
    return spec


def _ground(drawing: Drawing) -> None:
    """Give a map the ground that says where nothing is known. Layers have it of their own, not in common."""
    if not isinstance(drawing, str):
        for layer in drawing.get("layer", [drawing]):
            layer["view"] = {"style": UNSEEN}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows by column: each name is written once."""
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
