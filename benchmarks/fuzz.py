"""A million frames that no venue should send, through the real path: journal writer, reader, both decoders.

    python benchmarks/fuzz.py                    # make fuzz
    python benchmarks/fuzz.py --frames 50000 --seed 7

Frames of every stream as the simulated venue writes them, and the literal ones of the protocol's documents;
three in four are changed, by byte or by structure (`mutation`). Then it must hold that
  - the journal gives back every frame as it came;
  - the fast and the plain decoder agree in every row, record, reject and notice;
  - every frame ended as rows of a table, as a record, or in `rejects` with a reason and as it came: the sum
    is exact. A push that holds nothing (no trade, no candle, no market) ends as nothing, and is counted.
Prints how many frames a second went that way, and how they ended. Exit code 1 where something did not hold,
with the frames in question in a file.
"""

import argparse
import base64
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

HERE: Final = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "lake" / "decoding"))

from mutation import changed, literal, simulated  # noqa: E402  # beside this file
from test_decoder import same  # noqa: E402  # what agreement means is said there

from recorder.exchange.topics import PRIVATE_STREAMS  # noqa: E402
from recorder.journal.reader import Block, JournalReader  # noqa: E402
from recorder.journal.writer import JournalWriter  # noqa: E402
from recorder.lake.decoding.decoder import Decoded, Decoder  # noqa: E402

CHANGED_SHARE: Final = 0.75
LOTS: Final = 20_000
"""Frames journalled, read and decoded at once."""
FIRST_US: Final = 1_795_392_000_000_000
"""The receive time of the first frame; each has a microsecond of its own, by which its rows are known."""
HELD_BYTES: Final = 16 * 1024 * 1024
"""What may wait in the writer: far from what it would drop."""
CONNECTION: Final = 3
TABLES: Final = {"trade": "trades", "depth": "depth", "kline": "klines", "state": "state"}
PARTLY: Final = {"rows of klines, by kline", "rows of account_assets"}
"""A frame of these may have rows that are rejected beside others that stand."""
SHOWN: Final = 40


class WrongError(Exception):
    """Something did not hold: what, and the frames it did not hold for."""

    def __init__(self, message: str, frames: list[bytes]) -> None:
        super().__init__(message)
        self.frames = frames


@dataclass(frozen=True)
class Share:
    """What one process has to do, by itself."""

    frames: int
    seed: int
    place: Path


@dataclass(frozen=True)
class Outcome:
    """How a share went: how its frames ended, the seconds on the way; or what did not hold, and for what."""

    ended: Counter[str]
    way_s: float
    wrong: str = ""
    frames: tuple[bytes, ...] = ()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        sizes = [len(range(n, options.frames, options.processes)) for n in range(options.processes)]
        shares = [Share(size, options.seed + n, Path(place) / str(n)) for n, size in enumerate(sizes) if size]
        with ProcessPoolExecutor(options.processes) as pool:
            outcomes = list(pool.map(fuzz, shares))
    for share, outcome in zip(shares, outcomes, strict=True):
        if outcome.wrong:
            failed = Path(f"fuzz-failed-{share.seed}.bin")
            failed.write_bytes(b"\0\n".join(outcome.frames))
            print(f"{outcome.wrong}\nThe frames are in {failed}, a NUL and a newline between two.")
            return 1
    report(options.frames, outcomes, time.monotonic() - began)
    return 0


def fuzz(share: Share) -> Outcome:
    """Send a share of the frames the whole way."""
    ended: Counter[str] = Counter()
    way, way_s = Way(share.place), 0.0
    try:
        for frames in lots(share.frames, share.seed):
            since = time.monotonic()
            ended += way.take(frames)
            way_s += time.monotonic() - since
    except WrongError as wrong:
        return Outcome(ended, way_s, str(wrong), tuple(wrong.frames))
    finally:
        way.close()
    return Outcome(ended, way_s)


def lots(count: int, seed: int) -> Iterator[list[bytes]]:
    """The frames, in lots. The same seed gives the same frames."""
    chance = random.Random(seed)
    usual = [*simulated(seed), literal()]
    for start in range(0, count, LOTS):
        yield [
            changed(chance, usual) if chance.random() < CHANGED_SHARE else chance.choice(chance.choice(usual))
            for _ in range(min(LOTS, count - start))
        ]


class Way:
    """The real path, with a decoder of either kind that lives as long as it."""

    def __init__(self, directory: Path) -> None:
        self._writer = JournalWriter(directory, "fuzz", "0" * 32, "fuzz", flush_s=0.005)
        self._reader = JournalReader(directory)
        self._fast, self._plain = Decoder(), Decoder(fast=False)
        self._next_us = FIRST_US

    def take(self, frames: list[bytes]) -> Counter[str]:
        """Send frames the whole way; returns how they ended. Raises WrongError."""
        first_us = self._next_us
        for frame in frames:
            self._writer.append_frames(self._next_us * 1_000, CONNECTION, [frame])
            self._next_us += 1
            while self._writer.stats.buffered_bytes > HELD_BYTES:
                time.sleep(0.001)
        if not self._writer.wait_flushed(60.0):
            raise WrongError("the journal was not written within a minute", frames)
        ended: Counter[str] = Counter()
        taken = 0
        for piece in self._reader.read():
            if not isinstance(piece, Block):
                raise WrongError(f"the journal is damaged: {piece}", frames)
            own = lines_of(piece.data)
            part = frames[taken : taken + len(own)]
            taken += len(own)
            check_given_back(own, part)
            ended += self._decode(piece, part, first_us + taken - len(own))
        if taken != len(frames):
            raise WrongError(f"{len(frames)} frames went into the journal and {taken} came out", frames)
        return ended

    def _decode(self, block: Block, frames: list[bytes], first_us: int) -> Counter[str]:
        fast, plain = (each.decode(block.data, block.first_seq) for each in (self._fast, self._plain))
        try:
            same(fast, plain)
        except AssertionError as error:
            raise WrongError(f"the decoders disagree: {error}", frames) from error
        return endings(plain, frames, first_us)

    def close(self) -> None:
        self._writer.close()


def lines_of(data: bytes) -> list[bytes]:
    """The journal's lines that are frames; the others are its own."""
    head = b'{"t":%d' % (FIRST_US // 10**13)
    mark = b'"c":%d,' % CONNECTION
    return [line for line in data.split(b"\n") if line.startswith(head) and line[25:].startswith(mark)]


def check_given_back(lines: list[bytes], frames: list[bytes]) -> None:
    """Raises WrongError where a line does not hold its frame as it came."""
    for line, frame in zip(lines, frames, strict=False):
        content = line[line.index(b'"c":') + len(b'"c":%d,' % CONNECTION) :]
        if content == b'"f":%b}' % frame:
            continue
        fields = msgspec.json.decode(line)
        kept = fields["x"].encode() if "x" in fields else base64.b64decode(fields.get("b", ""))
        if kept != frame:
            raise WrongError("the journal does not give back what it was given", [frame, line])


def endings(decoded: Decoded, frames: list[bytes], first_us: int) -> Counter[str]:
    """How each frame ended. Raises WrongError where one ended as nothing, or more than the frames did."""
    ends: dict[int, list[str]] = {first_us + index: [] for index in range(len(frames))}
    for stream, table in TABLES.items():
        for us in set(getattr(decoded, table)["ts_recv"].cast("int64").to_pylist()):
            ends[us].append(f"rows of {table}, by {stream}")
    for name, rows in decoded.account.items():
        for us in set(rows["ts_recv"].cast("int64").to_pylist()):
            ends[us].append(f"rows of {name}")
    for record in decoded.records:
        if record.connection == CONNECTION:
            ends[record.t // 1_000].append(f"record: {record.kind}")
    for row in decoded.rejects.to_pylist():
        us = int(row["ts_recv"].timestamp() * 1_000_000 + 0.5)
        check_kept(row, frames[us - first_us])
        ends[us].append(f"rejected: {row['reason']}")
    counted: Counter[str] = Counter()
    for us, found in ends.items():
        frame = frames[us - first_us]
        if not found and not holds_nothing(frame):
            raise WrongError("a frame ended as nothing", [frame])
        if len(found) > 1 and not (len(found) == 2 and not PARTLY.isdisjoint(found)):
            raise WrongError(f"a frame ended as {found}", [frame])
        counted[" and ".join(sorted(found)) or "nothing: the push holds nothing"] += 1
    return counted


def check_kept(row: dict[str, Any], frame: bytes) -> None:
    """Raises WrongError where a reject has no reason, or not the frame as it came."""
    if row["frame"] not in (
        frame.decode(errors="backslashreplace"),
        f"base64:{base64.b64encode(frame).decode()}",
    ):
        raise WrongError(f"a reject does not hold its frame but {row['frame'][:200]!r}", [frame])
    if not row["reason"]:
        raise WrongError("a reject without a reason", [frame])


def holds_nothing(frame: bytes) -> bool:
    """Whether a frame is a push without a single thing in it."""
    message = msgspec.json.decode(frame)
    if message.get("method") not in {f"update.{stream}" for stream in (*TABLES, *PRIVATE_STREAMS)}:
        return False
    result = message["result"]
    return result in ({}, []) or (isinstance(result, dict) and result.get("data") == [])


def report(frames: int, outcomes: list[Outcome], whole_s: float) -> None:
    """Print how fast it went and how the frames ended."""
    ended = sum((outcome.ended for outcome in outcomes), Counter[str]())
    way_s = sum(outcome.way_s for outcome in outcomes)
    assert sum(ended.values()) == frames, "every frame is counted once"
    pace = f"{frames / way_s:,.0f} a second and core through the journal and both decoders"
    print(f"{frames:,} frames: {pace}, {whole_s:.0f} s with their making")
    kinds: Counter[str] = Counter()
    for end, count in ended.items():
        kinds[end.partition(" ")[0].rstrip(":")] += count
    print(", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common()))
    for end, count in ended.most_common(SHOWN):
        print(f"{count:>10,}  {end[:100]}")
    others = ended.most_common()[SHOWN:]
    if others:
        print(f"{sum(count for _, count in others):>10,}  in {len(others)} other ways")


if __name__ == "__main__":
    sys.exit(main())
