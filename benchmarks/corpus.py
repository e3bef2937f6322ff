"""The frames every benchmark runs on: a seeded synthetic feed, or a recording.

The synthetic feed has 300 markets whose activity falls with their rank, about 200 frames a second: 25 %
trades (162 B), 4 % candles, books of 20 levels a side for the rest (about 930 B) and, where asked for, 1 %
pushes of all markets' states (about 140 kB). The books are those of the embedded exchange, edited level by
level and eaten by the trades; a book has some three levels, on average, that the one before had not.
What is received comes 20 ms after it happened, plus an exponential 3 ms, in order.
"""

import gzip
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import msgspec

from recorder.exchange.encoding import encode_push, kline_result, trade_result
from recorder.exchange.topics import Stream
from recorder.simulator.catalogue import MarketSpec, catalogue
from recorder.simulator.market import BookChanged, CandleChanged, LivingMarket, Style, Traded

MARKETS: Final = 300
LEVELS: Final = 20
FEED_RATE: Final = 200
"""Frames a second that the synthetic feed has by itself, near enough."""
SHARES: Final = {"depth": 0.70, "trade": 0.25, "kline": 0.04, "state": 0.01}
START_NS: Final = 1_795_341_900_000_000_000
"""2026-11-22 10:05 UTC: far from the turn of a day."""
ACTIVITY: Final = 0.35
"""Of the embedded exchange's: some 50 trades a second over all markets."""
EDITS: Final = 1.2
"""Book edits, against the embedded exchange's: then a book costs `gzip -6` some 40 B after the one before."""
STEP_NS: Final = 100_000_000
LATENCY_NS: Final = 20_000_000
JITTER_PER_NS: Final = 1 / 3_000_000
LEAST_PRICE: Final = 0.1
"""Cheaper markets write their prices with a row of zeros in front, which makes frames longer than usual."""


class Frame(NamedTuple):
    """One push as it was received."""

    t_ns: int
    stream: Stream
    payload: bytes


def synthetic(count: int, *, state: bool, seed: int = 1) -> list[Frame]:
    """The first `count` frames of the feed. The same arguments give the same frames."""
    chance = Random(f"{seed}:latency")
    frames: list[Frame] = []
    recv_ns = 0
    for t_ns, stream, payload in _mixed(_markets(seed), state=state):
        recv_ns = max(recv_ns, t_ns + LATENCY_NS + int(chance.expovariate(JITTER_PER_NS)))
        frames.append(Frame(recv_ns, stream, payload))
        if len(frames) == count:
            break
    return frames


def _markets(seed: int) -> list[LivingMarket]:
    """The exchange's markets whose prices have an ordinary length, ranked anew."""
    usual = [
        spec for spec in catalogue(4 * MARKETS, seed) if float(spec.price(spec.start_ticks)) >= LEAST_PRICE
    ]
    ranks = catalogue(MARKETS, seed)
    specs = [_as_ranked(spec, rank) for spec, rank in zip(usual, ranks, strict=False)]
    style = Style(seed, LEVELS, ACTIVITY)
    return [LivingMarket(spec, START_NS, style) for spec in specs]


def _as_ranked(spec: MarketSpec, rank: MarketSpec) -> MarketSpec:
    return replace(spec, rank=rank.rank, orders_per_s=rank.orders_per_s, edits_per_s=rank.edits_per_s * EDITS)


def _mixed(markets: list[LivingMarket], *, state: bool) -> Iterator[Frame]:
    """The events of all markets for ever, books and candles thinned to their share. No trade is left out."""
    sent: dict[Stream, int] = {"trade": 0, "depth": 0, "kline": 0, "state": 0}
    now_ns = START_NS
    while True:
        now_ns += STEP_NS
        events = [
            (event.t_ns, market.spec.name, event)
            for market in markets
            if market.next_ns <= now_ns
            for event in market.advance(now_ns)
        ]
        for t_ns, name, event in sorted(events, key=lambda event: event[0]):
            stream, payload = _push(name, event)
            if stream == "trade" or sent[stream] * SHARES["trade"] < sent["trade"] * SHARES[stream]:
                sent[stream] += 1
                yield Frame(t_ns, stream, payload)
        while state and sent["state"] * SHARES["trade"] < sent["trade"] * SHARES["state"]:
            sent["state"] += 1
            states = {market.spec.name: market.state() for market in markets}
            yield Frame(now_ns, "state", encode_push("state", states))


def _push(name: str, event: Traded | BookChanged | CandleChanged) -> tuple[Stream, bytes]:
    if isinstance(event, Traded):
        return "trade", encode_push("trade", trade_result(event.trade))
    if isinstance(event, BookChanged):
        return "depth", encode_push("depth", event.result)
    return "kline", encode_push("kline", kline_result(event.period, event.rows, name))


class _Line(msgspec.Struct):
    t: int
    frame: msgspec.Raw


class _Head(msgspec.Struct):
    method: str = ""


def recorded(path: Path, count: int, *, state: bool) -> list[Frame]:
    """The first `count` pushes of a recording: lines of `{"t": ns, "frame": {...}}`, `.gz` or plain."""
    frames: list[Frame] = []
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for text in file:
            line = msgspec.json.decode(text, type=_Line)
            stream = msgspec.json.decode(line.frame, type=_Head).method.removeprefix("update.")
            if stream in SHARES and (state or stream != "state"):
                frames.append(Frame(line.t, stream, bytes(line.frame)))  # type: ignore[arg-type]  # checked above
            if len(frames) == count:
                break
    return frames


def wire(payload: bytes) -> bytes:
    """A payload as a server's websocket frame: text, whole, unmasked."""
    size = len(payload)
    if size < 126:
        return b"\x81" + size.to_bytes(1, "big") + payload
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big") + payload
    return b"\x81\x7f" + size.to_bytes(8, "big") + payload


def describe(frames: list[Frame]) -> str:
    """What a list of frames consists of, in one line."""
    parts = []
    for stream in ("depth", "trade", "kline", "state"):
        sizes = [len(frame.payload) for frame in frames if frame.stream == stream]
        if sizes:
            parts.append(f"{len(sizes):,} {stream} of {sum(sizes) / len(sizes):,.0f} B")
    span_s = (frames[-1].t_ns - frames[0].t_ns) / 1e9
    return f"{len(frames):,} frames over {span_s:,.0f} s: {', '.join(parts)}"
