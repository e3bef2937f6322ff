"""Journals with a clock of their own, written by the writer's own hands: days pass in no time.

The lake sees a recorder that lives, is killed, or ends."""

import json
import os
import random
import time
from pathlib import Path

from journals import book, state, trade

from recorder.journal.output import Clock, Origin, Rotation, SegmentOutput
from recorder.journal.reader import last_seq, segments
from recorder.journal.record import event_line, frame_lines, rest_line
from recorder.journal.segment import take_lock

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
FOREVER = Rotation(1e9, 10**12)
MARKETS = ("AAA", "BBB", "CCC")


def at(text):
    """2026-11-22T23:50 as ns since the epoch."""
    return int(time.mktime(time.strptime(text + " UTC", "%Y-%m-%dT%H:%M %Z")) - time.timezone) * SECOND_NS


class Tape:
    """One recorder's journal. `flush` is the check line, at the tape's own time."""

    def __init__(self, data_dir, start_ns, name="main"):
        self.directory = Path(data_dir) / "journal" / name
        self.directory.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.now_ns = start_ns
        self.lines = []
        self.out = self.lock = None
        self.ids = 0

    # --- the writer -----------------------------------------------------------------------------------

    def begin(self):
        """A writer comes to life: the lock, a new segment."""
        self.lock = take_lock(self.directory)
        return self.rotate()

    def rotate(self):
        """A new segment."""
        if self.out is not None:
            self.flush(last=True)
            self.out.close()
        there = segments(self.directory)
        ordinal = there[-1].ordinal + 1 if there else 1
        self.out = SegmentOutput(
            self.directory,
            Origin(self.name, "s", "0"),
            FOREVER,
            last_seq(self.directory),
            ordinal,
            None,
            Clock(lambda: self.now_ns),
        )
        return self

    def pass_time(self, seconds):
        self.now_ns += int(seconds * SECOND_NS)
        return self

    def flush(self, *, last=False):
        self.out.put(
            b"".join(self.lines), sum(line.count(b"\n") for line in self.lines), self.now_ns, last=last
        )
        self.lines.clear()
        return self

    def kill(self):
        """The process is gone, and whatever it had not flushed."""
        self.lines.clear()
        self._let_go()

    def end(self):
        self.event("stop", reason="SIGTERM").flush(last=True)
        self._let_go()

    def _let_go(self):
        self.out.close()
        self.out = None
        os.close(self.lock)

    # --- what it writes -------------------------------------------------------------------------------

    def event(self, kind, connection=None, **fields):
        self.lines.append(event_line(self.now_ns, kind, fields, connection))
        return self

    def frames(self, *frames, connection=1):
        self.lines.append(frame_lines(self.now_ns, connection, list(frames)))
        return self

    def rest(self, call, params, data, asked_s=0.2):
        body = json.dumps({"code": 0, "message": "", "data": data}).encode()
        asked = self.now_ns - int(asked_s * SECOND_NS)
        self.lines.append(rest_line(self.now_ns, call, params, 200, body, None, asked))
        return self

    def topics(self, markets):
        rows = [("trade", m) for m in markets] + [("depth", m) for m in markets]
        rows += [("kline", m, "1min") for m in markets] + [("state",)]
        self.ids += 1
        return [[self.ids + number, *row] for number, row in enumerate(rows)]

    def session(self, markets=MARKETS):
        """A start, the market list, a connection that asks for everything and has it confirmed."""
        self.begin().event("start", recorder=self.name)
        self.event("markets", listed=list(markets), delisted=[]).flush()
        return self.pass_time(0.1).connect(markets)

    def connect(self, markets=MARKETS, connection=1):
        rows = self.topics(markets)
        self.event("up", connection, url="ws://x").event("subscribe", connection, topics=rows)
        return self.pass_time(0.1).event("confirmed", connection, topics=rows).flush()


class Venue:
    """Trades, books, candles and states of a few markets, by a seed; candles are the sum of the trades."""

    def __init__(self, seed, markets=MARKETS):
        self.random = random.Random(seed)
        self.markets = markets
        self.ids = dict.fromkeys(markets, 0)
        self.past = {market: [] for market in markets}
        self.pushed = {market: [] for market in markets}
        self.candles = {}
        """By market and open: [open, high, low, close, volume, turnover]."""

    def trade(self, market, now_ns):
        draw = self.random
        self.ids[market] += 1
        time_s = round(now_ns / SECOND_NS - draw.uniform(0.001, 0.05), 6)
        price, amount = draw.randint(90, 110), draw.randint(1, 9)
        fields = {"amount": str(amount), "id": self.ids[market], "market": market}
        fields |= {"price": str(price), "time": time_s, "type": draw.choice(("buy", "sell"))}
        self.past[market].append(fields)
        open_s = int(time_s) // 60 * 60
        row = self.candles.setdefault((market, open_s), [price, price, price, price, 0, 0])
        row[1:] = [max(row[1], price), min(row[2], price), price, row[4] + amount, row[5] + price * amount]
        return self.push(fields)

    def push(self, fields):
        self.pushed[fields["market"]].append(fields)
        return trade(
            fields["market"], fields["id"], price=fields["price"], amount=fields["amount"],
            side=fields["type"], time_s=fields["time"],
        )  # fmt: skip

    def again(self, market):
        """A trade that was pushed before."""
        return self.push(self.random.choice(self.pushed[market][-20:])) if self.pushed[market] else None

    def deals(self, market, count=20):
        return self.past[market][-count:][::-1]

    def book(self, market, now_ns):
        bid = self.random.randint(90, 99)
        return book(market, now_ns // 1_000_000 - 5, bid=str(bid), ask=str(bid + 2))

    def candle_row(self, market, open_s):
        o, h, low, c, v, t = self.candles[market, open_s]
        return [open_s, str(o), str(h), str(low), str(c), str(v), str(t), market]

    def candle(self, market):
        opens = [open_s for name, open_s in self.candles if name == market]
        if not opens:
            return None
        row = self.candle_row(market, max(opens))
        return push_candle(market, row)

    def candles_between(self, market, start_s, end_s):
        opens = sorted(o for name, o in self.candles if name == market and start_s <= o <= end_s)
        return [self.candle_row(market, open_s) for open_s in opens]


def push_candle(market, row):
    frame = {"id": 0, "method": "update.kline", "error": None}
    frame["result"] = {"data": [row], "market": market, "period": "1min"}
    return json.dumps(frame, separators=(",", ":")).encode()


class Story:
    """A tape on which a venue's pushes and a recorder's trouble follow each other, by a seed."""

    def __init__(self, data_dir, seed, start_ns, name="main", markets=MARKETS):
        self.draw = random.Random(seed)
        self.venue = Venue(seed, markets)
        self.tape = Tape(data_dir, start_ns, name)
        self.tape.session(markets)

    def step(self):
        """Some seconds pass, and something happens."""
        what = self.draw.choices(
            [
                self.pushes,
                self.bare,
                self.answers,
                self.disconnect,
                self.silence,
                self.killed,
                self.restarted,
            ],
            [60, 6, 12, 4, 4, 2, 2],
        )[0]
        self.tape.pass_time(self.draw.choice((0.3, 1, 2, 5, 12)))
        what()
        if self.draw.random() < 0.05:
            self.tape.rotate()

    def pushes(self):
        draw, tape, venue = self.draw, self.tape, self.venue
        for market in venue.markets:
            found = [venue.trade(market, tape.now_ns) for _ in range(draw.randrange(3))]
            found += [venue.book(market, tape.now_ns)] * draw.randrange(3)
            found += [venue.again(market), venue.candle(market)]
            found = [frame for frame in found if frame is not None]
            draw.shuffle(found)
            if found:
                tape.pass_time(0.01).frames(*found)
            if draw.random() < 0.3:
                tape.flush()
        if draw.random() < 0.3:
            tape.frames(state(*venue.markets))
        if draw.random() < 0.05:
            tape.frames(b"garbage")
        tape.flush()

    def bare(self):
        """The recorder lives and receives nothing."""
        for _ in range(self.draw.randrange(1, 5)):
            self.tape.pass_time(1).flush()

    def answers(self):
        tape, venue = self.tape, self.venue
        market = self.draw.choice(venue.markets)
        now_s = tape.now_ns // SECOND_NS
        tape.rest("market_deals", {"market": market}, venue.deals(market, self.draw.choice((3, 20, 100))))
        start, end = now_s - self.draw.choice((60, 300, 900)), now_s
        bounds = {"market": market, "type": "1min", "start_time": str(start), "end_time": str(end)}
        tape.rest("market_kline", bounds, venue.candles_between(market, start, end))
        tape.flush()

    def trades_meanwhile(self):
        for market in self.venue.markets:
            for _ in range(self.draw.randrange(3)):
                self.venue.trade(market, self.tape.now_ns)
                self.venue.pushed[market].pop()

    def disconnect(self):
        tape = self.tape
        tape.event("down", 1, reason="reset", last=tape.now_ns - SECOND_NS).flush()
        self.trades_meanwhile()
        tape.pass_time(self.draw.choice((0.5, 3, 70))).connect(self.venue.markets)

    def silence(self):
        tape, stream = self.tape, self.draw.choice(("trade", "depth", "kline", "state"))
        tape.event("silence", 1, stream=stream, last=tape.now_ns - 6 * SECOND_NS).flush()

    def killed(self):
        self.tape.kill()
        self.trades_meanwhile()
        self.tape.pass_time(self.draw.choice((1, 20, 100))).session(self.venue.markets)

    def restarted(self):
        self.tape.end()
        self.trades_meanwhile()
        self.tape.pass_time(self.draw.choice((1, 20, 100))).session(self.venue.markets)
