"""Where the lines, quotes and misleading bytes of a block stand."""

import pytest

from recorder.lake.decoding.block import STRIPE_BYTES, index_block

LINE = b'{"t":1,"c":0,"f":{"price":"12.5"}}\n'


def at_place(text, place):
    """Lines whose bytes from `place` on are `text`, inside a string of a line of its own."""
    head = LINE * ((place - 4 * len(LINE)) // len(LINE))
    start = b'{"x":"'
    return head + start + b"x" * (place - len(head) - len(start)) + text + b'"}\n' + LINE * 3


class TestStripes:
    """A block is looked at in stripes; what stands across the edge of two is found like all else."""

    @pytest.mark.parametrize("shift", range(-4, 3))
    @pytest.mark.parametrize("text", [b"1e5", b".E-", b"\\n", b"1+2", b"\x01", "é".encode()])
    def test_a_misleading_byte_at_an_edge_makes_its_line_wild(self, text, shift):
        data = at_place(text, STRIPE_BYTES + shift)
        block = index_block(data)
        wild = [block.line(index) for index in (~block.tame).nonzero()[0].tolist()]
        assert wild == [line + b"\n" for line in data.split(b"\n") if text in line]

    @pytest.mark.parametrize("text", [b"/e5", b"1ex", b"xe5", b"e5"])
    def test_what_only_looks_like_an_exponent_is_tame(self, text):
        assert index_block(at_place(b"x" + text, STRIPE_BYTES - 1)).tame.all()

    def test_every_line_has_its_quotes_and_its_newline(self):
        data = LINE * (2 * STRIPE_BYTES // len(LINE) + 5)
        block = index_block(data)
        assert block.marks.tolist() == [at for at, byte in enumerate(data) if byte in b'"\n']
        assert set(block.quotes.tolist()) == {LINE.count(b'"')}
        assert block.line(7) == LINE
