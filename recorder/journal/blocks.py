"""One zstd file, block by block, as far as it is whole.

A zstd frame is a header and a row of blocks, each with its length in front (RFC 8878, 3.1.1). Feeding the
decompressor exactly one block at a time tells what no stream reader tells: what came out before an error,
whether the file ends between two blocks or inside one, and where to look for the next frame after damage.
It also bounds the memory: a block gives at most 128 KiB.
"""

from pathlib import Path
from typing import Final

import zstandard

MAGIC: Final = b"\x28\xb5\x2f\xfd"
READ_BYTES: Final = 256 * 1024
_BLOCK_MAX_BYTES: Final = 128 * 1024
_RLE: Final = 1
_RESERVED: Final = 3


class BrokenError(Exception):
    """What stands here is no zstd; the text says what is wrong with it."""


class ZstdBlocks:
    """Walks a file that may still grow. `offset` is the file offset up to which blocks were given out."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        """`offset` is where a zstd frame begins."""
        self._path = path
        self._decompressor = zstandard.ZstdDecompressor()
        self._trailer_bytes = 0
        self.seek(offset)
        self.seeking = False

    def seek(self, offset: int) -> None:
        """Go on at the first frame that begins at `offset` or after it."""
        self._buffer = b""
        self._at = 0
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self.offset = offset
        self.frame_offset = offset
        self.seeking = True

    def next_block(self) -> bytes | None:
        """What the next block holds; None: no whole block is there (yet). Raises BrokenError."""
        if self.seeking and not self._find():
            return None
        if self._frame is None:
            self._frame = self._begin()
        if self._frame is None or not self._has(3):
            return None
        header = int.from_bytes(self._buffer[self._at : self._at + 3], "little")
        last, kind, size = header & 1, header >> 1 & 3, header >> 3
        if kind == _RESERVED or size > _BLOCK_MAX_BYTES:
            raise BrokenError("zstd block header")
        whole = 3 + (1 if kind == _RLE else size) + (self._trailer_bytes if last else 0)
        if not self._has(whole):
            return None
        data = self._feed(self._frame, whole)
        if last:
            self._frame = None
        return data

    def _begin(self) -> "zstandard.ZstdDecompressionObj | None":
        """Read a frame's header, once it is whole."""
        if not self._has(len(MAGIC) + 1):
            return None
        if not self._buffer.startswith(MAGIC, self._at):
            raise BrokenError("no zstd frame")
        descriptor = self._buffer[self._at + len(MAGIC)]
        single = descriptor >> 5 & 1
        size = 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + (single, 2, 4, 8)[descriptor >> 6]
        if not self._has(size):
            return None
        self._trailer_bytes = 4 if descriptor & 4 else 0
        self.frame_offset = self.offset
        frame = self._decompressor.decompressobj()
        self._feed(frame, size)
        return frame

    def _feed(self, frame: "zstandard.ZstdDecompressionObj", size: int) -> bytes:
        try:
            data = frame.decompress(self._buffer[self._at : self._at + size])
        except zstandard.ZstdError as error:
            raise BrokenError(f"zstd: {error}") from None
        self._at += size
        self.offset += size
        return data

    def _has(self, size: int) -> bool:
        """Read until `size` bytes are there; False where the file has no more.

        The file is opened for each read, which is rare, and so never left open by a reader that is dropped.
        """
        while len(self._buffer) - self._at < size:
            try:
                with self._path.open("rb", buffering=0) as file:
                    file.seek(self.offset + len(self._buffer) - self._at)
                    data = file.read(READ_BYTES)
            except FileNotFoundError:  # retired while it was read: what it had is out
                return False
            if not data:
                return False
            self._buffer = self._buffer[self._at :] + data
            self._at = 0
        return True

    def _find(self) -> bool:
        """Look for the next frame's magic; where there is none, keep the bytes that may begin one."""
        while self._has(len(MAGIC)):
            found = self._buffer.find(MAGIC, self._at)
            skipped = (found if found >= 0 else len(self._buffer) - len(MAGIC) + 1) - self._at
            self._at += skipped
            self.offset += skipped
            if found >= 0:
                self.seeking = False
                return True
        return False
