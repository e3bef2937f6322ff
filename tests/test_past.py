"""Whole days in no time: what the exchange says it did, the lake has, or admits that it has not."""

import contextlib
import io
import itertools
import signal
import subprocess
import sys
import time
from datetime import date
from decimal import Decimal

import pytest
from commands import recorder
from pasts import DAYS, past_day
from tapes import at

from analytics import open_lake
from recorder.config import Settings
from recorder.demo_days import Days, run_days, whole_or_not
from recorder.exchange.messages import parse
from recorder.journal.reader import JournalReader
from recorder.lake.proving.rebuild import verify
from recorder.past.exchange import STEP_S, Pace, chosen_markets, past_exchange
from recorder.past.recorder import PastRecorder
from recorder.past.script import DAY_NS, HOUR_NS, script
from recorder.simulator.private.units import padded
from recorder.simulator.source import Wanted

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
START = at("2026-11-22T00:00")
END = START + DAY_NS


pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return past_day(tmp_path_factory)[0]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The terminal."""
    return past_day(tmp_path_factory)[1]


@pytest.fixture(scope="module")
def lake(data_dir):
    return open_lake(data_dir)


@pytest.fixture(scope="module")
def exchange():
    return past_exchange(START, DAYS.markets, DAYS.seed, DAYS.pace)


@pytest.fixture(scope="module")
def traded(exchange):
    """Every trade of the day by (market, id), as the exchange pushes it to whoever listens all the time."""
    trades = {}
    for now_ns in range(START, END + 1, int(STEP_S) * SECOND_NS):
        for push in exchange.advance(now_ns, Wanted(every_trade=True)):
            for trade in parse(push.payload).trades:
                trades[trade.market, trade.id] = trade
    return trades


def rows(lake, query):
    return lake.sql(query).fetchall()


def ns(moment):
    return round(moment.timestamp() * 1e6) * 1_000


# --- what is there, and what is not ---------------------------------------------------------------------


def test_each_trade_of_the_lake_is_one_of_the_exchanges_and_there_once(lake, traded):
    found = rows(lake, "SELECT market, trade_id, price, quantity, side, epoch_us(ts_event) FROM trades")
    assert len(found) > 20_000
    assert len({row[:2] for row in found}) == len(found)
    for market, trade_id, *figures in found:
        trade = traded[market, trade_id]
        expected = [float(trade.price), float(trade.amount), trade.type, round(trade.time * 1e6)]
        assert figures == expected


def test_each_trade_that_the_lake_has_not_lies_in_what_remains_of_a_gap(lake, traded):
    there = set(rows(lake, "SELECT market, trade_id FROM trades"))
    absent = [trade for key, trade in traded.items() if key not in there]
    assert absent
    gaps = rows(
        lake,
        "SELECT market, epoch_us(remains_start), epoch_us(coalesce(remains_end, TIMESTAMPTZ '2027-01-01')) "
        "FROM gaps WHERE coalesce(stream, 'trade') = 'trade' AND remains_start IS NOT NULL",
    )
    gaps.append((None, START // 1_000, (START + 5 * SECOND_NS) // 1_000))  # nobody had begun to record
    for trade in absent:
        us = trade.time * 1e6
        assert any(market in (None, trade.market) and start <= us < end for market, start, end in gaps), trade


def test_candles_are_those_of_the_exchange_to_the_last_digit(lake, exchange, traded):
    assert traded  # the day has passed
    columns = "epoch(ts_open)::BIGINT, open, high, low, close, volume, turnover"
    last_s = END // SECOND_NS - 120  # the last minute of all was not recorded to its end
    for name in exchange.names():
        found = rows(lake, f"SELECT {columns} FROM klines WHERE market = '{name}' ORDER BY ts_open")
        expected = [
            (row[0], *map(float, row[1:7]))
            for row in exchange.klines(name, "1min", START // SECOND_NS, last_s)
        ]
        assert len(expected) == 1_439
        assert found[:1_439] == expected


def test_volume_by_trades_equals_the_candles_in_whole_minutes(lake):
    [[count, worst]] = rows(
        lake,
        "SELECT count(*), max(abs(volume - candle_volume) / greatest(candle_volume, 1e-9)) "
        "FROM coverage WHERE grade IN ('A', 'B')",
    )
    assert count > 4_000
    assert worst < 1e-12


# --- what was disturbed, and what was not -----------------------------------------------------------------


def troubled(market, minute_ns, troubles):
    """Whether the script, or the beginning, disturbs a market's minute: what is lost is lost since something
    came last, and until a reconnect succeeds."""
    own = [each for each in troubles if each.market in (None, market)]
    spans = [(each.start_ns - MINUTE_NS // 2, each.end_ns + MINUTE_NS) for each in own]
    spans.append((START, START + 10 * SECOND_NS))
    return any(start < minute_ns + MINUTE_NS and minute_ns < end for start, end in spans)


def test_a_minute_that_nothing_disturbed_is_whole_and_one_that_is_not_has_its_gap(lake, exchange):
    troubles = script(START, 1, list(exchange.names()), DAYS.seed)
    graded = rows(
        lake,
        "SELECT market, minute, grade, EXISTS (SELECT 1 FROM gaps "
        "WHERE coalesce(gaps.market, c.market) = c.market "
        "AND ts_start < due_until AND coalesce(ts_end, due_until) >= due_from) FROM coverage AS c",
    )
    assert len(graded) >= 3 * 1_439
    for market, minute, grade, in_a_gap in graded:
        if not troubled(market, ns(minute), troubles):
            assert grade == "A", (market, minute)
        elif grade != "A":
            assert in_a_gap, (market, minute)


def test_the_day_has_every_grade_and_every_reason(lake):
    assert [grade for (grade,) in rows(lake, "SELECT DISTINCT grade FROM coverage ORDER BY 1")] == [*"ABCD"]
    reasons = {reason for (reason,) in rows(lake, "SELECT DISTINCT reason FROM gaps")}
    assert reasons == {"start", "disconnect", "silence", "crash", "missed", "stop"}
    repaired = {word for (word,) in rows(lake, "SELECT DISTINCT repaired FROM gaps WHERE stream = 'trade'")}
    assert repaired == {"none", "partly", "fully"}


def test_the_lake_is_what_its_journal_makes(data_dir):
    proof = verify(data_dir, lambda _: None)
    assert proof.equal
    assert proof.damage == ()
    assert sum(table.rows for table in proof.tables) > 50_000


# --- the account --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def owned(exchange, traded):
    """The exchange's own account, after the day."""
    assert traded
    [account] = exchange.venue.desk.accounts.values()
    return account


def test_the_ledger_of_the_lake_is_the_exchanges_up_to_the_last_round(lake, owned):
    columns = "epoch_us(ts_event), ledger_id, change, balance"
    found = rows(lake, f"SELECT {columns} FROM account_ledger ORDER BY ts_event, ledger_id")
    ledger = [(each.time_us, each.id, padded(each.change), padded(each.balance)) for each in owned.ledger]
    assert len(found) > 100
    assert [(us, entry, *map(str, money)) for us, entry, *money in found] == ledger[: len(found)]
    [[asked_us]] = rows(lake, "SELECT epoch_us(max(ts_recv)) FROM account_assets WHERE source = 'rest'")
    assert ledger[len(found)][0] > asked_us - 3_000_000


def test_the_fills_of_the_lake_are_the_exchanges_and_there_once(lake, owned):
    columns = "epoch_us(ts_event), market, order_id, price, quantity"
    found = rows(lake, f"SELECT {columns} FROM account_fills ORDER BY ts_event, order_id")
    own = {
        (
            fill.time_us,
            spec.name,
            fill.order.id,
            Decimal(spec.price(fill.ticks)),
            Decimal(spec.amount(fill.lots)),
        )
        for fill in owned.fills
        if (spec := fill.order.terms.spec)
    }
    assert len(found) == len(set(found)) > 100
    assert set(found) <= own


def test_the_account_is_told_by_its_streams_and_by_its_rounds(lake):
    for table in ("account_assets", "account_positions"):
        found = rows(lake, f"SELECT source, count(*) FROM {table} GROUP BY 1 ORDER BY 1")
        assert [source for source, count in found if count > 10] == ["rest", "ws"]


def test_a_kill_and_a_lost_connection_are_gaps_of_the_account(lake):
    found = rows(lake, "SELECT reason FROM gaps WHERE stream = 'account' ORDER BY ts_start")
    assert found == [("start",), ("crash",), ("disconnect",), ("stop",)]


# --- what makes it worth looking at ----------------------------------------------------------------------


def test_funding_settles_at_the_interval_of_each_market(lake):
    hours = {spec.name: spec.funding_s // 3_600 for spec in chosen_markets(3, DAYS.seed)}
    assert sorted(hours.values()) == [1, 4, 8]
    for market, interval in hours.items():
        settled = rows(
            lake,
            "SELECT date_trunc('hour', ts_funding), last(funding_rate_next ORDER BY ts_recv), "
            "first(funding_rate_last ORDER BY ts_recv) "
            f"FROM state WHERE market = '{market}' GROUP BY 1 ORDER BY 1",
        )
        assert len(settled) == 24 // interval
        for (before, announced, _), (after, _, charged) in itertools.pairwise(settled):
            assert (after - before).total_seconds() == interval * 3_600
            assert charged == announced


def test_the_afternoon_is_livelier_than_the_night(lake):
    [[night, afternoon]] = rows(
        lake,
        "SELECT count(*) FILTER (hour(ts_event) = 5), count(*) FILTER (hour(ts_event) = 14) FROM trades",
    )
    assert afternoon > 2 * night


def test_pushes_are_received_some_milliseconds_after_they_happened(lake):
    [[least, median, most]] = rows(
        lake,
        "SELECT min(lag), median(lag), quantile_cont(lag, 0.999) "
        "FROM (SELECT epoch_us(ts_recv) - epoch_us(ts_event) AS lag FROM trades WHERE source = 'ws')",
    )
    assert least >= 3_000
    assert 6_000 < median < 11_000
    assert most < 100_000


def test_a_few_markets_settle_at_every_interval_and_many_are_all_of_the_catalogue():
    assert [spec.stock for spec in chosen_markets(6, 1)] == ["BTC", "1000PEPE", "HYPE", "ETH", "AVAX", "BONK"]
    assert {spec.rank for spec in chosen_markets(40, 1)} == set(range(40))


# --- how it is made -----------------------------------------------------------------------------------------


def journal_of(directory, seed, minutes=20):
    exchange = past_exchange(START, 2, seed, Pace(rate=0.1))
    settings = Settings(data_dir="x").public()
    with PastRecorder(directory, exchange, START, seed, settings) as past:
        past.live(START + minutes * MINUTE_NS)
        past.stop()
    return [line for block in JournalReader(directory).read() for line in block.data.splitlines()]


def test_the_same_seed_makes_the_same_journal_and_another_one_another(tmp_path):
    first, again, other = (journal_of(tmp_path / str(n), seed) for n, seed in enumerate((1, 1, 2)))
    assert len(first) > 1_000
    assert first == again
    assert first != other


def test_the_troubles_of_a_day_do_not_overlap_and_take_another_stream_each_day():
    troubles = script(START, 8, ["A", "B"], 5)
    silent = [each.stream for each in troubles if each.kind == "silence"]
    assert silent == ["depth", "trade", "kline", "state"] * 2
    assert [each.kind for each in troubles].count("restart") == 4
    for before, after in itertools.pairwise(troubles):
        assert before.end_ns + HOUR_NS // 2 < after.start_ns
    assert troubles == script(START, 8, ["A", "B"], 5)


def test_what_is_not_whole_is_not_there(tmp_path):
    with pytest.raises(ZeroDivisionError), whole_or_not(tmp_path / "days") as stage:
        (stage / "half").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []
    with whole_or_not(tmp_path / "days") as stage:
        (stage / "all").touch()
    assert [path.name for path in (tmp_path / "days").iterdir()] == ["all"]
    assert [path.name for path in tmp_path.iterdir()] == ["days"]


# --- the command -----------------------------------------------------------------------------------------


def test_it_answers_says_how_whole_the_days_are_and_what_to_try_next(data_dir, told):
    text = told
    wanted = ("Funding now", "Spread by market", "Volume by market", "Market-minutes by grade", "crash")
    assert [word for word in wanted if word not in text] == []
    assert f"sql --data-dir {data_dir}" in text.replace("\n", " ")


def test_days_that_are_there_are_not_made_again(data_dir, told):
    said, before = io.StringIO(), data_dir.stat()
    with contextlib.redirect_stdout(said):
        run_days(Settings(data_dir=data_dir.parent), DAYS)
    assert "is there already" in said.getvalue()
    assert data_dir.stat().st_ino == before.st_ino


@pytest.mark.parametrize("flags", [("--until", "2026-11-23"), ("--days", 1, "--seconds", 10)])
def test_flags_that_do_not_go_together_are_wrong_usage(tmp_path, flags):
    done = recorder("demo", *flags, "--data-dir", tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])


def test_ctrl_c_leaves_nothing_half(tmp_path):
    asked = [sys.executable, "-m", "recorder", "demo", "--days", "20", "--data-dir", str(tmp_path)]
    process = subprocess.Popen(asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob(".demo-*/journal/*/*.zst")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert list(tmp_path.iterdir()) == []


def test_the_days_are_those_before_a_date():
    days = Days(date(2026, 3, 1), 2)
    assert days.dates == [date(2026, 2, 27), date(2026, 2, 28)]
    assert days.start_ns == at("2026-02-27T00:00")
