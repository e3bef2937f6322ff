"""Journal blocks into Arrow tables: many lines at once where their layout is known, one by one where not."""

import contextlib
from collections import Counter
from typing import Final

import numpy as np
import pyarrow as pa

from recorder.exchange.messages import Reply, parse
from recorder.exchange.topics import STREAMS, Stream
from recorder.lake.arrays import Bools
from recorder.lake.decoding.batch import read_batch
from recorder.lake.decoding.block import BLOCK_LIMIT_BYTES, Block, index_block
from recorder.lake.decoding.exemplar import Unlearnable
from recorder.lake.decoding.harvest import Decoded, Harvest, Record
from recorder.lake.decoding.layout import Layout
from recorder.lake.decoding.learning import learn, shortened
from recorder.lake.decoding.plain import read_line
from recorder.lake.store.columns import Batch, over

__all__ = ["Decoded", "Decoder", "Record"]

LAYOUTS_LIMIT: Final = 4
"""Layouts kept a stream; the one unused for longest makes room."""
LESSONS_LIMIT: Final = 8
"""Layouts tried to learn in one block."""
LOOKED_AT_LIMIT: Final = 512
"""Unread lines of a block looked through for one to learn from."""
FAILURES_LIMIT: Final = 4
"""So many valid lines of a shape (stream and count of quotes) that taught nothing, and it is let be ..."""
FORGIVEN_BLOCKS: Final = 64
"""... until after so many blocks it is given another chance."""
STRIDE: Final = 7919
"""Each block is searched from another place, so that no bad line is always the first one tried."""
FAST_FROM_BYTES: Final = 4096
"""What is smaller is read plainly before the arrays are set up."""


class Decoder:
    """Turns whole journal lines into tables. Both ways of reading give the same result.

    `fast` reads lines whose byte layout was learned from an earlier line all at once; layouts are kept
    from block to block, and change nothing but the speed. Not for several threads at a time.
    """

    def __init__(self, *, fast: bool = True) -> None:
        self._fast = fast
        self._layouts: dict[Stream, list[Layout]] = {stream: [] for stream in STREAMS}
        self._failures: Counter[tuple[Stream, int]] = Counter()
        self._blocks = 0

    def decode(self, data: bytes, first_seq: int) -> Decoded:
        """Decode record lines, each ended by a newline; line i has the sequence number first_seq + i.

        Never raises, whatever the lines hold: what cannot be read is in `rejects` with its reason.
        """
        harvest = Harvest()
        batches: dict[Stream, list[Batch]] = {stream: [] for stream in STREAMS}
        if self._fast and FAST_FROM_BYTES <= len(data) <= BLOCK_LIMIT_BYTES and data.endswith(b"\n"):
            self._decode_fast(index_block(data), first_seq, batches, harvest)
        else:
            for seq, line in enumerate(data.split(b"\n")[:-1], first_seq):
                read_line(line, seq, harvest)
        return Decoded(
            _merged("trade", batches["trade"], harvest),
            _merged("depth", batches["depth"], harvest),
            _merged("kline", batches["kline"], harvest),
            _merged("state", batches["state"], harvest),
            harvest.deal_table(),
            harvest.account_tables(),
            harvest.reject_table(),
            harvest.records,
            harvest.notices,
            harvest.frames,
        )

    def _decode_fast(
        self, block: Block, first_seq: int, batches: dict[Stream, list[Batch]], harvest: Harvest
    ) -> None:
        self._blocks += 1
        unread = block.tame.copy()
        for stream in STREAMS:
            for layout in sorted(self._layouts[stream], key=lambda layout: -layout.used):
                self._apply(block, layout, first_seq, unread, batches[stream])
        self._learn(block, first_seq, unread, batches)
        for found in batches.values():
            for batch in found:
                harvest.frames += len(batch.lines)
                harvest.notices.update(batch.notices)
        for index in np.flatnonzero(unread | ~block.tame).tolist():
            read_line(block.line(index)[:-1], first_seq + index, harvest)

    def _apply(
        self, block: Block, layout: Layout, first_seq: int, unread: Bools, batches: list[Batch]
    ) -> None:
        """Read what fits the layout of the lines not yet read."""
        batch = read_batch(block, layout, np.flatnonzero(unread), first_seq)
        if batch is not None:
            layout.used = self._blocks
            unread[batch.lines] = False
            batches.append(batch)

    def _learn(self, block: Block, first_seq: int, unread: Bools, batches: dict[Stream, list[Batch]]) -> None:
        """Learn from lines that no layout fitted, and read the others of their kind."""
        lessons, candidates = 0, np.flatnonzero(unread)
        candidates = np.roll(candidates, self._blocks * STRIDE)[:LOOKED_AT_LIMIT]
        for index in candidates.tolist():
            if lessons >= LESSONS_LIMIT:
                break
            line = block.line(index)
            stream = _stream(line)
            if not unread[index] or stream is None:
                continue
            shape = (stream, int(block.quotes[index]))
            if self._failures[shape] >= FAILURES_LIMIT:
                continue
            lessons += 1
            try:
                layout = learned(line, stream)
            except Unlearnable:
                self._failures[shape] += 1
                continue
            if layout is not None:
                self._keep(layout)
                self._apply(block, layout, first_seq, unread, batches[stream])
        if self._blocks % FORGIVEN_BLOCKS == 0:
            self._failures.clear()

    def _keep(self, layout: Layout) -> None:
        kept = self._layouts[layout.stream]
        if len(kept) >= LAYOUTS_LIMIT:
            kept.remove(min(kept, key=lambda layout: layout.used))
        layout.used = self._blocks
        kept.append(layout)


def learned(line: bytes, stream: Stream) -> Layout | None:
    """The layout of a line; None where the line is not one to learn from, being rejected.

    Raises Unlearnable where it is valid but has no layout by which it reads as the plain decoder reads it.
    """
    if stream == "state":  # 300 objects teach what two of them do, at a hundred times the cost
        with contextlib.suppress(Unlearnable):
            layout = _learned_from(shortened(line), stream)
            if layout is not None and _read_alone(line, layout) is not None:
                return layout
    return _learned_from(line, stream)


def _learned_from(line: bytes, stream: Stream) -> Layout | None:
    plain = Harvest()
    read_line(line[:-1], 0, plain)
    if not plain.rows[stream] or plain.rejects:
        return None
    message = parse(line[line.index(b',"f":') + 5 : -2])
    layout = learn(line, stream, () if isinstance(message, Reply) else message.notices)
    batch = _read_alone(line, layout)
    if batch is None or batch.notices != plain.notices or not batch.table.equals(plain.table(stream)):
        raise Unlearnable("does not read as the plain decoder reads it")
    return layout


def _read_alone(line: bytes, layout: Layout) -> Batch | None:
    block = index_block(line)
    return read_batch(block, layout, np.flatnonzero(block.tame), 0)


def _stream(line: bytes) -> Stream | None:
    for stream in STREAMS:
        if b'"update.%b"' % stream.encode() in line[:4096]:
            return stream
    return None


def _merged(stream: Stream, batches: list[Batch], harvest: Harvest) -> pa.Table:
    """The rows of all batches and of the plain decoder, in journal order."""
    tables = [batch.table for batch in batches]
    if harvest.rows[stream] or not tables:
        tables.append(harvest.table(stream))
    if len(tables) == 1:
        return tables[0]
    table = pa.concat_tables(tables).combine_chunks()
    return table.take(over(np.argsort(table["seq"].to_numpy(), kind="stable"), pa.int64()))
