"""Counts on equal fills from page to page.

The venue gives a fill no id. Within one answer equal ones are counted (`place`); where a page ends among
equal ones, the next page of the same question goes on counting. A question's bounds lie in the past, so that
nothing moves from page to page.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from recorder.exchange.endpoints import ORDER_DEALS
from recorder.lake.decoding.harvest import Record
from recorder.lake.store.account_tables import ACCOUNT_FILLS

DIGEST_BYTES: Final = 16
Same: TypeAlias = tuple[str, int, int, Decimal, Decimal]
"""Market, order, time in us, price and quantity: what equal fills have in common."""


class LastPage(msgspec.Struct, frozen=True):
    """The last page that was read: its question, its number, and how often which fills of its end came."""

    question: list[tuple[str, str]]
    page: int
    end: list[tuple[str, int]]
    """Fills by their digests: the manifest is read by all who read the lake, an account's tables are not."""


class Fills:
    """Remembers the page before; `last` is what the next process must know."""

    def __init__(self, last: LastPage | None = None) -> None:
        self.last = last

    def counted(self, rows: pa.Table, records: Iterable[Record]) -> pa.Table:
        """The fills of a block with their places; `records` are those of the block."""
        pages = [_counted_of(record) for record in records if record.fields.get("call") == ORDER_DEALS.name]
        by_seq = {seq: (question, page) for seq, question, page in pages}
        parts = []
        for seq in dict.fromkeys(rows["seq"].to_pylist()):
            question, page = by_seq[seq]
            parts.append(self._page(rows.filter(pc.equal(rows["seq"], seq)), question, page))
        return pa.concat_tables(parts)

    def _page(self, rows: pa.Table, question: list[tuple[str, str]], page: int) -> pa.Table:
        last = self.last
        goes_on = last is not None and last.question == question and last.page + 1 == page
        before = Counter(dict(last.end)) if goes_on and last is not None else Counter[str]()
        names = ("market", "order_id", "ts_event", "price", "quantity")
        times = rows["ts_event"].cast(pa.int64()).to_pylist()
        columns = [times if name == "ts_event" else rows[name].to_pylist() for name in names]
        same = [_digest(each) for each in zip(*columns, strict=True)]
        places = [place + before[each] for each, place in zip(same, rows["place"].to_pylist(), strict=True)]
        at_end = zip(times, same, places, strict=True)
        end = {each: place for time_us, each, place in at_end if time_us == times[-1]}
        self.last = LastPage(question, page, list(end.items()))
        at = ACCOUNT_FILLS.schema.get_field_index("place")
        return rows.set_column(at, ACCOUNT_FILLS.schema.field(at), pa.array(places, pa.int64()))


def _digest(same: Same) -> str:
    return hashlib.blake2b(repr(same).encode(), digest_size=DIGEST_BYTES).hexdigest()


def _counted_of(record: Record) -> tuple[int, list[tuple[str, str]], int]:
    """The seq of an answer, what was asked but for the page and its size, and which page: later pages may be
    asked to be as long as the first one came."""
    params = record.fields.get("params")
    asked = {str(name): str(value) for name, value in params.items()} if isinstance(params, dict) else {}
    page = asked.pop("page", "")
    asked.pop("page_size", None)
    return record.seq, sorted(asked.items()), int(page) if page.isdecimal() and len(page) < 10 else 0
