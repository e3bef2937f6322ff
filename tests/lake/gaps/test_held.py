"""Trades by REST take their place among the pushed ones when no push can be expected any more."""

import itertools

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from journals import Recorder, trade

from recorder.lake.decoding.harvest import Record
from recorder.lake.gaps.held import HOLD_US, Held
from recorder.lake.publishing.follow import publish_once
from recorder.lake.store.tables import TRADES

S = 1_000_000


def rows(source, *entries):
    """Trades as (seq, receive seconds)."""
    return pa.Table.from_pylist(
        [
            {
                "market": "AAA", "trade_id": seq, "ts_event": int(s * S), "ts_recv": int(s * S),
                "side": "buy", "price": 1.0, "quantity": 1.0, "source": source, "seq": seq,
                "mid_before": None,
            }
            for seq, s in entries
        ],
        schema=TRADES.schema,
    )  # fmt: skip


def order(pieces):
    return [seq for piece in pieces for seq in piece["seq"].to_pylist()]


def among(held, pushed, answers, end_s, records=()):
    return order(held.among(rows("ws", *pushed), rows("rest", *answers), records, int(end_s * S)))


def test_they_stand_before_the_first_push_that_was_received_long_after_them():
    pushed = [(1, 0), (3, 5), (4, 9.9), (5, 10), (6, 11)]
    assert among(Held(), pushed, [(2, 0)], 11) == [1, 3, 4, 2, 5, 6]


def test_without_a_push_they_are_let_go_when_the_time_has_come():
    held = Held()
    assert among(held, [], [(2, 0)], 9) == []
    assert among(held, [], [], 10) == [2]


@pytest.mark.parametrize("kind", ["stop", "start", "clock"])
def test_where_a_session_ends_nothing_more_is_waited_for(kind):
    record = Record(3, 2 * S * 1000, None, kind, {})
    assert among(Held(), [(1, 0), (4, 3)], [(2, 0)], 3, [record]) == [1, 2, 4]


def test_what_waits_survives_its_process():
    held = Held()
    among(held, [], [(2, 0), (3, 1)], 1)
    assert order(Held(held.save()).all()) == [2, 3]


seconds = st.lists(st.integers(0, 60), max_size=20).map(sorted)


@given(seconds, seconds, st.lists(st.integers(0, 45), max_size=4))
def test_the_order_does_not_depend_on_how_the_journal_was_cut(pushes, answers, cuts):
    entries = sorted([(s, 0) for s in pushes] + [(s, 1) for s in answers])
    lines = [(seq, s, kind) for seq, (s, kind) in enumerate(entries)]

    def read(bounds):
        held, found = Held(), []
        for low, high in itertools.pairwise([0, *bounds, len(lines)]):
            block = lines[low:high]
            pushed = [(seq, s) for seq, s, kind in block if kind == 0]
            asked = [(seq, s) for seq, s, kind in block if kind == 1]
            if block:
                found += among(held, pushed, asked, block[-1][1])
        return found + order(held.all())

    assert read(sorted(min(cut, len(lines)) for cut in cuts)) == read([])


class TestSource:
    """A trade that came by push and by REST is a pushed one, unless its push was very late."""

    def source_of(self, data_dir, lake, push_after_s):
        recorder = Recorder(data_dir)
        recorder.session(("trade", "AAA"))
        recorder.at(1).deals("AAA", (7, 1_723_161_255.342, "100.5", "2", "buy"))
        recorder.at(push_after_s).frames(trade("AAA", 7), trade("AAA", 8)).stop()
        publish_once(data_dir)
        return lake.rows("trades", "trade_id, source", "ORDER BY ALL")

    def test_a_push_right_after_the_answer_needs_no_repair(self, data_dir, lake):
        assert self.source_of(data_dir, lake, 0.2) == [(7, "ws"), (8, "ws")]

    def test_a_push_long_after_the_answer_was_repaired_by_then(self, data_dir, lake):
        assert self.source_of(data_dir, lake, HOLD_US / 1e6 + 1) == [(7, "rest"), (8, "ws")]

    def test_a_trade_that_no_push_brought_is_there_by_rest(self, data_dir, lake):
        recorder = Recorder(data_dir)
        recorder.session(("trade", "AAA"))
        recorder.deals("AAA", (9, 1_723_161_256.5, "100.5", "0.25", "sell")).stop()
        publish_once(data_dir)
        columns = "trade_id, epoch_us(ts_event), side, price, quantity, source"
        assert lake.rows("trades", columns) == [(9, 1_723_161_256_500_000, "sell", 100.5, 0.25, "rest")]


def test_times_of_rows_are_the_answers(data_dir, lake):
    recorder = Recorder(data_dir)
    recorder.session(("trade", "AAA")).deals("AAA", (9, 1_723_161_256.5, "1", "1", "sell"))
    received_us = recorder.now_ns // 1000
    recorder.stop()
    publish_once(data_dir)
    assert lake.rows("trades", "epoch_us(ts_recv)") == [(received_us,)]
