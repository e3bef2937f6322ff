"""Frames put where the product keeps them: a journal as a live recorder writes it, and its lake."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from corpus import Frame
from report import InvalidError

from recorder.journal.output import Origin, Rotation, SegmentOutput
from recorder.journal.record import batch_lines
from recorder.journal.writer import FLUSH_S, SEGMENT_BYTES, SEGMENT_S
from recorder.lake.days.merge import merge_files
from recorder.lake.publishing.publisher import Publisher
from recorder.lake.store.manifest import FileInfo, read_files
from recorder.lake.store.tables import TABLES

RECORDER: Final = "bench"
FAR_HOUR: Final = 10**7
"""An hour that is not over before: a merge makes one file of each finished hour."""


def write_journal(frames: Sequence[Frame], data_dir: Path, speed: float = 1.0) -> int:
    """Journal the frames in the flushes of a recorder that received them at their times; returns the bytes.

    `speed` makes the feed so many times faster: fuller flushes, less overhead. The journal's own clock is
    not waited for, so this takes the lines and the output of the journal without its threads.
    """
    directory = data_dir / "journal" / RECORDER
    directory.mkdir(parents=True)
    origin, rotation = Origin(RECORDER, "0" * 32, "bench"), Rotation(SEGMENT_S, SEGMENT_BYTES)
    output = SegmentOutput(directory, origin, rotation, 0, 1, None)
    for at_ns, flush in _flushes(frames, int(FLUSH_S * 1e9 * speed)):
        lines, records = batch_lines([(frame.t_ns, 0, [frame.payload], 0) for frame in flush])
        output.put(lines, records, at_ns)
    output.put(b"", 0, frames[-1].t_ns, last=True)
    output.close()
    return sum(path.stat().st_size for path in directory.iterdir())


def _flushes(frames: Sequence[Frame], every_ns: int) -> Iterator[tuple[int, list[Frame]]]:
    """Frames by the flush that would have taken them, with its time."""
    flush: list[Frame] = []
    due_ns = frames[0].t_ns + every_ns
    for frame in frames:
        if frame.t_ns >= due_ns:
            if flush:
                yield due_ns, flush
            flush = []
            due_ns += (frame.t_ns - due_ns) // every_ns * every_ns + every_ns
        flush.append(frame)
    yield due_ns, flush


def publish(data_dir: Path) -> dict[str, int]:
    """Read the journal to its end and commit it; returns rows gained by table."""
    gained: dict[str, int] = {}
    with Publisher(data_dir) as publisher:
        more = True
        while more:
            more = publisher.read()
            for table, rows in publisher.publish().items():
                gained[table] = gained.get(table, 0) + rows
    return gained


def check_rows(gained: dict[str, int], frames: Sequence[Frame]) -> None:
    """Raises InvalidError where the lake lacks a trade or a book, or refused anything."""
    wanted = {"trades": "trade", "depth": "depth"}
    for table, stream in wanted.items():
        sent = sum(frame.stream == stream for frame in frames)
        if gained.get(table) != sent:
            raise InvalidError(f"{table}: {gained.get(table)} rows of {sent} frames")
    if gained.get("rejects"):
        raise InvalidError(f"{gained['rejects']} frames were rejected")


def merged(data_dir: Path, target_dir: Path) -> dict[str, FileInfo]:
    """Each table that grows as the one file an hour becomes, written to `target_dir`."""
    files: dict[str, list[FileInfo]] = {}
    for file in read_files(data_dir) or []:
        if file.rows and TABLES[file.table].style == "append":
            files.setdefault(file.table, []).append(file)
    return {
        table: merge_files(data_dir / "lake", parts, target_dir / f"{table}.parquet", FAR_HOUR, lambda: False)
        for table, parts in files.items()
    }
