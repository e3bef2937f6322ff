"""`recorder demo --days N`: a lake of whole days in less than a minute each, by the real path.

A simulated exchange lives through the days in a time of its own, a recorder's journal of it is written, and
the lake is made of that journal as of any other: published day by day, then compacted.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from analytics.lake import open_lake
from analytics.views import write_views
from recorder.config import Settings
from recorder.demo import answer
from recorder.exchange.topics import STREAMS
from recorder.lake.publishing.follow import catch_up, open_publisher
from recorder.lake.store.owner import keep_to_owner, make_private
from recorder.logs import set_up_logging
from recorder.past.account import ROUND_EVERY_NS
from recorder.past.agenda import SECOND_NS
from recorder.past.exchange import Pace, past_exchange
from recorder.past.recorder import PastRecorder
from recorder.past.script import DAY_NS, script
from recorder.show import console, size

HANG_UP_BEFORE_NS: Final = SECOND_NS // 20
"""The recorder stops so long before the midnight that ends its days: of the next there is no row."""
STRIDES: Final = 48
"""Between two of them a day's progress is told."""
LIVING, PUBLISHING, COMPACTING = 4.0, 2.0, 1.0
"""What the work on a day takes, against each other."""
TOPICS_A_MARKET: Final = 3
_GRADES: Final = """
SELECT grade, count(*), 100 * count(*) / sum(count(*)) OVER () FROM coverage GROUP BY grade ORDER BY grade"""

Tell: TypeAlias = Callable[[float, str], None]
"""Is told by how much the work has come forward, and what is done."""


@dataclass(frozen=True, slots=True)
class Days:
    """So many UTC days, the last of them the one before `until`."""

    until: date
    count: int
    markets: int = 8
    seed: int = 1
    pace: Pace = field(default_factory=Pace)

    @property
    def dates(self) -> list[date]:
        return [self.until - timedelta(days=back) for back in range(self.count, 0, -1)]

    @property
    def start_ns(self) -> int:
        return int(datetime.combine(self.dates[0], datetime.min.time(), UTC).timestamp()) * SECOND_NS


def run_days(settings: Settings, days: Days) -> None:
    """Make the days below the data directory, or find them made before; then answer."""
    target = settings.data_dir / f"demo-{days.until}-{days.count}d-{days.markets}m-s{days.seed}"
    set_up_logging(quiet=True)
    out = console()
    if target.exists():
        out.print(f"{target} is there already: nothing is made anew")
    else:
        spell = f"{days.dates[0]} to {days.dates[-1]}"
        out.print(f"A simulated exchange of {days.markets} markets lives through {spell}, into {target}")
        with whole_or_not(target) as stage, _progress(out) as progress:
            bar = progress.add_task("", total=days.count * (LIVING + PUBLISHING + COMPACTING))

            def tell(work: float, text: str) -> None:
                progress.update(bar, advance=work, description=text)

            make_days(stage, settings.model_copy(update={"data_dir": target}), days, tell)
            compact_days(stage, days.dates, tell)
        write_views(target)
    answer(out, target, _told(target))


@contextlib.contextmanager
def whole_or_not(target: Path) -> Iterator[Path]:
    """A directory that becomes `target` when all went well, and is gone when it did not."""
    stage = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield stage
        stage.chmod(0o755)
        stage.rename(target)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def make_days(data_dir: Path, settings: Settings, days: Days, tell: Tell = lambda *_: None) -> None:
    """Make journal and lake of the days in a directory that has neither; none is compacted."""
    exchange = past_exchange(days.start_ns, days.markets, days.seed, days.pace)
    troubles = script(days.start_ns, days.count, list(exchange.names()), days.seed)
    said = recorded_settings(settings, days.markets)
    directory = data_dir / "journal" / said["id"]
    make_private(directory)
    keep_to_owner(data_dir / "lake")
    with PastRecorder(directory, exchange, days.start_ns, days.seed, said, troubles) as recorder:
        for day, name in enumerate(days.dates, 1):
            _live(recorder, days.start_ns + (day - 1) * DAY_NS, str(name), tell)
            if day == days.count:
                recorder.stop()
            tell(0.0, f"{name}: publishing")
            with open_publisher(data_dir, wait_s=0.0) as publisher:
                catch_up(publisher)
                publisher.work_off()
            tell(PUBLISHING, f"{name}: published")


def compact_days(data_dir: Path, dates: Iterable[date], tell: Tell = lambda *_: None) -> None:
    """Compact these days of a lake."""
    with open_publisher(data_dir, wait_s=0.0) as publisher:
        for name in dates:
            tell(0.0, f"{name}: compacting")
            publisher.finish(publisher.compaction(str(name)).run(lambda: False))
            tell(COMPACTING, f"{name}: compacted")


def _live(recorder: PastRecorder, midnight_ns: int, name: str, tell: Tell) -> None:
    for stride in range(1, STRIDES + 1):
        until_ns = midnight_ns + stride * DAY_NS // STRIDES
        recorder.live(until_ns if stride < STRIDES else until_ns - HANG_UP_BEFORE_NS)
        clock = datetime.fromtimestamp(until_ns / 1e9, UTC)
        tell(LIVING / STRIDES, f"{name}: {clock:%H:%M}, {recorder.journal.frames:,} frames")


def recorded_settings(settings: Settings, markets: int) -> dict[str, Any]:
    """What the recorder of the days says it was told: all of the exchange, by default, and no candle of a day
    before the first."""
    fields = Settings.model_fields
    update = {
        name: fields[name].get_default(call_default_factory=True) for name in ("id", "retention", "markets")
    }
    update |= {
        "streams": STREAMS,
        "kline_periods": ("1min",),
        "backfill_lookback": timedelta(0),
        "account_interval": timedelta(seconds=ROUND_EVERY_NS // SECOND_NS),
        "subscriptions_per_connection": max(100, 1 + TOPICS_A_MARKET * markets),
    }
    return settings.model_copy(update=update).public()


def _progress(out: Console) -> Progress:
    return Progress(
        BarColumn(40),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=out,
    )


def _told(data_dir: Path) -> str:
    """How whole the days are, and how large."""
    relation = open_lake(data_dir).sql(_GRADES)
    assert relation is not None
    grades = ", ".join(f"{count:,} {grade} ({share:.2f} %)" for grade, count, share in relation.fetchall())
    journal, lake = (
        sum(path.stat().st_size for path in (data_dir / name).rglob("*") if path.is_file())
        for name in ("journal", "lake")
    )
    return (
        f"\nMarket-minutes by grade: {grades}. The journal has {size(journal)}, the lake {size(lake)}.\n"
        "Each day has its troubles, by script: a lost connection, a silent stream, a kill, trades that were "
        "never pushed."
    )
