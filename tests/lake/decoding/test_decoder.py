"""Both decoders, plain and fast, against literal frames, hostile frames and each other."""

import functools
import json
import random
import re
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.lake.decoding.decoder import Decoder, Record
from recorder.lake.store.tables import DEPTH, KLINES, REJECTS, STATE, TRADES

FRAMES = Path(__file__).parents[2] / "fixtures" / "frames"
T0 = 1_697_620_709_123_456_789
TABLES = {"trades": TRADES, "depth": DEPTH, "klines": KLINES, "state": STATE, "rejects": REJECTS}
REPEATS = 40
"""Enough copies of a frame to make a block that the fast decoder takes on."""


def fixture(name):
    return (FRAMES / f"{name}.jsonl").read_bytes().splitlines()


ALL = [frame for name in ("trade", "depth", "kline", "state", "replies") for frame in fixture(name)]


def journal(frames):
    return b"".join(b'{"t":%d,"c":3,"f":%b}\n' % (T0 + i, frame) for i, frame in enumerate(frames))


def push(method, result):
    message = {"id": 0, "method": f"update.{method}", "result": result, "error": None}
    return json.dumps(message, separators=(",", ":")).encode()


def changed(name, index=0, **fields):
    """A literal frame with fields of its result replaced; `...` takes one out."""
    message = json.loads(fixture(name)[index])
    for field, value in fields.items():
        message["result"][field] = value
        if value is ...:
            del message["result"][field]
    return json.dumps(message, separators=(",", ":")).encode()


def same(one, other):
    """Assert that two results are the same in every table, record, notice and count."""
    for name, table in TABLES.items():
        left, right = getattr(one, name), getattr(other, name)
        assert left.schema.equals(table.schema), name
        assert right.schema.equals(table.schema), name
        left.validate(full=True)
        assert left.equals(right), name
    assert (one.records, one.notices, one.frames) == (other.records, other.notices, other.frames)


@functools.lru_cache(maxsize=1)
def plainly(data):
    return Decoder(fast=False).decode(data, 7)


def agreed(data, decoder=None):
    """The result of both decoders, which must be one; the fast one reads twice: learning and learned."""
    plain = plainly(data)
    fast = decoder or Decoder()
    same(fast.decode(data, 7), plain)
    same(fast.decode(data, 7), plain)
    return plain


@pytest.fixture(params=[False, True], ids=["plain", "fast"])
def decode(request):
    """Decode frames, repeated so that the fast decoder has something to do; gives the first copy's rows."""

    def run(*frames, seq=100):
        data = journal(frames)
        repeats = 1 if not request.param else 1 + 8192 // len(data)
        decoder = Decoder(fast=request.param)
        decoder.decode(data * repeats, 0)
        return decoder.decode(data * repeats, seq)

    return run


def first(table):
    return table.slice(0, 1).to_pylist()[0]


class TestBothWays:
    def test_a_trade_becomes_a_row_with_its_time_to_the_microsecond(self, decode):
        row = first(decode(fixture("trade")[0]).trades)
        assert row == {
            "market": "ETHUSDT",
            "trade_id": 27699216,
            "ts_event": datetime(2023, 10, 18, 8, 58, 56, 256684, UTC),
            "ts_recv": datetime(2023, 10, 18, 9, 18, 29, 123456, UTC),
            "side": "buy",
            "price": 1573.89,
            "quantity": 0.922,
            "source": "ws",
            "seq": 100,
            "mid_before": None,
        }

    def test_a_book_keeps_its_levels_in_order_and_its_best_ones_apart(self, decode):
        row = first(decode(fixture("depth")[0]).depth)
        assert row["asks"] == [{"price": 1621.22, "quantity": 30.613}, {"price": 1621.3, "quantity": 2.0}]
        assert [level["price"] for level in row["bids"]] == [1573.84, 1573.5, 1573.1]
        best = [row[name] for name in ("bid_price", "bid_quantity", "ask_price", "ask_quantity")]
        assert best == [1573.84, 0.819, 1621.22, 30.613]
        assert row["ts_event"] == datetime(2023, 10, 18, 9, 18, 29, 569000, UTC)
        assert (row["last"], row["index_price"], row["mark_price"]) == (1573.89, 1577.63, 1581.5)

    def test_an_empty_side_has_no_best_level(self, decode):
        row = first(decode(fixture("depth")[2]).depth)
        assert (row["asks"], row["ask_price"], row["ask_quantity"]) == ([], None, None)
        assert row["bid_price"] == 1573.84

    def test_absent_prices_are_null(self, decode):
        row = first(decode(fixture("depth")[4]).depth)
        assert (row["last"], row["index_price"], row["mark_price"]) == (None, None, 1581.5)

    @pytest.mark.parametrize(("index", "order"), [(1, "ohlc"), (2, "ochl"), (0, "flat"), (5, "named")])
    def test_candle_columns_are_decided_by_row(self, decode, index, order):
        decoded = decode(fixture("kline")[index])
        row = first(decoded.klines)
        prices = [row[name] for name in ("open", "high", "low", "close")]
        assert prices == ([1571.23] * 4 if order == "flat" else [1571.23, 1575.0, 1570.01, 1573.89])
        assert (row["market"], row["period"], row["column_order"]) == ("ETHUSDT", "1min", order)
        assert row["ts_open"] == datetime(2023, 10, 17, 16, 38, tzinfo=UTC)
        assert decoded.notices == {f"candle order {order}": decoded.frames}

    def test_two_candles_of_a_push_are_two_rows_of_one_seq(self, decode):
        rows = decode(fixture("kline")[3]).klines.slice(0, 2).to_pylist()
        assert [row["ts_open"].minute for row in rows] == [38, 39]
        assert [row["seq"] for row in rows] == [100, 100]

    def test_a_row_that_fits_no_column_order_is_rejected_and_the_others_stand(self, decode):
        candles = json.loads(fixture("kline")[3])["result"]["data"]
        candles[0][2:5] = ["1570.0", "1580.0", "1575.0"]
        decoded = decode(push("kline", {"data": candles, "period": "1min"}))
        assert first(decoded.klines)["ts_open"].minute == 39
        assert first(decoded.rejects)["reason"] == "candle prices fit no column order"
        assert decoded.klines.num_rows == decoded.rejects.num_rows == decoded.frames

    def test_a_state_becomes_a_row_with_the_insurance_exact(self, decode):
        row = first(decode(fixture("state")[0]).state)
        assert row["insurance"] == Decimal("10500.45426906585552617850")
        assert (row["market"], row["turnover"], row["open_interest"]) == ("ETHUSDT", 4753.05, 2.1)
        assert row["funding_rate_predict"] == -0.00088999
        assert row["funding_minutes"] == 400

    def test_the_settlement_is_rounded_up_to_the_minute(self, decode):
        """09:18:29 and 400 whole minutes, the rest cut off: the settlement is at 15:59."""
        assert first(decode(fixture("state")[0]).state)["ts_funding"] == datetime(
            2023, 10, 18, 15, 59, tzinfo=UTC
        )

    def test_no_value_is_null_and_not_zero(self, decode):
        row = first(decode(fixture("state")[2]).state)
        assert (row["last"], row["funding_rate_predict"], row["insurance"]) == (None, None, None)
        row = first(decode(fixture("state")[3]).state)
        assert (row["funding_minutes"], row["ts_funding"]) == (None, None)

    def test_unknown_fields_are_noticed_once_a_frame(self, decode):
        decoded = decode(fixture("state")[3])
        assert decoded.notices["unknown field state.server_time"] == decoded.frames

    def test_replies_are_records_in_both_error_forms(self, decode):
        decoded = decode(*fixture("replies"))
        replies = decoded.records[:8]
        assert [reply.kind for reply in replies] == ["reply"] * 8
        assert [reply.seq for reply in replies] == list(range(100, 108))
        errors = [reply.fields["error"] for reply in replies[5:7]]
        assert [(error.code, error.message) for error in errors] == [
            (20002, "market error"),
            (None, "sign error"),
        ]
        assert replies[0] == Record(
            100, T0, 3, "reply", {"id": 1, "method": "subscribe.trade", "result": "success", "error": None}
        )

    def test_a_push_that_no_table_keeps_is_a_record_and_a_notice(self, decode):
        decoded = decode(push("vault", {"event": 1}))
        assert decoded.records[0] == Record(100, T0, 3, "other", {"method": "update.vault"})
        assert decoded.notices["unknown method update.vault"] == decoded.frames

    @pytest.mark.parametrize(
        ("frame", "reason"),
        [
            (b"{", "not JSON"),
            (b"[1]", "not a JSON object"),
            (b"\xff", "not JSON"),
            (changed("trade", price="nan"), "trade.price is not a decimal"),
            (changed("trade", price="inf"), "trade.price is not a decimal"),
            (changed("trade", price="+1"), "trade.price is not a decimal"),
            (changed("trade", price=" 1"), "trade.price is not a decimal"),
            (changed("trade", price="0x10"), "trade.price is not a decimal"),
            (changed("trade", price=""), "trade.price is not a decimal"),
            (changed("trade", price="9" * 400), "trade.price is not a decimal"),
            (changed("trade", price="1e0001"), "trade.price is not a decimal"),
            (changed("trade", type="BUY"), "trade.type is neither buy nor sell"),
            (changed("trade", market=""), "trade.market is missing"),
            (changed("trade", time=1697619536256.684), "trade.time is out of range"),
            (changed("depth", time=1697620709), "depth.time is out of range"),
            (changed("depth", asks=[["1", "--"]]), "depth.asks is not a decimal"),
            (changed("depth", bids=None), "depth.bids is not a list"),
            (changed("state", ETHUSDT={"last": "x"}), "state.last is not a decimal"),
        ],
    )
    def test_what_cannot_be_read_is_rejected_with_its_reason_among_good_frames(self, decode, frame, reason):
        decoded = decode(ALL[0], *fixture("depth"), frame, ALL[1])
        reject = first(decoded.rejects)
        text = frame.decode(errors="backslashreplace")
        assert (reject["reason"], reject["connection"], reject["frame"]) == (reason, 3, text)
        assert decoded.trades.num_rows == 2 * decoded.rejects.num_rows

    def test_values_beyond_fifteen_digits_are_counted_but_zeros_carry_none(self, decode):
        decoded = decode(
            changed("trade", price="1234567.890123456", amount="0.000000000000000000012"),
            changed("trade", price="1.50000000000000000000000", amount="-123456789012345.600"),
            changed("depth", asks=[["1", "0.1234567890123456"]]),
        )
        copies = decoded.frames // 3
        assert decoded.notices == {
            "more than 15 digits: trade.price": copies,
            "more than 15 digits: trade.amount": copies,
            "more than 15 digits: depth.asks": copies,
        }

    def test_an_insurance_that_does_not_fit_is_rounded_or_null_with_a_notice(self, decode):
        message = json.loads(fixture("state")[0])
        frames = []
        for text in ("0.123456789012345678905", "1000000000000000000"):
            message["result"]["ETHUSDT"]["insurance"] = text
            frames.append(json.dumps(message).encode())
        decoded = decode(*frames)
        values = decoded.state["insurance"].slice(0, 2).to_pylist()
        assert values == [Decimal("0.12345678901234567890"), None]
        assert decoded.notices["state.insurance is rounded to 20 places"] == decoded.frames // 2
        assert decoded.notices["state.insurance is too large"] == decoded.frames // 2

    def test_a_countdown_beyond_a_year_gives_no_settlement(self, decode):
        message = json.loads(fixture("state")[0])
        message["result"]["ETHUSDT"]["funding_time"] = 9 * 10**18 // 10
        decoded = decode(json.dumps(message).encode())
        assert first(decoded.state)["ts_funding"] is None
        assert decoded.notices["state.funding_time is out of range"] == decoded.frames


class TestLines:
    """Lines that are no frame."""

    @pytest.mark.parametrize("fast", [False, True])
    def test_events_rest_answers_and_escaped_frames(self, fast):
        lines = [
            b'{"t":5000,"e":"start","recorder":"main","pid":1}',
            b'{"t":6000,"c":2,"e":"up","url":"ws://x"}',
            b'{"t":7000,"e":"rest","call":"market_list","params":{},"status":200,"f":{"code":0,"data":[]}}',
            b'{"t":8000,"e":"rest","call":"market_list","params":{},"status":502,"x":"<html>"}',
            b'{"t":9000,"c":2,"x":"Bad \\"Gateway\\""}',
            b'{"t":9000,"c":2,"b":"/w=="}',
            b'{"t":9000,"c":2,"x":"{\\n\\"id\\":1}"}',
            b"garbage",
            b'{"t":99999999999999999999,"e":"start"}',
        ]
        padding = journal(fixture("trade")[:1] * REPEATS)
        decoded = Decoder(fast=fast).decode(padding + b"".join(line + b"\n" for line in lines), 0)
        assert decoded.records == [
            Record(REPEATS, 5000, None, "start", {"recorder": "main", "pid": 1}),
            Record(REPEATS + 1, 6000, 2, "up", {"url": "ws://x"}),
            Record(
                REPEATS + 2,
                7000,
                None,
                "rest",
                {"call": "market_list", "params": {}, "status": 200, "body": {"code": 0, "data": []}},
            ),
            Record(
                REPEATS + 3,
                8000,
                None,
                "rest",
                {"call": "market_list", "params": {}, "status": 502, "x": "<html>"},
            ),
            Record(REPEATS + 6, 9000, 2, "reply", {"id": 1, "method": None, "result": None, "error": None}),
        ]
        rejects = decoded.rejects.to_pylist()
        assert [(row["reason"], row["connection"], row["frame"]) for row in rejects] == [
            ("not JSON", 2, 'Bad "Gateway"'),
            ("not UTF-8", 2, "base64:/w=="),
            ("not a journal line", -1, "garbage"),
            ("not a journal line", -1, '{"t":99999999999999999999,"e":"start"}'),
        ]
        assert decoded.frames == REPEATS + 3

    @pytest.mark.parametrize("fast", [False, True])
    def test_an_empty_block_is_empty_tables(self, fast):
        decoded = Decoder(fast=fast).decode(b"", 0)
        assert {name: getattr(decoded, name).num_rows for name in TABLES} == dict.fromkeys(TABLES, 0)


class TestAgreement:
    """The fast decoder gives what the plain one gives, whatever it was taught with."""

    def test_on_all_literal_frames_in_turns(self):
        decoded = agreed(journal(ALL * REPEATS))
        assert decoded.rejects.num_rows == 0
        assert decoded.trades.num_rows == 7 * REPEATS

    def test_rows_of_several_layouts_stay_in_journal_order(self):
        decoded = agreed(journal(ALL * REPEATS))
        for name in ("trades", "depth", "klines", "state"):
            seqs = getattr(decoded, name)["seq"].to_pylist()
            assert seqs == sorted(seqs)

    def test_fast_reads_every_usual_frame_without_the_plain_decoder(self, monkeypatch):
        usual = [fixture("trade")[0], fixture("depth")[0], fixture("kline")[1], fixture("state")[1]]
        data = journal(usual * REPEATS)
        decoder = Decoder()
        decoder.decode(data, 0)
        monkeypatch.setattr("recorder.lake.decoding.decoder.read_line", pytest.fail)
        decoded = decoder.decode(data, 0)
        assert decoded.frames == 4 * REPEATS

    @pytest.mark.parametrize("index", range(len(ALL)))
    def test_a_layout_learned_from_one_frame_does_not_misread_another(self, index):
        decoder = Decoder()
        decoder.decode(journal([ALL[index]] * REPEATS), 0)
        agreed(journal(ALL * REPEATS), decoder)

    def test_frames_that_teach_nothing_do_not_keep_the_usual_ones_from_being_learned(self, monkeypatch):
        """Rejected frames and odd ones with as many quotes as a usual frame come first, for many blocks."""
        usual = fixture("trade")[0]
        odd = usual.replace(b'"amount":"0.922"', b'"price":"0.922"').replace(b'"id":2', b'"amount":2')
        bad = [changed("trade", price="nan")] * 30 + [odd] * 30
        decoder = Decoder()
        for _ in range(4):
            decoder.decode(journal(bad + [usual] * REPEATS), 0)
        monkeypatch.setattr("recorder.lake.decoding.decoder.read_line", pytest.fail)
        assert decoder.decode(journal([usual] * REPEATS), 0).trades.num_rows == REPEATS

    def test_at_most_four_layouts_a_stream_are_kept(self):
        decoder = Decoder()
        for spaces in range(1, 9):
            frame = fixture("trade")[0].replace(b'"result":', b'"result":' + b" " * spaces)
            agreed(journal([frame] * REPEATS), decoder)
        assert len(decoder._layouts["trade"]) == 4

    def test_a_very_long_decimal_costs_no_room_for_the_others(self):
        long = changed("trade", price="0." + "1" * 1_000_000)
        usual = changed("trade", price="1.234567890123456")
        decoded = agreed(journal([usual] * 2000 + [long]))
        assert decoded.notices["more than 15 digits: trade.price"] == 2001

    def test_a_key_that_comes_twice_counts_as_json_says(self):
        frame = fixture("trade")[0]
        twice = frame.replace(b'"price":"1573.89"', b'"price":"1573.89","price":"1574"')
        decoder = Decoder()
        decoder.decode(journal([twice] * REPEATS), 0)
        decoded = agreed(journal([twice, frame] * REPEATS), decoder)
        assert decoded.trades["price"].slice(0, 2).to_pylist() == [1574.0, 1573.89]

    def test_a_market_that_comes_twice_counts_as_json_says(self):
        frame = fixture("state")[1]
        names = re.findall(rb'"([A-Z0-9]+)":{', frame)
        twice = frame.replace(b'"%b":{' % names[1], b'"%b":{' % names[0])
        decoded = agreed(journal([frame, twice] * REPEATS))
        assert decoded.state.num_rows == REPEATS * (2 * len(names) - 1)


HOSTILE = [
    b"", b"null", b'""', b'"-"', b'"--"', b"1", b"-1", b"01", b"1.", b".5", b'"+1"', b'"1e5"', b'"1e400"',
    b"1e400", b'"nan"', b'"Infinity"', b'"0x1F"', b'" 1"', b'"1_0"', b"[]", b"[[]]", b"{}", b"true",
    b'"\\u0031"', b'"\xc3\xa9"', b"123456789012345678901234567890", b'"0.1234567890123456789"', b'"\xff"',
    b'"a"', b",", b"]", b"}", b'"', b"\\", b'"x":1,', b" ", b"\t", b"\x00", b"0", b"-0.0", b'"-0"',
    b"9223372036854775808", b'"' + b"9" * 400 + b'"', b'"buy"', b'"sell"', b'"1."', b'".5"', b'"-.5"',
    b'"."', b'"-"', b"1e5", b"]]", b'"]]', b"0.10", b'"time":1,',
]  # fmt: skip
"""What a value, a key or a bracket of a frame may be replaced by."""


def mutated(frame, chance):
    """A frame near a valid one: pieces replaced, put in, swapped or doubled, bytes flipped or taken out."""
    pieces = [match.span() for match in re.finditer(rb'"[^"]*"|[0-9.]+|null|[\[\]{},:]', frame)]
    one, other = sorted((chance.choice(pieces or [(0, 0)]), chance.choice(pieces or [(0, 0)])))
    (a, b), (c, d) = one, other
    at, to = sorted((chance.randrange(len(frame)), chance.randrange(len(frame))))
    kinds = {
        "replace": frame[:a] + chance.choice(HOSTILE) + frame[b:],
        "put in": frame[:a] + chance.choice(HOSTILE) + frame[a:],
        "flip": frame[:at] + chance.randbytes(1) + frame[at + 1 :],
        "swap": frame[:a] + frame[c:d] + frame[b:c] + frame[a:b] + frame[d:] if b <= c else frame,
        "double": frame[:c] + frame[a:c] + frame[c:],
        "take out": frame[:at] + frame[to:],
        "cut": frame[:at],
    }
    return kinds[chance.choice(sorted(kinds))].replace(b"\n", b" ") or b" "


def near_frame(chance):
    """A literal frame, changed in one to three places."""
    frame = chance.choice(ALL)
    for _ in range(chance.choice((1, 1, 2, 3))):
        frame = mutated(frame, chance)
    return frame


class TestFuzz:
    @settings(max_examples=25, deadline=None)  # make fuzz sends a million
    @given(st.integers(0, 2**64))
    def test_mutated_frames_among_good_ones_give_the_same_both_ways(self, seed):
        chance = random.Random(seed)
        frames = [near_frame(chance) for _ in range(20)]
        usual = fixture("trade")[:2] + fixture("depth")[:1] + fixture("kline")[1:3] + fixture("state")[:2]
        mixed = [frame for near in frames for frame in (near, *usual)]
        decoder = Decoder()
        decoder.decode(journal(usual * REPEATS), 0)
        agreed(journal(mixed + usual * 8), decoder)

    @settings(max_examples=25, deadline=None)  # make fuzz sends a million
    @given(st.integers(0, 2**64))
    def test_a_hostile_frame_teaches_nothing_wrong(self, seed):
        chance = random.Random(seed)
        near = [near_frame(chance) for _ in range(4)]
        agreed(journal((near + ALL) * 2))

    @settings(max_examples=25, deadline=None)  # make fuzz sends a million
    @given(st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
    def test_every_decimal_is_read_as_python_reads_it(self, numbers):
        texts = [format(number, "f") if i % 2 else str(number) for i, number in enumerate(numbers)]
        frames = [changed("trade", price=text, amount=text) for text in texts]
        decoded = agreed(journal(frames + fixture("trade")[:1] * REPEATS))
        good = [text for text in texts if re.fullmatch(r"-?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]{1,3})?", text)]
        good = [float(text) for text in good if abs(float(text)) < float("inf")]
        assert decoded.trades["price"].to_pylist()[: len(good)] == good

    @settings(max_examples=25, deadline=None)  # make fuzz sends a million
    @given(st.floats(946684800, 4102444799, allow_nan=False).map(lambda t: round(t, 6)))
    def test_every_trade_time_is_read_to_the_microsecond(self, time):
        decoded = agreed(journal([changed("trade", time=time)] * REPEATS))
        us = decoded.trades["ts_event"].cast(pa.int64()).to_pylist()
        assert us == [round(Decimal(repr(time)) * 1_000_000)] * REPEATS

    def test_notices_are_counters_that_can_be_added(self):
        decoded = agreed(journal(fixture("kline") * REPEATS))
        assert isinstance(decoded.notices, Counter)
