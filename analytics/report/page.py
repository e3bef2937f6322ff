"""The page: one HTML file with its data and the scripts that draw it. It asks nothing of any network."""

import base64
import functools
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from string import Template
from typing import Any, Final

import vl_convert

from analytics.charts.theme import DARK, GRADES, LIGHT
from analytics.lake import Lake
from analytics.report import drawn, findings, words
from analytics.report.gather import Frames, gather
from analytics.report.scope import MOST_CHOSEN, MOST_MAPPED, Scope, find_scope
from analytics.spans import Moment

_HERE: Final = Path(__file__).parent
MOST_MISSING: Final = 8
"""The longest of what is missing, in the page's table."""
_POLICY: Final = (
    "default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""No address may be loaded, and no script run but those that the page was made with."""
_SETTLED: Final = """\
Each rectangle is a settlement, over the interval for which it charged. Colour: its rate a year, simple
(rate &times; 8,760 / hours of the interval); orange: longs pay shorts; blue: shorts pay longs. A dashed
frame: the rate is not proven. A ring: the interval is not. Grey: nothing is known."""
_ANNOUNCED: Final = """\
No settlement with a proven rate and interval lies in this span yet. In its place: what the venue announced
last for each market&rsquo;s next one, in basis points an interval; above zero, longs pay shorts."""
_UNGRADED: Final = """\
<p class="none">No minute is graded yet: each is judged when it is over and its candle has come.</p>"""
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


@dataclass(frozen=True, slots=True)
class About:
    """What is asked for: markets (none: all) and a span; and the lake's place and our version, to be told."""

    data_dir: Path
    version: str
    markets: tuple[str, ...] = ()
    start: Moment | None = None
    end: Moment | None = None


def write_report(lake: Lake, out: Path, about: About) -> None:
    """Write a report; the file appears whole or not at all.

    Raises AnalyticsError for markets or a span of which there is nothing.
    """
    scope = find_scope(lake, about.data_dir, about.markets, about.start, about.end)
    frames = gather(lake, scope, about.markets or None)
    made = f"Made on {words.instant(datetime.now(UTC))} UTC by perpetual-recorder {about.version}."
    draft = out.with_name(f".{out.name}.new")
    draft.write_text(page(frames, scope, made), encoding="utf-8")
    draft.replace(out)


def page(frames: Frames, scope: Scope, made: str) -> str:
    """The page's text."""
    bundle, script = _bundle(), (_HERE / "page.js").read_text()
    data = {
        "themes": {"light": LIGHT, "dark": DARK},
        "charts": drawn.maps(frames, scope),
        "markets": [
            {
                "tiles": list(findings.tiles(frames, market)),
                "charts": drawn.of_market(frames, scope, market),
            }
            for market in scope.chosen
        ],
    }
    return Template((_HERE / "page.html").read_text()).substitute(
        _texts(frames, scope),
        made=escape(made),
        policy=_POLICY.format(scripts=f"{_hash(bundle)} {_hash(script)}"),
        style=(_HERE / "page.css").read_text(),
        bundle=bundle,
        script=script,
        data=_in_script(data),
    )


def _texts(frames: Frames, scope: Scope) -> dict[str, str]:
    """What the template says of this lake, as HTML."""
    names, span = scope.markets, escape(words.span(scope.first, scope.end))
    headline = words.listed(map(escape, names)) if len(names) <= 3 else words.many(len(names), "market")
    most = _most("Rows are", MOST_MAPPED, len(names))
    return {
        "title": f"Market report: {headline}, {span}",
        "headline": headline,
        "lake": escape(str(scope.data_dir)),
        "span": f"{span} ({words.lasting(scope.end - scope.first)})",
        "facts": _facts(frames, scope),
        "whole": _whole(frames),
        "gaps": _gaps(frames),
        "funding_found": escape(findings.funding(frames)),
        "funding_read": _ANNOUNCED if frames.is_young else _SETTLED,
        "funding_now": _now(frames),
        "spread_found": escape(findings.spread(frames)),
        "depth_found": escape(findings.depth(frames)),
        "options": "\n".join(f"<option>{escape(market)}</option>" for market in scope.chosen),
        "mapped": most,
        "of_each": _of_each(scope),
        "chosen": _most("Offered are", MOST_CHOSEN, len(names)),
        "map_bucket": _bucket(scope.map_every),
        "calendar_bucket": _bucket(scope.calendar_every),
    }


def _most(what: str, most: int, number: int) -> str:
    """What is said where not every market is shown."""
    return f"{what} the {most} markets with most turnover of {number:,}." if number > most else ""


def _of_each(scope: Scope) -> str:
    trades, others = _bucket(scope.trade_every), _bucket(scope.line_every)
    if trades == others:
        return f"Each point is of {others}."
    return f"Prices and volumes are of each {trades}, the other figures of each {others}."


def _facts(frames: Frames, scope: Scope) -> str:
    facts = {
        "markets": f"{len(scope.markets):,}",
        **{name: words.count(rows) for name, rows in frames.rows.items()},
        "gaps": f"{frames.gaps.height:,}",
    }
    return "\n".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())


def _whole(frames: Frames) -> str:
    """A bar of the grades, with what they mean."""
    shares = findings.shares(frames)
    if not shares:
        return _UNGRADED
    bar = "".join(_part(grade, share) for grade, share in shares if share)
    key = "\n".join(
        f'<li><i style="background:{GRADES[grade]}"></i><b>{grade} {words.percent(share)}</b> '
        f"<span>{findings.MEANINGS[grade]}</span></li>"
        for grade, share in shares
    )
    told = ", ".join(f"{grade} {words.percent(share)}" for grade, share in shares)
    judged = words.many(sum(frames.grades.values()), "market-minute")
    return (
        "<p>Each minute of each market is checked against the venue&rsquo;s own candle. "
        f"Judged: {judged}.</p>\n"
        f'<div class="bar" role="img" aria-label="Share of the minutes by grade: {told}">{bar}</div>\n'
        f'<ul class="grades">\n{key}\n</ul>'
    )


def _part(grade: str, share: float) -> str:
    return f'<span style="width:{100 * share:.3f}%;background:{GRADES[grade]}"></span>'


def _now(frames: Frames) -> str:
    """What each market's next settlement will charge, and when."""
    rows = frames.announced
    if not rows.height:
        return ""
    told = rows["ts_recv"].max()
    assert isinstance(told, datetime)
    names = ("market", "next rate", "that a year", "predicted after it", "due, UTC", "in", "interval")
    caption = f"Funding now: what was announced last for the next settlement, {words.instant(told)} UTC"
    return _table(caption, names, (_coming(row, told) for row in rows.iter_rows(named=True)))


def _coming(row: dict[str, Any], told: datetime) -> tuple[str, ...]:
    due, hours = row["ts_next"], row["interval_hours"]
    return (
        row["market"],
        words.bps(1e4 * row["funding_rate_next"], signed=True),
        words.percent(row["apr_next"], signed=True),
        words.bps(
            None if row["funding_rate_predict"] is None else 1e4 * row["funding_rate_predict"], signed=True
        ),
        words.UNKNOWN if due is None else words.instant(due),
        words.UNKNOWN if due is None else words.until(due - told),
        words.UNKNOWN if hours is None else words.lasting(timedelta(hours=hours)),
    )


def _gaps(frames: Frames) -> str:
    """The longest spans of which something is still missing."""
    rows = frames.missing
    if not rows.height:
        return "<p>Every gap was repaired.</p>" if frames.gaps.height else "<p>There is no gap.</p>"
    names = ("markets", "of", "why", "from, UTC", "still missing", "repaired")
    caption = f"What is still missing: the longest of {words.many(rows.height, 'gap')}"
    return _table(caption, names, (_gap(row) for row in rows.head(MOST_MISSING).iter_rows(named=True)))


def _gap(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        "all markets" if row["everywhere"] else words.listed(row["markets"]),
        row["stream"],
        row["reason"],
        words.instant(row["from"]),
        words.lasting(timedelta(seconds=row["remains_seconds"])),
        row["repaired"],
    )


def _table(caption: str, names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "\n".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="scroll"><table><caption>{escape(caption)}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def _bucket(every: str) -> str:
    """A bucket in words: minute, 15 minutes, hour."""
    number, unit = int(every[:-1]), _UNITS[every[-1]]
    return unit if number == 1 else f"{number} {unit}s"


@functools.cache
def _bundle() -> str:
    """Vega, Vega-Lite and what embeds them, as one script."""
    text: str = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub knows no default
    return text


def _hash(script: str) -> str:
    """A script as a policy names it."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _in_script(data: Any) -> str:
    """JSON that no text in it can end the script of."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
